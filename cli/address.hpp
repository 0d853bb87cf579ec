// Where ssh leads to, as people write it: node, user@node, node:2222, [::1]:2222, ssh://user@node:2222.
// What it does not do: look anything up.
#pragma once

#include <optional>
#include <string>

namespace cli {

struct Address {
  std::optional<std::string> user;
  std::string host;  // a name, or an address without brackets
  std::optional<int> port;
};

/// Nothing when `text` is none of these.
std::optional<Address> parse_address(const std::string& text);

}  // namespace cli
