// What a restore reads of a snapshot: whose cluster it is, and what it does not bring back.
#include "verifier/restore_needs.hpp"

#include "core/error.hpp"
#include "core/scratch_dir.hpp"
#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

const std::string kPassword = "correct-horse-battery";

struct Snapshot {
  core::ScratchDir scratch;
  std::filesystem::path path = scratch.path() / "state.db";
  CaFile ca = make_single_ca();
  std::map<std::string, std::string> files = sound_files(ca, kPassword);

  void make(const std::function<void(kine::Database&)>& fill) const {
    kine::Database database(path);
    kine::populate(database);
    database.create("/bootstrap/" + core::sha256_hex(kPassword).substr(0, 12), seal(bundle_json(files), kPassword));
    fill(database);
    database.close();
  }
};

std::string reference(const std::string& space, const std::string& name) {
  return kine::field(4, kine::field(2, space) + kine::field(3, name));
}

std::string volume(const std::string& name, const std::string& source, const std::string& claim) {
  return kine::protobuf({"v1", "PersistentVolume", name, "", "uid-" + name},
                        kine::field(2, kine::field(2, source) + claim));
}

}  // namespace

TEST_CASE(
    "a restore is told the cluster's CA, its nodes, its volumes with their places, and how many images pods name") {
  const Snapshot snapshot;
  snapshot.make([](kine::Database& database) {
    const std::string prefix = "/registry/persistentvolumes/";
    database.create(prefix + "a", volume("a", kine::field(20, kine::field(1, "/data/a")), reference("shop", "db")));
    database.create(prefix + "b", volume("b", kine::field(5, kine::field(1, "nas") + kine::field(2, "/export")), ""));
    database.create(prefix + "c",
                    volume("c", kine::field(22, kine::field(1, "csi.example") + kine::field(2, "h")), ""));
    database.create(prefix + "d", volume("d", kine::field(1, kine::field(1, "disk")), ""));
    database.create(prefix + "e", kine::json({"v1", "PersistentVolume", "e", "", "uid-e"},
                                             R"(,"spec":{"hostPath":{"path":"/srv/e"},"claimRef":{"name":"web",)"
                                             R"("namespace":"team"}})"));
    database.create(prefix + "gone", volume("gone", "", ""));
    database.remove(prefix + "gone");
    for (const auto& [pod, image] : {std::pair("x", "nginx:1"), std::pair("y", "nginx:1"), std::pair("z", "redis:7")})
      database.create("/registry/pods/shop/" + std::string(pod),
                      kine::protobuf({"v1", "Pod", pod, "shop", std::string("uid-") + pod},
                                     kine::field(2, kine::field(2, kine::field(1, "c") + kine::field(2, image)))));
  });
  const verifier::RestoreNeeds needs = verifier::read_restore_needs(snapshot.path, verifier::parse_token(kPassword));
  CHECK(needs.token_sha256 == core::sha256_hex(kPassword));
  CHECK(needs.ca_hashes == std::vector<std::string>{core::sha256_hex(snapshot.ca.pem)});
  CHECK_FALSE(needs.secrets_encryption);
  CHECK(needs.nodes.size() == 1);
  std::string volumes;
  for (const verifier::Volume& one : needs.volumes)
    volumes += one.name + "|" + one.kind + "|" + one.where + "|" + one.claim + "\n";
  CHECK(volumes ==
        "a|local|/data/a|shop/db\nb|nfs|nas:/export|\nc|csi|csi.example|\nd|||\ne|hostPath|/srv/e|team/web\n");
  CHECK(needs.images == 2);
}

TEST_CASE("a token that names another CA, and one that does not open the row, are told apart") {
  const Snapshot snapshot;
  snapshot.make([](kine::Database&) {});
  const std::string other(64, '7');
  const verifier::RestoreNeeds needs = verifier::read_restore_needs(
      snapshot.path, verifier::parse_token("K10" + other + "::server:" + kPassword + "\n"));
  CHECK(needs.ca_hashes == std::vector<std::string>{core::sha256_hex(snapshot.ca.pem), other});
  for (const char* token : {"another", "", "K10"})
    CHECK_THROWS_AS(verifier::read_restore_needs(snapshot.path, verifier::parse_token(token)), core::Error);
}
