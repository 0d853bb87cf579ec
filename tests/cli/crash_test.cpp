// Crashes and full disks at every step of the commands that change the store. What is listed is whole, nothing older is
// lost, and the next command repairs the rest by itself.
#include "core/clock.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/cli/kill_every_step.hpp"
#include "tests/power_cut.hpp"
#include "tests/small_disk.hpp"

namespace {

using bench::Names;

// Pulls until one has a second of its own.
core::CommandResult pull(const bench::Desk& desk) {
  core::CommandResult pulled;
  lab::eventually([&] {
    pulled = desk.drill({"pull"});
    return pulled.err.find("is already there") == std::string::npos;
  });
  return pulled;
}

// "kind: message" of a pull in this process.
std::string try_pull_here(const bench::Bare& bench) {
  try {
    store::Store store(bench.store);
    const store::ClusterLock lock = store.lock("edge");
    return lab::try_pull(bench.node.target(), store);
  } catch (const core::Error& error) {
    return std::string(core::to_string(error.kind())) + ": " + error.what();
  }
}

// Two snapshots and one of an earlier day, which retention removes when one more arrives.
struct FullShelf : bench::Bare {
  FullShelf() {
    configure("keep_last: 3\n");
    REQUIRE(pull(*this).exit_code == 0);
    const std::string earlier = scratch.path() / "state.db.20261101T010000Z";
    REQUIRE(drill({"extract", "edge/latest", "--out", earlier}).exit_code == 0);
    REQUIRE(drill({"import", "--ignore-mtime", "--cluster", "edge", earlier}).exit_code == 0);
    REQUIRE(pull(*this).exit_code == 0);
    const std::string newest = bench::whole_snapshots(*this).back();
    const std::string second = newest.substr(newest.find('/') + 1);
    REQUIRE(lab::eventually([&] { return core::format_compact(core::utc_now()) > second; }));
  }
};

}  // namespace

TEST_CASE("a pull killed before any of its steps loses nothing, and the next one repairs the store") {
  NEEDS_LAB();
  const FullShelf bench;
  const bench::Outlook outlook = bench::kill_before_every_step(bench, {"pull"}, [&] { return pull(bench); });
  CHECK(outlook.added == 1);
  CHECK(outlook.removed == 1);
  CHECK(outlook.kills > 25);
  CHECK(lab::left_behind(bench.node) == "");
}

TEST_CASE("a power cut at any time finds no snapshot with half its files, neither a new one nor one on its way out") {
  NEEDS_LAB();
  const FullShelf bench;
  const std::string edge = bench.store / "edge";
  crash::Unflushed unflushed;
  std::size_t published = 0;
  std::size_t unlinked = 0;
  const crash::Outcome outcome = crash::run({bench.command({"pull"}), {}}, 0, [&](const crash::Step& step) {
    INFO(crash::to_string(step));
    if (core::parse_compact(std::filesystem::path(step.target).filename().string())) {
      ++published;
      CHECK(unflushed.in(step.path) == Names{});
    }
    if (step.path.starts_with(edge + "/.removed-") && step.path.ends_with(".json")) {
      ++unlinked;
      const Names lost = unflushed.in(edge);
      CHECK(std::find(lost.begin(), lost.end(), edge) == lost.end());  // it would still have its old name
    }
    unflushed.see(step);
  });
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(published == 1);
  CHECK(unlinked == 1);
}

TEST_CASE("a disk that fills up anywhere in a pull is said to be full, keeps no half snapshot, and works with room") {
  NEEDS_LAB();
  if (!lab::SmallDisk::missing().empty()) {
    WARN("test skipped: " << lab::SmallDisk::missing());
    return;
  }
  const bench::Bare bench;
  const auto fits = [&](const std::string& size) {
    INFO(size);
    const lab::SmallDisk disk(bench.store, size);
    const core::CommandResult pulled = bench.drill({"pull"});
    INFO(pulled.out << pulled.err);
    if (pulled.exit_code == 0) return true;
    CHECK(pulled.exit_code == 3);
    CHECK_THAT(pulled.err, Catch::Contains("No space left on device"));
    CHECK(bench::whole_snapshots(bench) == Names{});
    CHECK(bench::leftovers(bench.store) == Names{});
    CHECK_THAT(try_pull_here(bench), Catch::StartsWith("storage: ") && Catch::Contains("No space left on device"));
    disk.grow();
    CHECK(pull(bench).exit_code == 0);
    CHECK(bench::whole_snapshots(bench).size() == 1);
    return false;
  };
  std::size_t failures = 0;
  for (int kibibytes = 4; !fits("size=" + std::to_string(kibibytes) + "k"); kibibytes += 24) ++failures;
  CHECK(failures > 5);
  failures = 0;
  for (int inodes = 2; !fits("nr_inodes=" + std::to_string(inodes)); ++inodes) ++failures;
  CHECK(failures > 5);
}
