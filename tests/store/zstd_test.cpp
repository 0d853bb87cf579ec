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

TEST_CASE(
    "a frame of ten gigabytes of zeros in 320 kB is damaged where it says less, and takes no memory for the rest") {
  constexpr std::uint64_t block_bytes = 128U << 10U;
  constexpr std::uint64_t blocks = 10'000'000'000 / block_bytes;
  std::string bomb("\x28\xb5\x2f\xfd\x00\x38", 6);  // a window of 128 KiB
  const auto header = static_cast<unsigned>(block_bytes << 3U | 1U << 1U);
  for (std::uint64_t block = 0; block < blocks; ++block) {
    for (const unsigned shift : {0U, 8U, 16U}) bomb += static_cast<char>(header >> shift & 0xffU);
    bomb += '\0';
  }
  std::string content(std::size_t{1} << 20U, 'x');
  const std::uint64_t before = peak_memory_bytes();
  store::Decompressor decompressor({}, content);
  CHECK_THROWS_AS(decompressor.feed(bomb), core::Error);
  CHECK(peak_memory_bytes() - before < (8U << 20U));
}
