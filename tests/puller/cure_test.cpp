// Troubles of a login that a message cures by a command (docs/messages.md): each is made on a node, told by a pull, and
// gone once the command has been typed as it stands. And the troubles beside them that are none.
#include "core/clock.hpp"
#include "core/error.hpp"
#include "ssh/session.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

std::string pull_of(const lab::Node& node) {
  lab::Shelf shelf;
  puller::Target target = node.target();
  target.idle_timeout = std::chrono::seconds(3);
  return lab::try_pull(target, shelf.store);
}

void write_bashrc(const lab::Node& node, const std::string& text) {
  node.run("cat >/home/ubuntu/.bashrc <<'END'\n" + text + "\nEND\nrm -rf /var/lib/k3s-drill");
}

}  // namespace

TEST_CASE("whatever a start file prints before a command, a pull finds what it is sent") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  for (const std::string noise : {"printf 'no newline'", "yes | head -c 1000000", "printf %99999d 1",
                                  "echo 'use \"sudo <command>\", see man sudo_root.' >&2"}) {
    CAPTURE(noise);
    write_bashrc(node, noise);
    CHECK(pull_of(node) == "");
  }
}

TEST_CASE("a start file that prints without end, or waits, is told as such and ended by what is typed") {
  NEEDS_LAB();
  const std::string trouble = GENERATE("yes", "sleep 1000");
  const lab::Node node;
  node.make_database();
  write_bashrc(node, trouble);
  const core::Stopwatch watch;
  const std::string error = pull_of(node);
  CHECK(watch.elapsed() < std::chrono::seconds(10));
  CHECK_THAT(error,
             Contains("start files") && Contains(trouble == "yes" ? "print more than 4 MiB" : "after the login"));
  node.type_cure(error);
  CHECK(pull_of(node) == "");
}

TEST_CASE("a sudo that wants a terminal lets a pull in once what its message says is typed") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  const std::string lines = "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\nubuntu ALL=(ALL) NOPASSWD: /bin/sh\n";
  // Before the directory of more lines, as on CentOS; behind it; and where no such directory is read.
  for (const std::string order : {"Defaults requiretty\n@includedir /etc/sudoers.d\n",
                                  "@includedir /etc/sudoers.d\nDefaults requiretty\n", "Defaults requiretty\n"}) {
    CAPTURE(order);
    node.allow_only(lines + order);
    const std::string error = pull_of(node);
    CHECK_THAT(error, StartsWith("denied: ") && Contains("wants a terminal"));
    node.type_cure(error);
    CHECK(pull_of(node) == "");
  }
}

TEST_CASE("a user who may not become root may once what the message says is typed, and may what was allowed before") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.allow_only("root ALL=(ALL:ALL) ALL\nubuntu ALL=(root) NOPASSWD: /usr/bin/id");
  const std::string error = pull_of(node);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("without a password"));
  node.run("echo LANG=C.UTF-8 >/etc/default/locale");
  node.type_cure(error);
  CHECK(pull_of(node) == "");
  CHECK(node.run("visudo -c >/dev/null && su ubuntu -c 'sudo -n id -u'") == "0");
}

TEST_CASE("an sshd that takes one command at a time on a connection is pulled") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.run("sed -i '/^MaxSessions/d' /etc/ssh/sshd_config");
  node.configure_sshd("MaxSessions 1\n");
  CHECK(pull_of(node) == "");  // drill-node is sent
  CHECK(pull_of(node) == "");
}

TEST_CASE("an sshd that takes no command at all takes one once what the message says is typed") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.run("sed -i '/^MaxSessions/d' /etc/ssh/sshd_config");
  node.configure_sshd("MaxSessions 0\n");
  const std::string error = pull_of(node);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("MaxSessions"));
  node.type_cure(error);
  CHECK(lab::eventually([&] { return pull_of(node).empty(); }));
}

TEST_CASE("an sshd that forwards nothing does so once what the message says is typed") {
  NEEDS_LAB();
  const std::string setting = GENERATE("AllowTcpForwarding no\n", "DisableForwarding yes\n");
  const lab::Node node;
  node.configure_sshd(setting);
  const auto forward = [&]() -> std::string {
    try {
      ssh::Session session(node.target());
      session.connect("127.0.0.1", 22);
      return "";
    } catch (const core::Error& error) {
      return error.what();
    }
  };
  const std::string error = forward();
  CHECK_THAT(error, Contains("forwards no connections"));
  node.type_cure(error);
  CHECK(lab::eventually([&] { return forward().empty(); }));
}

TEST_CASE("a drill-node of another drill that may not be replaced is replaced once what the message says is typed") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.run(
      "mkdir -m 700 /var/lib/k3s-drill; cd /var/lib/k3s-drill\n"
      "printf '#!/bin/sh\necho k3s-drill 1\necho fact helper_sha256 x\necho problem bad_request an old one\n' "
      ">drill-node\n"
      "chmod 700 drill-node");
  node.allow_only("root ALL=(ALL:ALL) ALL\n" + puller::sudoers_line(node.target(), "ubuntu"));
  const std::string error = pull_of(node);
  CHECK_THAT(error, Contains("does not understand this drill"));
  node.type_cure(error);
  CHECK(pull_of(node) == "");
}
