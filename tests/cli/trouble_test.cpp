// The program where this machine is not as it should be: stores that take nothing, no room for a copy, a docker that
// does not answer. What can be said of a snapshot is said all the same; what cannot says why, and what to do.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"
#include "tests/nas.hpp"
#include "tests/small_disk.hpp"

using bench::Shop;
using Catch::Contains;

#define NEEDS(what)                                 \
  if (!lab::what::missing().empty()) {              \
    WARN("test skipped: " << lab::what::missing()); \
    return;                                         \
  }

namespace {

const std::string kNewest = "edge/" + Shop::name(3);

// Read-only from its making to its end, for all processes that see it.
struct ReadOnly {
  std::filesystem::path place;

  explicit ReadOnly(std::filesystem::path directory) : place(std::move(directory)) {
    REQUIRE(::mount(place.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) == 0);
    REQUIRE(::mount(nullptr, place.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0);
  }
  ~ReadOnly() { ::umount2(place.c_str(), MNT_DETACH); }
};

core::CommandResult drill_in(const std::filesystem::path& tmpdir, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"env", "TMPDIR=" + tmpdir.string(), bench::drill_program()});
  return core::run_command({arguments, std::chrono::minutes(1)});
}

}  // namespace

TEST_CASE("a store on a NAS that is read-only or full can be read by every command, and each has its verdict") {
  NEEDS(Nas);
  const Shop shop;
  const lab::Nas nas(shop.store, shop.scratch.path() / "behind");
  const core::CommandResult imported = shop.import();
  INFO(imported.out << imported.err);
  REQUIRE(imported.exit_code == 0);
  const std::filesystem::path out = shop.scratch.path() / "out.db";
  const std::vector<std::vector<std::string>> commands{{"list"},
                                                       {"show", kNewest},
                                                       {"verify", kNewest},
                                                       {"verify", "--all"},
                                                       {"diff", "edge/" + Shop::name(1), kNewest},
                                                       {"log", "secrets/shop/db"},
                                                       {"extract", kNewest, "--out", out.string()},
                                                       {"series", "edge"},
                                                       {"run", "--engine", "k3s"}};
  const auto run = [&](std::vector<std::string> arguments) {
    std::filesystem::remove(out);
    arguments.insert(arguments.begin(), "--json");
    return shop.drill(arguments);
  };
  for (const std::vector<std::string>& arguments : commands) {
    const core::CommandResult before = run(arguments);
    for (const int failure : {EROFS, ENOSPC}) {
      nas.trouble().changes_fail_with = failure;
      const core::CommandResult ran = run(arguments);
      nas.trouble().changes_fail_with = 0;
      INFO(arguments.front() << ": " << ran.out << ran.err << before.err);
      CHECK(ran.exit_code == before.exit_code);
      CHECK(bench::parse(ran).at("schema") == bench::parse(before).at("schema"));
      if (arguments.front() == "verify")
        CHECK_THAT(ran.err, Contains("warning: " + kNewest + ": the proof is not kept with it") &&
                                Contains(failure == EROFS ? "remount,rw" : "drill prune"));
    }
  }
}

