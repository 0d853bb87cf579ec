#include "cli/snapshot_names.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/edit_distance.hpp"
#include "core/error.hpp"

namespace cli {
namespace {

using core::Error;
using core::ErrorKind;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool names_a_time(std::string_view word) {
  return word == "latest" || word == "proven" || core::parse_compact(word).has_value();
}

std::string without_trailing_slash(std::string word) {
  if (word.size() > 1 && word.ends_with('/')) word.pop_back();
  return word;
}

}  // namespace

std::vector<std::string> Names::clusters() const {
  std::vector<std::string> all = config_.cluster_names;
  for (const std::string& stored : stored_with_snapshots())
    if (!contains(all, stored)) all.push_back(stored);
  return all;
}

bool Names::is_cluster(const std::string& word) const { return contains(clusters(), word); }

// On the worst day the question is whether this is the right place at all.
Error Names::no_snapshot() const {
  if (!std::filesystem::exists(config_.store))
    return {ErrorKind::not_found,
            fmt::format("there is no store {}: is the disk that has it mounted, and the path right? "
                        "drill pull makes a new one",
                        config_.store.string())};
  return {ErrorKind::not_found,
          fmt::format("the store {} has no snapshot yet: drill pull takes the first", config_.store.string())};
}

Error Names::no_snapshot(const std::string& cluster) const {
  if (!std::filesystem::exists(config_.store)) return no_snapshot();
  return {ErrorKind::not_found, config_.clusters.count(cluster) != 0
                                    ? fmt::format("no snapshot of {0} in {1} yet: drill pull {0} takes the first",
                                                  cluster, config_.store.string())
                                    : fmt::format("no snapshot of {} in {}: drill list shows what there is", cluster,
                                                  config_.store.string())};
}

// A refused import or pull leaves a directory with a lock in it, and no cluster.
std::vector<std::string> Names::stored_with_snapshots() const {
  std::vector<std::string> found;
  for (const std::string& cluster : store_.clusters()) {
    std::error_code failed;
    const std::filesystem::directory_iterator files(config_.store / cluster, failed);
    if (failed || std::any_of(begin(files), end(files), [](const auto& file) {
          return core::parse_compact(file.path().filename().string()).has_value();
        }))
      found.push_back(cluster);
  }
  return found;
}

std::string Names::only_cluster(const std::string& word) const {
  const std::vector<std::string> stored = stored_with_snapshots();
  if (stored.empty()) throw no_snapshot();
  if (stored.size() == 1) return stored.front();
  throw Error(ErrorKind::usage,
              fmt::format("'{0}' names no cluster, and the store has {1}: say CLUSTER/{0}, with one of {2}", word,
                          stored.size(), fmt::join(stored, ", ")));
}

void Names::unknown(const std::string& word, std::string_view name, std::string_view rest) const {
  const std::vector<std::string> known = clusters();
  std::error_code ignored;
  if (std::filesystem::is_regular_file(word, ignored))
    throw Error(ErrorKind::usage,
                fmt::format("no cluster '{}' is configured or stored, but there is a file of that name: give it with "
                            "--file where the command takes one",
                            name));
  const std::string meant = core::nearest(name, known);
  std::string advice = known.empty()
                           ? std::string("none is: add one to the config")
                           : fmt::format("there {} {}", known.size() == 1 ? "is" : "are", fmt::join(known, ", "));
  if (!meant.empty()) advice = fmt::format("did you mean {}{}?", meant, rest);
  throw Error(ErrorKind::usage, fmt::format("no cluster '{}' is configured or stored: {}", name, advice));
}

Named Names::either(const std::string& given) const {
  const std::string word = without_trailing_slash(given);
  const std::size_t slash = word.find('/');
  if (slash == std::string::npos) {
    if (is_cluster(word)) return {word};
    if (names_a_time(word)) return {only_cluster(word), word};
    unknown(word, word, "");
  }
  const std::string cluster = word.substr(0, slash);
  if (!is_cluster(cluster)) unknown(word, cluster, word.substr(slash));
  return {cluster, word.substr(slash + 1)};
}

std::string Names::snapshot_name(const std::string& word) const {
  const Named named = either(word);
  const std::vector<store::Snapshot> snapshots = store_.list(named.cluster);
  if (snapshots.empty()) throw no_snapshot(named.cluster);
  std::vector<std::string> known{"latest", "proven"};
  for (auto one = snapshots.rbegin(); one != snapshots.rend(); ++one) known.push_back(one->manifest.name);
  if (named.snapshot.empty() || contains(known, named.snapshot)) return named.full();
  const std::string meant = core::nearest(named.snapshot, known);
  throw Error(
      ErrorKind::not_found,
      fmt::format("no snapshot {}: {}drill list {} shows what there is", named.full(),
                  meant.empty() ? "" : fmt::format("did you mean {}/{}? ", named.cluster, meant), named.cluster));
}

store::Snapshot Names::snapshot(const std::string& word) const { return store_.find(snapshot_name(word)); }

std::string Names::cluster(const std::string& word, std::string_view command) const {
  const Named named = either(word);
  if (named.snapshot.empty()) return named.cluster;
  throw Error(ErrorKind::usage, fmt::format("{} is one snapshot, and this is for a whole cluster: {}", word,
                                            fmt::format(fmt::runtime(command), named.cluster)));
}

std::vector<std::string> Names::stored_clusters(const std::vector<std::string>& words, std::string_view command) const {
  if (words.empty()) return stored_with_snapshots();
  std::vector<std::string> chosen;
  for (const std::string& word : words) {
    const std::string name = cluster(word, command);
    if (!contains(store_.clusters(), name)) throw no_snapshot(name);
    if (!contains(chosen, name)) chosen.push_back(name);
  }
  return chosen;
}

std::vector<std::string> Names::configured_clusters(const std::vector<std::string>& words,
                                                    std::string_view command) const {
  if (config_.clusters.empty())
    throw Error(ErrorKind::usage,
                fmt::format("{}: no cluster is configured: add one below 'clusters'", config_.path.string()));
  std::vector<std::string> chosen;
  for (const std::string& word : words.empty() ? config_.cluster_names : words) {
    const std::string name = cluster(word, command);
    if (config_.clusters.count(name) == 0)
      throw Error(ErrorKind::usage,
                  fmt::format("cluster {} has snapshots in the store, and is not in {}: add it there, with its host",
                              name, config_.path.string()));
    if (!contains(chosen, name)) chosen.push_back(name);
  }
  return chosen;
}

}  // namespace cli
