# drill-node for each architecture that can be compiled for here, packed into the drill: programs.S and programs.cpp.
include(ExternalProject)

set(cache $ENV{XDG_CACHE_HOME})
if(NOT cache)
  set(cache $ENV{HOME}/.cache)
endif()
set(DRILL_NODE_KIT ${cache}/k3s-drill/node-kit-1 CACHE PATH "What scripts/setup fetched for drill-node")
if(NOT EXISTS ${DRILL_NODE_KIT}/sqlite3.c)
  message(FATAL_ERROR "${DRILL_NODE_KIT} is not there: run scripts/setup first")
endif()

set(DRILL_NODE_PROGRAMS)
function(node_program architecture)
  string(REPLACE ";" "|" launcher "${CMAKE_CXX_COMPILER_LAUNCHER}")
  ExternalProject_Add(drill-node-${architecture}
    SOURCE_DIR ${PROJECT_SOURCE_DIR}/puller/node
    BINARY_DIR ${PROJECT_BINARY_DIR}/node-${architecture}
    PREFIX ${PROJECT_BINARY_DIR}/node-${architecture}/external
    LIST_SEPARATOR |
    CMAKE_ARGS -DCMAKE_BUILD_TYPE=MinSizeRel -DKIT=${DRILL_NODE_KIT} -DVERSION=${PROJECT_VERSION}
               -DCMAKE_C_COMPILER_LAUNCHER=${launcher} -DCMAKE_CXX_COMPILER_LAUNCHER=${launcher} ${ARGN}
    BUILD_ALWAYS ON INSTALL_COMMAND "" BUILD_BYPRODUCTS <BINARY_DIR>/drill-node)
  set(DRILL_NODE_PROGRAMS ${DRILL_NODE_PROGRAMS} ${architecture}=${PROJECT_BINARY_DIR}/node-${architecture}/drill-node PARENT_SCOPE)
  set(DRILL_NODE_BINARIES ${DRILL_NODE_BINARIES} ${PROJECT_BINARY_DIR}/node-${architecture}/drill-node PARENT_SCOPE)
endfunction()

get_filename_component(libraries ${ZSTD_LINK_LIBRARIES} DIRECTORY)
node_program(${CMAKE_HOST_SYSTEM_PROCESSOR} -DLIBRARY_DIR=${libraries})
find_program(AARCH64_CXX aarch64-linux-gnu-g++)
if(AARCH64_CXX AND NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL aarch64)
  set(arm64 ${DRILL_NODE_KIT}/arm64/usr)
  node_program(aarch64
    -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64
    -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=${AARCH64_CXX}
    -DLIBRARY_DIR=${arm64}/lib/aarch64-linux-gnu -DLIBRARY_INCLUDES=${arm64}/include|${arm64}/include/aarch64-linux-gnu)
else()
  message(WARNING "no aarch64-linux-gnu-g++: nodes on arm64 will be pulled with their own sqlite3")
endif()

string(REPLACE ";" "|" programs "${DRILL_NODE_PROGRAMS}")
add_custom_command(
  OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/programs.S ${CMAKE_CURRENT_BINARY_DIR}/programs.cpp
  COMMAND ${CMAKE_COMMAND} "-DPROGRAMS=${programs}" -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR} -P ${CMAKE_CURRENT_SOURCE_DIR}/embed.cmake
  DEPENDS ${DRILL_NODE_BINARIES} ${CMAKE_CURRENT_SOURCE_DIR}/embed.cmake
  VERBATIM)
set(DRILL_NODE_SOURCES ${CMAKE_CURRENT_BINARY_DIR}/programs.S ${CMAKE_CURRENT_BINARY_DIR}/programs.cpp)
