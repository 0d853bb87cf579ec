# cmake -DINPUT=FILE -DOUTPUT=FILE -P embed.cmake: assembly with the text of INPUT as kubernetes_schema (verifier/objects/schema.cpp).
file(WRITE ${OUTPUT}
  ".section .rodata\n"
  ".global kubernetes_schema, kubernetes_schema_end\n"
  "kubernetes_schema:\n.incbin \"${INPUT}\"\nkubernetes_schema_end:\n"
  ".section .note.GNU-stack,\"\",%progbits\n")
