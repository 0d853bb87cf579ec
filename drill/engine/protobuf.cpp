#include "drill/engine/protobuf.hpp"

#include <charconv>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "core/error.hpp"

namespace drill {
namespace {

using protozero::pbf_reader;

constexpr std::string_view kEnvelope{"k8s\0", 4};
constexpr std::size_t kMaxWords = 300;

std::string_view view(const protozero::data_view& data) { return {data.data(), data.size()}; }

// The message in runtime.Unknown: field 2.
std::string_view unwrap(std::string_view body) {
  if (!body.starts_with(kEnvelope)) throw core::Error(core::ErrorKind::damaged, "the answer is no Kubernetes message");
  pbf_reader unknown(body.data() + kEnvelope.size(), body.size() - kEnvelope.size());
  while (unknown.next(2)) return view(unknown.get_view());
  return {};
}

template <class Work>
auto read_strictly(std::string_view what, Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const protozero::exception& error) {
    throw core::Error(core::ErrorKind::damaged, std::string(what) + ": " + error.what());
  }
}

// ObjectMeta: 1 name, 3 namespace, 5 uid, 6 resourceVersion.
ServedMetadata read_metadata(pbf_reader metadata) {
  ServedMetadata object;
  while (metadata.next()) {
    if (metadata.wire_type() != protozero::pbf_wire_type::length_delimited) {
      metadata.skip();
      continue;
    }
    const auto tag = metadata.tag();
    const std::string_view text = view(metadata.get_view());
    if (tag == 1) object.name = text;
    if (tag == 3) object.namespace_name = text;
    if (tag == 5) object.uid = text;
    if (tag == 6) std::from_chars(text.data(), text.data() + text.size(), object.revision.value);
  }
  return object;
}

}  // namespace

void read_metadata_list(std::string_view body, const std::function<void(const ServedMetadata&)>& take) {
  read_strictly("a list", [&] {
    const std::string_view list = unwrap(body);
    pbf_reader reader(list.data(), list.size());
    while (reader.next(2)) {
      pbf_reader item = reader.get_message();
      while (item.next(1)) take(read_metadata(item.get_message()));
    }
  });
}

std::string read_status_message(std::string_view body) {
  if (!body.starts_with(kEnvelope)) return std::string(body.substr(0, kMaxWords));
  return read_strictly("an error's answer", [&] {
    const std::string_view status = unwrap(body);
    pbf_reader reader(status.data(), status.size());
    std::string message;
    while (reader.next(3)) message = view(reader.get_view()).substr(0, kMaxWords);
    return message;
  });
}

std::string range_request(std::string_view first, std::string_view end, core::Revision revision, std::uint64_t limit) {
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_bytes(1, first.data(), first.size());
  if (!end.empty()) writer.add_bytes(2, end.data(), end.size());
  writer.add_int64(3, static_cast<std::int64_t>(limit));
  writer.add_int64(4, revision.value);
  return request;
}

std::string count_request(std::string_view first, std::string_view end) {
  std::string request;
  protozero::pbf_writer writer(request);
  writer.add_bytes(1, first.data(), first.size());
  writer.add_bytes(2, end.data(), end.size());
  writer.add_bool(9, true);
  return request;
}

std::uint64_t read_count_response(std::string_view message) {
  return read_strictly("the datastore's answer", [&] {
    std::int64_t count = 0;  // left out when it is 0
    pbf_reader reader(message.data(), message.size());
    while (reader.next(4)) count = reader.get_int64();
    return static_cast<std::uint64_t>(count);
  });
}

bool read_range_response(std::string_view message, const std::function<void(const StoredValue&)>& take) {
  return read_strictly("the datastore's answer", [&] {
    bool more = false;
    pbf_reader reader(message.data(), message.size());
    while (reader.next()) {
      if (reader.tag() == 3) {
        more = reader.get_bool();
      } else if (reader.tag() == 2) {
        StoredValue stored;
        pbf_reader pair = reader.get_message();
        while (pair.next()) {
          if (pair.tag() == 1) {
            stored.key = view(pair.get_view());
          } else if (pair.tag() == 3) {
            stored.revision.value = pair.get_int64();
          } else if (pair.tag() == 5) {
            stored.value = view(pair.get_view());
          } else {
            pair.skip();
          }
        }
        take(stored);
      } else {
        reader.skip();
      }
    }
    return more;
  });
}

}  // namespace drill
