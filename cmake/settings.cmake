# Two interface targets that every library of ours links privately, and no third-party code does.
option(DRILL_WERROR "Warnings are errors" OFF)
set(DRILL_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(DRILL_MUTANTS "Build with the points of core/mutation.hpp, for scripts/mutants" OFF)
option(DRILL_FUZZ "Build the fuzz targets; needs clang" OFF)

add_library(standard_settings INTERFACE)
target_include_directories(standard_settings INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(standard_settings INTERFACE DRILL_VERSION="${PROJECT_VERSION}")
if(DRILL_MUTANTS)
  target_compile_definitions(standard_settings INTERFACE DRILL_MUTANTS)
endif()
if(DRILL_SANITIZE)
  target_compile_options(standard_settings INTERFACE -fsanitize=${DRILL_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer -O1 -g1)  # half the time of -O2 -g to compile
  target_link_options(standard_settings INTERFACE -fsanitize=${DRILL_SANITIZE})
  if(DRILL_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(standard_settings INTERFACE -Wno-tsan)  # Boost.Asio's fences, which it does not follow
  endif()
endif()
if(DRILL_FUZZ)  # the rooms report which of their branches an input takes; only a target has libFuzzer's main
  target_compile_options(standard_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Tests are many and large, and linked often: Debian's fastest linker, where it is there.
find_program(MOLD mold)
if(MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_link_options(standard_settings INTERFACE -fuse-ld=mold)
endif()

add_library(standard_warnings INTERFACE)
target_compile_options(standard_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                       -Wnon-virtual-dtor -Woverloaded-virtual)
if(DRILL_WERROR)
  target_compile_options(standard_warnings INTERFACE -Werror)
endif()

# room(FOLDER SOURCES ... LINKS ... DOORS ...): one library per folder. LINKS are the folders whose headers it may
# include, DOORS the third-party libraries that stay inside its .cpp files. tests/tidy reads LINKS, too.
function(room folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;DOORS" ${ARGN})
  string(REPLACE / _ name ${folder})
  list(TRANSFORM ARG_LINKS REPLACE / _)
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINKS} PRIVATE standard_settings standard_warnings ${ARG_DOORS})
endfunction()
