#include "tests/cli/kill_every_step.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <iterator>

#include "core/clock.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"

namespace bench {
namespace {

Names open_to_others(const std::filesystem::path& store) {
  Names found;
  if (!std::filesystem::exists(store)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    struct stat facts {};
    if (::lstat(entry.path().c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) found.push_back(entry.path());
  }
  return found;
}

Names without(const Names& names, const Names& others) {
  Names left;
  std::set_difference(names.begin(), names.end(), others.begin(), others.end(), std::back_inserter(left));
  return left;
}

}  // namespace

Names whole_snapshots(const Desk& desk) {
  const core::CommandResult listed = desk.drill({"list", "--json"});
  REQUIRE(listed.exit_code == 0);
  const auto document = parse(listed);
  store::Store store(desk.store);
  Names names;
  for (const auto& entry : document.at("snapshots")) {
    INFO(entry.dump());
    names.push_back(entry.at("snapshot"));
    const store::Snapshot snapshot = store.find(names.back());
    CHECK_FALSE(snapshot.lost);
    const core::ScratchDir scratch;
    for (const store::BundleFile& file : snapshot.manifest.bundle) {
      const core::CopiedFile back = file.path == store::kDatabaseFile
                                        ? store.extract(snapshot, scratch.path() / "state.db")
                                        : core::hash_file(snapshot.file(file.path));
      CHECK(back.sha256 == file.sha256);
    }
  }
  return names;
}

Names leftovers(const std::filesystem::path& store) {
  Names found;
  if (!std::filesystem::exists(store)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() ? !core::parse_compact(name) && name != "edge"
                             : name != ".lock" && (name.starts_with('.') || name.ends_with(".tmp")))
      found.push_back(entry.path());
  }
  return found;
}

Outlook kill_before_every_step(const Desk& desk, const std::vector<std::string>& arguments,
                               const std::function<core::CommandResult()>& next) {
  const std::filesystem::path as_it_was = desk.scratch.path() / "as-it-was";
  const auto copy = [](const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::remove_all(to);
    if (std::filesystem::exists(from)) std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
  };
  copy(desk.store, as_it_was);
  const Names before = whole_snapshots(desk);
  REQUIRE(desk.drill(arguments).exit_code == 0);
  const Names at_the_end = whole_snapshots(desk);
  const Names removed = without(before, at_the_end);
  Outlook outlook{without(at_the_end, before).size(), removed.size(), 0};

  for (bool killed = true; killed; ++outlook.kills) {
    copy(as_it_was, desk.store);
    const crash::Outcome outcome =
        crash::run({desk.command(arguments), {}}, outlook.kills + 1, [&](const crash::Step& step) {
          INFO("before " << crash::to_string(step));
          CHECK(open_to_others(desk.store).empty());
        });
    killed = outcome.killed_before.has_value();
    INFO("step " << outlook.kills + 1 << ": " << (killed ? crash::to_string(*outcome.killed_before) : outcome.output));
    const Names after = whole_snapshots(desk);
    CHECK(without(without(before, removed), after) == Names{});
    if (!killed) CHECK(outcome.exit_code == 0);
    const core::CommandResult repaired = next();
    INFO(repaired.out << repaired.err);
    CHECK(repaired.exit_code == 0);
    CHECK(leftovers(desk.store) == Names{});
    const std::size_t count = whole_snapshots(desk).size();
    CHECK(count >= at_the_end.size());
    CHECK(count <= at_the_end.size() + outlook.added);  // a pull that had arrived before the kill, and the next
  }
  --outlook.kills;
  return outlook;
}

}  // namespace bench
