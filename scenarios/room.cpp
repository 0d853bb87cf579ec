#include "scenarios/room.hpp"

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/atomic_file.hpp"
#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/yaml_writer.hpp"
#include "scenarios/image_changes.hpp"

namespace scenarios {
namespace {

constexpr std::chrono::minutes kLongestCommand{3};
constexpr std::chrono::seconds kPatience{60};
// Long enough for one that dies at once; a case that is about dying later says how long it watches.
constexpr std::string_view kAliveFor = "alive_for: 1s\n";

// As a shell would, with single quotes and nothing else.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  bool begun = false;
  for (const char letter : line) {
    if (letter == '\'') {
      quoted = !quoted;
      begun = true;
    } else if (!quoted && (letter == ' ' || letter == '\n')) {
      if (begun) words.push_back(std::exchange(word, {}));
      begun = false;
    } else {
      word += letter;
      begun = true;
    }
  }
  if (begun) words.push_back(word);
  return words;
}

// A case calls its cluster edge.
std::string renamed(std::string word, const std::string& cluster) {
  if (word == "edge" || word.starts_with("edge/")) word.replace(0, 4, cluster);
  return word;
}

std::string indented(const core::YamlNode& map, const std::string& indent) {
  if (map.entries.empty()) return {};
  std::string text;
  std::string rest = core::write_yaml(map);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size() - 1);
    text += indent + rest.substr(0, end + 1);
    rest.erase(0, end + 1);
  }
  return text;
}

std::string read_if_there(const std::filesystem::path& file) {
  std::error_code error;
  return std::filesystem::is_regular_file(file, error) ? core::read_file(file) : std::string();
}

}  // namespace

Room::Room(const Case& one, const Tools& tools, std::filesystem::path directory)
    : case_(one), tools_(tools), directory_(std::move(directory)), cluster_config_(one.given.cluster_config) {
  cluster_config_.kind = core::YamlNode::Kind::map;
  std::filesystem::create_directories(directory_ / "logs");
  std::filesystem::create_directory(directory_ / "tmp");
  std::filesystem::create_directory(store());
}

void Room::furnish() {
  const Given& given = case_.given;
  if (given.store_bytes) {
    const std::string size = fmt::format("mode=700,size={}", *given.store_bytes);
    if (::mount("store", store().c_str(), "tmpfs", 0, size.c_str()) != 0)
      throw core::system_error(errno, "making a file system for the store");
    mounts_.push_back(store());
  }
  for (const auto& [name, state] : {std::pair{"edge", given.node}, {"spare", given.spare}}) {
    if (state == NodeState::none) continue;
    note(fmt::format("node {} comes up", name));
    const std::filesystem::path program =
        given.needs_systemd ? tools_.scenarios / "container/node" : tools_.node_program;
    nodes_[name] = std::make_unique<Node>(program, node_options(state, name));
  }
  set_engine(tools_.k3s);
  if (!given.objects.empty()) kubectl("edge", {"apply", "-f", "-"}, given.objects);
  take_snapshots();
}

Room::~Room() {
  const core::CancelShield shield;
  children_.clear();
  nodes_.clear();
  for (const std::filesystem::path& mounted : mounts_) ::umount2(mounted.c_str(), MNT_DETACH);
}

std::filesystem::path Room::seed() const {
  std::vector<std::string> argv{(tools_.scenarios / "lab/seed").string(), "--k3s", tools_.k3s.string()};
  if (case_.given.cluster == "small") argv.insert(argv.end(), {"--namespaces", "3"});
  const core::CommandResult made = core::run_command({argv, std::chrono::minutes(5)});
  if (made.exit_code != 0) throw core::Error(core::ErrorKind::storage, "no cluster for the case: " + made.err);
  return made.out.substr(0, made.out.find('\n'));
}

std::vector<std::string> Room::node_options(NodeState state, const std::string& name) const {
  std::vector<std::string> options{"--name", name, "--k3s", tools_.k3s.string()};
  std::string flags = case_.given.k3s_flags;
  if (tools_.engine != "standin") flags += " --disable-agent";  // a lab node has no place for containers
  if (case_.given.cluster == "encrypted") flags += " --secrets-encryption";
  if (!flags.empty()) options.insert(options.end(), {"--k3s-args", flags});
  if (const auto size = case_.given.disk_bytes) options.insert(options.end(), {"--disk", std::to_string(*size)});
  if (state == NodeState::bare) options.emplace_back("--without-k3s");
  if (state == NodeState::installed) options.emplace_back("--never-started");
  if (state == NodeState::running && case_.given.cluster != "encrypted")
    options.insert(options.end(), {"--seed", seed().string()});
  return options;
}

