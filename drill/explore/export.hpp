// Namespaces of a restored cluster as YAML that can be applied again: one file for each object that somebody made, in
// the order in which it has to be applied, and in a directory of their own the objects of the cluster's scope that they
// need. Reads from a throwaway control plane; what is written and what is left out is decided in
// drill/explore/kubernetes_manifest.cpp. What it does not do: apply anything.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "drill/engine/api.hpp"
#include "drill/proof/proof.hpp"
#include "verifier/verify.hpp"

namespace drill {

struct ExportOptions {
  std::filesystem::path directory;      // not there yet, or empty
  std::vector<std::string> namespaces;  // none: all but those k3s makes itself
  std::vector<std::string> kinds;       // "secrets", "deploy", "IngressRoute"; none: all
};

struct ExportReport {
  std::filesystem::path directory;
  std::vector<std::string> namespaces;
  std::map<std::string, std::size_t> written;                           // below namespaces/, by resource
  std::map<std::string, std::size_t> cluster;                           // below cluster/, by resource
  std::map<std::pair<std::string, std::string>, std::size_t> left_out;  // by resource and reason
};

/// Throws: usage for a directory that is in use; not_found, denied, storage where it cannot be made.
void check_target(const std::filesystem::path& directory);

/// Writes `directory`: namespaces/NAMESPACE/NNN-RESOURCE/NAME.yaml and cluster/NNN-RESOURCE/NAME.yaml, 0600 in 0700.
/// `snapshot` says what has to be there; less than that is no export.
/// Throws: not_found for a namespace that is not there; usage for a kind; damaged, unreachable, timeout, storage,
/// cancelled. Leaves: no directory on failure.
ExportReport export_objects(ApiClient& api, const verifier::Verification& snapshot, const ExportOptions& options,
                            const MayRetry& may_retry);

}  // namespace drill
