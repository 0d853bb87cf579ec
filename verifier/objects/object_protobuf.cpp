// The door to protozero. Field numbers are those of k8s.io/api and k8s.io/apimachinery v0.37.2, generated.proto.
#include <protozero/pbf_reader.hpp>
#include <utility>

#include "core/error.hpp"
#include "verifier/objects/message.hpp"
#include "verifier/objects/object.hpp"

namespace verifier {
namespace {

using protozero::data_view;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

constexpr std::int64_t kLatestSeconds = 7'258'118'400;  // 2200: later timestamps do not fit into a count of nanoseconds

std::string_view view(const data_view& data) { return {data.data(), data.size()}; }

// Calls `take(tag, bytes)` for every field of `message` that is a string, bytes or a message, and steps over the rest;
// thereby the message is walked to its last byte.
template <class Take>
void each_field(data_view message, Take&& take) {
  pbf_reader reader(message);
  while (reader.next()) {
    if (reader.wire_type() == pbf_wire_type::length_delimited) {
      const auto tag = reader.tag();
      take(tag, reader.get_view());
    } else {
      reader.skip();
    }
  }
}

std::optional<core::UtcTime> read_time(data_view message) {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  pbf_reader reader(message);
  while (reader.next()) {
    if (reader.wire_type() != pbf_wire_type::varint) {
      reader.skip();
      continue;
    }
    const auto tag = reader.tag();
    const std::int64_t number = reader.get_int64();
    if (tag == 1) seconds = number;
    if (tag == 2) nanoseconds = number;
  }
  if (seconds <= 0 || seconds > kLatestSeconds || nanoseconds < 0 || nanoseconds >= 1'000'000'000) return std::nullopt;
  return core::UtcTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

void take_time(StoredObject& object, data_view message) {
  if (const auto timestamp = read_time(message)) keep_newest(object.newest_change, *timestamp);
}

bool is_control_plane_label(data_view map_entry) {
  bool found = false;
  each_field(map_entry, [&](auto tag, data_view bytes) { found |= tag == 1 && view(bytes) == kControlPlaneLabel; });
  return found;
}

Owner read_owner(data_view message) {
  Owner owner;
  each_field(message, [&](auto tag, data_view bytes) {
    if (tag == 1) owner.kind = view(bytes);
    if (tag == 3) owner.name = view(bytes);
    if (tag == 4) owner.uid = view(bytes);
  });
  return owner;
}

void read_metadata(StoredObject& object, data_view message) {
  each_field(message, [&](auto tag, data_view bytes) {
    switch (tag) {
      case 1:
        object.name = view(bytes);
        break;
      case 3:
        object.namespace_name = view(bytes);
        break;
      case 5:
        object.uid = view(bytes);
        break;
      case 9:  // deletionTimestamp
        object.terminating = true;
        [[fallthrough]];
      case 8:  // creationTimestamp
        take_time(object, bytes);
        break;
      case 11:  // labels
        if (object.kind == "Node" && is_control_plane_label(bytes)) object.control_plane = true;
        break;
      case 13:
        object.owners.push_back(read_owner(bytes));
        break;
      case 14:
        object.has_finalizers = true;
        break;
      case 17:  // managedFields
        each_field(bytes, [&](auto field, data_view inner) {
          if (field == 4) take_time(object, inner);
        });
        break;
      default:
        break;
    }
  });
}

void read_series(StoredObject& object, data_view message) {
  each_field(message, [&](auto tag, data_view bytes) {
    if (tag == 2) take_time(object, bytes);  // lastObservedTime
  });
}

void read_node_status(StoredObject& object, data_view message) {
  each_field(message, [&](auto tag, data_view bytes) {
    if (tag != 7) return;  // nodeInfo
    each_field(bytes, [&](auto field, data_view inner) {
      if (field == 7) object.kubelet_version = view(inner);
    });
  });
}

enum class Special { none, node, lease, core_event, event };

Special special_of(const StoredObject& object) {
  if (object.api_version == "v1" && object.kind == "Node") return Special::node;
  if (object.api_version == "v1" && object.kind == "Event") return Special::core_event;
  if (object.kind == "Event" && object.api_version.starts_with("events.k8s.io/")) return Special::event;
  if (object.kind == "Lease" && object.api_version.starts_with("coordination.k8s.io/")) return Special::lease;
  return Special::none;
}

void read_special_field(StoredObject& object, Special special, protozero::pbf_tag_type tag, data_view bytes) {
  switch (special) {
    case Special::none:
      return;
    case Special::node:
      if (tag == 3) read_node_status(object, bytes);
      return;
    case Special::lease:
      if (tag != 2) return;
      each_field(bytes, [&](auto field, data_view inner) {
        if (field == 3 || field == 4) take_time(object, inner);  // acquireTime, renewTime
      });
      return;
    case Special::core_event:
      if (tag == 6 || tag == 7 || tag == 10) take_time(object, bytes);  // first, last, eventTime
      if (tag == 11) read_series(object, bytes);
      return;
    case Special::event:
      if (tag == 2 || tag == 13 || tag == 14) take_time(object, bytes);  // eventTime, first, last
      if (tag == 3) read_series(object, bytes);
      return;
  }
}

// Walks what the envelope holds: an object of a known kind to its leaves, of others only the metadata, which all have.
void check(StoredObject& object, std::string_view raw) {
  const auto take = [&](Walked walked) {
    object.unknown_fields += walked.unknown_fields;
    if (object.doubt.empty()) object.doubt = std::move(walked.doubt);
  };
  if (const Message* message = find_kind(object.api_version, object.kind)) return take(walk_message(raw, *message));
  object.unknown_kind = true;
  each_field(data_view(raw.data(), raw.size()), [&](auto tag, data_view bytes) {
    if (tag == 1) take(walk_message(view(bytes), object_meta()));
  });
}

StoredObject read_envelope(std::string_view envelope) {
  StoredObject object;
  data_view raw;
  bool has_raw = false;
  each_field(data_view(envelope.data(), envelope.size()), [&](auto tag, data_view bytes) {
    if (tag == 1) {
      each_field(bytes, [&](auto field, data_view inner) {
        if (field == 1) object.api_version = view(inner);
        if (field == 2) object.kind = view(inner);
      });
    } else if (tag == 2) {
      raw = bytes;
      has_raw = true;
    } else if ((tag == 3 || tag == 4) && !bytes.empty()) {
      throw core::Error(core::ErrorKind::damaged, "is protobuf with a content type that is never stored");
    }
  });
  if (!has_raw) throw core::Error(core::ErrorKind::damaged, "is a protobuf envelope without an object");
  check(object, view(raw));
  const Special special = special_of(object);
  each_field(raw, [&](auto tag, data_view bytes) {
    if (tag == 1) read_metadata(object, bytes);
    read_special_field(object, special, tag, bytes);
  });
  return object;
}

}  // namespace

StoredObject decode_protobuf(std::string_view envelope) {
  try {
    return read_envelope(envelope);
  } catch (const protozero::end_of_buffer_exception&) {
    throw core::Error(core::ErrorKind::damaged, "is protobuf that ends in the middle of a field");
  } catch (const protozero::exception&) {
    throw core::Error(core::ErrorKind::damaged, "is protobuf with a field that cannot be");
  }
}

}  // namespace verifier
