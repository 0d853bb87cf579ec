#include "reports/series.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "reports/page.hpp"

namespace reports {

std::string series_json(const std::string& cluster, const std::vector<SeriesMember>& members) {
  using json = nlohmann::ordered_json;
  json list = json::array();
  for (const SeriesMember& member : members)
    list.push_back({{"counts", member.counts},
                    {"kube_system_uid", member.identity.kube_system_uid},
                    {"ca_sha256", member.identity.ca_sha256},
                    {"snapshots", member.snapshots},
                    {"oldest", member.oldest},
                    {"newest", member.newest}});
  const json document = {{"schema", "k3s-drill/series/1"}, {"cluster", cluster}, {"clusters", list}};
  return core::json_text(document);
}

std::string series_text(const std::string& cluster, const std::vector<SeriesMember>& members) {
  std::string text;
  for (const SeriesMember& member : members) {
    text +=
        fmt::format("{} {}\n", member.counts ? core::printable(cluster) + " is the cluster" : "beside it, not counted:",
                    core::printable(core::describe(member.identity)));
    text += fmt::format("  {}, {} to {}\n", counted(member.snapshots, "snapshot"), core::printable(member.oldest),
                        core::printable(member.newest));
  }
  return text;
}

}  // namespace reports
