#include "cli/worker_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "core/clock.hpp"

namespace cli {
namespace {

constexpr std::size_t kShortestRun = 16;   // each run unpacks one snapshot more than it is long
constexpr std::size_t kRunsPerWorker = 8;  // so that all end at about the same time
constexpr double kTellingSeconds = 2;      // what was measured for less is no forecast

class WorkerPool {
 public:
  WorkerPool(const std::vector<Run>& runs, const std::function<void(const Run&, const std::function<void()>&)>& work)
      : runs_(runs), work_(work) {}

  void run(std::size_t workers, const std::function<void(std::size_t)>& progress) {
    std::vector<std::thread> threads;
    working_ = std::min(std::max<std::size_t>(workers, 1), runs_.size());
    for (std::size_t i = 0, count = working_; i < count; ++i) threads.emplace_back([this] { take_runs(); });
    watch(progress);
    for (std::thread& thread : threads) thread.join();
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  void take_runs() {
    try {
      while (const Run* run = next()) work_(*run, [this] { note_done(); });
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    --working_;
    changed_.notify_one();
  }

  const Run* next() {
    const std::lock_guard lock(mutex_);
    return failure_ || next_ == runs_.size() ? nullptr : &runs_[next_++];
  }

  void note_done() {
    const std::lock_guard lock(mutex_);
    ++done_;
    changed_.notify_one();
  }

  void watch(const std::function<void(std::size_t)>& progress) {
    std::unique_lock lock(mutex_);
    std::size_t told = 0;
    while (working_ > 0 || told != done_) {  // they may all have ended before this was reached
      changed_.wait(lock, [&] { return working_ == 0 || done_ != told; });
      told = done_;
      lock.unlock();
      if (progress) progress(told);
      lock.lock();
    }
  }

  const std::vector<Run>& runs_;
  const std::function<void(const Run&, const std::function<void()>&)>& work_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::size_t next_ = 0;
  std::size_t done_ = 0;
  std::size_t working_ = 0;
  std::exception_ptr failure_;
};

}  // namespace

std::size_t default_workers() { return std::max(1U, std::thread::hardware_concurrency()); }

std::vector<Run> split_in_runs(std::size_t count, std::size_t workers) {
  workers = std::max<std::size_t>(workers, 1);
  const std::size_t per_worker =
      std::clamp<std::size_t>(count / (workers * kShortestRun), 1, workers == 1 ? 1 : kRunsPerWorker);
  const std::size_t pieces = std::min(count, workers * per_worker);
  std::vector<Run> runs;
  for (std::size_t i = 0; i < pieces; ++i) runs.push_back({count * i / pieces, count * (i + 1) / pieces});
  return runs;
}

void work_through(const std::vector<Run>& runs, std::size_t workers,
                  const std::function<void(const Run&, const std::function<void()>&)>& work,
                  const std::function<void(std::size_t)>& progress) {
  WorkerPool(runs, work).run(workers, progress);
}

std::string time_left(std::size_t done, std::size_t total, double elapsed_seconds) {
  if (done == 0 || done >= total || elapsed_seconds < kTellingSeconds) return {};
  const double left = elapsed_seconds / static_cast<double>(done) * static_cast<double>(total - done);
  const auto whole = std::chrono::seconds(static_cast<std::int64_t>(left + 0.5));
  if (whole < std::chrono::minutes(1)) return fmt::format(", {} s left", whole.count());
  return ", " + core::format_duration(whole) + " left";
}

}  // namespace cli
