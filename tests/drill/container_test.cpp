#include "drill/engine/container.hpp"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "drill/drill.hpp"
#include "drill/sandbox/owner.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;

namespace {

core::CommandResult docker(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "docker");
  return core::run_command({std::move(arguments), 60s});
}

bool becomes_true(const std::function<bool()>& condition, std::chrono::seconds patience = 30s) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    core::pause_for(20ms);
  }
  return false;
}

std::string containers() { return docker({"ps", "-a", "--format", "{{.Names}} {{.Status}}"}).out; }

// Nothing of a drill is left in docker: no container, and no volume that one had.
bool docker_is_clean() { return containers().empty() && docker({"volume", "ls", "-q"}).out.empty(); }

// A docker daemon of this test's own: nothing of it is outside its directory, and it ends with us.
class DockerDaemon {
 public:
  DockerDaemon() {
    std::string program = core::find_program("dockerd");
    if (program.empty() && ::access("/usr/sbin/dockerd", X_OK) == 0) program = "/usr/sbin/dockerd";
    if (::geteuid() != 0) trouble_ = "a docker daemon needs root";
    if (program.empty() || core::find_program("docker").empty()) trouble_ = "no docker here (docker.io)";
    if (!trouble_.empty()) return;
    const std::string directory = scratch_.path().string();
    ::setenv("DOCKER_HOST", ("unix://" + directory + "/socket").c_str(), 1);
    ::setenv("DOCKER_CONFIG", (directory + "/config").c_str(), 1);
    ::unsetenv("DOCKER_CONTEXT");
    daemon_.emplace(std::vector<std::string>{"/bin/sh", "-c", R"(exec "$@" > "$0" 2>&1)", directory + "/log", program,
                                             "--host", "unix://" + directory + "/socket", "--data-root",
                                             directory + "/data", "--exec-root", directory + "/exec", "--pidfile",
                                             pid_file().string(), "--bridge", "none", "--iptables=false",
                                             "--containerd-namespace", "k3s-drill-test"});
    const bool up = becomes_true([&] { return daemon_->exit_code() || docker({"version"}).exit_code == 0; });
    if (!up || daemon_->exit_code()) trouble_ = "dockerd does not start: " + last_log_line();
  }

  ~DockerDaemon() {
    if (!daemon_) return;
    std::ifstream file(pid_file());
    pid_t pid = 0;
    if (file >> pid && pid > 1 && !daemon_->exit_code()) ::kill(pid, SIGTERM);
    becomes_true([&] { return daemon_->exit_code().has_value(); });
    daemon_.reset();
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
      std::istringstream fields(line);
      std::string device, target;
      if (fields >> device >> target && target.starts_with(scratch_.path().string() + "/"))
        ::umount2(target.c_str(), MNT_DETACH);
    }
  }

  /// Why there is no daemon; empty when there is one.
  const std::string& trouble() const { return trouble_; }

 private:
  std::filesystem::path pid_file() const { return scratch_.path() / "pid"; }

  std::string last_log_line() const {
    std::ifstream log(scratch_.path() / "log");
    std::string last;
    for (std::string line; std::getline(log, line);) last = line;
    return last;
  }

  core::ScratchDir scratch_;
  std::optional<core::Child> daemon_;
  std::string trouble_;
};

// True when the case can run; says why when it cannot.
bool have_docker() {
  static const DockerDaemon daemon;
  if (!daemon.trouble().empty()) std::cout << "test skipped: " << daemon.trouble() << "\n";
  return daemon.trouble().empty();
}

bool have_standin() {
  const bool there = ::access(standin_program().c_str(), X_OK) == 0;
  if (!there) std::cout << "test skipped: no stand-in control plane (scenarios/standin/build.sh)\n";
  return there;
}

void make_image(const std::filesystem::path& k3s, const std::string& image) {
  const core::CommandResult made =
      core::run_command({{DRILL_SOURCE_DIR "/tests/drill/make_image.sh", k3s.string(), image}, 120s});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
}

// The stand-in's image under the name that k3s's has for this version. Once: it is large.
void make_standin_image(std::string version) {
  static bool made = false;
  if (made) return;
  version.replace(version.find('+'), 1, "-");
  make_image(standin_program(), "rancher/k3s:" + version);
  made = true;
}

