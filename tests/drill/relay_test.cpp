// The relay between real sockets on loopback: a server of the test is "inside", clients connect to the relay.
#include "drill/engine/relay.hpp"

#include <poll.h>

#include <atomic>
#include <functional>
#include <thread>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/drill/loopback.hpp"

using namespace std::chrono_literals;

namespace {

// Pumps in a thread of its own until the client's part is done.
void beside(drill::Relay& relay, const std::function<void()>& client) {
  std::atomic<bool> done{false};
  std::thread pump([&] {
    while (!done) relay.pump({}, 5ms);
  });
  client();
  done = true;
  pump.join();
}

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13U);
  return bytes;
}

}  // namespace

TEST_CASE("a large stream goes both ways at once through the relay and arrives as it was sent") {
  const Listener inside;
  drill::Relay relay(new_socket, inside.port);
  const std::string up = pattern(24U << 20U);
  const std::string down = pattern(20U << 20U);
  std::string arrived_up;
  std::thread server([&] {
    const core::Fd peer = inside.accept();
    std::thread writer([&] {
      send_all(peer.get(), down);
      ::shutdown(peer.get(), SHUT_WR);
    });
    arrived_up = read_to_end(peer.get());
    writer.join();
  });
  std::string arrived_down;
  beside(relay, [&] {
    const core::Fd client = connect_to(relay.port());
    REQUIRE(client);
    std::thread writer([&] {
      send_all(client.get(), up);
      ::shutdown(client.get(), SHUT_WR);
    });
    arrived_down = read_to_end(client.get());
    writer.join();
    server.join();
  });
  CHECK(arrived_up == up);
  CHECK(arrived_down == down);
}

TEST_CASE("one side that has said its last is still answered") {
  const Listener inside;
  drill::Relay relay(new_socket, inside.port);
  std::thread server([&] {
    const core::Fd peer = inside.accept();
    const std::string question = read_to_end(peer.get());
    send_all(peer.get(), "answer to " + question);
  });
  std::string answer;
  beside(relay, [&] {
    const core::Fd client = connect_to(relay.port());
    send_all(client.get(), "question");
    ::shutdown(client.get(), SHUT_WR);
    answer = read_to_end(client.get());
  });
  server.join();
  CHECK(answer == "answer to question");
}

TEST_CASE("a client that does not read holds up nobody else") {
  const Listener inside;
  drill::Relay relay(new_socket, inside.port);
  const std::string flood = pattern(64U << 20U);
  beside(relay, [&] {
    core::Fd lazy = connect_to(relay.port());
    const core::Fd lazy_peer = inside.accept();
    std::thread flooding([&] { send_all(lazy_peer.get(), flood); });  // until the lazy one is gone
    for (int i = 0; i < 50; ++i) {
      const core::Fd client = connect_to(relay.port());
      const core::Fd peer = inside.accept();
      send_all(peer.get(), "hello");
      char word[5];
      REQUIRE(::recv(client.get(), word, sizeof word, MSG_WAITALL) == 5);
    }
    lazy.reset();
    flooding.join();  // the relay has hung up on the inside as well
  });
}

TEST_CASE("more clients than are served at once wait for their turn") {
  const Listener inside;
  drill::Relay relay(new_socket, inside.port);
  std::thread server([&] {
    for (int i = 0; i < 400; ++i) {
      const core::Fd peer = inside.accept();
      send_all(peer.get(), "x");
    }
  });
  beside(relay, [&] {
    std::vector<core::Fd> clients;
    for (int i = 0; i < 400; ++i) clients.push_back(connect_to(relay.port()));
    for (core::Fd& client : clients) {
      CHECK(read_to_end(client.get()) == "x");
      client.reset();
    }
  });
  server.join();
}

TEST_CASE("a client is hung up on when nobody listens inside, or the inside is gone") {
  std::uint16_t closed_port = 0;
  {
    const Listener nobody;
    closed_port = nobody.port;
  }
  drill::Relay refused(new_socket, closed_port);
  beside(refused, [&] { CHECK(read_to_end(connect_to(refused.port()).get()).empty()); });
  drill::Relay gone([]() -> core::Fd { throw core::Error(core::ErrorKind::storage, "the sandbox is gone"); }, 1);
  beside(gone, [&] { CHECK(read_to_end(connect_to(gone.port()).get()).empty()); });
}

TEST_CASE("pumping ends when something else can be read, or in time, and passes over what is not there") {
  const Listener inside;
  drill::Relay relay(new_socket, inside.port);
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const core::Fd reader(pipe_ends[0]);
  const core::Fd writer(pipe_ends[1]);
  relay.pump({reader.get(), -1}, 10ms);
  REQUIRE(::write(writer.get(), "x", 1) == 1);
  const auto begin = std::chrono::steady_clock::now();
  relay.pump({-1, reader.get()}, 60s);
  CHECK(std::chrono::steady_clock::now() - begin < 30s);
}

TEST_CASE("the relay listens on 127.0.0.1 alone") {
  const Listener inside;
  const drill::Relay relay(new_socket, inside.port);
  const core::Fd socket = new_socket();
  sockaddr_in other = loopback(relay.port());
  other.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  CHECK(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&other), sizeof other) != 0);
  CHECK(connect_to(relay.port()));
}
