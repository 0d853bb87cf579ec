// The real drill-node, a thousand times in a row, beside a writer that never pauses.
#include <atomic>
#include <thread>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/puller/node_process.hpp"
#include "tests/sanitized.hpp"

namespace {

using node_process::Connection;
using node_process::DataDir;
using node_process::Program;

constexpr int kPulls = 1000;

// Writes as kine does: a row for each revision, old ones compacted, the WAL checkpointed on the way.
class RestlessWriter {
 public:
  explicit RestlessWriter(const std::filesystem::path& database) : thread_([this, database] { work(database); }) {}
  ~RestlessWriter() {
    stop_ = true;
    thread_.join();
  }

 private:
  void work(const std::filesystem::path& database) const {
    const Connection k3s(database);
    k3s.run("PRAGMA busy_timeout = 30000; PRAGMA synchronous = OFF");
    for (int i = 0; !stop_; ++i) {
      k3s.run("INSERT INTO kine(name, value) VALUES('/registry/x', randomblob(2000))");
      if (i % 50 == 0) k3s.run("DELETE FROM kine WHERE id < (SELECT max(id) - 400 FROM kine)");
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::int64_t number(const Connection& image, const std::string& sql) { return std::stoll(image.run(sql)); }

}  // namespace

TEST_CASE(
    "a thousand pulls in a row beside a writer without pause bring one sound state each, none older than the last") {
  if (kSanitized) {
    WARN("test skipped: drill-node itself is not built with sanitizers, and a thousand pulls take minutes");
    return;
  }
  const DataDir data;
  data.run("PRAGMA journal_mode = WAL");
  data.fill(400, 2000);
  const Connection keeps_the_wal(data.database());
  keeps_the_wal.run("SELECT count(*) FROM kine");
  const RestlessWriter writer(data.database());
  const core::ScratchDir scratch;
  const std::filesystem::path image_file = scratch.path() / "image.db";
  std::int64_t newest = 0;
  int collisions = 0;
  for (int pull = 0; pull < kPulls; ++pull) {
    puller::ImageBuilder image(image_file);
    Program node(node_process::command(data));
    node.say(node_process::request(image.request()));
    try {
      const node_process::Told told = node_process::converse(node, image);
      REQUIRE(told.problem.empty());
      REQUIRE(told.image);
    } catch (const puller::ImageBuilder::Mismatch&) {
      ++collisions;
      std::filesystem::remove(image_file);
      continue;
    }
    const std::filesystem::path copy = scratch.path() / "copy.db";
    core::copy_file(image_file, copy);
    {
      const Connection sound(copy);
      REQUIRE(sound.run("PRAGMA integrity_check") == "ok");
      // No revision is missing between the oldest that was kept and the newest.
      REQUIRE(number(sound, "SELECT max(id) - min(id) + 1 - count(*) FROM kine") == 0);
      const std::int64_t revision = number(sound, "SELECT max(id) FROM kine");
      REQUIRE(revision >= newest);
      newest = revision;
    }
    std::filesystem::remove(copy);
  }
  CHECK(newest > kPulls);
  CHECK(collisions <= 10);  // about 1 in 1,500 is to be expected of short hashes; each is seen and pulled again
  WARN(kPulls << " pulls up to revision " << newest << ", " << collisions << " seen collisions");
}
