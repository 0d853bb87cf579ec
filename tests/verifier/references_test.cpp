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
