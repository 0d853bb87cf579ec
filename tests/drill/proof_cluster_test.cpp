// What the drill proves beside the objects, and that it notices: a real control plane, restored and then looked at.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/process.hpp"
#include "core/scratch_dir.hpp"
#include "drill/control.hpp"
#include "drill/drift.hpp"
#include "drill/drill.hpp"
#include "drill/engine/control_plane.hpp"
#include "drill/proof/datastore_proof.hpp"
#include "drill/proof/identity_proof.hpp"
#include "drill/proof/writes.hpp"
#include "drill/sandbox/inside.hpp"
#include "drill/sandbox/owner.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;

namespace {

drill::DrillOptions standin_options() {
  drill::DrillOptions options;
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = standin_program();
  options.ready_timeout = 120s;
  options.alive_for = 0s;
  return options;
}

// The seed, fetched and verified, as a drill has it before it places anything.
struct Fetched {
  core::ScratchDir scratch;
  drill::Candidate candidate = seed_candidate();
  drill::Material material = drill::fetch(candidate, scratch.path() / "snapshot");
  drill::EngineChoice engine = drill::choose_engine(standin_options().engine, candidate.k3s_version);
  verifier::Verification snapshot;

  Fetched() { verify(); }

  void verify() {
    verifier::Subject subject;
    subject.database = material.database;
    subject.token = material.token;
    snapshot = verifier::verify(subject);
  }
  drill::RestoreSet set() const { return drill::restore_set(material, snapshot, drill::Controllers::off); }
};

// The same, restored and ready.
struct Restored : Fetched {
  drill::Sandbox sandbox;
  drill::ControlPlane plane{engine, sandbox};

  Restored() {
    plane.place(set());
    const drill::BootResult boot = plane.start(120s, [](std::string_view) {});
    if (boot.failure) throw core::Error(core::ErrorKind::storage, boot.failure->message);
  }
};

const core::Check& check_of(const drill::DrillReport& report, std::string_view name) {
  const auto found = std::find_if(report.proof.begin(), report.proof.end(),
                                  [&](const core::Check& check) { return check.name == name; });
  if (found == report.proof.end()) throw core::Error(core::ErrorKind::not_found, "no check " + std::string(name));
  return *found;
}

std::string findings_of(const core::Check& check) {
  std::string text;
  for (const core::Finding& finding : check.findings) text += finding.message + "\n";
  return text;
}

pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
  std::string state;
  pid_t parent = 0;
  fields >> state >> parent;
  return parent;
}

// SIGKILL for the process below this one that has `argument` on its command line.
bool kill_descendant(std::string_view argument) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    std::ifstream file(entry.path() / "cmdline");
    const std::string command{std::istreambuf_iterator<char>(file), {}};
    if (pid <= 0 || command.find(argument) == std::string::npos) continue;
    pid_t ancestor = pid;
    while (ancestor > 1 && ancestor != ::getpid()) ancestor = parent_of(ancestor);
    if (ancestor == ::getpid()) return ::kill(pid, SIGKILL) == 0;
  }
  return false;
}

