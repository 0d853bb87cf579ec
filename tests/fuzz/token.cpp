// parse_token: the file server/token.
#include "verifier/keys/token.hpp"

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  const verifier::Token token = verifier::parse_token(input);
  fuzz::demand(token.content.view() == input, "a token keeps every byte");
  fuzz::demand(input.find(verifier::secret_part(token)) != std::string_view::npos,
               "what no log may repeat is of the token");
  if (!token.problem.empty()) {
    fuzz::demand(token.password.view().empty() && token.ca_hash.empty(), "a rejected token gives nothing");
    return 0;
  }
  fuzz::demand(token.ca_hash.empty() || token.ca_hash.size() == 64, "a CA hash has 64 digits");
  fuzz::demand(input.starts_with(token.as_written()), "a token is kept as it is written");
  fuzz::demand(token.as_written().ends_with(token.password.view()), "a token ends with its password");
  fuzz::demand(verifier::bootstrap_key(token.password.view()).size() == 23, "a row's key has 12 digits");
  return 0;
}