TEST_CASE(
    "a snapshot is verified and brought back from a store that is mounted read-only, and the cure makes it writable") {
  NEEDS(SmallDisk);
  const Shop shop;
  const lab::SmallDisk disk(shop.store, "size=64m");
  REQUIRE(shop.import().exit_code == 0);
  REQUIRE(::mount(nullptr, shop.store.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  const core::CommandResult verified = shop.drill({"verify", kNewest});
  INFO(verified.out << verified.err);
  CHECK(verified.exit_code == 0);
  CHECK(shop.drill({"extract", kNewest, "--out", (shop.scratch.path() / "out.db").string()}).exit_code == 0);
  const std::string cure = "mount -o remount,rw " + shop.store.string();
  REQUIRE_THAT(verified.err, Contains(cure));
  REQUIRE(core::run_command({{"sh", "-c", cure}}).exit_code == 0);
  const core::CommandResult again = shop.drill({"verify", kNewest});
  CHECK(again.exit_code == 0);
  CHECK(again.err.empty());
}

TEST_CASE("a user who may only read a store has every verdict, and is told whose it is") {
  if (::geteuid() != 0) {
    WARN("test skipped: needs root to become somebody else");
    return;
  }
  const Shop shop;
  REQUIRE(shop.import().exit_code == 0);
  for (const auto& above : {shop.scratch.path(), shop.scratch.path().parent_path()})
    std::filesystem::permissions(above, std::filesystem::perms(0755));
  const std::filesystem::path program = shop.scratch.path() / "drill";
  std::filesystem::copy_file(bench::drill_program(), program);
  REQUIRE(core::run_command({{"chmod", "-R", "a+rX", shop.store, shop.config}}).exit_code == 0);
  const auto as_nobody = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                         program.string(), "--config", shop.config.string()});
    return core::run_command({arguments, std::chrono::minutes(1)});
  };
  const core::CommandResult verified = as_nobody({"verify", kNewest});
  INFO(verified.out << verified.err);
  CHECK(verified.exit_code == 0);
  CHECK_THAT(verified.err, Contains("the store is root's and this is nobody") && Contains("sudo -u root -H drill"));

  shop.write_config("stale_after: 1000d\n", "  edge:\n    host: 127.0.0.1\n");
  std::filesystem::permissions(shop.config, std::filesystem::perms(0644));
  const std::filesystem::path hidden = shop.store / kNewest;
  std::filesystem::permissions(hidden, std::filesystem::perms::owner_all);
  const core::CommandResult listed = as_nobody({"list"});
  CHECK(listed.exit_code == 0);
  CHECK_THAT(listed.out, Contains(kNewest + "  cannot be read: "));
  CHECK(bench::parse(as_nobody({"--json", "list"})).at("snapshots").back().contains("unreadable"));
  const core::CommandResult latest = as_nobody({"show", "edge/latest"});
  CHECK(latest.exit_code == 3);
  CHECK_THAT(latest.err, Contains("the store is root's and this is nobody"));
  const core::CommandResult night = as_nobody({"--json", "run", "--engine", "k3s"});
  INFO(night.out << night.err);
  CHECK(night.exit_code == 3);
  CHECK(bench::parse(night).at("snapshot").at("name") == kNewest);
  CHECK(as_nobody({"verify", "--all"}).exit_code == 3);
  const core::CommandResult looked = as_nobody({"doctor"});
  CHECK_THAT(looked.out, Contains("chown -R nobody: " + shop.store.string()));
}

TEST_CASE("a TMPDIR without room, or that takes nothing, is named with what is needed and what to do") {
  NEEDS(SmallDisk);
  const Shop shop;
  REQUIRE(shop.import().exit_code == 0);
  const std::filesystem::path place = shop.scratch.path() / "tmp";
  const lab::SmallDisk disk(place, "size=16k");
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"verify", "--file", shop.file(3).string()},
           {"--config", shop.config.string(), "verify", kNewest},
           {"--config", shop.config.string(), "diff", "edge/" + Shop::name(0), kNewest},
           {"--config", shop.config.string(), "log", "secrets/shop/db"}}) {
    const core::CommandResult ran = drill_in(place, arguments);
    INFO(ran.out << ran.err);
    CHECK(ran.exit_code == 3);
    CHECK_THAT(ran.err, Contains(place.string() + " has no room for a copy of the database: 0.") &&
                            Contains("are needed, 0.0 MB are free: set TMPDIR to a directory with more room"));
  }
  const ReadOnly closed(place);
  const core::CommandResult ran = drill_in(place, {"verify", "--file", shop.file(3).string()});
  CHECK(ran.exit_code == 3);
  CHECK_THAT(ran.err,
             Contains("making a scratch directory in " + place.string() + ": Read-only file system: set TMPDIR"));
  CHECK(std::filesystem::is_empty(place));
}

TEST_CASE("what cannot be pruned ends in the exit code, and nothing that is left needs what is gone") {
  NEEDS(Nas);
  const Shop shop;
  const lab::Nas nas(shop.store, shop.scratch.path() / "behind");
  REQUIRE(shop.import().exit_code == 0);
  shop.write_config("keep_last: 1\n", "  edge:\n    host: 127.0.0.1\n");
  const core::Fd open = core::open_file(shop.store / "edge" / Shop::name(2) / "manifest.json", O_RDONLY);
  const core::CommandResult pruned = shop.drill({"--quiet", "prune"});
  INFO(pruned.out << pruned.err);
  CHECK(pruned.exit_code == 3);
  CHECK_THAT(pruned.err, Contains("drill: error: edge: removing") && Contains(Shop::name(2)));
  CHECK(shop.drill({"verify", kNewest}).exit_code == 0);
}

