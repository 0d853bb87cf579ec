#include "cli/restore_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/clock.hpp"
#include "core/counted.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "verifier/changes/inventory.hpp"
#include "verifier/kine/bump_revision.hpp"

namespace cli {

using core::CheckVerdict;
using core::Error;
using core::ErrorKind;

namespace {

constexpr std::size_t kVolumesListed = 10;
constexpr std::size_t kOthersListed = 3;
constexpr std::string_view kPassword = ".node-password.k3s";

// What these say is no reason against this very snapshot: on the worst day nothing is fresh, and whatever came before
// it is not what is restored.
bool may_veto(const std::string& check) { return check != "freshness" && check != "lineage" && check != "census"; }

bool is_fault(const core::Check& check) {
  return check.verdict == CheckVerdict::fail || check.verdict == CheckVerdict::could_not_run;
}

// The newest snapshots of the cluster beside the refused one of which the last that was proven is good.
std::string others_of(const std::vector<store::Snapshot>& snapshots, const store::Snapshot& refused) {
  std::vector<std::string> good;
  for (auto one = snapshots.rbegin(); one != snapshots.rend() && good.size() < kOthersListed; ++one) {
    const auto passed = [](const std::optional<store::Proof>& proof) { return proof && proof->verdict == "pass"; };
    const bool failed = one->verified && one->verified->verdict == "fail";
    if (one->full_name() == refused.full_name() || !store::are_of_one_cluster(*one, refused) || one->lost || failed ||
        !(passed(one->drilled) || passed(one->verified)))
      continue;
    good.push_back(fmt::format("{} passed drill {}", one->full_name(), passed(one->drilled) ? "run" : "verify"));
  }
  const std::string others =
      good.empty() ? "no other snapshot of the cluster is known to be good" : fmt::format("{}", fmt::join(good, ", "));
  return others + " (drill list shows all)";
}

// Of a snapshot that has lost no more than its token, the database may be whole.
std::string way_by_hand(const std::string& lost) {
  if (!lost.starts_with(store::kTokenFile)) return {};
  return "; with the token from elsewhere docs/restore-by-hand.md brings its database back";
}

// What a manifest is about still lies beside it when it cannot be read.
store::Snapshot find_or_tell_the_way(const store::Store& store, const std::string& name) {
  try {
    return store.find(name);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::damaged) throw;
    throw Error(
        error.kind(),
        fmt::format("{}; its database and token may be whole: docs/restore-by-hand.md says how they are brought "
                    "back without it",
                    error.what()));
  }
}

}  // namespace

RestoreSnapshot::RestoreSnapshot(const std::filesystem::path& store, const std::string& name)
    : store_(store), snapshot_(find_or_tell_the_way(store_, name)), name_(snapshot_.full_name()) {}

void RestoreSnapshot::verify(restorer::Step& step, restorer::Faults faults, const std::string& node) {
  const std::vector<store::Snapshot> snapshots = store_.list(cluster());
  const auto found = std::find_if(snapshots.begin(), snapshots.end(), [&](const store::Snapshot& one) {
    return one.manifest.name == snapshot_.manifest.name;
  });
  if (found == snapshots.end()) throw Error(ErrorKind::not_found, name_ + " has just been removed");
  StoredVerifier verifier(store_, snapshots);
  verification_ = verifier.verify(static_cast<std::size_t>(found - snapshots.begin())).verification;
  const store::Snapshot now = store_.find(name_);
  if (now.unrestorable)
    throw Error(ErrorKind::damaged,
                fmt::format("it cannot be brought back, and --force changes nothing of that: {}; {}{}",
                            *now.unrestorable, others_of(snapshots, snapshot_), way_by_hand(*now.unrestorable)));
  if (now.lost)
    step.add(core::Severity::warning,
             fmt::format("a file of it is lost: {}; a restore needs only the database and the token", *now.lost));
  if (snapshot_.of_another_cluster)
    step.add(
        core::Severity::warning,
        fmt::format("it is of another cluster than the other snapshots of {}: drill series says which", cluster()));
  const core::Severity severity =
      faults == restorer::Faults::accepted ? core::Severity::warning : core::Severity::error;
  for (const core::Check& check : verification_.checks) {
    const bool veto = may_veto(check.name);
    if (veto && is_fault(check)) faults_.push_back(check.name);
    for (const core::Finding& one : check.findings)
      if (one.severity == core::Severity::error || (veto && check.verdict == CheckVerdict::could_not_run))
        step.add(veto ? severity : core::Severity::warning, fmt::format("check {}: {}", check.name, one.message));
  }
  if (!verification_.coverage.complete() && faults_.empty()) {
    faults_.emplace_back("coverage");
    step.add(severity, "not all of it could be looked at: drill verify says what");
  }
  if (!faults_.empty() && faults == restorer::Faults::refused) return refuse(step, snapshots, node);
  copy_.emplace(copy_stored(store_, snapshot_));
  if (!copy_->token)
    throw Error(ErrorKind::not_found,
                "the snapshot holds no token: nothing says which cluster it is of, and k3s opens it only with its own; "
                "docs/restore-by-hand.md is for that");
  read_needs(step);
  compare_passwords(snapshots);
  core::write_new_file(token(), copy_->token->content.view());
}

void RestoreSnapshot::refuse(restorer::Step& step, const std::vector<store::Snapshot>& snapshots,
                             const std::string& node) const {
  const auto failed = [](const core::Check& check) {
    return may_veto(check.name) && check.verdict == CheckVerdict::fail;
  };
  if (std::any_of(verification_.checks.begin(), verification_.checks.end(), failed)) step.verdict = CheckVerdict::fail;
  step.add(core::Severity::error,
           fmt::format("so it is not restored unasked, and it may be the only copy that there is: {}; to restore what "
                       "can be read of this one: drill restore {} --to {} --force",
                       others_of(snapshots, snapshot_), name_, node));
}

