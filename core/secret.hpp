// Bytes that open something: owned, overwritten when they go. Never printed, never compared in a message.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace core {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes) {}
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::move(other.bytes_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view view() const { return bytes_; }
  /// For filling in place: `size_bytes` zeros, to be written through data().
  void resize(std::size_t size_bytes) { bytes_.resize(size_bytes); }
  char* data() { return bytes_.data(); }

 private:
  void wipe() noexcept {
    bytes_.resize(bytes_.capacity());  // a moved-from short string still holds its bytes beyond its end
    ::explicit_bzero(bytes_.data(), bytes_.size());
    bytes_.clear();
  }

  std::string bytes_;
};

}  // namespace core