void Room::set_engine(const std::filesystem::path& program) {
  engine_ = program;
  write_config();
}

void Room::lead_to_spare() {
  node("spare");
  leads_to_spare_ = true;
  write_config();
}

void Room::write_config() {
  std::string text = fmt::format("store: {}\n", store().string()) + indented(case_.given.config, "");
  if (tools_.game_day) {
    text += tools_.game_day->config + fmt::format("clusters:\n  {}:\n    host: 127.0.0.1\n", cluster()) +
            indented(cluster_config_, "    ");
    return core::write_file_atomically(directory_ / "config.yaml", text);
  }
  if (case_.given.config.find("alive_for") == nullptr) text += kAliveFor;
  if (tools_.engine == "container")
    text += fmt::format("engines:\n  container:\n    image: {}\n", tools_.image);
  else
    text += fmt::format("engines:\n  {}:\n    path: {}\n", tools_.engine, engine_.string());
  text += "clusters:\n";
  if (nodes_.empty()) text += "  edge:\n    host: 127.0.0.1\n" + indented(cluster_config_, "    ");
  for (const auto& [name, node] : nodes_) {
    const Node& meant = leads_to_spare_ ? *nodes_.at("spare") : *node;
    text += meant.config_lines(name) + (name == "edge" ? indented(cluster_config_, "    ") : "");
  }
  core::write_file_atomically(directory_ / "config.yaml", text);
}

void Room::take_snapshots() {
  if (tools_.game_day) {
    std::filesystem::copy(tools_.game_day->snapshots, store() / cluster(), std::filesystem::copy_options::recursive);
    return;
  }
  for (std::size_t i = 0; i < case_.given.pulls; ++i) {
    Step pull;
    pull.drill = "pull edge";
    if (const Outcome outcome = run_drill(pull); outcome.exit_code != 0)
      throw core::Error(core::ErrorKind::storage, "the case's first pulls should pass: " + in_one_line(outcome));
  }
  for (const std::chrono::nanoseconds age : case_.given.ages) import_image(age);
}

// The first is the case's cluster, or on a game day the newest there is.
void Room::begin_images(const std::filesystem::path& image) {
  if (!tools_.game_day) {
    const std::filesystem::path server = seed() / "server";
    core::copy_file(server / "db/state.db", image);
    core::copy_file(server / "token", directory_ / "token");
    return;
  }
  Step extract;
  extract.drill = fmt::format("extract edge/latest --out '{}'", image.string());
  if (const Outcome outcome = run_drill(extract); outcome.exit_code != 0)
    throw core::Error(core::ErrorKind::storage, "the newest snapshot is no image: " + in_one_line(outcome));
  core::copy_file(snapshot("latest") / "token", directory_ / "token");
}

void Room::import_image(std::chrono::nanoseconds age, const std::string& change) {
  const std::filesystem::path images = directory_ / "images";
  if (std::filesystem::create_directory(images)) begin_images(images / "current");
  const core::UtcTime taken = std::chrono::floor<std::chrono::seconds>(core::utc_now() - age);
  touch_image(images / "current", taken - std::chrono::seconds(20), change);
  const std::filesystem::path named = images / ("state.db." + core::format_compact(taken));
  std::filesystem::copy_file(images / "current", named);
  Step import;
  import.drill = fmt::format("import --cluster edge --token-file token --ignore-mtime '{}'", named.string());
  if (const Outcome outcome = run_drill(import); outcome.exit_code != 0)
    throw core::Error(core::ErrorKind::storage, "an image was not imported: " + in_one_line(outcome));
  std::filesystem::remove(named);
}

Node& Room::node(const std::string& name) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end())
    throw core::Error(core::ErrorKind::usage, fmt::format("the case has no node {}: say so in 'given'", name));
  return *found->second;
}

