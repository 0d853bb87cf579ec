// The vocabulary of damage against verify(): what each entry says it needs is what it takes.
#include <set>

#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/damage_cluster.hpp"
#include "tests/verifier/page_map.hpp"
#include "tests/verifier/value_region.hpp"

namespace {

// AES-CBC needs a cluster with encryption at rest, and 400 rows need more than there are.
const std::set<std::string_view> kNeedMore{"bit: sealed secret", "file: torn by a checkpoint"};

void demand_detection(kine::Era era, std::uint64_t seeds) {
  const core::ScratchDir scratch;
  const damage::Stage stage = make_damage_stage(scratch.path(), era);
  for (const damage::Damage& one : damage::vocabulary()) {
    bool applied = false;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      INFO(one.name << ", seed " << seed);
      const damage::Outcome outcome = damage::check(stage, one, seed);
      if (!outcome.applied) continue;
      applied = true;
      INFO("needs " << to_string(one.needs) << ", found by " << outcome.found_by);
      CHECK(as_needed(one, outcome));
      if (!one.captured) CHECK(outcome.hash);
    }
    INFO(one.name << " can be done to the cluster");
    CHECK((applied || kNeedMore.count(one.name) == 1));
  }
}

}  // namespace

TEST_CASE("Each damage to a database of kine up to 0.15 is found by what it needs") {
  demand_detection(kine::Era::a, 1);
}

TEST_CASE("Each damage to a database of kine 0.16 is found by what it needs") { demand_detection(kine::Era::b, 1); }

TEST_CASE("Each damage to a database of kine 0.17 is found by what it needs, and after the capture by its hash") {
  demand_detection(kine::Era::c, 2);
}

TEST_CASE("A damage is repeated by its seed, and another seed is another case") {
  const core::ScratchDir scratch;
  const damage::Stage stage = make_damage_stage(scratch.path(), kine::Era::c);
  const auto hash = [&](std::uint64_t seed) {
    const core::ScratchDir own;
    damage::Scene scene;
    scene.database = own.path() / "state.db";
    std::filesystem::copy_file(stage.database, scene.database);
    scene.random.seed(seed);
    damage::vocabulary().front().apply(scene);
    return verifier::verify({scene.database, {}, {}}).sha256;
  };
  CHECK(hash(1) == hash(1));
  CHECK(hash(1) != hash(2));
  CHECK(hash(1) != stage.sha256);
}

TEST_CASE("The map of a file tells every byte once, and which part of which object it belongs to") {
  const core::ScratchDir scratch;
  const damage::Stage stage = make_damage_stage(scratch.path(), kine::Era::c);
  const pages::PageMap map(stage.database);
  std::uint64_t end = 0;
  for (const pages::Region& region : map.regions()) {
    REQUIRE(region.offset == end);
    end = region.end();
  }
  CHECK(end == map.bytes().size());

  const std::string value = kine::protobuf({"v1", "ConfigMap", "settings", "default", "uid-1"}, kine::field(2, "text"));
  const auto region = [&](std::string_view text) {
    return pages::name_value_region("/registry/configmaps/default/settings", value, value.find(text));
  };
  CHECK(region("k8s") == "envelope");
  CHECK(region("settings") == "metadata.name");
  CHECK(region("uid-1") == "metadata.uid");
  CHECK(region("text") == "ConfigMap data");
}
