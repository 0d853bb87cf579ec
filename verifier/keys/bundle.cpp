#include "verifier/keys/bundle.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <new>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

constexpr int kIterations = 4096;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kLimitBytes = 64U << 20U;

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

[[noreturn]] void damaged(std::string message) { throw core::Error(core::ErrorKind::damaged, std::move(message)); }

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

core::Secret derive_key(std::string_view passphrase, std::string_view salt) {
  core::Secret key;
  key.resize(kKeyBytes);
  if (PKCS5_PBKDF2_HMAC(passphrase.data(), static_cast<int>(passphrase.size()), bytes_of(salt),
                        static_cast<int>(salt.size()), kIterations, EVP_sha1(), static_cast<int>(kKeyBytes),
                        reinterpret_cast<unsigned char*>(key.data())) != 1)
    throw core::Error(core::ErrorKind::storage, "OpenSSL does not offer PBKDF2 with SHA-1 here");
  return key;
}

// Collects name -> content from either bundle format; the content is base64 in both.
class BundleVisitor : public TreeVisitor {
 public:
  explicit BundleVisitor(Bundle& bundle) : bundle_(bundle) {}

  void begin() override { ++depth_; }
  void end() override { --depth_; }
  void other() override {}
  void key(std::string_view key) override {
    if (depth_ == 1) name_ = key;
    if (depth_ == 2) field_ = key;
  }
  void text(std::string_view text) override {
    if (depth_ != 1 && !(depth_ == 2 && field_ == "Content")) return;
    std::optional<core::Secret> content = core::decode_base64(text);
    if (!content) damaged("the opened bootstrap data has an entry that is no base64");
    bundle_.insert_or_assign(name_, std::move(*content));
  }

 private:
  Bundle& bundle_;
  int depth_ = 0;
  std::string name_;
  std::string field_;
};

// One field of a CSV line, from `line`'s start; what remains starts after its comma.
core::Secret take_field(std::string_view& line) {
  std::string field;
  const bool quoted = line.starts_with('"');
  if (quoted) line.remove_prefix(1);
  while (!line.empty()) {
    const char c = line.front();
    if (!quoted && c == ',') break;
    line.remove_prefix(1);
    if (quoted && c == '"' && !line.starts_with('"')) break;
    if (quoted && c == '"') line.remove_prefix(1);
    field += c;
  }
  if (line.starts_with(',')) line.remove_prefix(1);
  core::Secret result(field);
  ::explicit_bzero(field.data(), field.size());
  return result;
}

}  // namespace

std::optional<core::Secret> open_sealed(std::string_view sealed, std::string_view passphrase) {
  const std::size_t colon = sealed.find(':');
  if (colon == std::string_view::npos || sealed.size() > kLimitBytes)
    damaged("the bootstrap row is not of the form <salt>:<base64>");
  const std::optional<core::Secret> decoded = core::decode_base64(sealed.substr(colon + 1));
  if (!decoded || decoded->view().size() < kNonceBytes + kTagBytes)
    damaged("the bootstrap row is not of the form <salt>:<base64>");
  const std::string_view bytes = decoded->view();
  const std::string_view ciphertext = bytes.substr(kNonceBytes, bytes.size() - kNonceBytes - kTagBytes);
  std::string tag(bytes.substr(bytes.size() - kTagBytes));
  const core::Secret key = derive_key(passphrase, sealed.substr(0, colon));

  const CipherContext context(EVP_CIPHER_CTX_new());
  if (!context) throw std::bad_alloc();
  core::Secret plaintext;
  plaintext.resize(ciphertext.size() + 1);  // never an empty buffer
  auto* out = reinterpret_cast<unsigned char*>(plaintext.data());
  int written = 0;
  int rest = 0;
  const bool opened =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(key.view()), bytes_of(bytes)) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &written, bytes_of(ciphertext), static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + written, &rest) == 1;
  ERR_clear_error();
  if (!opened) return std::nullopt;
  plaintext.resize(static_cast<std::size_t>(written + rest));
  return plaintext;
}

Bundle parse_bundle(std::string_view plaintext) {
  Bundle bundle;
  BundleVisitor visitor(bundle);
  walk_json(plaintext, visitor);
  return bundle;
}

std::optional<core::Secret> server_secret(std::string_view passwd_file) {
  while (!passwd_file.empty()) {
    std::string_view line = passwd_file.substr(0, passwd_file.find('\n'));
    passwd_file.remove_prefix(std::min(passwd_file.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    core::Secret secret = take_field(line);
    if (take_field(line).view() == "server") return secret;
  }
  return std::nullopt;
}

}  // namespace verifier
