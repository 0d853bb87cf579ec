// How much of what is stored can be vouched for: flips single bits in the values of a real database and counts which of
// them decode_object() notices, by kind of object and by field. The figures of docs/detection.md come from here.
//
//   bit_flips DATABASE [FLIPS [SEED]]     without flips it only decodes every value, says what it takes exception to,
//                                         and how long that took
#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "verifier/objects/object.hpp"
#include "verifier/objects/schema.hpp"

namespace {

// Of the processor, not of the wall: other work on this machine does not count.
double now_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Value {
  std::string key;
  std::string bytes;
};

struct Count {
  std::uint64_t flips = 0;
  std::uint64_t noticed = 0;
};

std::vector<Value> read_values(const char* path) {
  sqlite3* database = nullptr;
  const std::string uri = "file:" + std::string(path) + "?immutable=1";
  if (sqlite3_open_v2(uri.c_str(), &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, nullptr) != SQLITE_OK) exit(2);
  std::vector<Value> values;
  for (const char* column : {"value", "old_value"}) {
    const std::string query = "SELECT name, " + std::string(column) + " FROM kine WHERE name GLOB '/registry/*' AND " +
                              column + " IS NOT NULL";
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database, query.c_str(), -1, &statement, nullptr);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      const auto text = [&](int at) {
        const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
        return std::string(static_cast<const char*>(sqlite3_column_blob(statement, at)), size);
      };
      values.push_back({text(0), text(1)});
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(database);
  return values;
}

std::uint64_t varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) break;
  }
  return number;
}

// The path of the field that the byte at `target` belongs to; tags and lengths count as "(structure)".
std::string field_at(std::string_view bytes, const char* target, const verifier::Message& message) {
  while (!bytes.empty()) {
    const std::uint64_t tag = varint(bytes);
    const char* const start = bytes.data();
    std::uint64_t size = 0;
    if ((tag & 7U) == 0) {
      varint(bytes);
    } else {
      size = (tag & 7U) == 2 ? varint(bytes) : (tag & 7U) == 1 ? 8 : 4;
    }
    if (target < bytes.data() && ((tag & 7U) != 0 || target < start)) return "(structure)";
    const std::string_view content = bytes.substr(0, size);
    if (target < bytes.data() + size) {
      for (const verifier::Field& field : message.fields) {
        if (field.number != tag >> 3U) continue;
        const std::string name(field.name);
        if (field.map) {
          std::string_view entry = content;
          varint(entry);
          const std::uint64_t key_size = varint(entry);
          if (target >= entry.data() && target < entry.data() + key_size) return name + "(key)";
          entry.remove_prefix(std::min<std::size_t>(key_size, entry.size()));
          varint(entry);
          varint(entry);
          return target >= entry.data() ? name + "(value)" : "(structure)";
        }
        if (field.message == nullptr) return name;
        return name + "." + field_at(content, target, *field.message);
      }
      return "(unknown)";
    }
    bytes.remove_prefix(size);
  }
  return "(structure)";
}

std::string where(const Value& value, const verifier::StoredObject& object, std::size_t at) {
  if (value.bytes.starts_with('{')) return "(JSON)";
  const verifier::Message* message = verifier::find_kind(object.api_version, object.kind);
  if (message == nullptr) return "(unknown kind)";
  std::string_view rest = std::string_view(value.bytes).substr(4);
  varint(rest);
  rest.remove_prefix(varint(rest));
  varint(rest);
  const std::string_view raw = rest.substr(0, varint(rest));
  const char* const target = value.bytes.data() + at;
  if (target < raw.data() || target >= raw.data() + raw.size()) return "(envelope)";
  return field_at(raw, target, *message);
}

bool is_noticed(const std::string& bytes, const verifier::StoredObject& sound) {
  try {
    const verifier::StoredObject object = verifier::decode_object(bytes);
    // What check decode finds by comparing with the key and with the version of the cluster.
    return object.name != sound.name || object.namespace_name != sound.namespace_name ||
           object.unknown_kind != sound.unknown_kind || object.unknown_fields != sound.unknown_fields ||
           object.uid.empty() != sound.uid.empty() || !object.doubt.empty();
  } catch (const core::Error&) {
    return true;
  }
}

