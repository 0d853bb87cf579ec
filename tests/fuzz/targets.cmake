# Each reader of a stranger's bytes: tests/fuzz/TARGET.cpp and its seeds, corpus/TARGET.
set(fuzz_targets bundle cbor database frames json kubeconfig manifest object printable protobuf sealed told token zstd)
