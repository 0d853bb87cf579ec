// Makes what a k3s server seals: CA certificates, the bundle, the sealed row. Encrypts with OpenSSL on its own, without
// the verifier's code; sealed_row_vector.hpp holds a row made without OpenSSL's C interface.
#pragma once

#include <map>
#include <string>
#include <string_view>

struct CaFile {
  std::string pem;       // one self-signed certificate, or an intermediate followed by its root
  std::string root_der;  // of the root
};

CaFile make_single_ca();
CaFile make_ca_chain();

/// name -> {Timestamp, Content}, or name -> content as before k3s 1.22.
std::string bundle_json(const std::map<std::string, std::string>& files);
std::string old_bundle_json(const std::map<std::string, std::string>& files);

std::string seal(std::string_view plaintext, std::string_view passphrase);
std::string base64(std::string_view bytes);
std::string passwd_file(const std::string& secret);
