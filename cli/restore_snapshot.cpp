#include "cli/restore_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "verifier/bump_revision.hpp"

namespace cli {

using core::CheckVerdict;
using core::Error;
using core::ErrorKind;

namespace {

constexpr std::size_t kVolumesListed = 10;

}  // namespace

RestoreSnapshot::RestoreSnapshot(const std::filesystem::path& store, const std::string& name)
    : store_(store), snapshot_(store_.find(name)), name_(snapshot_.full_name()) {}

void RestoreSnapshot::verify(reports::RestoreStep& step, Unverified unverified) {
  if (snapshot_.lost) throw Error(ErrorKind::damaged, "it cannot be brought back: " + *snapshot_.lost);
  const std::vector<store::Snapshot> snapshots = store_.list(cluster());
  const auto found = std::find_if(snapshots.begin(), snapshots.end(), [&](const store::Snapshot& one) {
    return one.manifest.name == snapshot_.manifest.name;
  });
  if (found == snapshots.end()) throw Error(ErrorKind::not_found, name_ + " has just been removed");
  StoredVerifier verifier(store_, snapshots);
  verification_ = verifier.verify(static_cast<std::size_t>(found - snapshots.begin())).verification;
  for (const core::Check& check : verification_.checks)
    for (const core::Finding& one : check.findings)
      if (one.severity == core::Severity::error)
        step.add(core::Severity::error, fmt::format("check {}: {}", check.name, one.message));
  const reports::Verdict verdict = reports::verdict_of(verification_);
  if (verdict == reports::Verdict::fail) step.verdict = CheckVerdict::fail;
  if (verdict == reports::Verdict::inconclusive) {
    if (unverified == Unverified::allowed)
      step.add(core::Severity::warning, "the snapshot could not be verified as a whole");
    else
      step.add(core::Severity::error,
               "the snapshot could not be verified as a whole: drill verify says why; --allow-unverified restores it "
               "nevertheless");
  }
  if (step.verdict == CheckVerdict::fail || !step.passed()) return;
  copy_.emplace(copy_stored(store_, snapshot_));
  if (!copy_->token)
    throw Error(ErrorKind::not_found,
                "the snapshot holds no token: nothing says which cluster it is of, and k3s opens it only with its own; "
                "docs/restore-by-hand.md is for that");
  needs_ = verifier::read_restore_needs(copy_->database(), *copy_->token);
  core::write_new_file(token(), *copy_->token);
}

core::Revision RestoreSnapshot::bump_revision() {
  const auto elapsed = core::utc_now() - snapshot_.manifest.taken_at;
  return verifier::bump_revision(copy_->database(), verifier::revision_beyond(verification_.revision, elapsed));
}

restorer::Wanted RestoreSnapshot::wanted() const {
  restorer::Wanted wanted;
  wanted.k3s_version =
      snapshot_.manifest.k3s_version.empty() ? verification_.k3s_version : snapshot_.manifest.k3s_version;
  wanted.size_bytes = verification_.size_bytes;
  wanted.token_sha256 = needs_.token_sha256;
  wanted.ca_hashes = needs_.ca_hashes;
  wanted.secrets_encryption = needs_.secrets_encryption;
  if (const store::BundleFile* file = snapshot_.manifest.find(store::kConfigFile)) wanted.config_sha256 = file->sha256;
  return wanted;
}

std::vector<std::string> RestoreSnapshot::left_to_a_person(const std::string& node, restorer::Server server,
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
  if (server == restorer::Server::absent && others.size() != needs_.nodes.size())
    list.push_back(
        fmt::format("node {0}: the cluster knows another node's password under this name; if k3s logs 'Node password "
                    "rejected': kubectl -n kube-system delete secret {0}.node-password.k3s",
                    node));
  if (!needs_.volumes.empty())
    list.push_back(fmt::format("volumes: the data of {} are not in the snapshot; bring them back from their own backup",
                               reports::counted(needs_.volumes.size(), "volume")));
  for (std::size_t i = 0; i < std::min(needs_.volumes.size(), kVolumesListed); ++i) {
    const verifier::Volume& volume = needs_.volumes[i];
    list.push_back(fmt::format("volume {}: {} {}", volume.claim.empty() ? volume.name : volume.claim,
                               volume.kind.empty() ? "another kind of source" : volume.kind, volume.where));
  }
  if (needs_.volumes.size() > kVolumesListed)
    list.push_back(fmt::format("volume: and {} more", needs_.volumes.size() - kVolumesListed));
  if (needs_.images > 0)
    list.push_back(fmt::format("images: pods name {}; a node that has not got them pulls them",
                               reports::counted(needs_.images, "image")));
  list.emplace_back(
      "files that no snapshot holds: registries.yaml, flags in the unit, manifests put in by hand; see "
      "docs/not-covered.md");
  if (!bumped)
    list.emplace_back("watchers: the revision went back, so restart every controller and client that watches the API");
  return list;
}

}  // namespace cli
