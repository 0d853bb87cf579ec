#include "restorer/node.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/error.hpp"
#include "core/file.hpp"
#include "puller/node_problem.hpp"
#include "puller/remote_script.hpp"

namespace restorer {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::uint64_t kKubeconfigBytes = 1U << 20U;

Manager manager_called(const std::string& name) {
  for (const Manager manager : {Manager::systemd, Manager::openrc, Manager::commands})
    if (name == to_string(manager)) return manager;
  return Manager::none;
}

Service service_called(const std::string& name) { return name == "running" ? Service::running : Service::stopped; }

Stage stage_called(const std::string& name) {
  if (name == "started") return Stage::started;
  return name == "changed" ? Stage::changed : Stage::claimed;
}

// "HASH FILE"
ConfiguredToken configured_token(std::string_view text) {
  ConfiguredToken token;
  token.sha256 = puller::take_word(text);
  token.file = text;
  return token;
}

RollBack roll_back_said(const puller::Conversation& shell) {
  return {shell.text("kept"), shell.text("stands"), service_called(shell.text("service"))};
}

}  // namespace

Node::Node(Settings settings) : settings_(std::move(settings)), session_(settings_.target) {}

std::unique_ptr<puller::Conversation> Node::start(puller::SshSession& session, const std::string& script) const {
  auto shell = std::make_unique<puller::Conversation>(settings_.target, session, puller::root_shell_command(), script);
  if (!shell->greeted())
    throw puller::no_root_shell(session.user(), settings_.target.host, shell->error_output(), shell->exit_status());
  return shell;
}

// To "end", or to what the node has against it.
void Node::run_to_end(puller::Conversation& shell) const {
  const puller::Line line = shell.next();
  if (line.word == "refused") throw Error(ErrorKind::storage, fmt::format("{}: {}", settings_.target.host, line.rest));
  if (line.word != "end") throw puller::no_stream("it says " + line.word);
}

NodeState Node::look() {
  NodeState state;
  const auto shell = start(session_, look_script(settings_));
  run_to_end(*shell);
  state.peer = session_.peer();
  state.k3s_version = shell->text("k3s_version");
  state.name = shell->text("name");
  state.manager = manager_called(shell->text("manager"));
  state.service = service_called(shell->text("service"));
  state.server = shell->text("server").empty() ? Server::absent : Server::present;
  if (!shell->text("database_size_bytes").empty()) state.database_size_bytes = shell->number("database_size_bytes");
  state.free_bytes = shell->number("free_bytes");
  state.ca_sha256 = shell->text("ca_sha256");
  state.token_ca = shell->text("token_ca");
  for (std::size_t i = 1; !shell->text(fmt::format("configured_token_{}", i)).empty(); ++i)
    state.configured_tokens.push_back(configured_token(shell->text(fmt::format("configured_token_{}", i))));
  state.missing_token_file = shell->text("missing_token_file");
  state.config_sha256 = shell->text("config_sha256");
  state.secrets_encryption = shell->text("secrets_encryption") == "on";
  state.other_data_dir = shell->text("other_data_dir");
  state.other_kubeconfig = shell->text("other_kubeconfig");
  if (shell->knows("unfinished")) state.unfinished = shell->text("unfinished");
  state.stage = stage_called(shell->text("stage"));
  state.owner = shell->text("owner");
  return state;
}

void Node::check_forwarding() {
  try {
    session_.connect("127.0.0.1", 6443);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreachable) throw;
  }
}

RollBack Node::mend() {
  const auto shell = start(session_, mend_script(settings_));
  run_to_end(*shell);
  return roll_back_said(*shell);
}

std::string Node::let_stand() {
  const auto shell = start(session_, let_stand_script(settings_));
  run_to_end(*shell);
  return shell->text("kept");
}

void Node::claim(const ScriptFacts& facts) {
  claim_ = start(session_, claim_script(facts));
  run_to_end(*claim_);
}

void Node::send(const ScriptFacts& facts, const std::filesystem::path& database, const std::filesystem::path& token) {
  const std::vector<std::pair<std::string, std::filesystem::path>> files{{"state.db", database}, {"token", token}};
  std::vector<Parcel> parcels;
  for (const auto& [name, path] : files) {
    const core::CopiedFile file = core::hash_file(path);
    parcels.push_back({name, file.size_bytes, file.sha256});
  }
  const auto shell = start(session_, receive_script(facts, parcels));
  for (const auto& [name, path] : files) {
    const puller::Line line = shell->next();
    if (line.word == "refused")
      throw Error(ErrorKind::storage, fmt::format("{}: {}", settings_.target.host, line.rest));
    if (line.word != "send" || line.rest != name) throw puller::no_stream("it says " + line.word);
    core::read_blocks(path, [&](std::string_view bytes) { shell->say(bytes); });
  }
  run_to_end(*shell);
}

void Node::run(const ScriptFacts& facts, std::string_view step) {
  run_to_end(*start(session_, step_script(facts, step)));
}

RollBack Node::roll_back(const ScriptFacts& facts) {
  puller::SshSession session(settings_.target);
  const auto shell = start(session, rollback_script(facts));
  run_to_end(*shell);
  claim_.reset();
  return roll_back_said(*shell);
}

Pulse Node::pulse(const ScriptFacts& facts) {
  const auto shell = start(session_, pulse_script(facts));
  run_to_end(*shell);
  return {service_called(shell->text("service")), shell->text("holders"), shell->text("complaint"),
          shell->text("failed_opens").empty() ? 0 : shell->number("failed_opens")};
}

std::string Node::kubeconfig(const ScriptFacts& facts) {
  const auto shell = start(session_, kubeconfig_script(facts));
  const puller::Line line = shell->next();
  if (line.word != "kubeconfig") return {};
  const std::uint64_t size_bytes = puller::parse_number(line.rest, "kubeconfig");
  if (size_bytes > kKubeconfigBytes) throw puller::no_stream("a kubeconfig without end");
  std::string text;
  shell->bytes(size_bytes, [&](std::string_view bytes) { text += bytes; });
  return text;
}

}  // namespace restorer
