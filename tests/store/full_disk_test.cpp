// A store whose disk becomes full at each small step of what writes into it: what was there stays whole, what could not
// be made is not there, and the message says that the disk is full.
#include <fmt/format.h>

#include "core/error.hpp"
#include "store/manifest.hpp"
#include "store/retention.hpp"
#include "tests/catch.hpp"
#include "tests/small_disk.hpp"
#include "tests/store/shelf.hpp"

using shelf::hour;
using shelf::Shelf;

namespace {

// What `work` has against a disk that is full; empty when it found room.
template <class Work>
std::string refusal(Work&& work) {
  try {
    work();
    return {};
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::storage);
    CHECK_THAT(error.what(), Catch::Contains("No space left on device"));
    return error.what();
  }
}

}  // namespace

TEST_CASE("a disk that becomes full at any step of a capture, of evidence or of the history leaves the store whole") {
  if (!lab::SmallDisk::missing().empty()) {
    WARN("test skipped: " << lab::SmallDisk::missing());
    return;
  }
  std::size_t captured = 0;
  std::size_t refused = 0;
  for (const std::string& size : [] {
         std::vector<std::string> sizes;
         for (int pages = 70; pages < 280; pages += 3) sizes.push_back(fmt::format("size={}k", 4 * pages));
         for (int inodes = 4; inodes < 24; ++inodes) sizes.push_back(fmt::format("nr_inodes={}", inodes));
         return sizes;
       }()) {
    Shelf shelf;
    const lab::SmallDisk disk(shelf.root, size);
    INFO(size);
    std::vector<std::string> there;
    for (int h = 0; h < 2; ++h) {
      const bool is_there = refusal([&] { shelf.capture(hour(h), shelf::database_at(h)); }).empty();
      (is_there ? captured : refused) += 1;
      if (is_there) there.push_back(hour(h));
      CHECK(shelf.names() == there);
    }
    if (!there.empty()) {
      refusal([&] { shelf.prove(there.back(), store::Evidence::verify, "pass"); });
      refusal([&] { shelf.store.note_drill("edge", std::string(3000, 'x')); });
      refusal([&] { shelf.store.record_series("edge", {"uid", "ca"}); });
    }
    for (const std::string& line :
         refusal([&] { shelf.store.drills("edge"); }).empty() ? shelf.store.drills("edge") : std::vector<std::string>())
      CHECK(line == std::string(3000, 'x'));
    for (const std::string& name : there) CHECK(shelf.extract(name).size() > 0);
    store::RetentionRules rules;
    rules.last = 1;
    if (!there.empty()) CHECK_NOTHROW(shelf.store.apply_retention("edge", rules));
    disk.grow();
    CHECK_NOTHROW(shelf.capture(hour(5), shelf::database_at(5)));
    CHECK(shelf.extract(hour(5)) == shelf::database_at(5));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(shelf.root))
      CHECK_FALSE(entry.path().filename().string().ends_with(".tmp"));
  }
  CHECK(captured > 20);
  CHECK(refused > 20);
}
