// What a terminal may be shown, character by character and byte by byte, and what stands in place of the rest.
#include "core/printable.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "core/utf8.hpp"
#include "core/yaml.hpp"
#include "core/yaml_writer.hpp"
#include "tests/catch.hpp"

namespace {

std::string utf8(char32_t point) {
  std::string text;
  const auto put = [&](char32_t bits) { text += static_cast<char>(bits); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6U);
    put(0x80 | (point & 0x3fU));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12U);
    put(0x80 | (point >> 6U & 0x3fU));
    put(0x80 | (point & 0x3fU));
  } else {
    put(0xf0 | point >> 18U);
    put(0x80 | (point >> 12U & 0x3fU));
    put(0x80 | (point >> 6U & 0x3fU));
    put(0x80 | (point & 0x3fU));
  }
  return text;
}

bool is_safe(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = core::utf8_length(text);
    if (length == 0 || core::is_unprintable(core::code_point(text.substr(0, length)))) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string random_text(std::mt19937& random) {
  static const std::string pieces[] = {"a",    "\x1b[31m",     "\xc2\x9b", "\xe2\x80\xae", "\xff", "\n", "\xed\xa0\x80",
                                       "ü",    "\xf0\x9f\x98", "\"",       "\\",           "\x7f", "\r", "\xc0\x80",
                                       "東京", "👩‍💻",  "\t",       "12345678",     {}};
  std::string text;
  for (std::size_t i = random() % 12; i > 0; --i) text += pieces[random() % std::size(pieces)];
  return text;
}

}  // namespace

TEST_CASE("what could steer a terminal, forge a line or turn text around is shown as an escape") {
  CHECK(core::printable("\x1b]0;owned\x07") == "\\x1b]0;owned\\x07");
  CHECK(core::printable("a\r\n\tb\x7f") == "a\\r\\n\\tb\\x7f");
  CHECK(core::printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(core::printable("\xc2\x9b"
                        "31m") == "\\u009b31m");
  CHECK(core::printable("\x9b"
                        "31m") == "\\x9b31m");
  CHECK(core::printable("user\xe2\x80\xaetxt.exe") == "user\\u202etxt.exe");
  CHECK(core::printable("\xf3\xa0\x81\x81") == "\\U000e0041");
  CHECK(core::printable("\xc0\x80\xed\xa0\x80") == "\\xc0\\x80\\xed\\xa0\\x80");
  CHECK(core::printable_lines("one\ntwo\r\n") == "one\ntwo\\r\n");
}

TEST_CASE("every control character, mark of direction and separator is one, and no letter is") {
  for (char32_t point = 0; point < 0x110000; ++point) {
    if (point >= 0xd800 && point < 0xe000) continue;
    const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    const bool turns = point == 0x61c || point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
                       (point >= 0x2066 && point <= 0x2069);
    const bool unseen = point == 0x2028 || point == 0x2029 || point == 0x200b || point == 0xfeff;
    const std::string text = utf8(point);
    const std::string shown = core::printable(text);
    if ((control || turns || unseen) == (shown == text) && !core::is_unprintable(point))
      FAIL("U+" << std::hex << static_cast<std::uint32_t>(point));
    if ((shown == text) == core::is_unprintable(point)) FAIL("U+" << std::hex << static_cast<std::uint32_t>(point));
  }
  for (int byte = 0x80; byte < 0x100; ++byte)
    CHECK(core::printable(std::string(1, static_cast<char>(byte))).starts_with("\\x"));
}

TEST_CASE("sound text of any language is shown as it is") {
  for (const char* text :
       {"", "web-1", "Zürich", "東京", "한국어", "नमस्ते", "עברית", "👩‍💻 ❤️", "C:\\x1b", "é"})
    CHECK(core::printable(text) == text);
}

TEST_CASE("whatever comes in, what is shown is UTF-8 and safe, stays so, and as JSON keeps its values") {
  std::mt19937 random(15);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random);
    const std::string shown = core::printable(text);
    INFO(shown);
    REQUIRE(is_safe(shown));
    REQUIRE(core::printable(shown) == shown);
    REQUIRE(core::printable_lines(shown) == shown);
    const nlohmann::json value = {{"text", text}};
    const std::string dumped = value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string safe = core::printable_json(dumped);
    REQUIRE(nlohmann::json::parse(safe) == nlohmann::json::parse(dumped));
    REQUIRE(core::printable_lines(safe) == safe);
  }
}

TEST_CASE("a value of any bytes is YAML that can be read, and that a terminal may be shown") {
  std::mt19937 random(16);
  for (int round = 0; round < 5'000; ++round) {
    const std::string text = random_text(random);
    core::YamlNode node;
    node.kind = core::YamlNode::Kind::scalar;
    node.quoted = true;
    node.scalar = text;
    const std::string yaml = core::write_yaml(node);
    INFO(core::printable(yaml));
    std::string without_tabs = yaml;
    std::erase_if(without_tabs, [](char c) { return c == '\n' || c == '\t'; });
    REQUIRE(is_safe(without_tabs));
    REQUIRE_NOTHROW(core::parse_yaml(yaml, "test"));
  }
}

TEST_CASE("a hundred megabytes are made printable in less than it takes to write them") {
  const std::string text(100'000'000, 'x');
  const auto begun = std::chrono::steady_clock::now();
  CHECK(core::printable_lines(text).size() == text.size());
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(2));
}

TEST_CASE("text is cut between characters, by the columns they take") {
  CHECK(core::columns_of("web") == 3);
  CHECK(core::columns_of("Zürich") == 6);
  CHECK(core::columns_of("東京") == 4);
  CHECK(core::columns_of("e\xcc\x81") == 1);
  CHECK(core::first_columns("Zürich", 2) == "Zü");
  CHECK(core::first_columns("東京", 3) == "東");
  CHECK(core::first_columns("e\xcc\x81x", 1) == "e\xcc\x81");
  CHECK(core::first_columns("\xff\xff", 1) == "\xff");
}
