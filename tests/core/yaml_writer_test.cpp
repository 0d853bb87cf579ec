#include "core/yaml_writer.hpp"

#include "tests/catch.hpp"

namespace {

using core::YamlNode;

YamlNode text(std::string content) {
  YamlNode node;
  node.kind = YamlNode::Kind::scalar;
  node.quoted = true;
  node.scalar = std::move(content);
  return node;
}

YamlNode plain(std::string content) {
  YamlNode node = text(std::move(content));
  node.quoted = false;
  return node;
}

YamlNode list(std::vector<YamlNode> items) {
  YamlNode node;
  node.kind = YamlNode::Kind::sequence;
  node.items = std::move(items);
  return node;
}

YamlNode map(std::vector<core::YamlEntry> entries) {
  YamlNode node;
  node.kind = YamlNode::Kind::map;
  node.entries = std::move(entries);
  return node;
}

}  // namespace

TEST_CASE("values are written in the style of kubectl") {
  const YamlNode node =
      map({{"kind", text("List")},
           {"replicas", plain("3")},
           {"none", {}},
           {"empty", map({})},
           {"nothing", list({})},
           {"items",
            list({map({{"name", text("a b")}, {"on", text("yes")}}), list({plain("1"), text("1")}), text("x: y")})},
           {"file", map({{"key.conf", text("a = 1\n\n\tb = \"2\"\n")}, {"cut", text("a\nb")}})}});
  CHECK(core::write_yaml(node) ==
        "kind: List\n"
        "replicas: 3\n"
        "none: null\n"
        "empty: {}\n"
        "nothing: []\n"
        "items:\n"
        "- name: a b\n"
        "  \"on\": \"yes\"\n"
        "- - 1\n"
        "  - \"1\"\n"
        "- \"x: y\"\n"
        "file:\n"
        "  key.conf: |\n"
        "    a = 1\n"
        "\n"
        "    \tb = \"2\"\n"
        "  cut: |-\n"
        "    a\n"
        "    b\n");
}

TEST_CASE("a text that some reader of YAML takes for something else is quoted") {
  for (const char* word :
       {"",      "yes",  "No",         "TRUE", "off",  "y",    "null",  "~",   "1e3",  "0123", "0x1f",  "-1",   ".5",
        "1_000", "1:30", "2026-11-24", ".inf", ".NaN", "<<",   "=",     "- a", "a: b", "a #b", "a:",    "a ",   " a",
        "#a",    "*a",   "&a",         "!a",   "%a",   "@a",   "`a",    "{a",  "[a",   "'a'",  "\"a\"", "a\\b", "?",
        ":",     "-",    "---",        "...",  "a\tb", "a\rb", "a\x7f", "|",   ">",    "null", "Null"}) {
    INFO(word);
    const std::string written = core::write_yaml(map({{"a", text(word)}}));
    CHECK(written.starts_with("a: \""));
    const YamlNode read = core::parse_yaml(written, "test");
    CHECK(read.find("a")->scalar == word);
    CHECK(read.find("a")->quoted);
  }
}

TEST_CASE("any text comes back from what is written, as a value, an item and a key") {
  const std::vector<std::string> texts{"a\n",
                                       "a\nb",
                                       "a\nb\n",
                                       "a\n\nb\n",
                                       "a\n\n",
                                       "\na\n",
                                       " a\n",
                                       "\ta\nb\n",
                                       "a\n b\n",
                                       "a\n \nb\n",
                                       "a\n#b\n",
                                       "a\r\nb\r\n",
                                       "a\n---\nb\n",
                                       "\n",
                                       "\n\n",
                                       "a: |\n  b\n",
                                       "k\xc3\xa4se\n\xe2\x98\x83\n",
                                       "\xf0\x9f\x90\x84",
                                       "a\xc2\x85"
                                       "b",
                                       "a\xe2\x80\xa8"
                                       "b\n",
                                       "\xef\xbb\xbf"
                                       "a\nb\n",
                                       std::string("a\0b", 3),
                                       std::string("\x01\n\x1f\n"),
                                       "a\n\tb\n",
                                       std::string(5000, 'x'),
                                       std::string(3000, '"') + "\n",
                                       "a:\n",
                                       "{}\n[]\n"};
  std::vector<core::YamlEntry> entries;
  std::vector<YamlNode> items;
  for (const std::string& content : texts) {
    entries.push_back({content, map({{"value", text(content)}})});
    items.push_back(text(content));
  }
  const std::string written = core::write_yaml(map({{"map", map(entries)}, {"list", list(items)}}));
  const YamlNode read = core::parse_yaml(written, "test");
  REQUIRE(read.find("map")->entries.size() == texts.size());
  REQUIRE(read.find("list")->items.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO(i << ": " << texts[i]);
    CHECK(read.find("map")->entries[i].key == texts[i]);
    CHECK(read.find("map")->entries[i].value.find("value")->scalar == texts[i]);
    CHECK(read.find("list")->items[i].scalar == texts[i]);
  }
}