drill::DrillOptions container_options() {
  drill::DrillOptions options;
  options.engine.kind = drill::EngineKind::container;
  options.ready_timeout = 60s;
  return options;
}

// A drill into an image whose k3s is `script`, once it has told its version.
drill::DrillReport drill_of_script(const std::string& script, const drill::Caps& caps = {}) {
  const core::ScratchDir scratch;
  const std::filesystem::path k3s = scratch.path() / "k3s";
  core::write_new_file(
      k3s,
      "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'k3s version v1.36.2+k3s1 (0a1b2c3d)'; exit; fi\n" + script);
  std::filesystem::permissions(k3s, std::filesystem::perms::owner_all);
  make_image(k3s, "drill-test/script:1");
  drill::DrillOptions options = container_options();
  options.engine.image = "drill-test/script:1";
  options.caps = caps;
  return drill::run({seed_candidate()}, options);
}

constexpr int kCancelled = 42;

// A drill in a process of its own that gets `signal` (0: none) when `phase` begins; by then its container is up, except
// in the phases up to `place` and in the last. Returns when it has got it.
pid_t drill_that_gets(const std::string& phase, int signal) {
  const drill::Candidate seed = seed_candidate();
  make_standin_image(seed.k3s_version);
  int report[2];
  REQUIRE(::pipe(report) == 0);
  const pid_t drill_pid = ::fork();
  REQUIRE(drill_pid >= 0);
  if (drill_pid == 0) {
    ::close(report[0]);
    core::install_cancel_handlers();
    int exit_code = 0;
    try {
      const drill::DrillReport told = drill::run({seed}, container_options(), [&](std::string_view doing) {
        if (doing != phase) return;
        const std::string up = signal != 0 ? containers() : "";
        [[maybe_unused]] auto put = ::write(report[1], (up + "!").data(), up.size() + 1);
        ::raise(signal);
      });
      exit_code = told.rto && told.objects.equal() && told.leftovers.empty() ? 0 : 3;
    } catch (const core::Error& error) {
      exit_code = error.kind() == core::ErrorKind::cancelled ? kCancelled : 1;
    }
    ::_exit(exit_code);
  }
  ::close(report[1]);
  const core::Fd progress(report[0]);
  std::string said(4096, '\0');
  const ssize_t got = ::read(progress.get(), said.data(), said.size());
  REQUIRE(got > 0);
  CAPTURE(said);
  const bool before = phase == "select" || phase == "fetch" || phase == "verify" || phase == "place";
  if (signal != 0 && !before) CHECK(said.starts_with("k3s-drill-" + std::to_string(drill_pid) + " Up"));
  return drill_pid;
}

}  // namespace

TEST_CASE(
    "a snapshot is restored in a container of its own version's image, every object matches and nothing is left") {
  if (!have_standin() || !have_docker()) return;
  const drill::Candidate seed = seed_candidate();
  make_standin_image(seed.k3s_version);

  const drill::DrillReport report = drill::run({seed}, container_options());

  for (const drill::Phase& phase : report.phases) {
    INFO(phase.name << ": " << findings_of(phase));
    CHECK(phase.verdict == (phase.name == "control" ? core::CheckVerdict::skipped : core::CheckVerdict::pass));
  }
  REQUIRE(report.engine);
  CHECK(report.engine->kind == drill::EngineKind::container);
  CHECK(report.engine->version == seed.k3s_version);
  CHECK(report.objects.expected > 100);
  CHECK(report.objects.matched == report.objects.expected);
  CHECK(report.objects.equal());
  CHECK(report.rto);
  CHECK(report.leftovers.empty());
  CHECK(containers() == "");
}

TEST_CASE("when the drill is killed at any phase its container goes with it") {
  if (!have_standin() || !have_docker()) return;
  for (const char* phase : {"select", "fetch", "verify", "place", "start", "datastore", "bootstrap", "ready", "list",
                            "prove", "teardown"}) {
    INFO(phase);
    const pid_t drill_pid = drill_that_gets(phase, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(drill_pid, &status, 0) == drill_pid);
    CHECK(WIFSIGNALED(status));
    CHECK(becomes_true(docker_is_clean));
  }
}

