#include "tests/store/shelf.hpp"

#include <fmt/format.h>

#include <fstream>
#include <random>

#include "core/as_owner.hpp"
#include "core/file.hpp"

namespace shelf {

std::string noise(std::size_t size_bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size_bytes, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

std::string database_at(int hour) {
  std::string bytes = noise(256U << 10U, 1);
  for (int h = 1; h <= hour; ++h) {
    const auto at = static_cast<std::size_t>(h) * 8192;
    bytes.replace(at, 2048, noise(2048, 1000U + static_cast<unsigned>(h)));
    bytes += noise(1024, 2000U + static_cast<unsigned>(h));
  }
  return bytes;
}

store::Snapshot Shelf::add(const std::string& name, const std::string& content, const core::ClusterIdentity& identity) {
  return put(name, content, identity, store::Arrival::imported);
}

store::Snapshot Shelf::capture(const std::string& name, const std::string& content) {
  return put(name, content, {}, store::Arrival::captured);
}

store::Snapshot Shelf::put(const std::string& name, const std::string& content, const core::ClusterIdentity& identity,
                           store::Arrival arrival) {
  const store::ClusterLock lock = store.lock("edge");
  store::Incoming incoming = store.receive("edge");
  const core::AsOwner as(incoming.root());
  core::write_new_file(incoming.image(), content);
  incoming.add(store::kTokenFile, "secret");
  store::Manifest manifest;
  manifest.taken_at = *core::parse_compact(name);
  manifest.method = "sqlite3";
  manifest.identity = identity;
  return incoming.commit(manifest, core::hash_file(incoming.image()), arrival);
}

void Shelf::add_day(int first, int last) {
  for (int h = first; h <= last; ++h) add(hour(h), database_at(h));
}

std::string Shelf::extract(const std::string& name) {
  const core::ScratchDir out;
  store.extract(store.find("edge/" + name), out.path() / "state.db");
  return core::read_file(out.path() / "state.db");
}

std::string Shelf::lost(const std::string& name) { return store.find("edge/" + name).lost.value_or(""); }

std::vector<std::string> Shelf::names() {
  std::vector<std::string> result;
  for (const store::Snapshot& snapshot : store.list("edge")) result.push_back(snapshot.manifest.name);
  return result;
}

void Shelf::prove(const std::string& name, store::Evidence kind, const std::string& verdict) {
  store.keep_evidence(store.find("edge/" + name), kind,
                      R"({"verdict": ")" + verdict + R"(", "started_at": "2026-11-24T02:00:00Z"})");
}

std::filesystem::path Shelf::packed(const std::string& name) {
  const store::Snapshot snapshot = store.find("edge/" + name);
  return snapshot.file(snapshot.manifest.database.file);
}

std::string hour(int hour) { return fmt::format("20261101T{:02}1700Z", hour); }

void flip(const std::filesystem::path& file) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(file) / 2);
  stream.seekg(middle);
  const char byte = static_cast<char>(stream.get() ^ 0x55);
  stream.seekp(middle);
  stream.put(byte);
}

}  // namespace shelf
