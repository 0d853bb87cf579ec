#include "k3s/place.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace k3s {
namespace {

constexpr std::string_view kBelowDataDir = "/server/db/state.db";
constexpr std::string_view kDeleted = " (deleted)";

std::string database_below(const std::string& data_dir) { return plain_path(data_dir) + std::string(kBelowDataDir); }

// "set data_dir ... to X", or what helps where no data_dir leads to the database.
std::string cure(const std::string& path, const std::string& ours) {
  if (path.ends_with(kBelowDataDir) && path.size() > kBelowDataDir.size())
    return fmt::format("set data_dir of the cluster in the config to {}",
                       path.substr(0, path.size() - kBelowDataDir.size()));
  return fmt::format("put {} aside on the node and a symlink to {} in its place", ours, path);
}

std::string_view without_deleted(std::string_view path) {
  if (path.ends_with(kDeleted)) path.remove_suffix(kDeleted.size());
  return path;
}

std::string opened_elsewhere(const OpenDatabase& open, const std::string& ours) {
  const std::string path(without_deleted(open.path));
  if (path != open.path)
    return fmt::format(
        "the running k3s (process {}) has a database open that has been deleted or replaced since at {}: "
        "restart k3s, or what it writes is lost",
        open.process, path);
  return fmt::format("the running k3s (process {}) has its database in {}, and not in {}: {}", open.process, path, ours,
                     cure(path, ours));
}

}  // namespace

Datastore datastore_of(const Settings& settings) {
  const Value data_dir = settings.data_dir();
  const Datastore standard{{}, database_below(data_dir.text), data_dir.file};
  const std::optional<Value> endpoint = settings.find("datastore-endpoint");
  if (!endpoint) return standard;
  const std::size_t scheme = endpoint->text.find("://");
  if (scheme == std::string::npos) return standard;
  const std::string kind = endpoint->text.substr(0, scheme);
  if (kind != "sqlite") return {kind == "http" || kind == "https" ? "etcd" : kind, {}, endpoint->file};
  std::string address = endpoint->text.substr(scheme + 3);
  address.resize(std::min(address.find('?'), address.size()));
  if (address.starts_with("file:")) address.erase(0, 5);
  if (address.empty()) return standard;
  return {{}, plain_path(address, data_dir.text + "/server"), endpoint->file};
}

namespace {

PlaceFindings check(const Told& told, const std::string& data_dir, const std::string& config_file) {
  PlaceFindings findings;
  const std::string ours = database_below(data_dir);
  const Settings settings(told, config_file);
  for (const std::string& file : settings.unreadable())
    findings.warnings.push_back(fmt::format("{} is not YAML as k3s reads it: k3s would not start on it; fix it", file));
  if (!told.same(settings.config_file().text, config_file))
    findings.warnings.push_back(
        fmt::format("k3s reads its config from {}, as {} says, and not from {}: set config_file "
                    "of the cluster in the config",
                    settings.config_file().text,
                    settings.config_file().file.empty() ? "its default" : settings.config_file().file, config_file));

  const std::string inode = told.inode_of(ours);
  const auto in_use = [&](const OpenDatabase& open) { return !inode.empty() && open.inode == inode; };
  const bool serves_ours = std::any_of(told.open().begin(), told.open().end(), in_use);
  if (!serves_ours && !told.open().empty()) {
    const OpenDatabase& open = told.open().front();
    if (!told.stopped()) {
      findings.refusal = opened_elsewhere(open, ours);
      return findings;
    }
    findings.warnings.push_back(
        fmt::format("the service k3s is stopped, and another k3s (process {}) has its database in {}: if that is this "
                    "cluster's, {}",
                    open.process, open.path, cure(std::string(without_deleted(open.path)), ours)));
  }
  const Datastore datastore = datastore_of(settings);
  if (!datastore.kind.empty()) {
    if (!serves_ours)
      findings.external = datastore;
    else
      findings.warnings.push_back(
          fmt::format("k3s serves {} now, and will use an external {} database from its next start on, as {} says",
                      ours, datastore.kind, datastore.file));
    return findings;
  }
  // A default is taken for what k3s is told only where nothing else can have told it.
  const bool told_nothing =
      datastore.file.empty() && (serves_ours || !settings.starts_k3s() || told.inode_of(datastore.path).empty());
  if (told_nothing || told.same(datastore.path, ours)) return findings;
  const std::string says = datastore.file.empty() ? "by default" : fmt::format("as {} says", datastore.file);
  if (serves_ours)
    findings.warnings.push_back(
        fmt::format("k3s serves {} now, and will have its database in {} from its next start on, "
                    "{}",
                    ours, datastore.path, says));
  else
    findings.refusal = fmt::format("k3s has its database in {}, {}, and not in {}: {}", datastore.path, says, ours,
                                   cure(datastore.path, ours));
  return findings;
}

}  // namespace

PlaceFindings check_place(const Told& told, const std::string& data_dir, const std::string& config_file) {
  if (!told.whole()) return {};
  return check(told, data_dir, config_file);
}

}  // namespace k3s
