#include "cli/stored_candidate.hpp"

#include "cli/command.hpp"
#include "cli/stored_copy.hpp"

namespace cli {

drill::Candidate candidate_of(store::Store& store, const store::Snapshot& snapshot) {
  drill::Candidate candidate;
  candidate.name = snapshot.full_name();
  candidate.taken_at =
      snapshot.damage || snapshot.unreadable ? core::parse_compact(snapshot.manifest.name) : snapshot.manifest.taken_at;
  candidate.drilled = snapshot.drilled && snapshot.drilled->verdict != "inconclusive";
  if (snapshot.unreadable) {
    candidate.unreadable = snapshot.unreadable->what();
    return candidate;
  }
  if (snapshot.lost) {
    candidate.damage = "lost: " + *snapshot.lost;
    return candidate;
  }
  candidate.unpack = [&store, snapshot](const std::filesystem::path& target) {
    core::CopiedFile copied;
    unless_removed(snapshot, [&] { copied = store.extract(snapshot, target); });
    return copied;
  };
  candidate.k3s_version = snapshot.manifest.k3s_version;
  if (const store::BundleFile* database = snapshot.manifest.find(store::kDatabaseFile))
    candidate.captured_sha256 = database->sha256;
  if (snapshot.manifest.find(store::kTokenFile) != nullptr) candidate.token = snapshot.file(store::kTokenFile);
  for (const store::BundleFile& file : snapshot.manifest.bundle)  // in the order of the node's names
    if (file.path.starts_with(store::kConfigFile)) candidate.configs.push_back(snapshot.file(file.path));
  return candidate;
}

drill::Candidate candidate_of(const std::filesystem::path& database, const std::filesystem::path& token) {
  drill::Candidate candidate;
  candidate.name = database.string();
  candidate.database = database;
  candidate.token = token;
  return candidate;
}

void add_engine_option(CLI::App& app, std::string& engine) {
  app.add_option("--engine", engine,
                 "Control plane to restore into (default: auto, the k3s of the snapshot's own version)")
      ->check(one_of({"auto", "k3s", "container", "standin"}))
      ->type_name("auto|k3s|container|standin");
}

std::optional<drill::EngineKind> engine_kind(const std::string& name) {
  for (const drill::EngineKind kind :
       {drill::EngineKind::k3s, drill::EngineKind::container, drill::EngineKind::standin})
    if (name == drill::to_string(kind)) return kind;
  return std::nullopt;
}

}  // namespace cli
