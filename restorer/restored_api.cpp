#include "restorer/restored_api.hpp"

#include <fmt/format.h>

#include <sstream>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "drill/engine/kubeconfig.hpp"

namespace restorer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenLooks{250};
constexpr std::chrono::seconds kBetweenPulses{1};
constexpr std::chrono::seconds kPatienceForLists{30};
// Each is an ssh login, and many nodes let in only a few in a minute (ufw limit, MaxStartups).
constexpr unsigned kConnections = 2;
constexpr std::uint64_t kFailedOpens = 3;  // once a second; it would go on for five minutes
constexpr int kStoppedLooks = 3;           // as many in a row are an end, and no pause between two states

// Others may have the database open for a while, too.
bool have_common_word(const std::string& one, const std::string& other) {
  std::istringstream words(one);
  for (std::string word; words >> word;)
    if ((" " + other).find(" " + word + " ") != std::string::npos) return true;
  return false;
}

std::string because(const Pulse& pulse) {
  return pulse.complaint.empty() ? std::string() : "; its log: " + pulse.complaint;
}

}  // namespace

void RestoredApi::connect() {
  const std::string kubeconfig = node_.kubeconfig(facts_);
  has_kubeconfig_ = !kubeconfig.empty();
  if (!has_kubeconfig_) return;
  try {
    const drill::Endpoint endpoint = drill::endpoint_of(drill::parse_kubeconfig(kubeconfig));
    tunnel_.emplace(facts_.settings.target, endpoint.host, endpoint.port);
    api_.emplace(kubeconfig, tunnel_->socket(), kConnections);
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::cancelled) throw;
    api_.reset();  // half-written; the next look finds it whole
  }
}

// A k3s that cannot open its database does not end of itself. A service manager that says stopped has given up, or
// waits to try again. Where there is none, only time tells.
void RestoredApi::check_alive() {
  const Pulse pulse = node_.pulse(facts_);
  if (pulse.failed_opens >= kFailedOpens)
    throw core::Error(core::ErrorKind::damaged, "k3s cannot open the database that was placed" + because(pulse));
  if (pulse.service == Service::running || facts_.manager == Manager::commands) {
    stopped_looks_ = 0;
    return;
  }
  if (++stopped_looks_ < kStoppedLooks) return;
  throw core::Error(core::ErrorKind::storage, "k3s ended after it was started" + because(pulse));
}

void RestoredApi::wait_until_ready(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  auto next_pulse = Clock::now() + kBetweenPulses;
  while (true) {
    if (!api_) connect();
    if (api_ && api_->ready()) break;
    if (Clock::now() > deadline)
      throw core::Error(core::ErrorKind::timeout,
                        fmt::format("not ready after {} (ready_timeout){}{}", core::format_duration(timeout),
                                    has_kubeconfig_ ? std::string()
                                                    : fmt::format("; k3s has written no {}: if it writes another, set "
                                                                  "kubeconfig of the cluster in the config",
                                                                  facts_.settings.kubeconfig.string()),
                                    because(node_.pulse(facts_))));
    if (Clock::now() > next_pulse) {
      check_alive();
      next_pulse = Clock::now() + kBetweenPulses;
    }
    core::pause_for(kBetweenLooks);
  }
  ready_at_ = Clock::now();
  holders_ = node_.pulse(facts_).holders;
}

drill::Equality RestoredApi::prove(const verifier::Verification& snapshot, core::Revision revision) {
  const auto deadline = Clock::now() + kPatienceForLists;
  return drill::prove_objects(*api_, snapshot, revision, [&] {
    if (Clock::now() > deadline) return false;
    core::pause_for(kBetweenLooks);
    return true;
  });
}

void RestoredApi::stay_ready(std::chrono::milliseconds duration) {
  while (Clock::now() < ready_at_ + duration) core::pause_for(kBetweenLooks);
  const Pulse pulse = node_.pulse(facts_);
  if (!have_common_word(pulse.holders, holders_))
    throw core::Error(core::ErrorKind::storage, "k3s was ready, and then ended and was started again" + because(pulse));
  if (!api_->ready())
    throw core::Error(core::ErrorKind::storage, "the API server was ready, and is no more" + because(pulse));
}

}  // namespace restorer