TEST_CASE("Ctrl-C ends a drill within seconds, whatever docker is at") {
  if (::geteuid() != 0) {
    WARN("test skipped: the container engine needs root");
    return;
  }
  if (!std::filesystem::exists(bench::standin_program())) {
    WARN("test skipped: " << bench::standin_program() << " is not built");
    return;
  }
  const bench::Files files;
  const core::ScratchDir scratch;
  const std::filesystem::path fake = scratch.path() / "docker";
  // Finds its image; its container takes no stdin; and nothing else is ever answered, nor ended by a signal.
  const auto pretend = [&](const std::string& image) {
    std::filesystem::remove(fake);
    core::write_new_file(fake, "#!/bin/sh\ntrap '' TERM INT HUP\npid=" + (scratch.path() / "pid").string() +
                                   "\ncase \"$*\" in\n  ps\\ *label=*) exit 0 ;;\n  image\\ inspect*) " + image +
                                   " ;;\n  *--version) echo 'k3s version v1.36.2+k3s1'; exit 0 ;;\n"
                                   "  run\\ *) echo $$ >$pid; exec unshare -n sleep 1000 ;;\n"
                                   "  inspect*) [ ! -s $pid ] || cat $pid; exit 0 ;;\nesac\nexec sleep 1000\n");
    std::filesystem::permissions(fake, std::filesystem::perms::owner_all);
  };
  for (const auto& [image, phase] : {std::pair("exec sleep 1000", "phase verify"), {"exit 0", "phase place"}}) {
    pretend(image);
    std::filesystem::remove(scratch.path() / "pid");
    bench::Background drill{
        core::Child({"env", "PATH=" + scratch.path().string() + ":" + std::getenv("PATH"), bench::drill_program(), "-v",
                     "run", "--file", files.database.string(), "--token-file", files.token.string(), "--engine",
                     "container", "--control", "none"})};
    INFO(drill.said);
    REQUIRE(drill.says(phase));
    if (std::string(phase) == "phase place")
      REQUIRE(lab::eventually([&] { return std::filesystem::exists(scratch.path() / "pid"); }));
    const auto asked = std::chrono::steady_clock::now();
    ::kill(drill.child.pid(), SIGINT);
    CHECK(drill.ends() == 130);
    CHECK(std::chrono::steady_clock::now() - asked < std::chrono::seconds(15));
  }
}

TEST_CASE("a pipe in the place of a proof or of a manifest keeps no command waiting") {
  const Shop shop;
  REQUIRE(shop.import().exit_code == 0);
  const std::filesystem::path directory = shop.store / "edge" / Shop::name(3);
  for (const char* file : {"run.json", "verify.json", "manifest.json"}) {
    std::filesystem::remove(directory / file);
    REQUIRE(::mkfifo((directory / file).c_str(), 0600) == 0);
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"list"}, {"show", kNewest}, {"verify", kNewest}, {"prune", "--dry-run"}, {"doctor"}}) {
      const core::CommandResult result = shop.drill(command);
      INFO(file << ": drill " << command.front() << "\n" << result.out << result.err);
      CHECK(result.exit_code != 124);
      CHECK(result.out.size() + result.err.size() > 0);
    }
  }
  CHECK_THAT(shop.drill({"list"}).out, Contains("no regular file"));
}

TEST_CASE("snapshots from the future, and one without its manifest, are said by list and doctor") {
  const Shop shop;
  REQUIRE(shop.import().exit_code == 0);
  const std::filesystem::path cluster = shop.store / "edge";
  const std::string future = "20990101T000000Z";
  std::filesystem::copy(cluster / Shop::name(3), cluster / future, std::filesystem::copy_options::recursive);
  std::string manifest = core::read_file(cluster / future / "manifest.json");
  manifest.replace(manifest.find(Shop::name(3)), future.size(), future);
  std::ofstream(cluster / future / "manifest.json") << manifest;
  std::filesystem::remove(cluster / Shop::name(0) / "manifest.json");
  for (const std::string command : {"list", "doctor"}) {
    const core::CommandResult result = shop.drill({command});
    INFO(result.out << result.err);
    CHECK_THAT(result.out + result.err, Contains("dated later than this machine's clock"));
    CHECK_THAT(result.out + result.err, Contains("has no manifest.json"));
  }
}
