// Nothing that is secret in a snapshot is in anything that the program says or writes, whatever is wrong with the
// snapshot. What a drill says is in leak_run_test.cpp.
#include <poll.h>
#include <unistd.h>

#include <functional>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/cli/canary.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

using canary::Canary;

const std::string kSecretKey = "/registry/secrets/default/planted";

// Everything secret of one cluster.
struct Planted {
  Canary data{"data of a Secret"};
  Canary string_data{"stringData of a Secret"};
  Canary annotation{"annotation of a Secret"};
  Canary old_data{"data that a Secret had before"};
  Canary json_data{"data of a Secret in JSON"};
  Canary token{"token"};
  Canary other_token{"another token"};
  Canary key{"a CA's key"};
  Canary encryption{"encryption configuration"};
  Canary passwd{"passwd file"};
  Canary garbage{"a damaged value"};

  std::vector<Canary> all() const {
    return {data, string_data, annotation, old_data, json_data, token, other_token, key, encryption, passwd, garbage};
  }
};

std::string entry(const std::string& key, const std::string& value) {
  return kine::field(1, key) + kine::field(2, value);
}

// How a snapshot is made, to be changed by a damage.
struct Recipe {
  Planted planted;
  CaFile ca = make_single_ca();
  std::map<std::string, std::string> files = planted_files();
  std::string token = "K10" + core::sha256_hex(ca.pem) + "::server:" + planted.token.text() + "\n";
  std::string bundle;  // sealed in place of the files
  std::string sealed;  // written in place of the sealed bundle

  // As k3s keeps them; what stands before a PEM block is passed over by whoever reads it.
  std::map<std::string, std::string> planted_files() const {
    std::map<std::string, std::string> sound = sound_files(ca, planted.token.text());
    for (const char* name : {"ServerCAKey", "ClientCAKey", "ServiceKey"})
      sound[name] = planted.key.text() + "\n" + sound.at(name);
    std::string key = planted.encryption.text();
    key.resize(32, 'x');
    sound["EncryptionConfig"] =
        R"({"kind":"EncryptionConfiguration","resources":[{"providers":[{"aescbc":{"keys":[{"name":"k","secret":")" +
        base64(key) + R"("}]}}]}],"note":")" + base64(planted.encryption.text()) + "\"}";
    return sound;
  }

  std::string secret(const Canary& canary) const {
    return kine::protobuf({"v1", "Secret", "planted", "default", "uid-planted"},
                          kine::field(2, entry("encoded", base64(canary.text()))) +
                              kine::field(2, entry("plain", canary.text())) + kine::field(3, "Opaque") +
                              kine::field(4, entry("string", planted.string_data.text())),
                          kine::field(12, entry("note", planted.annotation.text() + base64(canary.text()))));
  }

  void write(const std::filesystem::path& path, const std::function<void(kine::Database&)>& change) const {
    kine::Database database(path);
    kine::populate(database);
    database.create(kSecretKey, secret(planted.old_data));
    database.update(kSecretKey, secret(planted.data));
    database.create("/registry/secrets/default/json",
                    kine::json({"v1", "Secret", "json", "default", "uid-json"},
                               R"(,"data":{"a":")" + base64(planted.json_data.text()) + "\"}"));
    const std::string plain = bundle.empty() ? bundle_json(files) : bundle;
    database.create("/bootstrap/" + core::sha256_hex(planted.token.text()).substr(0, 12),
                    sealed.empty() ? seal(plain, planted.token.text()) : sealed);
    if (change) change(database);
  }
};

struct Damage {
  const char* name;
  bool sound = false;
  std::function<void(Recipe&)> recipe = {};
  std::function<void(kine::Database&)> rows = {};
  std::function<void(std::string&)> bytes = {};
};

