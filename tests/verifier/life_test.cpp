// The life of one object: what it is called, which rows are its own, and how snapshots are put together.
#include "verifier/changes/life.hpp"

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

namespace {

using Catch::Contains;
using verifier::RowKind;

constexpr const char* kKey = "/registry/secrets/shop/db";

verifier::ObjectRow row(std::int64_t revision, RowKind kind, const std::string& uid, std::int64_t prev) {
  return {kKey, {revision}, {prev}, kind, uid, "v1", {}, 100};
}

verifier::Sighting sighting(const std::string& snapshot, std::vector<verifier::ObjectRow> rows) {
  return {snapshot, {std::move(rows), {1000}, {500}}};
}

verifier::Life life_of(const std::vector<verifier::Sighting>& sightings) {
  const std::vector<verifier::Life> lives = verifier::merge_lives(sightings);
  REQUIRE(lives.size() == 1);
  return lives.front();
}

verifier::ObjectRows rows_of(const VerifyFixture& fixture, std::string_view name) {
  return verifier::read_rows_of(fixture.path(), verifier::parse_object_name(name));
}

std::string refusal(std::string_view text) {
  try {
    verifier::parse_object_name(text);
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::usage);
    return error.what();
  }
  return "taken";
}

}  // namespace

TEST_CASE("an object that is deleted vanishes between the last snapshot with it and the first without") {
  const auto created = row(10, RowKind::created, "u1", 0);
  const auto changed = row(20, RowKind::changed, "u1", 10);
  const auto deleted = row(30, RowKind::deleted, "u1", 20);
  const verifier::Life life =
      life_of({sighting("s0", {}), sighting("s1", {created}), sighting("s2", {created, changed}),
               sighting("s3", {changed, deleted}), sighting("s4", {})});
  REQUIRE(life.events.size() == 3);
  CHECK(life.events[0].first_snapshot == "s1");
  CHECK(life.events[0].last_snapshot == "s2");
  for (const verifier::LifeEvent& event : life.events) CHECK_FALSE(event.after_unknown);
  REQUIRE(life.stays.size() == 1);
  CHECK(life.stays[0].first == "s1");
  CHECK(life.stays[0].last == "s2");
  CHECK(life.stays[0].count == 2);
  CHECK(life.stays[0].gone == "s3");
  CHECK(life.stays[0].deleted_at == core::Revision{30});
  CHECK(life.vanished());
  CHECK(life.resource == "secrets");
}

TEST_CASE("a deletion that was compacted has no revision") {
  const verifier::Life life =
      life_of({sighting("s1", {row(10, RowKind::created, "u1", 0)}), sighting("s2", {}), sighting("s3", {})});
  CHECK(life.vanished());
  CHECK(life.stays[0].gone == "s2");
  CHECK_FALSE(life.stays[0].deleted_at);
}

TEST_CASE("a deletion without a row is compacted only where something was") {
  const auto made = row(10, RowKind::created, "u1", 0);
  const verifier::Life lost = life_of({sighting("s1", {made}), sighting("s2", {})});
  CHECK_FALSE(lost.stays[0].deletion_compacted);
  const verifier::Life compacted = life_of({{"s1", {{made}, {1000}, {500}}}, {"s2", {{}, {3000}, {2000}}}});
  CHECK(compacted.stays[0].deletion_compacted);
}

TEST_CASE("history before the oldest row is unknown when that row says there was some") {
  const verifier::Life life = life_of(
      {sighting("s1", {row(10, RowKind::changed, "u1", 7)}), sighting("s2", {row(50, RowKind::changed, "u1", 40)})});
  CHECK(life.events[0].after_unknown);
  CHECK(life.events[1].after_unknown);
  CHECK(life.events[1].compacted);
  CHECK_FALSE(life.vanished());
  CHECK(life.stays.size() == 1);
}

TEST_CASE("an object made anew is two stays, also when no snapshot is without it") {
  const verifier::Life life =
      life_of({sighting("s1", {row(10, RowKind::created, "u1", 0)}),
               sighting("s2", {row(10, RowKind::created, "u1", 0), row(20, RowKind::deleted, "u1", 10),
                               row(30, RowKind::created, "u2", 20)})});
  REQUIRE(life.stays.size() == 2);
  CHECK(life.stays[0].gone == "s2");
  CHECK(life.stays[0].deleted_at == core::Revision{20});
  CHECK(life.stays[1].uid == "u2");
  CHECK_FALSE(life.vanished());
}

