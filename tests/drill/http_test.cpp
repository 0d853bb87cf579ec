// The client against a server of the test's own, and the log of an engine whose pipe is full.
#include "drill/engine/http.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "core/error.hpp"
#include "core/file.hpp"
#include "drill/engine/engine_log.hpp"
#include "tests/catch.hpp"
#include "tests/drill/loopback.hpp"

using namespace std::chrono_literals;

namespace {

struct Pipe {
  core::Fd out;
  core::Fd in;
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out = core::Fd(ends[0]);
    in = core::Fd(ends[1]);
  }
};

}  // namespace

TEST_CASE("a server that says more than its pipe holds before it answers is heard and answers") {
  const Listener listener;
  Pipe pipe;
  drill::EngineLog log(pipe.out.get(), {});
  const std::string line(99, 'x');
  std::thread server([&] {
    const core::Fd peer = listener.accept();
    for (int i = 0; i < 50'000; ++i) core::write_all(pipe.in.get(), line + "\n", "the pipe");
    core::write_all(pipe.in.get(), "all said\n", "the pipe");
    send_all(peer.get(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  drill::HttpOptions options;
  options.timeout = 20s;
  options.meanwhile = [&] { log.drain(); };
  std::string body;
  try {
    body = drill::HttpClient(options).get(fmt::format("http://127.0.0.1:{}/", listener.port)).body;
  } catch (const core::Error& error) {
    body = error.what();
    while (log.read_some(1s) && log.last_words() != "all said") {
    }
  }
  server.join();
  CHECK(body == "ok");
  CHECK(log.last_words() == "all said");
}

TEST_CASE("a connection that the server ended is made anew, with a socket of its own") {
  const Listener listener;
  std::thread server([&] {
    for (int i = 0; i < 3; ++i)
      send_all(listener.accept().get(), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  });
  int opened = 0;
  drill::HttpOptions options;
  options.open_socket = [&] { return ++opened, new_socket(); };
  drill::HttpClient client(options);
  for (int i = 0; i < 3; ++i) CHECK(client.get(fmt::format("http://127.0.0.1:{}/", listener.port)).body == "ok");
  server.join();
  CHECK(opened == 3);
}
