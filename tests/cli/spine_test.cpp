// The whole way over real ssh against a real control plane.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

mode_t mode_of(const std::filesystem::path& path) {
  struct stat facts {};
  ::stat(path.c_str(), &facts);
  return facts.st_mode & 07777;
}

std::string secret_of_node(const lab::Node& node) {
  const std::string token = node.run("cat /var/lib/rancher/k3s/server/token");
  return token.substr(token.rfind(':') + 1);
}

}  // namespace

TEST_CASE("a running cluster is pulled, verified and drilled: every object matches, and a good night has no warning") {
  NEEDS_LAB();
  const bench::Setup setup;
  REQUIRE(setup.drill({"pull"}).exit_code == 0);
  core::CommandResult pulled;
  REQUIRE(lab::eventually([&] {  // the next second
    pulled = setup.drill({"pull", "--json"});
    return pulled.exit_code == 0;
  }));
  const auto pull = bench::parse(pulled).at("pulls").at(0);
  CHECK(pull.at("method") == "helper");
  CHECK(pull.at("bundle").size() == 3);
  CHECK(pull.at("node").at("k3s_version") == "v1.37.2+standin1");
  CHECK(pull.at("read_transaction_seconds") > 0.0);

  const core::CommandResult verified = setup.drill({"verify", "--json"});
  INFO(verified.out);
  REQUIRE(verified.exit_code == 0);
  const auto verification = bench::parse(verified);
  const auto& objects = verification.at("objects");
  std::uint64_t by_resource = 0;
  for (const auto& [resource, count] : objects.at("by_resource").items()) by_resource += count.get<std::uint64_t>();
  std::uint64_t by_namespace = 0;
  for (const auto& [name, count] : objects.at("by_namespace").items()) by_namespace += count.get<std::uint64_t>();
  CHECK(objects.at("total") > 10'000);
  CHECK(objects.at("total") == by_resource);
  CHECK(objects.at("total") == by_namespace + objects.at("cluster_scoped").get<std::uint64_t>());

  const core::CommandResult ran = setup.drill({"run", "--report", (setup.scratch.path() / "report.json").string()});
  INFO(ran.out << ran.err);
  REQUIRE(ran.exit_code == 0);
  const auto report = nlohmann::json::parse(core::read_file(setup.scratch.path() / "report.json"));
  CHECK(report.at("verdict") == "pass");
  CHECK(report.at("engine").at("kind") == "standin");
  CHECK(report.at("objects").at("matched") == objects.at("total"));
  CHECK(report.at("objects").at("unexpected") == 0);
  CHECK(report.at("rto_seconds") > 0.0);
  CHECK(report.at("rpo_seconds") > 0.0);
  CHECK(report.at("rpo_seconds") < 300.0);
  CHECK(report.at("captured_lag_seconds") >= 0.0);
  CHECK(report.at("teardown").at("leftovers").empty());
  for (const auto& phase : report.at("phases")) CHECK(phase.at("verdict") == "pass");

  for (const char* list : {"checks", "proof"})
    for (const auto& check : report.at(list)) {
      INFO(check.dump());
      CHECK(check.at("verdict") == "pass");
    }
  CHECK_THAT(report.dump(), !Catch::Contains(R"("severity":"warning")") && !Catch::Contains("skipped"));
  CHECK(report.at("history").at("warnings").empty());
  CHECK_THAT(ran.out, Catch::Contains("since the capture of " + pull.at("snapshot").get<std::string>()) &&
                          !Catch::Contains("warning") && !Catch::Contains("skipped") &&
                          !Catch::Contains("not checked"));
  CHECK(ran.err.find("warning") == std::string::npos);

  const std::string snapshot = pull.at("snapshot");
  const std::filesystem::path directory = setup.store / snapshot;
  CHECK(mode_of(directory) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(directory)) CHECK(mode_of(entry.path()) == 0600);
  CHECK(bench::parse(setup.drill({"show", "edge/proven", "--json"})).at("snapshot") == snapshot);
  CHECK(bench::parse(setup.drill({"list", "--json"})).at("snapshots").at(1).at("drilled").at("verdict") == "pass");

  const std::string secret = secret_of_node(setup.node);
  REQUIRE(secret.size() > 8);
  for (const std::string& said : {pulled.out, pulled.err, verified.out, verified.err, ran.out, ran.err})
    CHECK(said.find(secret) == std::string::npos);
  for (const char* evidence : {"verify.json", "run.json", "manifest.json"})
    CHECK(core::read_file(directory / evidence).find(secret) == std::string::npos);
}

TEST_CASE("the second drill of a snapshot was predicted by the first, and the prediction is scored") {
  NEEDS_LAB();
  const bench::Setup setup;
  REQUIRE(setup.drill({"pull"}).exit_code == 0);
  const core::CommandResult first = setup.drill({"run", "--json"});
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK(bench::parse(first).at("history").at("drills") == 1);
  CHECK(bench::parse(first).at("history").at("prediction").is_null());
  const core::CommandResult second = setup.drill({"run", "--json"});
  INFO(second.err);
  REQUIRE(second.exit_code == 0);
  const auto report = bench::parse(second);
  const auto& history = report.at("history");
  CHECK(history.at("drills") == 2);
  CHECK(history.at("passed_of_last_30") == 2);
  const double predicted = history.at("prediction").at("rto_seconds");
  CHECK(predicted == Approx(bench::parse(first).at("rto_seconds").get<double>()));
  CHECK(history.at("prediction").at("error_ratio").get<double>() ==
        Approx(report.at("rto_seconds").get<double>() / predicted - 1));
  CHECK(history.at("prediction").at("within").is_boolean());
  CHECK(history.at("predictions").at("scored") == 1);
  CHECK(mode_of(setup.store / "edge" / "drills.jsonl") == 0600);
  CHECK(core::read_file(setup.store / "edge" / "drills.jsonl").find(secret_of_node(setup.node)) == std::string::npos);

  // A history that cannot be kept is a warning, and no drill fails for it.
  std::filesystem::remove(setup.store / "edge" / "drills.jsonl");
  std::filesystem::create_directory(setup.store / "edge" / "drills.jsonl");
  const core::CommandResult third = setup.drill({"run", "--json"});
  CHECK(third.exit_code == 0);
  CHECK_THAT(third.err, Catch::Contains("the history of drills cannot be read"));
  CHECK(bench::parse(third).at("history").is_null());
}

TEST_CASE("one syslog line says what was captured, in the words of the classic script") {
  NEEDS_LAB();
  const bench::Setup setup;
  const core::ScratchDir scratch;
  const std::string path = scratch.path() / "log";
  const core::Fd syslog(::socket(AF_UNIX, SOCK_DGRAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(syslog.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

  // /dev/log is ours in a mount namespace only.
  const std::string script =
      "mkdir " + scratch.path().string() + "/up " + scratch.path().string() + "/work && mount -t tmpfs none " +
      scratch.path().string() + "/up && mkdir " + scratch.path().string() + "/up/u " + scratch.path().string() +
      "/up/w && mount -t overlay overlay -o lowerdir=/dev,upperdir=" + scratch.path().string() +
      "/up/u,workdir=" + scratch.path().string() + "/up/w /dev && rm -f /dev/log && ln -s " + path +
      " /dev/log && exec " + bench::drill_program() + " --config " + setup.config.string() + " pull";
  const core::CommandResult pulled =
      core::run_command({{"unshare", "-m", "sh", "-ec", script}, std::chrono::minutes(1)});
  INFO(pulled.out << pulled.err);
  REQUIRE(pulled.exit_code == 0);
  const auto snapshot = bench::parse(setup.drill({"show", "latest", "--json"}));
  char line[4096];
  const ssize_t size = ::recv(syslog.get(), line, sizeof line, MSG_DONTWAIT);
  REQUIRE(size > 0);
  const std::string name = snapshot.at("snapshot").get<std::string>().substr(5);
  CHECK_THAT(std::string(line, static_cast<std::size_t>(size)),
             Catch::Contains("k3s-state-snapshot: captured " + name + " (" +
                             std::to_string(snapshot.at("size_bytes").get<int>()) + " bytes), retaining 1 snapshots"));
  CHECK(::recv(syslog.get(), line, sizeof line, MSG_DONTWAIT) < 0);
}

TEST_CASE("when the newest snapshot is damaged the one before is drilled and the night fails") {
  NEEDS_LAB();
  const bench::Setup setup;
  REQUIRE(setup.drill({"pull"}).exit_code == 0);
  const std::string first = bench::parse(setup.drill({"show", "latest", "--json"})).at("snapshot");
  REQUIRE(lab::eventually([&] { return setup.drill({"pull"}).exit_code == 0; }));  // the next second
  const auto second = bench::parse(setup.drill({"show", "latest", "--json"}));
  for (const auto& entry : std::filesystem::directory_iterator(second.at("directory").get<std::string>())) {
    if (!entry.path().filename().string().starts_with("state.db.")) continue;
    std::fstream database(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    database.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    database.put('\x55').put('\xaa').put('\x55');
  }

  const core::CommandResult ran = setup.drill({"run", "edge", "--json"});
  INFO(ran.out << ran.err);
  CHECK(ran.exit_code == 1);
  const auto report = bench::parse(ran);
  CHECK(report.at("verdict") == "fail");
  CHECK(report.at("snapshot").at("name") == first);
  CHECK(bench::parse(setup.drill({"show", "edge/proven", "--json"})).at("snapshot") == first);
  CHECK(report.at("objects").at("matched") == report.at("objects").at("expected"));
  CHECK_THAT(report.at("phases").at(0).at("findings").at(0).at("message").get<std::string>(),
             Catch::Contains(second.at("snapshot").get<std::string>()));
}

TEST_CASE("an unreachable cluster is named, exits 3, and does not keep the others from being pulled and drilled") {
  NEEDS_LAB();
  const bench::Setup setup("  away:\n    host: 127.0.0.1\n    port: 1\n    ssh_config: /dev/null\n");
  const core::CommandResult pulled = setup.drill({"pull", "--json"});
  CHECK(pulled.exit_code == 3);
  const auto pulls = bench::parse(pulled).at("pulls");
  CHECK(pulls.at(0).at("verdict") == "pass");
  CHECK(pulls.at(0).at("snapshot").is_string());
  CHECK(pulls.at(1).at("cluster") == "away");
  CHECK(pulls.at(1).at("verdict") == "could_not_run");
  CHECK_THAT(pulls.at(1).at("error").get<std::string>(), Catch::Contains("127.0.0.1"));

  const core::CommandResult ran = setup.drill({"run", "--json"});
  CHECK(ran.exit_code == 3);
  CHECK_THAT(ran.err, Catch::Contains("away: no snapshot of away in "));
  const auto runs = bench::parse(ran).at("runs");
  REQUIRE(runs.size() == 2);
  CHECK(runs.at(0).at("verdict") == "pass");
  CHECK(runs.at(0).at("cluster") == "edge");
  CHECK(runs.at(1).at("cluster") == "away");
  CHECK(runs.at(1).at("verdict") == "inconclusive");
  CHECK(runs.at(1).at("error_kind") == "not_found");
  CHECK_THAT(runs.at(1).at("error").get<std::string>(), Catch::Contains("yet: drill pull away takes the first"));

  const core::CommandResult doctor = setup.drill({"doctor", "--json"});
  INFO(doctor.out);
  CHECK(doctor.exit_code == 3);
  const auto lines = bench::parse(doctor).at("checks");
  for (const auto& line : lines) {
    INFO(line.dump());
    const std::string subject = line.at("subject");
    const std::string verdict = subject.ends_with(" away") ? "fail" : subject == "wal-reset edge" ? "warning" : "pass";
    CHECK(line.at("verdict") == verdict);
  }
}

TEST_CASE("a second pull of the same cluster is refused while one is running, and loses nothing") {
  NEEDS_LAB();
  const bench::Setup setup;
  REQUIRE(setup.drill({"pull"}).exit_code == 0);
  store::Store store(setup.store);
  const store::ClusterLock other = store.lock("edge");
  const core::CommandResult pulled = setup.drill({"pull"});
  CHECK(pulled.exit_code == 3);
  CHECK_THAT(pulled.err, Catch::Contains("another drill command is changing this cluster's snapshots (process " +
                                         std::to_string(::getpid()) + ")"));
  CHECK(store.list("edge").size() == 1);
}
