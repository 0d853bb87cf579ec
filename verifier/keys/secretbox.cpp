#include "verifier/keys/secretbox.hpp"

#include <sodium.h>

#include <cassert>

#include "core/error.hpp"

namespace verifier {

std::optional<core::Secret> open_secretbox(std::string_view sealed, std::string_view key) {
  static_assert(kSecretboxKeyBytes == crypto_secretbox_KEYBYTES);
  assert(key.size() == kSecretboxKeyBytes);
  static const bool started = ::sodium_init() >= 0;
  if (!started) throw core::Error(core::ErrorKind::storage, "libsodium does not start here");
  if (sealed.size() < crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES) return std::nullopt;
  const auto* nonce = reinterpret_cast<const unsigned char*>(sealed.data());
  const std::size_t box_bytes = sealed.size() - crypto_secretbox_NONCEBYTES;
  core::Secret plaintext;
  plaintext.resize(box_bytes - crypto_secretbox_MACBYTES);
  if (::crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(plaintext.data()),
                                   nonce + crypto_secretbox_NONCEBYTES, box_bytes, nonce,
                                   reinterpret_cast<const unsigned char*>(key.data())) != 0)
    return std::nullopt;
  return plaintext;
}

}  // namespace verifier
