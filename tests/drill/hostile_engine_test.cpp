// Engines that lie, point elsewhere or never end: small programs in the place of a control plane.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <thread>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "drill/drill.hpp"
#include "drill/engine/http.hpp"
#include "drill/engine/kubeconfig.hpp"
#include "drill/sandbox/inside.hpp"
#include "reports/text.hpp"
#include "tests/catch.hpp"
#include "tests/drill/loopback.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

constexpr std::string_view kVersion = "v1.37.2+standin1";

// An engine whose answer to --version begins with `first`, and that is `server` (shell) when it is started.
struct Engine {
  core::ScratchDir scratch;
  drill::DrillOptions options;

  explicit Engine(const std::string& server, const std::string& first = "") {
    const std::filesystem::path program = scratch.path() / "engine";
    core::write_new_file(program,
                         fmt::format("#!/bin/sh\nif [ \"$1\" = --version ]; then {}\necho 'k3s version {} (1)'; "
                                     "exit; fi\n{}\n",
                                     first, kVersion, server));
    ::chmod(program.c_str(), 0755);
    options.engine.kind = drill::EngineKind::standin;
    options.engine.standin_path = program;
    options.ready_timeout = 20s;
  }

  /// What the phase `start` says, and how long the drill took.
  std::pair<std::string, std::chrono::nanoseconds> drill() const {
    const drill::DrillReport report = drill::run({seed_candidate()}, options);
    CHECK(report.leftovers.empty());
    return {findings_of(phase_of(report, "start")), report.duration};
  }
};

bool has_seed() {
  if (::access(standin_program().c_str(), X_OK) == 0) return true;
  std::cout << "test skipped: no stand-in control plane to make a snapshot with (scenarios/standin/build.sh)\n";
  return false;
}

std::string encoded(const std::string& text) { return core::encode_base64(text); }

const std::string kPem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

std::string hostile_kubeconfig(const std::string& server, const std::string& certificate = kPem) {
  return fmt::format(R"(clusters:
- name: default
  cluster: {{server: '{}', certificate-authority-data: {}}}
users:
- name: default
  user: {{client-certificate-data: {}, client-key-data: {}, exec: {{command: /bin/stolen, apiVersion: v1}}}}
- name: other
  user: {{exec: {{command: /bin/stolen}}}}
contexts:
- {{name: other, context: {{cluster: default, user: other}}}}
current-context: other
)",
                     server, encoded(kPem), encoded(certificate), encoded(kPem));
}

// Answers its one client with what `write` writes.
template <class Write>
std::string answer_of(drill::HttpOptions options, std::chrono::milliseconds time, Write write) {
  const Listener listener;
  std::thread server([&] { write(listener.accept().get()); });
  std::string said;
  try {
    drill::HttpClient client(std::move(options));
    client.finish_by(std::chrono::steady_clock::now() + time);
    said = client.get(fmt::format("http://127.0.0.1:{}/readyz", listener.port)).body;
  } catch (const core::Error& error) {
    said = fmt::format("{}: {}", core::to_string(error.kind()), error.what());
  }
  server.join();
  return said;
}

}  // namespace

TEST_CASE("an engine that is asked its version runs in a sandbox: it sees no /etc/shadow and writes nothing here") {
  const core::ScratchDir here;
  ::chmod(here.path().c_str(), 0777);
  const std::string mark = (here.path() / "was-here").string();
  const Engine engine("exit 1", fmt::format("[ ! -r /etc/shadow ] || exit 1; touch {} 2>/dev/null;", mark));
  CHECK(drill::choose_engine(engine.options.engine, std::string(kVersion)).version == kVersion);
  CHECK_FALSE(std::filesystem::exists(mark));
}

TEST_CASE("an engine that says its version without end is refused, and so is one that is no version") {
  for (const char* first : {"yes;", "printf 'k3s version \\033]0;owned\\007 (1)\\n'; exit;"}) {
    const Engine engine("exit 1", first);
    CHECK_THROWS_WITH(drill::choose_engine(engine.options.engine, std::string(kVersion)),
                      Contains("does not answer --version as k3s does"));
  }
}

TEST_CASE("a kubeconfig that is a link, a pipe, or has no end keeps nobody waiting, and nothing of the host is read") {
  if (!has_seed()) return;
  const std::map<std::string, std::string> engines{
      {"ln -s /etc/passwd /tmp/kubeconfig.yaml", "Too many levels of symbolic links"},
      {"mkfifo /tmp/kubeconfig.yaml", "it is no regular file"},
      {"mkdir /tmp/kubeconfig.yaml", "it is no regular file"},
      {"head -c 2000000 /dev/zero >/tmp/kubeconfig.yaml", "it is larger than 1048576 bytes"}};
  for (const auto& [server, words] : engines) {
    INFO(server);
    const auto [said, duration] = Engine(server + "; sleep 1000").drill();
    CHECK_THAT(said, Contains("the engine's kubeconfig.yaml: " + words));
    CHECK(duration < 15s);
  }
}

