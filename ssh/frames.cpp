#include "ssh/frames.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "core/sha256.hpp"
#include "store/store.hpp"

namespace ssh {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::size_t kLineBytes = 4096;
constexpr std::size_t kNoiseBytes = 4U << 20U;
constexpr std::string_view kConfigPartPrefix = "config.yaml.d-";

bool allowed_name(std::string_view name) {
  if (name == store::kDatabaseFile || name == store::kTokenFile || name == store::kConfigFile) return true;
  return name.starts_with(kConfigPartPrefix) && name.size() > kConfigPartPrefix.size() && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace

Error no_stream(std::string_view what) {
  return Error(ErrorKind::storage, fmt::format("the node's answer is no stream of a pull: {}", what));
}

FrameReader::FrameReader(std::function<std::size_t(char*, std::size_t)> read) : read_(std::move(read)) {}

bool FrameReader::fill() {
  begin_ = 0;
  end_ = read_(buffer_.data(), buffer_.size());
  return end_ > 0;
}

bool FrameReader::next_line(std::string& line) {
  line.clear();
  while (true) {
    if (begin_ == end_ && !fill()) return false;
    const char* start = buffer_.data() + begin_;
    const void* newline = std::memchr(start, '\n', end_ - begin_);
    const std::size_t size =
        newline == nullptr ? end_ - begin_ : static_cast<std::size_t>(static_cast<const char*>(newline) - start);
    if (line.size() + size > kLineBytes) throw no_stream("a line without end");
    line.append(start, size);
    begin_ += size;
    if (newline == nullptr) continue;
    ++begin_;
    return true;
  }
}

// What comes before need not end with its line.
bool FrameReader::find_hello() {
  const std::string hello = std::string(kHello) + '\n';
  std::string seen;
  for (std::size_t skipped = 0; skipped <= kNoiseBytes; skipped += end_ - begin_, begin_ = end_) {
    if (begin_ == end_ && !fill()) return false;
    const std::size_t kept = std::min(seen.size(), hello.size() - 1);
    seen.erase(0, seen.size() - kept);
    seen.append(buffer_.data() + begin_, end_ - begin_);
    const std::size_t found = seen.find(hello);
    if (found == std::string::npos) continue;
    begin_ += found + hello.size() - kept;
    return true;
  }
  throw Error(ErrorKind::storage,
              fmt::format("the start files of the login there print more than {} MiB", kNoiseBytes >> 20U));
}

Line FrameReader::line() {
  std::string text;
  do {
    if (!next_line(text)) throw Error(ErrorKind::unreachable, "the stream ended early");
  } while (text == "alive");
  std::string_view rest = text;
  Line line;
  line.word = take_word(rest);
  line.rest = rest;
  return line;
}

void FrameReader::bytes(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink) {
  for (std::uint64_t left = size_bytes; left > 0;) {
    if (begin_ == end_ && !fill())
      throw Error(ErrorKind::unreachable,
                  fmt::format("the stream ended early, after {} of {} bytes", size_bytes - left, size_bytes));
    const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(left, end_ - begin_));
    sink({buffer_.data() + begin_, size});
    begin_ += size;
    left -= size;
  }
}

void FrameReader::body(const Item& item, const std::function<void(std::string_view)>& sink) {
  core::Sha256 hash;
  core::in_context(item.name, [&] {
    bytes(item.size_bytes, [&](std::string_view block) {
      hash.update(block);
      sink(block);
    });
  });
  if (hash.hex_digest() != item.sha256)
    throw Error(ErrorKind::storage,
                fmt::format("{} arrived with another hash than it left the node with: pull again; if it "
                            "stays so, check the node's disk and memory",
                            item.name));
}

Item parse_item(std::string_view text) {
  Item item;
  item.name = take_word(text);
  const std::string_view size = take_word(text);
  item.sha256 = text;
  if (!allowed_name(item.name) || !is_sha256(item.sha256)) throw no_stream("an item with an unknown name or hash");
  item.size_bytes = parse_number(size, "the size of " + item.name);
  return item;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view take_word(std::string_view& text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(std::min(space + 1, text.size()));
  return word;
}

namespace {

template <class Number>
Number parse_as(std::string_view text, std::string_view what) {
  Number value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty())
    throw no_stream(fmt::format("{} is no number", what));
  return value;
}

}  // namespace

std::uint64_t parse_number(std::string_view text, std::string_view what) { return parse_as<std::uint64_t>(text, what); }

std::int64_t parse_signed(std::string_view text, std::string_view what) { return parse_as<std::int64_t>(text, what); }

std::chrono::nanoseconds parse_nanoseconds(std::string_view text, std::string_view what) {
  const std::int64_t count = parse_signed(text, what);
  if (count < 0) throw no_stream(fmt::format("{} is below zero", what));
  return std::chrono::nanoseconds(count);
}

}  // namespace ssh
