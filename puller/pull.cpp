#include "puller/pull.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>
#include <utility>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/log.hpp"
#include "puller/frames.hpp"
#include "puller/node_problem.hpp"
#include "puller/remote_script.hpp"
#include "puller/ssh_session.hpp"
#include "store/incoming.hpp"

namespace puller {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::uint64_t kSmallFileBytes = 16U << 20U;
constexpr std::size_t kFactsAtMost = 100;

// The script at work on the node, and what it has said so far.
class Conversation {
 public:
  Conversation(const Target& target, Errand errand)
      : target_(target),
        session_(target),
        command_(session_.start(root_shell_command())),
        frames_([this](char* buffer, std::size_t size_bytes) { return command_.read(buffer, size_bytes); }) {
    // stdin stays open: its end tells the script that we are gone.
    command_.write(remote_script(target, errand));
    if (!frames_.find_hello())
      throw no_root_shell(session_.user(), target.host, command_.error_output(), command_.exit_status());
  }

  /// The next line that is no fact; facts are kept.
  Line next() {
    while (true) {
      Line line = explained([&] { return frames_.line(); });
      if (line.word == "problem") throw node_problem(line.rest, target_.host);
      if (line.word != "fact") return line;
      const std::size_t space = std::min(line.rest.find(' '), line.rest.size());
      facts_[line.rest.substr(0, space)] = line.rest.substr(std::min(space + 1, line.rest.size()));
      if (facts_.size() > kFactsAtMost) throw unexpected("facts without end");
      if (line.rest.starts_with("clock_nanoseconds ")) heard_clock_ = core::utc_now();
    }
  }

  void body(const Item& item, const std::function<void(std::string_view)>& sink) {
    explained([&] { frames_.body(item, sink); });
  }

  NodeFacts node() const {
    NodeFacts node;
    node.k3s_version = text("k3s_version");
    node.arch = text("arch");
    node.sqlite_version = text("sqlite_version");
    node.database_size_bytes = number("database_size_bytes");
    node.wal_size_bytes = number("wal_size_bytes");
    node.free_bytes = number("free_bytes");
    node.clock_offset = std::chrono::nanoseconds(number("clock_nanoseconds")) - heard_clock_.time_since_epoch();
    return node;
  }

  std::string text(const std::string& fact) const {
    const auto found = facts_.find(fact);
    return found == facts_.end() ? std::string() : found->second;
  }
  std::uint64_t number(const std::string& fact) const { return parse_number(text(fact), fact); }
  const Traffic& traffic() const { return session_.traffic(); }

  static Error unexpected(std::string_view what) {
    return Error(ErrorKind::storage, fmt::format("the node's answer is no stream of a pull: {}", what));
  }

 private:
  // A stream that ends early has its reason in what the script wrote to stderr, if it could still write.
  template <class Work>
  auto explained(Work&& work) -> decltype(work()) {
    try {
      return work();
    } catch (Error& error) {
      const std::string said = last_line(command_.error_output());
      if (error.kind() != ErrorKind::unreachable || said.empty()) throw;
      throw Error(ErrorKind::unreachable, fmt::format("{} (the node's last words: {})", error.what(), said));
    }
  }

  const Target& target_;
  SshSession session_;
  SshCommand command_;
  FrameReader frames_;
  std::map<std::string, std::string> facts_;
  core::UtcTime heard_clock_;
};

// What the store cannot take is this machine's trouble, and says so.
template <class Work>
void on_this_machine(Work&& work) {
  try {
    work();
  } catch (Error& error) {
    if (error.kind() == ErrorKind::storage) error.add_context("on this machine");
    throw;
  }
}

// Hands the content of `item` to `consume`, block after block, and shows how far it is.
void receive_item(Conversation& node, const Item& item, const std::function<void(std::string_view)>& consume) {
  std::uint64_t received = 0;
  node.body(item, [&](std::string_view block) {
    on_this_machine([&] { consume(block); });
    received += block.size();
    core::show_progress(fmt::format("{}: {} of {} MiB", item.name, received >> 20U, item.size_bytes >> 20U));
  });
}

void receive_database(Conversation& node, const Item& item, const std::filesystem::path& target) {
  core::Fd file;
  on_this_machine([&] { file = core::open_file(target, O_WRONLY | O_CREAT | O_EXCL); });
  receive_item(node, item, [&](std::string_view block) {
    core::throw_if_cancelled();
    core::write_all(file.get(), block, target);
  });
}

void receive_small_file(Conversation& node, const Item& item, store::Incoming& incoming) {
  if (item.size_bytes > kSmallFileBytes) throw Conversation::unexpected(item.name + " is far too large");
  std::string content;
  receive_item(node, item, [&](std::string_view block) { content += block; });
  on_this_machine([&] { incoming.add(item.name, content); });
}

// Returns what was announced of state.db, and received.
core::CopiedFile receive_items(Conversation& node, store::Incoming& incoming) {
  core::CopiedFile database;
  std::set<std::string> names;
  Line line = node.next();
  for (; line.word == "item"; line = node.next()) {
    const Item item = parse_item(line.rest);
    if (!names.insert(item.name).second) throw Conversation::unexpected(item.name + " comes twice");
    core::in_context("while receiving " + item.name, [&] {
      if (item.name != store::kDatabaseFile) return receive_small_file(node, item, incoming);
      receive_database(node, item, incoming.image());
      database = {item.size_bytes, item.sha256};
    });
  }
  if (line.word != "end") throw Conversation::unexpected("a line out of place");
  for (const std::string_view needed : {store::kDatabaseFile, store::kTokenFile})
    if (!names.contains(std::string(needed))) throw Conversation::unexpected(fmt::format("it has no {}", needed));
  return database;
}

// The WAL shrinks when k3s truncates it meanwhile.
std::int64_t wal_growth(std::string_view text) {
  const bool shrunk = text.starts_with('-');
  const auto size = static_cast<std::int64_t>(parse_number(text.substr(shrunk ? 1 : 0), "wal_growth_bytes"));
  return shrunk ? -size : size;
}

}  // namespace

NodeFacts inspect(const Target& target) {
  Conversation node(target, Errand::inspect);
  if (node.next().word != "end") throw Conversation::unexpected("a line out of place");
  return node.node();
}

PullReport pull(const Target& target, store::Store& store) {
  const core::Stopwatch watch;
  Conversation node(target, Errand::pull);
  // Said just before the copying program starts: the moment the snapshot is named after.
  if (node.next().word != "copying") throw Conversation::unexpected("a line out of place");
  const core::UtcTime taken_at = core::utc_now();
  PullReport report;
  report.node = node.node();
  store::Incoming incoming = store.receive(target.cluster);
  const core::CopiedFile database = receive_items(node, incoming);

  store::Manifest manifest;
  manifest.taken_at = taken_at;
  manifest.method = "sqlite3";
  manifest.k3s_version = report.node.k3s_version;
  manifest.arch = report.node.arch;
  manifest.sqlite_version = report.node.sqlite_version;
  on_this_machine([&] { report.snapshot = incoming.commit(std::move(manifest), database); });
  report.pages_total = node.number("pages_total");
  report.read_transaction = std::chrono::milliseconds(node.number("read_transaction_milliseconds"));
  report.wal_growth_bytes = wal_growth(node.text("wal_growth_bytes"));
  report.bytes_received = node.traffic().bytes_received;
  report.bytes_sent = node.traffic().bytes_sent;
  report.duration = watch.elapsed();
  core::clear_progress();
  return report;
}

}  // namespace puller
