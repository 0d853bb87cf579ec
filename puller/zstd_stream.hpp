// A zstd stream from a node, unpacked as it comes. The controller's counterpart of node/compressor, and its door to
// zstd. It believes nothing: the window is no larger than drill-node's own, so that no frame can make it take more
// memory.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace puller {

inline constexpr int kWindowLog = 22;

class ZstdStream {
 public:
  /// `sink` gets blocks of at most 128 KiB.
  explicit ZstdStream(std::function<void(std::string_view)> sink);
  ~ZstdStream();
  ZstdStream(ZstdStream&&) = delete;

  /// Throws: storage for what is no such stream, or goes on after its end; what the sink throws.
  void feed(std::string_view block);
  /// Throws: storage when it has not come to its end.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace puller
