#include "verifier/checks/authority_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "verifier/keys/certificate.hpp"

namespace verifier {
namespace {

using std::chrono::days;

constexpr days kSoon{90};

struct Authority {
  std::string_view name;            // the key's is this and "Key"
  core::Severity loss;              // of one that k3s makes anew; note: nothing is lost
  std::string_view when_made_anew;  // k3s does that when one of the two files is missing
  std::string_view when_expired;
};

constexpr std::array kAuthorities{
    Authority{"ServerCA", core::Severity::error, "no node or client would trust it",
              "no node or client trusts the restored server"},
    Authority{"ClientCA", core::Severity::error, "the restored server would trust no node and no kubeconfig",
              "the restored server trusts no node and no kubeconfig"},
    Authority{"RequestHeaderCA", core::Severity::warning, "aggregated API servers would have to learn of it",
              "no aggregated API server trusts the restored server"},
    Authority{"ETCDServerCA", core::Severity::note, "", "but SQLite does not need it"},
    Authority{"ETCDPeerCA", core::Severity::note, "", "but SQLite does not need it"},
};

std::optional<std::string_view> content_of(const Bundle& bundle, std::string_view name) {
  const auto at = bundle.find(name);
  if (at == bundle.end()) return std::nullopt;
  return at->second.view();
}

std::string with_separators(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string count_days(days count) { return with_separators(count.count()) + (count == days(1) ? " day" : " days"); }

std::string date_of(std::chrono::sys_seconds timestamp) {
  const std::chrono::year_month_day date(std::chrono::floor<days>(timestamp));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

void check_expiry(const Authority& authority, const CertificateFile& file, core::UtcTime now, CheckBuilder& check) {
  const auto today = std::chrono::floor<std::chrono::seconds>(now);
  const auto expiry = file.expiries.front();  // of the certificate that k3s signs with
  const days left = std::chrono::duration_cast<days>(expiry > today ? expiry - today : today - expiry);
  const bool needed = authority.loss != core::Severity::note;
  if (expiry <= today) {
    std::string message = fmt::format("{} expired on {} ({} ago), and k3s does not renew a CA: {}", authority.name,
                                      date_of(expiry), count_days(left), authority.when_expired);
    return check.add({std::max(authority.loss, core::Severity::warning), std::move(message), {}, {}});
  }
  const std::string when = fmt::format("{} expires {} (in {})", authority.name, date_of(expiry), count_days(left));
  if (left >= kSoon) return check.note(when);
  check.warning(when + (needed ? ", and k3s does not renew a CA: see k3s certificate rotate-ca"
                               : ", and k3s does not renew a CA, but SQLite does not need it"));
}

void check_authority(const Bundle& bundle, const Authority& authority, core::UtcTime now, CheckBuilder& check) {
  const std::string key_name = std::string(authority.name) + "Key";
  const auto certificates = content_of(bundle, authority.name);
  const auto key = content_of(bundle, key_name);
  if (!certificates || !key) {
    if (authority.loss == core::Severity::note) return;
    return check.add({authority.loss,
                      fmt::format("the opened bootstrap data holds no {}: k3s would make a new {}, and {}",
                                  certificates ? key_name : authority.name, authority.name, authority.when_made_anew),
                      {},
                      {}});
  }
  const CertificateFile file = read_certificates(*certificates);
  const std::string key_problem = problem_of_keys(*key);
  const auto unreadable = [&](std::string_view name, std::string_view problem) {
    check.error(fmt::format("{} in the opened bootstrap data {}: k3s would not start with it", name, problem));
  };
  if (!file.problem.empty()) unreadable(authority.name, file.problem);
  if (!key_problem.empty()) unreadable(key_name, key_problem);
  if (!file.problem.empty()) return;
  if (key_problem.empty() && !is_pair(*certificates, *key))
    check.error(
        fmt::format("{} and {} in the opened bootstrap data do not belong together: k3s could issue no certificate and "
                    "would not start",
                    authority.name, key_name));
  check_expiry(authority, file, now, check);
}

void check_service_key(const Bundle& bundle, CheckBuilder& check) {
  const auto key = content_of(bundle, "ServiceKey");
  if (!key)
    return check.error(
        "the opened bootstrap data holds no ServiceKey: k3s would make a new one, and the restored server would refuse "
        "every service account token that was issued before");
  const std::string problem = problem_of_keys(*key);
  if (!problem.empty())
    check.error(fmt::format("ServiceKey in the opened bootstrap data {}: k3s would not start with it", problem));
}

}  // namespace

void check_authorities(const Bundle& bundle, core::UtcTime now, CheckBuilder& check) {
  for (const Authority& authority : kAuthorities) check_authority(bundle, authority, now, check);
  check_service_key(bundle, check);
}

}  // namespace verifier
