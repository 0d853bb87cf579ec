// Which engine is taken for a snapshot, where it is downloaded from, and what is made of one that misbehaves.
#include "drill/engine/engine.hpp"

#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "core/sha256.hpp"
#include "drill/engine/release.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;

namespace {

constexpr const char* kVersion = "v1.36.2+k3s1";
constexpr const char* kStandinVersion = "v1.37.2+standin1";

std::string script_of(const std::string& version, const std::string& server = "exit 1") {
  return "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'k3s version " + version + " (0a1b2c3d)'; exit; fi\n" +
         server + "\n";
}

void write_program(const std::filesystem::path& path, const std::string& text) {
  core::write_new_file(path, text);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

struct Thrown {
  core::ErrorKind kind;
  std::string what;

  bool says(const std::string& text) const { return what.find(text) != std::string::npos; }
};

Thrown error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const core::Error& error) {
    return {error.kind(), error.what()};
  }
  FAIL("it did not throw");
  return {};
}

// A machine with nothing on it: PATH is one empty directory, and so is the cache. PATH is as it was afterwards.
class EmptyMachine {
 public:
  EmptyMachine() : path_(std::getenv("PATH")) {
    std::filesystem::create_directory(bin());
    ::setenv("PATH", bin().c_str(), 1);
    settings.cache = scratch_.path() / "cache";
  }
  EmptyMachine(const EmptyMachine&) = delete;
  EmptyMachine& operator=(const EmptyMachine&) = delete;
  ~EmptyMachine() { ::setenv("PATH", path_.c_str(), 1); }

  std::filesystem::path bin() const { return scratch_.path() / "bin"; }

  /// A program that answers --version with `version`, in PATH as `name`.
  std::filesystem::path put(const std::string& name, const std::string& version) const {
    write_program(bin() / name, script_of(version));
    return bin() / name;
  }

  drill::EngineChoice choose(const std::string& version) const { return drill::choose_engine(settings, version); }

  std::size_t cached_files() const {
    std::size_t count = 0;
    std::error_code none;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(settings.cache, none))
      count += entry.is_directory() ? 0U : 1U;
    return count;
  }

  drill::EngineSettings settings;

 private:
  std::string path_;
  core::ScratchDir scratch_;
};

// Looked up before a test empties PATH.
const std::string& python() {
  static const std::string path = core::find_program("python3");
  return path;
}

// One release behind HTTP: what is published as k3s, and the hash that is published for it. Needs the PATH as it was.
class ReleaseServer {
 public:
  explicit ReleaseServer(const std::string& binary, const std::string& published_hash, const std::string& cut = {}) {
    const std::filesystem::path release = directory_.path() / kVersion;
    std::filesystem::create_directory(release);
    if (!binary.empty()) core::write_new_file(release / "k3s", binary);
    core::write_new_file(release / "sha256sum-amd64.txt",
                         std::string(64, 'f') + "  k3s-airgap-images-amd64.tar.gz\n" + published_hash + "  k3s\n");
    const std::string script = DRILL_SOURCE_DIR "/tests/drill/release_server.py";
    server_.emplace(std::vector<std::string>{python(), script, directory_.path().string(), cut});
    std::string port(16, '\0');
    REQUIRE(core::wait_for(server_->output_fd(), POLLIN, 20s));
    const ssize_t got = ::read(server_->output_fd(), port.data(), port.size());
    REQUIRE(got > 0);
    url_ = "http://127.0.0.1:" + std::to_string(std::stoi(port));
  }

  const std::string& url() const { return url_; }

  void stop() { server_.reset(); }

 private:
  core::ScratchDir directory_;
  std::optional<core::Child> server_;
  std::string url_;
};

// A machine that may download kVersion from `server`.
void allow_download(EmptyMachine& machine, const ReleaseServer& server) {
  machine.settings.kind = drill::EngineKind::k3s;
  machine.settings.download = drill::Download::yes;
  machine.settings.release_url = server.url();
}

// What a machine is told that wants `version` from `server`, which does not have it; it keeps nothing.
Thrown missing_release(const ReleaseServer& server, const std::string& version) {
  EmptyMachine machine;
  allow_download(machine, server);
  const Thrown error = error_of([&] { machine.choose(version); });
  CHECK(error.kind == core::ErrorKind::not_found);
  CHECK(machine.cached_files() == 0);
  return error;
}

bool can_download() {
#ifdef __x86_64__
  ::setenv("no_proxy", "127.0.0.1", 1);
  if (!python().empty()) return true;
  std::cout << "test skipped: no python3 to serve a release\n";
#else
  std::cout << "test skipped: the release served here is for amd64\n";
#endif
  return false;
}

