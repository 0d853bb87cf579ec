// Many snapshots at once: each is done exactly once, and a failure ends it all without losing what it was.
#include "cli/worker_pool.hpp"

#include <atomic>
#include <stdexcept>

#include "tests/catch.hpp"

TEST_CASE("runs are neighbours and cover a list exactly, whatever its length") {
  for (const std::size_t workers : {0UL, 1UL, 2UL, 5UL})
    for (const std::size_t count : {0UL, 1UL, 2UL, 3UL, 40UL, 720UL, 5000UL}) {
      std::size_t next = 0;
      for (const cli::Run& run : cli::split_in_runs(count, workers)) {
        CHECK(run.begin == next);
        CHECK(run.end > run.begin);
        next = run.end;
      }
      CHECK(next == count);
    }
  CHECK(cli::split_in_runs(720, 1).size() == 1);
  CHECK(cli::split_in_runs(40, 2).size() == 2);
}

TEST_CASE("each one is done once, by several workers, and progress ends at all") {
  std::vector<std::atomic<int>> done(1000);
  std::size_t told = 0;
  cli::work_through(
      cli::split_in_runs(1000, 3), 3,
      [&](const cli::Run& run, const std::function<void()>& note) {
        for (std::size_t i = run.begin; i < run.end; ++i) {
          ++done[i];
          note();
        }
      },
      [&](std::size_t count) { told = count; });
  for (const std::atomic<int>& count : done) CHECK(count == 1);
  CHECK(told == 1000);
}

TEST_CASE("progress ends at all also when the workers are done before anybody looks") {
  for (int i = 0; i < 1000; ++i) {
    std::size_t told = 0;
    cli::work_through(
        {{0, 1}}, 1, [](const cli::Run&, const std::function<void()>& note) { note(); },
        [&](std::size_t count) { told = count; });
    REQUIRE(told == 1);
  }
}

TEST_CASE("what a worker throws comes out once all have ended, and no run is begun after it") {
  std::atomic<int> begun{0};
  const auto work = [&](const cli::Run&, const std::function<void()>&) {
    ++begun;
    throw std::runtime_error("first");
  };
  CHECK_THROWS_WITH(cli::work_through(cli::split_in_runs(5000, 2), 2, work, {}), "first");
  CHECK(begun <= 2);
  CHECK_NOTHROW(cli::work_through({}, 2, work, {}));
}

TEST_CASE("the time left is told once it can be known") {
  CHECK(cli::time_left(0, 10, 5).empty());
  CHECK(cli::time_left(5, 10, 0.1).empty());
  CHECK(cli::time_left(10, 10, 50).empty());
  CHECK(cli::time_left(212, 720, 17.1) == ", 41 s left");
  CHECK(cli::time_left(1, 721, 10) == ", 2 h 0 min left");
}
