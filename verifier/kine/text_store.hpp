// Keeps many short texts without one allocation each: names, uids and kinds of hundreds of thousands of objects.
// What was kept stays where it is until the store goes, also when the store is moved.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace verifier {

class TextStore {
 public:
  /// A copy of `text` that lives as long as this store.
  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > left_) grow(text.size());
    char* const at = end_ - left_;
    std::memcpy(at, text.data(), text.size());
    left_ -= text.size();
    return {at, text.size()};
  }

 private:
  static constexpr std::size_t kChunkBytes = std::size_t{256} << 10U;

  void grow(std::size_t size_bytes) {
    const std::size_t capacity = std::max(size_bytes, kChunkBytes);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(capacity));
    end_ = chunks_.back().get() + capacity;
    left_ = capacity;
  }

  std::vector<std::unique_ptr<char[]>> chunks_;
  char* end_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace verifier
