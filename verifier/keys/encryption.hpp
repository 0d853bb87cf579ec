// Encryption at rest: the keys of kube-apiserver's EncryptionConfiguration, as k3s keeps it in the bootstrap row, and
// the opening of one stored value with them. Called for every sealed row of the pass, so nothing is allocated per call
// but the plaintext. The verifier's door to OpenSSL's AES; secretbox.cpp is the one to libsodium.
// What it does not do: reach a KMS plugin, or say that an opened value is sound. aescbc is not authenticated: a wrong
// key or a damaged byte can leave a valid padding behind, so callers decode the plaintext before they believe it.
// Source: kubernetes apiserver pkg/server/options/encryptionconfig/config.go, pkg/storage/value/transformer.go and
// encrypt/{aes,secretbox}, v1.37; k3s pkg/secretsencrypt/config.go @06d81cb9.
#pragma once

#include <memory>
#include <string_view>

#include "core/secret.hpp"

namespace verifier {

struct Opened {
  enum class Outcome {
    opened,
    no_such_key,       // of a provider that can be opened offline, but no key of this name is known
    does_not_open,     // the key of this name does not fit, or the value is damaged
    kms,               // only the plugin that sealed it can open it
    unknown_provider,  // no form that Kubernetes writes
  };

  Outcome outcome = Outcome::unknown_provider;
  core::Secret plaintext;  // when opened
  // Views into the stored value, which is a stranger's: not to be shown as they are. "aescbc", "kms"; empty when
  // there is none. The name of a key that is not known is a guess, as what follows it has no mark of its own.
  std::string_view provider;
  std::string_view key_name;
};

/// For one thread at a time. Keys are wiped when it goes.
class EncryptionKeys {
 public:
  /// None.
  EncryptionKeys();
  /// `configuration` is JSON, as k3s writes it. Throws: damaged, saying what is wrong with it and never quoting it.
  explicit EncryptionKeys(std::string_view configuration);
  EncryptionKeys(EncryptionKeys&& other) noexcept;
  EncryptionKeys& operator=(EncryptionKeys&& other) noexcept;
  ~EncryptionKeys();

  /// True when no value can be opened: no configuration, identity only, KMS only.
  bool empty() const;
  /// True when the configuration names a KMS plugin.
  bool has_kms() const;

  /// Opens `stored`, a value that starts with "k8s:enc:", as read from under `etcd_key`, "/registry/secrets/...".
  /// Of several keys of one name the first that fits opens it, as in Kubernetes. Throws: storage.
  Opened open(std::string_view stored, std::string_view etcd_key) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace verifier