// Has the kernel refuse a process to the cgroup of this process's only sandbox; false where it has none.
bool exhaust_pids() {
  for (const char* hierarchy : {"/sys/fs/cgroup", "/sys/fs/cgroup/pids"}) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy, none)) {
      const std::string path = entry.path().string();
      if (path.find("/k3s-drill." + drill::owner_mark() + ".") == std::string::npos) continue;
      const std::string script = "echo 1 > " + path + "/pids.max; echo $$ > " + path + "/cgroup.procs; (true)";
      return core::run_command({{"sh", "-c", script}}).err.find("fork") != std::string::npos;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("each damage of the twin is caught, and by the first thing that can see it") {
  const Fetched seed;
  const std::map<drill::Fault, std::string> caught_by{{drill::Fault::flipped_bytes, "verify"},
                                                      {drill::Fault::wrong_token, "verify"},
                                                      {drill::Fault::truncated, "verify"},
                                                      {drill::Fault::another_cluster, "prove"},
                                                      {drill::Fault::stale_wal, "verify"}};
  for (const drill::Fault fault : drill::kFaults) {
    INFO(drill::to_string(fault));
    const drill::Control control = drill::run_control(fault, seed.material, seed.snapshot, seed.engine, {}, 120s);
    INFO(control.message);
    CHECK(control.verdict == core::CheckVerdict::pass);
    CHECK(control.caught_by == caught_by.at(fault));
    CHECK(control.leftovers.empty());
  }
}

TEST_CASE("a database with a -wal beside it has its damaged twin drilled, as one file") {
  const Fetched seed;
  core::run_command(
      {{"sqlite3", seed.material.database.string(), ".dbconfig no_ckpt_on_close on",
        "PRAGMA journal_mode = wal; UPDATE kine SET lease = lease + 1 WHERE id = (SELECT max(id) FROM kine)"}});
  REQUIRE(std::filesystem::file_size(seed.material.database.string() + "-wal") > 0);
  const drill::Control control =
      drill::run_control(drill::Fault::truncated, seed.material, seed.snapshot, seed.engine, {}, 120s);
  INFO(control.message);
  CHECK(control.verdict == core::CheckVerdict::pass);
}

TEST_CASE("a damaged twin that cannot be drilled is no proof") {
  const Fetched seed;
  drill::EngineChoice nothing = seed.engine;
  nothing.path_or_image = "/bin/false";
  const drill::Control control =
      drill::run_control(drill::Fault::another_cluster, seed.material, seed.snapshot, nothing, {}, 10s);
  CHECK(control.verdict == core::CheckVerdict::could_not_run);
  CHECK(control.caught_by.empty());
  CHECK_THAT(control.message, Catch::Contains("ended with exit code 1"));
}

TEST_CASE("a damaged twin whose control plane was killed was not caught by its damage") {
  const Fetched seed;
  drill::EngineChoice killed = seed.engine;
  killed.path_or_image = seed.scratch.path() / "engine";
  core::write_new_file(killed.path_or_image,
                       "#!/bin/sh\necho 'Configuring sqlite3 database connection pooling'\nkill -KILL $$\n");
  std::filesystem::permissions(killed.path_or_image, std::filesystem::perms::owner_all);
  const drill::Control control =
      drill::run_control(drill::Fault::another_cluster, seed.material, seed.snapshot, killed, {}, 10s);
  CHECK(control.verdict == core::CheckVerdict::could_not_run);
  CHECK(control.caught_by.empty());
  CHECK_THAT(control.message, Catch::Contains("was killed by signal 9"));
}

TEST_CASE("a database that is none, or is cut off, is checked in seconds, though its control plane would not end") {
  for (const bool cut_off : {true, false}) {
    Fetched seed;
    if (cut_off)
      drill::inflict(drill::Fault::truncated, seed.material, seed.snapshot.kube_system_uid);
    else
      std::ofstream(seed.material.database) << std::string(100'000, 'x');
    drill::Sandbox sandbox;
    drill::ControlPlane plane(seed.engine, sandbox);
    plane.place(seed.set());
    const auto began = std::chrono::steady_clock::now();
    const drill::BootResult boot = plane.start(280s, [](std::string_view) {});
    REQUIRE(boot.failure);
    INFO(boot.failure->message);
    CHECK(boot.failure_verdict == core::CheckVerdict::fail);
    CHECK(drill::kBootPhaseNames[boot.phases_ended] == "datastore");
    CHECK_THAT(boot.failure->message,
               Catch::Contains("cannot open the restored database") &&
                   Catch::Contains(cut_off ? "database disk image is malformed" : "file is not a database"));
    CHECK(std::chrono::steady_clock::now() - began < 60s);
    CHECK_FALSE(plane.engine().exit_status());
    CHECK(plane.stop().empty());
  }
}

TEST_CASE("a database that is opened after all was no damaged one") {
  const Fetched seed;
  drill::EngineChoice late = seed.engine;
  late.path_or_image = seed.scratch.path() / "engine";
  const std::string refused = "echo 'Failed to ping database connection: database disk image is malformed'\n";
  core::write_new_file(late.path_or_image, "#!/bin/sh\n" + refused + refused +
                                               "echo 'Configuring sqlite3 database connection pooling'\n" + refused +
                                               "exit 7\n");
  std::filesystem::permissions(late.path_or_image, std::filesystem::perms::owner_all);
  drill::Sandbox sandbox;
  drill::ControlPlane plane(late, sandbox);
  plane.place(seed.set());
  const drill::BootResult boot = plane.start(60s, [](std::string_view) {});
  REQUIRE(boot.failure);
  CHECK_THAT(boot.failure->message, Catch::Contains("ended with exit code 7"));
}

TEST_CASE("everything that a drill proves holds for a real control plane, deep and with its controllers") {
  drill::DrillOptions options = standin_options();
  options.depth = drill::Depth::deep;
  options.controllers = drill::Controllers::on;
  options.settle = 3s;
  options.control = drill::Fault::wrong_token;
  options.alive_for = 1s;
  const drill::DrillReport report = drill::run({seed_candidate()}, options);
  for (const char* name : {"objects", "identity", "health", "datastore", "writes", "kept", "alive"}) {
    INFO(name << ": " << findings_of(check_of(report, name)));
    CHECK(check_of(report, name).verdict == core::CheckVerdict::pass);
  }
  for (const drill::Phase& phase : report.phases) {
    INFO(phase.name << ": " << findings_of(phase));
    CHECK(phase.verdict == core::CheckVerdict::pass);
  }
  CHECK(phase_of(report, "datastore").log.find("Kine available at") != std::string::npos);
  CHECK(report.datastore_steps.schema);
  CHECK(report.datastore_steps.vacuum);
  CHECK(report.datastore_matched == report.datastore_keys);
  CHECK(report.datastore_keys > report.objects.expected);
  REQUIRE(report.drift);
  CHECK(report.drift->settled >= 3s);
  for (const std::string& example : report.drift->examples)
    CHECK(example.find("k3s-drill-writes") == std::string::npos);
  CHECK(report.objects.equal());  // whatever the controllers did
}

TEST_CASE("a cluster whose services are IPv6, or IPv6 first, is drilled as such") {
  for (const char* config :
       {"cluster-cidr: fd00:42::/56\nservice-cidr: fd00:43::/112\n",
        "cluster-cidr: fd00:42::/56,10.42.0.0/16\nservice-cidr:\n- fd00:43::/112\n- 10.43.0.0/16\n"}) {
    INFO(config);
    const core::ScratchDir scratch;
    // What else is in the node's config keeps nothing from being drilled, nor what k3s could not read.
    core::write_new_file(scratch.path() / "config.yaml", std::string("kubelet-arg: a\nkubelet-arg: b\n") + config);
    core::write_new_file(scratch.path() / "config.yaml.d-x.yaml", "x: [\n");
    drill::Candidate candidate = seed_candidate();
    candidate.configs = {scratch.path() / "config.yaml", scratch.path() / "config.yaml.d-x.yaml"};
    const drill::DrillReport report = drill::run({candidate}, standin_options());
    CHECK_THAT(findings_of(phase_of(report, "place")),
               Catch::Contains("config.yaml.d-x.yaml") && Catch::Contains("not YAML"));
    for (const char* name : {"ready", "list", "prove"}) {
      INFO(name << ": " << findings_of(phase_of(report, name)));
      CHECK(phase_of(report, name).verdict == core::CheckVerdict::pass);
    }
  }
}

TEST_CASE("an empty file makes k3s a new cluster, healthy and not this one") {
  Fetched seed;
  std::filesystem::remove(seed.material.database);
  core::write_new_file(seed.material.database, "");
  drill::Sandbox sandbox;
  drill::ControlPlane plane(seed.engine, sandbox);
  plane.place(seed.set());
  const drill::BootResult boot = plane.start(120s, [](std::string_view) {});
  REQUIRE(boot.failure);
  CHECK(boot.failure_verdict == core::CheckVerdict::fail);
  CHECK_THAT(boot.failure->message, Catch::Contains("made a new cluster"));
}

TEST_CASE_METHOD(Restored, "another kube-system, CA or service-account key is another cluster") {
  const auto identity = [&] { return drill::prove_identity(plane.api(), snapshot, *material.token); };
  CHECK(identity().verdict == core::CheckVerdict::pass);
  CHECK(identity().findings.empty());
  const verifier::Verification sound = snapshot;

  snapshot.kube_system_uid[0] = snapshot.kube_system_uid[0] == '0' ? '1' : '0';
  CHECK_THAT(findings_of(identity()), Catch::Contains("kube-system has uid"));
  CHECK(identity().verdict == core::CheckVerdict::fail);
  snapshot = sound;
  snapshot.ca_sha256 = std::string(64, '0');
  CHECK_THAT(findings_of(identity()), Catch::Contains("certificate authority is not the one in the snapshot"));
  snapshot.ca_sha256.clear();
  material.token = verifier::parse_token("K10" + std::string(64, '0') + "::server:x");
  CHECK_THAT(findings_of(identity()), Catch::Contains("not the one the token names"));
  snapshot = sound;
  REQUIRE(snapshot.service_account_keys.size() == 1);
  snapshot.service_account_keys[0] = std::string(64, '0');
  CHECK_THAT(findings_of(identity()), Catch::Contains("tokens of service accounts"));
  snapshot.service_account_keys.clear();
  CHECK(identity().findings.size() == 1);
  CHECK(identity().findings[0].severity == core::Severity::warning);
}

TEST_CASE_METHOD(Restored, "a value, a revision and a key that differ in the datastore are each found and named") {
  const auto prove = [&](drill::Depth depth) {
    return drill::prove_datastore({[&] { return plane.engine().datastore_socket(); }}, material.database,
                                  snapshot.revision, depth);
  };
  CHECK(prove(drill::Depth::internal).check.verdict == core::CheckVerdict::pass);
  CHECK(prove(drill::Depth::internal).keys >= 2);
  CHECK(prove(drill::Depth::deep).check.verdict == core::CheckVerdict::pass);

  // The snapshot's side is changed: what is restored then differs from it.
  const auto sql = [&](const std::string& statement) {
    const core::CommandResult ran = core::run_command({{"sqlite3", material.database.string(), statement}});
    INFO(ran.err);
    REQUIRE(ran.exit_code == 0);
  };
  sql("UPDATE kine SET value = value || 'x' WHERE id = (SELECT max(id) FROM kine AS newest WHERE deleted = 0 AND name "
      "LIKE '/registry/configmaps/team-000/%' AND id = (SELECT max(id) FROM kine WHERE name = newest.name))");
  const drill::DatastoreProof changed = prove(drill::Depth::deep);
  CHECK(changed.check.verdict == core::CheckVerdict::fail);
  CHECK(changed.matched == changed.keys - 1);
  REQUIRE(changed.check.findings.size() == 1);
  CHECK(changed.check.findings[0].key->starts_with("/registry/configmaps/team-000/"));
  CHECK(prove(drill::Depth::internal).check.verdict == core::CheckVerdict::pass);

  sql("DELETE FROM kine WHERE name LIKE '/registry/ranges/servicenodeports'");
  const drill::DatastoreProof more = prove(drill::Depth::internal);
  CHECK(more.check.verdict == core::CheckVerdict::fail);
  CHECK_THAT(findings_of(more.check), Catch::Contains("is there and not in the snapshot"));
}

TEST_CASE("objects of an API that Kubernetes has no more are said and not missed") {
  const Fetched seed;
  plant(seed.material.database, "/registry/podsecuritypolicy/restricted",
        R"({"apiVersion":"policy/v1beta1","kind":"PodSecurityPolicy",
    "metadata":{"creationTimestamp":"2021-05-01T10:00:00Z","name":"restricted",
    "uid":"6113e141-d894-450f-a4c7-3d1f0a7f7b11"},"spec":{}})");
  drill::Candidate candidate = seed_candidate();
  candidate.database = seed.material.database;
  const drill::DrillReport report = drill::run({candidate}, standin_options());
  INFO(findings_of(check_of(report, "objects")));
  CHECK(check_of(report, "objects").verdict == core::CheckVerdict::pass);
  CHECK_THAT(findings_of(check_of(report, "objects")),
             Catch::Contains("definition of it: 1 of podsecuritypolicy.policy"));
  CHECK(report.objects.equal());
  CHECK(report.objects.expected == seed.snapshot.objects.size());
}

TEST_CASE("objects stored in two versions are proven, with a webhook between them one by one") {
  const bool webhook = GENERATE(true, false);
  const Fetched seed;
  plant_widgets(seed.material.database, {webhook, true, "v1beta1"});
  drill::Candidate candidate = seed_candidate();
  candidate.database = seed.material.database;
  drill::DrillOptions options = standin_options();
  options.depth = drill::Depth::deep;
  const drill::DrillReport report = drill::run({candidate}, options);
  const std::string found = findings_of(check_of(report, "objects"));
  INFO(found);
  CHECK(check_of(report, "objects").verdict == core::CheckVerdict::pass);
  CHECK(found.empty() != webhook);
  if (webhook) CHECK_THAT(found, Catch::Contains("3 widgets.shop.example.com were read one by one"));
  CHECK(report.objects.equal());
  CHECK(report.objects.matched == seed.snapshot.objects.size() + 4);
  CHECK(report.datastore_matched == report.datastore_keys);
}

TEST_CASE("objects that only a webhook could convert to a version that is served are proven in the datastore") {
  const Fetched seed;
  plant_widgets(seed.material.database, {true, false, "v1beta1"});
  drill::Candidate candidate = seed_candidate();
  candidate.database = seed.material.database;
  const drill::DrillReport report = drill::run({candidate}, standin_options());
  const std::string found = findings_of(check_of(report, "objects"));
  INFO(found);
  CHECK(check_of(report, "objects").verdict == core::CheckVerdict::pass);
  CHECK_THAT(found, Catch::Contains("not to be reached: 1 of widgets.shop.example.com"));
  CHECK(report.objects.matched == seed.snapshot.objects.size() + 3);
  const drill::DrillReport before = drill::run({seed_candidate()}, standin_options());
  CHECK(report.datastore_keys == before.datastore_keys + 3);
  CHECK(report.datastore_matched == report.datastore_keys);
  CHECK(phase_of(report, "list").duration < 10s);  // nobody waits for what will not come
}

TEST_CASE("an object in a version that its definition does not have is no matter of webhooks, and missing") {
  const bool webhook = GENERATE(true, false);
  const Fetched seed;
  plant_widgets(seed.material.database, {webhook, true, "v1gamma1"});
  drill::Candidate candidate = seed_candidate();
  candidate.database = seed.material.database;
  const drill::DrillReport report = drill::run({candidate}, standin_options());
  INFO(findings_of(check_of(report, "objects")));
  CHECK(check_of(report, "objects").verdict == core::CheckVerdict::fail);
  CHECK(report.objects.missing == (webhook ? 1 : 3));
  CHECK_THAT(findings_of(check_of(report, "objects")), Catch::Contains("v1gamma1"));
}

TEST_CASE(
    "of objects that are read one by one, one that is gone is missing; where a webhook may come, none is checked") {
  Fetched seed;
  plant_widgets(seed.material.database, {});
  seed.verify();
  drill::Sandbox sandbox;
  drill::ControlPlane plane(seed.engine, sandbox);
  plane.place(seed.set());
  REQUIRE_FALSE(plane.start(120s, [](std::string_view) {}).failure);
  const auto listed = [&](drill::Webhooks webhooks) {
    return drill::compare_with(seed.snapshot, drill::list_objects(plane.api(), seed.snapshot, seed.snapshot.revision,
                                                                  webhooks, plane.retry_for(2s)));
  };
  CHECK(listed(drill::Webhooks::out_of_reach).equal());
  const drill::Equality at_a_restore = listed(drill::Webhooks::may_come);
  INFO(findings_of(drill::check_of(at_a_restore)));
  CHECK(at_a_restore.equal());
  CHECK(at_a_restore.expected == seed.snapshot.objects.size() - 3);
  const drill::ServedAnswer gone =
      plane.api().send("DELETE", "/apis/shop.example.com/v1beta1/namespaces/team-000/widgets/old");
  INFO(gone.message);
  REQUIRE(gone.ok());
  CHECK(listed(drill::Webhooks::out_of_reach).missing == 1);
  REQUIRE(plane.api().send("DELETE", "/apis/shop.example.com/v1/namespaces/team-000/widgets/new").ok());
  CHECK(listed(drill::Webhooks::out_of_reach).missing == 2);
}

TEST_CASE_METHOD(Fetched, "what kine does not answer is skipped, and deep could not run") {
  const core::Fd root = core::open_file(scratch.path(), O_RDONLY | O_DIRECTORY);
  const drill::DatastoreAccess nobody{[&] { return drill::socket_inside(root.get(), "no.sock"); }};
  const drill::DatastoreProof proof =
      drill::prove_datastore(nobody, material.database, snapshot.revision, drill::Depth::internal);
  CHECK(proof.check.verdict == core::CheckVerdict::skipped);
  CHECK(proof.keys == 0);
  CHECK_THROWS_AS(drill::prove_datastore(nobody, material.database, snapshot.revision, drill::Depth::deep),
                  core::Error);
  CHECK_THROWS_AS(drill::prove_datastore(nobody, material.database, snapshot.revision, drill::Depth::internal,
                                         {"ingressroutes.traefik.io"}),
                  core::Error);
}

TEST_CASE_METHOD(
    Restored, "kinds that are not listed until a short time after /readyz are waited for, and proven without a word") {
  const auto compared = [&](const drill::MayRetry& may_retry) {
    return drill::compare_with(snapshot, drill::list_objects(plane.api(), snapshot, snapshot.revision,
                                                             drill::Webhooks::out_of_reach, may_retry));
  };
  const drill::Equality too_early = compared([] { return false; });
  const std::string said = findings_of(drill::check_of(too_early));
  INFO(said);
  CHECK(too_early.unread >= snapshot.census.by_resource.at("addons.k3s.cattle.io") +
                                snapshot.census.by_resource.at("helmcharts.helm.cattle.io"));
  CHECK(too_early.missing == 0);
  CHECK(drill::check_of(too_early).verdict == core::CheckVerdict::could_not_run);
  REQUIRE(snapshot.census.by_resource.count("etcdsnapshotfiles.k3s.cattle.io") == 0);
  CHECK_THAT(said, Catch::Contains("etcdsnapshotfiles.k3s.cattle.io cannot be listed (HTTP 429), and the snapshot"));

  const drill::Equality in_time = compared(plane.retry_for(30s));
  INFO(findings_of(drill::check_of(in_time)));
  CHECK(in_time.equal());
  CHECK(in_time.findings.empty());
}

TEST_CASE_METHOD(Restored, "writes are taken, and a revision that is handed out twice is found") {
  const core::Check check = drill::prove_writes(plane.api(), snapshot.revision, plane.retry_for(30s));
  INFO(findings_of(check));
  CHECK(check.verdict == core::CheckVerdict::pass);
  const core::Check late =
      drill::prove_writes(plane.api(), core::Revision{snapshot.revision.value + 1'000'000}, plane.retry_for(30s));
  CHECK(late.verdict == core::CheckVerdict::fail);
}

TEST_CASE_METHOD(Restored, "what an admission policy of the cluster's refuses is skipped, and named") {
  const auto make = [&](const std::string& path, const std::string& body) {
    return plane.api().send("POST", path, body);
  };
  const std::string policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
  const std::string bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
  REQUIRE(make(policies, R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy",
    "metadata":{"name":"guard"},"spec":{"matchConstraints":{"resourceRules":[{"apiGroups":[""],"apiVersions":["v1"],
    "operations":["CREATE"],"resources":["namespaces"]}]},"validations":[{"expression":"false"}]}})")
              .ok());
  REQUIRE(make(bindings, R"({"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding",
    "metadata":{"name":"guards-all"},"spec":{"policyName":"guard","validationActions":["Deny"]}})")
              .ok());
  const drill::MayRetry may_retry = plane.retry_for(60s);
  const auto in_force = [&] {
    return !make("/api/v1/namespaces?dryRun=All",
                 R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"probe"}})")
                .ok();
  };
  bool guarded = in_force();
  while (!guarded && may_retry()) guarded = in_force();
  REQUIRE(guarded);

  const core::Check check = drill::prove_writes(plane.api(), snapshot.revision, plane.retry_for(30s));
  INFO(findings_of(check));
  CHECK(check.verdict == core::CheckVerdict::skipped);
  CHECK_THAT(findings_of(check), Catch::Contains("refused by an admission policy of the cluster's") &&
                                     Catch::Contains("ValidatingAdmissionPolicy 'guard'"));
}

