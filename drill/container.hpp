// The engine in a docker container: no network, a tmpfs for its data, and a lifeline, so that it ends with us.
// Needs docker, and root to reach into the container's network.
#pragma once

#include <memory>
#include <string>

#include "drill/engine.hpp"

namespace drill {

/// The image for `version`, which must be on this host already. `pattern`: EngineSettings::image.
/// Throws: not_found (no docker, no image: with the command that loads it), denied.
EngineChoice find_container(const std::string& pattern, const std::string& version);

std::unique_ptr<Engine> make_container_engine(const EngineChoice& choice);

}  // namespace drill
