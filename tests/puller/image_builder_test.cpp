// Images made from a base and what drill-node sends of its own: bit for bit, and refused when the node lies.
#include "puller/image_builder.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "puller/page_hash.hpp"
#include "store/zstd.hpp"
#include "tests/catch.hpp"
#include "tests/puller/node_process.hpp"

using Catch::Matchers::Contains;
using node_process::Told;
using puller::ImageBuilder;

namespace {

// A node and what was pulled from it last.
struct Pair {
  node_process::DataDir node;
  core::ScratchDir here;
  std::filesystem::path image = here.path() / "state.db";
  std::uint32_t page_count = 0;
  std::uint32_t pages_changed = 0;

  Told pull() {
    ImageBuilder builder(image);
    node_process::Program program(node_process::command(node));
    program.say(node_process::request(builder.request()));
    Told told = node_process::converse(program, builder);
    CHECK(program.wait().status == 0);
    page_count = builder.page_count();
    pages_changed = builder.pages_changed();
    return told;
  }
  bool same() const { return core::read_file(image) == core::read_file(node.database()); }
};

constexpr std::uint32_t kPage = 4096;
constexpr unsigned kAll = 0xffff;

std::string record(unsigned distance, unsigned parts, std::string_view content) {
  const auto byte = [](unsigned value) { return static_cast<char>(value); };
  return std::string{byte(distance), byte(parts & 0xffU), byte(parts >> 8U)} + std::string(content);
}

std::string packed(const std::string& records) {
  std::string frame;
  store::Compressor compressor(records.size(), {}, [&](std::string_view block) { frame += block; });
  compressor.feed(records);
  compressor.finish();
  return frame;
}

// The beginning of a frame that nobody's compressor makes. Source: RFC 8878, 3.1.1.
std::string frame_header(unsigned window_log) {
  return std::string("\x28\xb5\x2f\xfd\x00", 5) + static_cast<char>((window_log - 10) << 3U);
}
std::string repeated_byte_block(unsigned size, char byte) {
  const unsigned header = size << 3U | 1U << 1U;
  return {static_cast<char>(header & 0xffU), static_cast<char>(header >> 8U & 0xffU), static_cast<char>(header >> 16U),
          byte};
}

// Two pages of a base, and an image in which the second is another.
struct Lie {
  core::ScratchDir here;
  std::filesystem::path path = here.path() / "state.db";
  std::string base = header() + std::string(2 * kPage - 100, 'a');
  std::string expected = base.substr(0, kPage) + std::string(kPage, 'b');
  std::string second_page = record(2, kAll, expected.substr(kPage));
  std::string announcement = fmt::format("{} 2 {}", kPage, core::sha256_hex(expected));

  Lie() { core::write_new_file(path, base); }

  static std::string header() {
    std::string bytes(100, '\0');
    bytes[16] = kPage >> 8U;
    return bytes;
  }

  // What it says, or "Mismatch".
  std::string refusal(const std::function<void(ImageBuilder&)>& work) const {
    ImageBuilder builder(path);
    try {
      work(builder);
    } catch (const ImageBuilder::Mismatch&) {
      return "Mismatch";
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::storage);
      return error.what();
    }
    return "nothing was refused";
  }
  std::string refusal_of(const std::string& stream) const {
    return refusal([&](ImageBuilder& builder) {
      builder.begin(announcement);
      builder.feed(stream);
      builder.finish();
    });
  }
};

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

TEST_CASE_METHOD(Pair, "the first pull brings the whole database, with token and configuration") {
  node.fill(300, 2000);
  const Told told = pull();
  CHECK(same());
  CHECK(pages_changed == page_count);
  CHECK(told.image->sha256 == core::hash_file(node.database()).sha256);
  CHECK(told.files.at("token") == "K10abc::server:secret\n");
  CHECK(told.files.contains("config.yaml"));
}

TEST_CASE_METHOD(Pair, "an unchanged database sends no page") {
  node.fill(300, 2000);
  pull();
  pull();
  CHECK(same());
  CHECK(pages_changed == 0);
}

TEST_CASE_METHOD(Pair, "one changed row sends a few pages and gives the node's image") {
  node.fill(300, 2000);
  pull();
  node.run("UPDATE kine SET value = randomblob(2000) WHERE id = 77");
  pull();
  CHECK(same());
  CHECK(pages_changed > 0);
  CHECK(pages_changed < 6);
}

TEST_CASE_METHOD(Pair, "a database that has grown gives the node's image") {
  node.fill(300, 2000);
  pull();
  node.fill(500, 3000);
  pull();
  CHECK(same());
  CHECK(pages_changed < page_count);
}

