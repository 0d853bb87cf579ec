#include "store/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/logging.hpp"
#include "core/printable.hpp"
#include "store/limits.hpp"
#include "store/order.hpp"

namespace store {
namespace {

using json = nlohmann::ordered_json;

// No content keeps it from being written, and none of it steers a terminal.
std::string json_text(const json& document) {
  return core::printable_json(document.dump(2, ' ', false, json::error_handler_t::replace)) + "\n";
}
constexpr std::string_view kSchema = "k3s-drill/snapshot/1";
constexpr std::string_view kSeriesSchema = "k3s-drill/series-record/1";

// nlohmann would take a negative or a fractional number, too, and make another one of it.
std::uint64_t size_of(const json& entry) {
  const json& size = entry.at("size_bytes");
  if (!size.is_number_unsigned()) throw core::Error(core::ErrorKind::damaged, "a size is no whole number");
  return size;
}

// Those of before there was one have none.
std::uint64_t sequence_of(const json& document) {
  const auto found = document.find("sequence");
  if (found == document.end()) return 0;
  if (!found->is_number_unsigned() || *found > kLastSequence)
    throw core::Error(core::ErrorKind::damaged, "its sequence is none that a store comes to");
  return *found;
}

json identity_json(const core::ClusterIdentity& identity) {
  return {{"kube_system_uid", identity.kube_system_uid}, {"ca_sha256", identity.ca_sha256}};
}

core::ClusterIdentity identity_of(const json& document) {
  return {document.at("kube_system_uid"), document.at("ca_sha256")};
}

bool is_plain_name(const std::string& path) {
  return !path.empty() && path.find('/') == std::string::npos && path != "." && path != "..";
}

// Stores of before packing have no "database": state.db lies there as it was taken.
PackedDatabase database_of(const json& document, const Manifest& manifest) {
  PackedDatabase database;
  const auto found = document.find("database");
  if (found == document.end()) {
    if (const BundleFile* plain = manifest.find(kDatabaseFile)) {
      database.size_bytes = plain->size_bytes;
      database.sha256 = plain->sha256;
    }
    return database;
  }
  database.file = found->at("file");
  database.size_bytes = size_of(*found);
  database.sha256 = found->at("sha256");
  if (!found->at("base").is_null()) database.base = found->at("base");
  if (database.file != kDatabaseFile && database.file != kKeyframeFile && database.file != kPatchFile)
    throw core::Error(core::ErrorKind::damaged, "the database lies in a file of unknown kind");
  if ((database.file == kPatchFile) != core::parse_compact(database.base).has_value())
    throw core::Error(core::ErrorKind::damaged, "a patch needs a base, and nothing else has one");
  return database;
}

// Reads an evidence document up to where its proof is complete: the lists behind it are long, and a store has many.
class ProofReader : public nlohmann::json_sax<json> {
 public:
  std::optional<Proof> proof() const {
    const auto at = core::parse_rfc3339(started_at_);
    const std::string& verdict = snapshot_verdict_ ? *snapshot_verdict_ : verdict_;
    if (!at || verdict.empty()) return std::nullopt;
    return Proof{verdict, *at};
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool string(string_t& value) override {
    if (depth_ == 1 && key_ == "verdict") verdict_ = value;
    if (depth_ == 1 && key_ == "started_at") started_at_ = value;
    if (depth_ == 2 && in_snapshot_ && key_ == "verdict") snapshot_verdict_ = value;
    return !complete();
  }
  bool key(string_t& name) override {
    key_ = name;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 1) in_snapshot_ = key_ == "snapshot";
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ == 1 && in_snapshot_) snapshot_read_ = true;
    if (depth_ == 1) in_snapshot_ = false;
    return !complete();
  }
  bool start_array(std::size_t) override {
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    verdict_.clear();
    snapshot_verdict_.reset();
    return false;
  }

 private:
  bool complete() const { return snapshot_read_ && !verdict_.empty() && !started_at_.empty(); }

  std::string key_;
  int depth_ = 0;
  bool in_snapshot_ = false;
  bool snapshot_read_ = false;
  std::string verdict_;
  std::optional<std::string> snapshot_verdict_;
  std::string started_at_;
};

}  // namespace

std::string_view evidence_file(Evidence kind) { return kind == Evidence::verify ? "verify.json" : "run.json"; }

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
      {"sequence", manifest.sequence},
      {"taken_at", core::format_rfc3339(manifest.taken_at)},
      {"method", manifest.method},
      {"node",
       {{"k3s_version", manifest.k3s_version}, {"arch", manifest.arch}, {"sqlite_version", manifest.sqlite_version}}},
      {"identity", identity_json(manifest.identity)},
      {"bundle", bundle},
      {"database",
       {{"file", manifest.database.file},
        {"size_bytes", manifest.database.size_bytes},
        {"sha256", manifest.database.sha256},
        {"base", manifest.database.base.empty() ? json(nullptr) : json(manifest.database.base)}}},
  };
  return json_text(document);
}

