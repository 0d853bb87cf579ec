// What lies in the room: files that somebody brought, or that were damaged on the way.
#include <fmt/format.h>

#include <random>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "scenarios/image_changes.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

// Always the same bytes.
std::string random_bytes(std::uint64_t count) {
  std::mt19937 numbers(1);  // NOLINT: repeatable on purpose
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(numbers());
  return bytes;
}

void make_garbage(Room& room, const Arguments& arguments) {
  core::write_file_atomically(room.directory() / arguments.text("path"), random_bytes(arguments.size_bytes("size")));
}

void cut_off(Room& room, const Arguments& arguments) {
  const std::filesystem::path file = room.directory() / arguments.text("path");
  const std::uint64_t keep = arguments.size_bytes("keep");
  if (std::filesystem::file_size(file) <= keep)
    throw core::Error(core::ErrorKind::usage, fmt::format("{} is not longer than that", file.string()));
  std::filesystem::resize_file(file, keep);
}

void bring(Room& room, const Arguments& arguments) {
  const std::filesystem::path files = room.tools().scenarios / "cases/files" / arguments.text("of");
  for (const auto& entry : std::filesystem::directory_iterator(files))
    core::copy_file(entry.path(), room.directory() / entry.path().filename());
}

void write_here(Room& room, const Arguments& arguments) {
  core::write_file_atomically(room.directory() / arguments.text("path"), arguments.text("content") + "\n");
}

void configure(Room& room, const Arguments& arguments) {
  core::YamlNode value;
  value.kind = core::YamlNode::Kind::scalar;
  value.scalar = arguments.text("value");
  auto& entries = room.cluster_config().entries;
  const std::string key = arguments.text("key");
  std::erase_if(entries, [&](const core::YamlEntry& entry) { return entry.key == key; });
  entries.push_back({key, value});
  room.write_config();
}

void add_backlog(Room& room, const Arguments& arguments) {
  room.import_image(arguments.duration("age"), revisions_of_newest(arguments.whole("revisions")));
}

}  // namespace

std::vector<Fault> room_faults() {
  const Argument path{"path", Kind::text, "in the room, where the commands are typed"};
  return {
      {"make-garbage",
       "a file of bytes that mean nothing lies in the room",
       {path, {"size", Kind::size, "how long it is"}},
       Need::nothing,
       make_garbage},
      {"cut-off",
       "a file in the room ends early, as after a copy that broke off",
       {path, {"keep", Kind::size, "what is left of it"}},
       Need::nothing,
       cut_off},
      {"bring-files",
       "the files that come with the case lie in the room",
       {{"of", Kind::text, "a directory of scenarios/cases/files"}},
       Need::nothing,
       bring},
      {"write-here",
       "a file is written where the commands are typed",
       {path, {"content", Kind::text, "all of it"}},
       Need::nothing,
       write_here},
      {"configure",
       "from now on edge has this key in drill's config",
       {{"key", Kind::text, "as docs/config.md names it"}, {"value", Kind::text, "its value"}},
       Need::nothing,
       configure},
      {"add-backlog",
       "one more snapshot comes into the store: of an image with old revisions that compaction has not removed",
       {{"revisions", Kind::whole, "how many"}, {"age", Kind::duration, "how old the snapshot is", "0s"}},
       Need::snapshots,
       add_backlog},
  };
}

}  // namespace scenarios
