#include "tests/lab_node.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"

namespace lab {
namespace {

const std::string kLab = DRILL_SOURCE_DIR "/scenarios/lab/lab";
const std::string kDatabase = "/var/lib/rancher/k3s/server/db/state.db";

std::vector<std::string> up_command(const std::vector<std::string>& options, ControlPlane control_plane) {
  std::vector<std::string> argv{kLab, "up"};
  if (control_plane == ControlPlane::no) argv.push_back("--without-k3s");
  argv.insert(argv.end(), options.begin(), options.end());
  return argv;
}

// Reads `fd` until `end` has come by.
std::string read_until(int fd, const std::string& end) {
  std::string text;
  char buffer[4096];
  while (text.find(end) == std::string::npos) {
    if (!core::wait_for(fd, POLLIN, std::chrono::seconds(30)))
      throw std::runtime_error("no " + end + " after: " + text);
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) throw std::runtime_error("ended before " + end + ": " + text);
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

}  // namespace

std::string missing() {
  if (::geteuid() != 0) return "a lab node needs root";
  for (const char* program : {"/usr/sbin/sshd", "/usr/bin/sqlite3", "/usr/bin/sudo", "/usr/bin/ssh-agent"})
    if (!std::filesystem::exists(program)) return std::string(program) + " is missing";
  return {};
}

Node::Node(const std::vector<std::string>& options, ControlPlane control_plane)
    : child_(std::make_unique<core::Child>(up_command(options, control_plane))) {
  std::string text = read_until(child_->output_fd(), "LAB_READY\n");
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const std::string line = text.substr(0, newline);
    if (const std::size_t equals = line.find('='); equals != std::string::npos)
      variables_[line.substr(0, equals)] = line.substr(equals + 1);
    text.erase(0, newline + 1);
  }
}

// The lab tears down when its stdin ends; its output ends with it.
Node::~Node() {
  child_->close_stdin();
  char buffer[4096];
  while (::read(child_->output_fd(), buffer, sizeof buffer) > 0) {
  }
  eventually([&] { return child_->exit_code().has_value(); });
}

puller::Target Node::target(puller::Method method) const {
  puller::Target target;
  target.method = method;
  target.cluster = "edge";
  target.host = variable("LAB_HOST");
  target.port = std::stoi(variable("LAB_PORT"));
  target.user = variable("LAB_USER");
  target.identity = variable("LAB_IDENTITY");
  target.known_hosts = variable("LAB_KNOWN_HOSTS");
  target.ssh_config = "/dev/null";
  return target;
}

std::vector<std::string> Node::command(const std::string& script) const {
  return {kLab, "exec", variable("LAB_INIT_PID"), "--", "sh", "-ec", script};
}

std::string Node::run(const std::string& script) const {
  core::CommandResult result = core::run_command({command(script), std::chrono::seconds(60)});
  if (result.exit_code != 0) throw std::runtime_error(script + "\n" + result.out + result.err);
  while (result.out.ends_with('\n')) result.out.pop_back();
  return result.out;
}

std::string Node::type_cure(const std::string& message) const {
  run("cat >/tmp/cure <<'END OF CURE'\n" + cure(message, "on the node") + "\nEND OF CURE");
  return run("script -qec \"$(cat /tmp/cure)\" /dev/null </dev/null");
}

void Node::configure_sshd(const std::string& lines) const {
  // sshd writes its PID file once it listens again.
  run("cat >>/etc/ssh/sshd_config <<'END'\n" + lines +
      "END\nsshd=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $sshd\nuntil [ -s /run/sshd.pid ]; do sleep 0.05; "
      "done");
}

void Node::cut_connections() const {
  // Not one that is made anew meanwhile.
  run("connections=$(pgrep -f '^sshd: [u]buntu'); kill -KILL $connections 2>/dev/null || true\n"
      "for one in $connections; do while kill -0 $one 2>/dev/null; do sleep 0.05; done; done");
}

void Node::allow_only(const std::string& sudoers) const {
  run("printf '%s\\n' '" + sudoers +
      "' >/etc/sudoers.new; chmod 440 /etc/sudoers.new; visudo -cf /etc/sudoers.new >/dev/null; mv /etc/sudoers.new "
      "/etc/sudoers");
}

// A character device 0:0 in an upper layer is how overlayfs says "deleted".
void Node::hide_sqlite3() const {
  run("mkdir /run/hidden; mknod /run/hidden/sqlite3 c 0 0\n"
      "mount -t overlay overlay /usr/bin -o ro,lowerdir=/run/hidden:/usr/bin; ! command -v sqlite3");
}

void Node::install_busybox() const {
  run("/usr/bin/busybox --install -s /usr/local/sbin; test \"$(readlink \"$(command -v sh)\")\" = /usr/bin/busybox");
}

void Node::make_database(int rows, int value_bytes) const {
  run("mkdir -p /var/lib/rancher/k3s/server/db /etc/rancher/k3s/config.yaml.d; cd /var/lib/rancher/k3s/server\n"
      "printf 'K10%064d::server:canary-in-the-token\\n' 7 >token; chmod 600 token\n"
      "printf 'node-name: lab\\ntls-san: [lab]\\n' >/etc/rancher/k3s/config.yaml\n"
      "printf 'write-kubeconfig-mode: \"0600\"\\n' >'/etc/rancher/k3s/config.yaml.d/10 mode.yaml'\n"
      "sqlite3 db/state.db >/dev/null <<'END'\n"
      "PRAGMA journal_mode=WAL;\n"
      "CREATE TABLE kine(id INTEGER PRIMARY KEY AUTOINCREMENT, name INTEGER, created INTEGER, deleted INTEGER,\n"
      "  create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);\n"
      "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine(name, prev_revision);\n"
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      std::to_string(rows) +
      ")\n"
      "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value)\n"
      "  SELECT '/registry/configmaps/default/c' || i, 1, 0, 0, 0, 0, randomblob(" +
      std::to_string(value_bytes) +
      ") FROM n;\n"
      "END\n"
      "chmod 600 db/state.db");
}

Writer::Writer(const Node& node) : Writer(node, "sqlite3", kDatabase) {}

Writer::Writer(const Node& node, const std::string& program, const std::string& database)
    : child_(node.command("exec " + program + " -batch " + database)) {
  // Nothing checkpoints by itself, so that the WAL stays what the test made it.
  execute("PRAGMA wal_autocheckpoint=0");
}

Writer::~Writer() { child_.close_stdin(); }

void Writer::execute(const std::string& sql) {
  core::write_all(child_.stdin_fd(), sql + ";\n.print done\n", "sqlite3");
  read_until(child_.output_fd(), "done\n");
}

std::unique_ptr<core::Child> start_busy_writer(const Node& node) {
  auto child = std::make_unique<core::Child>(
      node.command("yes \"INSERT INTO kine(name, created, deleted, prev_revision, lease, value) VALUES"
                   "('/registry/leases/l' || random(), 1, 0, 0, 0, zeroblob(300));\" | sqlite3 -batch " +
                   kDatabase));
  const auto newest = [&] {
    return node.run("sqlite3 -readonly " + kDatabase + " '.timeout 5000' 'SELECT max(id) FROM kine'");
  };
  const std::string before = newest();
  if (!eventually([&] { return newest() != before; })) throw std::runtime_error("the writer does not write");
  return child;
}

std::vector<std::filesystem::path> Shelf::files() const {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.path() / "store"))
    if (entry.path().filename() != ".lock" && entry.path().filename() != "edge") found.push_back(entry.path());
  return found;
}

