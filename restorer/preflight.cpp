#include "restorer/preflight.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/version.hpp"

namespace restorer {
namespace {

constexpr std::uint64_t kSpare = 16U << 20U;
constexpr std::size_t kShown = 5;  // of what somebody made

// "v1.36.2+k3s1"
std::optional<core::Version> k3s_version(std::string_view text) {
  return text.starts_with('v') ? core::parse_version(text) : std::nullopt;
}

class Preflight {
 public:
  Preflight(const NodeState& node, const Requirements& required, const Settings& settings)
      : node_(node), required_(required), settings_(settings) {}

  std::vector<core::Finding> preflight() {
    check_service();
    check_places();
    check_version();
    check_space();
    check_cluster();
    check_token();
    check_config();
    return std::move(findings_);
  }

 private:
  void say(core::Severity severity, std::string message) {
    findings_.push_back({severity, std::move(message), {}, {}});
  }
  void refuse(std::string message) { say(core::Severity::error, std::move(message)); }
  void warn(std::string message) { say(core::Severity::warning, std::move(message)); }

  void check_service() {
    if (node_.k3s_version.empty())
      refuse("no k3s on the node; install the snapshot's version there first, with INSTALL_K3S_SKIP_START=true");
    else if (node_.manager == Manager::none)
      refuse(
          "neither systemd nor OpenRC has a service k3s on the node; set stop_command and start_command of the cluster "
          "in the config");
  }

  // Whatever is placed where k3s does not look is of no use, and its own data would go on unseen.
  void check_places() {
    if (!node_.other_data_dir.empty())
      refuse(fmt::format("k3s has its data in {}, and not in {}: set data_dir of the cluster in the config",
                         node_.other_data_dir, settings_.target.data_dir.string()));
    else if (node_.service == Service::running && node_.server == Server::absent)
      refuse(fmt::format("k3s runs, and has nothing in {}: set data_dir of the cluster in the config",
                         settings_.target.data_dir.string()));
    if (!node_.other_database.empty())
      refuse(fmt::format("k3s has its database in {}, which a restore does not reach: remove datastore-endpoint there",
                         node_.other_database));
    if (!node_.database_link.empty() && std::filesystem::path(node_.database_link).filename() != "state.db")
      refuse(
          fmt::format("state.db is a symlink to {}, and a restore keeps only one whose target has its name: rename "
                      "that file to state.db and the symlink with it",
                      node_.database_link));
    if (node_.database_link_lost)
      refuse(
          fmt::format("state.db is a symlink to {}, and that directory is not there: mount the disk that has it, or "
                      "remove the symlink",
                      node_.database_link));
    if (!node_.other_config.empty())
      refuse(fmt::format("k3s reads its config from {}, and not from {}: set config_file of the cluster in the config",
                         node_.other_config, settings_.target.config_file.string()));
    for (const std::string& file : node_.unreadable_configs)
      refuse(fmt::format("{} is not YAML as k3s reads it, and k3s would not start on it: fix it", file));
    if (!node_.other_kubeconfig.empty())
      refuse(fmt::format("k3s writes its kubeconfig to {}, and not to {}: set kubeconfig of the cluster in the config",
                         node_.other_kubeconfig, settings_.kubeconfig.string()));
  }

  // Kubernetes reads what an older minor wrote, and not what a newer one did.
  void check_version() {
    const std::optional<core::Version> there = k3s_version(node_.k3s_version);
    const std::optional<core::Version> taken = k3s_version(required_.k3s_version);
    if (node_.k3s_version.empty() || node_.k3s_version == required_.k3s_version) return;
    if (!there || !taken)
      return warn(fmt::format("the node has k3s {}, the snapshot is of {}: not compared", node_.k3s_version,
                              required_.k3s_version.empty() ? "an unknown version" : required_.k3s_version));
    const auto minor = [](const core::Version& version) { return std::pair(version.major, version.minor); };
    if (minor(*there) < minor(*taken))
      return refuse(
          fmt::format("the node has k3s {}, older than the {} that wrote the snapshot: install {} there, as an older "
                      "Kubernetes does not read what a newer one wrote",
                      node_.k3s_version, required_.k3s_version, required_.k3s_version));
    warn(fmt::format("the node has k3s {}, the snapshot is of {}{}", node_.k3s_version, required_.k3s_version,
                     minor(*there) == minor(*taken) ? "" : ": it is upgraded by this restore, and not back again"));
  }

  void check_space() {
    const std::uint64_t needed = space_needed(required_.size_bytes);
    const auto mebibytes = [](std::uint64_t bytes) { return (bytes + (1U << 20U) - 1) >> 20U; };
    if (node_.free_bytes < needed)
      refuse(
          fmt::format("{} has {} MiB free and {} are needed, for the database, its vacuum at k3s's start and what is "
                      "kept: free some there",
                      settings_.target.data_dir.string(), mebibytes(node_.free_bytes), mebibytes(needed)));
  }

