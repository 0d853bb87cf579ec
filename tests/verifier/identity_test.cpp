// Which cluster a database is of, read before it is stored: a pull must never fail for what is in it.
#include "verifier/keys/identity.hpp"

#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/sealed_row_vector.hpp"
#include "tests/verifier/verify_fixture.hpp"

namespace {

constexpr const char* kKubeSystem = "/registry/namespaces/kube-system";

std::string uid_in(const VerifyFixture& fixture) { return verifier::read_identity(fixture.path(), {}).kube_system_uid; }

}  // namespace

TEST_CASE("A database tells its cluster by the uid of kube-system, and with its token by the CA") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.update(kKubeSystem, kine::protobuf({"v1", "Namespace", "kube-system", "", "0c1d-2e3f"}));
    database.create(vector::kKey, vector::kSealed);
  });
  const core::ClusterIdentity identity =
      verifier::read_identity(fixture.path(), verifier::parse_token(vector::kPassword));
  CHECK(identity.kube_system_uid == "0c1d-2e3f");
  CHECK(identity.ca_sha256 == vector::kCaHash);
  const core::ClusterIdentity by_a_stranger = verifier::read_identity(fixture.path(), verifier::parse_token("another"));
  CHECK(by_a_stranger == core::ClusterIdentity{"0c1d-2e3f", ""});
  CHECK(verifier::read_identity(fixture.path(), {}) == by_a_stranger);
}

TEST_CASE("What tells nothing is not known, and is no error") {
  const VerifyFixture fixture;
  fixture.make();
  CHECK_FALSE(uid_in(fixture).empty());
  SECTION("deleted") { fixture.exec("UPDATE kine SET deleted = 1 WHERE name = '/registry/namespaces/kube-system'"); }
  SECTION("a value of garbage") {
    fixture.exec("UPDATE kine SET value = 'x' WHERE name = '/registry/namespaces/kube-system'");
  }
  SECTION("a uid that no API server makes") {
    fixture.exec("UPDATE kine SET value = '" + kine::json({"v1", "Namespace", "kube-system", "", "a b"}) +
                 "' WHERE name = '/registry/namespaces/kube-system'");
  }
  SECTION("another schema") { fixture.exec("ALTER TABLE kine RENAME TO other"); }
  SECTION("no database") { fixture.replace("not a database"); }
  SECTION("an empty file") { fixture.replace(""); }
  CHECK(uid_in(fixture).empty());
}
