// Frames that nobody's compressor makes.
#include "store/zstd.hpp"

#include <sys/resource.h>

#include <string>

#include "core/error.hpp"
#include "tests/catch.hpp"

namespace {

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// One block of `size` times the same byte, in a frame with a window of 2^`window_log`. Source: RFC 8878, 3.1.1.
std::string frame(unsigned window_log, unsigned size) {
  const unsigned header = size << 3U | 1U << 1U | 1U;
  std::string bytes("\x28\xb5\x2f\xfd\x00", 5);
  bytes += static_cast<char>((window_log - 10) << 3U);
  for (const unsigned shift : {0U, 8U, 16U}) bytes += static_cast<char>(header >> shift & 0xffU);
  return bytes + 'x';
}

}  // namespace

TEST_CASE("a frame with a window of 2 GiB is unpacked without taking them") {
  std::string content(1000, '\0');
  const std::uint64_t before = peak_memory_bytes();
  store::Decompressor decompressor({}, content);
  decompressor.feed(frame(31, 1000));
  decompressor.finish();
  CHECK(content == std::string(1000, 'x'));
  CHECK(peak_memory_bytes() - before < (8U << 20U));
}

TEST_CASE("a frame that holds more than announced is damaged, and writes no further") {
  std::string content(2000, '\0');
  store::Decompressor decompressor({}, std::span(content).first(1000));
  CHECK_THROWS_AS(decompressor.feed(frame(20, 1500)), core::Error);
  CHECK(content.substr(1000) == std::string(1000, '\0'));
}
