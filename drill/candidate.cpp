#include "drill/candidate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/error.hpp"

namespace drill {
namespace {

// What must be as it was on the original server for the restored one to serve the same.
constexpr std::array<std::string_view, 4> kKeptFlags{"cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain"};

std::vector<std::string> kept_flags(const std::vector<k3s::ConfigFile>& configs) {
  const k3s::ConfigFlags config = k3s::flags_of_config(configs);
  std::map<std::string_view, std::string> values;
  for (const std::string_view key : kKeptFlags)
    for (const k3s::Flag& flag : config.flags)
      if (flag.name == key && !flag.value.empty()) values[key] += (values[key].empty() ? "" : ",") + flag.value;
  std::vector<std::string> flags;
  for (const auto& [key, value] : values) flags.push_back(fmt::format("--{}={}", key, value));
  return flags;
}

core::CopiedFile fetch_database(const Candidate& candidate, const std::filesystem::path& target) {
  if (candidate.unpack) return candidate.unpack(target);
  return copy_database(candidate.database, target);
}

}  // namespace

Material fetch(const Candidate& candidate, const std::filesystem::path& directory) {
  std::filesystem::create_directory(directory);
  std::filesystem::permissions(directory, std::filesystem::perms::owner_all);
  Material material;
  material.database = directory / "state.db";
  const core::CopiedFile copied = fetch_database(candidate, material.database);
  if (candidate.captured_sha256 && copied.sha256 != *candidate.captured_sha256)
    throw core::Error(core::ErrorKind::damaged,
                      fmt::format("state.db has sha256 {}, captured was {}: it has changed in the store", copied.sha256,
                                  *candidate.captured_sha256));
  const auto read = [&](const std::filesystem::path& file) {
    return candidate.unpack ? core::read_regular_file(file)
                            : core::read_file(file);  // what is the user's may be a pipe
  };
  if (candidate.token) material.token = verifier::parse_token(core::Secret::taken_from(read(*candidate.token)));
  for (const std::filesystem::path& config : candidate.configs)
    material.configs.push_back({config.filename(), read(config)});
  return material;
}

std::vector<const Candidate*> in_order_of_comparison(std::span<const Candidate> earlier) {
  std::vector<const Candidate*> ordered;
  for (const Candidate& candidate : earlier)
    if (!candidate.damage && !candidate.unreadable) ordered.push_back(&candidate);
  std::stable_partition(ordered.begin(), ordered.end(), [](const Candidate* one) { return one->drilled; });
  return ordered;
}

std::optional<verifier::Previous> fetch_previous(const Candidate& candidate, const std::filesystem::path& directory) {
  try {
    const Material material = fetch(candidate, directory);
    return verifier::Previous{candidate.name, material.database, material.token};
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged && error.kind() != core::ErrorKind::not_found) throw;
    core::remove_tree(directory);
    return std::nullopt;
  }
}

RestoreSet restore_set(const Material& material, const verifier::Verification& verification, Controllers controllers) {
  if (!material.token)
    throw core::Error(core::ErrorKind::not_found,
                      "no token was saved with this snapshot, and without it k3s cannot open it: give --token-file");
  RestoreSet restore{material.database, *material.token, kept_flags(material.configs), controllers};
  if (verification.secrets_encryption) restore.server_flags.push_back("--secrets-encryption");
  return restore;
}

}  // namespace drill
