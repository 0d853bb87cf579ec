// Counts what finds which damage, and prints it as Markdown. Run by scripts/bench detection.
//
//   detection table CURRENT PREVIOUS OTHER TOKEN CASES     every damage CASES times, on a copy of CURRENT
//   detection bits NAME IMAGE PREVIOUS TOKEN CASES         single bits anywhere in IMAGE, and where the missed ones lie
//
// PREVIOUS may be "-": then it is IMAGE without its newest two thousand rows. The seed of a case is its number, from 1.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "core/scratch_dir.hpp"
#include "tests/verifier/damage_tools.hpp"
#include "tests/verifier/outcome.hpp"
#include "tests/verifier/page_map.hpp"
#include "tests/verifier/value_region.hpp"

namespace {

using damage::Outcome;

constexpr unsigned kThreads = 2;

verifier::Token read_token(const char* path) { return verifier::parse_token(damage::read_bytes(path)); }

// Calls work(0) to work(count-1) from kThreads threads.
void in_parallel(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::jthread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&] {
      for (std::size_t at = next++; at < count; at = next++) work(at);
    });
}

struct Tally {
  int cases = 0;
  int quick_check = 0;
  int integrity_check = 0;
  int content = 0;
  int warned_alone = 0;  // without a failing check
  int warned = 0;        // the same with the snapshot before
  int previous = 0;
  int hash = 0;
  std::map<std::string, int> found_by;

  void count(const Outcome& outcome) {
    if (!outcome.applied) return;
    ++cases;
    quick_check += outcome.quick_check;
    integrity_check += outcome.integrity_check;
    content += outcome.content;
    warned_alone += outcome.warned_alone && !outcome.content;
    warned += outcome.warned && !outcome.previous;
    previous += outcome.previous;
    hash += outcome.hash;
    ++found_by[outcome.found_by.empty() ? "nothing" : outcome.found_by];
  }
};

std::string text_of(const std::map<std::string, int>& counted) {
  std::vector<std::pair<std::string, int>> sorted(counted.begin(), counted.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [what, times] : sorted)
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", what, sorted.size() > 1 ? fmt::format(" {}", times) : "");
  return text;
}

std::string with_warnings(int found, int warned) {
  return warned == 0 ? std::to_string(found) : fmt::format("{} +{} warned", found, warned);
}

void print_table(const std::vector<damage::Damage>& damages, const std::vector<Tally>& tallies) {
  fmt::print(
      "| damage | what it does | n | quick_check | integrity_check | drill | with the snapshot before | with the hash "
      "| found first by | least needed |\n|---|---|---|---|---|---|---|---|---|---|\n");
  for (std::size_t at = 0; at < damages.size(); ++at) {
    const damage::Damage& one = damages[at];
    const Tally& tally = tallies[at];
    if (tally.cases == 0) continue;
    const std::string why = one.why.empty() ? "" : fmt::format(": {}", one.why);
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {}{} |\n", one.name, one.what, tally.cases,
               tally.quick_check, tally.integrity_check, with_warnings(tally.content, tally.warned_alone),
               with_warnings(tally.previous, tally.warned), one.captured ? "-" : std::to_string(tally.hash),
               text_of(tally.found_by), to_string(one.needs), why);
  }
}

int run_table(char** arguments) {
  damage::Stage stage{arguments[2], arguments[3], arguments[4], read_token(arguments[5]), {}, {}, {}};
  const auto cases = static_cast<std::size_t>(std::stoul(arguments[6]));
  damage::prepare(stage);
  const std::vector<damage::Damage>& damages = damage::vocabulary();
  std::vector<Tally> tallies(damages.size());
  std::mutex lock;
  int unmet = 0;
  in_parallel(damages.size() * cases, [&](std::size_t at) {
    const damage::Damage& one = damages[at / cases];
    const std::uint64_t seed = at % cases + 1;
    Outcome outcome;
    try {
      outcome = damage::check(stage, one, seed);
    } catch (const std::exception& error) {
      const std::scoped_lock held(lock);
      fmt::print(stderr, "{}, seed {}: {}\n", one.name, seed, error.what());
      ++unmet;
      return;
    }
    const std::scoped_lock held(lock);
    tallies[at / cases].count(outcome);
    if (!outcome.applied || as_needed(one, outcome)) return;
    fmt::print(stderr, "{}, seed {}: needs {}, found by {}\n", one.name, seed, to_string(one.needs),
               outcome.found_by.empty() ? "nothing" : outcome.found_by);
    ++unmet;
  });
  print_table(damages, tallies);
  fmt::print(stderr, "{} cases were not found as they should be\n", unmet);
  return unmet == 0 ? 0 : 1;
}

// --- Bits ------------------------------------------------------------------------------------------------------------