TEST_CASE_METHOD(Pair, "a database that VACUUM has made smaller gives the node's image") {
  node.fill(600, 2000);
  pull();
  node.run("DELETE FROM kine WHERE id % 3 > 0; VACUUM");
  const std::uint32_t before = page_count;
  pull();
  CHECK(same());
  CHECK(page_count < before / 2);
}

TEST_CASE_METHOD(Pair, "a database whose page size has changed since the base gives the node's image") {
  node.fill(300, 2000);
  pull();
  const int page_size = GENERATE(512, 1024, 8192, 65536);
  node.run(fmt::format("PRAGMA page_size = {}; VACUUM", page_size));
  pull();
  CHECK(same());
  CHECK(pages_changed == page_count);
}

TEST_CASE_METHOD(Pair, "pages of every size are compared and sent") {
  node.run(fmt::format("PRAGMA page_size = {}", GENERATE(512, 65536)));
  node.fill(400, 3000);
  pull();
  CHECK(same());
  node.run("UPDATE kine SET value = randomblob(3000) WHERE id % 50 = 7");
  pull();
  CHECK(same());
  CHECK(pages_changed < page_count);
}

TEST_CASE_METHOD(Pair, "a database of one page is pulled, first and again") {
  node.run("PRAGMA user_version = 1");
  pull();
  CHECK(page_count == 1);
  CHECK(same());
  node.run("PRAGMA user_version = 2");
  pull();
  CHECK(same());
  CHECK(pages_changed == 1);
}

TEST_CASE_METHOD(Pair, "a base that is no database is pulled over") {
  node.fill(10, 500);
  core::write_new_file(image, std::string(10000, 'x'));
  pull();
  CHECK(same());
}

TEST_CASE_METHOD(Lie, "what a node says truly is believed") {
  ImageBuilder builder(path);
  builder.begin(announcement);
  builder.feed(packed(second_page));
  CHECK(builder.finish().sha256 == core::sha256_hex(expected));
  CHECK(core::read_file(path) == expected);
}

TEST_CASE_METHOD(Lie, "an impossible image is refused and the base stays as it was") {
  const std::string hash = core::sha256_hex("");
  const auto lie = GENERATE_COPY(as<std::string>{}, "", "4096", "4096 2", "0 2 " + hash, "256 2 " + hash,
                                 "4097 2 " + hash, "131072 2 " + hash, "4096 0 " + hash, "4096 4294967295 " + hash,
                                 "65536 4294967295 " + hash, "4096 4294967296 " + hash, "4096 -1 " + hash,
                                 "4096 99999999999999999999 " + hash, "4096 2 " + hash + "0", "4096 2 " + hash + " ");
  CAPTURE(lie);
  CHECK(refusal([&](ImageBuilder& builder) { builder.begin(lie); }) != "nothing was refused");
  CHECK(core::read_file(path) == base);
}

TEST_CASE_METHOD(Lie, "a page out of place is refused") {
  const std::string page(kPage, 'b');
  CHECK_THAT(refusal_of(packed(record(3, kAll, page))), Contains("a page number out of place"));
  CHECK_THAT(refusal_of(packed(second_page + record(1, kAll, page))), Contains("a page number out of place"));
  CHECK_THAT(refusal_of(packed("\xff\xff\xff\xff\xff\x7f")), Contains("a page number too large"));
  CHECK_THAT(refusal_of(packed("\xff\xff\xff\xff\x7f")), Contains("a page number out of place"));
}

TEST_CASE_METHOD(Lie, "page numbers begin again once and not twice") {
  const std::string again(1, '\0');
  CHECK(refusal_of(packed(second_page + again)) == "nothing was refused");
  CHECK_THAT(refusal_of(packed(again + second_page + again)), Contains("page numbers without end"));
}

TEST_CASE_METHOD(Lie, "a stream that ends early is refused wherever it ends") {
  const std::string whole = packed(second_page);
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_THAT(refusal_of(whole.substr(0, size)), Contains("they end early"));
  for (std::size_t size = 1; size < second_page.size(); size += 511)
    CHECK_THAT(refusal_of(packed(second_page.substr(0, size))), Contains("its last page is cut off"));
}

TEST_CASE_METHOD(Lie, "bytes behind the end of the stream are refused") {
  const std::string whole = packed(second_page);
  CHECK_THAT(refusal_of(whole + "x"), Contains("they go on after their end"));
  CHECK_THAT(refusal_of(whole + whole), Contains("they go on after their end"));
  CHECK_THAT(refusal_of("no zstd at all"), Contains("cannot be unpacked"));
}

TEST_CASE_METHOD(Lie, "an image with another hash than announced is a mismatch") {
  CHECK(refusal_of(packed(record(2, kAll, std::string(kPage, 'c')))) == "Mismatch");
  CHECK(refusal_of(packed("")) == "Mismatch");
}

