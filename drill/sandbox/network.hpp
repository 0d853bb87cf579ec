// The network of a sandbox: loopback up, one address, no route.
#pragma once

#include <string_view>

namespace drill {

/// In the current network namespace: raises `lo` and gives it `address` (IPv4) as well. False with errno set on
/// failure.
bool raise_network(std::string_view address) noexcept;

}  // namespace drill
