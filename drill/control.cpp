#include "drill/control.hpp"

#include <algorithm>
#include <csignal>
#include <optional>

#include "core/error.hpp"
#include "drill/engine/control_plane.hpp"
#include "drill/proof/identity_proof.hpp"
#include "drill/proof/proof.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "verifier/kine/sqlite.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kPatience{10};

class Twin {
 public:
  Twin(Control& control, const verifier::Verification& snapshot, const Caps& caps)
      : control_(control), snapshot_(snapshot), sandbox_(caps) {}

  void drill(const Material& original, const EngineChoice& engine, std::chrono::milliseconds ready_timeout) {
    Material twin = copy(original);
    inflict(control_.fault, twin, snapshot_.kube_system_uid);
    if (fails_to_verify(twin)) return;
    ControlPlane plane(engine, sandbox_);
    check(plane, twin, ready_timeout);
    control_.leftovers = plane.stop();
  }

  void clean_up() {
    for (std::string& left : sandbox_.stop({})) control_.leftovers.push_back(std::move(left));
  }

 private:
  Material copy(const Material& original) {
    const std::filesystem::path directory = sandbox_.hidden() / "snapshot";
    std::filesystem::create_directory(directory);
    Material twin = original;
    twin.database = directory / "state.db";
    copy_database(original.database, twin.database);
    // One file, so that no damage is hidden by what lies beside it.
    if (std::filesystem::exists(twin.database.string() + "-wal")) verifier::Change(twin.database).commit();
    return twin;
  }

  bool caught(std::string_view phase, std::string message) {
    control_.verdict = core::CheckVerdict::pass;
    control_.caught_by = phase;
    control_.message = std::move(message);
    return true;
  }

  bool caught_by(std::string_view phase, const core::Check& check) {
    if (check.verdict != core::CheckVerdict::fail) return false;
    return caught(phase, failure_of(check));
  }

  bool fails_to_verify(const Material& twin) {
    verifier::Subject subject;
    subject.database = twin.database;
    subject.token = twin.token;
    const verifier::Verification verification = verifier::verify(subject);
    return std::any_of(verification.checks.begin(), verification.checks.end(),
                       [&](const core::Check& check) { return caught_by("verify", check); });
  }

  void check(ControlPlane& plane, const Material& twin, std::chrono::milliseconds ready_timeout) {
    plane.place(restore_set(twin, snapshot_, Controllers::off));
    const BootResult boot = plane.start(ready_timeout, [](std::string_view) {});
    if (boot.failure) {
      const std::string_view phase = kBootPhaseNames[std::min(boot.phases_ended, kBootPhases - 1)];
      if (boot.failure_verdict == core::CheckVerdict::fail && !was_killed(plane)) {
        caught(phase, boot.failure->message);
      } else {
        control_.message = boot.failure->message;
      }
      return;
    }
    plane.api().finish_by(std::chrono::steady_clock::now() + ready_timeout);
    if (caught_by("prove", prove_identity(plane.api(), snapshot_, *twin.token))) return;
    const Listing listing =
        list_objects(plane.api(), snapshot_, snapshot_.revision, Webhooks::out_of_reach, plane.retry_for(kPatience));
    const Equality equality = compare_with(snapshot_, listing);
    if (!equality.equal()) {
      const std::string found = failure_of(check_of(equality));
      if (shows_damage(listing, equality))
        caught("prove", found);
      else
        control_.message = found;
      return;
    }
    control_.message = "the damaged twin passed the same drill: what this drill says proves nothing";
  }

  // What a slow server does not serve yet may be missing of a sound snapshot, too.
  static bool shows_damage(const Listing& listing, const Equality& equality) {
    const bool served = listing.absent.empty() && equality.unread == 0;
    return served || equality.different > 0 || equality.unexpected > 0;
  }

  // No damage does that: it was the host, out of memory, or somebody.
  static bool was_killed(ControlPlane& plane) {
    const std::optional<ExitStatus> status = plane.engine().exit_status();
    return status && status->signal == SIGKILL;
  }

  Control& control_;
  const verifier::Verification& snapshot_;
  Sandbox sandbox_;
};

}  // namespace

Control run_control(Fault fault, const Material& material, const verifier::Verification& snapshot,
                    const EngineChoice& engine, const Caps& caps, std::chrono::milliseconds ready_timeout) {
  Control control;
  control.fault = fault;
  control.verdict = core::CheckVerdict::could_not_run;
  try {
    Twin twin(control, snapshot, caps);
    twin.drill(material, engine, ready_timeout);
    twin.clean_up();
  } catch (...) {
    const core::Error error = core::caught();
    if (error.kind() == core::ErrorKind::cancelled) throw;
    control.message = error.what();
  }
  return control;
}

}  // namespace drill
