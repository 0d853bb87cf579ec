// What an operator has agreed to on the command line, before `drill restore` has looked at anything.
// --yes takes the place of the cluster's name that would be typed; with it, each of the other two says by its value
// what it means, so that a script which forces one restore never forces another.
#pragma once

#include <optional>
#include <string>

#include "cli/command.hpp"

namespace cli {

struct Consent {
  bool yes = false;
  std::optional<std::string> force;            // the snapshot's cluster; "": not said
  std::optional<std::string> replace_cluster;  // restorer::name_of_cluster(); "": whichever there is
};

/// Adds --yes, --force[=CLUSTER] and --replace-cluster[=NAME]. `consent` must outlive the parsing.
void declare_consent(CLI::App& app, Consent& consent);

/// Holds what was agreed to against the snapshot's `cluster`. Throws: usage.
void check_consent(const Consent& consent, const std::string& cluster);

/// Holds it against cluster `name`, which came to light only after the plan was agreed to. True: a person has to be
/// asked anew. Throws: usage when nobody can be, and the command line does not name it.
bool must_be_asked_about(const Consent& consent, const std::string& name);

}  // namespace cli
