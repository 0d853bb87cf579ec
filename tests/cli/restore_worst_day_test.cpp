// `drill restore` where everything is against it: the installer has begun a cluster of its own on the node, or the only
// copy there is fails a check.
#include <sqlite3.h>

#include <fstream>

#include "core/file.hpp"
#include "core/process.hpp"
#include "tests/cli/restore_bench.hpp"

namespace {

using nlohmann::json;
using restore_bench::check_restored;
using restore_bench::kServer;
using restore_bench::Restored;
using restore_bench::step;

const std::string kConfigMaps = "/api/v1/namespaces/default/configmaps";
const std::string kMine = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mine"}})";

// The lines by which the admin on the node asks.
std::string request(const std::string& method, const std::string& path, const std::string& body) {
  return "k=/etc/rancher/k3s/k3s.yaml; cd /root\n"
         "for x in certificate-authority client-certificate client-key; do\n"
         "  sed -n \"s/^ *$x-data: //p\" $k | base64 -d >$x; done\n"
         "curl -fsS --cacert certificate-authority --cert client-certificate --key client-key -X " +
         method + " -H 'Content-Type: application/json' -d '" + body + "' \"$(sed -n 's/^ *server: //p' $k)" + path +
         "\"";
}

std::string api(const lab::Node& node, const std::string& method, const std::string& path, const std::string& body) {
  return node.run(request(method, path, body));
}

void make_config_map(const lab::Node& node) { api(node, "POST", kConfigMaps, kMine); }

std::string kube_system_uid(const lab::Node& node) {
  return json::parse(api(node, "GET", "/api/v1/namespaces/kube-system", "")).at("metadata").at("uid");
}

// Once it is ready again.
bool serves(const lab::Node& node, const std::string& uid) {
  return lab::eventually(
      [&] {
        try {
          return kube_system_uid(node) == uid;
        } catch (const std::exception&) {
          return false;
        }
      },
      60);
}

void change(const std::filesystem::path& database, const std::string& sql) {
  sqlite3* handle = nullptr;
  REQUIRE(sqlite3_open(database.c_str(), &handle) == SQLITE_OK);
  char* message = nullptr;
  sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &message);
  INFO((message != nullptr ? message : ""));
  CHECK(message == nullptr);
  CHECK(sqlite3_changes(handle) > 0);
  sqlite3_close(handle);
}

// The seed's database, changed, as the snapshot edge/TIMESTAMP.
void import_changed(const Restored& bench, const std::string& timestamp, const std::string& sql) {
  const bench::Files files;
  change(files.database, sql);
  const std::filesystem::path named = bench.scratch.path() / ("state.db." + timestamp);
  std::filesystem::rename(files.database, named);
  const core::CommandResult imported = bench.drill(
      {"import", "--cluster", "edge", "--ignore-mtime", "--token-file", files.token.string(), named.string()});
  INFO(imported.err);
  REQUIRE(imported.exit_code == 0);
}

core::CommandResult restore(const Restored& bench, const std::string& snapshot, std::vector<std::string> more) {
  more.insert(more.begin(), {"restore", snapshot, "--to", "edge", "--json"});
  return bench.drill(more);
}

}  // namespace