TEST_CASE_METHOD(Restored, "the watch tells of a control plane that dies after it was ready") {
  CHECK_FALSE(plane.watch_until(std::chrono::steady_clock::now() + 50ms));
  REQUIRE(kill_descendant("--write-kubeconfig=/tmp/kubeconfig.yaml"));
  const std::optional<std::string> death = plane.watch_until(std::chrono::steady_clock::now() + 30s);
  REQUIRE(death);
  CHECK_THAT(*death, Catch::Contains("was killed by signal 9"));
}

TEST_CASE("a control plane that reaches a cap while it is watched says nothing about the snapshot") {
  if (::geteuid() != 0) {
    WARN("test skipped: without root there is no cgroup");
    return;
  }
  drill::DrillOptions options = standin_options();
  options.alive_for = 60s;
  bool exhausted = false;
  const drill::DrillReport report = drill::run({seed_candidate()}, options, [&](std::string_view what) {
    if (what == "watch") exhausted = exhaust_pids();
  });
  REQUIRE(exhausted);
  CHECK(check_of(report, "alive").verdict == core::CheckVerdict::could_not_run);
  CHECK_THAT(findings_of(check_of(report, "alive")), Catch::Contains("was stopped at caps.pids"));
  CHECK(phase_of(report, "prove").verdict == core::CheckVerdict::could_not_run);
}

TEST_CASE("a control plane that dies while its controllers settle has failed, also when it is not watched") {
  drill::DrillOptions options = standin_options();
  options.controllers = drill::Controllers::on;
  options.settle = 60s;
  bool killed = false;
  const drill::DrillReport report = drill::run({seed_candidate()}, options, [&](std::string_view what) {
    if (what == "settle") killed = kill_descendant("--write-kubeconfig=/tmp/kubeconfig.yaml");
  });
  REQUIRE(killed);
  CHECK_FALSE(report.drift);
  CHECK(check_of(report, "alive").verdict == core::CheckVerdict::fail);
  CHECK_THAT(findings_of(check_of(report, "alive")), Catch::Contains("was killed by signal 9"));
  CHECK(phase_of(report, "prove").verdict == core::CheckVerdict::fail);
}