TEST_CASE("two drills at once in containers of the same image both pass and leave nothing") {
  if (!have_standin() || !have_docker()) return;
  const std::array<pid_t, 2> drills{drill_that_gets("start", 0), drill_that_gets("start", 0)};
  const std::string both = containers();
  CAPTURE(both);
  CHECK(std::count(both.begin(), both.end(), '\n') == 2);
  for (const pid_t drill_pid : drills) {
    int status = 0;
    REQUIRE(::waitpid(drill_pid, &status, 0) == drill_pid);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(docker_is_clean());
}

TEST_CASE("when the drill is killed before the database is placed its container goes with it") {
  if (!have_standin() || !have_docker()) return;
  // While it copies the database it does nothing but that; the container has been made by then.
  const pid_t drill_pid = drill_that_gets("place", 0);
  CHECK(becomes_true([&] { return containers().starts_with("k3s-drill-" + std::to_string(drill_pid) + " Up "); }));
  ::kill(drill_pid, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(drill_pid, &status, 0) == drill_pid);
  CHECK(becomes_true([] { return containers().empty(); }));
}

TEST_CASE("a cancelled drill has removed its container when it ends") {
  if (!have_standin() || !have_docker()) return;
  const pid_t drill_pid = drill_that_gets("bootstrap", SIGTERM);
  int status = 0;
  REQUIRE(::waitpid(drill_pid, &status, 0) == drill_pid);
  CHECK(containers() == "");
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == kCancelled);
}

TEST_CASE("a control plane that dies in its container is quoted and its container is gone") {
  if (!have_standin() || !have_docker()) return;
  const drill::DrillReport report = drill_of_script(R"(
echo 'level=info msg="Configuring sqlite3 database connection pooling: maxIdleConns=2"'
echo 'level=fatal msg="starting kubernetes: it will not"'
exit 1
)");
  const drill::Phase& datastore = phase_of(report, "datastore");
  CHECK(datastore.verdict == core::CheckVerdict::fail);
  CHECK(findings_of(datastore) == "the control plane ended with exit code 1: starting kubernetes: it will not\n");
  REQUIRE(report.engine);
  CHECK(report.engine->version == "v1.36.2+k3s1");
  CHECK(phase_of(report, "teardown").verdict == core::CheckVerdict::pass);
  CHECK(report.leftovers.empty());
  CHECK(docker_is_clean());
}

TEST_CASE("in its container an engine has no capability, gets none, and can write only to what is its own") {
  if (!have_standin() || !have_docker()) return;
  const drill::DrillReport report = drill_of_script(R"(
while read -r name value; do
  case $name in CapPrm:|CapEff:|CapBnd:|CapAmb:|NoNewPrivs:|Seccomp:) said="${said-}$name$value " ;; esac
done < /proc/self/status
for place in / /bin /etc /sys /proc/sys/kernel /sys/fs/cgroup/memory; do
  if (: > $place/written) 2> /dev/null; then said="$said wrote to $place"; fi
done
(: > /drill/written) && (: > /etc/rancher/written) && (: > /var/lib/rancher/k3s/written) && (: > /tmp/written)
echo "level=fatal msg=\"$said\""
)");
  CHECK(findings_of(phase_of(report, "start")) ==
        "the control plane ended with exit code 0: CapPrm:0000000000000000 CapEff:0000000000000000 "
        "CapBnd:0000000000000000 CapAmb:0000000000000000 NoNewPrivs:1 Seccomp:2 \n");
  CHECK(docker_is_clean());
}

TEST_CASE("an engine that reaches a cap in its container is stopped, and the drill says which") {
  if (!have_standin() || !have_docker()) return;
  const drill::DrillReport memory = drill_of_script("x=xxxxxxxx; while :; do x=$x$x; done\n", {256U << 20U, 4096});
  CHECK(findings_of(phase_of(memory, "start")).starts_with("the control plane was stopped at caps.memory"));
  CHECK(phase_of(memory, "start").verdict == core::CheckVerdict::could_not_run);
  const drill::DrillReport pids = drill_of_script("while :; do sh -c 'kill -STOP $$' & done\n", {1U << 30U, 64});
  CHECK(findings_of(phase_of(pids, "start")).starts_with("the control plane was stopped at caps.pids"));
  CHECK(docker_is_clean());
}

