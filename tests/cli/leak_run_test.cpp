// Nothing that is secret in a snapshot is in what a drill says and writes: phases, logs of the control plane, reports.
#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"
#include "tests/cli/canary.hpp"
#include "tests/verifier/bundle_maker.hpp"
#include "tests/verifier/kine_database.hpp"

namespace {

using canary::Canary;

// The bytes of a SQL literal.
std::string blob(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "X'";
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4U];
    text += digits[static_cast<unsigned char>(c) & 15U];
  }
  return text + "'";
}

// Makes a Secret out of nothing in the seed's database, of `namespace_name`, with `canary` in each of its corners.
void plant(const std::filesystem::path& database, const std::string& namespace_name, const Canary& canary) {
  const std::string entry = kine::field(1, "password") + kine::field(2, canary.text());
  const std::string encoded = kine::field(1, "encoded") + kine::field(2, base64(canary.text()));
  const kine::Meta meta{"v1", "Secret", "planted", namespace_name, "3f1f8a52-4c6e-4f0a-9d0b-0d7f6c1b2a39"};
  const std::string value = kine::protobuf(
      meta, kine::field(2, encoded) + kine::field(2, entry) + kine::field(3, "Opaque"), kine::field(12, entry));
  const core::CommandResult planted = core::run_command(
      {{"sqlite3", database.string(),
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES "
        "('/registry/secrets/" +
            namespace_name + "/planted', 1, 0, 0, 0, 0, " + blob(value) + ")"}});
  INFO(planted.err);
  REQUIRE(planted.exit_code == 0);
}

}  // namespace

TEST_CASE("nothing secret is said or written by a drill, one that passes and ones that do not") {
  const Canary secret("a Secret of the cluster");
  const Canary wrong("a token that is not the cluster's");
  const bench::Files files;
  plant(files.database, "default", secret);
  const bench::Desk desk;
  desk.write_config("stale_after: 1000d\nengines:\n  standin:\n    path: " + bench::standin_program() + "\n",
                    "  edge:\n    host: 127.0.0.1\n    port: 1\n    ssh_config: /dev/null\n");
  const core::ScratchDir tmpdir;
  const std::string token = core::read_file(files.token);
  const std::string password = token.substr(token.rfind(':') + 1, token.find_last_not_of('\n') - token.rfind(':'));
  REQUIRE(password.size() >= 16);

  const auto drill = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = desk.command(arguments);
    argv.insert(argv.begin(), {"env", "TMPDIR=" + tmpdir.path().string()});
    const core::CommandResult result = core::run_command({argv, std::chrono::minutes(2)});
    INFO(result.out << result.err);
    CHECK(canary::found_in(result.out + result.err, {secret, wrong}) == std::vector<std::string>{});
    CHECK((result.out + result.err).find(password) == std::string::npos);
    return result.exit_code;
  };
  const std::filesystem::path report = desk.scratch.path() / "report.json";
  CHECK(drill({"-v", "run", "--engine", "standin", "--file", files.database.string(), "--token-file",
               files.token.string(), "--report", report.string()}) == 0);
  CHECK(bench::parse({0, core::read_file(report), ""}).at("objects").at("matched") > 10'000);

  // The same as a snapshot of the store, whose evidence stays.
  const std::filesystem::path named = desk.scratch.path() / "state.db.20261101T001000Z";
  std::filesystem::copy_file(files.database, named);
  CHECK(drill({"import", "--cluster", "edge", "--ignore-mtime", "--token-file", files.token.string(),
               named.string()}) == 0);
  CHECK(drill({"-v", "--json", "run", "edge", "--engine", "standin"}) == 0);
  CHECK(std::filesystem::exists(desk.store / "edge/20261101T001000Z/run.json"));

  // The stand-in itself refuses a database whose Secret it cannot read, and a token that is not its own.
  std::filesystem::remove(files.token);
  core::write_new_file(files.token, wrong.text());
  CHECK(drill({"-v", "run", "--engine", "standin", "--file", files.database.string(), "--token-file",
               files.token.string(), "--json"}) == 1);
  for (const std::filesystem::path& place : {desk.scratch.path(), tmpdir.path()})
    CHECK(canary::found_below(place, {secret, wrong}) == std::vector<std::string>{});
}
