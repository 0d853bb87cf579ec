// What CLUSTER and SNAPSHOT mean, and what is said of a word that means nothing.
#include <fstream>

#include "cli/snapshot_names.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

namespace {

// A store with two snapshots of edge, the first of which is proven, and a config that knows new, too.
struct Desk : shelf::Shelf {
  cli::Config config = cli::parse_config("store: /s\nclusters: {edge: {host: a}, new: {host: b}}\n", "config.yaml");
  cli::Names names{config, store};

  Desk() {
    config.store = root;
    add("20261101T051700Z", "one");
    add("20261101T061700Z", "two");
    prove("20261101T051700Z", store::Evidence::run, "pass");
  }

  template <class Work>
  static std::string refused(core::ErrorKind kind, Work&& work) {
    try {
      work();
    } catch (const core::Error& error) {
      CHECK(error.kind() == kind);
      return error.what();
    }
    return "accepted";
  }
  std::string no_snapshot(const std::string& word, core::ErrorKind kind = core::ErrorKind::usage) const {
    return refused(kind, [&] { names.snapshot(word); });
  }
};

}  // namespace

TEST_CASE_METHOD(Desk, "a snapshot is named by its time, latest or proven, and a cluster alone is its latest") {
  for (const char* latest : {"edge", "edge/", "edge/latest", "latest", "edge/20261101T061700Z", "20261101T061700Z"})
    CHECK(names.snapshot(latest).manifest.name == "20261101T061700Z");
  for (const char* proven : {"edge/proven", "proven"})
    CHECK(names.snapshot(proven).manifest.name == "20261101T051700Z");
  CHECK(names.either("edge").snapshot.empty());
  CHECK(names.either("new").cluster == "new");
}

TEST_CASE_METHOD(Desk, "of a cluster or a snapshot that is not there it is said what may have been meant") {
  CHECK(no_snapshot("edgee") == "no cluster 'edgee' is configured or stored: did you mean edge?");
  CHECK(no_snapshot("egde/latest") == "no cluster 'egde' is configured or stored: did you mean edge/latest?");
  CHECK(no_snapshot("somewhere") == "no cluster 'somewhere' is configured or stored: there are edge, new");
  CHECK(no_snapshot("edge/lates", core::ErrorKind::not_found) ==
        "no snapshot edge/lates: did you mean edge/latest? drill list edge shows what there is");
  CHECK(no_snapshot("edge/20261101T061701Z", core::ErrorKind::not_found) ==
        "no snapshot edge/20261101T061701Z: did you mean edge/20261101T061700Z? drill list edge shows what there is");
  CHECK(no_snapshot("edge/edge", core::ErrorKind::not_found) ==
        "no snapshot edge/edge: drill list edge shows what there is");
  CHECK(no_snapshot("new", core::ErrorKind::not_found) ==
        "no snapshot of new in " + root.string() + " yet: drill pull new takes the first");
  CHECK_THAT(no_snapshot("../edge"), Catch::StartsWith("no cluster '..'"));
  const std::string file = scratch.path() / "state.db";
  std::ofstream(file) << "bytes";
  CHECK_THAT(no_snapshot(file), Catch::Contains("there is a file of that name: give it with --file"));
}

TEST_CASE_METHOD(Desk, "what names no cluster is asked about where several are stored, and only then") {
  std::filesystem::create_directories(root / "typo");  // as a refused import leaves it
  std::ofstream(root / "typo/.lock") << "";
  CHECK(names.snapshot("latest").manifest.name == "20261101T061700Z");
  std::filesystem::create_directories(root / "away/20261101T061700Z");
  CHECK(no_snapshot("latest") ==
        "'latest' names no cluster, and the store has 2: say CLUSTER/latest, with one of away, edge");
  cli::Config empty;
  empty.store = scratch.path() / "empty";
  const store::Store nothing(empty.store);
  CHECK_THAT(refused(core::ErrorKind::not_found, [&] { cli::Names(empty, nothing).snapshot("latest"); }),
             Catch::StartsWith("there is no store " + empty.store.string() + ": is the disk"));
  std::filesystem::create_directory(empty.store);
  CHECK(refused(core::ErrorKind::not_found, [&] { cli::Names(empty, nothing).snapshot("latest"); }) ==
        "the store " + empty.store.string() + " has no snapshot yet: drill pull takes the first");
}

TEST_CASE_METHOD(Desk, "where a whole cluster is meant, a snapshot is refused with what to type") {
  using Clusters = std::vector<std::string>;
  CHECK(names.stored_clusters({"edge", "edge"}, "drill prune {}") == Clusters{"edge"});
  CHECK(names.stored_clusters({}, "drill prune {}") == Clusters{"edge"});
  CHECK(refused(core::ErrorKind::usage, [&] { names.stored_clusters({"edge/latest"}, "drill prune {}"); }) ==
        "edge/latest is one snapshot, and this is for a whole cluster: drill prune edge");
  CHECK(refused(core::ErrorKind::not_found, [&] { names.stored_clusters({"new"}, "drill prune {}"); }) ==
        "no snapshot of new in " + root.string() + " yet: drill pull new takes the first");
  CHECK(names.configured_clusters({}, "drill pull {}") == Clusters{"edge", "new"});
  std::filesystem::create_directories(root / "away/20261101T061700Z");
  CHECK(refused(core::ErrorKind::usage, [&] { names.configured_clusters({"away"}, "drill pull {}"); }) ==
        "cluster away has snapshots in the store, and is not in config.yaml: add it there, with its host");
  CHECK_FALSE(std::filesystem::exists(root / "new"));
}
