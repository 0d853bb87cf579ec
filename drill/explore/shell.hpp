// The shell of an exploration: it reads the user's start files, and then has the variables that lead kubectl to the
// snapshot, and a prompt that says it is a copy. What it does not do: start it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace drill {

using Environment = std::map<std::string, std::string>;

/// Whether it is known what this shell reads as it starts, so that it cannot lead kubectl to another cluster.
bool is_known_shell(const std::string& shell);

/// Has the shell `argv` read files of ours, made in `scratch`, which read the user's own and then set `environment`
/// again: one that sets KUBECONFIG as it starts would be in the real cluster. Its prompt begins with the name of the
/// snapshot, DRILL_SNAPSHOT in `environment`. Throws: storage.
void prepare_shell(std::vector<std::string>& argv, Environment& environment, const std::filesystem::path& scratch);

}  // namespace drill