std::string place_of(const pages::PageMap& map, const damage::Log& log, std::uint64_t offset) {
  const pages::Region& region = map.at(offset);
  if (region.part != pages::Part::column) return std::string(to_string(region.part));
  const damage::LogRow* row = log.find(region.row);
  static constexpr std::string_view kColumns[] = {
      "id", "name", "created", "deleted", "create_revision", "prev_revision", "lease"};
  if (region.column < pages::kValue) return "column " + std::string(kColumns[region.column]);
  if (row == nullptr) return "a row that is not there";
  const std::string value = map.content_of(region.row, region.column);
  const std::uint64_t at = region.at + (offset - region.offset);
  return std::string(region.column == pages::kOldValue ? "old value: "
                     : row->newest                     ? ""
                                                       : "superseded value: ") +
         pages::name_value_region(row->name, value, at);
}

struct Image {
  damage::Stage stage;
  pages::PageMap map;
  damage::Log log;
};

// Copies the image, so that a log can be read from it, and cuts a snapshot before it where there is none.
Image take_image(const core::ScratchDir& scratch, char** arguments) {
  const std::filesystem::path database = scratch.path() / "image.db";
  std::filesystem::path previous = arguments[4];
  std::filesystem::copy_file(arguments[3], database);
  if (previous == "-") {
    previous = scratch.path() / "previous.db";
    std::filesystem::copy_file(arguments[3], previous);
    damage::Surgery surgery(previous);
    surgery.run("DELETE FROM kine WHERE id > (SELECT max(id) FROM kine) - 2000");
    surgery.run("UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM kine) WHERE name = 'kine'");
  }
  damage::Log log = damage::Surgery(database).log();
  damage::Stage stage{database, previous, {}, read_token(arguments[5]), {}, {}, {}};
  damage::prepare(stage);
  return {stage, pages::PageMap(database), std::move(log)};
}

struct Missed {
  std::map<std::string, int> alone;
  std::map<std::string, int> with_previous;
};

void print_missed(const Missed& missed) {
  std::vector<std::pair<int, std::string>> places;
  for (const auto& [place, times] : missed.alone) places.emplace_back(times, place);
  std::sort(places.rbegin(), places.rend());
  fmt::print(
      "| missed by the content alone, without a warning, in | times | of them missed with the snapshot before "
      "|\n|---|---|---|\n");
  for (const auto& [times, place] : places) {
    const auto still = missed.with_previous.find(place);
    fmt::print("| {} | {} | {} |\n", place, times, still == missed.with_previous.end() ? 0 : still->second);
  }
}

int run_bits(char** arguments) {
  const core::ScratchDir scratch;
  const Image image = take_image(scratch, arguments);
  const auto cases = static_cast<std::size_t>(std::stoul(arguments[6]));
  std::vector<std::unique_ptr<core::ScratchDir>> desks;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    desks.push_back(std::make_unique<core::ScratchDir>());
    std::filesystem::copy_file(image.stage.database, desks.back()->path() / "state.db");
  }
  std::mutex lock;
  Tally tally;
  Missed missed;
  in_parallel(cases, [&](std::size_t at) {
    std::mt19937_64 random(at + 1);
    const std::uint64_t offset = std::uniform_int_distribution<std::uint64_t>(0, image.map.bytes().size() - 1)(random);
    const auto bit = static_cast<unsigned>(random() % 8);
    std::unique_ptr<core::ScratchDir> desk;
    {
      const std::scoped_lock held(lock);
      desk = std::move(desks.back());
      desks.pop_back();
    }
    verifier::Subject subject{desk->path() / "state.db", image.stage.token, image.stage.sha256};
    subject.taken_at = image.stage.taken_at;
    subject.previous = verifier::Previous{"before", image.stage.previous, image.stage.token};
    damage::flip_bit(subject.database, offset, bit);
    Outcome outcome = look(image.stage, subject);
    outcome.quick_check = damage::sqlite_finds(subject.database, "quick_check");
    outcome.integrity_check = damage::sqlite_finds(subject.database, "integrity_check");
    damage::flip_bit(subject.database, offset, bit);
    const std::scoped_lock held(lock);
    desks.push_back(std::move(desk));
    tally.count(outcome);
    if (outcome.content || outcome.warned_alone) return;
    const std::string place = place_of(image.map, image.log, offset);
    ++missed.alone[place];
    if (!outcome.previous && !outcome.warned) ++missed.with_previous[place];
  });
  const auto share = [&](int found) { return fmt::format("{:.1f} %", 100.0 * found / tally.cases); };
  fmt::print(
      "{}: {} bits, one at a time. Found by quick_check {}, integrity_check {}, drill {} and a warning of {} more, "
      "with "
      "the snapshot before {} and {}, with the hash {}.\n\n",
      arguments[2], tally.cases, share(tally.quick_check), share(tally.integrity_check), share(tally.content),
      share(tally.warned_alone), share(tally.previous), share(tally.warned), share(tally.hash));
  print_missed(missed);
  return tally.hash == tally.cases ? 0 : 1;
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::string what = argument_count == 7 ? arguments[1] : "";
  if (what == "table") return run_table(arguments);
  if (what == "bits") return run_bits(arguments);
  fmt::print(stderr,
             "usage: detection table CURRENT PREVIOUS OTHER TOKEN CASES\n"
             "       detection bits NAME IMAGE PREVIOUS|- TOKEN CASES\n");
  return 2;
}
