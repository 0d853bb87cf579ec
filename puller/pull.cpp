#include "puller/pull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/as_owner.hpp"
#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/mutation.hpp"
#include "k3s/place.hpp"
#include "puller/helper.hpp"
#include "puller/image_builder.hpp"
#include "puller/remote_script.hpp"
#include "ssh/conversation.hpp"
#include "ssh/frames.hpp"
#include "ssh/node_problem.hpp"
#include "ssh/root_shell.hpp"
#include "ssh/session.hpp"
#include "store/incoming.hpp"
#include "store/limits.hpp"

namespace puller {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::uint64_t kSetBytes = 16U << 20U;

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

// Before room is made for a database, or anything of it is received.
void check_size(const Target& target, std::uint64_t size_bytes) {
  if (size_bytes > target.limits.database_bytes)
    throw Error(ErrorKind::storage,
                fmt::format("{}: the node announces a database of {} bytes, more than the {} of limits.database: if it "
                            "is that large, set limits.database in the configuration",
                            target.host, size_bytes, target.limits.database_bytes));
}

// What the node has told before its first other line is checked with that line, before anything is received; and before
// a problem of the node, as a database that is elsewhere is why there is none here.
class PlaceCheck {
 public:
  explicit PlaceCheck(const Target& target) : target_(target) {}

  /// Throws: as ssh::Conversation::next; not_found for a database that k3s does not use.
  ssh::Line first_line(ssh::Conversation& node) {
    try {
      ssh::Line line = node.next();
      check(node.told());
      if (node.knows("no_token") && target_.no_token == NoToken::refused)
        throw node.problem("no_token " + node.text("no_token"));
      return line;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      check(node.told());
      throw;
    }
  }

  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void check(const k3s::Told& told) {
    k3s::PlaceFindings found = k3s::check_place(told, target_.data_dir.string(), target_.config_file.string());
    if (found.external) throw ssh::external_datastore(found.external->kind, found.external->file, target_.host);
    if (found.refusal && !core::mutated("pull-any-place"))
      throw Error(ErrorKind::not_found, fmt::format("{}: {}", target_.host, *found.refusal));
    warnings_ = std::move(found.warnings);
    for (const std::string& link : told.foreign())
      warnings_.push_back(fmt::format(
          "{} is a link to another place, in which others than root have a hand: it is not taken along, and k3s reads "
          "it. Put the file itself there, or let each link and directory on the way be root's alone",
          link));
    if (!told.whole())
      warnings_.push_back(
          "it is not known what k3s there is told, and whether this database is the one in use: an older drill-node "
          "does not tell, one without base64 cannot, and one that waits for 10 s gives up; let drill send its own "
          "drill-node, install base64, or see what hangs there");
  }

  const Target& target_;
  std::vector<std::string> warnings_;
};

// One attempt: what arrives from the node, in whatever order its program sends it.
class Reception {
 public:
  Reception(const Target& target, ssh::Conversation& node, PlaceCheck& place, store::Incoming& incoming,
            ImageBuilder& image)
      : target_(target), node_(node), place_(place), incoming_(incoming), image_(image) {}

  /// Returns what state.db is. Throws: as pull, ImageBuilder::Mismatch.
  core::CopiedFile run() {
    node_.allow(target_.answer_timeout + target_.limits.read_transaction);
    ssh::Line line = place_.first_line(node_);
    if (node_.knows("database_size_bytes")) check_size(target_, node_.number("database_size_bytes"));
    for (; line.word != "end"; line = node_.next()) take(line);
    if (!node_.knows("no_token") && !items_.contains(std::string(store::kTokenFile)))
      throw ssh::no_stream("it has no token");
    if (!taken_at_) throw ssh::no_stream("it does not say when it began");
    return whole_ ? *whole_ : image_.finish();
  }

  core::UtcTime taken_at() const { return *taken_at_; }
  core::Secret take_token() { return std::move(token_); }
  bool came_whole() const { return whole_.has_value(); }

 private:
  void take(const ssh::Line& line) {
    std::string_view rest = line.rest;
    if (line.word == "copying") {
      // Said just before the transaction begins: the time the snapshot is named after.
      if (taken_at_) throw ssh::no_stream("it begins twice");
      taken_at_ = core::utc_now();
      core::log_debug("the read transaction begins");
    } else if (line.word == "item") {
      const ssh::Item item = ssh::parse_item(line.rest);
      if (!items_.insert(item.name).second) throw ssh::no_stream(item.name + " comes twice");
      core::in_context("while receiving " + item.name, [&] { receive(item); });
    } else if (line.word == "differing") {
      const std::uint64_t page_count = ssh::parse_number(ssh::take_word(rest), "page count");
      node_.say(image_.page_hashes(bits(rest), page_count));
    } else if (line.word == "changed") {
      node_.say(image_.part_hashes(bits(rest)));
    } else if (line.word == "image") {
      const std::uint64_t size_bytes = ImageBuilder::size_announced(line.rest);
      check_size(target_, size_bytes);
      image_.begin(line.rest);
      core::log_debug(fmt::format("{} bytes of state.db arrive", size_bytes));
      node_.allow_transfer(size_bytes, target_.answer_timeout);
    } else if (line.word == "block") {
      node_.bytes(ssh::parse_number(line.rest, "a block's size"), [&](std::string_view block) { image_.feed(block); });
      show(store::kDatabaseFile, image_.pages_changed(), image_.page_count(), "pages");
    } else {
      throw ssh::no_stream("a line out of place");
    }
  }

