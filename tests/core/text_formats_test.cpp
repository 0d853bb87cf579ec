#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/sha256.hpp"
#include "core/shell_quote.hpp"
#include "core/version.hpp"
#include "core/yaml.hpp"
#include "tests/catch.hpp"

TEST_CASE("SHA-256 of the empty text and of abc are the published ones") {
  CHECK(core::sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(core::sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("base64 is decoded, and what is none is refused") {
  CHECK(core::decode_base64("")->view() == "");
  CHECK(core::decode_base64("YQ==")->view() == "a");
  CHECK(core::decode_base64("YWI=")->view() == "ab");
  CHECK(core::decode_base64("YWJj\n")->view() == "abc");
  for (const char* text : {"Y", "YQ=", "YQ", "====", " YWJj", "YW=j", "YQ===", "YQ==YQ=="})
    CHECK_FALSE(core::decode_base64(text));
}

TEST_CASE("YAML comes as values with the lines they stand on") {
  const core::YamlNode node = core::parse_yaml("a: 1\nb:\n  - x\n  - y\n", "test");
  CHECK(node.find("a")->scalar == "1");
  CHECK(node.find("b")->items.size() == 2);
  CHECK(node.find("b")->line == 2);
  CHECK(node.find("c") == nullptr);
}

TEST_CASE("YAML that is broken, has a key twice or expands without end is refused with its line") {
  CHECK_THROWS_WITH(core::parse_yaml("a: [1\n", "test"), Catch::Contains("test:2"));
  CHECK_THROWS_WITH(core::parse_yaml("a: 1\na: 2\n", "test"), Catch::Contains("test:2: key 'a' is there twice"));
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
            std::to_string(i - 1) + "]\n";
  CHECK_THROWS_AS(core::parse_yaml(bomb, "test"), core::Error);
}

TEST_CASE("a version is read as Kubernetes, k3s and SQLite write it, and what is none is none") {
  std::string_view rest;
  CHECK(core::parse_version("v1.36.2+k3s1", &rest) == core::Version{1, 36, 2});
  CHECK(rest == "+k3s1");
  CHECK(core::parse_version("3.40.1 2022-12-28 14:03:47", &rest) == core::Version{3, 40, 1});
  CHECK(rest == " 2022-12-28 14:03:47");
  CHECK(core::Version{1, 9, 10} < core::Version{1, 10, 0});
  for (const char* none :
       {"", "v", "1", "v1", "v1.36", "1.36.", "one.two.three", "v-1.2.3", "99999999999.1.1", "vv1.2.3"})
    CHECK_FALSE(core::parse_version(none));
  CHECK(core::kubernetes_minor("v1.36.2+k3s1") == 36U);
  CHECK(core::kubernetes_minor("v1.25-vk") == 25U);
  for (const char* none : {"", "v2.0.0", "1.36.2", "v1.", "v1.x"}) CHECK_FALSE(core::kubernetes_minor(none));
}

TEST_CASE("a word of a shell is quoted where it has to be") {
  CHECK(core::shell_word("/srv/k3s-1.yaml") == "/srv/k3s-1.yaml");
  CHECK(core::shell_word("a b") == "'a b'");
  CHECK(core::shell_word("") == "''");
  CHECK(core::shell_quoted("it's") == "'it'\\''s'");
}
