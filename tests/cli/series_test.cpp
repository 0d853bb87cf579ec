// A node was reinstalled, its k3s began a new cluster, and cron goes on: what pull, run, list and retention make of it,
// until a person says which of the two counts.
#include "core/file.hpp"
#include "store/manifest.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

using Catch::Contains;

const std::string kServer = "/var/lib/rancher/k3s/server";

// A bare node on which k3s seems to begin a cluster whenever it is told to.
struct Reinstalled : bench::Bare {
  void begin_cluster(const std::string& uid) const {
    const std::filesystem::path file = scratch.path() / uid;
    {
      kine::Database database(file);
      kine::populate(database);
      database.update("/registry/namespaces/kube-system", kine::protobuf({"v1", "Namespace", "kube-system", "", uid}));
    }
    const core::CommandResult packed =
        core::run_command({{"sh", "-c", "gzip -c " + file.string() + " | base64"}, std::chrono::seconds(10)});
    node.run("rm -f " + kServer + "/db/state.db*; base64 -d <<'END' | gzip -dc >" + kServer + "/db/state.db\n" +
             packed.out + "END\n");
  }

  nlohmann::json pull(int exit_code) const {
    const core::CommandResult result = drill({"pull", "--json"});
    INFO(result.out << result.err);
    CHECK(result.exit_code == exit_code);
    return bench::parse(result).at("pulls").at(0);
  }

  std::string latest() const {
    const core::CommandResult shown = drill({"show", "edge/latest", "--json"});
    return bench::parse(shown).at("snapshot");
  }
};

}  // namespace

TEST_CASE(
    "a pull of a new cluster under the old name is kept, fails every time, and stands for nothing until told to") {
  NEEDS_LAB();
  const Reinstalled bench;
  bench.begin_cluster("uid-of-the-first");
  const std::string ours = bench.pull(0).at("snapshot");
  CHECK(bench.pull(0).at("identity").at("kube_system_uid") == "uid-of-the-first");
  const std::string newest_of_ours = bench.latest();
  bench.begin_cluster("uid-of-the-second");

  const nlohmann::json first = bench.pull(1);
  CHECK(first.at("verdict") == "fail");
  const core::CommandResult again = bench.drill({"pull"});
  INFO(again.out << again.err);
  CHECK(again.exit_code == 1);
  for (const char* words : {"uid-of-the-first", "uid-of-the-second", "drill series edge --is uid-of-the-second",
                            "drill restore edge/latest --to edge"})
    CHECK_THAT(again.err, Contains(words));
  CHECK(bench.latest() == newest_of_ours);
  CHECK(store::Store(bench.store).list("edge").size() == 4);
  CHECK_THAT(bench.drill({"list"}).out, Contains("OF ANOTHER CLUSTER"));
  CHECK_THAT(bench.drill({"verify"}).out, Contains(newest_of_ours));
  CHECK_THAT(bench.drill({"log", "namespaces/kube-system"}).err + bench.drill({"log", "namespaces/kube-system"}).out,
             Contains("it is of another cluster than the series"));

  const core::CommandResult night = bench.drill({"run", "--json"});
  INFO(night.out << night.err);
  CHECK(night.exit_code == 1);
  const std::string select = bench::parse(night).at("phases").at(0).dump();
  CHECK_THAT(select, Contains("uid-of-the-first") && Contains("--is uid-of-the-second"));
  CHECK_THAT(select, Contains(newest_of_ours + " does not verify"));  // it was the next to be looked at

  CHECK(bench.drill({"series", "edge", "--is", "uid-of-the"}).exit_code == 2);
  CHECK(bench.drill({"series", "edge", "--is", "nobody"}).exit_code == 2);
  CHECK(bench.drill({"series", "nowhere"}).exit_code == 2);
  const core::CommandResult said = bench.drill({"series", "edge", "--is", "uid-of-the-s"});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 0);
  CHECK_THAT(said.out, Contains("edge is the cluster kube-system uid-of-the-second\n  2 snapshots, "));
  CHECK_THAT(said.out, Contains("beside it, not counted: kube-system uid-of-the-first\n  2 snapshots, " + ours));
  const std::string newest = bench.pull(0).at("snapshot");
  CHECK(bench.latest() == newest);
  CHECK(store::Store(bench.store).list("edge").size() == 5);
}

TEST_CASE("a series from before snapshots said whose they are is of the cluster that it holds") {
  NEEDS_LAB();
  const Reinstalled bench;
  bench.begin_cluster("uid-of-the-first");
  bench.pull(0);
  const store::Snapshot old = store::Store(bench.store).find("edge/latest");
  std::string manifest = core::read_file(old.file(store::kManifestFile));
  const auto begin = manifest.find("  \"identity\"");
  manifest.erase(begin, manifest.find("  \"bundle\"") - begin);
  std::filesystem::remove(old.file(store::kManifestFile));
  core::write_new_file(old.file(store::kManifestFile), manifest);

  bench.begin_cluster("uid-of-the-second");
  bench.pull(1);
  CHECK(bench.latest() == old.full_name());
}
