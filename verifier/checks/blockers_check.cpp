#include "verifier/checks/blockers_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/version.hpp"
#include "verifier/keys/certificate.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/resource.hpp"
#include "verifier/objects/object.hpp"
#include "verifier/objects/object_tree.hpp"

namespace verifier {
namespace {

struct Webhook {
  std::string name;
  std::string service;  // empty for one that is reached by URL
  bool fails_closed = true;
};

// What the checked kinds say, each in its own fields.
struct Facts {
  std::vector<Webhook> webhooks;                       // webhook configurations
  std::string service;                                 // an APIService that another server answers for
  std::vector<std::pair<std::string, bool>> versions;  // a custom resource definition: name, served
  std::string converter;                               // the service that converts between them
  std::string type;                                    // a Secret
  core::Secret certificate;
};

// Levels of path_: 1 is the object, an array and each of its elements are levels of their own.
class FactsVisitor : public TreeVisitor {
 public:
  void begin() override {
    if (++depth_ >= path_.size()) return;
    path_[depth_].clear();
    if (depth_ == 3 && path_[1] == "webhooks") facts_.webhooks.emplace_back();
    if (depth_ == 4 && at({"spec", "versions"})) facts_.versions.emplace_back("", false);
  }
  void end() override { --depth_; }
  void key(std::string_view key) override {
    if (depth_ < path_.size()) path_[depth_] = key;
  }
  void other() override {}
  void boolean(bool value) override {
    if (depth_ == 4 && at({"spec", "versions"}) && path_[4] == "served") facts_.versions.back().second = value;
  }
  void text(std::string_view text) override {
    if (depth_ == 1 && path_[1] == "type") facts_.type = text;
    if (depth_ == 2 && at({"data", "tls.crt"})) take_certificate(text);
    if (depth_ == 3 && at({"spec", "service"})) join(facts_.service, text);
    if (depth_ == 3 && path_[1] == "webhooks") {
      if (path_[3] == "name") facts_.webhooks.back().name = text;
      if (path_[3] == "failurePolicy") facts_.webhooks.back().fails_closed = text != "Ignore";
    }
    if (depth_ == 4 && at({"spec", "versions"}) && path_[4] == "name") facts_.versions.back().first = text;
    if (at({"spec", "conversion"}) && ((depth_ == 6 && path_[3] == "webhook" && path_[5] == "service") ||
                                       (depth_ == 5 && path_[3] == "webhookClientConfig" && path_[4] == "service")))
      join(facts_.converter, text);
    if (depth_ == 5 && path_[1] == "webhooks" && path_[3] == "clientConfig" && path_[4] == "service")
      join(facts_.webhooks.back().service, text);
  }
  Facts take() { return std::move(facts_); }

 private:
  bool at(std::pair<std::string_view, std::string_view> names) const {
    return path_[1] == names.first && path_[2] == names.second;
  }
  void join(std::string& service, std::string_view text) const {
    const std::string& key = path_[depth_];
    if (key == "namespace") service = std::string(text) + "/" + service;
    if (key == "name") service += text;
  }
  void take_certificate(std::string_view text) {
    if (text.starts_with("-----")) {
      facts_.certificate = core::Secret(text);
    } else if (auto decoded = core::decode_base64(text)) {  // JSON
      facts_.certificate = std::move(*decoded);
    }
  }

  Facts facts_;
  std::size_t depth_ = 0;
  std::array<std::string, 7> path_;
};

struct RemovedVersion {
  std::string_view api_version;
  unsigned minor;  // of the first Kubernetes 1.x that serves no kind of it
};

// Source: kubernetes.io/docs/reference/using-api/deprecation-guide. Versions that came back with other kinds are left
// out.
constexpr RemovedVersion kRemoved[] = {
    {"apps/v1beta1", 16},
    {"apps/v1beta2", 16},
    {"extensions/v1beta1", 22},
    {"apiregistration.k8s.io/v1beta1", 22},
    {"rbac.authorization.k8s.io/v1beta1", 22},
    {"scheduling.k8s.io/v1beta1", 22},
    {"autoscaling/v2beta1", 25},
    {"batch/v1beta1", 25},
    {"discovery.k8s.io/v1beta1", 25},
    {"events.k8s.io/v1beta1", 25},
    {"node.k8s.io/v1beta1", 25},
    {"policy/v1beta1", 25},
    {"autoscaling/v2beta2", 26},
    {"flowcontrol.apiserver.k8s.io/v1beta1", 26},
    {"flowcontrol.apiserver.k8s.io/v1beta2", 29},
    {"flowcontrol.apiserver.k8s.io/v1beta3", 32},
};

class Blockers {
 public:
  Blockers(Database& database, const Verification& result, const EncryptionKeys& keys, core::UtcTime now,
           CheckBuilder& check)
      : statement_(database, "SELECT value FROM main.kine WHERE id = ?"),
        result_(result),
        keys_(keys),
        now_(now),
        check_(check) {}

  void look_at(const Name& name);
  void look_at_stored_versions();
  void look_at_converters();

 private:
  std::optional<Facts> facts_of(const Name& name);
  void warn(const Name& name, std::string message) {
    check_.add({core::Severity::warning, std::move(message), printable(name.text), name.newest});
  }

