// The store's unpacking: a frame, or a patch on an image, into exactly the room that the manifest promises.
// The first byte says what is promised: its lowest bit a reference, the others the size.
#include "store/zstd.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string image = [] {
    std::string made;
    for (unsigned i = 0; made.size() < 16384; ++i) made += "page " + std::to_string(i * i) + " of an earlier image\n";
    return made;
  }();
  std::string_view input = fuzz::text(data, size);
  if (input.empty()) return 0;
  const auto promised = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  store::announced_size(input);
  std::vector<char> content(std::size_t{promised} >> 1U << 8U);
  fuzz::may_be_damaged([&] {
    store::Decompressor decompressor((promised & 1U) != 0 ? std::string_view(image) : std::string_view(), content);
    while (!input.empty()) {
      const std::string_view block = input.substr(0, 1 + input.size() / 2);
      decompressor.feed(block);
      input.remove_prefix(block.size());
    }
    decompressor.finish();
  });
  return 0;
}
