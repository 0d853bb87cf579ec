// Comparing two inventories: what counts as created, changed, recreated and deleted, and what a filter lets through.
#include "verifier/changes/difference.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/verify_fixture.hpp"

namespace {

// Two copies of the same sound cluster, one of which may have lived on.
struct Two {
  VerifyFixture before;
  VerifyFixture after;

  verifier::Difference compare(const std::function<void(kine::Database&)>& change,
                               const verifier::DifferenceFilter& filter = {}) {
    before.make();
    after.make(change);
    a = verifier::read_inventory(before.path());
    b = verifier::read_inventory(after.path());
    return verifier::compare(a, b, filter);
  }

  verifier::Inventory a;
  verifier::Inventory b;
};

std::string said(const verifier::Difference& difference) {
  std::string text;
  for (const verifier::Change& change : difference.changes)
    text += std::string(verifier::to_string(change.kind)) + " " +
            verifier::object_path(change.object().resource, change.object().namespace_name, change.object().name) +
            "\n";
  return text;
}

std::string secret(const char* name, const char* uid) { return kine::protobuf({"v1", "Secret", name, "default", uid}); }

// One of each kind, and a namespace that goes with all that is in it.
void live_on(kine::Database& database) {
  database.create("/registry/secrets/default/new", secret("new", "uid-new"));
  database.update("/registry/deployments/default/web",
                  kine::protobuf({"apps/v1", "Deployment", "web", "default", "uid-web"}));
  database.remove("/registry/secrets/default/password");
  database.create("/registry/secrets/default/password", secret("password", "uid-second"));
  database.remove("/registry/example.io/things/default/one");
  database.remove("/registry/namespaces/default");
}

}  // namespace

TEST_CASE_METHOD(Two, "a snapshot does not differ from itself") {
  const verifier::Difference difference = compare({});
  CHECK(said(difference).empty());
  CHECK_FALSE(difference.other_cluster);
  CHECK(a.objects.size() == 12);
}

TEST_CASE_METHOD(Two, "created, changed, recreated and deleted objects are told apart, and a namespace gone is named") {
  const verifier::Difference difference = compare(live_on);
  CHECK(said(difference) ==
        "changed deployments.apps/default/web\n"
        "deleted things.example.io/default/one\n"
        "deleted namespaces/default\n"
        "created secrets/default/new\n"
        "recreated secrets/default/password\n");
  CHECK(difference.namespaces_gone == std::vector<std::string_view>{"default"});
  CHECK(difference.namespaces_new.empty());
  CHECK(difference.changes.back().before->uid == "uid-secret");
  CHECK(difference.changes.back().after->uid == "uid-second");
}

TEST_CASE_METHOD(Two, "a filter by namespace keeps the Namespace itself, one by resource needs no group") {
  CHECK(compare(live_on, {{"default"}, {}}).changes.size() == 5);
  const verifier::Inventory& old = a;
  CHECK(said(verifier::compare(old, b, {{}, {"deployments"}})) == "changed deployments.apps/default/web\n");
  CHECK(said(verifier::compare(old, b, {{}, {"deployments.apps"}})) == "changed deployments.apps/default/web\n");
  CHECK(said(verifier::compare(old, b, {{}, {"deployments.extensions"}})).empty());
  CHECK(said(verifier::compare(old, b, {{}, {"deploy"}})).empty());  // short names are full_resource()'s
  CHECK(said(verifier::compare(old, b, {{"kube-system"}, {}})).empty());
}

TEST_CASE_METHOD(Two, "what was written between the two shows backwards when they are swapped") {
  compare(live_on);
  const verifier::Difference back = verifier::compare(b, a);
  CHECK(back.namespaces_new == std::vector<std::string_view>{"default"});
  CHECK(back.changes.size() == 5);
}

TEST_CASE_METHOD(Two, "a kube-system with another uid means another cluster") {
  const verifier::Difference difference = compare([](kine::Database& database) {
    database.remove("/registry/namespaces/kube-system");
    database.create("/registry/namespaces/kube-system",
                    kine::protobuf({"v1", "Namespace", "kube-system", "", "uid-other"}));
  });
  CHECK(difference.other_cluster);
}

TEST_CASE_METHOD(Two, "a value that does not decode is known by key and revision, and counted") {
  const verifier::Difference difference = compare([](kine::Database& database) {
    database.update("/registry/secrets/default/password", "rubbish");
    database.update("/registry/deployments/default/web", std::string("k8s:enc:aescbc:v1:key:sealed"));
  });
  CHECK(said(difference) == "changed deployments/default/web\nchanged secrets/default/password\n");
  CHECK(b.undecodable == 1);
}

TEST_CASE("an inventory is read from every era of kine's columns, and from no index") {
  for (const kine::Era era : {kine::Era::a, kine::Era::b, kine::Era::c}) {
    const VerifyFixture fixture;
    fixture.make({}, era);
    fixture.exec(
        "DROP INDEX kine_name_index; DROP INDEX kine_name_id_index; DROP INDEX kine_name_prev_revision_uindex");
    const verifier::Inventory inventory = verifier::read_inventory(fixture.path());
    CHECK(inventory.objects.size() == 12);
    CHECK(std::is_sorted(inventory.keys.begin(), inventory.keys.end()));
    CHECK(inventory.revision == fixture.verify().revision);
  }
}

TEST_CASE("an inventory has the objects that verify counts") {
  const VerifyFixture fixture;
  fixture.make();
  const verifier::Verification verified = fixture.verify();
  const verifier::Inventory inventory = verifier::read_inventory(fixture.path());
  REQUIRE(inventory.objects.size() == verified.objects.size());
  for (std::size_t i = 0; i < inventory.objects.size(); ++i) {
    CHECK(inventory.objects[i].resource == verified.objects[i].resource);
    CHECK(inventory.objects[i].name == verified.objects[i].name);
    CHECK(inventory.objects[i].uid == verified.objects[i].uid);
    CHECK(inventory.objects[i].revision == verified.objects[i].revision);
  }
}

TEST_CASE("what is no database of kine's is damaged") {
  const VerifyFixture fixture;
  const auto kind = [&] {
    try {
      verifier::read_inventory(fixture.path());
    } catch (const core::Error& error) {
      return error.kind();
    }
    return core::ErrorKind::usage;
  };
  fixture.replace("no database, though long enough to be taken for one by a hasty reader");
  CHECK(kind() == core::ErrorKind::damaged);
  fixture.replace("");
  CHECK(kind() == core::ErrorKind::damaged);
  std::filesystem::remove(fixture.path());
  fixture.exec("CREATE TABLE other(id INTEGER)");
  CHECK(kind() == core::ErrorKind::damaged);
}
