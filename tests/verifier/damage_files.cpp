// Whole files: cut, stale, torn, of another cluster, or not there, and the token beside them.
#include <chrono>

#include "tests/verifier/damage.hpp"
#include "tests/verifier/damage_tools.hpp"

namespace damage {
namespace {

using std::filesystem::copy_file;
constexpr auto kOver = std::filesystem::copy_options::overwrite_existing;
constexpr std::uint64_t kPage = 4096;

bool cut_at_page(Scene& scene) {
  const std::uint64_t count = std::filesystem::file_size(scene.database) / kPage;
  std::filesystem::resize_file(scene.database, kPage * (1 + scene.below(count - 1)));
  return true;
}

bool cut_in_page(Scene& scene) {
  const std::uint64_t count = std::filesystem::file_size(scene.database) / kPage;
  std::filesystem::resize_file(scene.database, kPage * scene.below(count) + 1 + scene.below(kPage - 1));
  return true;
}

bool append_garbage(Scene& scene) {
  std::string bytes = read_bytes(scene.database);
  const std::size_t size = bytes.size() + kPage * (1 + scene.below(8));
  while (bytes.size() < size) bytes += static_cast<char>(scene.below(256));
  write_bytes(scene.database, bytes);
  return true;
}

bool empty_file(Scene& scene) {
  write_bytes(scene.database, "");
  return true;
}

bool no_file(Scene& scene) { return std::filesystem::remove(scene.database); }

bool fresh_database(Scene& scene) {
  std::filesystem::remove(scene.database);
  Surgery(scene.database).run("CREATE TABLE another (id INTEGER)");
  return true;
}

bool other_cluster(Scene& scene) { return copy_file(scene.other, scene.database, kOver); }

// The older image poses as the newest, with the newest as the one before it.
bool older_image(Scene& scene) {
  const std::filesystem::path newest = scene.database.parent_path() / "newest.db";
  std::filesystem::rename(scene.database, newest);
  copy_file(scene.previous, scene.database, kOver);
  scene.previous = newest;
  return true;
}

// Opens in WAL mode, writes, and leaves the frames in the WAL: `main` and `wal` are what a copy can catch of it.
struct Written {
  std::string main;
  std::string wal;
};

Written write_into_wal(const std::filesystem::path& database, int rows, bool checkpoint_between) {
  Surgery surgery(database);
  surgery.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
  const Log log = surgery.log();
  const auto write = [&] {
    int written = 0;
    for (const LogRow& row : log.rows) {
      if (!row.live || !row.is_object() || written == rows) continue;
      surgery.run(
          "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
          "SELECT name, 0, 0, CASE WHEN created THEN id ELSE create_revision END, id, lease, value, value FROM kine "
          "WHERE id = (SELECT max(id) FROM kine WHERE name = (SELECT name FROM kine WHERE id = ?1))",
          {row.id});
      ++written;
    }
  };
  write();
  if (checkpoint_between) {
    surgery.run("PRAGMA wal_checkpoint(PASSIVE)");
    write();
  }
  return {read_bytes(database), read_bytes(database.string() + "-wal")};
}

bool lost_wal(Scene& scene) {
  const Written written = write_into_wal(scene.database, 40, false);
  write_bytes(scene.database, written.main);
  return true;
}

// The WAL of an older image beside the newest file: SQLite takes it for the file's own.
bool stale_wal(Scene& scene) {
  const std::filesystem::path older = scene.database.parent_path() / "older.db";
  copy_file(scene.previous, older, kOver);
  const Written written = write_into_wal(older, 40, false);
  write_bytes(scene.database.string() + "-wal", written.wal);
  return true;
}

// The front of one image and the rest of a later one, as a copy of a file in use comes out.
bool torn_copy(Scene& scene) {
  std::string front = read_bytes(scene.previous);
  const std::string rest = read_bytes(scene.database);
  const std::uint64_t cut = kPage * (1 + scene.below(std::min(front.size(), rest.size()) / kPage - 1));
  if (front.compare(0, cut, rest, 0, cut) == 0 || front.compare(cut, std::string::npos, rest, cut) == 0) return false;
  write_bytes(scene.database, front.substr(0, cut) + rest.substr(cut));
  return true;
}

// The copy meets a checkpoint half way: its front is from before, its rest from after.
bool torn_by_checkpoint(Scene& scene) {
  const std::string before = read_bytes(scene.database);
  write_into_wal(scene.database, 400, true);
  std::string after = read_bytes(scene.database);
  const std::uint64_t cut = kPage * (before.size() / kPage / 2);
  if (before.compare(0, cut, after, 0, cut) == 0 || before.size() == after.size()) return false;
  write_bytes(scene.database, before.substr(0, cut) + after.substr(cut));
  return true;
}

bool other_token(Scene& scene) {
  scene.token = verifier::parse_token("K10" + std::string(64, 'a') + "::server:not-the-token");
  return true;
}

bool malformed_token(Scene& scene) {
  scene.token = verifier::parse_token("abcdef.0123456789abcdef");
  return true;
}

bool foreign_ca_token(Scene& scene) {
  if (!scene.token || scene.token->ca_hash.empty()) return false;
  std::string content(scene.token->content.view());
  char& digit = content[3 + scene.below(64)];
  digit = digit == '0' ? '1' : '0';
  scene.token = verifier::parse_token(content);
  return true;
}

bool empty_token(Scene& scene) {
  scene.token = verifier::parse_token("");
  return true;
}

bool frozen_source(Scene& scene) {
  if (!scene.taken_at) return false;
  *scene.taken_at += std::chrono::hours(48);
  return true;
}

}  // namespace

std::vector<Damage> file_damages() {
  constexpr auto kFile = "file";
  constexpr auto kToken = "token";
  constexpr auto kSound = "it is what the database was a short time before";
  return {
      {"file: cut at a page", kFile, "some pages less", Needs::content, "", false, cut_at_page},
      {"file: cut in a page", kFile, "cut anywhere", Needs::content, "", false, cut_in_page},
      {"file: garbage appended", kFile, "one to eight pages", Needs::notice, "SQLite does not read them", false,
       append_garbage},
      {"file: empty", kFile, "no bytes: k3s would begin a new cluster", Needs::content, "", true, empty_file},
      {"file: none", kFile, "not there: k3s would begin a new cluster", Needs::content, "", true, no_file},
      {"file: no kine", kFile, "a database without a table kine", Needs::content, "", true, fresh_database},
      {"file: another cluster's", kFile, "of another cluster, with this one's token", Needs::content, "", true,
       other_cluster},
      {"file: an older one", kFile, "the snapshot before poses as the newest", Needs::previous,
       "it is sound, and was the newest once", true, older_image},
      {"file: stale WAL beside", kFile, "the WAL of an older image", Needs::content, "", false, stale_wal},
      {"file: WAL not copied", kFile, "40 committed rows were only there", Needs::nothing, kSound, true, lost_wal},
      {"file: torn, an hour between", kFile, "its front from the snapshot before", Needs::content, "", true, torn_copy},
      {"file: torn by a checkpoint", kFile, "its front from before 400 writes, its rest from after", Needs::content, "",
       true, torn_by_checkpoint},
      {"file: source stood still", kFile, "captured two days after its last change", Needs::content,
       "the database is sound, and old", true, frozen_source},
      {"token: another's", kToken, "of another cluster", Needs::content, "", true, other_token},
      {"token: malformed", kToken, "of the form that kubeadm uses", Needs::content, "", true, malformed_token},
      {"token: another CA's", kToken, "one digit of the CA's hash", Needs::content, "", true, foreign_ca_token},
      {"token: empty", kToken, "an empty file", Needs::content, "", true, empty_token},
  };
}

}  // namespace damage