bool eventually(const std::function<bool()>& condition, int seconds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    core::pause_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string left_behind(const Node& node, int seconds) {
  std::string left;
  eventually(
      [&] {
        left = node.run(
            "set +e  # what is looked at may be gone a little later\n"
            "find / -xdev -name '.k3s-drill-*' 2>/dev/null; find /var/lib/rancher -name '.k3s-drill-*' 2>/dev/null\n"
            "for p in /proc/[0-9]*; do\n"
            "  command=$(tr '\\0' ' ' <$p/cmdline 2>/dev/null)\n"
            "  case $command in 'sudo -n '* | 'sh ' | 'sleep '* | 'cat ' | /var/lib/k3s-drill/drill-node*)\n"
            "    echo \"$p, child of $(sed -n 's/^PPid:[^0-9]*//p' $p/status 2>/dev/null): $command\" ;; esac\n"
            "done; true");
        return left.empty();
      },
      seconds);
  return left;
}

Fork::Fork(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  pid_ = ::fork();
  if (pid_ == 0) {
    ::close(ends[0]);
    std::string result;
    try {
      result = work();
    } catch (const std::exception& error) {
      result = std::string("unexpected: ") + error.what();
    }
    core::write_all(ends[1], result, "pipe");
    ::_exit(0);
  }
  ::close(ends[1]);
  out_ = core::Fd(ends[0]);
}

Fork::~Fork() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void Fork::signal(int number) const { ::kill(pid_, number); }

std::string Fork::result() {
  std::string text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(out_.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<std::size_t>(got));
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
  return text;
}

std::string cure(const std::string& message, const std::string& where) {
  const std::string mark = where == "here" ? "; type: " : "; type " + where + ": ";
  const std::size_t found = message.find(mark);
  if (found == std::string::npos) throw std::runtime_error("nothing to type " + where + " in: " + message);
  return message.substr(found + mark.size());
}

void type_cure_here(const std::string& message) {
  const core::CommandResult result = core::run_command({{"sh", "-ec", cure(message, "here")}, std::chrono::minutes(1)});
  if (result.exit_code != 0) throw std::runtime_error(message + "\n" + result.out + result.err);
}

std::string try_pull(const puller::Target& target, store::Store& store) {
  try {
    puller::pull(target, store);
    return {};
  } catch (const core::Error& error) {
    return std::string(core::to_string(error.kind())) + ": " + error.what();
  }
}

std::string query(store::Store& store, const store::Snapshot& snapshot, const std::string& sql) {
  const core::ScratchDir scratch;
  store.extract(snapshot, scratch.path() / "state.db");
  core::CommandResult result =
      core::run_command({{"sqlite3", (scratch.path() / "state.db").string(), sql}, std::chrono::seconds(60)});
  return result.out.substr(0, result.out.find('\n')) + result.err;
}

}  // namespace lab
