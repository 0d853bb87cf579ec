// The real drill-node with much to read and little to send it through: memory, limits, and how long it reads.
#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <array>

#include "core/cancel.hpp"
#include "puller/page_hash.hpp"
#include "tests/catch.hpp"
#include "tests/puller/node_process.hpp"
#include "tests/sanitized.hpp"

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using node_process::Connection;
using node_process::DataDir;
using node_process::Program;
using node_process::Told;
using puller::ImageBuilder;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kMemoryBytes = 48U << 20U;

// One row of zeros after the other, as fast as a disk takes it.
void fill_with_zeros(const DataDir& data, int page_size, int mebibytes) {
  data.run(
      fmt::format("PRAGMA page_size = {}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                  "CREATE TABLE kine(id INTEGER PRIMARY KEY, name TEXT, value BLOB);"
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
                  "INSERT INTO kine(name, value) SELECT i, zeroblob(1048576) FROM n",
                  page_size, mebibytes));
}

void keeps_small(const Told& told, const Program::End& end) {
  CHECK(end.status == 0);
  CHECK(std::stoull(told.facts.at("peak_memory_bytes")) < kMemoryBytes);
  if (!kSanitized) CHECK(end.peak_memory_bytes < kMemoryBytes);  // it counts the test itself, of before the exec
}

bool checkpoint_passes(const Connection& k3s) { return k3s.run("PRAGMA wal_checkpoint(TRUNCATE)") == "0"; }

// What k3s has written and not yet checkpointed: noise, which nothing makes smaller.
struct Running {
  DataDir data;
  Connection k3s{data.database()};

  explicit Running(int rows) {
    k3s.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = 0");
    k3s.run(node_process::rows_of_noise(rows, 4000));
  }
};

// The files without a name that `program` has open.
std::vector<struct stat> nameless_files(const Program& program) {
  std::vector<struct stat> files;
  for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", program.pid()))) {
    struct stat file {};
    if (::stat(entry.path().c_str(), &file) == 0 && S_ISREG(file.st_mode) && file.st_nlink == 0) files.push_back(file);
  }
  return files;
}

double processor_seconds(const Program& program) {
  clockid_t clock{};
  timespec used{};
  REQUIRE(::clock_getcpuclockid(program.pid(), &clock) == 0);
  REQUIRE(::clock_gettime(clock, &used) == 0);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// A link of 1 Mbit/s: takes, fifty times a second, what it would have passed since it began.
class SlowLink {
 public:
  explicit SlowLink(const Program& program) : program_(program) {}
  void pass() {
    constexpr std::uint64_t bytes_per_second = 125'000;
    core::pause_for(std::chrono::milliseconds(20));
    const std::chrono::duration<double> since = Clock::now() - began_;
    const auto allowed = static_cast<std::uint64_t>(since.count() * bytes_per_second);
    std::array<char, 16384> buffer;
    passed_ += program_.read(buffer.data(), std::min<std::uint64_t>(buffer.size(), allowed - passed_));
  }
  std::uint64_t passed_bytes() const { return passed_; }

 private:
  const Program& program_;
  Clock::time_point began_ = Clock::now();
  std::uint64_t passed_ = 0;
};

}  // namespace