std::vector<std::filesystem::path> Room::snapshots() const {
  std::vector<std::filesystem::path> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(store() / cluster(), none))
    if (entry.is_directory() && !entry.path().filename().string().starts_with('.')) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

std::filesystem::path Room::snapshot(const std::string& which) const {
  const std::vector<std::filesystem::path> all = snapshots();
  std::size_t index = 0;
  if (which == "latest")
    index = all.size() - 1;
  else if (which == "previous")
    index = all.size() - 2;
  else if (which != "oldest")
    index = std::stoul(which);
  if (index >= all.size())
    throw core::Error(core::ErrorKind::usage, fmt::format("there is no snapshot '{}': edge has {}", which, all.size()));
  return all[index];
}

std::optional<Outcome> Room::take(const Step& step) {
  if (step.fault == nullptr) return run_drill(step);
  note(fmt::format("fault {}", step.fault->name));
  core::in_context(fmt::format("fault {}", step.fault->name), [&] { step.fault->inflict(*this, step.arguments); });
  return std::nullopt;
}

std::vector<std::string> Room::differences(const Outcome& outcome, const std::vector<Expectation>& expected) {
  std::vector<std::string> found;
  for (const Expectation& one : expected) {
    const std::string as_written = fmt::format("{}", fmt::join(texts_of(one.expected), ", "));
    if (const std::string differs = one.word->differs(*this, outcome, one.expected); !differs.empty())
      found.push_back(
          fmt::format("{}: expected {} '{}', and {}", outcome.command, one.word->name, as_written, differs));
  }
  return found;
}

std::vector<std::string> Room::differences(const Step& step, const Outcome& outcome) {
  std::vector<std::string> found = outcome.meanwhile;
  const std::vector<std::string> own = differences(outcome, step.expect);
  found.insert(found.end(), own.begin(), own.end());
  if (step.expect.empty() && outcome.exit_code != 0)
    found.push_back(fmt::format("{}: exit code {}: {}", outcome.command, outcome.exit_code, in_one_line(outcome)));
  return found;
}

// {latest}, {previous} and {oldest} are a snapshot's name, any other {NAME} is a fact.
std::string Room::filled_in(std::string line) const {
  for (std::size_t open = 0; (open = line.find('{', open)) != std::string::npos;) {
    const std::size_t close = line.find('}', open);
    if (close == std::string::npos) break;
    const std::string name = line.substr(open + 1, close - open - 1);
    const auto fact = facts.find(name);
    const std::string value = fact == facts.end() ? snapshot(name).filename().string() : fact->second;
    line.replace(open, close + 1 - open, value);
    open += value.size();
  }
  return line;
}

Outcome Room::run_drill(const Step& step) {
  const std::string line = filled_in(step.drill);
  const std::vector<std::string> words = words_of(line);
  const std::string number = fmt::format("{:02}-{}", ++commands_, words.at(0));
  const std::filesystem::path out = directory_ / "logs" / (number + ".json");
  const std::filesystem::path err = directory_ / "logs" / (number + ".log");
  std::vector<std::string> argv{"/bin/sh",
                                "-c",
                                R"(cd "$0" && out=$1 err=$2 && shift 2 && exec env "$@" >"$out" 2>"$err")",
                                directory_.string(),
                                out.string(),
                                err.string(),
                                "TMPDIR=" + (directory_ / "tmp").string()};
  if (!step.clock.empty())
    argv.insert(argv.end(), {fmt::format("LD_PRELOAD={}", kFakeTime), "FAKETIME=" + step.clock,
                             "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1"});
  argv.insert(argv.end(), {tools_.drill.string(), "--config", (directory_ / "config.yaml").string(), "-v", "--json"});
  for (const std::string& word : words) argv.push_back(renamed(word, cluster()));

  Outcome outcome;
  outcome.command = "drill " + line;
  note(outcome.command);
  const auto began = std::chrono::steady_clock::now();
  core::Child child(argv);
  child.close_stdin();
  const int outer = std::exchange(running_pid_, child.pid());
  pids_.push_back(child.pid());
  for (const Step& meanwhile : step.during) {
    const bool reached =
        meanwhile.at.empty() ||
        eventually([&] { return child.exit_code() || read_if_there(err).find(meanwhile.at) != std::string::npos; },
                   kPatience);
    if (!reached || (!meanwhile.at.empty() && read_if_there(err).find(meanwhile.at) == std::string::npos))
      throw core::Error(core::ErrorKind::timeout,
                        fmt::format("{} never said '{}': {}", outcome.command, meanwhile.at, err.string()));
    if (const std::optional<Outcome> other = take(meanwhile)) {
      const std::vector<std::string> found = differences(meanwhile, *other);
      outcome.meanwhile.insert(outcome.meanwhile.end(), found.begin(), found.end());
    }
  }
  eventually([&] { return child.exit_code().has_value(); }, kLongestCommand);
  running_pid_ = outer;
  outcome.duration = std::chrono::steady_clock::now() - began;
  if (!child.exit_code())
    throw core::Error(core::ErrorKind::timeout, fmt::format("{} does not end: {}", outcome.command, err.string()));
  outcome.exit_code = *child.exit_code();
  outcome.document = read_if_there(out);
  outcome.log = read_if_there(err);
  read_document(outcome);
  note(fmt::format("{}: exit code {} after {}", outcome.command, outcome.exit_code,
                   core::format_duration(outcome.duration)));
  return outcome;
}

