// Files of two clusters imported as one: adopted all, and never mixed.
#include "tests/catch.hpp"
#include "tests/cli/shop.hpp"

using Catch::Contains;

TEST_CASE_METHOD(bench::Shop, "a file of another cluster is adopted beside the series, and says so") {
  kine::Database database(file(4));
  kine::populate(database);
  database.update("/registry/namespaces/kube-system",
                  kine::protobuf({"v1", "Namespace", "kube-system", "", "uid-of-another"}));
  database.close();
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
