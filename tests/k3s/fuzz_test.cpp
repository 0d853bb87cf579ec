// Files of a node as nobody means them, against all that reads them, with sanitizers whatever the preset.
// DRILL_FUZZ_SEED and DRILL_FUZZ_ROUNDS choose other rounds.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>

#include "core/error.hpp"
#include "k3s/place.hpp"
#include "tests/catch.hpp"
#include "tests/k3s/told_of.hpp"

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// A few bytes changed, taken away, doubled, or replaced by what means something in one of the languages.
std::string tampered(std::string text, std::mt19937_64& random) {
  static const std::vector<std::string> words{"\\",
                                              "\n",
                                              "\r\n",
                                              "\"",
                                              "'",
                                              "$",
                                              "${",
                                              "$(",
                                              "`",
                                              "=",
                                              ": ",
                                              "- ",
                                              "# ",
                                              "; ",
                                              "[",
                                              "{",
                                              "&a ",
                                              "*a",
                                              "<<: ",
                                              "|\n",
                                              "%",
                                              "%N",
                                              "\t",
                                              "!!str ",
                                              "---\n",
                                              "+",
                                              "0x",
                                              "1e9",
                                              std::string(1, '\0'),
                                              "\xef\xbb\xbf",
                                              "\x80"};
  const auto below = [&](std::size_t end) { return end == 0 ? 0 : static_cast<std::size_t>(random() % end); };
  for (std::size_t times = 1 + below(4); times > 0; --times) {
    const std::size_t at = below(text.size());
    const std::size_t size = below(std::min<std::size_t>(text.size() - at, 40) + 1);
    switch (below(4)) {
      case 0:
        text.insert(at, words[below(words.size())]);
        break;
      case 1:
        text.erase(at, size);
        break;
      case 2:
        text.insert(below(text.size()), text.substr(at, size));
        break;
      default:
        if (!text.empty()) text[at] = static_cast<char>(random());
    }
  }
  return text;
}

const std::vector<std::pair<std::string, std::string>> kFiles{
    {"config /etc/rancher/k3s/config.yaml",
     "data-dir: &d /mnt/k3s # x\ntoken+: [a, \"b\", 0x10, 1.5]\nx: |\n  y\n<<: {a: *d}\n"},
    {"config /etc/rancher/k3s/config.yaml.d/a.yaml", "token+:\n- c\ndatastore-endpoint: sqlite://./db/x.db?a=b\n"}};
const std::pair<std::string, std::string> kUnit{
    "unit /etc/systemd/system/k3s.service",
    "[Service]\nEnvironment=A=1 \"B=x\\x41 y\"\nEnvironmentFile=-/etc/default/%N\n# c\\\nExecStart=@/bin/k3s x \\\n  "
    "server "
    "'--data-dir' \"/a b\" $A ${B}z \\\n"};
const std::pair<std::string, std::string> kEnvironment{"environment /etc/default/k3s",
                                                       "K3S_TOKEN=\"a\\\nb\"'c'd \nK3S_DATA_DIR=/x\\ y\n;z\n"};
const std::pair<std::string, std::string> kOpenRc{"openrc /etc/init.d/k3s",
                                                  "command=/bin/k3s\ncommand_args=\"server '--token' \\\n 'x' ${A:-$B} "
                                                  "`c` $(d) >>l\"\nset -o allexport\nif [ -f /e ]; "
                                                  "then . /e; fi\nexport A='b' C=\"d\"\n"};

}  // namespace

TEST_CASE("files that were tampered with are checked, or refused as no answer of a node") {
  const std::uint64_t seed = setting("DRILL_FUZZ_SEED", std::random_device{}());
  const std::uint64_t rounds = setting("DRILL_FUZZ_ROUNDS", 3000);
  std::cout << "DRILL_FUZZ_SEED=" << seed << " DRILL_FUZZ_ROUNDS=" << rounds << "\n";
  std::uint64_t refused = 0, warned = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    INFO("DRILL_FUZZ_SEED=" << seed << ", round " << round);
    std::mt19937_64 random(seed * 1'000'003 + round);
    auto files = kFiles;
    if (random() % 2 == 0) {
      files.push_back(kUnit);
      files.push_back(kEnvironment);
    } else {
      files.push_back(kOpenRc);
      files.push_back({"sourced /e", kEnvironment.second});
    }
    for (auto& [name, text] : files) text = tampered(text, random);
    const k3s::PlaceFindings findings =
        k3s::check_place(told_of(files), "/var/lib/rancher/k3s", "/etc/rancher/k3s/config.yaml");
    refused += findings.refusal ? 1 : 0;
    warned += findings.warnings.empty() ? 0 : 1;
    for (const std::string& warning : findings.warnings) CHECK(warning.find('\n') == std::string::npos);
  }
  std::cout << "refused: " << refused << ", warned: " << warned << "\n";
  CHECK(refused > 0);
  CHECK(warned > 0);
}

TEST_CASE("lines that were tampered with are taken, or refused") {
  std::mt19937_64 random(setting("DRILL_FUZZ_SEED", std::random_device{}()));
  for (std::uint64_t round = 0; round < setting("DRILL_FUZZ_ROUNDS", 3000); ++round) {
    k3s::Told told;
    try {
      for (const char* line : {"config /c", "text YTogYgo=", "inode 1:2 /c", "open 7 1:2 /c/x.db", "whole"})
        told.add(tampered(line, random));
      k3s::check_place(told, "/c", "/c");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::storage);
    }
  }
}
