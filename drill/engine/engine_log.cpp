#include "drill/engine/engine_log.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/cancel.hpp"

namespace drill {
namespace {

constexpr std::size_t kMaxLines = 20'000;
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kMaxWords = 300;
constexpr std::size_t kMostDrained = 64;  // blocks of 64 KiB: a pipe holds no more, one that is refilled has no end

// The msg="..." field of a logrus line, unquoted; the whole line where there is none.
std::string message_of(const std::string& line) {
  const std::size_t at = line.find("msg=\"");
  if (at == std::string::npos) return line;
  std::string message;
  for (std::size_t i = at + 5; i < line.size() && line[i] != '"'; ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) ++i;
    message += line[i];
  }
  return message;
}

}  // namespace

EngineLog::EngineLog(int fd, core::Secret secret) : fd_(fd), secret_(std::move(secret)) {}

bool EngineLog::read_some(std::chrono::milliseconds patience) {
  if (!core::wait_for(fd_, POLLIN, patience)) return true;
  std::array<char, 65536> buffer;
  const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
  if (got <= 0) return false;
  const TimePoint now = std::chrono::steady_clock::now();
  partial_.append(buffer.data(), static_cast<std::size_t>(got));
  for (std::size_t end = 0; (end = partial_.find('\n')) != std::string::npos;) {
    if (lines_.size() == kMaxLines) lines_.pop_back();  // the first lines bound the phases, the last says why it died
    lines_.push_back({partial_.substr(0, std::min(end, kMaxLineBytes)), now});
    partial_.erase(0, end + 1);
  }
  if (partial_.size() > kMaxLineBytes) partial_.resize(kMaxLineBytes);
  return true;
}

void EngineLog::drain() {
  for (std::size_t blocks = 0; blocks < kMostDrained; ++blocks)
    if (!core::wait_for(fd_, POLLIN, std::chrono::milliseconds(0)) || !read_some(std::chrono::milliseconds(0))) return;
}

std::optional<EngineLog::Mark> EngineLog::first(std::string_view text) const {
  const auto found = std::find_if(lines_.begin(), lines_.end(),
                                  [&](const Line& line) { return line.text.find(text) != std::string::npos; });
  if (found == lines_.end()) return std::nullopt;
  return Mark{found->at, presentable(found->text)};
}

std::size_t EngineLog::count(std::initializer_list<std::string_view> texts) const {
  return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const Line& line) {
    return std::all_of(texts.begin(), texts.end(),
                       [&](std::string_view text) { return line.text.find(text) != std::string::npos; });
  }));
}

// The message, without the secret, and not too long.
std::string EngineLog::presentable(const std::string& line) const {
  std::string words = message_of(line);
  const std::string_view secret = secret_.view();
  for (std::size_t at = 0; !secret.empty() && (at = words.find(secret, at)) != std::string::npos; at += 3)
    words.replace(at, secret.size(), "***");
  if (words.size() > kMaxWords) words = words.substr(0, kMaxWords) + "...";
  return words;
}

std::string EngineLog::last_words() const {
  const auto fatal = std::find_if(lines_.rbegin(), lines_.rend(), [](const Line& line) {
    return line.text.find("level=fatal") != std::string::npos || line.text.starts_with("FATA") ||
           line.text.starts_with("F1") || line.text.starts_with("fatal error: ");
  });
  return presentable(fatal != lines_.rend() ? fatal->text : lines_.empty() ? partial_ : lines_.back().text);
}

}  // namespace drill
