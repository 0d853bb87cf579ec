// Bytes that open something: owned, overwritten when they go. Never printed, never compared in a message.
// It can be copied, and each copy wipes itself: a server's token is part of values that go several ways, to the checks,
// to an engine that keeps it, to a damaged twin that changes it. As text it was copied as often, and stayed.
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
  /// Takes the bytes over: none is left in `bytes`.
  static Secret taken_from(std::string&& bytes) {
    Secret secret;
    secret.bytes_ = std::move(bytes);
    wipe(bytes);
    return secret;
  }
  Secret(const Secret& other) = default;
  Secret& operator=(const Secret& other) { return *this = Secret(other); }  // a string's own would free unwiped bytes
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { wipe(other.bytes_); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe(bytes_);
      bytes_ = std::move(other.bytes_);
      wipe(other.bytes_);
    }
    return *this;
  }
  ~Secret() { wipe(bytes_); }

  std::string_view view() const { return bytes_; }
  /// For filling in place: `size_bytes` zeros, to be written through data().
  void resize(std::size_t size_bytes) { bytes_.resize(size_bytes); }
  char* data() { return bytes_.data(); }

 private:
  static void wipe(std::string& bytes) noexcept {
    bytes.resize(bytes.capacity());  // a moved-from short string still holds its bytes beyond its end
    ::explicit_bzero(bytes.data(), bytes.size());
    bytes.clear();
  }

  std::string bytes_;
};

}  // namespace core
