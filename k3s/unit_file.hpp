// How systemd starts a service, by its unit, drop-ins and environment files. Pure.
// Source: systemd.syntax(7), systemd.service(5), systemd.exec(5); src/basic/extract-word.c, src/basic/env-file.c.
// What it does not do: find the files (the node does), or know what other units and the manager itself set.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "k3s/environment.hpp"
#include "k3s/told.hpp"

namespace k3s {

/// `units`: the unit, then its drop-ins, in systemd's order. `environments`: those of its environment files that there
/// are.
Start systemd_start(const std::vector<NodeFile>& units, const std::vector<NodeFile>& environments);

/// Adds what the text of an environment file sets.
void read_environment_file(const std::string& text, const std::string& file, Environment& environment);

}  // namespace k3s