  // Whose a database is, it says better than the files beside it: a CA may have been rotated since the snapshot.
  void check_cluster() {
    if (!may_be_another(node_, required_)) return;
    const std::string name = name_of_cluster(node_);
    if (!is_another(node_, required_)) {
      if (shown_ca().empty()) return;
      return warn(
          fmt::format("the node has this cluster (kube-system {}) with another CA than the snapshot's {}: give agents "
                      "and kubeconfigs that know only the new one the old again",
                      name, short_hash(required_.ca_hashes.empty() ? "" : required_.ca_hashes[0])));
    }
    if (node_.other && node_.other->is_new())
      return warn(
          fmt::format("the node runs a new, empty cluster of its own (kube-system {}), made at {}: {} objects, none of "
                      "them anybody's; it is put aside",
                      name, made_at(), node_.other->objects));
    if (required_.may_replace && (required_.may_replace->empty() || *required_.may_replace == name))
      return warn(fmt::format("{}; --replace-cluster says that it may go, and it is put aside", another_cluster(name)));
    refuse(
        fmt::format("{}; choose the node that runs the snapshot's, or add --replace-cluster={} to the same command if "
                    "that cluster may go: it is put aside and kept",
                    another_cluster(name), name));
  }

  const std::string& shown_ca() const { return node_.ca_sha256.empty() ? node_.token_ca : node_.ca_sha256; }

  static std::string short_hash(const std::string& hash) {
    return hash.empty() ? "(not known)" : hash.substr(0, 12) + "...";
  }

  std::string made_at() const {
    return node_.other->made_at ? core::format_rfc3339(std::chrono::floor<std::chrono::seconds>(*node_.other->made_at))
                                : "a time that is not known";
  }

  std::string another_cluster(const std::string& name) const {
    std::string text =
        shown_ca().empty()
            ? fmt::format(
                  "the node has a state.db, and neither tls/server-ca.crt nor a token that says which cluster "
                  "it is of: {}",
                  name)
            : fmt::format("the node runs another cluster: {} (the CA of {} is {}, the snapshot's is {})", name,
                          node_.ca_sha256.empty() ? "server/token" : "server/tls/server-ca.crt", short_hash(shown_ca()),
                          short_hash(required_.ca_hashes.empty() ? "" : required_.ca_hashes[0]));
    if (!node_.other) return text;
    if (!node_.other->problem.empty()) return text + "; its database could not be looked into: " + node_.other->problem;
    const std::vector<std::string>& list = node_.other->of_somebody;
    text += fmt::format("; made at {}, {} objects", made_at(), node_.other->objects);
    if (list.empty()) return text;
    const auto shown = static_cast<std::ptrdiff_t>(std::min(list.size(), kShown));
    text += fmt::format("; somebody made {}", fmt::join(list.begin(), list.begin() + shown, ", "));
    if (list.size() > kShown) text += fmt::format(" and {} more", list.size() - kShown);
    return text;
  }

  // k3s takes a configured token before the one that is placed with the database.
  void check_token() {
    if (node_.configured_token && node_.configured_token->sha256 != required_.token_sha256)
      refuse(
          fmt::format("{} gives k3s another token than the snapshot's, and k3s would take that one and not start: "
                      "put the snapshot's there, or remove it",
                      node_.configured_token->file));
    if (!node_.missing_token_file.empty())
      refuse(
          fmt::format("there is no token file {}: k3s would wait for it; put the snapshot's token there, or remove "
                      "the setting",
                      node_.missing_token_file));
    if (!node_.token_sha256.empty() && node_.token_sha256 != required_.token_sha256 && !is_another(node_, required_))
      warn(
          "the node has another token than the snapshot's, as after a rotation, and the snapshot's counts again: give "
          "agents that know only the newer one the old, or rotate it once more");
  }

  void check_config() {
    if (required_.secrets_encryption && !node_.secrets_encryption)
      refuse(
          fmt::format("the snapshot's Secrets are encrypted, and nothing on the node turns that on: k3s could not read "
                      "them; put secrets-encryption: true into {}",
                      settings_.target.config_file.string()));
    if (required_.config_sha256.empty() || required_.config_sha256 == node_.config_sha256) return;
    warn(fmt::format(
        "{} {} the snapshot was taken with; flags such as cluster-cidr and service-cidr must be the same",
        settings_.target.config_file.string(),
        node_.config_sha256.empty() ? "is not there: compare with the config.yaml" : "is another one than"));
  }

  const NodeState& node_;
  const Requirements& required_;
  const Settings& settings_;
  std::vector<core::Finding> findings_;
};

}  // namespace

bool may_be_another(const NodeState& node, const Requirements& required) {
  const auto known = [&](const std::string& hash) {
    return std::find(required.ca_hashes.begin(), required.ca_hashes.end(), hash) != required.ca_hashes.end();
  };
  if (!node.ca_sha256.empty()) return !known(node.ca_sha256);
  if (!node.token_ca.empty()) return !known(node.token_ca);
  return node.database_size_bytes > 0;
}

bool is_another(const NodeState& node, const Requirements& required) {
  if (!may_be_another(node, required)) return false;
  return required.kube_system_uid.empty() || !node.other || node.other->kube_system_uid != required.kube_system_uid;
}

std::string name_of_cluster(const NodeState& node) {
  if (node.other && !node.other->kube_system_uid.empty()) return node.other->kube_system_uid;
  const std::string& ca = node.ca_sha256.empty() ? node.token_ca : node.ca_sha256;
  return ca.empty() ? "unknown" : "ca-" + ca.substr(0, 12);
}

std::uint64_t space_needed(std::uint64_t size_bytes) { return 3 * size_bytes + kSpare; }

std::vector<core::Finding> preflight(const NodeState& node, const Requirements& required, const Settings& settings) {
  return Preflight(node, required, settings).preflight();
}

}  // namespace restorer