Manifest manifest_from_json(const std::string& text) {
  try {
    const json document = json::parse(text);
    if (document.at("schema") != kSchema)  // which is not quoted: a stranger's may be of any size and depth
      throw core::Error(core::ErrorKind::damaged, "it is of an unknown schema");
    Manifest manifest;
    manifest.cluster = document.at("cluster");
    manifest.name = document.at("name");
    manifest.sequence = sequence_of(document);
    const auto taken_at = core::parse_rfc3339(document.at("taken_at").get<std::string>());
    if (!taken_at) throw core::Error(core::ErrorKind::damaged, "taken_at is no time");
    manifest.taken_at = *taken_at;
    manifest.method = document.at("method");
    const json& node = document.at("node");
    manifest.k3s_version = node.at("k3s_version");
    manifest.arch = node.at("arch");
    manifest.sqlite_version = node.at("sqlite_version");
    // Those of before it was asked for have none.
    if (const auto identity = document.find("identity"); identity != document.end())
      manifest.identity = identity_of(*identity);
    for (const json& entry : document.at("bundle")) {
      BundleFile file{entry.at("path"), size_of(entry), entry.at("sha256")};
      if (!is_plain_name(file.path)) throw core::Error(core::ErrorKind::damaged, "bundle path is no plain name");
      manifest.bundle.push_back(std::move(file));
    }
    manifest.database = database_of(document, manifest);
    return manifest;
  } catch (const nlohmann::json::exception& error) {
    throw core::Error(core::ErrorKind::damaged, fmt::format("no manifest, cut off or changed ({})", error.what()));
  }
}

Manifest read_manifest(const std::filesystem::path& directory) {
  Manifest manifest = manifest_from_json(core::read_regular_file(directory / kManifestFile, kManifestBytes));
  if (manifest.name != directory.filename()) throw core::Error(core::ErrorKind::damaged, "names another snapshot");
  return manifest;
}

std::string to_json(const SeriesRecord& record) {
  json document = {{"schema", kSeriesSchema}};
  document.update(identity_json(record.identity));
  document["unmarked"] = json::array();
  for (const SeriesRecord::Unmarked& unmarked : record.unmarked) {
    json entry = {{"until", unmarked.until}};
    entry.update(identity_json(unmarked.identity));
    document["unmarked"].push_back(std::move(entry));
  }
  return json_text(document);
}

SeriesRecord read_series(const std::filesystem::path& cluster_directory) {
  try {
    const json document = json::parse(core::read_regular_file(cluster_directory / kSeriesFile, kManifestBytes));
    SeriesRecord record{identity_of(document)};
    for (const json& entry : document.at("unmarked"))
      record.unmarked.push_back({entry.at("until"), identity_of(entry)});
    if (document.at("schema") == kSeriesSchema && record.identity.known()) return record;
  } catch (const nlohmann::json::exception&) {
  }
  throw core::Error(core::ErrorKind::damaged, "it does not say which cluster the series is of");
}

std::optional<Proof> proof_from_json(const std::string& text) {
  ProofReader reader;
  json::sax_parse(text, &reader);
  return reader.proof();
}

std::optional<Proof> read_proof(const std::filesystem::path& path) {
  try {
    return proof_from_json(core::read_regular_file(path));
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::not_found) return std::nullopt;
    if (error.kind() != core::ErrorKind::damaged) throw;
    core::log_warning(fmt::format("a proof that is none: {}", error.what()));
    return std::nullopt;
  }
}

std::string damage_to_json(std::string_view message, core::UtcTime found_at) {
  const json document = {
      {"schema", "k3s-drill/damage/1"}, {"found_at", core::format_rfc3339(found_at)}, {"message", message}};
  return json_text(document);
}

std::optional<std::string> read_damage(const std::filesystem::path& path) {
  try {
    return json::parse(core::read_regular_file(path, kManifestBytes)).at("message");
  } catch (const core::Error& error) {
    if (error.kind() == core::ErrorKind::not_found) return std::nullopt;
    if (error.kind() == core::ErrorKind::damaged) return "found damaged earlier, as far as can be told";
    throw;
  } catch (const nlohmann::json::exception&) {
    return "found damaged earlier";
  }
}

}  // namespace store
