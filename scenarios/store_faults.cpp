// What happens to a store: bits rot, files get lost, disks fill up.
#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "scenarios/image.hpp"
#include "scenarios/room.hpp"
#include "scenarios/vocabulary.hpp"

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

void lose_snapshot(Room& room, const Arguments& arguments) {
  std::filesystem::remove_all(room.snapshot(arguments.text("snapshot")));
}

void make_store_read_only(Room& room, const Arguments&) {
  // A mount of its own, so that its owner, who may write anywhere, meets it as well.
  const std::string store = room.store().string();
  if (::mount(store.c_str(), store.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
      ::mount(nullptr, store.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) != 0)
    throw core::system_error(errno, "making the store read-only");
}

void add_snapshot(Room& room, const Arguments& arguments) {
  std::string change;
  for (const std::string& prefix : arguments.texts("without")) change += removal_of("/registry/" + prefix) + "\n";
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
      {"lose-snapshot", "a snapshot's directory is gone, however it was", {which}, Need::nothing, lose_snapshot},
      {"store-read-only", "the store can only be read, as a disk after an error", {}, Need::root, make_store_read_only},
      {"add-snapshot",
       "one more snapshot comes into the store, as an import of an image that is one change later",
       {{"age", Kind::duration, "how old it is", "0s"},
        {"without", Kind::texts, "keys below /registry/ whose objects have been deleted since", "none"}},
       Need::snapshots,
       add_snapshot},
  };
}

}  // namespace scenarios
