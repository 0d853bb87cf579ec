// The shell functions that the scripts of a restore are made of (node_script.hpp); what they share with a pull is in
// puller/remote_script.hpp. For dash, bash and busybox, under `set -u`. They read $data_dir, $server, $db, $work,
// $kubeconfig and $manager; those that move things also $aside and $kept.
#pragma once

#include <string_view>

namespace restorer {

/// Saying things, waiting, stopping, taking turns, moving there and back.
extern const std::string_view kRestoreFunctions;

/// Says the facts of a node (node.cpp); its last line does it.
extern const std::string_view kLook;

}  // namespace restorer