TEST_CASE("an object that comes back is there again") {
  const verifier::Life life = life_of({sighting("s1", {row(10, RowKind::created, "u1", 0)}), sighting("s2", {}),
                                       sighting("s3", {row(30, RowKind::created, "u2", 0)})});
  CHECK(life.stays.size() == 2);
  CHECK_FALSE(life.vanished());
  CHECK(life.last_snapshot == "s3");
}

TEST_CASE("rows of two histories with the same revision are two rows") {
  const verifier::Life life = life_of(
      {sighting("s1", {row(10, RowKind::created, "u1", 0)}), sighting("s2", {row(10, RowKind::created, "u2", 0)})});
  CHECK(life.events.size() == 2);
}

TEST_CASE("an object is found by resource, namespace and name, whatever its key is made of") {
  const VerifyFixture fixture;
  fixture.make();
  const auto key_of = [&](std::string_view name) {
    const verifier::ObjectRows found = rows_of(fixture, name);
    return found.rows.empty() ? std::string() : found.rows.back().key;
  };
  CHECK(key_of("nodes/node-a") == "/registry/minions/node-a");
  CHECK(key_of("no/node-a") == "/registry/minions/node-a");
  CHECK(key_of("services/default/kubernetes") == "/registry/services/specs/default/kubernetes");
  CHECK(key_of("endpoints/default/kubernetes") == "/registry/services/endpoints/default/kubernetes");
  CHECK(key_of("namespace/default") == "/registry/namespaces/default");
  CHECK(key_of("deployments.apps/default/web") == "/registry/deployments/default/web");
  CHECK(key_of("deploy/default/web") == "/registry/deployments/default/web");
  CHECK(key_of("deployments.other.io/default/web").empty());
  CHECK(key_of("things.example.io/default/one") == "/registry/example.io/things/default/one");
  CHECK(key_of("things/default/one") == "/registry/example.io/things/default/one");
  CHECK(key_of("things.other.io/default/one").empty());
  CHECK(key_of("clusterroles.rbac.authorization.k8s.io/system:node") == "/registry/clusterroles/system:node");
  CHECK(key_of("/registry/secrets/default/password") == "/registry/secrets/default/password");
  CHECK(key_of("secrets/password").empty());
}

TEST_CASE("rows say what happened, to which uid, and when") {
  for (const kine::Era era : {kine::Era::a, kine::Era::b, kine::Era::c}) {
    const VerifyFixture fixture;
    fixture.make({}, era);
    const verifier::ObjectRows lease = rows_of(fixture, "leases/kube-system/node-a");
    REQUIRE(lease.rows.size() == 2);
    CHECK(lease.rows[0].kind == RowKind::created);
    CHECK(lease.rows[1].kind == RowKind::changed);
    CHECK(lease.rows[1].prev_revision == lease.rows[0].revision);
    REQUIRE(lease.rows[1].timestamp);
    CHECK(core::format_rfc3339(*lease.rows[1].timestamp) == "2026-09-21T14:16:40.500000Z");
    const verifier::ObjectRows gone = rows_of(fixture, "secrets/default/gone");
    REQUIRE(gone.rows.size() == 2);
    CHECK(gone.rows[1].kind == RowKind::deleted);
    CHECK(gone.rows[1].uid == "uid-gone");
    CHECK_FALSE(gone.rows[1].timestamp);
  }
}

TEST_CASE("near names are the same kind in the same place first, then the same name elsewhere") {
  const VerifyFixture fixture;
  fixture.make();
  CHECK(verifier::near_names(fixture.path(), verifier::parse_object_name("secret/default/pasword")).front() ==
        "secrets/default/password");
  CHECK(verifier::near_names(fixture.path(), verifier::parse_object_name("secrets/kube-system/password")) ==
        std::vector<std::string>{"secrets/default/password"});
  CHECK(verifier::near_names(fixture.path(), verifier::parse_object_name("pods/nowhere/x")).empty());
}

TEST_CASE("what names no object is refused with the forms there are") {
  for (const char* text :
       {"", "secrets", "secrets/", "/", "a//b", "a/b/c/d", "/bootstrap/0123456789ab", "/registry/ranges/serviceips",
        "/registry/", "/registry/a/b/c/d/e", "secrets/x\x01/y", "secrets/x/\xff"}) {
    INFO(text);
    CHECK_THAT(refusal(text), Contains("say RESOURCE/NAMESPACE/NAME"));
    CHECK(refusal(text).find('\x01') == std::string::npos);
  }
  CHECK(refusal("secrets/shop/db") == "taken");
}
