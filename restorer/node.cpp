#include "restorer/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "core/sha256.hpp"
#include "k3s/place.hpp"
#include "ssh/node_problem.hpp"
#include "ssh/root_shell.hpp"
#include "verifier/keys/token.hpp"

namespace restorer {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::uint64_t kKubeconfigBytes = 1U << 20U;
constexpr std::chrono::seconds kBetweenTries{1};
constexpr std::chrono::hours kLongestStep{1};  // k3s may take many minutes to stop, and more to start

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

constexpr std::string_view kBlank = " \t\r\n";

std::string trimmed(const std::string& text) {
  const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// Of one that k3s would reject, the hash of all of it.
std::string password_hash(std::string_view text) {
  const verifier::Token token = verifier::parse_token(text);
  return core::sha256_hex(token.problem.empty() ? token.password.view() : text);
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string as_said(const k3s::Value& value) {
  return one_line(value.file.empty() ? value.text + ", its default"
                                     : fmt::format("{}, as {} says", value.text, value.file));
}

std::unique_ptr<ssh::Conversation> converse(const ssh::Target& target, ssh::Session& session, ssh::Command shell,
                                            const std::string& script) {
  auto conversation = std::make_unique<ssh::Conversation>(target, std::move(shell), script);
  if (!conversation->greeted() && !session.is_connected())
    throw Error(ErrorKind::unreachable, session.peer() + ": the connection was lost");
  if (!conversation->greeted())
    throw ssh::no_root_shell(session.user(), target.host, conversation->error_output(), conversation->exit_status());
  conversation->allow(kLongestStep);
  return conversation;
}

bool says_lost(const Error& error) {
  return error.kind() == ErrorKind::unreachable || error.kind() == ErrorKind::timeout;
}

RollbackResult roll_back_said(const ssh::Conversation& shell) {
  return {shell.text("kept"), shell.text("stands"), service_called(shell.text("service"))};
}

}  // namespace

Node::Node(Settings settings) : settings_(std::move(settings)), session_(settings_.target) {}

std::unique_ptr<ssh::Conversation> Node::start(const std::string& script) {
  return converse(settings_.target, session_, root_shell(), script);
}

// A shell that has been told nothing has done nothing: so it may be had over another connection.
ssh::Command Node::root_shell() {
  be_connected();
  try {
    return session_.start(ssh::root_shell_command());
  } catch (const Error& error) {
    if (!says_lost(error)) throw;
  }
  connect_again();
  be_connected();
  return session_.start(ssh::root_shell_command());
}

void Node::be_connected() {
  if (!session_.is_connected()) connect_again();
  if (claimed_ && (!claim_ || !claim_session_->is_connected())) hold_claim(claim_again_script(*claimed_));
}

void Node::connect_again() {
  core::log_warning(fmt::format("{}: the connection was lost, and is made again", session_.peer()));
  claim_.reset();
  session_ = connect_patiently();
}

ssh::Session Node::connect_patiently() const {
  const core::Stopwatch watch;
  while (true) {
    try {
      return ssh::Session(settings_.target);
    } catch (const Error& error) {
      if (!says_lost(error) || watch.elapsed() > settings_.target.idle_timeout) throw;
    }
    core::pause_for(kBetweenTries);
  }
}

// On a connection of its own, as an sshd may allow one command at a time on each.
void Node::hold_claim(const std::string& script) {
  claim_.reset();
  claim_session_.emplace(connect_patiently());
  auto claim = converse(settings_.target, *claim_session_, claim_session_->start(ssh::root_shell_command()), script);
  run_to_end(*claim);
  claim_ = std::move(claim);
}

// What changes nothing may be asked again when the connection is lost in its midst.
template <class Read>
auto Node::read(Read&& ask) -> decltype(ask()) {
  try {
    return ask();
  } catch (const Error& error) {
    if (!says_lost(error) || session_.is_connected()) throw;
  }
  return ask();
}

// To "end", or to what the node has against it.
void Node::run_to_end(ssh::Conversation& shell) {
  const ssh::Line line = shell.next();
  if (shell.knows("unflushed")) unflushed_ = shell.text("unflushed");
  if (line.word == "refused") throw Error(ErrorKind::storage, fmt::format("{}: {}", settings_.target.host, line.rest));
  if (line.word != "end") throw ssh::no_stream("it says " + line.word);
}

NodeState Node::look() {
  return read([&] { return look_once(); });
}

NodeState Node::look_once() {
  NodeState state;
  const auto shell = start(look_script(settings_));
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
  state.token_sha256 = shell->text("token_sha256");
  state.config_sha256 = shell->text("config_sha256");
  if (shell->knows("unfinished")) state.unfinished = shell->text("unfinished");
  state.stage = stage_called(shell->text("stage"));
  state.owner = shell->text("owner");
  state.database_link = shell->text("database_link");
  state.database_link_lost = !shell->text("database_link_lost").empty();
  read_settings(shell->told(), state);
  return state;
}

// What k3s would do at its next start, by what it is told.
void Node::read_settings(const k3s::Told& told, NodeState& state) {
  if (!told.whole()) throw ssh::no_stream("it does not say what k3s is told");
  const ssh::Target& target = settings_.target;
  const k3s::Settings settings(told, target.config_file.string());
  const k3s::Datastore datastore = k3s::datastore_of(settings);
  if (!datastore.kind.empty()) throw ssh::external_datastore(datastore.kind, datastore.file, target.host);
  const k3s::Value data_dir = settings.data_dir();
  const bool default_is_meant = settings.starts_k3s() && !told.inode_of(data_dir.text).empty();
  if ((!data_dir.file.empty() || default_is_meant) && !told.same(data_dir.text, target.data_dir.string()))
    state.other_data_dir = as_said(data_dir);
  else if (settings.find("datastore-endpoint") &&
           !told.same(datastore.path, target.data_dir.string() + "/server/db/state.db"))
    state.other_database = as_said({datastore.path, datastore.file});
  if (const auto kubeconfig = settings.find("write-kubeconfig");
      kubeconfig && !told.same(kubeconfig->text, settings_.kubeconfig.string()))
    state.other_kubeconfig = as_said(*kubeconfig);
  if (!told.same(settings.config_file().text, target.config_file.string()))
    state.other_config = as_said(settings.config_file());
  state.unreadable_configs = settings.unreadable();
  state.secrets_encryption = settings.is_on("secrets-encryption");
  read_token(told, settings, state);
}

// A token-file wins over a token. Source: k3s-io/k3s pkg/cli/server/server.go.
void Node::read_token(const k3s::Told& told, const k3s::Settings& settings, NodeState& state) {
  const std::optional<k3s::Value> file = settings.find("token-file");
  if (!file) {
    if (const auto token = settings.find("token")) state.configured_token = {token->file, password_hash(token->text)};
    return;
  }
  if (told.same(file->text, settings_.target.data_dir.string() + "/server/token")) return;
  const auto shell = start(read_script(settings_, k3s::plain_path(file->text)));
  run_to_end(*shell);
  if (shell->told().files().empty())
    state.missing_token_file = as_said(*file);
  else
    state.configured_token = {one_line(file->text), password_hash(trimmed(shell->told().files()[0].text))};
}

void Node::check_forwarding() {
  be_connected();
  try {
    session_.connect("127.0.0.1", 6443);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unreachable) throw;
  }
}

RollbackResult Node::recover() {
  const auto shell = start(recover_script(settings_));
  run_to_end(*shell);
  return roll_back_said(*shell);
}

std::string Node::accept() {
  const auto shell = start(accept_script(settings_));
  run_to_end(*shell);
  return shell->text("kept");
}

void Node::claim(const ScriptFacts& facts) {
  hold_claim(claim_script(facts));
  claimed_ = facts;
}

void Node::send(const ScriptFacts& facts, const std::filesystem::path& database, const std::filesystem::path& token) {
  const std::vector<std::pair<std::string, std::filesystem::path>> files{{"state.db", database}, {"token", token}};
  std::vector<Parcel> parcels;
  for (const auto& [name, path] : files) {
    const core::CopiedFile file = core::hash_file(path);
    parcels.push_back({name, file.size_bytes, file.sha256});
  }
  const auto shell = start(receive_script(facts, parcels));
  shell->allow_transfer(parcels.front().size_bytes, kLongestStep);
  for (const auto& [name, path] : files) {
    const ssh::Line line = shell->next();
    if (line.word == "refused")
      throw Error(ErrorKind::storage, fmt::format("{}: {}", settings_.target.host, line.rest));
    if (line.word != "send" || line.rest != name) throw ssh::no_stream("it says " + line.word);
    core::read_blocks(path, [&](std::string_view bytes) { shell->say(bytes); });
  }
  run_to_end(*shell);
}

void Node::run(const ScriptFacts& facts, std::string_view step) { run_to_end(*start(step_script(facts, step))); }

RollbackResult Node::roll_back(const ScriptFacts& facts) {
  ssh::Session session(settings_.target);
  const auto shell =
      converse(settings_.target, session, session.start(ssh::root_shell_command()), rollback_script(facts));
  run_to_end(*shell);
  claim_.reset();
  claimed_.reset();
  return roll_back_said(*shell);
}

Pulse Node::pulse(const ScriptFacts& facts) {
  return read([&]() -> Pulse {
    const auto shell = start(pulse_script(facts));
    run_to_end(*shell);
    return {service_called(shell->text("service")), shell->text("holders"), shell->text("complaint"),
            shell->text("failed_opens").empty() ? 0 : shell->number("failed_opens")};
  });
}

std::string Node::kubeconfig(const ScriptFacts& facts) {
  return read([&] { return kubeconfig_once(facts); });
}

std::string Node::kubeconfig_once(const ScriptFacts& facts) {
  const auto shell = start(kubeconfig_script(facts));
  const ssh::Line line = shell->next();
  if (line.word != "kubeconfig") return {};
  const std::uint64_t size_bytes = ssh::parse_number(line.rest, "kubeconfig");
  if (size_bytes > kKubeconfigBytes) throw ssh::no_stream("a kubeconfig without end");
  std::string text;
  shell->bytes(size_bytes, [&](std::string_view bytes) { text += bytes; });
  return text;
}

}  // namespace restorer
