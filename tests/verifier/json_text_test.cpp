// The two checkers of JSON inside stored objects: against nlohmann's parser, and against what Kubernetes writes.
#include <nlohmann/json.hpp>
#include <random>

#include "tests/catch.hpp"
#include "verifier/objects/fields_v1.hpp"
#include "verifier/objects/json_scanner.hpp"
#include "verifier/objects/schema.hpp"

using namespace std::string_literals;

TEST_CASE("JSON is what nlohmann's parser takes for JSON, whatever is done to it") {
  const std::string document =
      R"( {"a": [1, -2.5e+3, 0, true, false, null, "x\"\\\/\b\f\n\r\t y", {}], "long key of no meaning": {"b": [[], [{}]]},)"
      R"( "c": "the end of something long enough for eight at a time", "d": -0.1E-2} )"
      "\n";
  REQUIRE(verifier::is_json(document));
  std::mt19937 random(1);
  for (int round = 0; round < 30'000; ++round) {
    std::string text = document;
    for (std::uint_fast32_t changes = 1 + random() % 3; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << (random() % 7)));
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        case 2:
          text.insert(at, 1, document[random() % document.size()]);
          break;
        default:
          text.resize(at + 1);
          break;
      }
    }
    if (text.find('\0') != std::string::npos) continue;  // for nlohmann the end
    INFO(text);
    const bool number_too_large = text.find("e+") != std::string::npos && text.find("e+3") == std::string::npos;
    if (!number_too_large) REQUIRE(verifier::is_json(text) == nlohmann::json::accept(text));
  }
}

TEST_CASE("JSON that Go reads is JSON, and what nests deeper than Go reads is not") {
  CHECK(verifier::is_json(R"("\ud800")"));
  CHECK(verifier::is_json("1"));
  CHECK_FALSE(verifier::is_json(R"("\ud80")"));
  CHECK_FALSE(verifier::is_json("\"\\\0\""s));
  CHECK_FALSE(verifier::is_json(""));
  CHECK_FALSE(verifier::is_json("\"a\x01\""));
  CHECK(verifier::is_json(std::string(10'000, '[') + std::string(10'000, ']')));
  CHECK_FALSE(verifier::is_json(std::string(10'001, '[') + std::string(10'001, ']')));
  CHECK_FALSE(verifier::is_json(std::string(1'000'000, '[')));
}

TEST_CASE("Sets of managed fields have one form") {
  const verifier::Message* pod = verifier::find_kind("v1", "Pod");
  const auto sound = {
      R"({})",
      R"({"f:metadata":{"f:annotations":{".":{},"f:a.b/c":{}},"f:labels":{}},"f:spec":{}})",
      R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{}}},"f:volumes":{".":{}}}})",
      R"({"f:spec":{"f:volumes":{"k:{\"name\":\"v\"}":{".":{},"f:configMap":{".":{},"f:name":{}},"f:name":{}}}}})",
      R"({"f:metadata":{"f:finalizers":{".":{},"v:\"a/b\"":{},"v:\"c\"":{}}}})",
      R"({"f:metadata":{"f:labels":{"f:quoted\"key":{}}}})",
      R"({"f:x":{"i:0":{},"i:1":{}}})",
  };
  for (const char* text : sound) {
    INFO(text);
    CHECK(verifier::is_fields_v1(text, pod));
    CHECK(verifier::is_fields_v1(text, nullptr));
  }
  const auto damaged = {
      "",
      "{",
      "[]",
      R"({"f:spec":{}}})",
      R"({"f:spec":{},})",
      R"({"f:spec":{}"f:status":{}})",
      R"({"f:spec":1})",
      R"({"f:status":{},"f:spec":{}})",
      R"({"f:spec":{},"f:spec":{}})",
      R"({"f:spec":{"f:a":{},".":{}}})",
      R"({"k:{\"name\":}":{}})",
      R"({"k:1":{}})",
      R"({"v:x":{}})",
      R"({"i:x":{}})",
      R"({"g:spec":{}})",
      R"({"fspec":{}})",
      R"({"":{}})",
      "{\"f:sp\xe5"
      "c\":{}}",
  };
  for (const char* text : damaged) {
    INFO(text);
    CHECK_FALSE(verifier::is_fields_v1(text, nullptr));
  }
  CHECK_FALSE(verifier::is_fields_v1(R"({"f:spdc":{}})", pod));
  CHECK_FALSE(verifier::is_fields_v1(R"({"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{"f:imagd":{}}}}})", pod));
  CHECK_FALSE(verifier::is_fields_v1("{\"f:a\":" + std::string(1'000'000, '{'), nullptr));
  std::string deep;
  for (int level = 0; level < 1'000'000; ++level) deep += R"({"f:a":)";
  CHECK_FALSE(verifier::is_fields_v1(deep, nullptr));
}
