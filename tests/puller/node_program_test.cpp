// The real drill-node through pipes: what it refuses, what it leaves alone, and how it ends.
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "core/error.hpp"
#include "puller/page_hash.hpp"
#include "tests/catch.hpp"
#include "tests/puller/node_process.hpp"

using Catch::Matchers::StartsWith;
using node_process::Connection;
using node_process::DataDir;
using node_process::Program;
using node_process::Told;
using puller::ImageBuilder;

namespace {

const std::string kHello = std::string(ssh::kHello) + "\n";

bool has_line(const std::string& stream, const std::string& word) {
  return ("\n" + stream).find("\n" + word) != std::string::npos;
}

struct Ended {
  std::string said;
  Program::End end;
};

// Says `text` and nothing more.
Ended run(const DataDir& data, const std::string& text) {
  Program program(node_process::command(data));
  program.say(text);
  program.close_stdin();
  Ended ended;
  ended.said = program.read_all();
  ended.end = program.wait();
  return ended;
}

// Every file below `directory`, with what would show that it was written to or replaced.
std::map<std::string, std::string> files_of(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat file {};
    ::stat(entry.path().c_str(), &file);
    std::string& state = files[std::filesystem::relative(entry.path(), directory)] =
        fmt::format("inode {} mode {:o}", file.st_ino, file.st_mode);
    // Readers write their locks and a rebuilt index into -shm.
    if (entry.is_regular_file() && !entry.path().string().ends_with("-shm"))
      state += fmt::format(" modified {}.{} ", file.st_mtim.tv_sec, file.st_mtim.tv_nsec) +
               core::hash_file(entry.path()).sha256;
  }
  return files;
}

struct Pulled {
  Told told;
  Program::End end;
  core::ScratchDir here;
  std::filesystem::path image = here.path() / "state.db";
};

std::unique_ptr<Pulled> pull(const DataDir& data) {
  auto pulled = std::make_unique<Pulled>();
  ImageBuilder builder(pulled->image);
  Program program(node_process::command(data));
  program.say(node_process::request(builder.request()));
  pulled->told = node_process::converse(program, builder);
  pulled->end = program.wait();
  return pulled;
}

std::string rows_of(const std::filesystem::path& image) {
  const Connection connection(image);
  CHECK(connection.run("PRAGMA integrity_check") == "ok");
  return connection.run("SELECT count(*) FROM kine");
}

// A base of which nothing is true.
std::string foreign_base(std::uint32_t page_count) {
  const std::string hashes(puller::group_count(page_count) * puller::kShortHashBytes, 'x');
  return fmt::format("base 4096 {} 7 {}\n", page_count, hashes.size()) + hashes;
}

}  // namespace

TEST_CASE("other arguments than a pull's are told how it is used") {
  const auto arguments =
      GENERATE(as<std::vector<std::string>>{}, std::vector<std::string>{}, std::vector<std::string>{"pull"},
               std::vector<std::string>{"pull", "/a"}, std::vector<std::string>{"push", "/a", "/b"},
               std::vector<std::string>{"pull", "a", "/b"}, std::vector<std::string>{"pull", "/a", "../b"},
               std::vector<std::string>{"pull", "/a\nitem", "/b"}, std::vector<std::string>{"pull", "/a", ""},
               std::vector<std::string>{"pull", "/a", "/b", "/c"});
  std::vector<std::string> argv = arguments;
  argv.insert(argv.begin(), node_process::program());
  Program program(argv);
  CHECK(program.read_all().empty());
  const Program::End end = program.wait();
  CHECK(end.status == 2);
  CHECK_THAT(end.error_output, StartsWith("usage: drill-node pull"));
}

