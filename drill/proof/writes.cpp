#include "drill/proof/writes.hpp"

#include <fmt/format.h>

#include <string>

namespace drill {
namespace {

constexpr std::string_view kName = "proof";
// Of a ValidatingAdmissionPolicy's refusal and a MutatingAdmissionPolicy's.
// Source: k8s.io/apiserver pkg/admission/plugin/policy, 0.37.
constexpr std::string_view kPolicyMark = "denied request:";

class Writes {
 public:
  Writes(ApiClient& api, core::Revision restored, const MayRetry& may_retry)
      : api_(api), newest_(restored), may_retry_(may_retry) {}

  core::Check run() {
    const std::string maps = fmt::format("/api/v1/namespaces/{}/configmaps", kWritesNamespace);
    const std::string map = fmt::format("{}/{}", maps, kName);
    const std::string value = fmt::format("revision {}", newest_.value);
    const bool done =
        change(
            "making a namespace", "POST", "/api/v1/namespaces",
            fmt::format(R"({{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}"}}}})", kWritesNamespace)) &&
        change("making a ConfigMap", "POST", maps,
               fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}"}},"data":{{"k":"{}"}}}})",
                           kName, value)) &&
        reads_back(map, value) && change("removing the ConfigMap", "DELETE", map, {}) && is_gone(map) &&
        change("removing the namespace", "DELETE", fmt::format("/api/v1/namespaces/{}", kWritesNamespace), {});
    if (done) check_.verdict = core::CheckVerdict::pass;
    return std::move(check_);
  }

 private:
  bool end(core::CheckVerdict verdict, std::string message) {
    check_.verdict = verdict;
    check_.findings.push_back({verdict == core::CheckVerdict::fail ? core::Severity::error : core::Severity::warning,
                               std::move(message),
                               {},
                               {}});
    return false;
  }

  bool change(std::string_view what, const std::string& method, const std::string& path, const std::string& body) {
    const ServedAnswer answer = send_patiently(api_, method, path, body, may_retry_);
    if (answer.message.find("webhook") != std::string::npos)
      return end(
          core::CheckVerdict::skipped,
          fmt::format("skipped: {} was refused by a webhook, which does not run here: {}", what, answer.message));
    if (!answer.ok() && answer.message.find(kPolicyMark) != std::string::npos)
      return end(
          core::CheckVerdict::skipped,
          fmt::format("skipped: {} was refused by an admission policy of the cluster's: {}", what, answer.message));
    if (!answer.ok())
      return end(core::CheckVerdict::fail, fmt::format("{} failed (HTTP {}): {}", what, answer.status, answer.message));
    // The answer to the removal of an object that is gone at once is a Status, which has no revision.
    if (answer.revision.value == 0) return true;
    if (answer.revision.value <= newest_.value)
      return end(core::CheckVerdict::fail,
                 fmt::format("{} got revision {}, which is not beyond {}: revisions are handed "
                             "out a second time",
                             what, answer.revision.value, newest_.value));
    newest_ = answer.revision;
    return true;
  }

  bool reads_back(const std::string& path, const std::string& value) {
    const ServedAnswer answer = send_patiently(api_, "GET", path, {}, may_retry_);
    if (answer.ok() && answer.revision.value == newest_.value && answer.body.find(value) != std::string::npos)
      return true;
    return end(core::CheckVerdict::fail,
               fmt::format("a ConfigMap that was written is not read back as it was (HTTP {})", answer.status));
  }

  bool is_gone(const std::string& path) {
    const ServedAnswer answer = send_patiently(api_, "GET", path, {}, may_retry_);
    return answer.status == 404 ||
           end(core::CheckVerdict::fail,
               fmt::format("a ConfigMap that was removed is still there (HTTP {})", answer.status));
  }

  ApiClient& api_;
  core::Revision newest_;
  const MayRetry& may_retry_;
  core::Check check_{"writes", core::CheckVerdict::fail, {}, {}};
};

}  // namespace

core::Check prove_writes(ApiClient& api, core::Revision restored, const MayRetry& may_retry) {
  return Writes(api, restored, may_retry).run();
}

}  // namespace drill
