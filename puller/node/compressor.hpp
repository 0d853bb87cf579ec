// A zstd stream within a fixed amount of memory. The door to zstd on the node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace node {

class Compressor {
 public:
  enum class Effort { quick, thorough };

  /// `out` gets blocks of at most 128 KiB.
  Compressor(Effort effort, std::function<void(std::string_view)> out);
  ~Compressor();
  void put(std::string_view bytes);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace node