// Restores the seed into an engine that is `server` (shell) instead of a control plane.
std::optional<drill::DrillReport> drill_with(const std::string& server, std::chrono::milliseconds ready_timeout = 20s) {
  if (::access(standin_program().c_str(), X_OK) != 0) {
    std::cout << "test skipped: no stand-in control plane to make a snapshot with (scenarios/standin/build.sh)\n";
    return std::nullopt;
  }
  const core::ScratchDir scratch;
  write_program(scratch.path() / "engine", script_of(kStandinVersion, server));
  drill::DrillOptions options;
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = scratch.path() / "engine";
  options.ready_timeout = ready_timeout;
  drill::DrillReport report = drill::run({seed_candidate()}, options);
  CHECK(phase_of(report, "place").verdict == core::CheckVerdict::pass);
  CHECK(phase_of(report, "list").verdict == core::CheckVerdict::skipped);
  CHECK(phase_of(report, "teardown").verdict == core::CheckVerdict::pass);
  CHECK(report.leftovers.empty());
  CHECK_FALSE(report.rto);
  return report;
}

}  // namespace

TEST_CASE("the k3s of the snapshot's own version in PATH is chosen") {
  EmptyMachine machine;
  const std::filesystem::path k3s = machine.put("k3s", kVersion);
  for (const auto kind : {std::optional<drill::EngineKind>(), std::optional(drill::EngineKind::k3s)}) {
    machine.settings.kind = kind;
    const drill::EngineChoice choice = machine.choose(kVersion);
    CHECK(choice.kind == drill::EngineKind::k3s);
    CHECK(choice.version == kVersion);
    CHECK(choice.path_or_image == k3s);
  }
}

TEST_CASE("a k3s of another version in PATH is not taken, and the error names the version and the cures") {
  EmptyMachine machine;
  machine.put("k3s", "v1.35.1+k3s1");
  for (const auto kind : {std::optional<drill::EngineKind>(), std::optional(drill::EngineKind::k3s)}) {
    machine.settings.kind = kind;
    const Thrown error = error_of([&] { machine.choose(kVersion); });
    CHECK(error.kind == core::ErrorKind::not_found);
    CHECK(error.says(kVersion));
    CHECK(error.says("engines.k3s.path"));
    CHECK(error.says("engines.k3s.download"));
  }
}

TEST_CASE("a configured k3s is used whatever the snapshot's version when k3s is asked for, and reports its own") {
  EmptyMachine machine;
  machine.put("k3s", kVersion);
  machine.settings.kind = drill::EngineKind::k3s;
  machine.settings.k3s_path = machine.put("other-k3s", "v1.37.0+k3s1");
  const drill::EngineChoice choice = machine.choose(kVersion);
  CHECK(choice.version == "v1.37.0+k3s1");
  CHECK(choice.path_or_image == machine.settings.k3s_path);
}

TEST_CASE("auto takes a configured k3s of the snapshot's version and passes over one of another") {
  EmptyMachine machine;
  machine.settings.k3s_path = machine.put("other-k3s", "v1.37.0+k3s1");
  CHECK(machine.choose("v1.37.0+k3s1").path_or_image == machine.settings.k3s_path);
  CHECK(error_of([&] { machine.choose(kVersion); }).kind == core::ErrorKind::not_found);
  const std::filesystem::path own = machine.put("k3s", kVersion);
  CHECK(machine.choose(kVersion).path_or_image == own);
}

TEST_CASE("a configured k3s that is not there is an error and nothing else is taken for it") {
  EmptyMachine machine;
  machine.put("k3s", kVersion);
  machine.settings.k3s_path = machine.bin() / "absent";
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::not_found);
  CHECK(error.says("absent"));
}

TEST_CASE("the stand-in is never taken for k3s, nor k3s for the stand-in") {
  EmptyMachine machine;
  SECTION("not from PATH under k3s's name") {
    machine.put("k3s", kStandinVersion);
    for (const std::string version : {kVersion, kStandinVersion, ""}) {
      machine.settings.kind = drill::EngineKind::k3s;
      CHECK(error_of([&] { machine.choose(version); }).kind == core::ErrorKind::not_found);
    }
  }
  SECTION("not as the configured k3s") {
    machine.settings.k3s_path = machine.put("k3s", kStandinVersion);
    CHECK(error_of([&] { machine.choose(kVersion); }).says("is the stand-in, not k3s"));
  }
  SECTION("and k3s not as the configured stand-in") {
    machine.settings.kind = drill::EngineKind::standin;
    machine.settings.standin_path = machine.put("k3s", kVersion);
    const Thrown error = error_of([&] { machine.choose(kStandinVersion); });
    CHECK(error.kind == core::ErrorKind::usage);
    CHECK(error.says("not the stand-in"));
  }
}

