#include "core/logging.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "core/printable.hpp"
#include "core/utf8.hpp"

namespace core {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds kTick{1};
constexpr std::chrono::seconds kWorthCounting{2};  // what is over sooner needs no number
constexpr std::chrono::minutes kPlainInterval{1};  // between two lines where there is no terminal

struct Progress {
  std::string text;
  TimePoint since;  // this text
  TimePoint begun;  // the first one, since this thread showed none
  TimePoint told;   // where there is no terminal
};

struct State {
  std::mutex mutex;  // guards all of this, and the order of lines
  LogLevel level = LogLevel::normal;
  std::map<std::thread::id, Progress> progress;  // of each thread that shows one
  bool ticking = false;
};

thread_local std::string progress_name;

// Never destroyed, as the thread that counts the seconds may outlive main by one of them. A child that is forked while
// that one draws finds the mutex free.
State& state() {
  static State& instance = [&]() -> State& {
    static State* const made = new State;
    ::pthread_atfork([] { made->mutex.lock(); }, [] { made->mutex.unlock(); }, [] { made->mutex.unlock(); });
    return *made;
  }();
  return instance;
}

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("drill", std::make_shared<spdlog::sinks::stderr_sink_st>());
    made->set_pattern("drill: %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80U;
}

bool has_terminal() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
}

void put(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return;  // nobody is left to be told
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// One line whatever is shown, so that it can be taken away again.
void draw(std::string_view text) {
  if (has_terminal()) put("\r\033[K" + std::string(first_columns(text, terminal_columns() - 1)));
}

std::string counted(const std::string& text, TimePoint since) {
  const auto elapsed = std::chrono::floor<std::chrono::seconds>(std::chrono::steady_clock::now() - since);
  if (elapsed < kWorthCounting) return text;
  return text + " (" + std::to_string(elapsed.count()) + " s)";
}

void draw_progress() {
  std::string all;
  for (const auto& [thread, one] : state().progress) all += (all.empty() ? "" : " | ") + counted(one.text, one.since);
  draw(all);
}

void tell_plainly() {
  const TimePoint now = std::chrono::steady_clock::now();
  for (auto& [thread, one] : state().progress) {
    if (now - one.told < kPlainInterval) continue;
    one.told = now;
    put("drill: " + counted(one.text, one.begun) + "\n");
  }
}

// Moves the seconds, for as long as anything is shown.
void tick() {
  while (true) {
    std::this_thread::sleep_for(kTick);
    const std::lock_guard lock(state().mutex);
    if (state().progress.empty()) {
      state().ticking = false;
      return;
    }
    has_terminal() ? draw_progress() : tell_plainly();
  }
}

// With all signals blocked, as they are for the threads that wait for them.
void start_ticking() {
  if (std::exchange(state().ticking, true)) return;
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(tick).detach();
  } catch (const std::system_error&) {
    state().ticking = false;  // seconds that stand still are no failure
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void log(spdlog::level::level_enum level, std::string_view message) {
  const std::lock_guard lock(state().mutex);
  if (!logger().should_log(level)) return;
  if (!state().progress.empty()) draw("");
  logger().log(level, "{}", printable(message));
  if (!state().progress.empty()) draw_progress();
}

}  // namespace

void set_log_level(LogLevel level) {
  const std::lock_guard lock(state().mutex);
  state().level = level;
  logger().set_level(level == LogLevel::quiet     ? spdlog::level::err
                     : level == LogLevel::verbose ? spdlog::level::debug
                                                  : spdlog::level::info);
}

void log_debug(std::string_view message) { log(spdlog::level::debug, message); }
void log_info(std::string_view message) { log(spdlog::level::info, message); }
void log_warning(std::string_view message) { log(spdlog::level::warn, "warning: " + std::string(message)); }
void log_lasting_warning(std::string_view message) { log(spdlog::level::err, "warning: " + std::string(message)); }
void log_error(std::string_view message) { log(spdlog::level::err, "error: " + std::string(message)); }

void show_progress(std::string_view message) {
  const std::lock_guard lock(state().mutex);
  if (state().level == LogLevel::quiet) return;
  const TimePoint now = std::chrono::steady_clock::now();
  const std::string text = printable(progress_name + std::string(message));
  const auto [shown, is_first] =
      state().progress.try_emplace(std::this_thread::get_id(), Progress{text, now, now, now});
  if (!is_first && shown->second.text != text) {
    shown->second.text = text;
    shown->second.since = now;
  }
  start_ticking();
  draw_progress();
}

void clear_progress() {
  const std::lock_guard lock(state().mutex);
  if (state().progress.erase(std::this_thread::get_id()) != 0) draw_progress();
}

void show_lines(std::string_view text) {
  const std::lock_guard lock(state().mutex);
  if (!state().progress.empty()) draw("");
  put(printable_lines(text));
  if (!state().progress.empty()) draw_progress();
}

ProgressName::ProgressName(std::string name) { progress_name = std::move(name) + ": "; }

ProgressName::~ProgressName() {
  progress_name.clear();
  clear_progress();
}

}  // namespace core
