// Check `references`.
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

TEST_CASE("The objects of a sound cluster refer to what is there") {
  const VerifyFixture fixture;
  fixture.make();
  CHECK(check_named(fixture.verify(), "references").findings.empty());
}

TEST_CASE("A namespace that no cluster is without is an error when it is missing") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.remove("/registry/leases/kube-system/node-a");
    database.remove("/registry/namespaces/kube-system");
  });
  CHECK(only_error(fixture.verify(), "references").key == "/registry/namespaces/kube-system");
}

TEST_CASE("The service of the API, which the API server makes again, is a warning when it is missing") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) { database.remove("/registry/services/specs/default/kubernetes"); });
  const auto result = fixture.verify();
  CHECK(check_named(result, "references").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "references").message, "makes it again"));
}

TEST_CASE("A namespace that was finalized before its objects were deleted is a warning") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/namespaces/shop", kine::protobuf({"v1", "Namespace", "shop", "", "uid-shop"}));
    database.create("/registry/serviceaccounts/shop/default",
                    kine::protobuf({"v1", "ServiceAccount", "default", "shop", "uid-sa"}));
    database.create("/registry/configmaps/shop/kube-root-ca.crt",
                    kine::protobuf({"v1", "ConfigMap", "kube-root-ca.crt", "shop", "uid-ca"}));
    database.remove("/registry/namespaces/shop");
  });
  const auto seen = fixture.verify();
  CHECK(check_named(seen, "references").verdict == CheckVerdict::pass);
  const core::Finding finding = only_warning(seen, "references");
  CHECK(finding.key == "/registry/namespaces/shop");
  CHECK(contains(finding.message, "the namespace is missing, but 2 objects are in it: it was deleted at revision"));
  fixture.compact(0);
  const auto compacted = fixture.verify();
  CHECK(check_named(compacted, "references").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(compacted, "references").message, "only the snapshot before tells"));
}

TEST_CASE("Two objects of one uid are one warning") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/pods/default/p", kine::protobuf({"v1", "Pod", "p", "default", "uid-web"}));
  });
  const auto result = fixture.verify();
  CHECK(check_named(result, "references").verdict == CheckVerdict::pass);
  CHECK(contains(only_warning(result, "references").message, "the same uid as /registry/"));
}

TEST_CASE("Custom resources whose definition was deleted are a warning, with or without its tombstone") {
  const bool compacted = GENERATE(false, true);
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.remove("/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io");
  });
  if (compacted) fixture.compact(0);
  const auto result = fixture.verify();
  CHECK(check_named(result, "references").verdict == CheckVerdict::pass);
  const core::Finding finding = only_warning(result, "references");
  CHECK(contains(finding.message, "the definition of 1 custom resources was deleted"));
  CHECK(finding.key == "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io");
}

TEST_CASE("A definition is lost, and not deleted, when only it is gone and its APIService is there") {
  constexpr const char* kDefinition = "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io";
  const auto announce = [](kine::Database& database) {
    database.create("/registry/apiregistration.k8s.io/apiservices/v1.example.io",
                    kine::json({"apiregistration.k8s.io/v1", "APIService", "v1.example.io", "", "uid-announced"}));
  };
  const VerifyFixture lost;
  lost.make(announce);
  lost.compact(0);
  lost.exec("DELETE FROM kine WHERE name = '" + std::string(kDefinition) + "'");
  const core::Finding finding = only_error(lost.verify(), "references");
  CHECK(contains(finding.message, "the definition of 1 custom resources is lost"));
  CHECK(finding.key == kDefinition);

  const VerifyFixture just_deleted;  // its APIService goes a little later
  just_deleted.make([&](kine::Database& database) {
    announce(database);
    database.remove(kDefinition);
  });
  CHECK(check_named(just_deleted.verify(), "references").verdict == CheckVerdict::pass);

  const VerifyFixture one_of_two;  // the APIService is there for the other
  one_of_two.make([&](kine::Database& database) {
    announce(database);
    database.create(
        "/registry/apiextensions.k8s.io/customresourcedefinitions/others.example.io",
        kine::json({"apiextensions.k8s.io/v1", "CustomResourceDefinition", "others.example.io", "", "uid-2"}));
    database.remove(kDefinition);
  });
  one_of_two.compact(0);
  CHECK(check_named(one_of_two.verify(), "references").verdict == CheckVerdict::pass);
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