TEST_CASE_METHOD(Lie, "an image whose new pages do not come is refused before it is hashed") {
  const std::string size = fmt::format("{} 30000 ", 65536);
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.begin(size + core::sha256_hex(""));
               builder.feed(packed(record(1, 0, "")));
               builder.finish();
             }),
             Contains("pages are missing"));
}

TEST_CASE_METHOD(Lie, "what comes out of order is refused") {
  CHECK_THAT(refusal([](ImageBuilder& builder) { builder.feed("x"); }), Contains("pages of no image"));
  CHECK_THAT(refusal([](ImageBuilder& builder) { builder.finish(); }), Contains("it has no state.db"));
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.begin(announcement);
               builder.begin(announcement);
             }),
             Contains("two images"));
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.begin(announcement);
               builder.page_hashes("\x01", 2);
             }),
             Contains("out of place"));
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.page_hashes("\x01", 2);
               builder.page_hashes("\x01", 2);
             }),
             Contains("out of place"));
  CHECK_THAT(refusal([&](ImageBuilder& builder) { builder.part_hashes("\x01"); }), Contains("out of place"));
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.page_hashes("\x01", 2);
               builder.part_hashes("\x03");
               builder.part_hashes("\x03");
             }),
             Contains("out of place"));
}

TEST_CASE_METHOD(Lie, "sets of another size than the image are refused") {
  const auto differing = [](std::string_view bits, std::uint64_t page_count) {
    return [=](ImageBuilder& builder) { builder.page_hashes(bits, page_count); };
  };
  for (const std::string_view bits : {"", "\x01\x01"})
    CHECK_THAT(refusal(differing(bits, 2)), Contains("a set of groups of another size"));
  CHECK_THAT(refusal(differing("\x01", UINT64_MAX)), Contains("a set of groups of another size"));
  CHECK_THAT(refusal([](ImageBuilder& builder) {
               builder.page_hashes("\x01", 2);
               builder.part_hashes("");
             }),
             Contains("a set of pages of another size"));
}

TEST_CASE_METHOD(Lie, "a window of gibibytes is refused and nothing is allocated for it") {
  const std::uint64_t before = peak_memory_bytes();
  for (unsigned log = 23; log <= 41; ++log)
    CHECK_THAT(refusal_of(frame_header(log) + repeated_byte_block(1000, 'x')), Contains("cannot be unpacked"));
  CHECK(peak_memory_bytes() - before < (16U << 20U));
}

TEST_CASE_METHOD(Lie, "a decompression bomb ends with the announced image") {
  std::string bomb = frame_header(20);
  for (int i = 0; i < 10000; ++i) bomb += repeated_byte_block(128U << 10U, '\x01');
  const std::uint64_t before = peak_memory_bytes();
  CHECK_THAT(refusal_of(bomb), Contains("a page number out of place"));
  CHECK(peak_memory_bytes() - before < (16U << 20U));
  CHECK(std::filesystem::file_size(path) == 2 * kPage);
}

TEST_CASE_METHOD(Lie, "a stream that goes on without saying anything is refused") {
  const std::string nothing(3U << 10U, '\0');  // blocks of no bytes
  CHECK_THAT(refusal([&](ImageBuilder& builder) {
               builder.begin(announcement);
               builder.feed(frame_header(20));
               for (int i = 0; i < 10000; ++i) builder.feed(nothing);
             }),
             Contains("pages without end"));
}

TEST_CASE("hashes of groups tell which pages another salt's collision has hidden") {
  const std::string page(512, 'x');
  std::string hashes[2];
  for (const std::uint64_t salt : {1U, 2U}) {
    puller::GroupHasher groups(salt);
    for (std::uint32_t i = 0; i <= puller::kGroupPages; ++i) groups.add(page);
    hashes[salt - 1] = groups.finish();
    CHECK(hashes[salt - 1].size() == 2 * puller::kShortHashBytes);
  }
  CHECK(puller::short_hash_at(hashes[0], 0) != puller::short_hash_at(hashes[1], 0));
  CHECK(puller::short_hash_at(hashes[0], 0) != puller::short_hash_at(hashes[0], 1));
}

TEST_CASE("groups, parts and sets of numbers have their edges where they belong") {
  CHECK(puller::group_count(0) == 0);
  CHECK(puller::group_count(16) == 1);
  CHECK(puller::group_count(17) == 2);
  CHECK(puller::group_count(UINT32_MAX) == 268435456);
  CHECK(puller::page_part("0123456789abcdef", 15) == "f");
  std::string bits = puller::empty_bits(9);
  puller::set_bit(bits, 8);
  CHECK(bits == std::string("\0\x01", 2));
  CHECK(puller::has_bit(bits, 8));
  CHECK_FALSE(puller::has_bit(bits, 16));
}
