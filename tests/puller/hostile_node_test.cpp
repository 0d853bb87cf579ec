// A node that lies: in the place of drill-node a script that says what it likes, behind a real sshd. Whatever it says,
// the pull ends soon, the store is as it was, and the message says what went on.
#include <fmt/format.h>
#include <sys/resource.h>

#include "core/clock.hpp"
#include "puller/programs.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

using Catch::Matchers::Contains;

namespace {

constexpr std::chrono::seconds kSoon{30};
const std::string kSha256(64, 'a');

// What an honest one says first.
std::string greeting() {
  for (const puller::NodeProgram& program : puller::node_programs())
    if (program.arch == "x86_64")
      return "printf 'k3s-drill 1\\nfact helper_sha256 " + std::string(program.sha256) +
             "\\nfact arch x86_64\\nfact helper_version 1\\nfact clock_nanoseconds 1\\n'\n";
  return {};
}

// From here on drill-node is this shell text.
void become(const lab::Node& node, const std::string& lines) {
  node.run("mkdir -p /var/lib/k3s-drill && cd /var/lib/k3s-drill && cat >drill-node <<'SCRIPT'\n#!/bin/sh\n" +
           greeting() + lines + "\nSCRIPT\nchmod 700 drill-node");
}

puller::Target impatient(const lab::Node& node) {
  puller::Target target = node.target();
  target.answer_timeout = std::chrono::seconds(2);
  target.limits.read_transaction = std::chrono::seconds(1);
  target.least_bytes_per_second = 1U << 20U;
  return target;
}

// The error of a pull that ended soon and stored nothing.
std::string attack(const lab::Node& node, const std::string& lines, const puller::Target& target) {
  become(node, lines);
  lab::Shelf shelf;
  const core::Stopwatch watch;
  std::string error = lab::try_pull(target, shelf.store);
  INFO(lines << "\n" << error);
  CHECK(watch.elapsed() < kSoon);
  CHECK(shelf.files().empty());
  CHECK(error.find('\n') == std::string::npos);
  return error;
}

std::string attack(const lab::Node& node, const std::string& lines) { return attack(node, lines, impatient(node)); }

}  // namespace

TEST_CASE("a node that goes on and on is given up, whatever it says meanwhile") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const std::string image = "printf 'copying\\nimage 4096 100 " + kSha256 + "\\n'; ";
  for (const std::string& lines :
       {std::string("while echo alive; do sleep 0.05; done"), std::string("while echo alive; do :; done"),
        std::string("while echo 'fact k3s_version v1'; do sleep 0.05; done"),
        std::string("while echo 'fact told later x'; do sleep 0.05; done"), image + "while echo 'block 0'; do :; done",
        image + "while printf x; do sleep 0.2; done",
        "printf 'copying\\nitem state.db 1000000 " + kSha256 + "\\n'; while printf x; do sleep 0.2; done",
        std::string("while echo noise >&2; do echo alive; done")})
    CHECK_THAT(attack(node, lines), Contains("goes on without coming to its end") || Contains("makes no sense"));
}

TEST_CASE("a node that floods its error output and says nothing else is given up") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  puller::Target target = impatient(node);
  target.idle_timeout = std::chrono::seconds(2);
  CHECK_THAT(attack(node, "while echo 'a flood of words' >&2; do :; done", target),
             Contains("goes on without coming to its end") || Contains("no word from the node"));
}

TEST_CASE("a database that is announced too large is refused before a byte of it is received") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const auto item = [](const std::string& size) {
    return "printf 'copying\\nitem state.db " + size + " " + kSha256 + "\\n'; exec cat /dev/zero";
  };
  puller::Target target = impatient(node);
  for (const std::string& lines :
       {item("18446744073709551615"), item("17179869185"),
        "printf 'copying\\nimage 65536 4294967295 " + kSha256 + "\\n'",
        std::string("printf 'fact database_size_bytes 17179869185\\ncopying\\n'; while echo alive; do sleep 1; done")})
    CHECK_THAT(attack(node, lines, target), Contains("limits.database"));
  target.limits.database_bytes = 1ULL << 62U;
  CHECK_THAT(attack(node, item("1152921504606846976"), target), Contains("No space left on device"));
  CHECK_THAT(attack(node, "printf 'copying\\nitem token 18446744073709551615 " + kSha256 + "\\n'; exec cat /dev/zero"),
             Contains("more than the 1048576 that a snapshot takes of one file"));
}

TEST_CASE("a version that is none is left out with a warning, and the pull goes on") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  for (const std::string& version : {std::string("v1.36\\377\\376"), std::string("v1\\033]0;x\\007"),
                                     std::string("v1\\302\\233x"), std::string("v") + std::string(300, '1')}) {
    node.run("cat >/usr/local/bin/k3s <<'SCRIPT'\n#!/bin/sh\nprintf 'k3s version " + version +
             " (1)\\n'\nSCRIPT\nchmod 755 /usr/local/bin/k3s");
    lab::Shelf shelf;
    const puller::PullReport report = puller::pull(node.target(), shelf.store);
    INFO(version);
    CHECK(report.snapshot.manifest.k3s_version.empty());
    CHECK(shelf.store.find("edge/latest").manifest.k3s_version.empty());
    CHECK_THAT(fmt::format("{}", fmt::join(report.node.warnings, " ")), Contains("k3s_version"));
  }
}

