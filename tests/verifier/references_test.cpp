// Check `references`.
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

TEST_CASE("The objects of a sound cluster refer to what is there") {
  const VerifyFixture fixture;
  fixture.make();
  CHECK(check_named(fixture.verify(), "references").findings.empty());
}

TEST_CASE("What no cluster is without, when it is missing, is one finding") {
  const std::string key = GENERATE("/registry/namespaces/kube-system", "/registry/services/specs/default/kubernetes");
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) {
    if (key.ends_with("kube-system")) database.remove("/registry/leases/kube-system/node-a");
    database.remove(key);
  });
  const core::Finding finding = only_error(fixture.verify(), "references");
  CHECK(finding.key == key);
}

TEST_CASE("A namespace that is gone from under its objects is a finding; a straggler is a warning") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/pods/shop/p", kine::protobuf({"v1", "Pod", "p", "shop", "uid-p"}));
  });
  const core::Finding finding = only_warning(fixture.verify(), "references");
  CHECK(contains(finding.message, "the namespace is missing, but 1 objects"));
  CHECK(finding.key == "/registry/namespaces/shop");
  const VerifyFixture lost;
  lost.make([](kine::Database& database) {
    database.create("/registry/serviceaccounts/shop/default",
                    kine::protobuf({"v1", "ServiceAccount", "default", "shop", "uid-sa"}));
  });
  CHECK(contains(only_error(lost.verify(), "references").message, "the namespace is missing"));
}

TEST_CASE("Two objects of one uid are one finding") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", "uid-web"}));
  });
  CHECK(contains(only_error(fixture.verify(), "references").message, "the same uid as /registry/"));
}

TEST_CASE("Custom resources whose definition is missing are one finding") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.remove("/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io");
  });
  const core::Finding finding = only_error(fixture.verify(), "references");
  CHECK(contains(finding.message, "of 1 custom resources"));
  CHECK(finding.key == "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io");
}

TEST_CASE("An object whose owner is gone is a warning, stored as protobuf or as JSON") {
  const std::string owner = kine::field(1, "ReplicaSet") + kine::field(3, "web") + kine::field(4, "uid-gone-owner") +
                            kine::field(5, "apps/v1");
  const bool there = GENERATE(false, true);
  const VerifyFixture fixture;
  fixture.make([&](kine::Database& database) {
    database.create("/registry/pods/default/p",
                    kine::protobuf({"v1", "Pod", "p", "default", "uid-p"}, {}, kine::field(13, owner)));
    if (there)
      database.create("/registry/replicasets/default/web",
                      kine::protobuf({"apps/v1", "ReplicaSet", "web", "default", "uid-gone-owner"}));
  });
  const auto result = fixture.verify();
  CHECK(check_named(result, "decode").verdict == CheckVerdict::pass);
  if (there) {
    CHECK(check_named(result, "references").findings.empty());
  } else {
    CHECK(contains(only_warning(result, "references").message, "the object's owner is not there"));
  }
}
