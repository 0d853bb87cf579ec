// Importing, extracting and pruning through the program: what is adopted, what is refused and why, and that the sources
// stay as they are.
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

using Catch::Contains;

// A directory of plain files, a store and its config.
struct Classic {
  core::ScratchDir scratch;
  std::filesystem::path files = scratch.path() / "files";
  std::filesystem::path store = scratch.path() / "store";
  std::filesystem::path config = scratch.path() / "config.yaml";

  Classic() {
    std::filesystem::create_directory(files);
    write_config("");
  }

  void write_config(const std::string& rules) const {
    std::ofstream(config) << "store: " << store.string() << "\n"
                          << rules << "clusters:\n  edge:\n    host: 127.0.0.1\n";
  }

  core::CommandResult drill(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--config", config.string()});
    return bench::drill(arguments);
  }
  core::CommandResult import(const std::filesystem::path& path) const {
    return drill({"--json", "import", "--cluster", "edge", path.string()});
  }

  static void set_mtime(const std::filesystem::path& file, core::UtcTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    const timespec both[2] = {{seconds, 0}, {seconds, 0}};
    ::utimensat(AT_FDCWD, file.c_str(), both, 0);
  }

  /// A SQLite database with `rows` rows as state.db.`name`, written at the time of its name.
  std::filesystem::path make(const std::string& name, int rows = 50) const {
    std::filesystem::path file = files / ("state.db." + name);
    const core::CommandResult made =
        core::run_command({{"sqlite3", file.string(),
                            "CREATE TABLE kine(id INTEGER PRIMARY KEY, value BLOB); WITH RECURSIVE n(i) AS (SELECT 1 "
                            "UNION ALL SELECT i+1 "
                            "FROM n WHERE i < " +
                                std::to_string(rows) + ") INSERT INTO kine(value) SELECT randomblob(1000) FROM n;"},
                           std::chrono::seconds(10)});
    REQUIRE(made.exit_code == 0);
    if (const auto timestamp = core::parse_compact(name)) set_mtime(file, *timestamp + std::chrono::seconds(3));
    return file;
  }

  // The one file's verdict and message.
  static std::string said(const core::CommandResult& result) {
    const auto file = bench::parse(result).at("files").at(0);
    return file.at("verdict").get<std::string>() + ": " + file.value("message", "");
  }
};

}  // namespace

