// A config.yaml as k3s reads it. What is expected here was printed by k3s's own reader (pkg/configfilearg with
// gopkg.in/yaml.v2), not by this one.
#include "k3s/config_file.hpp"

#include "tests/catch.hpp"

namespace {

// "name=value", a line each; what cannot be read is "! place".
std::string flags_of(const std::vector<std::string>& texts) {
  std::vector<k3s::ConfigFile> files;
  for (const std::string& text : texts) files.push_back({"/c" + std::to_string(files.size()), text});
  const k3s::ConfigFlags config = k3s::flags_of_config(files);
  std::string text;
  for (const k3s::Flag& flag : config.flags) text += flag.name + "=" + flag.value + "\n";
  for (const std::string& place : config.unreadable) text += "! " + place + "\n";
  return text;
}

}  // namespace

TEST_CASE("a config file that is empty, or comments only, says nothing") {
  for (const char* text : {"", "\n", "# data-dir: /x\n", "\xef\xbb\xbf", "---\n", "---\n# x\n...\n", "~\n", "{}\n"}) {
    CAPTURE(text);
    CHECK(flags_of({text}).empty());
  }
}

TEST_CASE("a scalar of a config has the value that k3s gives it, whatever its form") {
  const std::vector<std::pair<std::string, std::string>> table{{"/data", "/data"},
                                                               {"\"/data\"", "/data"},
                                                               {"'/da''ta'", "/da'ta"},
                                                               {"/data # new", "/data"},
                                                               {"/da#ta", "/da#ta"},
                                                               {"'/data' # new", "/data"},
                                                               {"\"a\\tb\"", "a\tb"},
                                                               {"|\n  a\n  b", "a\nb\n"},
                                                               {">-\n  a\n  b", "a b"},
                                                               {"", ""},
                                                               {"~", ""},
                                                               {"null", ""},
                                                               {"\"\"", ""},
                                                               {"\"\" # sqlite", ""},
                                                               {"'null'", "null"},
                                                               {"yes", "true"},
                                                               {"On", "true"},
                                                               {"y", "true"},
                                                               {"TRUE", "true"},
                                                               {"'yes'", "yes"},
                                                               {"!!str yes", "yes"},
                                                               {"!x yes", "yes"},
                                                               {"off", "false"},
                                                               {"No", "false"},
                                                               {"12", "12"},
                                                               {"\"012\"", "012"},
                                                               {"012", "10"},
                                                               {"0o17", "15"},
                                                               {"0x1F", "31"},
                                                               {"0b11", "3"},
                                                               {"1_000", "1000"},
                                                               {"+5", "5"},
                                                               {"-010", "-8"},
                                                               {"089", "89"},
                                                               {"1.0", "1"},
                                                               {"1.50", "1.5"},
                                                               {"1e3", "1000"},
                                                               {"1e10", "1e+10"},
                                                               {"123456789.0", "1.23456789e+08"},
                                                               {"0.00001", "1e-05"},
                                                               {".5", "0.5"},
                                                               {"18446744073709551616", "1.8446744073709552e+19"},
                                                               {"1.2.3.4", "1.2.3.4"},
                                                               {"10.43.0.0/16", "10.43.0.0/16"},
                                                               {"2024-01-31", "2024-01-31"},
                                                               {"12e", "12e"},
                                                               {"+", "+"},
                                                               {"1:30", "1:30"},
                                                               {"[a, b]", "a|b"},
                                                               {"[]", "none"},
                                                               {"\n- a\n- 'b'", "a|b"},
                                                               {"\n  - 0x10\n  - yes", "16|true"},
                                                               {"&x /data", "/data"}};
  for (const auto& [form, expected] : table) {
    CAPTURE(form);
    std::string values;
    for (const k3s::Flag& flag : k3s::flags_of_config({{"/c", "k: " + form + "\n"}}).flags)
      values += (values.empty() ? "" : "|") + flag.value;
    const bool none = k3s::flags_of_config({{"/c", "k: " + form + "\n"}}).flags.empty();
    CHECK((none ? "none" : values) == expected);
  }
}

TEST_CASE("a key that is there twice has its last value, and no error") {
  CHECK(flags_of({"kubelet-arg: a\nkubelet-arg: b\n"}) == "kubelet-arg=b\n");
  CHECK(flags_of({"token: a\ntoken: [b, c]\n"}) == "token=b\ntoken=c\n");
  // Each name of a flag has its place from where it first came, and the last of them wins.
  CHECK(flags_of({"data-dir: /a\nd: /b\n", "data-dir: /c\n"}) == "data-dir=/c\ndata-dir=/b\n");
}

TEST_CASE("a part of a config replaces what came before, and adds to it with a plus") {
  CHECK(flags_of({"token: a\ndata-dir: /a\n", "data-dir: /b\n"}) == "token=a\ndata-dir=/b\n");
  CHECK(flags_of({"tls-san: [a]\n", "tls-san+: [b]\n", "", "tls-san+: c\n"}) == "tls-san=a\ntls-san=b\ntls-san=c\n");
  CHECK(flags_of({"tls-san+: [a, b]\n", "tls-san: c\n"}) == "tls-san=c\n");
  CHECK(flags_of({"# nothing\n", "k: a\n"}) == "k=a\n");
  CHECK(flags_of({"k:\nk+: a\nk+: ~\n"}) == "k=a\n");
}

TEST_CASE("anchors, merged keys, CRLF, a mark of byte order and a second document are read as k3s does") {
  CHECK(flags_of({"a: &x /data\nb: *x\n"}) == "a=/data\nb=/data\n");
  CHECK(flags_of({"x: &x {d: /lost}\n<<: *x\nk: v\n"}) == "x=\nk=v\n");
  CHECK(flags_of({"\xef\xbb\xbf"
                  "data-dir: /data\r\ntoken: t\r\n"}) == "data-dir=/data\ntoken=t\n");
  CHECK(flags_of({"k: a\n---\nk: b\n"}) == "k=a\n");
  CHECK(flags_of({"k:\tv\n"}) == "k=v\n");
}

TEST_CASE("a config that k3s could not read is named with its line, and the others are read") {
  CHECK(flags_of({"k: v\n", "a: [\n", "just text\n", "- a\n", "b: c\n"}) == "k=v\nb=c\n! /c1, line 2\n! /c2\n! /c3\n");
}