std::vector<Damage> damages_of_rows(const Planted& planted) {
  const std::string garbage = planted.garbage.text();
  const Recipe recipe;
  const std::string secret = recipe.secret(planted.garbage);
  const auto becomes = [](std::string value) {
    return [value](kine::Database& database) { database.update(kSecretKey, value); };
  };
  const auto sql = [](std::string statement) {
    return [statement](kine::Database& database) { database.exec(statement); };
  };
  return {
      {"nothing", true},
      {"a Secret cut short", false, {}, becomes(secret.substr(0, secret.size() - 10))},
      {"a Secret that is text", false, {}, becomes(garbage)},
      {"a Secret that is broken JSON", false, {}, becomes("{\"data\":{\"a\":\"" + garbage + "\",\"b\":" + garbage)},
      {"a Secret that is broken CBOR", false, {}, becomes("\xd9\xd9\xf7\xa1\x78\x24" + garbage)},
      {"a Secret of a kind that is no text",
       false,
       {},
       becomes(kine::protobuf({"v1\x01" + garbage, "Secret\n" + garbage, "planted", "default", "uid\x7f" + garbage}))},
      {"a Secret without an uid",
       false,
       {},
       becomes(kine::protobuf({"v1", "Secret", "planted", "default", ""}, kine::field(2, entry("a", garbage))))},
      {"a Secret of another name",
       false,
       {},
       becomes(kine::protobuf({"v1", "Secret", "other", "default", "uid"}, kine::field(2, entry("a", garbage))))},
      {"a row without a name", false, {}, sql("UPDATE kine SET name = NULL WHERE name = '" + kSecretKey + "'")},
      {"a row that is not alive or dead",
       false,
       {},
       sql("UPDATE kine SET deleted = NULL WHERE name = '" + kSecretKey + "'")},
      {"an index of another table",
       false,
       {},
       sql("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE "
           "name "
           "= 'kine_name_index') WHERE name = 'kine_prev_revision_index'")},
      {"pages of noise", false, {}, {}, [](std::string& bytes) { bytes.replace(8192, 200, std::string(200, '\xa5')); }},
      {"flipped bits",
       false,
       {},
       {},
       [](std::string& bytes) {
         for (std::size_t at = 5000; at < bytes.size(); at += 997) bytes[at] = static_cast<char>(bytes[at] ^ 4);
       }},
      {"half of the file", false, {}, {}, [](std::string& bytes) { bytes.resize(bytes.size() / 2); }},
  };
}

std::vector<Damage> damages_of_bootstrap(const Planted& planted) {
  const std::string garbage = planted.garbage.text();
  const auto file = [](std::string name, std::string content) {
    return [=](Recipe& recipe) { recipe.files[name] = content; };
  };
  const auto token = [](std::string text) { return [text](Recipe& recipe) { recipe.token = text; }; };
  const std::string other = planted.other_token.text();
  return {
      {"another token", false, token(other)},
      {"a token of a hash that is too short", false, token("K10" + other + "::server:" + other)},
      {"a token without a password", false, token("K10" + other)},
      {"a token of another CA", false, token("K10" + std::string(64, '7') + "::server:" + planted.token.text())},
      {"a CA that is none", false, file("ServerCA", "-----BEGIN CERTIFICATE-----\n" + garbage)},
      {"no CA", false, [](Recipe& recipe) { recipe.files.erase("ServerCA"); }},
      {"another secret in the passwd file", false, file("PasswdFile", passwd_file(planted.passwd.text()))},
      {"a passwd file that is none", false, file("PasswdFile", planted.passwd.text() + "\n" + planted.passwd.text())},
      {"a bundle that is broken JSON", false, [=](Recipe& recipe) { recipe.bundle = "{\"ServerCA\":" + garbage; }},
      {"a bundle that is no base64", false,
       [=](Recipe& recipe) { recipe.bundle = "{\"ServerCA\":\"!" + garbage + "\"}"; }},
      {"a row that is not sealed", false, [=](Recipe& recipe) { recipe.sealed = garbage; }},
      {"a row that does not open", false, [=](Recipe& recipe) { recipe.sealed = "salt:" + base64(garbage + garbage); }},
      {"two rows",
       true,
       {},
       [=](kine::Database& database) { database.create("/bootstrap/0123456789ab", seal(garbage, garbage)); }},
  };
}

// What all commands said, by command.
class Heard {
 public:
  void hear(const std::string& what, const std::string& said) { said_ += "$ " + what + "\n" + said + "\n"; }
  const std::string& all() const { return said_; }

 private:
  std::string said_;
};

struct Leaky : bench::Desk {
  Planted planted;
  std::vector<Canary> canaries = planted.all();
  core::ScratchDir tmpdir;
  std::filesystem::path files = scratch.path() / "files";
  Heard heard;

  Leaky() {
    std::filesystem::create_directory(files);
    write_config("keep_last: 3\n", "  edge:\n    host: 127.0.0.1\n    port: 1\n    ssh_config: /dev/null\n");
  }

  int drill(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = command(arguments);
    argv.insert(argv.begin(), {"env", "TMPDIR=" + tmpdir.path().string()});
    const core::CommandResult result = core::run_command({argv, std::chrono::minutes(2)});
    std::string line = "drill";
    for (const std::string& argument : arguments) line += " " + argument;
    heard.hear(line, result.out + result.err);
    INFO(line << "\n" << result.out << result.err);
    CHECK(canary::found_in(result.out, canaries) == std::vector<std::string>{});
    CHECK(canary::found_in(result.err, canaries) == std::vector<std::string>{});
    return result.exit_code;
  }

