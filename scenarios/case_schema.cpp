// The vocabulary as a JSON schema and as the tables of docs/scenarios.md, so that neither can fall behind it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/json_text.hpp"
#include "scenarios/case.hpp"

namespace scenarios {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* kDuration = R"(^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$)";
constexpr const char* kSize = "^[0-9]+(B|KiB|MiB|GiB|TiB)$";

json texts() {
  const json text = {{"type", "string"}};
  return {{"oneOf", {text, {{"type", "array"}, {"items", text}, {"minItems", 1}}}}};
}

json schema_of(Kind kind, const std::vector<std::string_view>& choices) {
  const json duration = {{"type", "string"}, {"pattern", kDuration}};
  switch (kind) {
    case Kind::whole:
      return {{"type", "integer"}, {"minimum", 0}};
    case Kind::size:
      return {{"type", "string"}, {"pattern", kSize}};
    case Kind::duration:
      return duration;
    case Kind::age:
      return {{"oneOf", {duration, {{"type", "array"}, {"items", duration}, {"minItems", 2}, {"maxItems", 2}}}}};
    case Kind::yes:
      return {{"const", true}};
    case Kind::choice:
      return {{"enum", choices}};
    case Kind::snapshot:
      return {{"oneOf", {{{"enum", {"latest", "previous", "oldest"}}}, {{"type", "integer"}, {"minimum", 0}}}}};
    case Kind::node:
      return {{"enum", {"edge", "spare"}}};
    case Kind::texts:
      return texts();
    default:
      return {{"type", "string"}};
  }
}

json described(json schema, std::string_view about) {
  schema["description"] = about;
  return schema;
}

json closed(const json& properties, const std::vector<std::string>& required = {}) {
  json schema = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = required;
  return schema;
}

json fault_schema(const Fault& fault) {
  json properties = {{"fault", described({{"const", fault.name}}, fault.about)},
                     {"at", described({{"type", "string"}}, "in during: what the command has said by then")}};
  std::vector<std::string> required{"fault"};
  for (const Argument& argument : fault.arguments) {
    properties[std::string(argument.name)] = described(schema_of(argument.kind, argument.choices), argument.about);
    if (argument.otherwise.empty()) required.emplace_back(argument.name);
  }
  return closed(properties, required);
}

json given_schema() {
  const json state = {{"enum", {"bare", "installed", "running"}}};
  const json duration = schema_of(Kind::duration, {});
  return closed({
      {"node", described(state, "the node edge: sshd alone, with a k3s that has never run, or with one that runs")},
      {"spare", described(state, "a second node")},
      {"cluster", described({{"enum", {"small", "filled", "encrypted"}}}, "what the cluster is")},
      {"objects", described({{"type", "string"}}, "more objects, as YAML")},
      {"snapshots",
       described({{"oneOf", {{{"type", "integer"}, {"minimum", 1}}, {{"type", "array"}, {"items", duration}}}}},
                 "so many pulls, or the ages of snapshots that no node is needed for")},
      {"config", described({{"type", "object"}}, "more of drill's config")},
      {"cluster_config", described({{"type", "object"}}, "more of it, of edge")},
      {"store_size", described(schema_of(Kind::size, {}), "the store is on a file system of this size")},
      {"disk", described(schema_of(Kind::size, {}), "k3s's data are on a file system of this size, on each node")},
      {"k3s_flags", described({{"type", "string"}}, "more flags of k3s server")},
      {"systemd", described({{"const", true}}, "the node needs a real systemd")},
  });
}

std::string arguments_cell(const Fault& fault) {
  std::string text;
  for (const Argument& argument : fault.arguments)
    text += fmt::format("{}`{}`: {}{}", text.empty() ? "" : "; ", argument.name, argument.about,
                        argument.otherwise.empty() ? "" : fmt::format(" (`{}`)", argument.otherwise));
  return text;
}

}  // namespace

std::string case_schema() {
  json expectations = json::object();
  for (const ExpectationWord& word : expectation_words())
    expectations[std::string(word.name)] = described(schema_of(word.kind, word.choices), word.about);
  const json expect = {{"$ref", "#/$defs/expectations"}};
  const json steps = {{"type", "array"}, {"items", {{"$ref", "#/$defs/step"}}}, {"minItems", 1}};
  json step = json::array();
  step.push_back(
      closed({{"drill", described({{"type", "string"}}, "a command, as typed behind drill")},
              {"at", described({{"type", "string"}}, "in during: what the outer command has said by then")},
              {"clock", described({{"type", "string"}, {"pattern", R"(^[+-][0-9]+(\.[0-9]+)?(ms|s|m|h|d)$)"}},
                                  "how far the command's clock is ahead or behind")},
              {"during", described(steps, "what is done while it runs")},
              {"expect", expect}},
             {"drill"}));
  for (const Fault& fault : faults()) step.push_back(fault_schema(fault));
  json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "A case of drill scenario"}};
  schema.update(closed({{"title", described({{"type", "string"}}, "what happened, in one sentence")},
                        {"story", described({{"type", "string"}}, "why this happens, and to whom")},
                        {"source", described({{"type", "string"}}, "a public report of it")},
                        {"lesson", described({{"type", "string"}}, "what to do about it")},
                        {"tags", texts()},
                        {"given", given_schema()},
                        {"when", steps},
                        {"then", expect}},
                       {"title", "story", "when", "then"}));
  schema["$defs"] = {{"expectations", closed(expectations)}, {"step", {{"oneOf", step}}}};
  return core::json_text(schema);
}

std::string vocabulary_tables() {
  std::string text = "### Faults\n| fault | what happens | arguments |\n|---|---|---|\n";
  for (const Fault& fault : faults())
    text += fmt::format("| `{}` | {} | {} |\n", fault.name, fault.about, arguments_cell(fault));
  text += "\n### Expectations\n| word | what has to hold |\n|---|---|\n";
  for (const ExpectationWord& word : expectation_words()) text += fmt::format("| `{}` | {} |\n", word.name, word.about);
  return text;
}

}  // namespace scenarios
