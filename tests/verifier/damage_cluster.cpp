#include "tests/verifier/damage_cluster.hpp"

#include "core/sha256.hpp"
#include "tests/verifier/bundle_maker.hpp"

namespace {

constexpr int kNamespaces = 4;
constexpr int kEach = 12;  // objects of a kind in each

void compact(kine::Database& database, const std::string& behind) {
  const std::string target = "(SELECT max(id) - " + behind + " FROM kine)";
  database.exec("BEGIN; CREATE TEMP TABLE target AS SELECT " + target +
                " AS revision;"
                "DELETE FROM kine WHERE id IN (SELECT prev_revision FROM kine WHERE name != 'compact_rev_key' AND "
                "prev_revision != 0 AND id <= (SELECT revision FROM target)) "
                "OR (deleted != 0 AND id <= (SELECT revision FROM target));"
                "UPDATE kine SET prev_revision = (SELECT revision FROM target) WHERE name = 'compact_rev_key';"
                "DROP TABLE target; COMMIT");
}

struct Part {
  std::string kind;
  std::string resource;
  std::string api_version;
};

std::string key_of(const Part& part, const std::string& space, int number) {
  return "/registry/" + part.resource + "/" + space + "/" + part.resource + "-" + std::to_string(number);
}

std::string uid_of(const std::string& what) {
  const std::string hex = core::sha256_hex(what);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-4" + hex.substr(12, 3) + "-8" + hex.substr(15, 3) + "-" +
         hex.substr(18, 12);
}

std::string value_of(const Part& part, const std::string& space, int number, int edit) {
  const std::string name = part.resource + "-" + std::to_string(number);
  // Every third is larger than a page.
  const std::string text(static_cast<std::size_t>(number % 3 == 0 ? 6000 + edit : 200 + edit),
                         static_cast<char>('a' + number));
  const kine::Meta meta{part.api_version, part.kind, name, space, uid_of(space + name)};
  const std::string entry = kine::field(1, "key") + kine::field(2, text);
  // A deployment has no data: there it is an annotation.
  return part.kind == "Deployment" ? kine::protobuf(meta, {}, kine::field(12, entry))
                                   : kine::protobuf(meta, kine::field(2, entry));
}

const Part kParts[] = {
    {"ConfigMap", "configmaps", "v1"}, {"Secret", "secrets", "v1"}, {"Deployment", "deployments", "apps/v1"}};

std::string space_name(int number) { return "team-" + std::to_string(number); }

void fill(kine::Database& database) {
  database.create("/registry/apiregistration.k8s.io/apiservices/v1.example.io",
                  kine::json({"apiregistration.k8s.io/v1", "APIService", "v1.example.io", "", "uid-announced"}));
  for (int at = 0; at < kNamespaces; ++at) {
    const std::string space = space_name(at);
    database.create("/registry/namespaces/" + space,
                    kine::protobuf({"v1", "Namespace", space, "", "uid-namespace-" + space}));
    database.create("/registry/serviceaccounts/" + space + "/default",
                    kine::protobuf({"v1", "ServiceAccount", "default", space, "uid-account-" + space}));
    for (const Part& part : kParts)
      for (int number = 0; number < kEach; ++number)
        database.create(key_of(part, space, number), value_of(part, space, number, 0));
  }
}

void churn(kine::Database& database, int edit) {
  const std::string space = space_name(edit % kNamespaces);
  for (const Part& part : kParts)
    for (int number = 0; number < kEach; ++number)
      database.update(key_of(part, space, number), value_of(part, space, number, edit));
  for (const int number : {1, 2}) database.remove(key_of(kParts[2], space, number));
  database.create(key_of(kParts[2], space, 1), value_of(kParts[2], space, 1, edit));
  database.remove(key_of(kParts[2], space, 3));
  for (const int number : {2, 3})
    database.create(key_of(kParts[2], space, number), value_of(kParts[2], space, number, edit));
  const int passing = kEach + edit;  // made and deleted, and not made again
  database.create(key_of(kParts[0], space, passing), value_of(kParts[0], space, passing, edit));
  database.remove(key_of(kParts[0], space, passing));
}

struct Seal {
  explicit Seal(const std::string& password)
      : ca(make_single_ca()), token("K10" + core::sha256_hex(ca.pem) + "::server:" + password + "\n") {
    key = "/bootstrap/" + core::sha256_hex(password).substr(0, 12);
    value = seal(bundle_json(sound_files(ca, password)), password);
  }
  CaFile ca;
  std::string token;
  std::string key;
  std::string value;
};

}  // namespace

damage::Stage make_damage_stage(const std::filesystem::path& directory, kine::Era era) {
  const Seal ours("the-password-of-this-cluster");
  const Seal theirs("the-password-of-another-one");
  damage::Stage stage{directory / "now.db",
                      directory / "before.db",
                      directory / "other.db",
                      verifier::parse_token(ours.token),
                      {},
                      {},
                      {}};
  {
    kine::Database other(stage.other, era);
    other.create(theirs.key, theirs.value);
    kine::populate(other);
  }
  kine::Database database(stage.database, era);
  database.create(ours.key, ours.value);
  kine::populate(database);
  fill(database);
  for (int edit = 0; edit < 5; ++edit) churn(database, edit);
  compact(database, "60");
  churn(database, 5);
  database.exec("VACUUM INTO '" + stage.previous.string() + "'");
  churn(database, 6);
  churn(database, 7);
  database.remove(key_of(kParts[1], space_name(0), 5));
  database.close();
  damage::prepare(stage);
  return stage;
}
