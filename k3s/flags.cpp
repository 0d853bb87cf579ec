#include "k3s/flags.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace k3s {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kShortNames{
    {{"c", "config"}, {"d", "data-dir"}, {"o", "write-kubeconfig"}, {"s", "server"}, {"t", "token"}, {"v", "v"}}};

// They take the next word whatever it looks like. Of the others a word that begins with a dash is taken for a flag.
constexpr std::array<std::string_view, 12> kWithValue{
    "agent-token", "agent-token-file",   "cluster-cidr", "cluster-dns",  "cluster-domain", "config",
    "data-dir",    "datastore-endpoint", "server",       "service-cidr", "token",          "token-file"};

bool takes_next(const std::string& name, const std::string& next) {
  if (name == "secrets-encryption") return false;
  return name == "write-kubeconfig" || std::find(kWithValue.begin(), kWithValue.end(), name) != kWithValue.end() ||
         !next.starts_with('-');
}

}  // namespace

std::string long_name(std::string_view name) {
  for (const auto& [letter, word] : kShortNames)
    if (letter == name) return std::string(word);
  return std::string(name);
}

std::vector<Flag> flags_of(const std::vector<std::string>& words, const std::string& file) {
  std::vector<Flag> flags;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (!word.starts_with('-') || word == "-") continue;
    if (word == "--") break;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const std::size_t equals = std::min(word.find('='), word.size());
    Flag flag{long_name(word.substr(0, equals)), "true", file};
    if (equals < word.size())
      flag.value = word.substr(equals + 1);
    else if (i + 1 < words.size() && takes_next(flag.name, words[i + 1]))
      flag.value = words[++i];
    flags.push_back(std::move(flag));
  }
  return flags;
}

}  // namespace k3s
