#include "drill/datastore_proof.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "drill/kine_client.hpp"
#include "verifier/values.hpp"

namespace drill {
namespace {

constexpr std::size_t kExamples = 5;

struct KeyRange {
  std::string_view first;
  std::string_view end;
};

// Source: kubernetes pkg/registry/core/rest (ranges), pkg/controlplane/reconcilers (masterleases, peerserverleases);
// k3s pkg/cluster (bootstrap).
constexpr std::array<KeyRange, 4> kInternal{{{"/bootstrap/", "/bootstrap0"},
                                             {"/registry/masterleases/", "/registry/masterleases0"},
                                             {"/registry/peerserverleases/", "/registry/peerserverleases0"},
                                             {"/registry/ranges/", "/registry/ranges0"}}};
constexpr std::array<KeyRange, 2> kAll{{{"/bootstrap/", "/bootstrap0"}, {"/registry/", "/registry0"}}};

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

template <class Ranges>
void compare_ranges(const Ranges& ranges, KineClient& kine, const std::filesystem::path& database,
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

DatastoreProof prove_datastore(const std::filesystem::path& socket, const std::filesystem::path& database,
                               core::Revision revision, Depth depth, const std::function<void()>& meanwhile) {
  DatastoreProof proof;
  try {
    KineClient kine(socket, meanwhile);
    if (depth == Depth::deep) {
      compare_ranges(kAll, kine, database, revision, proof);
    } else {
      compare_ranges(kInternal, kine, database, revision, proof);
    }
  } catch (const core::Error& error) {
    const bool unanswered = error.kind() == core::ErrorKind::unreachable || error.kind() == core::ErrorKind::timeout;
    if (depth == Depth::deep || !unanswered) throw;
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
