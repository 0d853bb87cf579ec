#include "core/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace core {
namespace {

std::mutex mutex;  // guards all of this, and the order of lines
LogLevel current_level = LogLevel::normal;
std::map<std::thread::id, std::string> progress;  // of each thread that shows one
thread_local std::string progress_name;

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

// One line whatever is shown, so that it can be taken away again.
void draw(std::string_view text) {
  const std::string line = "\r\033[K" + std::string(text.substr(0, terminal_columns() - 1));
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, line.data(), line.size());
}

void draw_progress() {
  std::string all;
  for (const auto& [thread, line] : progress) all += (all.empty() ? "" : " | ") + line;
  draw(all);
}

void log(spdlog::level::level_enum level, std::string_view message) {
  const std::lock_guard lock(mutex);
  if (!progress.empty()) draw("");
  logger().log(level, "{}", message);
  if (!progress.empty()) draw_progress();
}

}  // namespace

void set_log_level(LogLevel level) {
  const std::lock_guard lock(mutex);
  current_level = level;
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
  const std::lock_guard lock(mutex);
  if (current_level == LogLevel::quiet || ::isatty(STDERR_FILENO) == 0) return;
  progress[std::this_thread::get_id()] = progress_name + std::string(message);
  draw_progress();
}

void clear_progress() {
  const std::lock_guard lock(mutex);
  if (progress.erase(std::this_thread::get_id()) != 0) draw_progress();
}

ProgressName::ProgressName(std::string name) { progress_name = std::move(name) + ": "; }

ProgressName::~ProgressName() {
  progress_name.clear();
  clear_progress();
}

}  // namespace core
