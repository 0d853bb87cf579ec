// Messages with a file descriptor attached, over a SOCK_SEQPACKET Unix socket: how the sandbox and the drill talk.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/fd.hpp"

namespace drill {

struct PassedMessage {
  std::string bytes;
  core::Fd fd;  // empty when none was attached
};

/// Sends `bytes` (at most 64 KiB), with `fd` attached unless it is -1. False when the other side is gone.
bool send_message(int socket, std::string_view bytes, int fd = -1);

/// Waits for one message. Empty when the other side is gone.
std::optional<PassedMessage> receive_message(int socket);

}  // namespace drill
