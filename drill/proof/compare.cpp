#include "drill/proof/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "core/mutation.hpp"

namespace drill {
namespace {

constexpr std::size_t kExamplesPerKind = 5;

std::string place_of(std::string_view resource, std::string_view namespace_name, std::string_view name) {
  return namespace_name.empty() ? fmt::format("{} {}", resource, name)
                                : fmt::format("{} {}/{}", resource, namespace_name, name);
}

class Examples {
 public:
  explicit Examples(std::vector<std::string>& list) : list_(list) {}
  void add(std::string_view kind, const std::string& place) {
    if (counts_[std::string(kind)]++ < kExamplesPerKind) list_.push_back(fmt::format("{}: {}", kind, place));
  }

 private:
  std::vector<std::string>& list_;
  std::map<std::string, std::size_t> counts_;
};

void add_finding(Equality& equality, std::uint64_t count, std::string_view what) {
  if (count > 0)
    equality.findings.push_back(
        {core::Severity::error, fmt::format("{} of {} objects {}", count, equality.expected, what), {}, {}});
}

}  // namespace

Equality compare(const std::vector<verifier::Object>& expected, const std::vector<ServedList>& served) {
  if (core::mutated("run-no-compare")) return {};
  Equality equality;
  equality.expected = expected.size();
  Examples examples(equality.examples);

  std::unordered_map<std::string, const verifier::Object*> by_place;
  std::unordered_set<std::string_view> uids;
  std::set<std::string_view> resources;
  for (const verifier::Object& object : expected) {
    by_place.emplace(place_of(object.resource, object.namespace_name, object.name), &object);
    uids.insert(object.uid);
    resources.insert(object.resource);
  }

  std::unordered_set<const verifier::Object*> seen;
  std::set<std::string_view> unread;
  for (const ServedList& list : served) {
    if (list.status != 200) {
      const bool requested = resources.count(list.resource) != 0;
      if (requested && list.not_yet()) unread.insert(list.resource);
      equality.findings.push_back({requested ? core::Severity::error : core::Severity::note,
                                   fmt::format("{} cannot be listed (HTTP {}){}: {}", list.resource, list.status,
                                               requested ? "" : ", and the snapshot holds none of them", list.message),
                                   {},
                                   {}});
      continue;
    }
    if (!list.message.empty())
      equality.findings.push_back({core::Severity::warning,
                                   fmt::format("{} {} were read one by one, which shows no additional ones: {}",
                                               list.objects.size(), list.resource, list.message),
                                   {},
                                   {}});
    for (const ServedObject& object : list.objects) {
      const std::string place = place_of(list.resource, object.namespace_name, object.name);
      const auto found = by_place.find(place);
      if (found == by_place.end()) {
        if (object.uid.empty() || uids.count(object.uid) != 0) continue;
        ++equality.unexpected;
        examples.add("unexpected", place);
        continue;
      }
      const verifier::Object& original = *found->second;
      if (!seen.insert(&original).second) continue;
      if (object.revision == original.revision && (original.uid.empty() || object.uid == original.uid)) {
        ++equality.matched;
      } else {
        ++equality.different;
        examples.add("different", fmt::format("{} (snapshot {} at {}, restored {} at {})", place, original.uid,
                                              original.revision.value, object.uid, object.revision.value));
      }
    }
  }
  for (const verifier::Object& object : expected) {
    if (seen.count(&object) != 0) continue;
    if (unread.count(object.resource) != 0) {
      ++equality.unread;
      continue;
    }
    ++equality.missing;
    examples.add("missing", place_of(object.resource, object.namespace_name, object.name));
  }
  add_finding(equality, equality.missing, "of the snapshot are missing in the restored cluster");
  add_finding(equality, equality.different, "came back with another uid or resourceVersion");
  add_finding(equality, equality.unexpected, "are served that the snapshot does not hold");
  add_finding(equality, equality.unread, "were not compared, as the restored API was not ready to list them");
  return equality;
}

core::Check check_of(const Equality& equality) {
  core::Check check{"objects", core::CheckVerdict::pass, equality.findings, {}};
  const bool sound = std::none_of(equality.findings.begin(), equality.findings.end(), [](const core::Finding& finding) {
    return finding.severity == core::Severity::error;
  });
  const bool only_unread = equality.unread > 0 && equality.missing + equality.different + equality.unexpected == 0;
  if (!sound) check.verdict = only_unread ? core::CheckVerdict::could_not_run : core::CheckVerdict::fail;
  return check;
}

}  // namespace drill
