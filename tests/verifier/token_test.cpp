// A server token taken apart, kept as it was written, and copied.
#include "verifier/keys/token.hpp"

#include <optional>
#include <string>
#include <vector>

#include "tests/catch.hpp"

using verifier::parse_token;
using verifier::secret_part;

namespace {

const std::string kHash(64, 'a');
const std::string kKubeadm = "abcdef.0123456789abcdef";

// Every text of up to `words` of these, one after the other: what decides where a token ends and its password begins.
std::vector<std::string> texts(std::size_t words) {
  std::vector<std::string> all{""};
  for (std::size_t from = 0; words > 0; --words) {
    const std::size_t end = all.size();
    for (std::size_t at = from; at < end; ++at)
      for (const std::string& word : {std::string("K10"), kHash, kKubeadm, std::string(":"), std::string("a"),
                                      std::string("\r"), std::string("\n")})
        all.push_back(all[at] + word);
    from = end;
  }
  return all;
}

std::string_view without_line_ends(std::string_view text) { return text.substr(0, text.find_last_not_of("\r\n") + 1); }

}  // namespace

TEST_CASE("A bare token keeps what looks like a user name, and the full form drops it") {
  CHECK(parse_token("server:abc").password.view() == "server:abc");
  CHECK(parse_token("K10::server:abc\n").password.view() == "abc");
  CHECK(parse_token("K10server:a:b").password.view() == "a:b");
}

TEST_CASE("A token names its CA in the full form only") {
  CHECK(parse_token("K10" + kHash + "::server:abc").ca_hash == kHash);
  CHECK(parse_token("K10::server:abc").ca_hash.empty());
  CHECK(parse_token(kHash + "::server:abc").ca_hash.empty());
}

TEST_CASE("A token that k3s would reject says why, and gives neither password nor CA") {
  const auto problem_of = [](const std::string& text) {
    const verifier::Token token = parse_token(text);
    CHECK(token.password.view().empty());
    CHECK(token.ca_hash.empty());
    CHECK(token.content.view() == text);
    return token.problem;
  };
  for (const char* empty : {"", "\n", "\n\n"}) CHECK(problem_of(empty) == "it is empty");
  for (const std::string& text : {kKubeadm, kKubeadm + "\n", "K10::" + kKubeadm, "K10" + kHash + "::" + kKubeadm})
    CHECK(problem_of(text) == "it has kubeadm's form, which is for agents only");
  for (const std::string& text : {std::string("K10abc::server:x"), "K10" + kHash + "a::server:x"})
    CHECK(problem_of(text) == "the CA hash in it is not 64 digits long");
  for (const std::string& text : {std::string("K10"), std::string("K10::server:"), "K10" + kHash + "::server\n"})
    CHECK(problem_of(text) == "it is not of the form K10<CA hash>::<username>:<password> or <password>");
}

TEST_CASE("A token keeps every byte of its file, and of these only new lines at its end are no part of it") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"K10::server:abc\n\n", "abc"}, {"abc\r\n", "abc\r"}, {"abc \n", "abc "},
      {"one\ntwo\n", "one\ntwo"},     {"\nabc", "\nabc"},   {"\r\n", "\r"}};
  for (const auto& [text, password] : cases) {
    const verifier::Token token = parse_token(text);
    CHECK(token.problem.empty());
    CHECK(token.content.view() == text);
    CHECK(token.password.view() == password);
    CHECK(text.starts_with(token.as_written()));
    CHECK(token.as_written().ends_with(password));
  }
  CHECK(parse_token("K10::server:abc\n\n").as_written() == "K10::server:abc");
}

TEST_CASE("What no log may repeat is the password, and of a rejected token what stands behind its last colon") {
  const auto secret_of = [](std::string_view text) { return std::string(secret_part(parse_token(text))); };
  CHECK(secret_of("K10::server:a:b\n") == "a:b");
  CHECK(secret_of("hunter2\r\n") == "hunter2");
  CHECK(secret_of("K10abc::server:hunter2") == "hunter2");
  CHECK(secret_of("K10abc::server:hunter2\r\n") == "hunter2");
  CHECK(secret_of("") == "");
  CHECK(secret_part({}) == "");
}

TEST_CASE("What no log may repeat does not depend on how the last line of the file ends") {
  for (const std::string& text : texts(5))
    if (secret_part(parse_token(text)) != secret_part(parse_token(without_line_ends(text)))) FAIL_CHECK(text);
}

TEST_CASE("A copy of a token outlives it, and a copy that is changed leaves it as it is") {
  std::optional<verifier::Token> token = parse_token("K10" + kHash + "::server:abc\n");
  verifier::Token copy = *token;
  copy.content.data()[0] = 'x';
  CHECK(token->content.view() == "K10" + kHash + "::server:abc\n");
  copy = *token;
  token.reset();
  CHECK(copy.content.view() == "K10" + kHash + "::server:abc\n");
  CHECK(copy.as_written() == "K10" + kHash + "::server:abc");
  CHECK(copy.password.view() == "abc");
  CHECK(copy.ca_hash == kHash);
  CHECK(copy.problem.empty());
}
