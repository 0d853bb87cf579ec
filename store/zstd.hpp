// Plain zstd frames, with or without a reference image that most of the content is copied from (zstd --patch-from).
// Used by store/image.cpp alone; the only file that sees libzstd is zstd.cpp. Compressing streams from block to block;
// decompressing goes straight to where the content belongs, without a window of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace store {

using Sink = std::function<void(std::string_view)>;

/// Images beyond this are never compressed against another one: zstd's window ends here.
inline constexpr std::uint64_t kPatchableBytes = std::uint64_t{1} << 31U;

class Compressor {
 public:
  /// One frame for exactly `size_bytes` of content, with its checksum; `reference` must outlive the object and is
  /// needed again to decompress; empty for a frame that stands alone. Throws: storage (out of memory).
  Compressor(std::uint64_t size_bytes, std::string_view reference, Sink sink);
  ~Compressor();
  Compressor(Compressor&&) = delete;

  void feed(std::string_view block);
  /// Throws: storage when not exactly `size_bytes` were fed.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The size of the content that the frame announces whose first bytes are `beginning`; empty when it does not say.
std::optional<std::uint64_t> announced_size(std::string_view beginning);
inline constexpr std::size_t kAnnouncementBytes = 18;  // of a frame, at most

class Decompressor {
 public:
  /// Writes into `content`, which has to be of the size that comes out; `reference` as above. Both must outlive the
  /// object.
  Decompressor(std::string_view reference, std::span<char> content);
  ~Decompressor();
  Decompressor(Decompressor&&) = delete;

  /// Throws: damaged for anything that is no frame made with this reference, holds more, or goes on after its end.
  void feed(std::string_view block);
  /// Throws: damaged when the frame has not come to its end, or holds less.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace store
