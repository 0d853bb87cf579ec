// What happens to a node: its disk, its files, its k3s, its sudo, its sshd.
#include <fmt/format.h>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/shell_quote.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

using core::shell_quoted;

constexpr std::chrono::seconds kReady{90};
const std::string kUnit = "/etc/systemd/system/k3s.service";
const std::string kDatabase = "/var/lib/rancher/k3s/server/db/state.db";

Node& node_of(Room& room, const Arguments& arguments) { return room.node(arguments.text("node")); }

// Runs `script`, whose %NAME is an argument as one word of a shell.
Fault on_node(std::string_view name, std::string_view about, std::vector<Argument> arguments, std::string script) {
  const std::vector<Argument> own = arguments;
  arguments.insert(arguments.begin(), {"node", Kind::node, "which", "edge"});
  return {name, about, std::move(arguments), Need::node, [own, script](Room& room, const Arguments& given) {
            std::string filled = script;
            for (const Argument& argument : own) {
              const std::string mark = "%" + std::string(argument.name);
              for (std::size_t at = 0; (at = filled.find(mark, at)) != std::string::npos;) {
                const std::string value = shell_quoted(given.text(argument.name));
                filled.replace(at, mark.size(), value);
                at += value.size();
              }
            }
            node_of(room, given).run(filled, kReady);
          }};
}

std::string wait_for_api() {
  return "for i in $(seq 900); do\n"
         "  [ -s /etc/rancher/k3s/k3s.yaml ] && systemctl is-active --quiet k3s &&\n"
         "    grep -q 'k3s is up and running' /var/log/k3s.log && exit 0\n"
         "  sleep 0.1\ndone\ntail -n 5 /var/log/k3s.log; exit 1\n";
}

void reinstall(Room& room, const Arguments& arguments) {
  node_of(room, arguments)
      .run(
          "systemctl stop k3s\n"
          "find /var/lib/rancher/k3s -mindepth 1 -delete 2>/dev/null || true\n"
          "rm -f /etc/rancher/k3s/k3s.yaml /etc/rancher/node/password /var/log/k3s.log\n"
          "systemctl start k3s\n" +
              wait_for_api(),
          kReady);
}

void lose_node(Room& room, const Arguments& arguments) { node_of(room, arguments).end(); }

void start_k3s(Room& room, const Arguments& arguments) {
  node_of(room, arguments).run("rm -f /var/log/k3s.log\nsystemctl start k3s\n" + wait_for_api(), kReady);
}

// A stand-in of k3s moves the -wal into state.db when it ends. The real one leaves it, and so does this one while
// another program has the database open.
void stop_k3s(Room& room, const Arguments& arguments) {
  Node& node = node_of(room, arguments);
  if (arguments.text("wal") == "removed") {
    node.run("systemctl stop k3s", kReady);
    return;
  }
  node.run(
      "db=" + kDatabase +
          "\n"
          "(echo 'SELECT count(*) FROM kine;'; exec sleep 60) 2>/dev/null | sqlite3 -readonly $db >/run/held 2>&1 &\n"
          "holder=$!; until [ -s /run/held ]; do sleep 0.02; done\n"
          "systemctl stop k3s; kill -KILL $holder; [ -s $db-wal ]",
      kReady);
}

void lead_elsewhere(Room& room, const Arguments&) { room.lead_to_spare(); }

// As an operator does it who knows nothing of a write-ahead log.
void copy_database(Room& room, const Arguments& arguments) {
  Node& node = node_of(room, arguments);
  const std::string wal = arguments.text("wal");
  const std::filesystem::path from = node.variable("LAB_ROOT") + kDatabase;
  const auto put = [](const std::filesystem::path& source, const std::filesystem::path& target) {
    std::filesystem::copy_file(source, target, std::filesystem::copy_options::overwrite_existing);
  };
  const std::filesystem::path target = room.directory() / arguments.text("as");
  if (wal != "only") put(from, target);
  if (wal == "with" || wal == "only") put(from.string() + "-wal", target.string() + "-wal");
  put(node.variable("LAB_ROOT") + "/var/lib/rancher/k3s/server/token", room.directory() / "token");
}

}  // namespace

