// The same for `drill import` and `drill prune`, which need no node: killed at every step, and on a disk that fills up.
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/kill_every_step.hpp"
#include "tests/small_disk.hpp"

namespace {

using bench::Names;

// Files as the classic script leaves them; each is the one before with some more rows.
struct Files : bench::Desk {
  std::filesystem::path directory = scratch.path() / "files";
  Names all;

  explicit Files(const Names& timestamps) {
    std::filesystem::create_directory(directory);
    write_config("keep_last: 2\n", "  edge: {host: nowhere}\n");
    for (const std::string& timestamp : timestamps) {
      const std::string path = directory / ("state.db." + timestamp);
      if (!all.empty()) core::copy_file(all.back(), path);
      const core::CommandResult made =
          core::run_command({{"sqlite3", path,
                              "CREATE TABLE IF NOT EXISTS kine(id INTEGER PRIMARY KEY, value BLOB);"
                              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)"
                              "INSERT INTO kine(value) SELECT randomblob(1000) FROM n"}});
      REQUIRE(made.exit_code == 0);
      all.push_back(path);
    }
  }
  Names import(std::size_t from, std::size_t count) const {
    Names arguments{"import", "--ignore-mtime", "--cluster", "edge"};
    arguments.insert(arguments.end(), all.begin() + static_cast<std::ptrdiff_t>(from),
                     all.begin() + static_cast<std::ptrdiff_t>(from + count));
    return arguments;
  }
};

// A keyframe with patches, and the next day's keyframe with one.
const Names kTwoDays{"20261120T010000Z", "20261120T020000Z", "20261120T030000Z", "20261121T010000Z",
                     "20261121T020000Z"};

#define NEEDS_STEPPER()                         \
  if (!crash::missing().empty()) {              \
    WARN("test skipped: " << crash::missing()); \
    return;                                     \
  }

}  // namespace

TEST_CASE("an import killed before any of its steps loses nothing, and the same import again finishes it") {
  NEEDS_STEPPER();
  const Files files(kTwoDays);
  REQUIRE(files.drill(files.import(0, 2)).exit_code == 0);
  const Names arguments = files.import(2, 2);
  const bench::Outlook outlook =
      bench::kill_before_every_step(files, arguments, [&] { return files.drill(arguments); });
  CHECK(outlook.added == 2);
  CHECK(outlook.removed == 0);
  CHECK(outlook.kills > 30);
}

TEST_CASE("a prune killed before any of its steps removes nothing that stays, and the next one finishes it") {
  NEEDS_STEPPER();
  const Files files(kTwoDays);
  REQUIRE(files.drill(files.import(0, 5)).exit_code == 0);
  const bench::Outlook outlook =
      bench::kill_before_every_step(files, {"prune"}, [&] { return files.drill({"prune"}); });
  CHECK(outlook.added == 0);
  CHECK(outlook.removed == 3);
  CHECK(outlook.kills > 12);
}

TEST_CASE("a disk that fills up anywhere in an import is said to be full, and the same import works with room") {
  if (!lab::SmallDisk::missing().empty()) {
    WARN("test skipped: " << lab::SmallDisk::missing());
    return;
  }
  const Files files(kTwoDays);
  const auto fits = [&](const std::string& size) {
    INFO(size);
    const lab::SmallDisk disk(files.store, size);
    const core::CommandResult imported = files.drill(files.import(0, 5));
    INFO(imported.out << imported.err);
    if (imported.exit_code == 0) return true;
    CHECK(imported.exit_code == 3);
    CHECK_THAT(imported.out + imported.err, Catch::Contains("No space left on device"));
    bench::whole_snapshots(files);
    CHECK(bench::leftovers(files.store) == Names{});
    disk.grow();
    CHECK(files.drill(files.import(0, 5)).exit_code == 0);
    CHECK(bench::whole_snapshots(files).size() == 5);
    return false;
  };
  std::size_t failures = 0;
  for (int kibibytes = 4; !fits("size=" + std::to_string(kibibytes) + "k"); kibibytes += 32) ++failures;
  CHECK(failures > 5);
  failures = 0;
  for (int inodes = 2; !fits("nr_inodes=" + std::to_string(inodes)); inodes += 2) ++failures;
  CHECK(failures > 5);
}
