#include "drill/engine/control_plane.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "verifier/keys/token.hpp"

namespace drill {
namespace {

constexpr std::chrono::milliseconds kRetryInterval{20};
constexpr std::chrono::milliseconds kLongestRetryInterval{250};

}  // namespace

void ControlPlane::place(const RestoreSet& restore) {
  secret_ = core::Secret(verifier::secret_part(restore.token));
  const core::CopiedFile placed = engine_->place(restore);
  if (placed.sha256 != core::hash_file(restore.database).sha256)
    throw core::Error(core::ErrorKind::damaged, "what was placed is not what was verified");
}

BootResult ControlPlane::start(std::chrono::milliseconds ready_timeout,
                               const std::function<void(std::string_view)>& on_phase) {
  BootResult result;
  on_phase(kBootPhaseNames[0]);
  try {
    engine_->start();
    log_.emplace(engine_->output_fd(), secret_);
    result = boot(*engine_, *log_, ready_timeout, on_phase);
  } catch (...) {
    const core::Error error = core::caught();
    if (error.kind() == core::ErrorKind::cancelled) throw;
    result.failure_verdict = core::CheckVerdict::could_not_run;
    result.failure = core::Finding{core::Severity::error, error.what(), {}, {}};
  }
  api_ = std::move(result.api);
  return result;
}

MayRetry ControlPlane::retry_for(std::chrono::seconds patience) {
  return [this, deadline = std::chrono::steady_clock::now() + patience, pause = kRetryInterval]() mutable {
    const auto now = std::chrono::steady_clock::now();
    if (now > deadline || watch_until(now + pause)) return false;
    pause = std::min(2 * pause, kLongestRetryInterval);
    return true;
  };
}

std::optional<std::string> ControlPlane::death() {
  const auto status = engine_->exit_status();
  if (!status) return std::nullopt;
  log_->drain();
  return fmt::format("it {}: {}", describe(*status), log_->last_words());
}

std::optional<std::string> ControlPlane::look() {
  log_->drain();
  return death();
}

std::optional<std::string> ControlPlane::watch_until(std::chrono::steady_clock::time_point deadline) {
  while (std::chrono::steady_clock::now() < deadline) {
    if (auto died = death()) return died;
    if (!log_->read_some(kRetryInterval)) core::pause_for(kRetryInterval);
  }
  return death();
}

std::vector<std::string> ControlPlane::stop() {
  api_.reset();
  // Nothing in there is worth a gentle end.
  return engine_->stop(std::chrono::milliseconds(0));
}

}  // namespace drill