std::vector<Fault> node_faults() {
  const Argument path{"path", Kind::text, "absolute, on the node"};
  const Argument which{"node", Kind::node, "which", "edge"};
  return {
      {"lose-node", "the node is gone for good, and its disk with it", {which}, Need::node, lose_node},
      on_node("write-file", "a file of the node is written, or overwritten",
              {path, {"content", Kind::text, "all of it"}},
              "mkdir -p \"$(dirname %path)\"; printf '%s\\n' %content >%path"),
      on_node("remove-file", "a file or directory of the node is gone", {path}, "ls -d %path >/dev/null; rm -rf %path"),
      on_node("move-file", "a file or directory of the node is moved",
              {path, {"to", Kind::text, "absolute, on the node"}}, "mkdir -p \"$(dirname %to)\"; mv %path %to"),
      on_node("empty-file", "a file of the node has 0 bytes, as a crash of its file system may leave it", {path},
              "ls -d %path >/dev/null; : >%path"),
      {"stop-k3s",
       "k3s is stopped, as by systemctl",
       {which,
        {"wal",
         Kind::choice,
         "stays: state.db-wal is left, as after every clean stop of a real k3s, and not as of the stand-in",
         "removed",
         {"removed", "stays"}}},
       Need::node,
       stop_k3s},
      on_node("copy-file", "a file or directory of the node is copied, with owner, mode and times",
              {path, {"to", Kind::text, "absolute, on the node"}}, "mkdir -p \"$(dirname %to)\"; cp -a %path %to"),
      on_node("set-k3s-flag", "the unit starts k3s with this flag from the next start on",
              {{"flag", Kind::text, "as --data-dir; in place of the one that is there"},
               {"value", Kind::text, "its value, without spaces"}},
              "flag=%flag value=%value; sed -i \"/^ExecStart=/{s| $flag [^ ]*||;s|\\$| $flag $value|}\" " + kUnit),
      on_node("drop-k3s-flag", "the unit starts k3s without this flag from the next start on",
              {{"flag", Kind::text, "one without a value, as --secrets-encryption"}},
              "flag=%flag; grep -q -e \"$flag\" " + kUnit + "; sed -i \"/^ExecStart=/s| $flag||\" " + kUnit),
      {"start-k3s", "k3s is started, and is up", {which}, Need::node, start_k3s},
      on_node("fail-k3s", "k3s is started, and ends by itself", {},
              "rm -f /var/log/k3s.log; systemctl start k3s\n"
              "for i in $(seq 600); do systemctl is-active --quiet k3s || exit 0; sleep 0.1; done; exit 1"),
      on_node(
          "kill-k3s", "k3s is killed, as by the kernel when memory runs out", {},
          "kill -KILL \"$(cat /run/k3s.pid)\"; while kill -0 \"$(cat /run/k3s.pid)\" 2>/dev/null; do sleep 0.05; done"),
      {"reinstall-k3s",
       "the node is set up anew: its data is gone, and the installer has started a new cluster",
       {which},
       Need::node,
       reinstall},
      on_node("fill-disk", "the file system of k3s's data is full, but for so much",
              {{"leave", Kind::size, "what stays free", "0B"}},
              "cd /var/lib/rancher; leave=%leave\n"
              "case $leave in *KiB) leave=$((${leave%KiB} * 1024));; *MiB) leave=$((${leave%MiB} * 1048576));; *B) "
              "leave=${leave%B};; esac\n"
              "free=$(df --output=avail -B1 . | tail -n 1); head -c $((free - leave)) /dev/zero >filler 2>/dev/null || "
              "true"),
      on_node("free-disk", "what filled the disk is removed", {}, "rm -f /var/lib/rancher/filler"),
      on_node("refuse-sudo", "the user may no longer use sudo", {},
              "printf 'root ALL=(ALL:ALL) ALL\\n' >/etc/sudoers.new; chmod 440 /etc/sudoers.new; mv /etc/sudoers.new "
              "/etc/sudoers"),
      on_node("login-noise", "a login prints this, whoever logs in", {{"text", Kind::text, "what"}},
              "printf 'echo %s\\n' \"$(printf '%s' %text | sed \"s/'/'\\\\\\\\''/g; s/^/'/; s/$/'/\")\" "
              ">/home/ubuntu/.bashrc; "
              "chown ubuntu /home/ubuntu/.bashrc"),
      on_node("change-host-key", "the node has another ssh host key, as after a reinstallation", {},
              "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key\n"
              "sshd=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $sshd; until [ -s /run/sshd.pid ]; do sleep "
              "0.05; done"),
      on_node(
          "limit-sessions", "sshd allows so many sessions on a connection", {{"count", Kind::whole, "MaxSessions"}},
          "sed -i '/^MaxSessions/d' /etc/ssh/sshd_config; printf 'MaxSessions %s\\n' %count >>/etc/ssh/sshd_config\n"
          "sshd=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $sshd; until [ -s /run/sshd.pid ]; do sleep 0.05; "
          "done"),
      {"lead-elsewhere",
       "the host of edge leads to the spare node, as after a slip in the config or in DNS",
       {},
       Need::node,
       lead_elsewhere},
      {"copy-database",
       "somebody copies state.db with cp to where the commands are typed, and the token beside it",
       {which,
        {"as", Kind::text, "the name of the copy", "state.db"},
        {"wal",
         Kind::choice,
         "whether the -wal is copied along, or nothing but it",
         "without",
         {"without", "with", "only"}}},
       Need::node,
       copy_database},
  };
}

}  // namespace scenarios
