// Which snapshots `drill restore` takes, and in what words it refuses the others. No node is there to be reached: the
// first step comes before that.
#include <fstream>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "core/sha256.hpp"
#include "store/store.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/cli/shop.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

using nlohmann::json;

const std::string kPassword = "correct-horse-battery";

// A store whose series `edge` is filled by import, each snapshot a database made here.
struct Shelf : bench::Desk {
  std::map<std::string, std::string> bundle = sound_files(make_single_ca(), kPassword);
  std::string sealed = seal(bundle_json(bundle), kPassword);

  Shelf() {
    write_config("", "  edge:\n    host: 127.0.0.1\n    port: 1\n    user: nobody\n    ssh_config: /dev/null\n");
    std::ofstream(scratch.path() / "token") << kPassword;
  }

  // As of `age` ago; its name.
  std::string add(std::chrono::minutes age, const std::function<void(kine::Database&)>& fill) const {
    const std::string timestamp = core::format_compact(core::utc_now() - age);
    const std::filesystem::path path = scratch.path() / ("state.db." + timestamp);
    kine::Database database(path);
    kine::populate(database);
    database.create("/bootstrap/" + core::sha256_hex(kPassword).substr(0, 12), sealed);
    fill(database);
    database.close();
    const core::CommandResult imported = drill({"import", "--cluster", "edge", "--ignore-mtime", "--token-file",
                                                (scratch.path() / "token").string(), path.string()});
    INFO(imported.out << imported.err);
    REQUIRE(imported.exit_code == 0);
    return "edge/" + timestamp;
  }

  // The first step of a restore that ends at the node, which is not there.
  json first_step(const std::string& snapshot, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"restore", snapshot, "--to", "edge", "--dry-run", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const core::CommandResult result = drill(arguments);
    INFO(result.out << result.err);
    return bench::parse(result).at("steps").at(0);
  }
};

void nothing(kine::Database&) {}

// One more file of the bundle, as a pull that finds it on the node would store it; its path.
std::filesystem::path add_config(const std::filesystem::path& snapshot) {
  const std::string content = "cluster-cidr: 10.42.0.0/16\n";
  core::write_new_file(snapshot / store::kConfigFile, content);
  json manifest = json::parse(core::read_file(snapshot / "manifest.json"));
  manifest.at("bundle").push_back(
      {{"path", store::kConfigFile}, {"size_bytes", content.size()}, {"sha256", core::sha256_hex(content)}});
  std::ofstream(snapshot / "manifest.json") << manifest.dump(2);
  return snapshot / store::kConfigFile;
}

void make_objects(kine::Database& database, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string name = "c" + std::to_string(i);
    database.create("/registry/configmaps/default/" + name,
                    kine::protobuf({"v1", "ConfigMap", name, "default", "uid-" + name}));
  }
}

void tear(kine::Database& database) { database.create("/registry/configmaps/default/torn", "k8s\xff\xff"); }

}  // namespace

TEST_CASE_METHOD(Shelf, "what was written long before its capture, and is less than before, is restored and said") {
  add(std::chrono::minutes(120), [](kine::Database& database) { make_objects(database, 60); });
  const std::string snapshot = add(std::chrono::minutes(60), nothing);
  const json verified = bench::parse(drill({"verify", snapshot, "--json"}));
  for (const json& check : verified.at("checks"))
    if (check.at("name") == "freshness" || check.at("name") == "lineage" || check.at("name") == "census")
      CHECK(check.at("verdict") == "fail");
  const json step = first_step(snapshot);
  INFO(step.dump(2));
  CHECK(step.at("verdict") == "pass");
  for (const char* check : {"freshness", "lineage", "census"})
    CHECK_THAT(step.dump(), Catch::Contains("check " + std::string(check) + ": "));
  CHECK_THAT(step.dump(), !Catch::Contains("\"error\""));
}

