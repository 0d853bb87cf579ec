#include "verifier/keys/encryption.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "verifier/keys/secretbox.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

constexpr std::string_view kPrefix = "k8s:enc:";
constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kGcmNonceBytes = 12;
constexpr std::size_t kGcmTagBytes = 16;

enum class Provider { aescbc, aesgcm, secretbox };

struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext>;

struct Key {
  Provider provider;
  std::string name;
  core::Secret secret;    // secretbox only; AES keys live in the context, which OpenSSL wipes
  CipherContext context;  // AES only, with the key set and the nonce to come
};

[[noreturn]] void damaged(std::string message) { throw core::Error(core::ErrorKind::damaged, std::move(message)); }

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::optional<Provider> provider_named(std::string_view name) {
  if (name == "aescbc") return Provider::aescbc;
  if (name == "aesgcm") return Provider::aesgcm;
  if (name == "secretbox") return Provider::secretbox;
  return std::nullopt;
}

// Null for a size that AES has no keys of.
const EVP_CIPHER* cipher_for(Provider provider, std::size_t key_bytes) {
  const bool gcm = provider == Provider::aesgcm;
  switch (key_bytes) {
    case 16:
      return gcm ? EVP_aes_128_gcm() : EVP_aes_128_cbc();
    case 24:
      return gcm ? EVP_aes_192_gcm() : EVP_aes_192_cbc();
    case 32:
      return gcm ? EVP_aes_256_gcm() : EVP_aes_256_cbc();
    default:
      return nullptr;
  }
}

Key make_key(Provider provider, std::string name, core::Secret secret) {
  Key key{provider, std::move(name), {}, nullptr};
  if (provider == Provider::secretbox) {
    if (secret.view().size() != kSecretboxKeyBytes) damaged("has a key of a length that its provider does not take");
    key.secret = std::move(secret);
    return key;
  }
  const EVP_CIPHER* const cipher = cipher_for(provider, secret.view().size());
  if (cipher == nullptr) damaged("has a key of a length that its provider does not take");
  key.context.reset(EVP_CIPHER_CTX_new());
  if (!key.context) throw std::bad_alloc();
  if (EVP_DecryptInit_ex(key.context.get(), cipher, nullptr, bytes_of(secret.view()), nullptr) != 1)
    throw core::Error(core::ErrorKind::storage, "OpenSSL does not offer AES here");
  return key;
}

// Gathers the keys in the order of the document, which is the order in which Kubernetes tries them.
class ConfigurationVisitor : public TreeVisitor {
 public:
  ConfigurationVisitor(std::vector<Key>& keys, bool& has_kms) : keys_(keys), has_kms_(has_kms) {}

  void begin() override {
    if (++depth_ <= kKeyDepth) path_.at(depth_).clear();
    if (depth_ == kProviderDepth && in_provider()) begin_provider();
    if (depth_ == kKeyDepth && in_keys()) {
      name_.clear();
      secret_.reset();
    }
  }
  void end() override {
    if (depth_ == kKeyDepth && in_keys()) end_key();
    if (depth_ == kProviderDepth && in_provider() && provider_ && keys_.size() == keys_before_)
      damaged("has a provider without keys");
    --depth_;
  }
  void key(std::string_view key) override {
    if (depth_ <= kKeyDepth) path_.at(depth_) = key;
  }
  void text(std::string_view text) override {
    if (depth_ == 1 && path_[1] == "kind") of_its_kind_ = text == "EncryptionConfiguration";
    if (depth_ != kKeyDepth || !in_keys()) return;
    if (path_[kKeyDepth] == "name") name_ = text;
    if (path_[kKeyDepth] != "secret") return;
    secret_ = core::decode_base64(text);
    if (!secret_) damaged("has a key that is no base64");
  }
  void other() override {}

  void finish() const {
    if (!of_its_kind_) damaged("is no EncryptionConfiguration");
    if (!has_provider_) damaged("names no provider");
  }

 private:
  // {"resources":[{"providers":[{"aescbc":{"keys":[{"name":...,"secret":...}]}}]}]}
  //  1            2 3           4 5        6       7 8
  static constexpr std::size_t kProviderDepth = 6;
  static constexpr std::size_t kKeyDepth = 8;

  bool in_provider() const {
    return path_[1] == "resources" && path_[2].empty() && path_[3] == "providers" && path_[4].empty();
  }
  bool in_keys() const { return in_provider() && provider_ && path_[6] == "keys" && path_[7].empty(); }

  void begin_provider() {
    provider_ = provider_named(path_[5]);
    keys_before_ = keys_.size();
    if (path_[5] == "kms") has_kms_ = true;
    if (provider_ || path_[5] == "kms" || path_[5] == "identity") has_provider_ = true;
  }
  void end_key() {
    if (name_.empty()) damaged("has a key without a name");
    if (!secret_) damaged("has a key without a secret");
    keys_.push_back(make_key(*provider_, name_, std::move(*secret_)));
  }

  std::vector<Key>& keys_;
  bool& has_kms_;
  std::size_t depth_ = 0;
  std::array<std::string, kKeyDepth + 1> path_;  // the key one is at, by depth; empty in arrays
  bool of_its_kind_ = false;
  bool has_provider_ = false;
  std::optional<Provider> provider_;
  std::size_t keys_before_ = 0;
  std::string name_;
  std::optional<core::Secret> secret_;
};

// What stands before the first colon, which is taken off with it; empty when there is none.
std::string_view take_word(std::string_view& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view word = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  return word;
}

