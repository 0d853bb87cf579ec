#include "tests/drill/seed.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/process.hpp"

namespace {

std::filesystem::path seed_directory() {
  if (const char* seed = std::getenv("DRILL_SEED"); seed != nullptr && *seed != '\0') return seed;
  const core::CommandResult made = core::run_command(
      {{DRILL_SOURCE_DIR "/scenarios/lab/seed", "--k3s", standin_program().string()}, std::chrono::seconds(240)});
  if (made.exit_code != 0) throw core::Error(core::ErrorKind::not_found, "making the seed: " + made.err);
  return made.out.substr(0, made.out.find('\n'));
}

}  // namespace

std::filesystem::path standin_program() {
  if (const char* standin = std::getenv("DRILL_STANDIN"); standin != nullptr && *standin != '\0') return standin;
  return std::filesystem::path(DRILL_BINARY_DIR).parent_path() / "k3s-standin";
}

drill::Candidate seed_candidate() {
  const std::filesystem::path seed = seed_directory();
  drill::EngineSettings settings;
  settings.kind = drill::EngineKind::standin;
  settings.standin_path = standin_program();
  drill::Candidate candidate;
  candidate.name = "seed";
  candidate.database = seed / "server/db/state.db";
  candidate.token = seed / "server/token";
  candidate.k3s_version = drill::choose_engine(settings, "").version;
  return candidate;
}

const drill::Phase& phase_of(const drill::DrillReport& report, const std::string& name) {
  const auto found = std::find_if(report.phases.begin(), report.phases.end(),
                                  [&](const drill::Phase& phase) { return phase.name == name; });
  if (found == report.phases.end()) throw core::Error(core::ErrorKind::not_found, "no phase " + name);
  return *found;
}

std::string findings_of(const drill::Phase& phase) {
  std::string text;
  for (const core::Finding& finding : phase.findings) text += finding.message + "\n";
  return text;
}

void plant(const std::filesystem::path& database, const std::string& key, const std::string& object) {
  const std::string value = nlohmann::json::parse(object).dump();  // in the order of the keys, as servers write it
  const core::CommandResult planted = core::run_command(
      {{"sqlite3", database.string(),
        "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value) VALUES('" + key +
            "', 1, 0, 0, 0, 0, CAST('" + value + "' AS BLOB))"}});
  if (planted.exit_code != 0) throw core::Error(core::ErrorKind::storage, planted.err);
}

void plant_widgets(const std::filesystem::path& database, const Widgets& widgets) {
  nlohmann::json definition = nlohmann::json::parse(R"({
    "apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
    "metadata":{"name":"widgets.shop.example.com","uid":"6113e141-d894-450f-a4c7-3d1f0a7f7b12","generation":2,
      "creationTimestamp":"2026-05-01T10:00:00Z"},
    "spec":{"group":"shop.example.com","scope":"Namespaced",
      "names":{"plural":"widgets","singular":"widget","kind":"Widget","listKind":"WidgetList"},
      "conversion":{"strategy":"None"},
      "versions":[
        {"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object",
          "x-kubernetes-preserve-unknown-fields":true}}},
        {"name":"v1beta1","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object",
          "x-kubernetes-preserve-unknown-fields":true}}}]},
    "status":{"acceptedNames":{"plural":"widgets","singular":"widget","kind":"Widget","listKind":"WidgetList"},
      "storedVersions":["v1beta1","v1"],"conditions":[
        {"type":"NamesAccepted","status":"True","reason":"NoConflicts","message":"no conflicts found",
         "lastTransitionTime":"2026-05-01T10:00:00Z"},
        {"type":"Established","status":"True","reason":"InitialNamesAccepted",
         "message":"the initial names have been accepted","lastTransitionTime":"2026-05-01T10:00:00Z"}]}})");
  if (widgets.webhook)
    definition["spec"]["conversion"] = nlohmann::json::parse(R"({"strategy":"Webhook",
      "webhook":{"conversionReviewVersions":["v1"],
        "clientConfig":{"service":{"namespace":"shop","name":"converter","path":"/convert","port":443}}}})");
  definition["spec"]["versions"][1]["served"] = widgets.old_is_served;
  plant(database, "/registry/apiextensions.k8s.io/customresourcedefinitions/widgets.shop.example.com",
        definition.dump());
  const auto plant_widget = [&](const std::string& name, const std::string& version, char last) {
    plant(database, "/registry/shop.example.com/widgets/team-000/" + name,
          R"({"apiVersion":"shop.example.com/)" + version + R"(","kind":"Widget","metadata":{"name":")" + name +
              R"(","namespace":"team-000","creationTimestamp":"2026-05-01T10:00:00Z","generation":1,
                 "uid":"6113e141-d894-450f-a4c7-3d1f0a7f7c1)" +
              last + R"("},"spec":{"size":1}})");
  };
  plant_widget("newest", "v1", '1');
  plant_widget("new", "v1", '2');
  plant_widget("old", widgets.old_version, '3');
}
