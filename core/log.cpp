#include "core/log.hpp"

#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <string>

namespace core {
namespace {

LogLevel current_level = LogLevel::normal;
bool progress_shown = false;

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("drill", std::make_shared<spdlog::sinks::stderr_sink_st>());
    made->set_pattern("drill: %v");
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *instance;
}

void write_terminal(std::string_view text) {
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

void set_log_level(LogLevel level) {
  current_level = level;
  logger().set_level(level == LogLevel::quiet     ? spdlog::level::err
                     : level == LogLevel::verbose ? spdlog::level::debug
                                                  : spdlog::level::info);
}

void log_debug(std::string_view message) {
  clear_progress();
  logger().debug("{}", message);
}
void log_info(std::string_view message) {
  clear_progress();
  logger().info("{}", message);
}
void log_warning(std::string_view message) {
  clear_progress();
  logger().warn("warning: {}", message);
}
void log_error(std::string_view message) {
  clear_progress();
  logger().error("error: {}", message);
}

void show_progress(std::string_view message) {
  if (current_level == LogLevel::quiet || ::isatty(STDERR_FILENO) == 0) return;
  write_terminal("\r\033[K" + std::string(message));
  progress_shown = true;
}

void clear_progress() {
  if (!progress_shown) return;
  write_terminal("\r\033[K");
  progress_shown = false;
}

}  // namespace core