TEST_CASE("more files, or larger ones, than a snapshot takes are refused by the limit's name") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const auto pull = [&] {
    lab::Shelf shelf;
    std::string error = lab::try_pull(node.target(), shelf.store);
    CHECK(shelf.files().empty());
    return error;
  };
  node.run(
      "mkdir -p /etc/rancher/k3s/config.yaml.d && cd /etc/rancher/k3s/config.yaml.d && "
      "for i in $(seq 8000); do echo \"node-label: [a=$i]\" >$i.yaml; done");
  // Which of the two is met first is the node's speed: it gathers for ten seconds.
  CHECK_THAT(pull(), Contains("put the parts of config.yaml.d there together") || Contains("more than the 1000 files"));
  node.run("cd /etc/rancher/k3s/config.yaml.d && for i in $(seq 1200 8000); do rm -f $i.yaml; done");
  CHECK_THAT(pull(), Contains("more than the 1000 files"));
  node.run("cd /etc/rancher/k3s/config.yaml.d && rm -f *.yaml && head -c 1048577 /dev/zero >a.yaml");
  CHECK_THAT(pull(), Contains("1048576"));
  node.run(
      "cd /etc/rancher/k3s/config.yaml.d && rm -f *.yaml && for i in $(seq 20); do head -c 1000000 /dev/zero >$i.yaml; "
      "done");
  CHECK_THAT(pull(), Contains("16777216"));
}

TEST_CASE("of links among the configs those are taken along in which nobody but root has a hand") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  for (const puller::Method method : {puller::Method::helper, puller::Method::sqlite3}) {
    INFO((method == puller::Method::helper ? "drill-node" : "sqlite3"));
    std::string warnings;
    const auto stored = [&] {
      lab::Shelf shelf;
      const puller::PullReport report = puller::pull(node.target(method), shelf.store);
      warnings = fmt::format("{}", fmt::join(report.node.warnings, " "));
      std::string names;
      for (const store::BundleFile& file : report.snapshot.manifest.bundle)
        if (file.path.starts_with("config.yaml.d-")) names += file.path.substr(14) + " ";
      return names;
    };
    node.run(
        "rm -rf /etc/rancher/k3s/config.yaml.d && mkdir -p /etc/rancher/k3s/config.yaml.d/..v1 /srv/k3s /srv/user && "
        "cd /etc/rancher/k3s/config.yaml.d && echo 'debug: true' >..v1/kept.yaml && ln -s ..v1 ..data && "
        "ln -s ..data/kept.yaml inside.yaml && echo 'debug: false' >/srv/k3s/of-root.yaml && "
        "ln -s /srv/k3s/of-root.yaml of-root.yaml && echo 'debug: true' >plain.yaml && mkfifo pipe.yaml && { [ -p "
        "/etc/default/k3s ] || mkfifo /etc/default/k3s; }");
    CHECK(stored() == "inside.yaml of-root.yaml plain.yaml ");
    CHECK_THAT(warnings, !Contains("is a link to another place"));
    // A link of root's that leads through one of somebody else's.
    node.run(
        "ln -sf /etc/shadow /srv/user/k3s.yaml && chown -h 1000:1000 /srv/user /srv/user/k3s.yaml && "
        "ln -s /srv/user/k3s.yaml /etc/rancher/k3s/config.yaml.d/through.yaml");
    CHECK(stored() == "inside.yaml of-root.yaml plain.yaml ");
    CHECK_THAT(warnings, Contains("through.yaml is a link to another place"));
    // A directory of somebody else's.
    node.run(
        "cd /etc/rancher/k3s/config.yaml.d && rm through.yaml && ln -s /etc/shadow stolen.yaml && chown -h 1000:1000 "
        "stolen.yaml .");
    CHECK(stored() == "plain.yaml ");
    CHECK_THAT(warnings, Contains("stolen.yaml is a link") && Contains("of-root.yaml is a link"));
    // The directory itself as a link.
    node.run(
        "cd /etc/rancher/k3s && rm -rf /root/private && mv config.yaml.d /root/private && ln -s /root/private "
        "config.yaml.d && chown -h 1000:1000 config.yaml.d");
    CHECK(stored().empty());
    CHECK_THAT(warnings, Contains("config.yaml.d is a link to another place"));
  }
}

TEST_CASE("a config of aliases that would grow without end costs a pull nothing") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  std::string bomb = "a0: &a0 [" + std::string(900'000, 'x') + "]\n";
  for (int i = 1; i < 60; ++i)
    bomb +=
        fmt::format("a{}: &a{} [{}]\n", i, i, fmt::join(std::vector<std::string>(10, fmt::format("*a{}", i - 1)), ","));
  node.run("printf '%s' '" + bomb.substr(0, 9) +
           "' >/etc/rancher/k3s/config.yaml; head -c 900000 /dev/zero | tr '\\0' x "
           ">>/etc/rancher/k3s/config.yaml; cat >>/etc/rancher/k3s/config.yaml <<'END'\n" +
           bomb.substr(900'009) + "END\n");
  lab::Shelf shelf;
  const core::Stopwatch watch;
  struct rusage before {};
  ::getrusage(RUSAGE_SELF, &before);
  const std::string error = lab::try_pull(node.target(), shelf.store);
  struct rusage after {};
  ::getrusage(RUSAGE_SELF, &after);
  INFO(error);
  CHECK(watch.elapsed() < kSoon);
  CHECK(error.empty());
  CHECK(after.ru_maxrss - before.ru_maxrss < 300 * 1024);  // KiB
}