// The payload is random bytes: a colon after printable ones only is most likely the end of the name.
std::string_view guess_name(std::string_view named) {
  const auto* const end = std::find_if(named.begin(), named.end(), [](char c) { return c < ' ' || c > '~'; });
  const std::string_view text = named.substr(0, static_cast<std::size_t>(end - named.begin()));
  const std::size_t colon = text.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : text.substr(0, colon);
}

std::optional<core::Secret> open_cbc(EVP_CIPHER_CTX* context, std::string_view sealed) {
  if (sealed.size() < 2 * kBlockBytes || sealed.size() % kBlockBytes != 0) return std::nullopt;
  const std::string_view ciphertext = sealed.substr(kBlockBytes);
  core::Secret plaintext;
  plaintext.resize(ciphertext.size());
  auto* out = reinterpret_cast<unsigned char*>(plaintext.data());
  int written = 0;
  int rest = 0;
  if (EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, bytes_of(sealed)) != 1 ||
      EVP_DecryptUpdate(context, out, &written, bytes_of(ciphertext), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_DecryptFinal_ex(context, out + written, &rest) != 1)
    return std::nullopt;
  plaintext.resize(static_cast<std::size_t>(written + rest));
  return plaintext;
}

std::optional<core::Secret> open_gcm(EVP_CIPHER_CTX* context, std::string_view sealed, std::string_view etcd_key) {
  if (sealed.size() < kGcmNonceBytes + kGcmTagBytes) return std::nullopt;
  const std::string_view ciphertext = sealed.substr(kGcmNonceBytes, sealed.size() - kGcmNonceBytes - kGcmTagBytes);
  std::array<char, kGcmTagBytes> tag{};
  sealed.copy(tag.data(), kGcmTagBytes, sealed.size() - kGcmTagBytes);
  core::Secret plaintext;
  plaintext.resize(ciphertext.size() + 1);  // never an empty buffer
  auto* out = reinterpret_cast<unsigned char*>(plaintext.data());
  int written = 0;
  int rest = 0;
  if (EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, bytes_of(sealed)) != 1 ||
      EVP_DecryptUpdate(context, nullptr, &rest, bytes_of(etcd_key), static_cast<int>(etcd_key.size())) != 1 ||
      EVP_DecryptUpdate(context, out, &written, bytes_of(ciphertext), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, static_cast<int>(kGcmTagBytes), tag.data()) != 1 ||
      EVP_DecryptFinal_ex(context, out + written, &rest) != 1)
    return std::nullopt;
  plaintext.resize(static_cast<std::size_t>(written + rest));
  return plaintext;
}

std::optional<core::Secret> open_with(const Key& key, std::string_view sealed, std::string_view etcd_key) {
  if (key.provider == Provider::secretbox) return open_secretbox(sealed, key.secret.view());
  std::optional<core::Secret> plaintext = key.provider == Provider::aescbc
                                              ? open_cbc(key.context.get(), sealed)
                                              : open_gcm(key.context.get(), sealed, etcd_key);
  if (!plaintext) ERR_clear_error();
  return plaintext;
}

}  // namespace

struct EncryptionKeys::State {
  std::vector<Key> keys;
  bool has_kms = false;
};

EncryptionKeys::EncryptionKeys() : state_(std::make_unique<State>()) {}
EncryptionKeys::EncryptionKeys(EncryptionKeys&& other) noexcept = default;
EncryptionKeys& EncryptionKeys::operator=(EncryptionKeys&& other) noexcept = default;
EncryptionKeys::~EncryptionKeys() = default;

EncryptionKeys::EncryptionKeys(std::string_view configuration) : EncryptionKeys() {
  core::in_context("the encryption configuration cannot be used", [&] {
    ConfigurationVisitor visitor(state_->keys, state_->has_kms);
    walk_json(configuration, visitor);
    visitor.finish();
  });
}

bool EncryptionKeys::empty() const { return state_->keys.empty(); }
bool EncryptionKeys::has_kms() const { return state_->has_kms; }

Opened EncryptionKeys::open(std::string_view stored, std::string_view etcd_key) const {
  assert(stored.starts_with(kPrefix));
  std::string_view named = stored.substr(kPrefix.size());  // from the key's name on, once the words are taken off
  Opened result;
  result.provider = take_word(named);
  const std::string_view version = take_word(named);
  if (result.provider == "kms" && (version == "v1" || version == "v2")) {
    result.outcome = Opened::Outcome::kms;
    result.key_name = take_word(named);  // plugins have no colon in their names
    return result;
  }
  const std::optional<Provider> provider = provider_named(result.provider);
  if (!provider || version != "v1" || stored.size() > std::numeric_limits<int>::max()) return result;
  result.outcome = Opened::Outcome::no_such_key;
  for (const Key& key : state_->keys) {
    // Not cut at a colon: names may have some, and one name may be the beginning of another.
    const std::size_t name_bytes = key.name.size();
    if (key.provider != *provider || !named.starts_with(key.name) || !named.substr(name_bytes).starts_with(':'))
      continue;
    result.outcome = Opened::Outcome::does_not_open;
    result.key_name = named.substr(0, name_bytes);
    std::optional<core::Secret> plaintext = open_with(key, named.substr(name_bytes + 1), etcd_key);
    if (!plaintext) continue;
    result.outcome = Opened::Outcome::opened;
    result.plaintext = std::move(*plaintext);
    return result;
  }
  if (result.outcome == Opened::Outcome::no_such_key) result.key_name = guess_name(named);
  return result;
}

}  // namespace verifier
