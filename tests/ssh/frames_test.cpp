// The stream of a pull, sound and absurd, and the words for what a node says.
#include "ssh/frames.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "puller/remote_script.hpp"
#include "ssh/node_problem.hpp"
#include "tests/catch.hpp"

namespace {

// Gives `text` in pieces of `piece_bytes`.
std::function<std::size_t(char*, std::size_t)> from(std::string text, std::size_t piece_bytes = 7) {
  return [text = std::move(text), piece_bytes](char* buffer, std::size_t size_bytes) mutable {
    const std::size_t size = std::min({size_bytes, piece_bytes, text.size()});
    std::copy_n(text.data(), size, buffer);
    text.erase(0, size);
    return size;
  };
}

core::ErrorKind kind_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return error.kind();
  }
  FAIL("no error");
  return core::ErrorKind::usage;
}

const std::string kHash = core::sha256_hex("hello\n");
void ignore(std::string_view) {}

}  // namespace

TEST_CASE("the hello is found behind what a login shell prints") {
  ssh::FrameReader frames(from("Welcome!\nk3s-drill 12\nk3s-drill 1\nfact arch x86_64\n"));
  REQUIRE(frames.find_hello());
  const ssh::Line line = frames.line();
  CHECK(line.word == "fact");
  CHECK(line.rest == "arch x86_64");
}

TEST_CASE("the hello is found behind what does not end with its line, and behind a lot of it") {
  const std::size_t piece_bytes = GENERATE(1U, 7U, 4096U);
  std::string noise = "no newline at the end";
  if (piece_bytes > 1) noise.insert(0, 300'000, 'x');
  ssh::FrameReader frames(from(noise + "k3s-drill 1\nend\n", piece_bytes));
  REQUIRE(frames.find_hello());
  CHECK(frames.line().word == "end");
}

TEST_CASE("a stream without a hello is none, and noise without end is told") {
  CHECK_FALSE(ssh::FrameReader(from("")).find_hello());
  CHECK_FALSE(ssh::FrameReader(from("k3s-drill 1")).find_hello());
  std::size_t given = 0;
  const auto endless = [&](char* buffer, std::size_t size_bytes) {
    std::fill_n(buffer, size_bytes, 'y');
    given += size_bytes;
    return size_bytes;
  };
  CHECK_THROWS_WITH(ssh::FrameReader(endless).find_hello(), Catch::Contains("start files"));
  CHECK(given < 5U << 20U);
}

TEST_CASE("signs of life are no lines") {
  ssh::FrameReader frames(from("alive\nalive\nend\n"));
  CHECK(frames.line().word == "end");
  CHECK(kind_of([&] { frames.line(); }) == core::ErrorKind::unreachable);
}

TEST_CASE("a line without end is refused") {
  ssh::FrameReader frames(from(std::string(10000, 'x'), 1000));
  CHECK(kind_of([&] { frames.line(); }) == core::ErrorKind::storage);
}

TEST_CASE("an item is handed on byte for byte and the next line follows") {
  ssh::FrameReader frames(from("item token 6 " + kHash + "\nhello\nend\n"));
  const ssh::Item item = ssh::parse_item(frames.line().rest);
  std::string body;
  frames.body(item, [&](std::string_view block) { body += block; });
  CHECK(body == "hello\n");
  CHECK(frames.line().word == "end");
}

TEST_CASE("an empty item is an item") {
  ssh::FrameReader frames(from("end\n"));
  frames.body({"config.yaml", 0, core::sha256_hex("")}, ignore);
  CHECK(frames.line().word == "end");
}

TEST_CASE("an item that ends early is unreachable, and says how far it came") {
  ssh::FrameReader frames(from("hel"));
  try {
    frames.body({"state.db", 6, kHash}, ignore);
    FAIL("no error");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::unreachable);
    CHECK(std::string(error.what()) == "state.db: the stream ended early, after 3 of 6 bytes");
  }
}

TEST_CASE("an item of another hash is refused") {
  ssh::FrameReader frames(from("hullo\n"));
  CHECK(kind_of([&] { frames.body({"state.db", 6, kHash}, ignore); }) == core::ErrorKind::storage);
}

TEST_CASE("an item of an absurd size allocates nothing and ends with the stream") {
  ssh::FrameReader frames(from("hello\n"));
  const ssh::Item item = ssh::parse_item("state.db 18446744073709551615 " + kHash);
  CHECK(kind_of([&] { frames.body(item, ignore); }) == core::ErrorKind::unreachable);
}

TEST_CASE("item lines that are none are refused") {
  const auto line =
      GENERATE_REF(as<std::string>{}, "", "state.db", "state.db 5", "state.db  " + kHash, "state.db -1 " + kHash,
                   "state.db 5x " + kHash, "state.db 99999999999999999999999 " + kHash, "state.db 5 abc",
                   "state.db 5 " + kHash + "0", "../token 5 " + kHash, "manifest.json 5 " + kHash,
                   "config.yaml.d- 5 " + kHash, "config.yaml.d-../x 5 " + kHash, " 5 " + kHash);
  CAPTURE(line);
  CHECK(kind_of([&] { ssh::parse_item(line); }) == core::ErrorKind::storage);
}

TEST_CASE("a problem the node names becomes one line without control characters") {
  const auto problem = GENERATE(as<std::string>{}, "etcd /x", "external mysql /x", "agent_only /x", "no_database /x",
                                "no_token /x", "no_sqlite3", "no_tool mktemp", "no_space 1 2 /x", "copy_failed",
                                "copy_failed \x1b[2J", "new thing", "");
  const std::string text = ssh::node_problem(problem, "me", "host").what();
  CAPTURE(text);
  CHECK(text.starts_with("host: "));
  CHECK(std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }));
}

TEST_CASE("paths are quoted for the node's shell") {
  puller::Target target;
  target.data_dir = "/srv/it's $HOME";
  CHECK(puller::remote_script(target, puller::RequestKind::pull).find("data_dir='/srv/it'\\''s $HOME'\n") == 0);
}
