// Snapshots that are read while retention takes them away.
#include "cli/stored_copy.hpp"

#include "cli/stored_candidate.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/store/shelf.hpp"

namespace {

std::string why_not(const std::function<void()>& read) {
  try {
    read();
    return "read";
  } catch (const core::Error& error) {
    return (error.kind() == core::ErrorKind::not_found ? "not found: " : "another kind: ") + std::string(error.what());
  }
}

}  // namespace

TEST_CASE("a snapshot that retention takes away while it is read is not called damaged") {
  shelf::Shelf shelf;
  shelf.add_day(0, 2);
  const std::vector<store::Snapshot> listed = shelf.store.list("edge");
  const drill::Candidate candidate = cli::candidate_of(shelf.store, listed.back());
  std::filesystem::remove_all(listed.back().directory);
  const std::string removed = "not found: " + listed.back().full_name() + " has been removed meanwhile";
  cli::StoredVerifier verifier(shelf.store, listed);
  CHECK(why_not([&] { cli::copy_stored(shelf.store, listed.back()); }) == removed);
  CHECK(why_not([&] { verifier.verify(listed.size() - 1); }) == removed);
  CHECK(why_not([&] { candidate.unpack(shelf.scratch.path() / "state.db"); }) == removed);
}

TEST_CASE("a store that has gone as a whole has not had its snapshots removed") {
  shelf::Shelf shelf;
  shelf.add_day(0, 1);
  const std::vector<store::Snapshot> listed = shelf.store.list("edge");
  std::filesystem::remove_all(shelf.root / "edge");
  CHECK_THAT(why_not([&] { cli::copy_stored(shelf.store, listed.back()); }), !Catch::Contains("has been removed"));
}