TEST_CASE("what is no request ends with a problem and nothing of the database") {
  DataDir data;
  data.fill(10, 500);
  const auto text = GENERATE_COPY(
      as<std::string>{}, "", "k3s-drill 2\n", kHello, kHello + "request pull\n", kHello + "request steal\ngo\n",
      kHello + "dance\ngo\n", kHello + "\ngo\n", kHello + "read_transaction_seconds 4294967296\ngo\n",
      kHello + "read_transaction_seconds -1\ngo\n", kHello + "read_transaction_seconds\ngo\n",
      kHello + "wal_growth_bytes 99999999999999999999\ngo\n", kHello + "spool_bytes 0x10\ngo\n", kHello + "base\ngo\n",
      kHello + "base 4096 2 7 4\nabcdgo\n", kHello + "base 4096 2 7 3\nab",
      kHello + "base 4096 4294967296 7 3\nabcgo\n", kHello + "base 4096 4294967295 7 805306368\n",
      std::string(100000, 'x'), kHello + std::string(100000, 'x') + "\n", std::string(100000, '\n') + kHello);
  CAPTURE(text.substr(0, 100));
  const Ended ended = run(data, text);
  CHECK(ended.end.status == 3);
  CHECK_THAT(ended.end.error_output, StartsWith("problem bad_request "));
  CHECK(has_line(ended.said, "problem bad_request "));
  for (const std::string word : {"item", "copying", "image", "block", "end"}) CHECK_FALSE(has_line(ended.said, word));
}

TEST_CASE("numbers as large as they can be are limits like others") {
  DataDir data;
  data.fill(3000, 500);
  const Connection k3s(data.database());  // so that there is a WAL
  k3s.run("PRAGMA journal_mode = WAL; UPDATE kine SET name = name WHERE id = 1");
  const Ended ended = run(data, node_process::request({}, {UINT32_MAX, UINT64_MAX, UINT64_MAX}));
  CHECK(ended.end.status == 0);
  CHECK(has_line(ended.said, "end"));
}

TEST_CASE("answers that do not fit end with a problem and no image") {
  DataDir data;
  data.fill(100, 2000);
  const auto answer = GENERATE(as<std::string>{}, "", "hashes\n", "hashes 0\n", "hashes 1\nx", "go\n",
                               "hashes 18446744073709551615\n", "hashes 48\nxx");
  CAPTURE(answer);
  Program program(node_process::command(data));
  program.say(node_process::request(foreign_base(16)));
  program.listen_for("differing");
  program.say(answer);
  program.close_stdin();
  const std::string said = program.read_all();
  CHECK(program.wait().status == 3);
  CHECK(has_line(said, "problem bad_request "));
  CHECK_FALSE(has_line(said, "image"));
}

TEST_CASE("a controller that gives no hashes gets the pages whole, and the transaction ends") {
  DataDir data;
  data.fill(100, 2000);
  Program program(node_process::command(data));
  program.say(node_process::request(foreign_base(16)));
  program.listen_for("differing");
  const std::string said = program.read_all();
  CHECK(program.wait().status == 0);
  CHECK(has_line(said, "image"));
  CHECK(has_line(said, "end"));
}

TEST_CASE("a database in use comes with what is in its WAL, and its files stay as they are") {
  DataDir data;
  data.fill(100, 2000);
  const Connection k3s(data.database());
  k3s.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  k3s.run("INSERT INTO kine(name, value) SELECT name, randomblob(3000) FROM kine");
  const auto before = files_of(data.path());
  const auto pulled = pull(data);
  CHECK(files_of(data.path()) == before);
  CHECK(rows_of(pulled->image) == "200");
}

TEST_CASE("a database whose k3s was killed comes with what is in its WAL, and its files stay as they are") {
  DataDir data;
  DataDir living;
  living.fill(100, 2000);
  const Connection k3s(living.database());
  k3s.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  k3s.run("INSERT INTO kine(name, value) SELECT name, randomblob(3000) FROM kine");
  for (const std::string suffix : {"", "-wal", "-shm"})
    std::filesystem::copy_file(living.database().string() + suffix, data.database().string() + suffix);
  const auto before = files_of(data.path());
  const auto pulled = pull(data);
  CHECK(files_of(data.path()) == before);
  CHECK(rows_of(pulled->image) == "200");
}

TEST_CASE("a copy of a database with a WAL and without -shm gets no more than the -shm that every reader makes") {
  DataDir data;
  DataDir living;
  living.fill(100, 2000);
  const Connection k3s(living.database());
  k3s.run("PRAGMA journal_mode = WAL; UPDATE kine SET value = randomblob(1000)");
  for (const std::string suffix : {"", "-wal"})
    std::filesystem::copy_file(living.database().string() + suffix, data.database().string() + suffix);
  const auto before = files_of(data.path());
  CHECK(rows_of(pull(data)->image) == "100");
  auto after = files_of(data.path());
  CHECK(after.erase("server/db/state.db-shm") == 1);
  CHECK(after == before);
}

