// The client of the API against a real control plane that was restored from the seed.
#include "drill/engine/api.hpp"

#include <fmt/format.h>

#include "drill/explore/explore.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

TEST_CASE("none of many thousand requests, several at a time, stays without its answer") {
  drill::ExploreOptions options;
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = standin_program();
  drill::Exploration exploration(seed_candidate(), options, [](std::string_view) {});
  drill::ApiClient& api = exploration.api();

  const std::vector<std::string> resources{"api/v1 configmaps", "api/v1 endpoints",         "api/v1 events",
                                           "api/v1 pods",       "api/v1 secrets",           "api/v1 serviceaccounts",
                                           "api/v1 services",   "apis/apps/v1 deployments", "apis/apps/v1 replicasets"};
  std::size_t answered = 0;
  std::size_t asked = 0;
  for (int round = 0; round < 40; ++round) {
    for (int space = 0; space < 40; ++space) {
      std::vector<std::string> paths;
      for (const std::string& resource : resources) {
        const std::size_t space_at = resource.find(' ');
        paths.push_back(fmt::format("/{}/namespaces/team-{:03}/{}", resource.substr(0, space_at), space,
                                    resource.substr(space_at + 1)));
      }
      asked += paths.size();
      INFO("round " << round << ", " << answered << " answered");
      api.read_all(paths, [&](std::size_t, drill::ServedAnswer&& answer) { answered += answer.status == 200; });
    }
  }
  CHECK(answered == asked);
}
