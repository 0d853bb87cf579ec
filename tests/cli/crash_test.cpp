// Crashes and full disks at every step of the commands that change the store. What is listed is whole, nothing older is
// lost, and the next command repairs the rest by itself.
#include <sys/stat.h>

#include <algorithm>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/crash_stepper.hpp"
#include "tests/power_cut.hpp"
#include "tests/small_disk.hpp"

namespace {

using Names = std::vector<std::string>;

constexpr std::size_t kKept = 3;

// Every name below `root`, with those that others may read.
Names open_to_others(const std::filesystem::path& root) {
  Names found;
  if (!std::filesystem::exists(root)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    struct stat facts {};
    if (::lstat(entry.path().c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) found.push_back(entry.path());
  }
  return found;
}

// What no command may leave behind.
Names leftovers(const std::filesystem::path& root) {
  Names found;
  if (!std::filesystem::exists(root)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() ? !core::parse_compact(name) && name != "edge"
                             : name != ".lock" && (name.starts_with('.') || name.ends_with(".tmp")))
      found.push_back(entry.path());
  }
  return found;
}

// The names of the snapshots that `drill list` shows, each of which must read back with its hash.
Names whole_snapshots(const bench::Bare& bench) {
  const core::CommandResult listed = bench.drill({"list", "--json"});
  REQUIRE(listed.exit_code == 0);
  const store::Store store(bench.store);
  Names names;
  const auto document = bench::parse(listed);
  for (const auto& entry : document.at("snapshots")) {
    INFO(entry.dump());
    REQUIRE_FALSE(entry.contains("damage"));
    names.push_back(entry.at("snapshot"));
    const store::Snapshot snapshot = store.find(names.back());
    for (const store::BundleFile& file : snapshot.manifest.bundle)
      CHECK(core::hash_file(snapshot.file(file.path)).sha256 == file.sha256);
  }
  return names;
}

// Pulls until one has a second of its own.
core::CommandResult pull(const bench::Bare& bench) {
  core::CommandResult pulled;
  lab::eventually([&] {
    pulled = bench.drill({"pull"});
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

// Three snapshots, so that one more removes the oldest; `anew` puts exactly them back.
struct FullShelf : bench::Bare {
  std::filesystem::path kept = scratch.path() / "kept";
  Names names;

  FullShelf() {
    configure("keep_last: " + std::to_string(kKept) + "\n");
    for (std::size_t i = 0; i < kKept; ++i) REQUIRE(pull(*this).exit_code == 0);
    names = whole_snapshots(*this);
    REQUIRE(names.size() == kKept);
    std::filesystem::copy(store, kept, std::filesystem::copy_options::recursive);
    const std::string newest = names.back().substr(names.back().find('/') + 1);
    REQUIRE(lab::eventually([&] { return core::format_compact(core::utc_now()) > newest; }));
  }
  void anew() const {
    std::filesystem::remove_all(store);
    std::filesystem::copy(kept, store, std::filesystem::copy_options::recursive);
  }
};

bool is_there(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("a pull killed before any of its steps loses nothing, and the next one repairs the store") {
  NEEDS_LAB();
  const FullShelf bench;
  const crash::Victim victim{bench.command({"pull"}), {}};
  for (std::size_t step = 1;; ++step) {
    bench.anew();
    const crash::Outcome outcome = crash::run(victim, step, [&](const crash::Step& next) {
      INFO("before " << crash::to_string(next));
      CHECK(open_to_others(bench.store).empty());
    });
    INFO("step " << step << ": "
                 << (outcome.killed_before ? crash::to_string(*outcome.killed_before) : outcome.output));
    const Names after = whole_snapshots(bench);
    const bool arrived = after.back() != bench.names.back();
    for (std::size_t i = arrived ? 1 : 0; i < kKept; ++i) CHECK(is_there(after, bench.names[i]));
    CHECK(after.size() <= kKept + 1);
    if (!outcome.killed_before) {
      CHECK(outcome.exit_code == 0);
      CHECK(arrived);
      WARN(step - 1 << " kills");
      break;
    }
    const core::CommandResult next = pull(bench);
    INFO(next.err);
    CHECK(next.exit_code == 0);
    CHECK(leftovers(bench.store) == Names{});
    CHECK(whole_snapshots(bench).size() == kKept);
  }
  CHECK(lab::eventually([&] { return lab::nothing_left(bench.node); }));
}

TEST_CASE("a power cut at any moment finds no snapshot with half its files, neither a new one nor one on its way out") {
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
    if (step.path.starts_with(edge + "/.removed-") && step.call.starts_with("unlink") && step.path.ends_with(".db")) {
      ++unlinked;
      CHECK_FALSE(is_there(unflushed.in(edge), edge));  // it would still have its old name
    }
    unflushed.see(step);
  });
  INFO(outcome.output);
  CHECK(outcome.exit_code == 0);
  CHECK(published == 1);
  CHECK(unlinked == 1);
}

TEST_CASE(
    "a disk that fills up anywhere in a pull is said to be full, keeps no half snapshot, and works when it has room") {
  NEEDS_LAB();
  if (!lab::SmallDisk::missing().empty()) {
    WARN("skipped: " << lab::SmallDisk::missing());
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
    CHECK_THAT(pulled.out, Catch::Contains("No space left on device"));
    CHECK(whole_snapshots(bench) == Names{});
    CHECK(leftovers(bench.store) == Names{});
    CHECK_THAT(try_pull_here(bench), Catch::StartsWith("storage: ") && Catch::Contains("No space left on device"));
    disk.grow();
    CHECK(pull(bench).exit_code == 0);
    CHECK(whole_snapshots(bench).size() == 1);
    return false;
  };
  std::size_t failures = 0;
  for (int kibibytes = 4; !fits("size=" + std::to_string(kibibytes) + "k"); kibibytes += 24) ++failures;
  CHECK(failures > 5);
  failures = 0;
  for (int inodes = 2; !fits("nr_inodes=" + std::to_string(inodes)); ++inodes) ++failures;
  CHECK(failures > 5);
}