TEST_CASE_METHOD(Classic, "a directory of the classic script's files is adopted once, and comes out bit for bit") {
  for (const char* name : {"20261101T001700Z", "20261101T011700Z", "20261101T021700Z"}) make(name);
  std::ofstream(files / "token") << "K10secret::server:canary";
  const core::CommandResult imported =
      drill({"--json", "import", "--cluster", "edge", "--token-file", (files / "token").string(), files.string()});
  INFO(imported.out << imported.err);
  REQUIRE(imported.exit_code == 0);
  CHECK(bench::parse(imported).at("files").size() == 3);
  CHECK((imported.out + imported.err).find("canary") == std::string::npos);
  for (const char* name : {"20261101T001700Z", "20261101T011700Z", "20261101T021700Z"}) {
    const std::filesystem::path out = scratch.path() / name;
    REQUIRE(drill({"extract", std::string("edge/") + name, "--out", out.string()}).exit_code == 0);
    CHECK(core::read_file(out) == core::read_file(files / (std::string("state.db.") + name)));
    CHECK((std::filesystem::status(out).permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  }
  const auto shown = bench::parse(drill({"show", "latest", "--json"}));
  CHECK(shown.at("method") == "import");
  CHECK(shown.at("bundle").size() == 2);

  const core::CommandResult again = import(files);
  CHECK(again.exit_code == 0);
  const auto again_files = bench::parse(again).at("files");
  for (const auto& file : again_files) CHECK(file.at("verdict") == "already_there");
  CHECK(drill({"extract", "latest", "--out", (scratch.path() / "20261101T001700Z").string()}).exit_code == 2);
}

TEST_CASE_METHOD(Classic, "what cannot be believed is refused with its reason, and keeps the others from nothing") {
  make("20261101T001700Z");
  SECTION("a name that is no time") {
    CHECK_THAT(said(import(make("yesterday"))), Contains("refused: its name is not state.db.YYYYmmddTHHMMSSZ"));
    CHECK_THAT(said(import(make("20261301T001700Z"))), Contains("its name is not"));
  }
  SECTION("a time to come") {
    const std::string name = core::format_compact(core::utc_now() + std::chrono::hours(2));
    CHECK_THAT(said(import(make(name))), Contains("of a time to come"));
  }
  SECTION("a time of writing that is not the name's, unless one says so") {
    const std::filesystem::path file = make("20261101T011700Z");
    for (const auto offset : {std::chrono::minutes(-2), std::chrono::minutes(61)}) {
      set_mtime(file, *core::parse_compact("20261101T011700Z") + offset);
      const core::CommandResult result = import(file);
      CHECK(result.exit_code == 2);
      CHECK_THAT(said(result), Contains("--ignore-mtime"));
    }
    CHECK(drill({"import", "--cluster", "edge", "--ignore-mtime", file.string()}).exit_code == 0);
  }
  SECTION("a file that was cut, and one that is no database") {
    const std::filesystem::path file = make("20261101T011700Z");
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4096);
    set_mtime(file, *core::parse_compact("20261101T011700Z"));
    CHECK(import(file).exit_code == 1);
    CHECK_THAT(said(import(file)), Contains("it was cut short"));
    std::ofstream(file) << "no database";
    set_mtime(file, *core::parse_compact("20261101T011700Z"));
    CHECK_THAT(said(import(file)), Contains("not a SQLite database"));
    std::ofstream(file).close();
    set_mtime(file, *core::parse_compact("20261101T011700Z"));
    CHECK_THAT(said(import(file)), Contains("empty"));
  }
  SECTION("a database with a WAL or a journal beside it") {
    const std::filesystem::path file = make("20261101T011700Z");
    std::ofstream(file.string() + "-wal") << "frames";
    CHECK_THAT(said(import(file)), Contains("-wal lies beside it"));
  }
  SECTION("a directory in a file's place, and what is not there") {
    std::filesystem::create_directory(files / "state.db.20261101T031700Z");
    CHECK(import(files).exit_code == 2);
    CHECK(import(scratch.path() / "state.db.20261101T041700Z").exit_code == 3);
    std::filesystem::create_directory(scratch.path() / "none");
    CHECK(import(scratch.path() / "none").exit_code == 3);
  }
  SECTION("another database under a name that is taken") {
    REQUIRE(import(files).exit_code == 0);
    std::filesystem::remove(files / "state.db.20261101T001700Z");
    const core::CommandResult result = import(make("20261101T001700Z", 60));
    CHECK(result.exit_code == 3);
    CHECK_THAT(said(result), Contains("is another database"));
  }
  const core::CommandResult rest = import(files);
  INFO(rest.out);
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").at(0).at("snapshot") == "edge/20261101T001700Z");
}

TEST_CASE_METHOD(Classic, "a cluster name and a token file are looked at before anything is done") {
  make("20261101T001700Z");
  CHECK(drill({"import", "--cluster", "../edge", files.string()}).exit_code == 2);
  CHECK(drill({"import", files.string()}).exit_code == 2);
  CHECK(drill({"import", "--cluster", "edge"}).exit_code == 2);
  std::ofstream(files / "token") << "\n";
  CHECK(drill({"import", "--cluster", "edge", "--token-file", (files / "token").string(), files.string()}).exit_code ==
        2);
  CHECK(drill({"import", "--cluster", "edge", "--token-file", "/nowhere", files.string()}).exit_code == 3);
  CHECK(drill({"extract", "nothing/latest", "--out", (scratch.path() / "x").string()}).exit_code == 2);
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").empty());
}

TEST_CASE_METHOD(Classic, "prune says for each snapshot why it stays, and does what its dry run said") {
  for (const char* name : {"20261101T001700Z", "20261101T011700Z", "20261101T021700Z", "20261102T001700Z"}) make(name);
  REQUIRE(import(files).exit_code == 0);
  write_config("keep_last: 1\n");
  const core::CommandResult planned = drill({"prune", "--dry-run"});
  CHECK_THAT(planned.out, Contains("edge/20261101T001700Z  remove\n") &&
                              Contains("edge/20261102T001700Z  keep    last, newest\n") &&
                              Contains("1 kept, 3 would be removed"));
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").size() == 4);
  const auto done = bench::parse(drill({"prune", "--json", "edge"}));
  CHECK(done.at("dry_run") == false);
  CHECK(done.at("snapshots").at(3).at("reasons") == nlohmann::json({"last", "newest"}));
  CHECK(bench::parse(drill({"list", "--json"})).at("snapshots").size() == 1);
  CHECK(drill({"prune", "nothing"}).exit_code == 2);
}

TEST_CASE_METHOD(Classic,
                 "a lost snapshot is named by list, show, verify and extract, each with the file that is bad") {
  make("20261101T001700Z");
  make("20261101T011700Z");
  REQUIRE(import(files).exit_code == 0);
  std::filesystem::remove(store / "edge/20261101T001700Z/state.db.zst");
  const auto snapshots = bench::parse(drill({"list", "--json"})).at("snapshots");
  for (const auto& listed : snapshots) CHECK_THAT(listed.at("lost").get<std::string>(), Contains("state.db.zst"));
  CHECK_THAT(drill({"list"}).out, Contains("LOST: "));
  CHECK_THAT(drill({"show", "latest"}).out, Contains("LOST"));
  CHECK(drill({"extract", "latest", "--out", (scratch.path() / "x").string()}).exit_code == 1);
  const core::CommandResult verified = drill({"verify", "latest", "--json"});
  CHECK(verified.exit_code == 1);
  CHECK(bench::parse(verified).at("checks").at(0).at("verdict") == "fail");
}

TEST_CASE_METHOD(Classic, "a file of ten gigabytes of zeros is refused before any of it is copied") {
  const std::filesystem::path file = files / "state.db.20261101T001700Z";
  core::write_new_file(file, "");
  std::filesystem::resize_file(file, 10'000'000'000);
  set_mtime(file, *core::parse_compact("20261101T001700Z"));
  const auto begin = std::chrono::steady_clock::now();
  CHECK_THAT(said(import(file)), Contains("refused: the file is not a SQLite database"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store))
    CHECK((entry.is_directory() || entry.path().filename() == ".lock"));
}
