// Check decode: what is counted, how it is named, and each way a row can be wrong.
#include <numeric>

#include "core/clock.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/kine/resource.hpp"

using core::CheckVerdict;

TEST_CASE("The census of a small cluster counts rows, objects and internal keys and its sums agree") {
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) { database.set_compact_revision(4); }, era);
  const auto result = fixture.verify();
  CHECK(result.rows.total == 23);
  CHECK(result.rows.live == 19);
  CHECK(result.rows.tombstones == 2);
  CHECK(result.revision.value == 23);
  CHECK(result.compact_revision.value == 4);
  const auto& census = result.census;
  CHECK(census.objects_total == 12);
  CHECK(census.namespaces == 2);
  CHECK(census.internal_keys == 5);
  CHECK(census.sealed == 0);
  const auto sum = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                           [](auto all, const auto& one) { return all + one.second; });
  };
  CHECK(sum(census.by_resource) == census.objects_total);
  CHECK(sum(census.by_namespace) + census.cluster_scoped == census.objects_total);
  const std::map<std::string, std::uint64_t> expected{{"namespaces", 2},
                                                      {"services", 1},
                                                      {"endpoints", 1},
                                                      {"nodes", 1},
                                                      {"deployments.apps", 1},
                                                      {"secrets", 1},
                                                      {"clusterroles.rbac.authorization.k8s.io", 1},
                                                      {"customresourcedefinitions.apiextensions.k8s.io", 1},
                                                      {"apiservices.apiregistration.k8s.io", 1},
                                                      {"things.example.io", 1},
                                                      {"leases.coordination.k8s.io", 1}};
  CHECK(census.by_resource == expected);
  CHECK(result.objects.size() == 12);
  CHECK(result.coverage.objects_decoded == 12);
  CHECK(result.coverage.objects_total == 12);
}

TEST_CASE("The version of k3s, the identity of the cluster and its newest change are read from its objects") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/minions/agent-a",
                    kine::protobuf({"v1", "Node", "agent-a", "", "uid-agent"},
                                   kine::field(3, kine::field(7, kine::field(7, "v1.30.0+k3s1")))));
  });
  const auto result = fixture.verify();
  CHECK(result.k3s_version == "v1.36.2+k3s1");
  CHECK(result.kube_system_uid == "uid-kube-system");
  REQUIRE(result.newest_change);
  // The lease's renewal; the later renewTime in a custom resource is no lease's.
  CHECK(core::to_seconds(result.newest_change->time_since_epoch()) == 1'790'000'200.5);
}

TEST_CASE("Newest change comes from managed fields, events and JSON as well, and never from an absurd timestamp") {
  const VerifyFixture fixture;
  fixture.make();
  const auto newest_with = [&](const std::string& key, const std::string& value) {
    const VerifyFixture other;
    other.make([&](kine::Database& database) { database.create(key, value); });
    return core::format_rfc3339(*other.verify().newest_change).substr(0, 10);
  };
  const std::string managed =
      kine::field(17, kine::field(1, "kubectl") + kine::field(2, "Update") + kine::time_field(4, 1'791'000'000));
  CHECK(newest_with("/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", "u"}, "", managed)) ==
        "2026-10-03");
  const kine::Meta event{"v1", "Event", "e", "default", "u"};
  CHECK(newest_with("/registry/events/default/e", kine::protobuf(event, kine::time_field(7, 1'792'000'000))) ==
        "2026-10-14");
  CHECK(newest_with("/registry/events/default/e",
                    kine::protobuf(event, kine::field(11, kine::time_field(2, 1'792'000'000)))) == "2026-10-14");
  CHECK(newest_with("/registry/events/default/e", kine::json(event, R"(,"lastTimestamp":"2026-10-20T00:00:00Z")")) ==
        "2026-10-20");
  CHECK(newest_with("/registry/events/default/e", kine::protobuf(event, kine::time_field(7, 253'402'300'799))) ==
        "2026-09-21");
  CHECK(newest_with("/registry/events/default/e", kine::json(event, R"(,"lastTimestamp":"9999-10-20T00:00:00Z")")) ==
        "2026-09-21");
  CHECK(newest_with("/registry/events/default/e", kine::protobuf(event, kine::time_field(7, 4'000'000'000))) ==
        "2026-09-21");
}

TEST_CASE("Sealed values are objects known by their key alone") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/secrets/default/sealed", "k8s:enc:aescbc:v1:aescbckey:\x01\x02\x03");
  });
  const auto result = fixture.verify();
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
  CHECK(result.census.sealed == 1);
  CHECK(result.census.objects_total == 13);
  CHECK(result.census.by_resource.at("secrets") == 2);
  CHECK(result.coverage.complete());
}

TEST_CASE("Every way a live value can be wrong is one finding that names its key and revision") {
  const auto [key, value, sentence] = GENERATE(table<std::string, std::string, std::string>({
      {"/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", ""}), "no metadata.uid"},
      {"/registry/pods/default/p", kine::protobuf({"v1", "Pod", "q", "default", "u"}), "another name than its key"},
      {"/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "other", "u"}), "another namespace than its key"},
      {"/registry/pods/default/p", kine::json({"v1", "Pod", "p", "other", "u"}), "another namespace than its key"},
      {"/registry/namespaces/n", kine::protobuf({"v1", "Namespace", "n", "n", "u"}), "another namespace than its key"},
      {"/registry/pods/default/p", kine::protobuf({"", "Pod", "p", "default", "u"}), "what kind of object"},
      {"/registry/pods/default/p", "", "is empty"},
      {"/registry/pods/default/p", "\x01\x02\x03", "neither protobuf"},
      {"/registry/pods/default/p", R"({"apiVersion":"v1")", "no valid JSON"},
      {"/registry/pods/default/p", std::string("k8s\0", 4), "without an object"},
      {"/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", "u"}).substr(0, 40),
       "ends in the middle"},
      {"/registry/pods/default/p", kine::protobuf({"v\xff", "Pod", "p", "default", "u"}), "no text"},
      {"/registry/pods/a/b/c", kine::protobuf({"v1", "Pod", "c", "b", "u"}), "form that Kubernetes does not use"},
      {"/registry/pods//p", kine::protobuf({"v1", "Pod", "p", "", "u"}), "form that Kubernetes does not use"},
      {"/registry/pods", "x", "form that Kubernetes does not use"},
      {"/registry/", "x", "form that Kubernetes does not use"},
      {"/registry/ranges/serviceips2", "\x01", "neither protobuf"},
  }));
  const VerifyFixture fixture;
  std::int64_t revision = 0;
  fixture.make([&, k = key, v = value](kine::Database& database) { revision = database.create(k, v); });
  const auto result = fixture.verify();
  const core::Finding finding = only_error(result, "decode");
  INFO(finding.message);
  CHECK(contains(finding.message, sentence));
  CHECK(finding.key == key);
  CHECK(finding.revision->value == revision);
  CHECK(result.census.objects_total == 12);
}

TEST_CASE("A broken value is a warning when it was overwritten or deleted later, and the object counts as it is now") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/pods/default/p", "broken");
    database.update("/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", "u"}));
    database.create("/registry/pods/default/q", "broken");
    database.remove("/registry/pods/default/q");
  });
  const auto result = fixture.verify();
  const core::Check& decode = check_named(result, "decode");
  CHECK(decode.verdict == CheckVerdict::pass);
  REQUIRE(decode.findings.size() == 2);
  CHECK(decode.findings[0].key == "/registry/pods/default/p");
  CHECK(decode.findings[1].key == "/registry/pods/default/q");
  CHECK(result.coverage.complete());
  CHECK(result.census.objects_total == 13);
}

TEST_CASE("An undecodable object is missing from the coverage, too") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) { database.create("/registry/pods/default/p", "broken"); });
  const auto result = fixture.verify();
  CHECK(result.coverage.objects_total == 13);
  CHECK(result.coverage.objects_decoded == 12);
  CHECK_FALSE(result.coverage.complete());
}

