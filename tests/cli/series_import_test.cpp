// Files of two clusters imported as one: adopted all, and never mixed.
#include "core/file.hpp"
#include "store/manifest.hpp"
#include "store/store.hpp"
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using Catch::Contains;

namespace {

struct TwoClusters : bench::Shop {
  void make_another(int hour) const {
    kine::Database database(file(hour));
    kine::populate(database);
    database.update("/registry/namespaces/kube-system",
                    kine::protobuf({"v1", "Namespace", "kube-system", "", "uid-of-another"}));
  }

  // As if they had been stored before snapshots said whose they are.
  void forget_identities() const {
    std::filesystem::remove(store / "edge" / store::kSeriesFile);
    for (const store::Snapshot& snapshot : store::Store(store).list("edge")) {
      const std::filesystem::path file = snapshot.file(store::kManifestFile);
      std::string text = core::read_file(file);
      const auto begin = text.find("  \"identity\"");
      text.erase(begin, text.find("  \"bundle\"") - begin);
      std::filesystem::remove(file);
      core::write_new_file(file, text);
    }
  }

  // "20260921T141700Z ..." of those beside the series.
  std::string beside() const {
    std::string names;
    for (const store::Snapshot& snapshot : store::Store(store).list("edge"))
      if (snapshot.of_another_cluster) names += snapshot.manifest.name + " ";
    return names;
  }
};

}  // namespace

TEST_CASE_METHOD(TwoClusters, "snapshots from before they said whose they are are told apart, and the oldest counts") {
  make_another(4);
  make_another(5);
  REQUIRE(import().exit_code == 0);
  forget_identities();
  CHECK(beside().empty());
  const core::CommandResult series = drill({"series", "edge"});
  INFO(series.out << series.err);
  CHECK(series.exit_code == 0);
  CHECK_THAT(series.out, Contains("4 snapshots, edge/" + name(0) + " to edge/" + name(3)));
  CHECK_THAT(series.out, Contains("2 snapshots, edge/" + name(4) + " to edge/" + name(5)));
  CHECK(beside() == name(4) + " " + name(5) + " ");
  CHECK(drill({"series", "edge", "--is", "uid-of-another"}).exit_code == 0);
  CHECK(beside() == name(0) + " " + name(1) + " " + name(2) + " " + name(3) + " ");
}

TEST_CASE_METHOD(TwoClusters, "an older file of another cluster does not make the series its own") {
  std::filesystem::remove(file(0));
  REQUIRE(import().exit_code == 0);
  make_another(0);
  CHECK_THAT(import().out, Contains("of another cluster than the series"));
  CHECK(beside() == name(0) + " ");
}

TEST_CASE_METHOD(TwoClusters, "a night with nothing of its series left says who there is, and how to say who counts") {
  make_another(4);
  REQUIRE(import().exit_code == 0);
  for (int hour = 0; hour < 4; ++hour) std::filesystem::remove_all(store / "edge" / name(hour));
  const core::CommandResult night = drill({"run"});
  INFO(night.out << night.err);
  CHECK(night.exit_code == 1);
  std::string said = night.out;  // without its line breaks
  for (std::size_t at = 0; (at = said.find("\n      ", at)) != std::string::npos;) said.replace(at, 7, " ");
  CHECK_THAT(said, Contains("drill series edge --is uid-of-another"));
  CHECK_THAT(drill({"verify"}).err, Contains("drill series edge"));
}

TEST_CASE_METHOD(TwoClusters, "a file of another cluster is adopted beside the series, and says so") {
  make_another(4);
  const core::CommandResult imported = import();
  INFO(imported.out << imported.err);
  CHECK(imported.exit_code == 0);
  CHECK_THAT(imported.out, Contains("edge/" + name(4) + ", of another cluster than the series"));
  CHECK_THAT(drill({"show", "latest"}).out, Contains("edge/" + name(3)));
  CHECK_THAT(drill({"show", name(4)}).out, Contains("of another cluster than the series"));
  CHECK_THAT(drill({"diff", name(3), name(4)}).out, Contains("kube-system has another uid"));
  const core::CommandResult verified = drill({"verify", name(4)});
  CHECK_THAT(verified.out, Contains("it is of another cluster than the series"));
  CHECK_THAT(verified.out, !Contains("this is another cluster than"));
  const auto listed = bench::parse(drill({"list", "--json"})).at("snapshots");
  CHECK(listed.at(4).at("of_another_cluster") == true);
  CHECK(listed.at(4).at("identity").at("kube_system_uid") == "uid-of-another");
  CHECK(listed.at(3).at("of_another_cluster") == false);
}
