// A TCP connection made so that it can be cancelled: names resolved aside, every address tried in turn.
// First step of a session; not used when the connection goes through a ProxyCommand.
#pragma once

#include <chrono>
#include <string>

#include "core/fd.hpp"

namespace ssh {

/// A connected, non-blocking socket to `host`. `timeout` is for all addresses together; the connection is lost when the
/// other end does not take what was sent for as long as `silence`.
/// Throws: unreachable (unknown name, refused, no route), timeout, cancelled; each names host and port.
core::Fd connect_tcp(const std::string& host, unsigned port, std::chrono::milliseconds timeout,
                     std::chrono::milliseconds silence);

}  // namespace ssh
