#include "verifier/checks/census_check.hpp"

#include <fmt/format.h>

#include "verifier/kine/resource.hpp"

namespace verifier {
namespace {

// By the indexes on (name, id) and (id, deleted), without touching a value. Names are compared as kine compares them.
constexpr std::string_view kLiveKeys =
    "SELECT k.name FROM (SELECT max(id) AS id FROM main.kine WHERE name >= '/registry/' AND name < '/registry0' GROUP "
    "BY "
    "name) AS newest JOIN main.kine AS k USING (id) WHERE k.deleted = 0";

std::string_view plural_of(std::string_view resource) { return resource.substr(0, resource.find('.')); }

void count(KeyCensus& census, std::string_view plural, std::string_view namespace_name) {
  if (plural == "events" || plural == "leases") return;
  ++census.total;
  ++census.by_plural[std::string(plural)];
  if (!namespace_name.empty()) ++census.by_namespace[std::string(namespace_name)];
}

std::uint64_t count_of(const std::map<std::string, std::uint64_t>& counts, const std::string& name) {
  const auto at = counts.find(name);
  return at == counts.end() ? 0 : at->second;
}

int percent(std::uint64_t now, std::uint64_t then) {
  return static_cast<int>(100.0 * static_cast<double>(then - now) / static_cast<double>(then));
}

}  // namespace

bool shrank(std::uint64_t now, std::uint64_t then, double share) {
  return now < then && then - now >= kFewObjects &&
         static_cast<double>(then - now) >= share * static_cast<double>(then);
}

void for_each_live_key(Database& database, const std::function<void(std::string_view)>& take) {
  Statement statement(database, kLiveKeys);
  while (statement.step()) take(statement.bytes(0));
}

KeyCensus read_key_census(Database& database) {
  KeyCensus census;
  for_each_live_key(database, [&](std::string_view name) {
    const ParsedKey key = parse_key(name);
    if (key.kind == KeyKind::object) count(census, key.identity.plural, key.identity.namespace_name);
  });
  return census;
}

KeyCensus key_census_of(const ObjectList& objects) {
  KeyCensus census;
  for (const Object& object : objects) count(census, plural_of(object.resource), object.namespace_name);
  return census;
}

void check_census(const KeyCensus& now, const KeyCensus& then, const std::string& name, CheckBuilder& check) {
  if (shrank(now.total, then.total, kMassDeletion))
    check.error(
        fmt::format("{} of {} objects that {} holds are gone ({} %): a mass deletion, or a copy of something else",
                    then.total - now.total, then.total, name, percent(now.total, then.total)));
  for (const auto& [namespace_name, count] : then.by_namespace)
    if (count_of(now.by_namespace, namespace_name) == 0)
      check.warning(
          fmt::format("namespace {} is gone with all of its {} objects since {}", namespace_name, count, name));
  for (const auto& [plural, count] : then.by_plural)
    if (const std::uint64_t left = count_of(now.by_plural, plural); shrank(left, count, kShrunkKind))
      check.warning(
          fmt::format("{} {} since {}, {} before ({} % fewer)", left, plural, name, count, percent(left, count)));
  check.note(fmt::format("{} objects without events and leases, {} in {}", now.total, then.total, name));
}

}  // namespace verifier
