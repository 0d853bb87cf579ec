#include "store/manifest.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/file.hpp"

namespace store {
namespace {

using json = nlohmann::ordered_json;
constexpr std::string_view kSchema = "k3s-drill/snapshot/1";

bool is_plain_name(const std::string& path) {
  return !path.empty() && path.find('/') == std::string::npos && path != "." && path != "..";
}

}  // namespace

const BundleFile* Manifest::find(std::string_view path) const {
  const auto found =
      std::find_if(bundle.begin(), bundle.end(), [&](const BundleFile& file) { return file.path == path; });
  return found == bundle.end() ? nullptr : &*found;
}

std::string to_json(const Manifest& manifest) {
  json bundle = json::array();
  for (const BundleFile& file : manifest.bundle)
    bundle.push_back({{"path", file.path}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
  const json document = {
      {"schema", kSchema},
      {"cluster", manifest.cluster},
      {"name", manifest.name},
      {"taken_at", core::format_rfc3339(manifest.taken_at)},
      {"method", manifest.method},
      {"node",
       {{"k3s_version", manifest.k3s_version}, {"arch", manifest.arch}, {"sqlite_version", manifest.sqlite_version}}},
      {"bundle", bundle},
  };
  return document.dump(2) + "\n";
}

Manifest manifest_from_json(const std::string& text) {
  try {
    const json document = json::parse(text);
    if (document.at("schema") != kSchema)
      throw core::Error(core::ErrorKind::damaged, "unknown schema " + document.at("schema").dump());
    Manifest manifest;
    manifest.cluster = document.at("cluster");
    manifest.name = document.at("name");
    const auto taken_at = core::parse_rfc3339(document.at("taken_at").get<std::string>());
    if (!taken_at) throw core::Error(core::ErrorKind::damaged, "taken_at is no time");
    manifest.taken_at = *taken_at;
    manifest.method = document.at("method");
    const json& node = document.at("node");
    manifest.k3s_version = node.at("k3s_version");
    manifest.arch = node.at("arch");
    manifest.sqlite_version = node.at("sqlite_version");
    for (const json& entry : document.at("bundle")) {
      BundleFile file{entry.at("path"), entry.at("size_bytes"), entry.at("sha256")};
      if (!is_plain_name(file.path)) throw core::Error(core::ErrorKind::damaged, "bundle path is no plain name");
      manifest.bundle.push_back(std::move(file));
    }
    return manifest;
  } catch (const nlohmann::json::exception& error) {
    throw core::Error(core::ErrorKind::damaged, std::string("not a manifest: ") + error.what());
  }
}

std::optional<Proof> proof_from_json(const std::string& text) {
  try {
    const json document = json::parse(text);
    const auto at = core::parse_rfc3339(document.at("started_at").get<std::string>());
    if (!at) return std::nullopt;
    const auto snapshot = document.find("snapshot");
    const bool own = snapshot != document.end() && snapshot->is_object() && snapshot->contains("verdict");
    return Proof{own ? snapshot->at("verdict") : document.at("verdict"), *at};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

std::optional<Proof> read_proof(const std::filesystem::path& path) {
  try {
    return proof_from_json(core::read_file(path));
  } catch (const core::Error&) {
    return std::nullopt;
  }
}

}  // namespace store