TEST_CASE("a database of 1.2 GB comes whole through less than 48 MiB") {
  DataDir data;
  fill_with_zeros(data, 4096, 1180);
  const core::ScratchDir here;
  ImageBuilder builder(here.path() / "state.db");
  Program program(node_process::command(data));
  program.say(node_process::request());
  const Told told = node_process::converse(program, builder);
  keeps_small(told, program.wait());
  CHECK(told.image->size_bytes > 1'200'000'000);
  CHECK(told.image->sha256 == core::hash_file(data.database()).sha256);
}

TEST_CASE("a base of which everything differs takes less than 48 MiB to compare with") {
  DataDir data;
  fill_with_zeros(data, 512, 300);  // small pages: as many as 2.4 GB have of the usual size
  const core::ScratchDir here;
  const std::filesystem::path image = here.path() / "state.db";
  DataDir other;
  other.run("PRAGMA page_size = 512; PRAGMA user_version = 1");
  // Of so many short hashes two are alike now and then; a pull then compares once more, with another salt.
  const auto compared = [&] {
    std::filesystem::copy_file(other.database(), image, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(image, std::filesystem::file_size(data.database()));
    ImageBuilder builder(image);
    Program program(node_process::command(data));
    program.say(node_process::request(builder.request()));
    try {
      const Told told = node_process::converse(program, builder);
      keeps_small(told, program.wait());
      CHECK(told.image->sha256 == core::hash_file(data.database()).sha256);
      return true;
    } catch (const ImageBuilder::Mismatch&) {
      return false;
    }
  };
  CHECK((compared() || compared() || compared()));
}

TEST_CASE("a WAL of 130 MB comes with every row") {
  Running node(33000);
  REQUIRE(std::filesystem::file_size(node.data.database().string() + "-wal") > 130'000'000);
  const core::ScratchDir here;
  const std::filesystem::path image = here.path() / "state.db";
  ImageBuilder builder(image);
  Program program(node_process::command(node.data));
  program.say(node_process::request());
  const Told told = node_process::converse(program, builder);
  keeps_small(told, program.wait());
  CHECK(told.facts.at("wal_growth_bytes") == "0");
  const Connection connection(image);
  CHECK(connection.run("SELECT count(*) FROM kine") == "33000");
  CHECK(connection.run("PRAGMA quick_check") == "ok");
}

TEST_CASE("a transaction longer than its limit ends the pull and lets go of the WAL") {
  Running node(1000);
  node_process::Limits limits;
  limits.read_transaction_seconds = 0;
  Program program(node_process::command(node.data));
  program.say(node_process::request({}, limits));
  CHECK_THAT(program.read_all(), Contains("\nproblem limit read_transaction 0\n"));
  CHECK(program.wait().status == 3);
  CHECK(checkpoint_passes(node.k3s));
}

TEST_CASE("a WAL that grows more than its limit ends the pull and lets go of the WAL") {
  Running node(1000);
  node_process::Limits limits;
  limits.wal_growth_bytes = 100'000;
  const core::ScratchDir here;
  ImageBuilder builder(here.path() / "state.db");
  const std::string hashes(puller::group_count(2000) * puller::kShortHashBytes, 'x');
  Program program(node_process::command(node.data));
  program.say(node_process::request(fmt::format("base 4096 2000 7 {}\n", hashes.size()) + hashes, limits));
  const std::string differing = program.listen_for("differing");
  node.k3s.run("INSERT INTO kine(name, value) VALUES('/registry/grown', randomblob(200000))");
  const std::string answer(std::stoull(differing) * puller::kShortHashBytes, 'y');
  program.say(fmt::format("hashes {}\n{}", answer.size(), answer));
  CHECK_THAT(program.read_all(), StartsWith("problem limit wal_growth 100000\n"));
  CHECK(program.wait().status == 3);
  CHECK(checkpoint_passes(node.k3s));
}

TEST_CASE("a spool that is full ends the pull, and says so where the link does not") {
  Running node(4000);
  node_process::Limits limits;
  limits.spool_bytes = 1'000'000;
  Program program(node_process::command(node.data));
  program.say(node_process::request({}, limits));
  const Program::End end = program.wait();
  CHECK(end.status == 3);
  CHECK(end.error_output == "problem spool_full 1000000\n");
  CHECK(checkpoint_passes(node.k3s));
}

// drill-node gives way to all else on the node: its seconds are counted as its own.
TEST_CASE("a link of 1 Mbit/s, which takes 2 minutes, holds the WAL for less than 2 seconds of drill-node's time") {
  Running node(4000);
  Program program(node_process::command(node.data));
  program.say(node_process::request());
  const Clock::time_point began = Clock::now();
  SlowLink link(program);
  while (!checkpoint_passes(node.k3s) || nameless_files(program).empty()) {
    link.pass();
    REQUIRE(Clock::now() - began < std::chrono::seconds(10));
  }
  CHECK(processor_seconds(program) < 2);
  CHECK(link.passed_bytes() < 1'250'000);
  program.hang_up();
  CHECK(program.wait(std::chrono::seconds(5)).status == 4);
}

TEST_CASE("what waits for the link has no name and is for its owner alone") {
  Running node(4000);
  Program program(node_process::command(node.data));
  program.say(node_process::request());
  while (nameless_files(program).empty()) core::pause_for(std::chrono::milliseconds(20));
  const std::vector<struct stat> files = nameless_files(program);
  REQUIRE(files.size() == 1);
  CHECK((files.front().st_mode & 0777U) == 0600);
  CHECK(files.front().st_uid == ::getuid());
}

TEST_CASE("what the link has taken takes no room in the spool any more") {
  Running node(6000);
  Program program(node_process::command(node.data));
  program.say(node_process::request());
  const auto room = [&] {
    const std::vector<struct stat> files = nameless_files(program);
    return files.empty() ? 0 : static_cast<std::uint64_t>(files.front().st_blocks) * 512;
  };
  // Until all of it is there: 24 MB, of which 4 MiB stay in memory.
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while ((!checkpoint_passes(node.k3s) || room() < (18U << 20U)) && Clock::now() < deadline)
    core::pause_for(std::chrono::milliseconds(20));
  const std::uint64_t before = room();
  std::string taken(12U << 20U, '\0');
  for (std::size_t at = 0; at < taken.size();) at += program.read(taken.data() + at, taken.size() - at);
  CHECK(room() + (6U << 20U) < before);
}