std::filesystem::path Room::kubeconfig(const std::string& name) {
  std::string text = node(name).run("cat " + node(name).variable("LAB_KUBECONFIG"));
  if (const std::size_t local = text.find("127.0.0.1"); local != std::string::npos)
    text.replace(local, 9, node(name).variable("LAB_HOST"));
  const std::filesystem::path file = directory_ / ("kubeconfig-" + name);
  core::write_file_atomically(file, text);
  return file;
}

std::string Room::kubectl(const std::string& name, const std::vector<std::string>& arguments,
                          const std::string& input) {
  std::vector<std::string> argv{tools_.kubectl.string()};
  if (tools_.kubectl.filename() == "k3s-client") argv.emplace_back("kubectl");
  argv.insert(argv.end(), {"--kubeconfig", kubeconfig(name).string()});
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  if (!input.empty()) {
    const std::filesystem::path file = directory_ / "tmp/manifests.yaml";
    core::write_file_atomically(file, input);
    std::replace(argv.begin(), argv.end(), std::string("-"), file.string());
  }
  const core::CommandResult result = core::run_command({argv, kPatience});
  if (result.exit_code != 0)
    throw core::Error(core::ErrorKind::storage, fmt::format("kubectl {}: {}", fmt::join(arguments, " "), result.err));
  return result.out;
}

std::vector<std::string> words_of_object(const std::string& object) {
  const std::size_t first = object.find('/');
  const std::size_t last = object.rfind('/');
  std::vector<std::string> words{object.substr(0, first), object.substr(last + 1)};
  if (first != last) words.insert(words.end(), {"-n", object.substr(first + 1, last - first - 1)});
  return words;
}

bool Room::kubectl_finds(const std::string& name, const std::string& object) {
  std::vector<std::string> words = words_of_object(object);
  words.insert(words.begin(), "get");
  words.insert(words.end(), {"--ignore-not-found", "-o", "name"});
  return !kubectl(name, words).empty();
}

void Room::wait_for_connections_to_end() {
  eventually(
      [&] {
        return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& one) {
          return one.second->try_run("pgrep -f '^sshd: [u]buntu'").exit_code != 0;
        });
      },
      kPatience);
}

void Room::note(const std::string& what) {
  const auto since = std::chrono::steady_clock::now() - began_;
  const std::filesystem::path file = directory_ / "timeline.txt";
  const core::Fd fd = core::open_file(file, O_WRONLY | O_CREAT | O_APPEND);
  core::write_all(fd.get(), fmt::format("{:7.2f} s  {}\n", core::to_seconds(since), what), file);
}

void Room::collect_logs() noexcept {
  const core::CancelShield shield;
  for (const auto& [name, node] : nodes_) {
    for (const char* log : {"k3s", "sshd", "sudo"}) {
      try {
        const core::CommandResult said = node->try_run(fmt::format("cat /var/log/{}.log 2>/dev/null || true", log));
        core::write_file_atomically(directory_ / "logs" / fmt::format("{}-{}.log", name, log), said.out);
      } catch (...) {  // a node that is gone has no more to say
      }
    }
  }
}

}  // namespace scenarios
