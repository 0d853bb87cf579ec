#include "verifier/keys/certificate.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cassert>
#include <ctime>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "core/error.hpp"
#include "core/sha256.hpp"

namespace verifier {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Freer<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

[[noreturn]] void damaged(std::string message) { throw core::Error(core::ErrorKind::damaged, std::move(message)); }

template <class T>
T demand(T made) {
  if (!made) throw std::bad_alloc();
  return made;
}

// Everything of one kind in a PEM file, up to the first block that cannot be read.
template <class T>
struct Blocks {
  std::vector<T> all;
  bool complete = false;
};

struct PemBlock {
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<std::size_t>(size_bytes));
  }

  bool is_key() const { return std::string_view(name).ends_with("PRIVATE KEY"); }
  bool is_certificate() const { return std::string_view(name) == "CERTIFICATE"; }

  char* name = nullptr;
  char* header = nullptr;  // says that the block is behind a passphrase
  unsigned char* data = nullptr;
  long size_bytes = 0;
};

// Block by block as Go reads them. OpenSSL's readers of one kind would ask the terminal for a passphrase.
template <class T, class Decode>
Blocks<T> read_blocks(std::string_view pem, bool (PemBlock::*is_wanted)() const, Decode decode) {
  Blocks<T> blocks;
  const Bio bio = demand(Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))));
  while (true) {
    PemBlock block;
    if (PEM_read_bio(bio.get(), &block.name, &block.header, &block.data, &block.size_bytes) != 1) break;
    if (!(block.*is_wanted)()) continue;
    const unsigned char* at = block.data;
    T decoded(decode(nullptr, &at, block.size_bytes));
    if (!decoded) break;
    blocks.all.push_back(std::move(decoded));
  }
  // The end of the text is reported as an error, too.
  const unsigned long error = ERR_peek_last_error();
  blocks.complete = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return blocks;
}

Blocks<Certificate> certificates_of(std::string_view pem) {
  return read_blocks<Certificate>(pem, &PemBlock::is_certificate, d2i_X509);
}
Blocks<Key> keys_of(std::string_view pem) { return read_blocks<Key>(pem, &PemBlock::is_key, d2i_AutoPrivateKey); }

// Not through time_t arithmetic of nanoseconds: a certificate may be valid until the year 9999.
std::optional<std::chrono::sys_seconds> expiry_of(X509* certificate) {
  std::tm timestamp{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &timestamp) != 1) return std::nullopt;
  using namespace std::chrono;
  const sys_days day = year(timestamp.tm_year + 1900) / (timestamp.tm_mon + 1) / timestamp.tm_mday;
  return day + hours(timestamp.tm_hour) + minutes(timestamp.tm_min) + seconds(timestamp.tm_sec);
}

std::string to_der(X509* certificate) {
  unsigned char* der = nullptr;
  const int size_bytes = i2d_X509(certificate, &der);
  if (size_bytes <= 0) damaged("a CA certificate cannot be written out again");
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size_bytes));
  OPENSSL_free(der);
  return bytes;
}

bool is_root(X509* certificate) {
  const ASN1_OCTET_STRING* issuer = X509_get0_authority_key_id(certificate);
  const ASN1_OCTET_STRING* subject = X509_get0_subject_key_id(certificate);
  return issuer == nullptr || (subject != nullptr && ASN1_OCTET_STRING_cmp(issuer, subject) == 0);
}

// The DER of the root that the first certificate leads to; empty when it leads to none.
std::optional<std::string> root_of(const std::vector<Certificate>& certificates) {
  const Store roots = demand(Store(X509_STORE_new()));
  const Stack between = demand(Stack(sk_X509_new_null()));
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    if (is_root(certificates[i].get())) {
      X509_STORE_add_cert(roots.get(), certificates[i].get());
    } else {
      sk_X509_push(between.get(), certificates[i].get());
    }
  }
  const StoreContext context = demand(StoreContext(X509_STORE_CTX_new()));
  if (X509_STORE_CTX_init(context.get(), roots.get(), certificates.front().get(), between.get()) != 1)
    return std::nullopt;
  // The chain is what is asked for here; whether a certificate has expired is another question.
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified != 1) return std::nullopt;
  const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
  return to_der(sk_X509_value(chain, sk_X509_num(chain) - 1));
}

}  // namespace

CertificateFile read_certificates(std::string_view pem) {
  CertificateFile file;
  const Blocks<Certificate> certificates = certificates_of(pem);
  for (const Certificate& certificate : certificates.all) {
    const auto expiry = expiry_of(certificate.get());
    if (expiry) file.expiries.push_back(*expiry);
  }
  if (!certificates.complete || file.expiries.size() != certificates.all.size()) {
    file.problem = "holds a certificate that cannot be read";
  } else if (certificates.all.empty()) {
    file.problem = "holds no certificate";
  }
  return file;
}

std::string problem_of_keys(std::string_view pem) {
  const Blocks<Key> keys = keys_of(pem);
  if (!keys.complete) return "holds a private key that cannot be read";
  return keys.all.empty() ? "holds no private key" : "";
}

bool is_pair(std::string_view certificates_pem, std::string_view keys_pem) {
  const Blocks<Certificate> certificates = certificates_of(certificates_pem);
  const Blocks<Key> keys = keys_of(keys_pem);
  assert(!certificates.all.empty() && !keys.all.empty());
  const bool fits = X509_check_private_key(certificates.all.front().get(), keys.all.front().get()) == 1;
  ERR_clear_error();
  return fits;
}

std::vector<std::string> hash_public_keys(std::string_view keys_pem) {
  std::vector<std::string> hashes;
  const Blocks<Key> keys = keys_of(keys_pem);
  for (const Key& key : keys.all) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    if (size < 0) continue;
    hashes.push_back(core::sha256_hex({reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}));
    OPENSSL_free(der);
  }
  ERR_clear_error();
  return hashes;
}

std::string hash_ca(std::string_view pem) {
  const std::vector<Certificate> certificates = certificates_of(pem).all;
  if (certificates.empty()) damaged("the server CA in the bootstrap data holds no certificate");
  if (certificates.size() > 1)
    if (const auto root = root_of(certificates)) return core::sha256_hex(*root);
  return core::sha256_hex(pem);
}

}  // namespace verifier
