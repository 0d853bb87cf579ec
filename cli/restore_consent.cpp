#include "cli/restore_consent.hpp"

#include <fmt/format.h>

#include "core/error.hpp"

namespace cli {
namespace {

using core::Error;
using core::ErrorKind;

// A flag takes a value behind an equals sign only, so that it never takes SNAPSHOT for one. Without it, it is "true".
void declare(CLI::App& app, const std::string& name, std::optional<std::string>& value, const std::string& help) {
  app.add_flag(name, help)->each([&value](const std::string& text) { value = text == "true" ? "" : text; });
}

}  // namespace

void declare_consent(CLI::App& app, Consent& consent) {
  app.add_flag("--yes", consent.yes, "Do not ask for the cluster's name");
  declare(app, "--force", consent.force,
          "Restore what can be read of a snapshot that fails a check; with --yes: --force=CLUSTER, its cluster's name");
  declare(app, "--replace-cluster", consent.replace_cluster,
          "Put aside another cluster that the node has; with --yes: --replace-cluster=NAME, as the refusal names it");
  // What --force was called when it forced less.
  app.add_flag_callback("--allow-unverified", [&consent] { consent.force = consent.force.value_or(""); })->group("");
}

void check_consent(const Consent& consent, const std::string& cluster) {
  if (consent.force && !consent.force->empty() && *consent.force != cluster)
    throw Error(ErrorKind::usage,
                fmt::format("--force={}: the snapshot is of cluster {}; nothing was changed", *consent.force, cluster));
  if (!consent.yes) return;
  if (consent.force && consent.force->empty())
    throw Error(ErrorKind::usage, fmt::format("--yes asks nothing, so --force has to name the cluster: --force={}; or "
                                              "leave --yes away and type the name when you are asked",
                                              cluster));
  if (consent.replace_cluster && consent.replace_cluster->empty())
    throw Error(ErrorKind::usage,
                "--yes asks nothing, so --replace-cluster has to name the cluster that may go: --replace-cluster=NAME, "
                "as the refusal without it names it");
}

bool must_be_asked_about(const Consent& consent, const std::string& name) {
  if (consent.replace_cluster == name) return false;
  if (!consent.yes) return true;
  throw Error(ErrorKind::usage,
              fmt::format("cluster {0} was not to be seen when --yes agreed to the plan, and --yes asks nothing: "
                          "--replace-cluster={0} names it, if it may go",
                          name));
}

}  // namespace cli
