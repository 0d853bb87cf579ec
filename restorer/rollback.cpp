#include "restorer/rollback.hpp"

#include <fmt/format.h>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"

namespace restorer {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::chrono::minutes kPatienceForRollback{10};
constexpr std::chrono::seconds kBetweenTries{5};

void add_what_is_kept(const RollbackResult& done, Step& step) {
  if (!done.kept.empty())
    step.add(core::Severity::note,
             fmt::format("k3s had been started on what was restored, so that is kept in {} on the node", done.kept));
  if (!done.stands.empty())
    step.add(
        core::Severity::note,
        fmt::format("nothing was put back: the restore had come to its end, and stands; what was there before is in {}",
                    done.stands));
}

}  // namespace

Planned Rollback::recover_step() {
  return {"recover", "Put everything back as it was before the restore that was cut off",
          "sh " + facts_.rollback_file().string(), [this](Step& step) {
            recovered_ = node_.recover();
            say_unflushed(node_, step);
            add_what_is_kept(recovered_, step);
          }};
}

bool Rollback::recover() {
  const core::CancelShield shield;
  const bool back = run_step(recover_step(), outcome_);
  if (recovered_.stands.empty())
    say_whether_back(back, "");
  else
    outcome_.kept_aside = recovered_.stands;
  return back;
}

void Rollback::say_whether_back(bool back, const std::string& where) {
  outcome_.rolled_back = back ? RolledBack::yes : RolledBack::failed;
  if (!back)
    outcome_.rollback_failure =
        fmt::format("the node may be between two states{}, and has to be put back; type on the node: sudo sh {}", where,
                    facts_.rollback_file().string());
}

std::string Rollback::roll_back() {
  const core::CancelShield shield;
  std::string stands;
  const bool back = run_step({"rollback", "Put everything back as it was", rollback_step(facts_),
                              [&](Step& step) {
                                const RollbackResult done = roll_back_once_reached();
                                say_unflushed(node_, step);
                                add_what_is_kept(done, step);
                                stands = done.stands;
                              }},
                             outcome_);
  if (stands.empty()) say_whether_back(back, ", with what was there in " + facts_.aside().string());
  return stands;
}

RollbackResult Rollback::roll_back_once_reached() {
  const auto deadline = std::chrono::steady_clock::now() + kPatienceForRollback;
  for (bool told = false;; told = true) {
    try {
      return node_.roll_back(facts_);
    } catch (const Error& error) {
      // A node that is just starting refuses logins, too.
      const bool refused = error.kind() == ErrorKind::storage;
      if (refused || std::chrono::steady_clock::now() > deadline) throw;
      if (!told)
        core::log_warning(
            fmt::format("{}: the node has to be put back, and that is tried for {}, or by hand; type on the "
                        "node: sudo sh {}",
                        error.what(), core::format_duration(kPatienceForRollback), facts_.rollback_file().string()));
      core::pause_for(kBetweenTries);
    }
  }
}

}  // namespace restorer
