// Check `blockers`: each thing that will stand in the way is one warning, stored as protobuf or as JSON.
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

using core::CheckVerdict;

namespace {

const kine::Meta kWebhooks{"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "policy", "",
                           "uid-hook"};

core::Finding only_blocker(const VerifyFixture& fixture) {
  const auto result = fixture.verify();
  CHECK(check_named(result, "blockers").verdict == CheckVerdict::pass);
  return only_warning(result, "blockers");
}

std::string json_webhook(const std::string& client, const std::string& policy) {
  return kine::json(kWebhooks, R"(,"webhooks":[{"name":"deny.example.io","clientConfig":{)" + client +
                                   R"(},"failurePolicy":")" + policy + R"("}])");
}

}  // namespace

TEST_CASE("A sound small cluster has no blockers, and says which k3s its objects come from") {
  const VerifyFixture fixture;
  fixture.make();
  const core::Check check = check_named(fixture.verify(), "blockers");
  REQUIRE(check.findings.size() == 2);
  for (const core::Finding& finding : check.findings) CHECK(finding.severity == core::Severity::note);
  CHECK(contains(check.findings[0].message, "v1.36.2+k3s1"));
  CHECK(contains(check.findings[1].message, "kine 0.17"));
}

TEST_CASE("A webhook that fails closed and is served from inside the cluster is a warning") {
  using kine::field;
  const std::string service = field(1, "policy-system") + field(2, "webhook");
  const std::string webhook =
      field(1, "deny.example.io") + field(2, field(1, service) + field(2, "CA")) + field(4, "Fail");
  const std::string value = GENERATE_COPY(
      kine::protobuf(kWebhooks, field(2, webhook)),
      json_webhook(R"("service":{"namespace":"policy-system","name":"webhook"},"caBundle":"Q0E=")", "Fail"));
  const VerifyFixture fixture;
  fixture.make(
      [&](kine::Database& database) { database.create("/registry/validatingwebhookconfigurations/policy", value); });
  const core::Finding finding = only_blocker(fixture);
  CHECK(contains(finding.message, "webhook deny.example.io"));
  CHECK(contains(finding.message, "policy-system/webhook"));
  CHECK(finding.key == "/registry/validatingwebhookconfigurations/policy");
}

TEST_CASE("A webhook that fails open, or is reached from outside, is none") {
  const std::string value = GENERATE(json_webhook(R"("service":{"namespace":"a","name":"b"})", "Ignore"),
                                     json_webhook(R"("url":"https://example.org/hook")", "Fail"));
  const VerifyFixture fixture;
  fixture.make(
      [&](kine::Database& database) { database.create("/registry/mutatingwebhookconfigurations/policy", value); });
  CHECK(check_named(fixture.verify(), "blockers").findings.size() == 2);
}

TEST_CASE("An API that another server answers for is named") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/apiregistration.k8s.io/apiservices/v1beta1.metrics.k8s.io",
                    kine::json({"apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", "", "uid-metrics"},
                               R"(,"spec":{"service":{"name":"metrics-server","namespace":"kube-system"}})"));
  });
  const core::Check check = check_named(fixture.verify(), "blockers");
  REQUIRE(check.findings.size() == 3);
  CHECK(contains(check.findings[0].message, "kube-system/metrics-server"));
}

TEST_CASE("Custom resources that are converted from inside the cluster are a warning, where they need conversion") {
  const auto [more, expected] =
      GENERATE(table<std::string, bool>({{R"({"name":"v1","served":true},{"name":"v2","served":true})", true},
                                         {R"({"name":"v1","served":false},{"name":"v2","served":true})", true},
                                         {R"({"name":"v1","served":true})", false}}));
  const VerifyFixture fixture;
  fixture.make([versions = more](kine::Database& database) {
    database.create("/registry/apiextensions.k8s.io/customresourcedefinitions/boxes.example.io",
                    kine::json({"apiextensions.k8s.io/v1", "CustomResourceDefinition", "boxes.example.io", "", "uid-d"},
                               R"(,"spec":{"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"service":)"
                               R"({"namespace":"boxes","name":"converter"}}}},"versions":[)" +
                                   versions + "]}"));
    database.create("/registry/example.io/boxes/default/one",
                    kine::json({"example.io/v1", "Box", "one", "default", "uid-one"}));
  });
  const core::Check check = check_named(fixture.verify(), "blockers");
  const bool said = std::any_of(check.findings.begin(), check.findings.end(), [](const core::Finding& finding) {
    return finding.severity == core::Severity::warning && contains(finding.message, "by boxes/converter");
  });
  CHECK(said == expected);
}

TEST_CASE("What is stored in a version that is not served is a warning") {
  const VerifyFixture fixture;
  SECTION("of Kubernetes") {
    fixture.make([](kine::Database& database) {
      database.create("/registry/poddisruptionbudgets/default/b",
                      kine::protobuf({"policy/v1beta1", "PodDisruptionBudget", "b", "default", "uid-b"}));
    });
    CHECK(contains(only_blocker(fixture).message, "poddisruptionbudgets.policy are stored as policy/v1beta1"));
  }
  SECTION("of a custom resource") {
    using kine::field;
    const std::string version = field(1, "v1") + std::string("\x10\x00", 2);  // served: false
    const std::string served = field(1, "v2") + std::string("\x10\x01", 2);
    fixture.make([&](kine::Database& database) {
      database.update(
          "/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io",
          kine::protobuf({"apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.example.io", "", "uid-crd"},
                         field(2, field(7, version) + field(7, served))));
    });
    CHECK(contains(only_blocker(fixture).message, "1 things.example.io are stored as example.io/v1"));
  }
}

TEST_CASE("A namespace that is being deleted is a warning") {
  const VerifyFixture fixture;
  fixture.make([](kine::Database& database) {
    database.create("/registry/namespaces/stuck", kine::protobuf({"v1", "Namespace", "stuck", "", "uid-stuck"}, {},
                                                                 kine::time_field(9, 1'790'000'000)));
  });
  CHECK(contains(only_blocker(fixture).message, "being deleted"));
}