TEST_CASE("auto takes the stand-in only for a snapshot that the stand-in made") {
  EmptyMachine machine;
  const std::filesystem::path standin = machine.put("k3s-standin", kStandinVersion);
  SECTION("it takes it") {
    const drill::EngineChoice choice = machine.choose(kStandinVersion);
    CHECK(choice.kind == drill::EngineKind::standin);
    CHECK(choice.version == kStandinVersion);
    CHECK(choice.path_or_image == standin);
  }
  SECTION("not for k3s's") {
    CHECK(error_of([&] { machine.choose(kVersion); }).says(kVersion));
  }
  SECTION("not for an unknown version") {
    CHECK(error_of([&] { machine.choose(""); }).says("version unknown"));
  }
  SECTION("and no k3s for the stand-in's") {
    machine.put("k3s", kVersion);
    CHECK(machine.choose(kStandinVersion).kind == drill::EngineKind::standin);
  }
}

TEST_CASE("a program that does not answer --version as k3s does is refused") {
  EmptyMachine machine;
  machine.settings.k3s_path = machine.bin() / "program";
  SECTION("another answer") { write_program(machine.settings.k3s_path, "#!/bin/sh\necho version v1.36.2+k3s1\n"); }
  SECTION("the right answer and a failure") {
    write_program(machine.settings.k3s_path, "#!/bin/sh\necho 'k3s version v1.36.2+k3s1 (0a1b2c3d)'\nexit 3\n");
  }
  SECTION("no answer") { write_program(machine.settings.k3s_path, "#!/bin/sh\nexit 0\n"); }
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::not_found);
  CHECK(error.says("does not answer --version as k3s does"));
}

TEST_CASE(
    "a release with the published hash is downloaded once, made executable and found without the server afterwards") {
  if (!can_download()) return;
  const std::string binary = script_of(kVersion) + std::string(3U << 20U, '#') + "\n";
  ReleaseServer server(binary, core::sha256_hex(binary));
  EmptyMachine machine;
  allow_download(machine, server);

  const drill::EngineChoice choice = machine.choose(kVersion);
  CHECK(choice.kind == drill::EngineKind::k3s);
  CHECK(choice.version == kVersion);
  CHECK(choice.path_or_image == drill::cached_release(machine.settings, kVersion));
  CHECK(core::read_file(choice.path_or_image) == binary);
  CHECK(::access(choice.path_or_image.c_str(), X_OK) == 0);
  CHECK(machine.cached_files() == 1);

  server.stop();
  CHECK(machine.choose(kVersion).path_or_image == choice.path_or_image);
  machine.settings.download = drill::Download::no;
  CHECK(machine.choose(kVersion).path_or_image == choice.path_or_image);
}

TEST_CASE("nothing is downloaded unless that is allowed") {
  if (!can_download()) return;
  const std::string binary = script_of(kVersion);
  const ReleaseServer server(binary, core::sha256_hex(binary));
  EmptyMachine machine;
  allow_download(machine, server);
  machine.settings.download = drill::Download::no;
  CHECK(error_of([&] { machine.choose(kVersion); }).kind == core::ErrorKind::not_found);
  CHECK(machine.cached_files() == 0);
}

TEST_CASE("a release with another hash than published is refused and not kept") {
  if (!can_download()) return;
  const std::string binary = script_of(kVersion);
  const ReleaseServer server(binary, core::sha256_hex("another"));
  EmptyMachine machine;
  allow_download(machine, server);
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::storage);
  CHECK(error.says(core::sha256_hex(binary)));
  CHECK(error.says(core::sha256_hex("another")));
  CHECK(machine.cached_files() == 0);
}

TEST_CASE("a release of another version than it is published as is refused") {
  if (!can_download()) return;
  const std::string binary = script_of("v1.35.1+k3s1");
  const ReleaseServer server(binary, core::sha256_hex(binary));
  EmptyMachine machine;
  allow_download(machine, server);
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::storage);
  CHECK(error.says("is k3s v1.35.1+k3s1, not v1.36.2+k3s1"));
}

TEST_CASE("a release that is not published is not found, and the error names its address") {
  if (!can_download()) return;
  SECTION("the binary") {
    const ReleaseServer server("", std::string(64, '0'));
    CHECK(missing_release(server, kVersion).says(server.url() + "/v1.36.2%2Bk3s1/k3s: the server answers 404"));
  }
  SECTION("the version") {
    const ReleaseServer server("", std::string(64, '0'));
    CHECK(missing_release(server, "v1.36.3+k3s1")
              .says(server.url() + "/v1.36.3%2Bk3s1/sha256sum-amd64.txt: the server answers 404"));
  }
  SECTION("the binary's hash") {
    const ReleaseServer server(script_of(kVersion), "");
    CHECK(missing_release(server, kVersion).says("has no hash for k3s"));
  }
}