void print(const char* title, const std::map<std::string, Count>& counts, std::uint64_t all, std::size_t most) {
  std::vector<std::pair<std::string, Count>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.flips - a.second.noticed > b.second.flips - b.second.noticed;
  });
  std::printf("\n%-70s %8s %8s %9s\n", title, "of all", "noticed", "missed");
  for (std::size_t at = 0; at < sorted.size() && at < most; ++at) {
    const Count& count = sorted[at].second;
    std::printf("%-70s %6.2f %% %6.1f %% %7.2f %%\n", sorted[at].first.c_str(),
                100.0 * static_cast<double>(count.flips) / static_cast<double>(all),
                100.0 * static_cast<double>(count.noticed) / static_cast<double>(count.flips),
                100.0 * static_cast<double>(count.flips - count.noticed) / static_cast<double>(all));
  }
}

std::vector<const Value*> decode_all(const std::vector<Value>& values) {
  std::map<std::string, std::pair<int, std::string>> problems;
  std::vector<const Value*> sound;
  std::uint64_t size = 0;
  std::uint64_t unknown = 0;
  for (const Value& value : values) {
    size += value.bytes.size();
    if (value.bytes.empty() || verifier::is_sealed(value.bytes)) continue;
    try {
      const verifier::StoredObject object = verifier::decode_object(value.bytes);
      unknown += object.unknown_fields + (object.unknown_kind ? 1 : 0);
      sound.push_back(&value);
    } catch (const core::Error& error) {
      auto& [count, key] = problems[error.what()];
      ++count;
      key = value.key;
    }
  }
  // The first time brings in what is parsed once and is not counted.
  double seconds = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double begin = now_seconds();
    for (const Value* value : sound) verifier::decode_object(value->bytes);
    seconds = std::min(seconds, now_seconds() - begin);
  }
  std::printf("%zu values, %.1f MB, decoded in %.3f s at best; %zu sound, %llu unknown kinds and fields\n",
              values.size(), static_cast<double>(size) / 1e6, seconds, sound.size(),
              static_cast<unsigned long long>(unknown));
  for (const auto& [problem, example] : problems)
    std::printf("%6d  %s  (%s)\n", example.first, problem.c_str(), example.second.c_str());
  return sound;
}

void flip_bits(const std::vector<const Value*>& sound, std::uint64_t flips, std::uint64_t seed) {
  std::vector<std::uint64_t> ends;
  std::uint64_t bytes = 0;
  for (const Value* value : sound) ends.push_back(bytes += value->bytes.size());
  std::mt19937_64 random(seed);
  std::map<std::string, Count> by_kind;
  std::map<std::string, Count> by_field;
  Count all;
  for (std::uint64_t flip = 0; flip < flips; ++flip) {
    const std::uint64_t bit = random() % (bytes * 8);
    const auto found = std::upper_bound(ends.begin(), ends.end(), bit / 8);
    const Value& value = *sound[static_cast<std::size_t>(found - ends.begin())];
    const auto at = static_cast<std::size_t>(bit / 8 - (*found - value.bytes.size()));
    const verifier::StoredObject object = verifier::decode_object(value.bytes);
    std::string changed = value.bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (bit % 8)));
    const bool noticed = is_noticed(changed, object);
    for (Count* count : {&all, &by_kind[object.kind], &by_field[object.kind + " " + where(value, object, at)]}) {
      ++count->flips;
      count->noticed += noticed ? 1 : 0;
    }
  }
  std::printf("%llu flips, %.1f %% noticed\n", static_cast<unsigned long long>(flips),
              100.0 * static_cast<double>(all.noticed) / static_cast<double>(flips));
  print("kind", by_kind, flips, 40);
  print("field", by_field, flips, 60);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bit_flips DATABASE [FLIPS [SEED]]\n");
    return 2;
  }
  const std::vector<Value> values = read_values(argv[1]);
  const std::vector<const Value*> sound = decode_all(values);
  if (argc > 2)
    flip_bits(sound, std::strtoull(argv[2], nullptr, 10), argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  return 0;
}
