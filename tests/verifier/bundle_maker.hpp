// Makes what a k3s server seals: CA certificates, the bundle, the sealed row. Encrypts with OpenSSL on its own, without
// the verifier's code; sealed_row_vector.hpp holds a row made without OpenSSL's C interface.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

struct CaFile {
  std::string pem;       // one self-signed certificate, or an intermediate followed by its root
  std::string key_pem;   // of the first
  std::string root_der;  // of the root
};

/// Expires in ten years from now, or at `expires`.
CaFile make_single_ca();
CaFile make_single_ca(std::chrono::sys_seconds expires);
CaFile make_ca_chain();

std::string make_private_key();
std::string make_rsa_key();  // as k3s makes its ServiceKey; takes a while
/// Behind a passphrase, so that no program can read it without asking.
std::string make_locked_key();

/// What k3s seals on a cluster without secrets encryption, with `ca` as every CA.
std::map<std::string, std::string> sound_files(const CaFile& ca, const std::string& password);

/// name -> {Timestamp, Content}, or name -> content as before k3s 1.22.
std::string bundle_json(const std::map<std::string, std::string>& files);
std::string old_bundle_json(const std::map<std::string, std::string>& files);

std::string seal(std::string_view plaintext, std::string_view passphrase);
std::string base64(std::string_view bytes);
std::string passwd_file(const std::string& secret);
