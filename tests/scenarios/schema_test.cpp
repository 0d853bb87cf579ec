// The JSON schema and the tables of the vocabulary stand in files of the project: they say what the program says.
#include <nlohmann/json.hpp>

#include "core/file.hpp"
#include "scenarios/case.hpp"
#include "tests/catch.hpp"

TEST_CASE("the schema beside the cases is what drill scenario schema prints") {
  const std::string printed = scenarios::case_schema();
  const nlohmann::json schema = nlohmann::json::parse(printed);
  CHECK(schema.at("required").size() == 4);
  CHECK(schema.at("$defs").at("step").at("oneOf").size() == scenarios::faults().size() + 1);
  INFO("type: drill scenario schema >scenarios/case.schema.json");
  CHECK(core::read_file(DRILL_SOURCE_DIR "/scenarios/case.schema.json") == printed);
}

TEST_CASE("docs/scenarios.md has the tables that drill scenario words prints") {
  INFO("type: drill scenario words, and put it into the page");
  CHECK(core::read_file(DRILL_SOURCE_DIR "/docs/scenarios.md").find(scenarios::vocabulary_tables()) !=
        std::string::npos);
}
