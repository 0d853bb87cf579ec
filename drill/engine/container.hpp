// The engine in a docker container: no network, no capability, its image read-only, a tmpfs for its data, caps, and a
// lifeline, so that it ends with us.
// Needs docker, and root to reach into the container's network.
#pragma once

#include <memory>
#include <string>

#include "drill/engine/engine.hpp"

namespace drill {

/// The image for `version`, which must be on this host already. `pattern`: EngineSettings::image.
/// Throws: not_found (no docker, no image: with the command that loads it), denied.
EngineChoice find_container(const std::string& pattern, const std::string& version);

std::unique_ptr<Engine> make_container_engine(const EngineChoice& choice, const Caps& caps);

/// Removes containers whose drill is dead, as a machine leaves them that lost its power: where we are root and there is
/// a docker that answers.
void remove_orphaned_containers();

}  // namespace drill
