// Sizes as nobody means them: they end in a finding, and not in memory or on the disk.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bounded.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/objects/object.hpp"

namespace {

using namespace std::string_literals;

std::string varint(std::uint64_t number) {
  std::string bytes;
  for (; number > 0x7f; number >>= 7U) bytes += static_cast<char>(0x80U | (number & 0x7fU));
  return bytes + static_cast<char>(number);
}

// The refusal of `value`, made in a child so that its memory can be told.
std::string refusal(const std::function<std::string()>& value) {
  const Bounded outcome = bounded([&] {
    try {
      verifier::decode_object(value());
      return "taken"s;
    } catch (const core::Error& error) {
      return std::string(core::to_string(error.kind())) + ": " + error.what();
    }
  });
  INFO(outcome.said);
  CHECK(outcome.ended);
  CHECK(outcome.peak_bytes < peak_allowed());
  CHECK(outcome.duration < std::chrono::seconds(20));
  return outcome.said;
}

}  // namespace

TEST_CASE("Lengths and numbers of items that a value cannot hold are refused unread") {
  const std::string envelope = "k8s\0"s;
  CHECK(contains(refusal([&] { return envelope + "\x12" + varint(std::uint64_t{2} << 30U) + "x"; }), "damaged: "));
  CHECK(contains(refusal([&] { return envelope + "\x12" + varint(~std::uint64_t{0}) + "x"; }), "damaged: "));
  CHECK(contains(refusal([&] { return envelope + "\x12" + std::string(10, '\xff') + "\x01x"; }), "damaged: "));
  CHECK(contains(refusal([&] { return envelope + std::string(11, '\xff') + "\x01"; }), "damaged: "));
  for (const char* head : {"\x9b", "\xbb", "\x5b", "\x7b", "\xdb"})
    for (const char* count :
         {"\x7f\xff\xff\xff\xff\xff\xff\xff", "\x80\x80\x80\x80\x80\x80\x80\x80", "\xff\xff\xff\xff\xff\xff\xff\xff"})
      CHECK(contains(refusal([&] { return "\xd9\xd9\xf7"s + head + count + "x"; }), "damaged: "));
}

TEST_CASE("A hundred megabytes of opened brackets end in a refusal") {
  CHECK(contains(refusal([] { return "{\"a\":" + std::string(100'000'000, '['); }), "nested deeper"));
  CHECK(contains(refusal([] { return "\xd9\xd9\xf7" + std::string(100'000'000, '\x81'); }), "nested deeper"));
  CHECK(contains(refusal([] { return "\xd9\xd9\xf7" + std::string(100'000'000, '\xc1'); }), "damaged: "));
  CHECK(contains(refusal([] { return "k8s\0"s + std::string(100'000'000, '\x0a'); }), "damaged: "));
}

TEST_CASE("A value of 64 MiB is read, and one byte more is a finding") {
  const VerifyFixture fixture;
  fixture.make();
  // The limit is one of the whole cell in its row, so that this one is a little below it.
  const auto [size_bytes, verdict] = GENERATE(table<int, std::string>(
      {{(64 << 20) - 100, "is neither protobuf"}, {(64 << 20) + 1, "the rows cannot be read beyond"}}));
  fixture.exec(fmt::format(
      "INSERT INTO kine VALUES (500, '/registry/pods/default/p', 1, 0, 0, 0, 0, zeroblob({}), NULL)", size_bytes));
  const Bounded outcome = bounded([&] { return told(fixture.verify()); });
  INFO(outcome.said);
  CHECK(outcome.ended);
  CHECK(outcome.peak_bytes < peak_allowed());
  CHECK(contains(outcome.said, "decode fail"));
  CHECK(contains(outcome.said, verdict));
}

TEST_CASE("Ten gigabytes of zeros are no database, and two behind a sound header are a damaged one") {
  const VerifyFixture fixture;
  fixture.make();
  const bool with_header = GENERATE(false, true);
  if (!with_header) fixture.replace("");
  std::filesystem::resize_file(fixture.path(), with_header ? 2'000'003'072 : 10'000'003'072);
  const Bounded outcome = bounded([&] { return told(fixture.verify("a-token")); }, std::chrono::seconds(200));
  INFO(outcome.said);
  CHECK(outcome.ended);
  CHECK(outcome.peak_bytes < peak_allowed());
  CHECK(contains(outcome.said, with_header ? "the file holds 488282" : "file fail"));
}

TEST_CASE("A header that counts more pages than there are ends in findings") {
  const VerifyFixture fixture;
  fixture.make();
  const std::string counter = fixture.bytes().substr(24, 4);
  fixture.overwrite(28, "\xff\xff\xff\xfe");
  fixture.overwrite(92, counter);
  const Bounded outcome = bounded([&] { return told(fixture.verify("a-token")); });
  INFO(outcome.said.substr(0, 4000));
  CHECK(outcome.ended);
  CHECK(outcome.peak_bytes < peak_allowed());
  CHECK(contains(outcome.said, "file fail"));
}
