#include "ssh/tunnel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/fd.hpp"
#include "core/logging.hpp"
#include "core/scratch_dir.hpp"
#include "ssh/session.hpp"

namespace ssh {
namespace {

constexpr std::chrono::milliseconds kLookAround{100};
constexpr std::size_t kAtOnce = 16;  // who comes when as many are there waits

core::Fd listen_at(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path)
    throw core::Error(core::ErrorKind::storage,
                      path.string() + ": too long a path for a socket; set TMPDIR to a shorter one");
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  core::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0)
    throw core::system_error(errno, path.string());
  return listener;
}

}  // namespace

struct Tunnel::State {
  State(Target to, std::string name, unsigned number);
  ~State();

  void accept_all();
  void accept_one();
  Session take_session();

  Target target;
  std::string host;
  unsigned port;
  core::ScratchDir scratch;
  std::filesystem::path socket = scratch.path() / "socket";
  core::Fd listener = listen_at(socket);
  std::mutex mutex;
  std::optional<Session> spare;  // of one who was sent away, as nothing listened yet
  std::vector<std::unique_ptr<Pump>> pumps;
  std::atomic<bool> ending{false};
  std::thread acceptor;
};

// One who came, and the thread that carries his bytes through a session of its own.
struct Tunnel::Pump {
  /// Throws: std::system_error when no thread is to be had; then `end` is closed.
  Pump(State& state, core::Fd end) : near_end(std::move(end)), thread([this, &state] { run(state); }) {}
  Pump(Pump&&) = delete;
  ~Pump() {
    ::shutdown(near_end.get(), SHUT_RDWR);
    thread.join();
  }

  void run(State& state) {
    try {
      Session session = state.take_session();
      try {
        session.connect(state.host, state.port).pump(near_end);
      } catch (const core::Error&) {
        const std::lock_guard lock(state.mutex);
        if (session.is_connected()) state.spare.emplace(std::move(session));
        throw;
      }
    } catch (const std::exception& error) {
      core::log_debug(error.what());
    }
    ::shutdown(near_end.get(), SHUT_RDWR);
    over = true;
  }

  core::Fd near_end;
  std::atomic<bool> over{false};
  std::thread thread;
};

Tunnel::State::State(Target to, std::string name, unsigned number)
    : target(std::move(to)), host(std::move(name)), port(number), acceptor([this] { accept_all(); }) {}

Tunnel::State::~State() {
  ending = true;
  acceptor.join();
  pumps.clear();
}

void Tunnel::State::accept_all() {
  try {
    while (!ending) {
      std::erase_if(pumps, [](const auto& pump) { return pump->over.load(); });
      if (pumps.size() == kAtOnce)
        core::pause_for(kLookAround);
      else if (core::wait_for(listener.get(), POLLIN, kLookAround))
        accept_one();
    }
  } catch (const core::Error& error) {
    core::log_debug(error.what());
  }
}

// Where no descriptor or no thread is to be had there may be one a little later.
void Tunnel::State::accept_one() {
  try {
    core::Fd end(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!end) throw core::system_error(errno, "accept");
    pumps.push_back(std::make_unique<Pump>(*this, std::move(end)));
  } catch (const std::exception& error) {
    core::log_debug(error.what());
    core::pause_for(kLookAround);
  }
}

Session Tunnel::State::take_session() {
  {
    const std::lock_guard lock(mutex);
    if (spare) {
      Session session = std::move(*spare);
      spare.reset();
      return session;
    }
  }
  return Session(target);
}

Tunnel::Tunnel(Target target, std::string host, unsigned port)
    : state_(std::make_unique<State>(std::move(target), std::move(host), port)) {}
Tunnel::Tunnel(Tunnel&&) noexcept = default;
Tunnel::~Tunnel() = default;

const std::filesystem::path& Tunnel::socket() const { return state_->socket; }

}  // namespace ssh
