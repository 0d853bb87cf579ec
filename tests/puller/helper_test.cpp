// Pulls by drill-node over a real sshd: how it gets there, what it sends, who may run it, what happens when it cannot.
#include <algorithm>

#include "core/file.hpp"
#include "core/sha256.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using puller::Method;

const std::string kProgram = "/var/lib/k3s-drill/drill-node";
const std::string kDatabase = "/var/lib/rancher/k3s/server/db/state.db";

puller::PullReport pull(const lab::Node& node, lab::Shelf& shelf) {
  return puller::pull(node.target(Method::helper), shelf.store);
}

std::string stored_hash(const puller::PullReport& report) {
  return report.snapshot.manifest.find(store::kDatabaseFile)->sha256;
}

// What state.db is with all of its WAL in it.
std::string hash_on_node(const lab::Node& node) {
  return node.run("sqlite3 " + kDatabase + " 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null; sha256sum <" + kDatabase +
                  " | cut -d ' ' -f 1");
}

void run_sql(const lab::Node& node, const std::string& sql) { node.run("sqlite3 " + kDatabase + " \"" + sql + "\""); }

// Puts a script in the place of drill-node that says it is the real one, and then `script`.
void replace_helper(const lab::Node& node, const std::string& script) {
  const std::string hash = node.run("sha256sum " + kProgram + " | cut -d ' ' -f 1");
  node.run("cat >" + kProgram + " <<'THE_END'\n#!/bin/sh\nprintf 'k3s-drill 1\\nfact helper_sha256 " + hash +
           "\\nfact arch x\\nfact clock_nanoseconds 1\\nfact database_size_bytes 1\\nfact wal_size_bytes 1\\n"
           "fact free_bytes 1\\ncopying\\n'\n" +
           script + "\nTHE_END");
}

}  // namespace

TEST_CASE("drill-node is sent once, where only root can read it, and again when it is another one") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  const puller::PullReport first = pull(node, shelf);
  CHECK(node.run("stat -c '%a %U' /var/lib/k3s-drill " + kProgram) == "700 root\n700 root");
  CHECK(first.bytes_sent > 1U << 20U);
  const std::string inode = node.run("stat -c %i " + kProgram);
  const puller::PullReport second = pull(node, shelf);
  CHECK(node.run("stat -c %i " + kProgram) == inode);
  CHECK(second.bytes_sent < 64U << 10U);
  CHECK(second.node.fallback.empty());
  node.run("printf x >>" + kProgram);
  pull(node, shelf);
  CHECK(node.run("stat -c %i " + kProgram) != inode);
  CHECK(node.run("ls -A /var/lib/k3s-drill") == "drill-node");
}

TEST_CASE("drill-node is on its disk before it has its name") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  // What is flushed is written down, with what is there by then.
  node.run(
      "printf '#!/bin/sh\\necho \"$* $(ls -A /var/lib/k3s-drill)\" >>/tmp/flushed\\n[ ! -e /tmp/full ]\\n' "
      ">/usr/local/sbin/sync; chmod 755 /usr/local/sbin/sync; : >/tmp/full");
  CHECK_THAT(lab::try_pull(node.target(Method::helper), shelf.store), Contains("cannot be flushed"));
  CHECK(node.run("ls -A /var/lib/k3s-drill") == "");
  node.run("rm /tmp/full /tmp/flushed");
  pull(node, shelf);
  CHECK_THAT(node.run("head -n 1 /tmp/flushed"),
             StartsWith("/var/lib/k3s-drill/.drill-node.") && !Contains(" drill-node"));
  CHECK(node.run("sed -n 2p /tmp/flushed") == "/var/lib/k3s-drill drill-node");
}

