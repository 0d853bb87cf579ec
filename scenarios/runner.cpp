#include "scenarios/runner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/cancel.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"

namespace scenarios {
namespace {

constexpr std::uint64_t kRoomKib = 2U << 20U;  // a node, its control plane, and a drill beside it

bool meets(const std::vector<Step>& steps, const std::function<bool(const Step&)>& condition) {
  return std::any_of(steps.begin(), steps.end(),
                     [&](const Step& step) { return condition(step) || meets(step.during, condition); });
}

void play(const Case& one, Room& room, CaseResult& result) {
  for (const Step& step : one.when) {
    std::optional<Outcome> outcome = room.take(step);
    if (!outcome) continue;
    const bool last = &step == &one.when.back();
    CommandResult command{std::move(*outcome), {}};
    command.differences =
        last && step.expect.empty() ? command.outcome.meanwhile : room.differences(step, command.outcome);
    result.commands.push_back(std::move(command));
    if (!result.commands.back().differences.empty()) return;
  }
  const Outcome none;
  const std::vector<std::string> at_the_end =
      room.differences(result.commands.empty() ? none : result.commands.back().outcome, one.then);
  if (at_the_end.empty()) return;
  if (result.commands.empty()) result.commands.push_back({});
  auto& all = result.commands.back().differences;
  all.insert(all.end(), at_the_end.begin(), at_the_end.end());
}

void keep_folder(const Case& one, const std::filesystem::path& room, const RunOptions& options, CaseResult& result) {
  const std::filesystem::path folder = options.out / one.name;
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  std::filesystem::create_directories(folder);
  for (const auto& entry : std::filesystem::directory_iterator(room)) {
    const std::string name = entry.path().filename();
    if (!options.keep && (name == "store" || name == "images" || name == "tmp")) continue;
    std::filesystem::copy(entry.path(), folder / name, std::filesystem::copy_options::recursive, ignored);
  }
  std::filesystem::copy_file(one.path, folder / one.path.filename(), ignored);
  result.folder = folder;
}

CaseResult run_case(const Case& one, const RunOptions& options) {
  CaseResult result;
  result.scenario = &one;
  result.reason = unmet_need(one, options.tools);
  if (!result.reason.empty()) return result;
  const core::Stopwatch watch;
  const core::ScratchDir scratch;
  const std::filesystem::path directory = scratch.path() / one.name;
  std::filesystem::create_directory(directory);
  {
    std::optional<Room> room;
    try {
      room.emplace(one, options.tools, directory);
      room->furnish();
      play(one, *room, result);
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      result.reason = error.what();
    }
    const bool differs = std::any_of(result.commands.begin(), result.commands.end(),
                                     [](const CommandResult& command) { return !command.differences.empty(); });
    result.verdict = differs || !result.reason.empty() ? Verdict::fail : Verdict::pass;
    if (room && (result.verdict == Verdict::fail || options.keep)) room->collect_logs();
    if (result.verdict == Verdict::fail || options.keep) keep_folder(one, directory, options, result);
  }
  result.duration = watch.elapsed();
  return result;
}

}  // namespace

namespace {

// Asked once: it starts a container to see.
std::string container_problem(const Tools& tools) {
  static std::mutex one_at_a_time;
  static std::optional<std::string> known;
  const std::lock_guard guard(one_at_a_time);
  if (known) return *known;
  const core::CommandResult checked =
      core::run_command({{(tools.scenarios / "container/node").string(), "up", "--check"}, std::chrono::minutes(10)});
  known = checked.exit_code == 0 ? "" : "there can be no container with systemd: " + checked.err;
  return *known;
}

}  // namespace

std::string unmet_need(const Case& one, const Tools& tools) {
  const bool root = ::geteuid() == 0;
  const auto needs = [&](Need need) {
    return meets(one.when, [&](const Step& step) { return step.fault != nullptr && step.fault->need == need; });
  };
  if (tools.game_day) {
    if (!one.has_tag("game-day")) return "it needs a node, or a cluster of its own";
    if (one.given.ages.size() > tools.game_day->count)
      return fmt::format("it needs {} snapshots, and there are {}", one.given.ages.size(), tools.game_day->count);
    return {};
  }
  if ((one.needs_node() || one.given.store_bytes || needs(Need::root)) && !root)
    return "it makes a node or mounts a file system: needs root";
  if (tools.engine != "container" && !std::filesystem::exists(tools.k3s))
    return fmt::format("there is no {}: scripts/build makes the stand-in", tools.k3s.string());
  const bool asks_for_standin =
      meets(one.when, [](const Step& step) { return step.drill.find("--engine standin") != std::string::npos; });
  if (asks_for_standin && tools.engine != "standin") return "it asks for the stand-in by name";
  if (needs(Need::standin) && tools.engine != "standin") return "it needs faults that only the stand-in has";
  if (meets(one.when, [](const Step& step) { return !step.clock.empty(); }) && !std::filesystem::exists(kFakeTime))
    return "it needs libfaketime: apt install libfaketime";
  if (one.needs_node() && (one.given.needs_systemd || tools.node_program.filename() == "node"))
    if (const std::string reason = container_problem(tools); !reason.empty()) return reason;
  if (one.needs_node())
    for (const char* program : {"/usr/sbin/sshd", "/usr/bin/sqlite3", "/usr/bin/sudo"})
      if (!std::filesystem::exists(program)) return fmt::format("a node needs {}: scripts/setup installs it", program);
  if (!one.given.ages.empty() && !root) return "its cluster is made on a node: needs root";
  return {};
}

std::vector<CaseResult> run_cases(const std::vector<Case>& cases, const RunOptions& options,
                                  const std::function<void(const Case&)>& began,
                                  const std::function<void(const CaseResult&)>& ended) {
  std::vector<CaseResult> results(cases.size());
  std::atomic<std::size_t> next{0};
  std::mutex one_at_a_time;
  std::exception_ptr thrown;
  bool failed = false;
  const auto work = [&] {
    for (std::size_t i = next++; i < cases.size(); i = next++) {
      try {
        {
          const std::lock_guard guard(one_at_a_time);
          if (thrown || (options.fail_fast && failed)) return;
          began(cases[i]);
        }
        results[i] = run_case(cases[i], options);
        const std::lock_guard guard(one_at_a_time);
        failed = failed || results[i].verdict == Verdict::fail;
        ended(results[i]);
      } catch (...) {
        const std::lock_guard guard(one_at_a_time);
        thrown = std::current_exception();
        return;
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(options.side_by_side, cases.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
  return results;
}

std::size_t rooms_side_by_side() {
  std::ifstream meminfo("/proc/meminfo");
  std::uint64_t available_kib = 0;
  for (std::string word; meminfo >> word;)
    if (word == "MemAvailable:") meminfo >> available_kib;
  const std::size_t by_memory = std::max<std::size_t>(1, available_kib / kRoomKib);
  return std::min<std::size_t>(std::max(1U, std::thread::hardware_concurrency()), by_memory);
}

}  // namespace scenarios
