# Each reader of a stranger's bytes: tests/fuzz/TARGET.cpp and its seeds, corpus/TARGET.
set(fuzz_targets bundle cbor database json manifest object protobuf sealed token zstd)
