// A control plane of a test's own: the stand-in on loopback, with a data directory in a scratch directory. It may be
// stopped, given another database as a restore gives it, and started again at the same address.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/process.hpp"
#include "core/scratch_dir.hpp"

// Ends a test case where there is no stand-in.
#define NEEDS_STANDIN()                                                            \
  if (!std::filesystem::exists(standin::program())) {                              \
    WARN("test skipped: there is no stand-in at " << standin::program().string()); \
    return;                                                                        \
  }

namespace standin {

std::filesystem::path program();

/// Waits for `condition`; false after a minute and a half.
bool eventually(const std::function<bool()>& condition);

class Server {
 public:
  /// `flags` beside the quiet set.
  explicit Server(std::vector<std::string> flags = {}) : flags_(std::move(flags)) {}

  /// While it is stopped: puts `database` and `token` where a restore puts them. What stood there is gone.
  void restore(const std::filesystem::path& database, const std::string& token) const;
  /// Returns when it serves.
  void start();
  void stop();

  /// What it answers; fails the test unless it agrees. `path` begins with /api.
  std::string send(const std::string& method, const std::string& path, const std::string& body = {}) const;

  /// Runs `k3s-standin workload` on it with `options`.
  void work(const std::vector<std::string>& options) const;

  std::filesystem::path directory() const { return scratch_.path() / "server"; }
  std::filesystem::path database() const { return directory() / "db/state.db"; }
  std::filesystem::path kubeconfig() const { return scratch_.path() / "kubeconfig"; }
  std::string token() const;

 private:
  std::filesystem::path log() const { return scratch_.path() / "log"; }
  bool log_says(const std::string& text) const;

  core::ScratchDir scratch_;
  std::vector<std::string> flags_;
  int port_ = free_port();
  std::optional<core::Child> child_;

  static int free_port();
};

}  // namespace standin
