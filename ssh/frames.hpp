// The stream of a pull, read strictly: lines, and items of announced size and hash. Every byte comes from the node and
// is believed only as far as it can be checked; nothing is allocated by a number read from it. Format (all lines end in
// LF and are at most 4 KiB):
//   k3s-drill 1                        hello; whatever a login shell prints before it is skipped
//   fact NAME VALUE | alive | problem CODE DETAIL | copying | item NAME SIZE SHA256 and SIZE bytes | end
// and from drill-node, whose request is read in the same way:
//   differing PAGE_COUNT SIZE and SIZE bytes | changed SIZE and SIZE bytes   it waits for: hashes SIZE and SIZE bytes
//   image PAGE_SIZE PAGE_COUNT SHA256 | block SIZE and SIZE bytes of the zstd stream of records (node/pages.hpp)
// What it does not do: know which facts and items there are (pull does).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace ssh {

/// "the node's answer is no stream of a pull: WHAT", of kind storage.
core::Error no_stream(std::string_view what);

inline constexpr std::string_view kHello = "k3s-drill 1";

/// One line of the stream: its first word, and the rest without the space between.
struct Line {
  std::string word;
  std::string rest;
};

struct Item {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::string sha256;
};

class FrameReader {
 public:
  /// `read` fills a buffer with at least one byte and returns how many, or returns 0 at the end of the stream.
  explicit FrameReader(std::function<std::size_t(char*, std::size_t)> read);

  /// Skips to behind the hello, wherever in a line it begins. False when the stream ended without one. Throws: storage
  /// when 4 MiB have passed.
  bool find_hello();

  /// The next line that is not `alive`. Throws: unreachable at the end of the stream; storage for a line too long.
  Line line();

  /// Hands `item`'s bytes on, block after block. Throws: unreachable when the stream ends early, storage when the hash
  /// is another one; what `sink` throws.
  void body(const Item& item, const std::function<void(std::string_view)>& sink);

  /// Hands the next `size_bytes` bytes on, block after block. Throws: unreachable when the stream ends early; what
  /// `sink` throws.
  void bytes(std::uint64_t size_bytes, const std::function<void(std::string_view)>& sink);

 private:
  bool fill();
  bool next_line(std::string& line);

  std::function<std::size_t(char*, std::size_t)> read_;
  std::array<char, 256U << 10U> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

/// NAME SIZE SHA256 of an item line. Names are what a snapshot may be given by a node: state.db, token, config.yaml,
/// config.yaml.d-*. Throws: storage for anything else.
Item parse_item(std::string_view text);

/// The first word of `text`, which then begins after the space behind it.
std::string_view take_word(std::string_view& text);

/// Whether `text` is 64 lower-case hex digits.
bool is_sha256(std::string_view text);

/// A whole number. Throws: storage for anything else, naming `what`.
std::uint64_t parse_number(std::string_view text, std::string_view what);

/// One that may be below zero, of 64 bits; and a duration, which may not. Throws: as above.
std::int64_t parse_signed(std::string_view text, std::string_view what);
std::chrono::nanoseconds parse_nanoseconds(std::string_view text, std::string_view what);

}  // namespace ssh
