#include "ssh/node_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "ssh/root_shell.hpp"

namespace ssh {
namespace {

using core::Error;
using core::ErrorKind;

std::string mebibytes(const std::string& bytes) {
  std::uint64_t value = 0;
  std::istringstream(bytes) >> value;
  return fmt::format("{} MiB", (value + (1U << 20U) - 1) >> 20U);
}

Error copy_failed(const std::string& detail, std::string_view host) {
  const auto says = [&](std::string_view text) { return detail.find(text) != std::string::npos; };
  if (says("disk is full") || says("No space left"))
    return Error(ErrorKind::storage,
                 fmt::format("{}: the node's disk below the k3s data directory filled up while copying ({}); "
                             "free some space there",
                             host, detail));
  if (says("not a database") || says("malformed"))
    return Error(ErrorKind::damaged,
                 fmt::format("{}: state.db on the node is damaged ({}); restore it from the last snapshot "
                             "that passed",
                             host, detail));
  if (says("locked") || says("busy"))
    return Error(ErrorKind::timeout,
                 fmt::format("{}: another program kept state.db on the node locked for 30 s ({}); wait for "
                             "its end, then pull again",
                             host, detail));
  return Error(ErrorKind::storage, fmt::format("{}: the node could not copy its database: {}", host,
                                               detail.empty() ? "it did not say why" : detail));
}

Error limit(std::istringstream& detail, std::string_view host) {
  std::string what;
  std::string value;
  detail >> what >> value;
  if (what == "wal_growth")
    return Error(ErrorKind::storage,
                 fmt::format("{}: pull stopped: k3s wrote more than {} into the node's WAL meanwhile "
                             "(limits.wal_growth); pull when less is written, or raise it",
                             host, mebibytes(value)));
  return Error(ErrorKind::timeout,
               fmt::format("{}: pull stopped: reading the database took longer than {} s (limits.read_transaction); "
                           "is the node overloaded?",
                           host, value));
}

}  // namespace

Error external_datastore(std::string_view kind, std::string_view file, std::string_view host) {
  return Error(
      ErrorKind::not_found,
      fmt::format(
          "{}: this k3s keeps its state in an external {}database (datastore-endpoint in {}); back that database "
          "up with its own tools, and keep the server token",
          host, kind == "unknown" ? "" : fmt::format("{} ", kind), file));
}

Error node_problem(std::string_view code_and_detail, const std::string& user, std::string_view host,
                   std::string_view restore_command) {
  std::istringstream words{std::string(code_and_detail)};
  std::string code;
  words >> code;
  std::string detail(code_and_detail.substr(std::min(code.size() + 1, code_and_detail.size())));
  std::replace_if(
      detail.begin(), detail.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  if (code == "etcd")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: this k3s runs embedded etcd ({}), not SQLite; back it up with k3s etcd-snapshot save",
                             host, detail));
  if (code == "external") {  // of an older drill-node
    std::string kind;
    std::string file;
    words >> kind >> file;
    return external_datastore(kind, file, host);
  }
  if (code == "agent_only")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: this node is an agent ({} has no server), its cluster's state is on the "
                             "server; set host to that one",
                             host, detail));
  if (code == "no_database" && !restore_command.empty())
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node any more; to put its newest snapshot back: {}; if its data are "
                             "elsewhere now, set data_dir",
                             host, detail, restore_command));
  if (code == "no_database")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node; is k3s server installed there, and has it run? set "
                             "data_dir if its data are elsewhere",
                             host, detail));
  if (code == "no_token" && !restore_command.empty())
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node any more, and a k3s that is started with its database and without "
                             "its token locks itself out: before that, put the token of the newest snapshot there",
                             host, detail));
  if (code == "no_token")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node, and without it no snapshot can be restored; k3s writes it when it "
                             "first comes up: was it removed? then put it back before k3s is started anew",
                             host, detail));
  if (code == "no_sqlite3")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no sqlite3 on the node; install the package sqlite3 there", host));
  if (code == "no_tool")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node; install the package coreutils there", host, detail));
  if (code == "no_space") {
    std::string free;
    std::string needed;
    std::string path;
    words >> free >> needed >> path;
    return Error(ErrorKind::storage,
                 fmt::format("{}: not enough space on the node for the copy: {} has {} free and {} are needed; "
                             "free some there",
                             host, path, mebibytes(free), mebibytes(needed)));
  }
  if (code == "limit") return limit(words, host);
  if (code == "bad_request")
    return Error(
        ErrorKind::storage,
        fmt::format("{}: the drill-node there does not understand this drill ({}), and may not be replaced; {}", host,
                    detail, sudoers_cure(root_shell_line(user))));
  if (code == "spool_full")
    return Error(ErrorKind::storage,
                 fmt::format("{}: more than {} wait on the node for a link that is too slow for a pull of this size; "
                             "raise limits.spool, or make the first pull over a faster link",
                             host, mebibytes(detail)));
  if (code == "spool_failed")
    return Error(ErrorKind::storage,
                 fmt::format("{}: what waits for the link found no place on the node ({}); free some space there", host,
                             detail));
  if (code == "copy_failed") return copy_failed(detail, host);
  return Error(ErrorKind::storage, fmt::format("{}: the node cannot be pulled: {} {}", host, code, detail));
}

}  // namespace ssh