  Statement statement_;
  const Verification& result_;
  const EncryptionKeys& keys_;
  core::UtcTime now_;
  CheckBuilder& check_;
  std::map<std::string, std::vector<std::string>, std::less<>> served_;                 // by resource
  std::map<std::string, std::pair<const Name*, std::string>, std::less<>> converters_;  // definition and service
};

std::optional<Facts> Blockers::facts_of(const Name& name) {
  statement_.reset();
  statement_.bind(1, name.newest.value);
  if (!statement_.step()) return std::nullopt;
  FactsVisitor visitor;
  const std::string_view value = statement_.bytes(0);
  if (!is_sealed(value)) {
    walk_object(value, visitor);
  } else {
    const Opened opened = keys_.open(value, name.text);
    if (opened.outcome != Opened::Outcome::opened) return std::nullopt;
    walk_object(opened.plaintext.view(), visitor);
  }
  return visitor.take();
}

void Blockers::look_at(const Name& name) {
  const KeyIdentity identity = parse_key(name.text).identity;
  if (name.terminating && identity.plural == "namespaces")
    warn(name, "the namespace is being deleted, and will go on being so after a restore");
  const bool webhooks =
      identity.plural == "validatingwebhookconfigurations" || identity.plural == "mutatingwebhookconfigurations";
  const bool definition = identity.plural == "customresourcedefinitions";
  if (!webhooks && !definition && identity.plural != "apiservices" && !name.tls) return;
  const std::optional<Facts> facts = facts_of(name);
  if (!facts) return;
  for (const Webhook& webhook : facts->webhooks)
    if (webhook.fails_closed && !webhook.service.empty())
      warn(name,
           fmt::format("webhook {} refuses what it cannot be asked about, and is served from inside the cluster by {}: "
                       "until that runs, it blocks what it watches",
                       printable(webhook.name), printable(webhook.service)));
  if (!facts->service.empty())
    check_.add({core::Severity::note,
                fmt::format("this API is served from inside the cluster by {}: until that runs, it is not there",
                            printable(facts->service)),
                printable(name.text), name.newest});
  if (definition)
    for (const auto& [version, served] : facts->versions)
      if (served) served_[std::string(identity.name)].push_back(version);
  if (definition && !facts->converter.empty()) converters_[std::string(identity.name)] = {&name, facts->converter};
  if (facts->type == "kubernetes.io/tls" && !facts->certificate.view().empty())
    for (const std::chrono::sys_seconds expiry : read_certificates(facts->certificate.view()).expiries)
      if (expiry < now_) return warn(name, "a certificate in it expired on " + core::format_rfc3339(expiry));
}

void Blockers::look_at_stored_versions() {
  std::map<std::pair<std::string_view, std::string_view>, std::uint64_t> counts;  // by resource and stored version
  for (const Object& object : result_.objects) ++counts[{object.resource, object.api_version}];
  const unsigned minor = core::kubernetes_minor(result_.k3s_version).value_or(0);
  for (const auto& [stored, count] : counts) {
    const auto& [resource, api_version] = stored;
    const auto removed =
        std::find_if(std::begin(kRemoved), std::end(kRemoved),
                     [&, version = api_version](const RemovedVersion& one) { return one.api_version == version; });
    if (removed != std::end(kRemoved) && minor >= removed->minor)
      check_.warning(fmt::format("{} {} are stored as {}, which Kubernetes serves no longer since 1.{}", count,
                                 printable(resource), printable(api_version), removed->minor));
    const auto served = served_.find(resource);
    if (served == served_.end()) continue;
    const std::string version(api_version.substr(api_version.find('/') + 1));
    if (std::find(served->second.begin(), served->second.end(), version) == served->second.end())
      check_.warning(fmt::format("{} {} are stored as {}, which their definition does not serve", count,
                                 printable(resource), printable(api_version)));
  }
}

// What is stored in the only version that is served needs no conversion.
void Blockers::look_at_converters() {
  for (const auto& [resource, converter] : converters_) {
    std::set<std::string, std::less<>> versions(served_[resource].begin(), served_[resource].end());
    std::uint64_t count = 0;
    for (const Object& object : result_.objects) {
      if (object.resource != resource) continue;
      versions.emplace(object.api_version.substr(object.api_version.find('/') + 1));
      ++count;
    }
    if (count == 0 || versions.size() < 2) continue;
    warn(*converter.first,
         fmt::format("{} {} are converted between {} by {}, from inside the cluster: until that runs, each can be read "
                     "only in the version that it is stored in",
                     count, printable(resource), printable(fmt::format("{}", fmt::join(versions, ", "))),
                     printable(converter.second)));
  }
}

}  // namespace

void check_blockers(Database& database, const Verification& result, const Names& names, const EncryptionKeys& keys,
                    core::UtcTime now, CheckBuilder& check) {
  Blockers blockers(database, result, keys, now, check);
  for (const Name& name : names.all())
    if (name.live && name.kind == KeyKind::object && name.problem == 0) blockers.look_at(name);
  blockers.look_at_stored_versions();
  blockers.look_at_converters();
  if (!result.k3s_version.empty()) check.note("the objects come from k3s " + printable(result.k3s_version));
}

}  // namespace verifier
