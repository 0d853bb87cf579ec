// FrameReader: the stream of a pull, read as a pull reads it.
#include "ssh/frames.hpp"

#include <algorithm>
#include <cstring>

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text(data, size);
  ssh::FrameReader frames([&](char* buffer, std::size_t room) {
    const std::size_t got = std::min({room, input.size(), std::size_t{1000}});
    std::memcpy(buffer, input.data(), got);
    input.remove_prefix(got);
    return got;
  });
  try {
    if (!frames.find_hello()) return 0;
    while (true) {
      const ssh::Line line = frames.line();
      fuzz::demand(line.word.find(' ') == std::string::npos, "a word has no space");
      if (line.word == "end") return 0;
      if (line.word == "item") {
        const ssh::Item item = ssh::parse_item(line.rest);
        fuzz::demand(item.name.find('/') == std::string::npos, "an item's name is plain");
        std::uint64_t received = 0;
        frames.body(item, [&](std::string_view block) { received += block.size(); });
        fuzz::demand(received == item.size_bytes, "what comes is what was announced");
      } else if (line.word == "block") {
        frames.bytes(ssh::parse_number(line.rest, "a block's size"), [](std::string_view) {});
      }
    }
  } catch (const core::Error& error) {
    fuzz::demand(error.kind() == core::ErrorKind::storage || error.kind() == core::ErrorKind::unreachable,
                 "a stream that is none is a storage error, and one that ends is unreachable");
    fuzz::demand(std::strchr(error.what(), '\n') == nullptr, "a refusal is one line");
  }
  return 0;
}
