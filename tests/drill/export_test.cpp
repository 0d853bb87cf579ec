// Exports from a real control plane that was restored from the seed.
#include "drill/explore/export.hpp"

#include <fcntl.h>

#include <fstream>

#include "core/cancel.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "core/yaml.hpp"
#include "drill/explore/explore.hpp"
#include "drill/explore/kubernetes_manifest.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

namespace {

using drill::Json;

drill::ExploreOptions standin() {
  drill::ExploreOptions options;
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = standin_program();
  return options;
}

// As a reader of YAML's core schema takes it.
Json to_json(const core::YamlNode& node) {
  switch (node.kind) {
    case core::YamlNode::Kind::null:
      return nullptr;
    case core::YamlNode::Kind::scalar: {
      if (node.quoted) return node.scalar;
      Json number = Json::parse(node.scalar, nullptr, false);
      return number.is_number() || number.is_boolean() || number.is_null() ? number : Json(node.scalar);
    }
    case core::YamlNode::Kind::sequence: {
      Json list = Json::array();
      for (const core::YamlNode& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case core::YamlNode::Kind::map: {
      Json map = Json::object();
      for (const core::YamlEntry& entry : node.entries) map[entry.key] = to_json(entry.value);
      return map;
    }
  }
  return nullptr;
}

struct Place {
  core::ScratchDir scratch;
  drill::ExportOptions options{scratch.path() / "out", {}, {}};
};

std::size_t count_files(const std::filesystem::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) count += entry.is_regular_file();
  return count;
}

}  // namespace

TEST_CASE("every object that a restored control plane serves is written as YAML that reads as what was served") {
  drill::Exploration exploration(seed_candidate(), standin(), [](std::string_view) {});
  drill::ApiClient& api = exploration.api();

  std::size_t compared = 0;
  for (const drill::ServedResource& resource : api.discover_kinds()) {
    const drill::MayRetry may_retry = exploration.may_retry();
    drill::ServedAnswer answer;
    do {
      answer = api.send("GET", drill::path_of({resource.name, resource.versions.front()}));
    } while ((answer.status == 429 || answer.status == 503) && may_retry());
    INFO(resource.name << ": " << answer.status << " " << answer.message);
    REQUIRE(answer.ok());
    const Json list = Json::parse(answer.body);
    for (const Json& object : list.at("items")) {
      const drill::Manifest manifest = drill::manifest_of(resource.name, "v1", resource.kind, object, {});
      const core::YamlNode read = core::parse_yaml(drill::yaml_of(manifest), resource.name);
      if (to_json(read) != manifest.object) FAIL(drill::yaml_of(manifest));
      ++compared;
    }
  }
  CHECK(compared > 10'000);
}

TEST_CASE("a restored control plane is exported") {
  drill::Exploration exploration(seed_candidate(), standin(), [](std::string_view) {});
  drill::ApiClient& api = exploration.api();
  SECTION("all namespaces but k3s's own, and again nothing over what is there") {
    const Place place;
    const drill::ExportReport report =
        drill::export_objects(api, exploration.snapshot(), place.options, exploration.may_retry());
    CHECK(report.namespaces.size() == 41);
    CHECK(report.written.at("deployments.apps") == 400);
    CHECK(report.written.count("pods") == 0);
    CHECK(report.left_out.at({"pods", "controller"}) == 1200);
    CHECK(report.cluster.at("customresourcedefinitions.apiextensions.k8s.io") == 2);
    std::size_t files = 0;
    for (const auto* counts : {&report.written, &report.cluster})
      for (const auto& [resource, count] : *counts) files += count;
    CHECK(count_files(place.options.directory) == files);
    CHECK(std::filesystem::status(place.options.directory).permissions() == std::filesystem::perms::owner_all);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(place.options.directory))
      if (entry.is_regular_file() && entry.status().permissions() != std::filesystem::perms(0600)) FAIL(entry.path());
    CHECK_THROWS_WITH(drill::export_objects(api, exploration.snapshot(), place.options, exploration.may_retry()),
                      Catch::Contains("nothing is written over"));
  }
  SECTION("only the kinds asked for, by any of kubectl's names, into a directory that is there and empty") {
    Place place;
    place.options.namespaces = {"team-001", "team-001"};
    place.options.kinds = {"deploy", "Secret", "ingressroutes.traefik.io"};
    std::filesystem::create_directory(place.options.directory);
    const drill::ExportReport report =
        drill::export_objects(api, exploration.snapshot(), place.options, exploration.may_retry());
    CHECK(report.namespaces == std::vector<std::string>{"team-001"});
    CHECK(report.written == std::map<std::string, std::size_t>{
                                {"deployments.apps", 10}, {"ingressroutes.traefik.io", 8}, {"secrets", 28}});
    CHECK(report.cluster == std::map<std::string, std::size_t>{{"customresourcedefinitions.apiextensions.k8s.io", 1}});
  }
  SECTION("a namespace or kind that is not there is named, and nothing is left behind") {
    Place place;
    const auto fails = [&](const char* words) {
      CHECK_THROWS_WITH(drill::export_objects(api, exploration.snapshot(), place.options, exploration.may_retry()),
                        Catch::Contains(words));
      CHECK(std::filesystem::is_empty(place.scratch.path()));
    };
    place.options.namespaces = {"nowhere"};
    fails("no namespace 'nowhere'");
    place.options.namespaces = {"team-001"};
    place.options.kinds = {"unicorns"};
    fails("no kind 'unicorns'");
    place.options.kinds = {"nodes"};
    fails("nodes are in no namespace");
  }
  SECTION("an API that serves less than the snapshot holds is no export") {
    Place place;
    place.options.namespaces = {"team-002"};
    REQUIRE(api.send("DELETE", "/api/v1/namespaces/team-002/configmaps/config-3").ok());
    CHECK_THROWS_WITH(drill::export_objects(api, exploration.snapshot(), place.options, exploration.may_retry()),
                      Catch::Contains("31 of 32 are served"));
    CHECK(std::filesystem::is_empty(place.scratch.path()));
  }
  CHECK(exploration.stop().empty());
}

TEST_CASE("objects stored in two versions are exported, each in its own, as far as no webhook has to convert it") {
  const bool old_is_served = GENERATE(true, false);
  const core::ScratchDir scratch;
  drill::Candidate candidate = seed_candidate();
  std::filesystem::copy_file(candidate.database, scratch.path() / "state.db");
  candidate.database = scratch.path() / "state.db";
  plant_widgets(candidate.database, {true, old_is_served, "v1beta1"});
  drill::Exploration exploration(candidate, standin(), [](std::string_view) {});
  Place place;
  place.options.namespaces = {"team-000"};
  place.options.kinds = {"widgets"};
  const drill::ExportReport report =
      drill::export_objects(exploration.api(), exploration.snapshot(), place.options, exploration.may_retry());
  const auto version_of = [&](const std::string& name) {
    const std::filesystem::path file =
        place.options.directory / "namespaces/team-000/900-widgets.shop.example.com" / (name + ".yaml");
    return core::parse_yaml(core::read_file(file), name).find("apiVersion")->scalar;
  };
  CHECK(version_of("newest") == "shop.example.com/v1");
  CHECK(version_of("new") == "shop.example.com/v1");
  if (old_is_served) {
    CHECK(report.written.at("widgets.shop.example.com") == 3);
    CHECK(version_of("old") == "shop.example.com/v1beta1");
  } else {
    CHECK(report.written.at("widgets.shop.example.com") == 2);
    CHECK(report.left_out.at({"widgets.shop.example.com", "unconverted"}) == 1);
  }
  CHECK(exploration.stop().empty());
}
