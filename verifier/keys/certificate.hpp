// What a PEM file in the bootstrap data holds: certificates, when they expire, the keys that go with them.
// The verifier's door to OpenSSL's certificates and keys. What it does not do: check (authority_checks.cpp).
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace verifier {

struct CertificateFile {
  std::vector<std::chrono::sys_seconds> expiries;  // of each certificate, in the order of the file
  std::string problem;  // why k3s could not read it ("holds no certificate"); empty when it could
};

CertificateFile read_certificates(std::string_view pem);

/// Why k3s could not read this file of one or more private keys ("holds no private key"); empty when it could.
/// A key behind a passphrase cannot be read.
std::string problem_of_keys(std::string_view pem);

/// True when the first certificate and the first key belong together, as k3s takes the first of each. Both files must
/// be without a problem.
bool is_pair(std::string_view certificates_pem, std::string_view keys_pem);

/// sha256 of the public part, in DER (RFC 5280's SubjectPublicKeyInfo), of each key in a file of private keys.
std::vector<std::string> hash_public_keys(std::string_view keys_pem);

/// k3s's hash of a CA file: of its bytes when it holds one certificate, else of the root its first one leads to.
/// Throws: damaged, when it holds no certificate. Source: k3s pkg/clientaccess/token.go @0566d457, hashCA.
std::string hash_ca(std::string_view pem);

}  // namespace verifier
