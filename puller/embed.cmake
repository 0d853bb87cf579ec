# cmake -DPROGRAMS=ARCH=PATH|... -DOUTPUT=DIR -P embed.cmake: writes DIR/programs.S with each program as base64 of its gzip, and
# DIR/programs.cpp with the table of them (puller/programs.hpp).
string(REPLACE "|" ";" programs "${PROGRAMS}")
set(assembly ".section .rodata\n")
set(declarations)
set(table)
foreach(program ${programs})
  string(REGEX MATCH "^([^=]+)=(.*)$" ignored ${program})
  set(architecture ${CMAKE_MATCH_1})
  set(path ${CMAKE_MATCH_2})
  set(packed ${OUTPUT}/drill-node-${architecture}.gz.base64)
  execute_process(COMMAND gzip -9nc ${path} COMMAND base64 OUTPUT_FILE ${packed} COMMAND_ERROR_IS_FATAL ANY)
  file(SHA256 ${path} hash)
  string(APPEND assembly
    ".global drill_node_${architecture}, drill_node_${architecture}_end\n"
    "drill_node_${architecture}:\n.incbin \"${packed}\"\ndrill_node_${architecture}_end:\n")
  string(APPEND declarations "extern const char drill_node_${architecture}[];\nextern const char drill_node_${architecture}_end[];\n")
  string(APPEND table "    {\"${architecture}\", \"${hash}\", {drill_node_${architecture}, drill_node_${architecture}_end}},\n")
endforeach()
string(APPEND assembly ".section .note.GNU-stack,\"\",%progbits\n")
file(WRITE ${OUTPUT}/programs.S "${assembly}")
file(WRITE ${OUTPUT}/programs.cpp "#include \"puller/programs.hpp\"\n\nextern \"C\" {\n${declarations}}\n\nnamespace puller {\n\n"
  "const std::vector<NodeProgram>& node_programs() {\n  static const std::vector<NodeProgram> programs = {\n${table}  };\n  return programs;\n}\n\n}  // namespace puller\n")
