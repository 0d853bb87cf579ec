// The life of one object over many snapshots: its rows merged by revision, in which snapshots it is there, and where it
// vanished. Pure: what read_rows_of() found in each snapshot goes in. History that kine has compacted is named, never
// guessed. What it does not do: read databases, or show anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "verifier/changes/inventory.hpp"

namespace verifier {

/// What one snapshot says about the object.
struct Sighting {
  std::string snapshot;  // its name
  ObjectRows rows;
};

struct LifeEvent {
  ObjectRow row;
  std::string first_snapshot;  // the snapshots that hold this row
  std::string last_snapshot;
  std::size_t snapshots = 0;  // how many
  /// The row before this one is in no snapshot: what happened up to it is not known.
  bool after_unknown = false;
  bool compacted = false;  // and that is so because it was compacted; else rows were lost
};

/// Snapshots in a row in which the object is there with one uid.
struct Stay {
  std::string uid;  // empty when it is sealed or undecodable
  std::string first;
  std::string last;
  std::size_t count = 0;
  core::Revision last_revision;              // of its newest row in `last`
  std::optional<std::string> gone;           // the first snapshot after `last`, in which it is not there with that uid
  std::optional<core::Revision> deleted_at;  // of the row that deleted it, when a snapshot holds that
  /// When none does: that row may have been compacted before `gone` was taken; else rows were lost.
  bool deletion_compacted = false;
  core::Revision snapshot_revision;  // of all of `last`
};

struct Life {
  std::string key;
  std::string resource;
  std::string namespace_name;
  std::string name;
  std::vector<LifeEvent> events;    // oldest first
  std::vector<Stay> stays;          // oldest first
  std::size_t snapshots = 0;        // that were looked at
  std::string last_snapshot;        // the newest of them
  core::Revision compact_revision;  // of that one

  bool vanished() const { return !stays.empty() && stays.back().gone.has_value(); }
};

/// One life for each key found, ordered by key; more than one when the name left the group open. `sightings`: oldest
/// first.
std::vector<Life> merge_lives(const std::vector<Sighting>& sightings);

}  // namespace verifier