TEST_CASE("a release server that refuses the connection is unreachable") {
  if (!can_download()) return;
  ReleaseServer server("", "");
  EmptyMachine machine;
  allow_download(machine, server);
  server.stop();
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::unreachable);
  CHECK(error.says(server.url()));
  CHECK(machine.cached_files() == 0);
}

TEST_CASE("a download that ends half way is an error and leaves nothing") {
  if (!can_download()) return;
  const std::string binary = script_of(kVersion) + std::string(1U << 20U, '#');
  const ReleaseServer server(binary, core::sha256_hex(binary), "k3s");
  EmptyMachine machine;
  allow_download(machine, server);
  const Thrown error = error_of([&] { machine.choose(kVersion); });
  CHECK(error.kind == core::ErrorKind::unreachable);
  CHECK(error.says("/k3s: "));
  CHECK(machine.cached_files() == 0);
}

TEST_CASE("a control plane that ends before it opens the datastore could not be run") {
  const auto report = drill_with("echo 'no such flag: --disable-agent'; exit 3");
  if (!report) return;
  CHECK(phase_of(*report, "start").verdict == core::CheckVerdict::could_not_run);
  CHECK(findings_of(phase_of(*report, "start")) ==
        "the control plane ended with exit code 3: no such flag: --disable-agent\n");
  CHECK(phase_of(*report, "datastore").verdict == core::CheckVerdict::skipped);
}

TEST_CASE("a control plane that dies on the datastore has failed to restore, and its fatal message is quoted") {
  const auto report = drill_with(R"(
echo 'time="2026-11-24T00:00:00Z" level=info msg="Configuring sqlite3 database connection pooling: maxIdleConns=2"'
echo 'time="2026-11-24T00:00:01Z" level=fatal msg="starting kubernetes: bootstrap data already found and encrypted with \"another\" token"'
echo 'one more line'
exit 1)");
  if (!report) return;
  CHECK(phase_of(*report, "start").verdict == core::CheckVerdict::pass);
  const drill::Phase& datastore = phase_of(*report, "datastore");
  CHECK(datastore.verdict == core::CheckVerdict::fail);
  CHECK(findings_of(datastore) ==
        "the control plane ended with exit code 1: starting kubernetes: bootstrap data already found and encrypted "
        "with \"another\" token\n");
  CHECK(phase_of(*report, "bootstrap").verdict == core::CheckVerdict::skipped);
}

TEST_CASE("a control plane that is killed after it opened the datastore has failed to restore") {
  const auto report = drill_with("echo 'Configuring sqlite3 database connection pooling'; kill -KILL $$");
  if (!report) return;
  CHECK(phase_of(*report, "datastore").verdict == core::CheckVerdict::fail);
  CHECK(findings_of(phase_of(*report, "datastore")).starts_with("the control plane was killed by signal 9"));
}

TEST_CASE("a control plane that makes a new cluster instead of restoring has failed") {
  const auto report = drill_with(R"(
echo 'Configuring sqlite3 database connection pooling'
echo 'Kine available at unix://kine.sock'
echo 'Saving cluster bootstrap data to datastore'
exec sleep 1000)");
  if (!report) return;
  CHECK(phase_of(*report, "datastore").verdict == core::CheckVerdict::pass);
  const drill::Phase& bootstrap = phase_of(*report, "bootstrap");
  CHECK(bootstrap.verdict == core::CheckVerdict::fail);
  CHECK(findings_of(bootstrap) == "it made a new cluster instead of restoring this one\n");
}

TEST_CASE("a control plane that never gets ready could not be run, and the token it printed is not repeated") {
  const auto report = drill_with("echo \"listening, my token is $(cat /tmp/token)\"; exec sleep 1000", 1s);
  if (!report) return;
  const drill::Phase& start = phase_of(*report, "start");
  CHECK(start.verdict == core::CheckVerdict::could_not_run);
  CHECK(start.duration >= 1s);
  CHECK(start.duration < 4s);
  const std::string said = findings_of(start);
  CHECK(said.find("not ready after 1") != std::string::npos);
  CHECK(said.find("listening, my token is") != std::string::npos);
  std::string secret = core::read_file(*seed_candidate().token);
  secret.erase(secret.find_last_not_of('\n') + 1);
  secret.erase(0, secret.rfind(':') + 1);
  REQUIRE(secret.size() >= 8);
  CHECK(said.find(secret) == std::string::npos);
  CHECK(said.find("***") != std::string::npos);
}
