// The opened bootstrap data: bundle, CA certificates, passwd file.
#include "verifier/keys/bundle.hpp"

#include "tests/fuzz/fuzz.hpp"
#include "verifier/keys/certificate.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  if (input.starts_with("-----BEGIN")) {
    fuzz::may_be_damaged(
        [&] { fuzz::demand(verifier::hash_ca(input).size() == 64, "a CA is known by 64 hex digits"); });
    return 0;
  }
  if (!input.starts_with('{')) {
    const auto secret = verifier::server_secret(input);
    fuzz::demand(!secret || secret->view().size() <= input.size(), "a secret is no longer than its file");
    return 0;
  }
  fuzz::may_be_damaged([&] {
    const verifier::Bundle bundle = verifier::parse_bundle(input);
    for (const auto& [name, content] : bundle)
      fuzz::demand(content.view().size() <= input.size(), "a file is no longer than the bundle");
    if (const auto ca = bundle.find("ServerCA"); ca != bundle.end()) verifier::hash_ca(ca->second.view());
    if (const auto passwd = bundle.find("PasswdFile"); passwd != bundle.end())
      verifier::server_secret(passwd->second.view());
  });
  return 0;
}
