#include "verifier/keys/token.hpp"

#include <algorithm>

#include "core/sha256.hpp"

namespace verifier {
namespace {

constexpr std::string_view kPrefix = "K10";
constexpr std::size_t kHashDigits = 64;

// Kubeadm's form, xxxxxx.yyyyyyyyyyyyyyyy: for agents only.
bool is_kubeadm_token(std::string_view text) {
  const auto small = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return text.size() == 23 && text[6] == '.' && std::all_of(text.begin(), text.begin() + 6, small) &&
         std::all_of(text.begin() + 7, text.end(), small);
}

std::string_view without_new_lines(std::string_view text) { return text.substr(0, text.find_last_not_of('\n') + 1); }

Token rejected(std::string problem) {
  Token token;
  token.problem = std::move(problem);
  return token;
}

// All of it but its content.
Token take_apart(std::string_view written) {
  if (written.empty()) return rejected("it is empty");
  Token token;
  std::string_view credentials = written;
  const bool full_form = written.starts_with(kPrefix);
  if (full_form) {
    credentials.remove_prefix(kPrefix.size());
    const std::size_t at = credentials.find("::");
    if (at != std::string_view::npos) {
      if (at != 0 && at != kHashDigits) return rejected("the CA hash in it is not 64 digits long");
      token.ca_hash = credentials.substr(0, at);
      credentials.remove_prefix(at + 2);
    }
  }
  if (is_kubeadm_token(credentials)) return rejected("it has kubeadm's form, which is for agents only");
  if (full_form) {
    const std::size_t colon = credentials.find(':');
    if (colon == std::string_view::npos || colon + 1 == credentials.size())
      return rejected("it is not of the form K10<CA hash>::<username>:<password> or <password>");
    credentials.remove_prefix(colon + 1);
  }
  token.password = core::Secret(credentials);
  return token;
}

}  // namespace

std::string_view Token::as_written() const { return without_new_lines(content.view()); }

Token parse_token(core::Secret content) {
  Token token = take_apart(without_new_lines(content.view()));
  token.content = std::move(content);
  return token;
}

std::string_view secret_part(const Token& token) {
  const std::string_view whole = token.problem.empty() ? token.password.view() : token.content.view();
  const std::string_view bare = whole.substr(0, whole.find_last_not_of("\r\n") + 1);
  return token.problem.empty() ? bare : bare.substr(bare.rfind(':') + 1);
}

std::string bootstrap_key(std::string_view password) {
  return "/bootstrap/" + core::sha256_hex(password).substr(0, 12);
}

}  // namespace verifier
