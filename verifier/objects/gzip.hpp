// The door to zlib. Helm keeps a release, and k3s' deploy controller what it applied last, as base64 of gzip, which
// carries a checksum: the only payloads in an object that can be vouched for to the last bit.
// Source: helm.sh/helm, pkg/storage/driver/util.go; github.com/rancher/wrangler, pkg/apply/desiredset_compare.go.
#pragma once

#include <string_view>

namespace verifier {

/// True when `text` begins as base64 of gzip does, whatever follows.
bool looks_like_packed(std::string_view text);

/// True when it is that, to its checksum. The padding may be missing. What unpacks to more than 256 MiB is taken as
/// sound.
bool is_packed(std::string_view text);

}  // namespace verifier
