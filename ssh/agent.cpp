#include "ssh/agent.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include "core/error.hpp"

namespace ssh {
namespace {

// Source: draft-ietf-sshm-ssh-agent.
constexpr char kFailure = 5;
constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr std::size_t kMessageBytes = 256U << 10U;
constexpr timeval kPatience{10, 0};

std::string number(std::size_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> static_cast<unsigned>(shift));
  return bytes;
}

// The number at the front of `bytes`, taken off; 0 when there is none.
std::size_t take_number(std::string_view& bytes) {
  std::size_t value = 0;
  if (bytes.size() < 4) bytes = {};
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | static_cast<unsigned char>(byte);
  bytes.remove_prefix(std::min<std::size_t>(4, bytes.size()));
  return value;
}

std::string_view take_string(std::string_view& bytes) {
  const std::size_t size = take_number(bytes);
  const std::string_view taken = bytes.substr(0, size);
  bytes.remove_prefix(taken.size());
  return taken;
}

bool send_message(int fd, const std::string& message) {
  const std::string framed = number(message.size()) + message;
  std::string_view left = framed;
  while (!left.empty()) {
    const ssize_t put = ::send(fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    left.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

// Empty when the other end has gone, is silent or talks nonsense.
std::string receive_message(int fd) {
  const auto receive = [fd](std::size_t size_bytes) {
    std::string bytes(size_bytes, '\0');
    return ::recv(fd, bytes.data(), size_bytes, MSG_WAITALL) == static_cast<ssize_t>(size_bytes) ? bytes : "";
  };
  const std::string size = receive(4);
  std::string_view front = size;
  const std::size_t size_bytes = take_number(front);
  return size_bytes == 0 || size_bytes > kMessageBytes ? "" : receive(size_bytes);
}

core::Fd connect_agent(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return {};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  core::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  return fd;
}

struct AgentKey {
  std::string key;
  std::string comment;
};

std::vector<AgentKey> keys_of(int agent) {
  std::vector<AgentKey> keys;
  if (!send_message(agent, {kRequestIdentities})) return keys;
  const std::string answer = receive_message(agent);
  std::string_view rest = answer;
  if (!rest.starts_with(kIdentitiesAnswer)) return keys;
  rest.remove_prefix(1);
  take_number(rest);
  while (!rest.empty()) {
    const std::string_view key = take_string(rest);
    keys.push_back({std::string(key), std::string(take_string(rest))});
  }
  return keys;
}

}  // namespace

AgentView::AgentView(const std::string& socket, const std::vector<std::string>& requested, OtherKeys others)
    : agent_(connect_agent(socket)) {
  if (!agent_) return;
  std::vector<AgentKey> keys = keys_of(agent_.get());
  const auto rank = [&](const AgentKey& key) { return std::find(requested.begin(), requested.end(), key.key); };
  std::stable_sort(keys.begin(), keys.end(), [&](const AgentKey& a, const AgentKey& b) { return rank(a) < rank(b); });
  if (others == OtherKeys::not_offered)
    std::erase_if(keys, [&](const AgentKey& key) { return rank(key) == requested.end(); });
  list_ = kIdentitiesAnswer + number(keys.size());
  for (const AgentKey& key : keys) {
    list_ += number(key.key.size()) + key.key + number(key.comment.size()) + key.comment;
    keys_.push_back(key.key);
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw core::system_error(errno, "a connection to ssh-agent");
  client_end_ = core::Fd(ends[0]);
  server_end_ = core::Fd(ends[1]);
  try {
    server_ = std::thread([this] { serve(); });
  } catch (const std::system_error& error) {
    throw core::system_error(error.code().value(), "a thread for ssh-agent");
  }
}

AgentView::~AgentView() {
  if (!server_.joinable()) return;
  ::shutdown(server_end_.get(), SHUT_RDWR);
  ::shutdown(agent_.get(), SHUT_RDWR);
  server_.join();
}

void AgentView::serve() const {
  while (true) {
    const std::string request = receive_message(server_end_.get());
    if (request.empty()) return;
    std::string answer = list_;
    if (request.front() != kRequestIdentities)
      answer = send_message(agent_.get(), request) ? receive_message(agent_.get()) : std::string();
    if (answer.empty()) answer = kFailure;
    if (!send_message(server_end_.get(), answer)) return;
  }
}

}  // namespace ssh
