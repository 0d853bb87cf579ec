#include "cli/address.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <string_view>

namespace cli {
namespace {

bool is_ipv6(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), &address) == 1;
}

bool may_be_host(const std::string& text) {
  return !text.empty() && text[0] != '-' && text.find_first_of(" \t/@[]") == std::string::npos &&
         (text.find(':') == std::string::npos || is_ipv6(text));
}

std::optional<int> parse_port(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1 || number > 65535) return std::nullopt;
  return number;
}

}  // namespace

std::optional<Address> parse_address(const std::string& text) {
  constexpr std::string_view kScheme = "ssh://";
  Address address;
  std::string rest = text;
  if (rest.starts_with(kScheme)) {
    rest.erase(0, kScheme.size());
    if (rest.ends_with('/')) rest.pop_back();
  }
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
    address.user = rest.substr(0, at);
    rest.erase(0, at + 1);
    if (address.user->empty()) return std::nullopt;
  }
  std::size_t host_end = rest.size();
  if (const std::size_t bracket = rest.find(']'); rest.starts_with('[') && bracket != std::string::npos)
    host_end = bracket + 1;
  else if (!is_ipv6(rest))
    host_end = std::min(rest.rfind(':'), rest.size());
  if (host_end < rest.size()) {
    if (rest[host_end] != ':') return std::nullopt;
    address.port = parse_port(std::string_view(rest).substr(host_end + 1));
    if (!address.port) return std::nullopt;
  }
  address.host = rest.substr(0, host_end);
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  if (!may_be_host(address.host)) return std::nullopt;
  return address;
}

}  // namespace cli