  std::string bits(std::string_view size) {
    const std::uint64_t size_bytes = ssh::parse_number(size, "the size of a set");
    if (size_bytes > kSetBytes) throw ssh::no_stream("a set far too large");
    std::string bytes;
    node_.bytes(size_bytes, [&](std::string_view block) { bytes += block; });
    return bytes;
  }

  void receive(const ssh::Item& item) {
    if (item.name == store::kDatabaseFile) return receive_whole(item);
    on_this_machine([&] { incoming_.check_limits(item.name, item.size_bytes); });
    std::string content;
    node_.body(item, [&](std::string_view block) { content += block; });
    if (item.name == store::kTokenFile && core::mutated("pull-no-token")) return;
    on_this_machine([&] { incoming_.add(item.name, content); });
    if (item.name == store::kTokenFile) token_ = core::Secret::taken_from(std::move(content));
  }

  void receive_whole(const ssh::Item& item) {
    check_size(target_, item.size_bytes);
    image_.begin_whole(item.size_bytes);
    node_.allow_transfer(item.size_bytes, target_.answer_timeout);
    std::uint64_t received = 0;
    node_.body(item, [&](std::string_view block) {
      core::throw_if_cancelled();
      image_.append(block);
      received += block.size();
      show(item.name, received >> 20U, item.size_bytes >> 20U, "MiB");
    });
    whole_ = core::CopiedFile{item.size_bytes, item.sha256};
  }

  static void show(std::string_view what, std::uint64_t done, std::uint64_t all, std::string_view unit) {
    core::show_progress(fmt::format("{}: {} of {} {}", what, done, all, unit));
  }

  const Target& target_;
  ssh::Conversation& node_;
  PlaceCheck& place_;
  store::Incoming& incoming_;
  ImageBuilder& image_;
  std::set<std::string> items_;
  std::optional<core::UtcTime> taken_at_;
  core::Secret token_;
  std::optional<core::CopiedFile> whole_;
};

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// A version or an architecture that is none is left out, with a warning.
NodeFacts facts_of(const ssh::Conversation& said) {
  NodeFacts node;
  const auto plain = [&](const std::string& fact) {
    const std::string value = said.text(fact);
    if (value.size() <= store::kFactBytes && is_printable(value)) return value;
    node.warnings.push_back(fmt::format(
        "what the node says as its {} is none and is left out: see what `k3s --version` and `uname -m` print there",
        fact));
    return std::string();
  };
  node.k3s_version = plain("k3s_version");
  node.arch = plain("arch");
  node.sqlite_version = plain("sqlite_version");
  node.helper_version = plain("helper_version");
  node.database_size_bytes = said.number("database_size_bytes");
  node.wal_size_bytes = said.number("wal_size_bytes");
  node.free_bytes = said.number("free_bytes");
  node.clock_offset = said.nanoseconds("clock_nanoseconds") - said.heard_clock().time_since_epoch();
  return node;
}

std::unique_ptr<ssh::Conversation> start_script(const Target& target, ssh::Session& session, RequestKind kind) {
  auto node = std::make_unique<ssh::Conversation>(target, session.start(ssh::root_shell_command()),
                                                  remote_script(target, kind));
  if (!node->greeted())
    throw ssh::no_root_shell(session.user(), target.host, node->error_output(), node->exit_status());
  return node;
}

struct Started {
  std::unique_ptr<ssh::Conversation> node;
  std::string method;
  std::string fallback;
};

// drill-node, or where that cannot run the shell script.
Started start(const Target& target, ssh::Session& session, RequestKind kind, std::string_view base) {
  std::string fallback;
  if (target.method != Method::sqlite3) {
    try {
      return {start_helper(target, session, kind, base), "helper", {}};
    } catch (const HelperUnavailable& error) {
      if (target.method == Method::helper) throw;
      fallback = error.what();
      core::log_debug(fmt::format("{}; using its sqlite3", fallback));
    }
  }
  Started script{start_script(target, session, kind), "sqlite3", fallback};
  if (!fallback.empty()) script.node->replaces("and what needs no sqlite3 cannot do it either: " + fallback);
  return script;
}

void add_warnings(NodeFacts& node, const PlaceCheck& place) {
  node.warnings.insert(node.warnings.end(), place.warnings().begin(), place.warnings().end());
}

// Snapshots are named by their second: a pull may take less than one, and a clock may have been put back.
void wait_for_another_name(const std::vector<store::Snapshot>& snapshots) {
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(snapshots.begin(), snapshots.end(),
                       [&](const store::Snapshot& one) { return one.manifest.name == name; });
  };
  while (is_taken(core::format_compact(core::utc_now()))) core::pause_for(std::chrono::milliseconds(20));
}

