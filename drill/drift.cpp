#include "drill/drift.hpp"

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

#include "drill/proof/writes.hpp"

namespace drill {
namespace {

constexpr std::size_t kExamplesPerKind = 8;

std::string place_of(const ServedObject& object) {
  return object.namespace_name.empty() ? object.name : object.namespace_name + "/" + object.name;
}

class Examples {
 public:
  explicit Examples(std::vector<std::string>& list) : list_(list) {}
  void add(std::string_view kind, const std::string& resource, const std::string& place) {
    if (counts_[std::string(kind)]++ < kExamplesPerKind)
      list_.push_back(fmt::format("{}: {} {}", kind, resource, place));
  }

 private:
  std::vector<std::string>& list_;
  std::unordered_map<std::string, std::size_t> counts_;
};

}  // namespace

Drift compare_over_time(const Listing& restored, const Listing& now) {
  Drift drift;
  Examples examples(drift.examples);
  std::unordered_map<std::string, const ServedList*> before;
  for (const ServedList& list : restored.lists) before.emplace(list.resource, &list);
  for (const ServedList& list : now.lists) {
    const auto earlier = before.find(list.resource);
    if (earlier == before.end() || list.status != 200 || earlier->second->status != 200) continue;
    std::unordered_map<std::string, const ServedObject*> gone;
    for (const ServedObject& object : earlier->second->objects) gone.emplace(place_of(object), &object);
    Drift::Counts counts;
    for (const ServedObject& object : list.objects) {
      if (object.namespace_name == kWritesNamespace || object.name == kWritesNamespace) continue;  // our own doing
      const std::string place = place_of(object);
      const auto found = gone.find(place);
      if (found == gone.end()) {
        ++counts.created;
        examples.add("created", list.resource, place);
        continue;
      }
      if (found->second->revision != object.revision) {
        ++counts.changed;
        examples.add("changed", list.resource, place);
      }
      gone.erase(found);
    }
    counts.deleted = gone.size();
    for (const auto& [place, object] : gone) examples.add("deleted", list.resource, place);
    if (counts.created + counts.changed + counts.deleted > 0) drift.by_resource.emplace(list.resource, counts);
  }
  return drift;
}

}  // namespace drill
