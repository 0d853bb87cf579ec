// open_sealed: the bootstrap row as it is stored. What opens is authentic, so nearly nothing does.
#include "tests/fuzz/fuzz.hpp"
#include "verifier/keys/bundle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  fuzz::may_be_damaged([&] {
    const auto opened = verifier::open_sealed(input, "5f3c1b7e9a2d4c6850e1f2a3b4c5d6e7");
    fuzz::demand(!opened || opened->view().size() <= input.size(), "what is opened is no longer than what was sealed");
  });
  return 0;
}
