// What happens to a store: bits rot, files get lost, disks fill up.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <algorithm>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "scenarios/image_changes.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

// state.db however it is packed, or a file by its name.
std::filesystem::path file_of(const std::filesystem::path& snapshot, const std::string& name) {
  if (name != "state.db") return snapshot / name;
  for (const auto& entry : std::filesystem::directory_iterator(snapshot))
    if (entry.path().filename().string().starts_with("state.db")) return entry.path();
  throw core::Error(core::ErrorKind::usage, snapshot.string() + " holds no database");
}

// All over the file, always the same ones.
void flip_bits(Room& room, const Arguments& arguments) {
  const std::filesystem::path file = file_of(room.snapshot(arguments.text("snapshot")), arguments.text("file"));
  std::string bytes = core::read_file(file, UINT64_MAX);
  const std::uint64_t count = arguments.whole("count");
  for (std::uint64_t i = 0; i < count; ++i) {
    char& byte = bytes.at(bytes.size() * (2 * i + 1) / (2 * count));
    byte = static_cast<char>(byte ^ (1 << (i % 8)));
  }
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  core::write_file_atomically(file, bytes);
}

void lose_file(Room& room, const Arguments& arguments) {
  const std::filesystem::path file = file_of(room.snapshot(arguments.text("snapshot")), arguments.text("file"));
  if (!std::filesystem::remove(file)) throw core::Error(core::ErrorKind::usage, file.string() + " was not there");
}

void cut_file(Room& room, const Arguments& arguments) {
  const std::filesystem::path file = file_of(room.snapshot(arguments.text("snapshot")), arguments.text("file"));
  const std::uint64_t keep =
      arguments.has("keep") ? arguments.size_bytes("keep") : std::filesystem::file_size(file) / 2;
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::resize_file(file, keep);
}

// The database file that the snapshot's rests on in the end; its own, when it stands alone.
void lose_keyframe(Room& room, const Arguments& arguments) {
  std::filesystem::path snapshot = room.snapshot(arguments.text("snapshot"));
  const auto base_of = [](const std::filesystem::path& one) {
    const std::string manifest = core::read_file(one / "manifest.json");
    const std::string mark = "\"base\": \"";
    const std::size_t at = manifest.find(mark);
    if (at == std::string::npos) return std::string();
    return manifest.substr(at + mark.size(), manifest.find('"', at + mark.size()) - at - mark.size());
  };
  for (std::string base; !(base = base_of(snapshot)).empty();) snapshot = snapshot.parent_path() / base;
  room.note("the keyframe is " + snapshot.filename().string());
  std::filesystem::remove(file_of(snapshot, "state.db"));
}

void lose_snapshot(Room& room, const Arguments& arguments) {
  std::filesystem::remove_all(room.snapshot(arguments.text("snapshot")));
}

void make_store_read_only(Room& room, const Arguments&) {
  // A mount of its own, so that its owner, who may write anywhere, meets it as well.
  const std::string store = room.store().string();
  if (::mount(store.c_str(), store.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, store.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
    throw core::system_error(errno, "making the store read-only");
  room.will_unmount(room.store());
}

std::filesystem::path filler_of(const Room& room) { return room.store() / ".filler"; }

void fill_store(Room& room, const Arguments& arguments) {
  if (!room.store_is_of_its_own())
    throw core::Error(core::ErrorKind::usage, "the disk of this machine is not filled: give store_size in 'given'");
  const std::uint64_t leave = arguments.size_bytes("leave");
  const core::Fd filler = core::open_file(filler_of(room), O_WRONLY | O_CREAT);
  const auto filled = [&] {
    struct statvfs facts {};
    if (::fstatvfs(filler.get(), &facts) != 0) throw core::system_error(errno, room.store().string());
    const std::uint64_t free = facts.f_bavail * facts.f_frsize;
    return free <= leave || ::posix_fallocate(filler.get(), 0, static_cast<off_t>(free - leave)) == 0;
  };
  // A pull that writes meanwhile may take some of what was still free.
  if (!eventually(filled, std::chrono::seconds(10)))
    throw core::Error(core::ErrorKind::storage, "the store could not be filled");
}

void free_store(Room& room, const Arguments&) { std::filesystem::remove(filler_of(room)); }

void add_snapshot(Room& room, const Arguments& arguments) {
  std::string change;
  for (const std::string& prefix : arguments.texts("without")) change += removal_of("/registry/" + prefix) + "\n";
  if (arguments.text("of") == "another-cluster") change += another_uid();
  room.import_image(arguments.duration("age"), change);
}

}  // namespace

std::vector<Fault> store_faults() {
  const Argument which{"snapshot", Kind::snapshot, "which", "latest"};
  const Argument file{
      "file", Kind::text,
      "a file of the snapshot, as docs/store-format.md names it; state.db is the database, however packed", "state.db"};
  return {
      {"flip-bits",
       "bits of a stored file flip",
       {which, file, {"count", Kind::whole, "how many, spread evenly", "3"}},
       Need::nothing,
       flip_bits},
      {"lose-file", "a file of a snapshot is gone", {which, file}, Need::nothing, lose_file},
      {"cut-file",
       "a file of a snapshot ends early, as after a crash or on a full disk",
       {which, file, {"keep", Kind::size, "what is left of it", "half"}},
       Need::nothing,
       cut_file},
      {"lose-keyframe",
       "the database that a snapshot rests on is gone: its own, or that of the keyframe of its day",
       {which},
       Need::nothing,
       lose_keyframe},
      {"lose-snapshot", "a snapshot's directory is gone, however it was", {which}, Need::nothing, lose_snapshot},
      {"store-read-only", "the store can only be read, as a disk after an error", {}, Need::root, make_store_read_only},
      {"fill-store",
       "the store's file system, which needs store_size in 'given', is full but for so much",
       {{"leave", Kind::size, "what stays free", "0B"}},
       Need::root,
       fill_store},
      {"free-store", "what filled the store is removed", {}, Need::root, free_store},
      {"add-snapshot",
       "one more snapshot comes into the store, as an import of an image that is one change later",
       {{"age", Kind::duration, "how old it is", "0s"},
        {"without", Kind::texts, "keys below /registry/ whose objects have been deleted since", "none"},
        {"of",
         Kind::choice,
         "another-cluster: its kube-system has another uid, as that of every new cluster has",
         "this-cluster",
         {"this-cluster", "another-cluster"}}},
       Need::snapshots,
       add_snapshot},
  };
}

}  // namespace scenarios
