#include "tests/verifier/bundle_maker.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

void demand(bool done) {
  if (!done) throw std::runtime_error("OpenSSL refused");
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  demand(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

std::chrono::sys_seconds in_ten_years() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + std::chrono::days(3650);
}

// A CA certificate for `key`, signed by `issuer_key`; `issuer` null makes it a root.
Certificate make_ca(const char* common_name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                    std::chrono::sys_seconds expires = in_ten_years()) {
  Certificate certificate(X509_new(), X509_free);
  X509* const signer = issuer != nullptr ? issuer : certificate.get();
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  demand(ASN1_TIME_set(X509_getm_notAfter(certificate.get()), expires.time_since_epoch().count()) != nullptr);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  add_extension(certificate.get(), signer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate.get(), signer, NID_key_usage, "critical,keyCertSign,digitalSignature");
  add_extension(certificate.get(), signer, NID_subject_key_identifier, "hash");
  add_extension(certificate.get(), signer, NID_authority_key_identifier, "keyid");
  demand(X509_sign(certificate.get(), issuer_key, EVP_sha256()) > 0);
  return certificate;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size_bytes = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size_bytes));
  BIO_free(bio);
  return text;
}

std::string to_pem(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  demand(PEM_write_bio_X509(bio, certificate) == 1);
  return text_of(bio);
}

std::string to_pem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  demand(PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio);
}

std::string to_der(X509* certificate) {
  std::string der(static_cast<std::size_t>(i2d_X509(certificate, nullptr)), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

}  // namespace

CaFile make_single_ca() { return make_single_ca(in_ten_years()); }

CaFile make_single_ca(std::chrono::sys_seconds expires) {
  const Key key = make_key();
  const Certificate ca = make_ca("k3s-server-ca", key.get(), nullptr, key.get(), expires);
  return {to_pem(ca.get()), to_pem(key.get()), to_der(ca.get())};
}

CaFile make_ca_chain() {
  const Key root_key = make_key();
  const Key key = make_key();
  const Certificate root = make_ca("our-root", root_key.get(), nullptr, root_key.get());
  const Certificate ca = make_ca("k3s-server-ca", key.get(), root.get(), root_key.get());
  return {to_pem(ca.get()) + to_pem(root.get()), to_pem(key.get()), to_der(root.get())};
}

std::string make_rsa_key() { return to_pem(Key(EVP_RSA_gen(2048), EVP_PKEY_free).get()); }

std::string make_private_key() { return to_pem(make_key().get()); }

std::string make_locked_key() {
  std::string passphrase = "passphrase";
  BIO* bio = BIO_new(BIO_s_mem());
  demand(PEM_write_bio_PrivateKey(bio, make_key().get(), EVP_aes_256_cbc(), nullptr, 0, nullptr, passphrase.data()) ==
         1);
  return text_of(bio);
}

std::map<std::string, std::string> sound_files(const CaFile& ca, const std::string& password) {
  std::map<std::string, std::string> files{
      {"PasswdFile", passwd_file(password)}, {"ServiceKey", make_private_key()}, {"IPSECKey", "psk"}};
  for (const char* name : {"ServerCA", "ClientCA", "RequestHeaderCA", "ETCDServerCA", "ETCDPeerCA"}) {
    files[name] = ca.pem;
    files[std::string(name) + "Key"] = ca.key_pem;
  }
  return files;
}

std::string base64(std::string_view bytes) {
  std::string text(bytes.size() / 3 * 4 + 5, '\0');
  const int size_bytes =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size_bytes));
  return text;
}

std::string bundle_json(const std::map<std::string, std::string>& files) {
  std::string json;
  for (const auto& [name, content] : files)
    json += (json.empty() ? "{\"" : ",\"") + name + R"(":{"Timestamp":"2026-11-20T10:00:00Z","Content":")" +
            base64(content) + "\"}";
  return json + "}";
}

std::string old_bundle_json(const std::map<std::string, std::string>& files) {
  std::string json;
  for (const auto& [name, content] : files)
    json += (json.empty() ? "{\"" : ",\"") + name + "\":\"" + base64(content) + "\"";
  return json + "}";
}

std::string seal(std::string_view plaintext, std::string_view passphrase) {
  const std::string salt = "0123456789abcdef";
  unsigned char key[32];
  demand(PKCS5_PBKDF2_HMAC_SHA1(passphrase.data(), static_cast<int>(passphrase.size()),
                                reinterpret_cast<const unsigned char*>(salt.data()), 16, 4096, 32, key) == 1);
  std::string sealed(12, '\0');
  demand(RAND_bytes(reinterpret_cast<unsigned char*>(sealed.data()), 12) == 1);
  std::vector<unsigned char> out(plaintext.size() + 16);
  int written = 0;
  int rest = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  demand(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key,
                            reinterpret_cast<unsigned char*>(sealed.data())) == 1 &&
         EVP_EncryptUpdate(context, out.data(), &written, reinterpret_cast<const unsigned char*>(plaintext.data()),
                           static_cast<int>(plaintext.size())) == 1 &&
         EVP_EncryptFinal_ex(context, out.data() + written, &rest) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, out.data() + plaintext.size()) == 1);
  EVP_CIPHER_CTX_free(context);
  sealed.append(reinterpret_cast<char*>(out.data()), out.size());
  return salt + ":" + base64(sealed);
}

std::string passwd_file(const std::string& secret) {
  return secret + ",node,node,k3s:agent\n" + secret + ",server,server,k3s:server\n";
}
