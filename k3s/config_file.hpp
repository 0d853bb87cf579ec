// k3s's config.yaml and the parts in config.yaml.d as the flags that k3s makes of them. Pure.
// What it does not do: find the files, or know what a flag means.
#pragma once

#include <string>
#include <vector>

#include "k3s/flags.hpp"

namespace k3s {

struct ConfigFile {
  std::string path;
  std::string text;
};

struct ConfigFlags {
  std::vector<Flag> flags;
  std::vector<std::string> unreadable;  // "FILE, line 3": no YAML, or no map; k3s would not start on it
};

/// The flags of `files`, which come in k3s's order: config.yaml, then its parts by name. A later value replaces an
/// earlier one, one of `key+` is added to it. Source: k3s-io/k3s pkg/configfilearg/parser.go, gopkg.in/yaml.v2.
ConfigFlags flags_of_config(const std::vector<ConfigFile>& files);

/// A plain scalar of YAML 1.1 as k3s prints it: yes is "true", 0x10 "16", 1_000 "1000", 010 "8".
std::string printed_scalar(const std::string& text);

}  // namespace k3s