TEST_CASE("a container that a dead drill left is removed by the next one, and one of a living drill is not") {
  if (!have_docker()) return;
  const std::filesystem::path shell = "/bin/sh";
  make_image(shell, "drill-test/idle:1");
  const auto leave = [](const std::string& name, const std::string& mark) {
    return docker({"run", "-d", "--network", "none", "--name", name, "--label", "k3s-drill.owner=" + mark,
                   "--entrypoint", "/bin/sh", "drill-test/idle:1", "-c", ":"})
        .exit_code;
  };
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  ::waitpid(dead, nullptr, 0);
  REQUIRE(leave("dead", std::to_string(dead) + ".1") == 0);
  REQUIRE(leave("living", drill::owner_mark()) == 0);
  REQUIRE(leave("namesake", std::to_string(::getpid()) + ".1") == 0);

  drill::remove_orphaned_containers();

  const std::string left = containers();
  docker({"rm", "-f", "living"});
  CAPTURE(left);
  CHECK(left.starts_with("living "));
  CHECK(std::count(left.begin(), left.end(), '\n') == 1);
}

TEST_CASE("the cases run on a release of k3s and in containers of its image") {
  if (!have_standin() || !have_docker()) return;
  const char* client = std::getenv("DRILL_CLIENT");
  if (client == nullptr || ::access(client, X_OK) != 0) {
    std::cout << "test skipped: no kubectl (scenarios/client/build.sh, DRILL_CLIENT)\n";
    return;
  }
  const core::ScratchDir scratch;
  const core::CommandResult made = core::run_command(
      {{DRILL_SOURCE_DIR "/tests/drill/make_image.sh", standin_program().string(), "drill-test/scenario:1", client},
       120s});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  // As a release of k3s: what it says of its version is all that tells it from one.
  const std::filesystem::path release = scratch.path() / "v1.37.2+k3s1";
  std::filesystem::create_directory(release);
  const core::CommandResult planted =
      core::run_command({{DRILL_SOURCE_DIR "/scenarios/standin/plant", standin_program().string(),
                          (release / "k3s").string(), "version=v1.37.2+k3s1"},
                         60s});
  REQUIRE(planted.exit_code == 0);
  core::write_new_file(release / "sha256sum-amd64.txt", core::hash_file(release / "k3s").sha256 + "  k3s\n");
  const core::CommandResult ran = core::run_command(
      {{"env", "K3S_IMAGE=drill-test/scenario:1", "K3S_RELEASE_URL=file://" + scratch.path().string(),
        "DRILL_PROGRAM=" DRILL_BINARY_DIR "/bin/drill", DRILL_SOURCE_DIR "/scenarios/k3s/run", "v1.37.2+k3s1",
        (scratch.path() / "results").string(), "--", "newest-corrupt", "node-disk-dead", "ignores-sigterm"},
       280s});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 0);
  CHECK(ran.out.find("2 passed, 0 failed, 1 skipped") != std::string::npos);
  CHECK(std::filesystem::exists(scratch.path() / "results/container.xml"));
  CHECK(containers() == "");
}

TEST_CASE("an image that is not here is not pulled but named with the command that does") {
  if (!have_docker()) return;
  try {
    drill::find_container("rancher/k3s:%v", "v1.36.2+k3s1");
    FAIL("found an image");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::not_found);
    CHECK(std::string(error.what()) == "no image rancher/k3s:v1.36.2-k3s1 here: docker pull rancher/k3s:v1.36.2-k3s1");
  }
}

TEST_CASE("a version that is none of k3s's names no image") {
  for (const char* version : {"v1.36.2@sha256:0", "v1.36.2 --privileged", "latest", "v1.36.2:5000/other"})
    CHECK_THROWS_WITH(drill::find_container("rancher/k3s:%v", version), Catch::Contains("is no k3s version"));
}
