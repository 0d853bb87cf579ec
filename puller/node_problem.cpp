#include "puller/node_problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <sstream>

#include "puller/remote_script.hpp"

namespace puller {
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
  if (code == "no_token")
    return Error(ErrorKind::not_found,
                 fmt::format("{}: no {} on the node; k3s writes it when it starts, and without it no "
                             "snapshot can be restored: start k3s once",
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

// What sudo said; empty when it did not speak. Start files may have said something else on stderr.
std::string words_of_sudo(std::string_view error_output) {
  std::string said;
  std::istringstream lines{std::string(error_output)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("sudo: ") || line.find("sudoers") != std::string::npos) said = last_line(line);
  return said;
}

// visudo takes the new line only when all of the file is sound, and the last line of it is the one that counts.
std::string sudoers_cure(const std::string& line) {
  return fmt::format("type on the node: echo {} | sudo EDITOR='tee -a' visudo", quoted(line));
}

std::string root_shell_line(const std::string& user) { return user + " ALL=(root) NOPASSWD: /bin/sh"; }

Error no_root_shell(const std::string& user, const std::string& host, std::string_view error_output,
                    std::optional<int> exit_status) {
  const std::string said = words_of_sudo(error_output);
  if (said == "sudo: not installed")
    return Error(ErrorKind::denied, fmt::format("{}: no sudo on the node; install it there, or set user: root", host));
  if (said.find("must have a tty") != std::string::npos)
    return Error(ErrorKind::denied, fmt::format("{}: sudo on the node wants a terminal ({}); {}", host, said,
                                                sudoers_cure("Defaults:" + user + " !requiretty")));
  if (!said.empty())
    return Error(ErrorKind::denied, fmt::format("{}: {} may not get a root shell by sudo without a password ({}); {}",
                                                host, user, said, sudoers_cure(root_shell_line(user))));
  const std::string last = last_line(error_output);
  return Error(ErrorKind::denied,
               fmt::format("{}: no shell for {} on the node ({}{}); give the user one that runs commands", host, user,
                           last.empty() ? "it said nothing" : last,
                           exit_status ? fmt::format(", exit status {}", *exit_status) : ""));
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  const std::size_t newline = text.rfind('\n');
  std::string line(text.substr(newline == std::string_view::npos ? 0 : newline + 1).substr(0, 300));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return line;
}

}  // namespace puller
