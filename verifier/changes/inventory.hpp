// Reading a snapshot without checking it: every object in it, or every row of one object. For `drill diff` and
// `drill log`, which look at many snapshots; a scratch copy comes in, values go out, never a payload.
// Straight from the table, so that no index decides what is seen. What it does not do: check anything (verify.hpp).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/revision.hpp"
#include "verifier/kine/progress.hpp"
#include "verifier/objects/object_name.hpp"
#include "verifier/objects/objects.hpp"

namespace verifier {

struct Inventory {
  std::vector<Object> objects;         // ordered by key
  std::vector<std::string_view> keys;  // of each object, in the same order
  std::shared_ptr<TextStore> text = std::make_shared<TextStore>();
  core::Revision revision;
  core::Revision compact_revision;
  /// Of the objects: those whose value does not decode, or carries no uid; known by key and revision alone.
  std::uint64_t undecodable = 0;
};

/// Every live key under /registry/ that is an object's. Throws: damaged (no database, no table kine, unreadable pages),
/// storage, cancelled.
Inventory read_inventory(const std::filesystem::path& database);

enum class RowKind { created, changed, deleted };

/// One row of one object.
struct ObjectRow {
  std::string key;
  core::Revision revision;
  core::Revision prev_revision;  // of the row of this key before it; 0: there was none
  RowKind kind = RowKind::changed;
  std::string uid;          // of what a deletion removed, too; empty when sealed, undecodable, or not written down
  std::string api_version;  // as uid
  std::optional<core::UtcTime> timestamp;  // newest timestamp recorded inside; of a deletion none is
  std::uint64_t size_bytes = 0;            // of the value
};

struct ObjectRows {
  std::vector<ObjectRow> rows;  // by ascending revision; of every key that `name` fits
  core::Revision revision;      // of the snapshot
  core::Revision compact_revision;
};

/// The rows of the object that is called `name`; none when it is not there. Throws: as read_inventory.
ObjectRows read_rows_of(const std::filesystem::path& database, const ObjectName& name);

/// Up to five objects of the snapshot that `name` may have meant, the nearest first. Throws: as read_inventory.
std::vector<std::string> near_names(const std::filesystem::path& database, const ObjectName& name);

}  // namespace verifier
