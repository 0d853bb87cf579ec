// The vocabulary of damage against verify(): what each entry says it needs is what it takes.
#include <set>

#include "core/scratch_dir.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/damage_cluster.hpp"
#include "tests/verifier/page_map.hpp"
#include "tests/verifier/value_region.hpp"

namespace {

constexpr std::uint64_t kSeeds = 2;

// AES-CBC needs a cluster with encryption at rest, and 400 rows need more than there are.
const std::set<std::string_view> kNeedMore{"bit: sealed secret", "file: torn by a checkpoint"};

bool has_check(const damage::Stage& stage, std::string_view name) {
  for (const core::Check& check : verifier::verify({stage.database, stage.token, {}}).checks)
    if (check.name == name) return true;
  return false;
}

}  // namespace

TEST_CASE("Each damage is found by what it needs, in every era, and all that happens after the capture by its hash") {
  const core::ScratchDir scratch;
  const kine::Era era = GENERATE(kine::Era::a, kine::Era::b, kine::Era::c);
  const damage::Stage stage = make_damage_stage(scratch.path(), era);
  const bool complete = has_check(stage, "revisions") && has_check(stage, "lineage");
  for (const damage::Damage& one : damage::vocabulary()) {
    bool applied = false;
    for (std::uint64_t seed = 1; seed <= (era == kine::Era::c ? kSeeds : 1); ++seed) {
      INFO("era " << static_cast<int>(era) << ", " << one.name << ", seed " << seed);
      const damage::Outcome outcome = damage::judge(stage, one, seed);
      if (!outcome.applied) continue;
      applied = true;
      INFO("found by " << outcome.found_by);
      if (complete) CHECK(as_needed(one, outcome));
      if (!one.captured) CHECK(outcome.hash);
      if (one.needs == damage::Needs::content && !one.captured) CHECK(outcome.previous >= outcome.content);
    }
    INFO(one.name << " could be done to the cluster");
    CHECK((applied || kNeedMore.count(one.name) == 1));
  }
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