TEST_CASE("a database whose k3s was stopped cleanly is pulled, and nothing is made beside it") {
  DataDir data;
  data.run("PRAGMA journal_mode = WAL");
  data.fill(100, 2000);
  const auto before = files_of(data.path());
  const auto pulled = pull(data);
  CHECK(files_of(data.path()) == before);
  CHECK(pulled->told.image->sha256 == core::hash_file(data.database()).sha256);
}

TEST_CASE("a controller that goes away ends the program at once, whatever it is doing") {
  DataDir data;
  data.fill(20000, 1000);
  const std::string at = GENERATE(as<std::string>{}, "", "fact", "copying", "differing", "image");
  CAPTURE(at);
  Program program(node_process::command(data));
  if (!at.empty()) program.say(node_process::request(at == "differing" ? foreign_base(16) : std::string()));
  if (!at.empty()) program.listen_for(at);
  program.hang_up();
  const Program::End end = program.wait(std::chrono::seconds(5));
  CHECK(end.status >= 3);
  CHECK(end.status <= 4);
}

TEST_CASE("a controller that goes away while the database is locked ends the program at once") {
  DataDir data;
  data.fill(10, 500);
  const Connection locked(data.database());
  locked.run("BEGIN EXCLUSIVE");
  std::ofstream(data.database().string() + "-wal").flush();  // as if k3s were running
  Program program(node_process::command(data));
  program.say(node_process::request());
  program.listen_for("copying");
  program.hang_up();
  CHECK(program.wait(std::chrono::seconds(5)).status == 4);
}

TEST_CASE("the program for arm64 says the same as the one for amd64") {
  const std::filesystem::path qemu = "/usr/bin/qemu-aarch64-static";
  if (!std::filesystem::exists(qemu) || !std::filesystem::exists(node_process::program("aarch64"))) {
    WARN("test skipped: no qemu-aarch64-static, or no drill-node for arm64");
    return;
  }
  DataDir data;
  data.fill(300, 2000);
  const auto without_facts = [&](std::vector<std::string> argv) {
    const std::vector<std::string> arguments = node_process::command(data);
    argv.insert(argv.end(), arguments.begin() + 1, arguments.end());
    Program program(argv);
    program.say(node_process::request());
    std::string said = program.read_all();
    CHECK(program.wait().status == 0);
    for (std::size_t fact = 0; (fact = said.find("fact ")) != std::string::npos;)
      said.erase(fact, said.find('\n', fact) - fact);
    return said;
  };
  const std::string native = without_facts({node_process::program()});
  CHECK(native == without_facts({qemu, node_process::program("aarch64")}));
  CHECK(has_line(native, "end"));
}

TEST_CASE("of a gathering too long to be heard to its end, only whole lines are passed on") {
  const DataDir data;
  const std::filesystem::path parts = data.path() / "config.yaml.d";
  std::filesystem::create_directory(parts);
  std::string path = (parts / "x").string();
  int cut = 0;
  for (int round = 0; round < 4; ++round, path += "x") {  // each name moves the place where it is cut off
    std::filesystem::remove_all(parts);
    std::filesystem::create_directory(parts);
    for (int i = 0; i < 6; ++i)
      std::ofstream(fmt::format("{}{}.yaml", path, i))
          << std::string(900'000 + 7 * static_cast<std::size_t>(round), '#');
    Program program({node_process::program(), "pull", data.path(), data.path() / "config.yaml"});
    program.say(node_process::request());
    program.close_stdin();
    const std::string said = program.read_all();
    program.wait();
    if (!has_line(said, "fact told whole")) ++cut;
    std::istringstream lines(said.substr(0, said.find("\nitem ")));
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("fact told text ")) REQUIRE((line.size() - std::string("fact told text ").size()) % 4 == 0);
  }
  CHECK(cut == 4);
}