TEST_CASE("an engine that dies and leaves a child that fills the log does not hold up the drill") {
  if (!has_seed()) return;
  const auto [said, duration] = Engine("(while :; do echo noise; done) & exit 3").drill();
  CHECK_THAT(said, Contains("ended with exit code 3"));
  CHECK(duration < 15s);
}

TEST_CASE("the last words of an engine are shown, and steer no terminal") {
  if (!has_seed()) return;
  const Engine engine("printf 'level=fatal msg=\"\\033]0;owned\\007 \\302\\233 \\342\\200\\256 gone\"\\n'; exit 3");
  const drill::DrillReport report = drill::run({seed_candidate()}, engine.options);
  const std::string text = reports::shown(reports::run_text(report, reports::Colour::no), reports::Colour::no);
  INFO(text);
  CHECK_THAT(text, Contains("owned"));
  for (const char* raw : {"\x1b", "\x07", "\xc2\x9b", "\xe2\x80\xae"}) CHECK_THAT(text, !Contains(raw));
}

TEST_CASE("a socket inside is opened where it is, and no link is followed to one of the host") {
  const core::ScratchDir here;
  const core::Fd root = core::open_file(here.path(), O_RDONLY | O_DIRECTORY);
  const core::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  (here.path() / "kine.sock").string().copy(name.sun_path, sizeof name.sun_path - 1);
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  CHECK(drill::socket_inside(root.get(), "kine.sock"));
  std::filesystem::create_symlink("kine.sock", here.path() / "link.sock");
  std::filesystem::create_directory_symlink("/tmp", here.path() / "elsewhere");
  core::write_new_file(here.path() / "file", "");
  CHECK_THROWS_WITH(drill::socket_inside(root.get(), "link.sock"), Contains("it is no socket"));
  CHECK_THROWS_WITH(drill::socket_inside(root.get(), "elsewhere/kine.sock"), Contains("Not a directory"));
  CHECK_THROWS_WITH(drill::socket_inside(root.get(), "../kine.sock"), Contains("Invalid cross-device link"));
  CHECK_THROWS_WITH(drill::socket_inside(root.get(), "file"), Contains("it is no socket"));
  CHECK_THROWS_WITH(drill::socket_inside(root.get(), "nothing"), Contains("No such file"));
}

TEST_CASE("of an engine's kubeconfig only address and certificates are passed on, and no program that it names") {
  const drill::Kubeconfig config = drill::parse_kubeconfig(hostile_kubeconfig("https://127.0.0.1:6443"));
  CHECK(config.server == "https://127.0.0.1:6443");
  const std::string ours = drill::kubeconfig_for(config, 4711);
  CHECK_THAT(ours, Contains("server: https://127.0.0.1:4711\n") && !Contains("exec") && !Contains("stolen"));
  const drill::Kubeconfig again = drill::parse_kubeconfig(ours);
  CHECK(again.ca_pem == kPem);
  CHECK(again.key_pem.view() == kPem);
}

TEST_CASE("a kubeconfig whose server is no address, or whose certificate is none, is refused") {
  for (const char* server :
       {"", "http://127.0.0.1:6443", "https://", "https://a/b", "https://user@host", "file:///etc"})
    CHECK_THROWS_WITH(drill::parse_kubeconfig(hostile_kubeconfig(server)), Contains("names no server"));
  CHECK_THROWS_WITH(drill::parse_kubeconfig(hostile_kubeconfig("https://a", "/etc/shadow")), Contains("is no PEM"));
  CHECK_THROWS_AS(drill::parse_kubeconfig("clusters: []"), core::Error);
}

TEST_CASE("an answer without end is cut off at its most, in its body and in its headers") {
  drill::HttpOptions options;
  options.most_answer_bytes = 1U << 20U;
  const auto endless = [](const std::string& begin, const std::string& more) {
    return [=](int peer) {
      send_all(peer, begin);
      while (send_all(peer, more)) {
      }
    };
  };
  const std::string block(1U << 16U, 'x');
  CHECK_THAT(answer_of(options, 30s, endless("HTTP/1.1 200 OK\r\n\r\n", block)), Contains("larger than 1048576 bytes"));
  CHECK_THAT(answer_of(options, 30s, endless("HTTP/1.1 200 OK\r\n", "x: " + std::string(4000, 'y') + "\r\n")),
             Contains("127.0.0.1"));
}

TEST_CASE("an answer that drips is over at the deadline of its phase") {
  const auto began = std::chrono::steady_clock::now();
  const std::string said = answer_of({}, 500ms, [](int peer) {
    send_all(peer, "HTTP/1.1 200 OK\r\n\r\n");
    while (send_all(peer, "x")) std::this_thread::sleep_for(20ms);  // the drip
  });
  CHECK_THAT(said, Contains("timeout: "));
  CHECK(std::chrono::steady_clock::now() - began < 10s);
}
