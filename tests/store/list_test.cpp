// A month of hourly snapshots with their evidence, as real runs write it, is listed while nobody waits.
#include <algorithm>
#include <ctime>
#include <fstream>

#include "core/file.hpp"
#include "store/manifest.hpp"
#include "tests/catch.hpp"
#include "tests/sanitized.hpp"
#include "tests/store/shelf.hpp"

namespace {

// As long as a census of a busy cluster: a hundred resources, two hundred namespaces.
std::string evidence() {
  std::string json = R"({"schema": "k3s-drill/verify/1", "verdict": "pass", "started_at": "2026-11-01T00:20:00Z",
    "snapshot": {"name": "edge/x", "taken_at": "2026-11-01T00:17:00Z", "size_bytes": 36306944}, "objects": {)";
  for (int i = 0; i < 300; ++i) json += "\"resource-" + std::to_string(i) + ".example.org\": 17,\n    ";
  return json + R"("total": 5100}})";
}

// Of all threads: what else runs on this machine does not count.
template <class Work>
double processor_milliseconds(Work&& work) {
  const std::clock_t begin = std::clock();
  work();
  return 1e3 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE_METHOD(shelf::Shelf, "720 snapshots with long evidence are listed in under 50 ms") {
  const core::UtcTime first = *core::parse_compact("20261001T001700Z");
  const std::string proof = evidence();
  store::Manifest manifest;
  manifest.cluster = "edge";
  manifest.method = "sqlite3";
  store.lock("edge");
  for (int i = 0; i < 720; ++i) {
    manifest.taken_at = first + std::chrono::hours(i);
    manifest.name = core::format_compact(manifest.taken_at);
    manifest.bundle = {{"state.db", 36306944, std::string(64, 'a')}, {"token", 6, std::string(64, 'b')}};
    manifest.database = {"state.db.zst", 4, std::string(64, 'c'), {}};
    if (i % 24 != 0)
      manifest.database = {"state.db.patch.zst", 4, std::string(64, 'c'),
                           core::format_compact(first + std::chrono::hours(i / 24 * 24))};
    const std::filesystem::path directory = root / "edge" / manifest.name;
    std::filesystem::create_directory(directory);
    for (const auto& [name, content] : {std::pair<std::string, std::string>{manifest.database.file, "zstd"},
                                        {"token", "secret"},
                                        {"manifest.json", store::to_json(manifest)},
                                        {"verify.json", proof},
                                        {"run.json", proof}})
      std::ofstream(directory / name) << content;
  }
  // A slow machine may take longer than that, but not longer than it takes to read those files whole.
  double list_milliseconds = 1e9;
  double read_milliseconds = 1e9;
  for (int i = 0; i < (kSanitized ? 3 : 60); ++i) {
    std::vector<store::Snapshot> snapshots;
    list_milliseconds = std::min(list_milliseconds, processor_milliseconds([&] { snapshots = store.list("edge"); }));
    read_milliseconds = std::min(read_milliseconds, processor_milliseconds([&] {
                                   for (const store::Snapshot& snapshot : snapshots)
                                     for (const char* name : {"manifest.json", "verify.json", "run.json"})
                                       core::read_blocks(snapshot.directory / name, [](std::string_view) {});
                                 }));
    REQUIRE(snapshots.size() == 720);
    REQUIRE(snapshots.back().drilled->verdict == "pass");
    REQUIRE_FALSE(snapshots.back().lost);
  }
  INFO(list_milliseconds << " ms, reading alone " << read_milliseconds << " ms");
  CHECK((list_milliseconds < 50 || list_milliseconds < (kSanitized ? 20 : 1) * read_milliseconds));
}
