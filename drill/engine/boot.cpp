#include "drill/engine/boot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"

namespace drill {
namespace {

// Log lines of k3s and kine that end a phase. Source: k3s pkg/server, pkg/daemons/control; kine pkg/drivers/sqlite.
constexpr std::string_view kDatastoreOpened = "Configuring sqlite3 database connection pooling";
constexpr std::string_view kNotOpened = "Failed to ping database connection: ";
constexpr std::string_view kSchemaBegins = "Configuring database table schema and indexes";
constexpr std::string_view kSchemaDone = "Database tables and indexes are up to date";
constexpr std::string_view kVacuumBegins = "Running startup VACUUM";
constexpr std::string_view kVacuumDone = "Startup VACUUM completed";
constexpr std::string_view kDatastoreServing = "Kine available at";
constexpr std::string_view kBootstrapDone = "Running kube-apiserver";
constexpr std::string_view kNewCluster = "Saving cluster bootstrap data to datastore";

// What SQLite says of a file that is no database, or not a whole one. Source: sqlite.org/rescode.html, NOTADB, CORRUPT.
constexpr std::array<std::string_view, 2> kDamage{"is not a database", "database disk image is malformed"};
// kine tries to open a database once a second, 300 times. Nobody else changes the file: what three tries find, all
// find.
constexpr std::size_t kTries = 3;

constexpr std::chrono::milliseconds kPollInterval{10};
constexpr std::chrono::seconds kLastQuestion{2};
constexpr std::size_t kNamed = 4;
constexpr std::size_t kNameBytes = 60;

class Boot {
 public:
  Boot(Engine& engine, EngineLog& log, const std::function<void(std::string_view)>& on_phase)
      : engine_(engine), log_(log), on_phase_(on_phase) {}

  BootResult run(std::chrono::milliseconds timeout) {
    deadline_ = std::chrono::steady_clock::now() + timeout;
    while (result_.phases_ended < kBootPhases) {
      const bool log_open = log_.read_some(kPollInterval);
      note_marks();
      if (log_.first(kNewCluster)) return made_new_cluster();
      if (const auto status = engine_.exit_status()) return died(*status);
      if (cannot_open()) return never_opens();
      if (!log_open) core::pause_for(kPollInterval);
      if (ready()) end_phases(kBootPhases, {std::chrono::steady_clock::now(), "/readyz: ok"});
      if (std::chrono::steady_clock::now() > deadline_)
        return fail(core::CheckVerdict::could_not_run,
                    fmt::format("not ready after {} (ready_timeout){}; its last line: {}",
                                core::format_duration(timeout), waited_for(), log_.last_words()));
    }
    result_.api->finish_by(std::chrono::steady_clock::time_point::max());
    return std::move(result_);
  }

 private:
  void note_marks() {
    auto opened = log_.first(kDatastoreOpened);
    if (!opened) opened = log_.first(kSchemaBegins);
    if (!opened) opened = log_.first(kNotOpened);
    if (opened) end_phases(1, *opened);
    if (const auto serving = log_.first(kDatastoreServing)) {
      if (result_.phases_ended < 2)
        result_.datastore = {between(kSchemaBegins, kSchemaDone), between(kVacuumBegins, kVacuumDone)};
      end_phases(2, *serving);
    }
    if (const auto done = log_.first(kBootstrapDone)) end_phases(3, *done);
  }

  std::optional<std::chrono::nanoseconds> between(std::string_view begin, std::string_view end) const {
    const auto from = log_.first(begin);
    const auto to = log_.first(end);
    if (!from || !to) return std::nullopt;
    return to->at - from->at;
  }

  // A mark that never came (another release, another wording) leaves its phase without length.
  void end_phases(std::size_t count, const EngineLog::Mark& mark) {
    while (result_.phases_ended < count) {
      const bool its_own = result_.phases_ended + 1 == count;
      result_.ended[result_.phases_ended++] = {mark.at, its_own ? mark.said : std::string()};
      if (result_.phases_ended < kBootPhases) on_phase_(kBootPhaseNames[result_.phases_ended]);
    }
  }

  bool ready() {
    if (!result_.api) {
      const std::string kubeconfig = engine_.read_kubeconfig();
      if (kubeconfig.empty()) return false;
      try {
        result_.api.emplace(
            kubeconfig, [&engine = engine_] { return engine.open_socket(); }, [&log = log_] { log.drain(); });
        result_.api->finish_by(deadline_);
      } catch (const core::Error&) {
        return false;  // half-written; the next look finds it whole
      }
    }
    return result_.api->ready();
  }

  // What /readyz itself names as not ready; empty where it does not answer.
  std::string waited_for() {
    if (!result_.api) return {};
    try {
      result_.api->finish_by(std::chrono::steady_clock::now() + kLastQuestion);
      std::vector<std::string> failing = result_.api->failing_health_checks();
      if (failing.empty()) return {};
      if (failing.size() > kNamed) failing.resize(kNamed);
      for (std::string& name : failing) name = name.substr(0, std::min(name.find(' '), kNameBytes));
      return fmt::format("; /readyz waits for {}", fmt::join(failing, ", "));
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
      return {};
    }
  }

  // One that opened it after all has gone on.
  bool cannot_open() const {
    return result_.phases_ended == 1 && !log_.first(kDatastoreOpened) && !log_.first(kSchemaBegins) &&
           std::any_of(kDamage.begin(), kDamage.end(), [this](std::string_view damage) {
             return log_.count({kNotOpened, damage}) >= kTries;
           });
  }

  BootResult never_opens() {
    return fail(core::CheckVerdict::fail,
                fmt::format("the control plane cannot open the restored database, and would only go on trying: {}",
                            log_.last_words()));
  }

  BootResult died(const ExitStatus& status) {
    log_.drain();
    note_marks();
    if (log_.first(kNewCluster)) return made_new_cluster();
    const bool unjudged = result_.phases_ended == 0 || status.reached;  // our caps are no fault of the snapshot's
    const auto verdict = unjudged ? core::CheckVerdict::could_not_run : core::CheckVerdict::fail;
    return fail(verdict, fmt::format("the control plane {}: {}", describe(status), log_.last_words()));
  }

  BootResult made_new_cluster() {
    return fail(core::CheckVerdict::fail, "it made a new cluster instead of restoring this one");
  }

  BootResult fail(core::CheckVerdict verdict, std::string message) {
    result_.failure_verdict = verdict;
    result_.failure = core::Finding{core::Severity::error, std::move(message), {}, {}};
    return std::move(result_);
  }

  Engine& engine_;
  EngineLog& log_;
  const std::function<void(std::string_view)>& on_phase_;
  std::chrono::steady_clock::time_point deadline_;
  BootResult result_;
};

}  // namespace

BootResult boot(Engine& engine, EngineLog& log, std::chrono::milliseconds timeout,
                const std::function<void(std::string_view)>& on_phase) {
  return Boot(engine, log, on_phase).run(timeout);
}

}  // namespace drill