// The image to begin with: that of the newest snapshot, when the node can tell what differs from it.
std::unique_ptr<ImageBuilder> first_image(const Target& target, store::Incoming& incoming) {
  const core::AsOwner as(incoming.root());
  if (target.method != Method::sqlite3) on_this_machine([&] { incoming.unpack_newest(); });
  return std::make_unique<ImageBuilder>(incoming.image());
}

// The image and its hashes are made while ssh connects. `session` is connected when it is empty.
// Throws: as pull, ImageBuilder::Mismatch.
PullReport attempt(const Target& target, store::Store& store, const ReadIdentity& read_identity,
                   std::optional<ssh::Session>& session) {
  store::Incoming incoming = store.receive(target.cluster);
  auto prepared = std::async(std::launch::async, [&] {
    auto image = first_image(target, incoming);
    std::string base = image->request();
    wait_for_another_name(store.list(target.cluster));
    return std::pair(std::move(image), std::move(base));
  });
  if (!session) session.emplace(target);
  const auto [image, base] = prepared.get();
  const core::AsOwner as(incoming.root());
  const Started started = start(target, *session, RequestKind::pull, base);
  const ssh::Conversation& node = *started.node;
  PlaceCheck place(target);
  Reception reception(target, *started.node, place, incoming, *image);
  const core::CopiedFile database = reception.run();

  PullReport report;
  report.node = facts_of(node);
  report.node.fallback = started.fallback;
  add_warnings(report.node, place);
  report.read_transaction = node.nanoseconds("read_transaction_nanoseconds");
  // Below zero when k3s has truncated it meanwhile.
  report.wal_growth_bytes = ssh::parse_signed(node.text("wal_growth_bytes"), "wal_growth_bytes");
  if (!node.text("peak_memory_bytes").empty()) report.node_peak_memory_bytes = node.number("peak_memory_bytes");
  report.pages_total = reception.came_whole() ? node.number("pages_total") : image->page_count();
  report.pages_changed = reception.came_whole() ? report.pages_total : image->pages_changed();
  report.bytes_received = session->traffic().bytes_received;
  report.bytes_sent = session->traffic().bytes_sent;

  store::Manifest manifest;
  manifest.taken_at = reception.taken_at();
  manifest.method = started.method;
  manifest.k3s_version = report.node.k3s_version;
  manifest.arch = report.node.arch;
  manifest.sqlite_version = report.node.sqlite_version;
  image->close();
  on_this_machine([&] {
    if (read_identity) manifest.identity = read_identity(incoming.image(), reception.take_token());
    report.snapshot = incoming.commit(std::move(manifest), database, store::Arrival::captured);
  });
  return report;
}

PullReport attempt_twice(const Target& target, store::Store& store, const ReadIdentity& read_identity) {
  std::optional<ssh::Session> session;
  try {
    return attempt(target, store, read_identity, session);
  } catch (const ImageBuilder::Mismatch&) {
    core::log_debug(target.cluster + ": short hashes collided; comparing again with others");
  }
  try {
    return attempt(target, store, read_identity, session);
  } catch (const ImageBuilder::Mismatch&) {
    throw Error(ErrorKind::storage,
                fmt::format("{}: the image came out different from the node's twice: check memory and disk of both",
                            target.host));
  }
}

}  // namespace

std::string fallback_warning(const std::string& fallback) {
  return fmt::format(
      "the node's sqlite3 makes the copies, and all of the database is sent each time (method: sqlite3 "
      "lets it be so): {}",
      fallback);
}

NodeFacts inspect(const Target& target) {
  ssh::Session session(target);
  const Started started = start(target, session, RequestKind::inspect, {});
  PlaceCheck place(target);
  if (place.first_line(*started.node).word != "end") throw ssh::no_stream("a line out of place");
  NodeFacts node = facts_of(*started.node);
  check_size(target, node.database_size_bytes);
  add_warnings(node, place);
  node.user = session.user();
  node.fallback = started.fallback;
  return node;
}

PullReport pull(const Target& target, store::Store& store, const ReadIdentity& read_identity) {
  const core::Stopwatch watch;
  PullReport report = attempt_twice(target, store, read_identity);
  report.duration = watch.elapsed();
  for (const std::string& warning : report.node.warnings)
    core::log_lasting_warning(fmt::format("{}: {}", target.host, warning));
  core::clear_progress();
  return report;
}

}  // namespace puller
