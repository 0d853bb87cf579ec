#include "drill/proof/datastore_proof.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "drill/engine/kine_client.hpp"
#include "verifier/kine/values.hpp"

namespace drill {
namespace {

constexpr std::size_t kExamples = 5;

struct KeyRange {
  std::string first;
  std::string end;
};

KeyRange below(const std::string& directory) { return {directory + '/', directory + '0'}; }

// Source: kubernetes pkg/registry/core/rest (ranges), pkg/controlplane/reconcilers (masterleases, peerserverleases);
// k3s pkg/cluster (bootstrap).
constexpr std::array kInternal{"/bootstrap", "/registry/masterleases", "/registry/peerserverleases",
                               "/registry/ranges"};
constexpr std::array kAll{"/bootstrap", "/registry"};

std::vector<KeyRange> ranges_of(Depth depth, const std::vector<std::string>& resources) {
  std::vector<KeyRange> ranges;
  if (depth == Depth::deep) {
    for (const char* directory : kAll) ranges.push_back(below(directory));
    return ranges;
  }
  for (const char* directory : kInternal) ranges.push_back(below(directory));
  for (const std::string& resource : resources) {
    const std::size_t dot = resource.find('.');
    ranges.push_back(below("/registry/" + resource.substr(dot + 1) + "/" + resource.substr(0, dot)));
  }
  return ranges;
}

// What a key must come back with. A hash in place of the value: the values of a cluster may be larger than its memory.
struct Stored {
  core::Revision revision;
  std::string sha256;
  bool operator==(const Stored& other) const { return revision == other.revision && sha256 == other.sha256; }
};

class Comparison {
 public:
  explicit Comparison(DatastoreProof& proof) : proof_(proof) {}

  void expect(std::string_view key, core::Revision revision, std::string_view value) {
    expected_.emplace(key, Stored{revision, core::sha256_hex(value)});
    ++proof_.keys;
  }

  void compare(const StoredValue& served) {
    const auto found = expected_.find(std::string(served.key));
    if (found == expected_.end()) return differ(served.key, "is there and not in the snapshot");
    const bool same = found->second == Stored{served.revision, core::sha256_hex(served.value)};
    expected_.erase(found);
    if (!same) return differ(served.key, "has another revision or other bytes than in the snapshot");
    ++proof_.matched;
  }

  void finish() {
    for (const auto& [key, stored] : expected_) differ(key, "is missing");
    if (differing_ > kExamples) add(fmt::format("{} keys differ in all", differing_), {});
  }

 private:
  void differ(std::string_view key, std::string_view how) {
    if (++differing_ <= kExamples) add(fmt::format("in the restored datastore this key {}", how), std::string(key));
  }
  void add(std::string message, std::optional<std::string> key) {
    proof_.check.verdict = core::CheckVerdict::fail;
    proof_.check.findings.push_back({core::Severity::error, std::move(message), std::move(key), {}});
  }

  DatastoreProof& proof_;
  std::unordered_map<std::string, Stored> expected_;
  std::size_t differing_ = 0;
};

void compare_ranges(const std::vector<KeyRange>& ranges, KineClient& kine, const std::filesystem::path& database,
                    core::Revision revision, DatastoreProof& proof) {
  Comparison comparison(proof);
  for (const KeyRange& range : ranges) {
    verifier::read_values(
        database, range.first, range.end,
        [&](std::string_view key, core::Revision at, std::string_view value) { comparison.expect(key, at, value); });
    kine.range(range.first, range.end, revision, [&](const StoredValue& served) { comparison.compare(served); });
  }
  comparison.finish();
}

}  // namespace

DatastoreProof prove_datastore(const DatastoreAccess& access, const std::filesystem::path& database,
                               core::Revision revision, Depth depth, const std::vector<std::string>& resources) {
  DatastoreProof proof;
  try {
    KineClient kine(access.open_socket(), access.meanwhile, access.deadline);
    compare_ranges(ranges_of(depth, resources), kine, database, revision, proof);
  } catch (const core::Error& error) {
    const bool unanswered = error.kind() == core::ErrorKind::unreachable || error.kind() == core::ErrorKind::timeout;
    if (depth == Depth::deep || !resources.empty() || !unanswered) throw;
    proof = {};
    proof.check.verdict = core::CheckVerdict::skipped;
    proof.check.findings.push_back(
        {core::Severity::warning,
         fmt::format("skipped: what the API does not list was not compared: {}", error.what()),
         {},
         {}});
  }
  return proof;
}

}  // namespace drill
