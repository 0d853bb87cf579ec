// Versions as Kubernetes, k3s and SQLite write them: "v1.36.2+k3s1", "3.40.1 2022-12-28 ...".
// What it does not do: know what a version can do.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace core {

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned patch = 0;

  friend auto operator<=>(const Version&, const Version&) = default;
};

/// Three numbers, after a "v" or none, and into `rest`, when given, what follows them. Empty for anything else.
std::optional<Version> parse_version(std::string_view text, std::string_view* rest = nullptr);

/// The second number of "v1.25", "v1.36.2+k3s1" and their like, of Kubernetes 1. Empty for anything else.
std::optional<unsigned> kubernetes_minor(std::string_view version);

}  // namespace core
