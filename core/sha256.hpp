// SHA-256, incremental and whole. The door to OpenSSL's digest; keys and certificates are
// verifier/keys/certificate.cpp's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace core {

class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  ~Sha256();
  void update(std::string_view bytes);
  /// 64 lower-case hex digits; the object is spent afterwards.
  std::string hex_digest();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Lower-case hex SHA-256 of `bytes`.
std::string sha256_hex(std::string_view bytes);

}  // namespace core
