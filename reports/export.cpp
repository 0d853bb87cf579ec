#include "reports/export.hpp"

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "reports/page.hpp"

namespace reports {
namespace {

using json = nlohmann::ordered_json;
using Counts = std::map<std::string, std::size_t>;

constexpr std::array<std::pair<const char*, const char*>, 7> kReasons{{
    {"controller", "made by a controller from something else"},
    {"cluster", "made by every cluster itself"},
    {"token", "tokens that the server made for service accounts"},
    {"transient", "events and leases"},
    {"finished", "jobs and pods that ran to their end"},
    {"not_served", "not served by this control plane"},
    {"unconverted", "stored in a version that only a webhook converts"},
}};

std::size_t sum(const Counts& counts) {
  std::size_t total = 0;
  for (const auto& [resource, count] : counts) total += count;
  return total;
}

// "12 secrets, 3 services"
std::string list_text(const Counts& counts) {
  std::string text;
  for (const auto& [resource, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, core::printable(resource));
  return text;
}

}  // namespace

std::string export_json(const std::string& snapshot, const drill::ExportReport& report) {
  json left_out = json::array();
  for (const auto& [what, count] : report.left_out)
    left_out.push_back({{"resource", what.first}, {"reason", what.second}, {"count", count}});
  const json document = {{"schema", "k3s-drill/explore-export/1"},
                         {"snapshot", snapshot},
                         {"directory", report.directory.string()},
                         {"namespaces", report.namespaces},
                         {"written", report.written},
                         {"cluster", report.cluster},
                         {"left_out", left_out}};
  return core::json_text(document);
}

std::string export_text(const std::string& snapshot, const drill::ExportReport& report) {
  const std::string directory = core::printable(report.directory.string());
  std::string text =
      fmt::format("{}: {} of {} in {}\n", core::printable(snapshot), counted(sum(report.written), "object"),
                  counted(report.namespaces.size(), "namespace"), directory);
  if (!report.written.empty()) text += fmt::format("  namespaces/  {}\n", list_text(report.written));
  if (!report.cluster.empty()) text += fmt::format("  cluster/     {}\n", list_text(report.cluster));
  for (const auto& [reason, meaning] : kReasons) {
    Counts counts;
    for (const auto& [what, count] : report.left_out)
      if (what.second == reason) counts[what.first] = count;
    if (!counts.empty()) text += fmt::format("  left out     {}: {}\n", meaning, list_text(counts));
  }
  if (!report.cluster.empty())
    text += fmt::format("look at {0}/cluster first, for it is the whole cluster's; then {1}\n", directory,
                        unbroken("kubectl apply --server-side -R -f " + directory + "/cluster"));
  return text + unbroken("kubectl apply --server-side -R -f " + directory + "/namespaces") + "\n";
}

}  // namespace reports