TEST_CASE("a node whose installer has begun a cluster of its own takes the snapshot, unless somebody worked there") {
  NEEDS_LAB();
  const lab::Node fresh({"--name", "new-node"}, lab::ControlPlane::yes);
  const Restored bench(bench::cluster_lines("fresh", fresh.target()));
  const std::string process = fresh.run("cat /run/k3s.pid");
  const std::string uid = kube_system_uid(fresh);

  make_config_map(fresh);
  const auto said = [&](const core::CommandResult& result) {
    INFO(result.out << result.err);
    return step(bench::parse(result), "node").dump();
  };
  const core::CommandResult refused = bench.restore({"--yes"}, "fresh");
  CHECK(refused.exit_code == 3);
  CHECK_THAT(said(refused), Catch::Contains("runs another cluster") && Catch::Contains("configmaps/default/mine") &&
                                Catch::Contains("--replace-cluster=" + uid));
  CHECK(bench::parse(refused).at("replaced_cluster").at("of_somebody") == 1);
  CHECK(bench.restore({"--yes", "--replace-cluster=" + uid.substr(1)}, "fresh").exit_code == 3);
  CHECK(bench.restore({"--yes", "--replace-cluster"}, "fresh").exit_code == 2);
  const core::CommandResult agreed = bench.restore({"--dry-run", "--replace-cluster=" + uid}, "fresh");
  CHECK(agreed.exit_code == 0);
  CHECK_THAT(said(agreed), Catch::Contains("warning") && Catch::Contains("configmaps/default/mine"));
  CHECK(fresh.run("cat /run/k3s.pid; ls -A " + kServer + "/db | grep -c drill || true") == process + "\n0");

  api(fresh, "DELETE", kConfigMaps + "/mine", "");
  const core::CommandResult running = bench.restore({"--dry-run"}, "fresh");
  CHECK(running.exit_code == 0);
  CHECK_THAT(said(running), Catch::Contains("a new, empty cluster of its own") && Catch::Contains(uid));

  fresh.run(
      "printf '#!/bin/sh\\ncase $* in *start*) [ ! -e /run/no-luck ] || { rm /run/no-luck; exit 1; } ;; esac\\n"
      "exec /usr/local/bin/systemctl \"$@\"\\n' >/usr/local/sbin/systemctl; chmod 755 /usr/local/sbin/systemctl\n"
      "touch /run/no-luck");
  const core::CommandResult failed = bench.restore({"--yes"}, "fresh");
  INFO(failed.out << failed.err);
  CHECK(failed.exit_code == 3);
  CHECK(bench::parse(failed).at("rolled_back") == true);
  CHECK(serves(fresh, uid));

  // Somebody begins to work there after it was looked at: as late as can be, when k3s is about to be stopped.
  fresh.run("cat >/run/make <<'END'\n" + request("POST", kConfigMaps, kMine) +
            "\nEND\n"
            "printf '#!/bin/sh\\ncase $* in *stop*) [ ! -e /run/make ] || { sh /run/make; rm /run/make; } ;; esac\\n"
            "exec /usr/local/bin/systemctl \"$@\"\\n' >/usr/local/sbin/systemctl");
  const core::CommandResult late = bench.restore({"--yes"}, "fresh");
  INFO(late.out << late.err);
  CHECK(late.exit_code == 3);
  CHECK_THAT(step(bench::parse(late), "still-new").dump(), Catch::Contains("configmaps/default/mine"));
  CHECK(bench::parse(late).at("steps").back().at("name") == "rollback");
  CHECK(bench::parse(late).at("rolled_back") == true);
  CHECK(serves(fresh, uid));
  api(fresh, "DELETE", kConfigMaps + "/mine", "");

  // What was cut off hides the new cluster from the plan, so --yes has not agreed to it.
  core::Child killed(
      {bench::drill_program(), "--config", bench.config.string(), "restore", "edge/latest", "--to", "fresh", "--yes"});
  const std::string way_back = kServer + "/db/.drill-restore/rollback.sh";
  REQUIRE(lab::eventually([&] { return !fresh.run("ls " + way_back + " 2>/dev/null || true").empty(); }, 60));
  killed.kill();
  core::CommandResult unseen;
  CHECK(lab::eventually(
      [&] { return (unseen = bench.restore({"--yes"}, "fresh")).out.find("is at work there") == std::string::npos; },
      60));
  INFO(unseen.out << unseen.err);
  CHECK(unseen.exit_code == 3);
  CHECK(step(bench::parse(unseen), "recover").at("verdict") == "pass");
  CHECK_THAT(bench::parse(unseen).at("steps").back().dump(), Catch::Contains("--replace-cluster=" + uid));
  CHECK(serves(fresh, uid));

  fresh.run("systemctl stop k3s");
  const core::CommandResult result = bench.restore({"--yes"}, "fresh");
  INFO(result.out << result.err);
  REQUIRE(result.exit_code == 0);
  const json document = bench::parse(result);
  check_restored(document);
  CHECK(document.at("replaced_cluster").at("new") == true);
  CHECK(document.at("replaced_cluster").at("name") == uid);
  CHECK(kube_system_uid(fresh) != uid);
  CHECK(fresh.run("sqlite3 " + document.at("kept_aside").get<std::string>() +
                  "/state.db \"SELECT count(*) FROM kine WHERE name = '/registry/configmaps/default/mine'\"") != "0");
}

TEST_CASE(
    "a snapshot that fails a check may be the only one: it says so, and --force restores what can be read of it") {
  NEEDS_LAB();
  const Restored bench;
  const std::string pulled = bench::parse(bench.drill({"verify", "edge/latest", "--json"})).at("snapshot").at("name");

  // One event is torn: events cannot be listed, and all else is there. No bump goes beyond such a revision.
  const std::string torn = "20261101T001000Z";
  import_changed(bench, torn,
                 "UPDATE sqlite_sequence SET seq = 1152921504606846976;"
                 "UPDATE kine SET value = x'6b387300ffff' WHERE id = (SELECT max(id) FROM kine WHERE name LIKE "
                 "'/registry/events/team-%')");
  const core::CommandResult refused = restore(bench, "edge/" + torn, {"--yes"});
  INFO(refused.out << refused.err);
  CHECK(refused.exit_code == 1);
  CHECK_THAT(step(bench::parse(refused), "snapshot").dump(),
             Catch::Contains("check decode: ") && Catch::Contains("the only copy") &&
                 Catch::Contains(pulled + " passed drill verify") &&
                 Catch::Contains("drill restore edge/" + torn + " --to edge --force"));
  CHECK(bench::parse(refused).at("accepted_faults").empty());
  CHECK(restore(bench, "edge/" + torn, {"--yes", "--force"}).exit_code == 2);
  CHECK(restore(bench, "edge/" + torn, {"--yes", "--force=edgy"}).exit_code == 2);
  CHECK(restore(bench, "edge/" + torn, {"--yes", "--allow-unverified"}).exit_code == 2);
  const core::CommandResult stands = restore(bench, "edge/" + torn, {"--yes", "--force=edge"});
  INFO(stands.out << stands.err);
  CHECK(stands.exit_code == 1);
  const json document = bench::parse(stands);
  CHECK(document.at("rolled_back") == false);
  CHECK_THAT(document.at("accepted_faults").dump(), Catch::Contains("decode"));
  CHECK(document.at("revision").at("bumped").is_null());
  CHECK_THAT(step(document, "revision").dump(), Catch::Contains("the revision stays as it is"));
  CHECK(step(document, "prove").at("verdict") == "fail");
  CHECK(step(document, "finish").at("verdict") == "pass");
  CHECK(document.at("objects").at("matched") > 6'000);
  CHECK(document.at("objects").at("missing") > 0);
  CHECK_FALSE(document.at("needs_a_person").empty());
  CHECK(bench.left_on_node().empty());
  CHECK(bench.node.run("ls " + document.at("kept_aside").get<std::string>()).find("state.db") != std::string::npos);
  CHECK(bench.node.run("systemctl is-active k3s") == "active");
}
