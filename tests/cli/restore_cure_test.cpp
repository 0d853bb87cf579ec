// A restore that ends between two states, and the way back that its message says to type.
#include "tests/cli/restore_bench.hpp"
#include "tests/lab_node.hpp"

using restore_bench::Restored;

TEST_CASE("a node that was lost in the midst of a restore is as before once what the message says is typed there") {
  NEEDS_LAB();
  const Restored bench("    idle_timeout: 5s\n    connect_timeout: 1s\n");  // more of edge
  const std::string uid = "sqlite3 -readonly " + restore_bench::kServer +
                          "/db/state.db \"SELECT hex(substr(value, 1, 300)) FROM kine WHERE name = "
                          "'/registry/namespaces/kube-system' ORDER BY id DESC LIMIT 1\"";
  const std::string before = bench.node.run(uid);
  bench.node.run(
      "printf '#!/bin/sh\\ncase $* in *start*) [ -e /run/lost ] || { touch /run/lost; kill $(cat /run/sshd.pid); pkill "
      "-KILL -f "
      "\"^sshd: [u]buntu\"; exit 1; } ;; esac\\nexec /usr/local/bin/systemctl \"$@\"\\n' >/usr/local/sbin/systemctl\n"
      "chmod 755 /usr/local/sbin/systemctl");
  bench::Background drill{core::Child(bench.command({"edge/latest", "--yes"})), {}};
  REQUIRE(drill.says("rollback.sh\n"));
  const std::size_t end = drill.said.find("rollback.sh\n", drill.said.find("; type on the node: ")) + 11;
  bench.node.type_cure(drill.said.substr(0, end));
  drill.child.kill();  // it would go on trying
  CHECK(bench.node.run("systemctl is-active k3s") == "active");
  CHECK(bench.left_on_node().empty());
  CHECK(bench.node.run(uid) == before);
}