TEST_CASE("the next pull brings what changed and nothing else, bit for bit") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(4000, 3800);
  lab::Shelf shelf;
  CHECK(stored_hash(pull(node, shelf)) == hash_on_node(node));
  run_sql(node, "UPDATE kine SET value = randomblob(3800) WHERE id IN (7, 1000, 3999)");
  const puller::PullReport report = pull(node, shelf);
  CHECK(stored_hash(report) == hash_on_node(node));
  CHECK(report.pages_changed < 20);
  CHECK(report.bytes_received < 40U << 10U);
  CHECK(report.node_peak_memory_bytes.value() < 48U << 20U);
}

TEST_CASE("an unchanged database costs at most a two-thousandth of its size on the wire, both ways together") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(9000, 3800);
  lab::Shelf shelf;
  const puller::PullReport first = pull(node, shelf);
  const puller::PullReport second = pull(node, shelf);
  CHECK(second.pages_changed == 0);
  CHECK(second.bytes_received + second.bytes_sent <=
        first.snapshot.manifest.find(store::kDatabaseFile)->size_bytes / 2000);
  CHECK(stored_hash(second) == stored_hash(first));
}

TEST_CASE("a database that grew, shrank by VACUUM, or has another page size is pulled bit for bit") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database(2000, 3800);
  lab::Shelf shelf;
  const std::string sql =
      GENERATE(as<std::string>{},
               "INSERT INTO kine(name, prev_revision, value) SELECT 'n' || id, id, randomblob(3000) FROM kine",
               "DELETE FROM kine WHERE id % 3; VACUUM", "DELETE FROM kine; VACUUM",
               "PRAGMA journal_mode=DELETE; PRAGMA page_size=8192; VACUUM; PRAGMA journal_mode=WAL",
               "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL",
               "PRAGMA journal_mode=DELETE; PRAGMA page_size=65536; VACUUM; PRAGMA journal_mode=WAL");
  CAPTURE(sql);
  pull(node, shelf);
  run_sql(node, sql);
  CHECK(stored_hash(pull(node, shelf)) == hash_on_node(node));
}

TEST_CASE("a user whom sudo allows that one line can pull, and nothing else") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  pull(node, shelf);
  node.allow_only(puller::sudoers_line(node.target(), "ubuntu"));
  CHECK(pull(node, shelf).node.fallback.empty());
  CHECK(puller::inspect(node.target()).helper_version == DRILL_VERSION);
  const std::string sudo = "su ubuntu -c 'sudo -n ";
  CHECK(node.run(sudo + "id' 2>/dev/null || echo refused") == "refused");
  CHECK(node.run(sudo + kProgram + " pull /etc /etc/shadow' 2>/dev/null </dev/null || echo refused") == "refused");
  // One that is not ours may not be replaced, and still speaks our language.
  node.run("printf x >>" + kProgram);
  CHECK(pull(node, shelf).node.fallback.empty());
  CHECK(node.run("tail -c 1 " + kProgram) == "x");
}

TEST_CASE("where drill-node cannot run the node's sqlite3 does, and the report says why") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.run("mkdir -m 700 /var/lib/k3s-drill; mount -t tmpfs -o noexec tmpfs /var/lib/k3s-drill");
  lab::Shelf shelf;
  const puller::PullReport report = puller::pull(node.target(), shelf.store);
  CHECK(report.snapshot.manifest.method == "sqlite3");
  CHECK_THAT(report.node.fallback, Contains("noexec"));
  CHECK(node.run("ls -A /var/lib/k3s-drill") == "");
  CHECK_THAT(lab::try_pull(node.target(Method::helper), shelf.store), StartsWith("denied: ") && Contains("noexec"));
}