TEST_CASE_METHOD(Shelf, "a torn snapshot is refused with the good ones and the command that goes on, and is forced") {
  const std::string torn = add(std::chrono::minutes(60), tear);
  json step = first_step(torn);
  INFO(step.dump(2));
  CHECK(step.at("verdict") == "fail");
  CHECK_THAT(step.dump(), Catch::Contains("check decode: ") && Catch::Contains("the only copy") &&
                              Catch::Contains("no other snapshot of the cluster is known to be good") &&
                              Catch::Contains("drill restore " + torn + " --to edge --force"));
  step = first_step(torn, {"--force"});
  CHECK(step.at("verdict") == "pass");
  CHECK_THAT(step.dump(), Catch::Contains("check decode: ") && !Catch::Contains("\"error\""));
  CHECK(first_step(torn, {"--yes", "--force=edge"}).at("verdict") == "pass");
}

TEST_CASE_METHOD(Shelf,
                 "a token that does not open its snapshot is no end with --force, and says what cannot be read") {
  std::ofstream(scratch.path() / "token") << "another";
  const std::string snapshot = add(std::chrono::minutes(60), nothing);
  CHECK(first_step(snapshot).at("verdict") == "fail");
  const json step = first_step(snapshot, {"--force"});
  INFO(step.dump(2));
  CHECK(step.at("verdict") == "pass");
  CHECK_THAT(step.dump(), Catch::Contains("does not open its bootstrap row") && Catch::Contains("cannot be read"));
}

TEST_CASE_METHOD(Shelf, "what is lost in the store is refused whatever is forced, with what else there is") {
  const std::string good = add(std::chrono::minutes(90), nothing);
  const std::string lost = add(std::chrono::minutes(60), nothing);
  bench::spoil(store / lost);
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--force"}}) {
    const json step = first_step(lost, more);
    INFO(step.dump(2));
    CHECK(step.at("verdict") == "fail");
    CHECK_THAT(step.dump(), Catch::Contains("cannot be brought back") && Catch::Contains("drill list"));
  }
}

TEST_CASE_METHOD(Shelf, "a lost config.yaml is said and keeps no snapshot from being restored, a lost token does") {
  const std::string snapshot = add(std::chrono::minutes(60), nothing);
  const std::filesystem::path config_file = add_config(store / snapshot);
  CHECK_THAT(first_step(snapshot).dump(), !Catch::Contains("config.yaml"));
  for (const char* damage : {"resized", "missing"}) {
    if (damage == std::string("resized"))
      std::filesystem::resize_file(config_file, 3);
    else
      std::filesystem::remove(config_file);
    const json step = first_step(snapshot);
    INFO(step.dump(2));
    CHECK(step.at("verdict") == "pass");
    CHECK_THAT(step.dump(), Catch::Contains("\"warning\"") && Catch::Contains("config.yaml") &&
                                Catch::Contains("a restore needs only the database and the token"));
  }
  const std::filesystem::path token = store / snapshot / store::kTokenFile;
  for (const char* damage : {"resized", "missing"}) {
    if (damage == std::string("resized"))
      std::filesystem::resize_file(token, 3);
    else
      std::filesystem::remove(token);
    const json step = first_step(snapshot, {"--force"});
    INFO(step.dump(2));
    CHECK(step.at("verdict") == "fail");
    CHECK_THAT(step.dump(), Catch::Contains("cannot be brought back") && Catch::Contains("token ") &&
                                Catch::Contains("restore-by-hand.md"));
  }
}

TEST_CASE_METHOD(Shelf, "a manifest that cannot be read is answered with where its files are and the way by hand") {
  const std::string snapshot = add(std::chrono::minutes(60), nothing);
  std::ofstream(store / snapshot / "manifest.json") << "{";
  const core::CommandResult result = drill({"restore", snapshot, "--to", "edge", "--dry-run"});
  INFO(result.out << result.err);
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains((store / snapshot).string()) && Catch::Contains("docs/restore-by-hand.md"));
}
