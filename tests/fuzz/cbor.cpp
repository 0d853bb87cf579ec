// walk_cbor: events come in an order that a tree has.
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/tree_grammar.hpp"
#include "verifier/objects/tree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::may_be_damaged([&] {
    fuzz::TreeGrammar grammar;
    verifier::walk_cbor(fuzz::text(data, size), grammar);
    grammar.finish();
  });
  return 0;
}
