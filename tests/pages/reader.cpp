#include "tests/pages/reader.hpp"

#include <cstdlib>
#include <map>
#include <regex>
#include <stdexcept>

#include "core/file.hpp"
#include "core/shell_quote.hpp"

namespace pages {
namespace {

const std::string kHost = "10.0.0.2";
const std::string kHome = "/home/reader";

// What is typed when a command asks, and what the page says in words to do after it.
struct Answer {
  std::string typed;
  std::string then;
};

const std::map<std::string, Answer> kAnswers{
    {"drill explore edge/latest", {"exit", ""}},
    {"drill restore edge/latest --to edge", {"edge", ""}},
    {"install -d -m 700 -o k3s-backup /srv/backups/k3s", {"", "chown -R k3s-backup: /srv/backups/k3s"}},
    {"sudo -u k3s-backup -H ssh-keygen -q -t ed25519 -N '' -f ~k3s-backup/.ssh/id_ed25519", {"", "let k3s-backup in"}},
};

// The first program of the machine. It ends with its stdin, and all mounts with it.
std::vector<std::string> machine_command(const std::string& scratch) {
  const std::string mounts =
      "mount -t tmpfs -o mode=755 machine " + scratch +
      "\nfor directory in etc usr/local var home srv; do\n"
      "  layers=" +
      scratch +
      "/$(basename $directory); mkdir -p $layers/upper $layers/work\n"
      "  mount -t overlay overlay /$directory -o lowerdir=/$directory,upperdir=$layers/upper,workdir=$layers/work\n"
      "done\n"
      "sed -i 's|^\\(root:.*\\):[^:]*:\\([^:]*\\)$|\\1:" +
      kHome +
      ":\\2|' /etc/passwd\n"
      "mkdir -p " +
      kHome + " /etc/drill /srv/backups /usr/local/bin; chmod 755 " + kHome +
      "\n"
      "rm -f /usr/local/bin/drill /usr/local/bin/k3s-standin /usr/local/bin/kubectl\n"
      "install -m 755 " +
      bench::drill_program() +
      " /usr/local/bin/drill\n"
      "for program in k3s-standin kubectl; do : >/usr/local/bin/$program; done\n"
      "mount --bind " +
      bench::standin_program() +
      " /usr/local/bin/k3s-standin\n"
      "mount --bind " +
      client_program() +
      " /usr/local/bin/kubectl\n"
      "echo ready; read -r end || true";
  return {"unshare", "--mount", "--propagation", "private", "sh", "-ec", mounts};
}

}  // namespace

std::string client_program() {
  const char* given = std::getenv("DRILL_CLIENT");
  return given != nullptr && *given != '\0' ? given : DRILL_SOURCE_DIR "/build/k3s-client";
}

Reader::Reader(const std::string& config, const std::string& sudoers)
    : machine_{core::Child(machine_command(scratch_.path())), {}} {
  for (const auto& [command, answer] : kAnswers) unanswered_.insert(command);
  if (!machine_.says("ready\n")) throw std::runtime_error("no machine: " + machine_.said);
  must("cat >/etc/drill/config.yaml <<'END'\n" + config + "END\nchmod 644 /etc/drill/config.yaml");
  node_.allow_only(sudoers);
  let_in("root", kHome);
  fill_cluster();
}

Reader::~Reader() { machine_.child.close_stdin(); }

core::CommandResult Reader::run(const std::string& script) const {
  const std::string desk = desks_ == 0 ? kHome : kHome + "/" + std::to_string(desks_);
  return core::run_command(
      {{"nsenter", "--mount=/proc/" + std::to_string(machine_.child.pid()) + "/ns/mnt", "env", "-i",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + kHome, "SHELL=/bin/sh",
        "LANG=C.UTF-8", "KUBECONFIG=" + kHome + "/kubeconfig", "sh", "-c", "cd " + desk + "\n" + script},
       std::chrono::minutes(3)});
}

void Reader::must(const std::string& script) const {
  if (const core::CommandResult result = run(script); result.exit_code != 0)
    throw std::runtime_error(script + "\n" + result.out + result.err);
}

void Reader::fill_cluster() const {
  must("sed 's|server: .*|server: https://" + node_.variable("LAB_HOST") + ":6443|' " + node_.variable("LAB_ROOT") +
       node_.variable("LAB_KUBECONFIG") + " >" + kHome + "/kubeconfig");
  must(
      // A plain state.db tells its k3s version by its nodes, and this cluster has just begun.
      "until kubectl get nodes -o name | grep -q .; do sleep 0.1; done\n"
      "kubectl create ns shop\nkubectl create deploy web -n shop --image=nginx\n"
      "kubectl create secret generic db -n shop --from-literal=password=x\n"
      "kubectl create clusterrole shop-reader --verb=get --resource=pods\n"
      "kubectl create clusterrolebinding shop-reader --clusterrole=shop-reader --serviceaccount=shop:default");
}

// The way to the node for one user of the machine, with a key of its own when it has one.
void Reader::let_in(const std::string& user, const std::string& home) const {
  const std::string ssh = home + "/.ssh";
  must("install -d -m 700 -o " + user + " " + ssh + "; cd " + ssh + "\n" + "[ -f id_ed25519 ] || install -m 600 " +
       node_.variable("LAB_IDENTITY") + " id_ed25519\n" + "printf 'Host " + kHost + "\\n  HostName " +
       node_.variable("LAB_HOST") + "\\n' >config\n" + "cp " + node_.variable("LAB_KNOWN_HOSTS") +
       " known_hosts\nchown " + user + " *\n" + "if [ -f id_ed25519.pub ]; then cat id_ed25519.pub >>" +
       node_.variable("LAB_ROOT") + "/home/ubuntu/.ssh/authorized_keys; fi");
}

void Reader::sit_down(const Block& block) {
  const std::string desk = kHome + "/" + std::to_string(desks_ + 1);
  must("mkdir -m 755 " + desk + " && mkdir -p " + desk + "/build/release/bin && cp " + bench::drill_program() + " " +
       desk + "/build/release/bin/drill");
  ++desks_;
  // The oldest one, so that what is stored under an older name is no newer than it says.
  must(
      "store=/srv/backups/k3s/edge; [ -d $store ] || exit 0; oldest=$(ls $store | head -n 1)\n"
      "drill --quiet extract edge/$oldest --out state.db && cp $store/$oldest/token .");
  static const std::regex timestamp("edge/([0-9]{8}T[0-9]{6}Z)");
  for (const Command& command : block.commands) {
    std::smatch found;
    if (!command.not_run.empty() || !std::regex_search(command.text, found, timestamp)) continue;
    const std::string name = found[1];
    must("drill show edge/" + name + " >/dev/null 2>&1 || { cp state.db state.db." + name +
         "; drill import --cluster edge --ignore-mtime --token-file token state.db." + name + "; }");
  }
}

core::CommandResult Reader::type(const std::string& command, const std::string& user) {
  const auto known = kAnswers.find(command);
  const Answer answer = known == kAnswers.end() ? Answer{} : known->second;
  unanswered_.erase(command);
  std::string line = command;
  // A hardened machine allows nobody a core dump.
  if (!user.empty()) line = "sudo -u " + user + " -H sh -c " + core::shell_quoted("ulimit -c 0; " + command);
  // What asks wants a terminal.
  if (known != kAnswers.end())
    line = "printf '%s\\n' " + core::shell_quoted(answer.typed) + " | script -qec " + core::shell_quoted(command) +
           " /dev/null";
  core::CommandResult result = run(line);
  if (answer.then == "let k3s-backup in")
    let_in("k3s-backup", "/home/k3s-backup");
  else if (!answer.then.empty())
    must(answer.then);
  return result;
}

}  // namespace pages