TEST_CASE("a helper that lies ends in an error, with nothing stored") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  pull(node, shelf);
  const std::string token = "printf 'item token 1 " + core::sha256_hex("x") + "\\nx'\n";
  const std::string whole = "printf 'item state.db 1 " + core::sha256_hex("x") + "\\nx'\n";
  const auto [script, words] = GENERATE_COPY(table<std::string, std::string>({
      {"echo image 4096 1 " + std::string(64, '0') + "; echo end", "no token"},
      {token + "echo end", "no state.db"},
      {token + "echo image 4096 0 " + std::string(64, '0') + "; echo end", "impossible size"},
      {token + "echo image 4095 9 " + std::string(64, '0') + "; echo end", "impossible size"},
      {token + "echo image 65536 4294967295 " + std::string(64, '0') + "; echo end", "limits.database"},
      {token + "echo image 4096 9 short; echo end", "impossible size"},
      {token + "echo block 99; cat /dev/zero", "pages of no image"},
      {token + "echo image 4096 9 " + std::string(64, '0') + "; echo block 18446744073709551615; cat /dev/zero",
       "cannot be unpacked"},
      {token + "echo differing 9 99999999999; cat /dev/zero", "far too large"},
      {token + "cat /dev/zero", "a line without end"},
      {token + "echo something else", "a line out of place"},
      {"echo fact told config /x; echo fact told text -", "makes no sense"},
      {"echo fact told config /x; yes 'fact told text eHh4'", "put the parts of config.yaml.d there together"},
      {whole + "printf 'differing 9 1\\n\\377'", "hashes asked for out of place"},
      {whole + "echo image 4096 9 " + std::string(64, '0'), "two images"},
      {token + whole + "echo fact clock_nanoseconds 18446744073709551615; echo end", "clock_nanoseconds is no number"},
      {token + whole + "echo fact clock_nanoseconds -1; echo end", "clock_nanoseconds is below zero"},
      {token + whole + "echo fact read_transaction_nanoseconds 9223372036854775808; echo end", "is no number"},
      {token + whole + "echo fact read_transaction_nanoseconds 1; echo fact wal_growth_bytes --1; echo end",
       "wal_growth_bytes is no number"},
      {token + whole +
           "echo fact read_transaction_nanoseconds 1; echo fact wal_growth_bytes -9223372036854775809; echo end",
       "wal_growth_bytes is no number"},
      {"printf 'item ../../etc/passwd 1 " + std::string(64, '0') + "\\nx'", "unknown name"},
  }));
  CAPTURE(script);
  replace_helper(node, script);
  const std::size_t before = shelf.files().size();
  const std::string error = lab::try_pull(node.target(Method::helper), shelf.store);
  CHECK_THAT(error, Contains(words) && Contains("storage: "));
  CHECK(shelf.files().size() == before);
}

TEST_CASE("an image that comes out different twice is an error, and stored nowhere") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  pull(node, shelf);
  // The real program, and another hash in what it announces.
  node.run("cp " + kProgram + " /usr/local/bin/real-node");
  node.run("cat >" + kProgram +
           " <<'THE_END'\n#!/bin/sh\n/usr/local/bin/real-node \"$@\" | "
           "LC_ALL=C sed 's/^image \\(.*\\) \\(.*\\) .*/image \\1 \\2 " +
           std::string(64, '7') + "/'\nTHE_END");
  const std::size_t before = shelf.files().size();
  CHECK_THAT(lab::try_pull(node.target(Method::helper), shelf.store), StartsWith("storage: ") && Contains("twice"));
  CHECK(shelf.files().size() == before);
}

TEST_CASE("a host key that changes between two pulls ends them, and costs no snapshot") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  lab::Shelf shelf;
  const core::ScratchDir scratch;
  puller::Target target = node.target(Method::helper);
  target.known_hosts = scratch.path() / "known_hosts";
  core::copy_file(node.variable("LAB_KNOWN_HOSTS"), *target.known_hosts);
  REQUIRE(lab::try_pull(target, shelf.store) == "");
  REQUIRE(
      core::run_command({{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch.path() / "key"}}).exit_code ==
      0);
  std::filesystem::remove(*target.known_hosts);
  core::write_new_file(*target.known_hosts, target.host + " " + core::read_file(scratch.path() / "key.pub"));
  CHECK_THAT(lab::try_pull(target, shelf.store), StartsWith("denied: ") && Contains("HAS CHANGED"));
  CHECK(shelf.store.list("edge").size() == 1);
}