  // The exit code of its verification.
  int go_through(const Damage& damage, const std::string& name) {
    Recipe recipe;
    if (damage.recipe) damage.recipe(recipe);
    const std::filesystem::path database = files / ("state.db." + name);
    const std::filesystem::path token = files / (name + ".token");
    recipe.write(database, damage.rows);
    if (damage.bytes) {
      std::string bytes = core::read_file(database);
      damage.bytes(bytes);
      std::filesystem::remove(database);
      core::write_new_file(database, bytes);
    }
    core::write_new_file(token, recipe.token);
    drill({"import", "--cluster", "edge", "--ignore-mtime", "--token-file", token.string(), database.string()});
    for (const char* format : {"-v", "--json"}) {
      drill({format, "verify", "edge/" + name});
      drill({format, "show", "edge/" + name});
    }
    drill({"run", "edge", "--snapshot", name, "--engine", "k3s", "--json"});
    return drill({"-v", "verify", "--file", database.string(), "--token-file", token.string()});
  }
};

}  // namespace

TEST_CASE("a canary is found in every form, in what is said and in what is written") {
  const Canary canary("here");
  const std::vector<Canary> canaries{canary, Canary("there")};
  const std::string& text = canary.text();
  CHECK(canary::found_in("nothing", canaries).empty());
  for (const std::string& leak :
       {"a" + text + "b", "the first eight: " + text.substr(0, 8), "somewhere: " + text.substr(7, 23), base64(text),
        base64("x" + text), base64("xy" + text), base64("xyz" + text + "more"), base64(text.substr(0, 20))}) {
    INFO(leak);
    CHECK(canary::found_in(leak, canaries).size() == 1);
    CHECK_THAT(canary::found_in(leak, canaries).at(0), Catch::StartsWith("here as "));
  }
  for (const auto& [name, form] : canary.forms()) {
    INFO(name);
    CHECK(canary::found_in("x" + form + "y", canaries) == std::vector<std::string>{"here as " + name});
  }
  const core::ScratchDir scratch;
  std::filesystem::create_directory(scratch.path() / "deep");
  core::write_new_file(scratch.path() / "deep/token", text);
  core::write_new_file(scratch.path() / "deep/state.db.zst", text);
  CHECK(canary::found_below(scratch.path(), canaries).empty());
  core::write_new_file(scratch.path() / "deep/verify.json", "{\"message\": \"" + text + "\"}");
  CHECK(canary::found_below(scratch.path(), canaries).size() == 1);
}

TEST_CASE_METHOD(Leaky, "nothing secret is said or written, whatever is wrong with a snapshot") {
  std::vector<Damage> damages = damages_of_rows(planted);
  for (Damage& damage : damages_of_bootstrap(planted)) damages.push_back(std::move(damage));
  int minute = 10;
  for (const Damage& damage : damages) {
    INFO(damage.name);
    const int code = go_through(damage, "20260921T14" + std::to_string(minute++) + "00Z");
    CHECK(code == (damage.sound ? 0 : 1));
  }
  // That the planted rows are what was spoken of:
  for (const char* words : {"planted", "passwd file", "/bootstrap/", "is protobuf that ends", "is no base64"})
    CHECK_THAT(heard.all(), Catch::Contains(words));
  drill({"list"});
  drill({"--json", "list"});
  drill({"doctor"});
  drill({"--json", "doctor"});
  drill({"pull"});
  drill({"extract", "edge/20260921T141000Z", "--out", (files / "state.db.out").string()});
  drill({"prune", "--dry-run"});
  CHECK(canary::found_below(store, canaries) == std::vector<std::string>{});
  CHECK(std::filesystem::exists(store / "edge/20260921T141100Z/verify.json"));
  drill({"--json", "prune"});
  CHECK(canary::found_below(store, canaries) == std::vector<std::string>{});
  CHECK(canary::found_below(tmpdir.path(), canaries) == std::vector<std::string>{});
}

TEST_CASE_METHOD(Leaky, "nothing secret is said by a command that is killed, or kept from its files") {
  REQUIRE(go_through({"nothing", true}, "20260921T141000Z") == 0);
  const std::string database = (files / "state.db.20260921T141000Z").string();
  const std::string token = (files / "20260921T141000Z.token").string();
  CHECK(drill({"verify", "--file", database, "--token-file", files.string()}) != 0);
  CHECK(drill({"verify", "--file", database, "--token-file", (files / "absent").string()}) != 0);
  CHECK(drill({"verify", "--file", token, "--token-file", database}) != 0);
  CHECK(drill({"import", "--cluster", "edge", "--token-file", token, token}) != 0);
  CHECK(drill({"verify", "--file", database, "--token-file", token, planted.garbage.place()}) == 2);
  for (int round = 0; round < 10; ++round) {
    core::Child child({"env", "TMPDIR=" + tmpdir.path().string(), bench::drill_program(), "-v", "verify", "--file",
                       database, "--token-file", token});
    core::wait_for(child.output_fd(), POLLIN, std::chrono::milliseconds(round));
    child.kill();
    std::string said;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::read(child.output_fd(), buffer, sizeof buffer)) > 0;)
      said.append(buffer, static_cast<std::size_t>(got));
    CHECK(canary::found_in(said, canaries) == std::vector<std::string>{});
  }
  CHECK(canary::found_below(tmpdir.path(), canaries) == std::vector<std::string>{});
}
