#include "tests/puller/relay.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <stdexcept>

#include "core/file.hpp"

namespace lab {
namespace {

sockaddr_in address_of(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

bool forward(int from, int to, std::uint64_t limit_bytes, std::uint64_t& passed) {
  std::array<char, 16384> buffer;
  const ssize_t got = ::read(from, buffer.data(), std::min<std::uint64_t>(buffer.size(), limit_bytes));
  if (got <= 0) return false;
  passed = static_cast<std::uint64_t>(got);
  for (ssize_t done = 0; done < got;) {
    const ssize_t put = ::send(to, buffer.data() + done, static_cast<std::size_t>(got - done), MSG_NOSIGNAL);
    if (put <= 0) return false;
    done += put;
  }
  return true;
}

}  // namespace

Relay::Relay(const Node& node, std::uint64_t bytes)
    : target_(node.target()),
      node_host_(target_.host),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      left_(bytes) {
  sockaddr_in address = address_of("127.0.0.1", 0);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_.get(), 1) != 0 ||
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the relay cannot listen");
  target_.host = "127.0.0.1";
  target_.port = ntohs(address.sin_port);
  const std::string known = core::read_file(*target_.known_hosts);
  target_.known_hosts = scratch_.path() / "known_hosts";
  core::write_new_file(*target_.known_hosts,
                       "[127.0.0.1]:" + std::to_string(*target_.port) + known.substr(known.find(' ')));
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  ended_ = true;
  thread_.join();
}

puller::Target Relay::target(puller::Method method) const {
  puller::Target target = target_;
  target.method = method;
  return target;
}

bool Relay::holding() const {
  return eventually([&] { return holds_now_.load(); });
}

void Relay::run() {
  pollfd waiting{listener_.get(), POLLIN, 0};
  while (!ended_ && ::poll(&waiting, 1, 20) == 0) {
  }
  if (ended_) return;
  const core::Fd puller_side(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const core::Fd node_side(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = address_of(node_host_, 22);
  if (::connect(node_side.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    pass(puller_side.get(), node_side.get());
}

void Relay::pass(int puller_side, int node_side) {
  while (!ended_ && !dropped_) {
    const bool holds = hold_ && left_ == 0;
    holds_now_ = holds;
    std::array<pollfd, 2> sides{{{puller_side, POLLIN, 0}, {holds ? -1 : node_side, POLLIN, 0}}};
    if (::poll(sides.data(), sides.size(), 20) <= 0) continue;
    std::uint64_t passed = 0;
    if (sides[0].revents != 0 && !forward(puller_side, node_side, 16384, passed)) return;
    passed = 0;
    if (sides[1].revents != 0 && !forward(node_side, puller_side, hold_ ? left_ : 16384, passed)) return;
    left_ -= std::min(left_, passed);
  }
}

HalfWay::HalfWay(puller::Method method, const std::function<void()>& before) {
  node.make_database(9000, 3800);
  relay = std::make_unique<Relay>(node, 5U << 20U);
  pull = std::make_unique<Fork>([&] {
    before();
    return try_pull(relay->target(method), shelf.store);
  });
  if (!relay->holding()) throw std::runtime_error("the pull came not half way: " + pull->result());
}

}  // namespace lab