TEST_CASE("Rows without a name, with a BLOB for a name, or that do not say whether they are deleted are findings") {
  const auto [sql, sentence] = GENERATE(table<std::string, std::string>(
      {{"INSERT INTO kine VALUES (NULL, NULL, 1, 0, 0, 0, 0, 'x', NULL)", "has no name"},
       {"INSERT INTO kine VALUES (NULL, x'2f72', 1, 0, 0, 0, 0, 'x', NULL)", "has no name"},
       {"INSERT INTO kine VALUES (NULL, '/a', 1, NULL, 0, 0, 0, 'x', NULL)", "whether it creates or deletes"},
       {"INSERT INTO kine VALUES (NULL, '/a', 1, 'no', 0, 0, 0, 'x', NULL)", "whether it creates or deletes"}}));
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec(sql);
  const auto result = fixture.verify();
  const core::Finding finding = only_error(result, "revisions");
  CHECK(contains(finding.message, sentence));
  CHECK(finding.revision == result.revision);
}

TEST_CASE("Numeric names and text in BLOB columns are taken as SQLite gives them") {
  const VerifyFixture fixture;
  fixture.make({}, kine::Era::a);
  fixture.exec("INSERT INTO kine VALUES (500, '12345', 1, 0, 0, 0, 0, 77, NULL)");
  fixture.exec("INSERT INTO kine VALUES (501, '/registry/pods/default/p', 1, 0, 0, 0, 0, '" +
               kine::json({"v1", "Pod", "p", "default", "u"}) + "', NULL)");
  const auto result = fixture.verify();
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
  CHECK(result.rows.live == 21);
  CHECK(result.census.objects_total == 13);
}

TEST_CASE("A table without a single live row fails check decode") {
  const VerifyFixture fixture;
  fixture.make();
  fixture.exec("DELETE FROM kine");
  CHECK(contains(only_error(fixture.verify(), "decode").message, "not a single live row"));
}

TEST_CASE("Keys are named as kubectl names their resources") {
  const auto [key, api_version, resource, namespace_name] =
      GENERATE(table<std::string, std::string, std::string, std::string>({
          {"/registry/minions/a", "v1", "nodes", ""},
          {"/registry/services/specs/ns/a", "v1", "services", "ns"},
          {"/registry/services/endpoints/ns/a", "v1", "endpoints", "ns"},
          {"/registry/controllers/ns/a", "v1", "replicationcontrollers", "ns"},
          {"/registry/ingress/ns/a", "networking.k8s.io/v1", "ingresses.networking.k8s.io", "ns"},
          {"/registry/leases/ns/a", "coordination.k8s.io/v1", "leases.coordination.k8s.io", "ns"},
          {"/registry/persistentvolumes/a", "v1", "persistentvolumes", ""},
          {"/registry/traefik.io/ingressroutes/ns/a", "traefik.io/v1alpha1", "ingressroutes.traefik.io", "ns"},
          {"/registry/apiregistration.k8s.io/apiservices/v1.apps", "apiregistration.k8s.io/v1",
           "apiservices.apiregistration.k8s.io", ""},
          {"/registry/secrets/ns/a", "", "secrets", "ns"},
      }));
  const verifier::ParsedKey parsed = verifier::parse_key(key);
  CHECK(parsed.kind == verifier::KeyKind::object);
  CHECK(verifier::resource_name(parsed.identity, api_version) == resource);
  CHECK(parsed.identity.namespace_name == namespace_name);
}