void RestoreSnapshot::read_needs(restorer::Step& step) {
  try {
    needs_ = verifier::read_restore_needs(copy_->database(), *copy_->token);
  } catch (const Error& error) {
    if (faults_.empty() || error.kind() != ErrorKind::damaged) throw;
    needs_ = verifier::needs_of_token(*copy_->token);
    step.add(
        core::Severity::warning,
        fmt::format("what it needs of a node, and which nodes and volumes it knows, cannot be read: {}", error.what()));
  }
}

// k3s keeps a hash of each node's password in a Secret that it never changes: another one means that the node was set
// up anew. After a restore its new password is refused. Source: k3s-io/k3s pkg/nodepassword.
void RestoreSnapshot::compare_passwords(const std::vector<store::Snapshot>& snapshots) {
  const auto newest = std::find_if(snapshots.rbegin(), snapshots.rend(), [&](const store::Snapshot& one) {
    return !one.lost && store::are_of_one_cluster(one, snapshot_);
  });
  if (newest == snapshots.rend() || newest->full_name() == name_) return;
  const auto passwords = [](const auto& objects) {
    std::map<std::string, std::pair<std::string, std::int64_t>> found;  // uid, or of a sealed one the revision
    for (const verifier::Object& object : objects)
      if (object.resource == "secrets" && object.namespace_name == "kube-system" && object.name.ends_with(kPassword))
        found[std::string(object.name.substr(0, object.name.size() - kPassword.size()))] = {
            std::string(object.uid), object.uid.empty() ? object.revision.value : 0};
    return found;
  };
  try {
    const StoredCopy copy = copy_stored(store_, *newest);
    const auto now = passwords(verifier::read_inventory(copy.database()).objects);
    for (const auto& [node, password] : passwords(verifier::read_inventory(copy_->database()).objects))
      if (const auto found = now.find(node); found != now.end() && found->second != password)
        other_passwords_.push_back(node);
  } catch (const Error& error) {  // it is only a hint
    if (error.kind() == ErrorKind::cancelled) throw;
    core::log_debug(error.what());
  }
}

std::optional<core::Revision> RestoreSnapshot::bump_revision(restorer::Step& step) {
  const auto elapsed = core::utc_now() - snapshot_.manifest.taken_at;
  try {
    return verifier::bump_revision(copy_->database(), verifier::revision_beyond(verification_.revision, elapsed));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::damaged) throw;
    if (faults_.empty())
      throw Error(error.kind(), fmt::format("{}; --no-bump-revision restores it as it is", error.what()));
    step.add(core::Severity::warning, fmt::format("the revision stays as it is: {}", error.what()));
    return std::nullopt;
  }
}

restorer::Requirements RestoreSnapshot::requirements() const {
  restorer::Requirements required;
  required.k3s_version =
      snapshot_.manifest.k3s_version.empty() ? verification_.k3s_version : snapshot_.manifest.k3s_version;
  required.size_bytes = verification_.size_bytes;
  required.token_sha256 = needs_.token_sha256;
  required.ca_hashes = needs_.ca_hashes;
  required.secrets_encryption = needs_.secrets_encryption;
  required.kube_system_uid = verification_.kube_system_uid;
  if (const store::BundleFile* file = snapshot_.manifest.find(store::kConfigFile))
    required.config_sha256 = file->sha256;
  return required;
}

std::vector<std::string> RestoreSnapshot::left_to_a_person(const std::string& node, restorer::Newcomer newcomer,
                                                           bool bumped) const {
  std::vector<std::string> list;
  std::vector<std::string> others;
  for (const std::string& name : needs_.nodes)
    if (name != node) others.push_back(name);
  if (!others.empty())
    list.push_back(
        fmt::format("nodes: restart k3s-agent on {}, so that they join anew; delete the Node of one that is "
                    "gone for good",
                    fmt::join(others, ", ")));
  for (const std::string& name : other_passwords_)
    list.push_back(
        fmt::format("node {0}: it was set up anew after this snapshot, and its password is another one; if k3s logs "
                    "'Node password rejected': kubectl -n kube-system delete secret {0}.node-password.k3s",
                    name));
  if (newcomer == restorer::Newcomer::yes && others.size() != needs_.nodes.size())
    list.push_back(
        fmt::format("node {0}: the cluster knows another node's password under this name; if k3s logs 'Node password "
                    "rejected': kubectl -n kube-system delete secret {0}.node-password.k3s",
                    node));
  if (!needs_.volumes.empty())
    list.push_back(fmt::format("volumes: the data of {} are not in the snapshot; bring them back from their own backup",
                               core::counted(needs_.volumes.size(), "volume")));
  for (std::size_t i = 0; i < std::min(needs_.volumes.size(), kVolumesListed); ++i) {
    const verifier::Volume& volume = needs_.volumes[i];
    list.push_back(fmt::format("volume {}: {} {}", volume.claim.empty() ? volume.name : volume.claim,
                               volume.kind.empty() ? "another kind of source" : volume.kind, volume.where));
  }
  if (needs_.volumes.size() > kVolumesListed)
    list.push_back(fmt::format("volume: and {} more", needs_.volumes.size() - kVolumesListed));
  if (needs_.images > 0)
    list.push_back(fmt::format("images: pods name {}; a node that has not got them pulls them",
                               core::counted(needs_.images, "image")));
  list.emplace_back(
      "files that no snapshot holds: registries.yaml, flags in the unit, manifests put in by hand; see "
      "docs/not-covered.md");
  if (!bumped)
    list.emplace_back("watchers: the revision went back, so restart every controller and client that watches the API");
  return list;
}

}  // namespace cli
