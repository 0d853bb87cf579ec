// Cases as files: what is read, and what is refused, with its line and what was meant.
#include "scenarios/case.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "tests/catch.hpp"

namespace {

const std::string kWhole = R"(title: The newest snapshot is corrupt
story: |
  Bits flip.
  Nobody reads it.
tags: [store, ci]
given:
  snapshots: [2h, 1h]
  config: {stale_after: 26h}
when:
  - fault: flip-bits
    snapshot: latest
    count: 7
  - drill: run edge
    clock: +8d
    during:
      - at: phase ready
        fault: kill-drill
then:
  verdict: fail
  rpo: [1h, 3h]
  says: [one, two]
lesson: Pull again.
)";

std::string refusal(const std::string& text) {
  try {
    scenarios::parse_case(text, "a-case.yaml");
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::usage);
    return error.what();
  }
  return "nothing";
}

std::string with(const std::string& was, const std::string& is) {
  std::string text = kWhole;
  const std::size_t at = text.find(was);
  REQUIRE(at != std::string::npos);
  return text.replace(at, was.size(), is);
}

}  // namespace

TEST_CASE("a case is read with all that it says") {
  const scenarios::Case one = scenarios::parse_case(kWhole, "dir/a-case.yaml");
  CHECK(one.name == "a-case");
  CHECK(one.story == "Bits flip. Nobody reads it.");
  CHECK(one.has_tag("ci"));
  CHECK_FALSE(one.has_tag("c"));
  CHECK_FALSE(one.needs_node());
  REQUIRE(one.given.ages.size() == 2);
  CHECK(one.given.ages[0] == std::chrono::hours(2));
  REQUIRE(one.when.size() == 2);
  CHECK(one.when[0].fault->name == "flip-bits");
  CHECK(one.when[0].arguments.whole("count") == 7);
  CHECK(one.when[0].arguments.text("file") == "state.db");
  CHECK(one.when[1].drill == "run edge");
  CHECK(one.when[1].clock == "+8d");
  REQUIRE(one.when[1].during.size() == 1);
  CHECK(one.when[1].during[0].at == "phase ready");
  CHECK(one.when[1].during[0].arguments.text("by") == "SIGKILL");
  CHECK(one.then.size() == 3);
  CHECK(one.acts.find("- fault: flip-bits") != std::string::npos);
  CHECK(one.acts.find("lesson") == std::string::npos);
  CHECK(one.acts.find("Bits flip") == std::string::npos);
}

TEST_CASE("what a case must not say is refused with its line and what may have been meant") {
  CHECK(refusal(with("lesson:", "lessons:")) ==
        "a-case.yaml:22: unknown key 'lessons' in a case; did you mean lesson?");
  CHECK(refusal(with("flip-bits", "flip-bit")) == "a-case.yaml:10: unknown fault 'flip-bit'; did you mean flip-bits?");
  CHECK(refusal(with("    count: 7", "    counts: 7")) ==
        "a-case.yaml:12: unknown argument of fault flip-bits 'counts'; did you mean count?");
  CHECK(refusal(with("count: 7", "count: some")) == "a-case.yaml:12: a whole number is needed here");
  CHECK(refusal(with("snapshot: latest", "snapshot: newest")).starts_with("a-case.yaml:11: latest, previous, oldest"));
  CHECK(refusal(with("verdict: fail", "verdict: failed")) ==
        "a-case.yaml:19: one of pass, fail, usage, inconclusive is needed here");
  CHECK(refusal(with("  says:", "  say:")) == "a-case.yaml:21: unknown expectation 'say'; did you mean says?");
  CHECK(refusal(with("rpo: [1h, 3h]", "rpo: [1h]")) == "a-case.yaml:20: [LEAST, MOST] is needed here: [1h, 2h]");
  CHECK(refusal(with("clock: +8d", "clock: 8d")) ==
        "a-case.yaml:14: a clock is ahead or behind by a duration: +8d, -1h");
  CHECK(refusal(with("  - drill: run edge", "  - drill: run edge\n    fault: kill-drill"))
            .find("either 'drill' (a command) or 'fault'") != std::string::npos);
  CHECK(refusal(with("snapshots: [2h, 1h]", "snapshots: 2")).find("there is none") != std::string::npos);
  CHECK(refusal(with("snapshots: [2h, 1h]", "snapshots: [2h, 1]")).find("a duration with its unit") !=
        std::string::npos);
  CHECK(refusal(with("title: The newest snapshot is corrupt\n", "")) ==
        "a-case.yaml:1: 'title' is missing; see docs/scenarios.md");
  CHECK(refusal("title: [").starts_with("a-case.yaml:1"));
  CHECK(refusal("- a\n- b\n").find("must be a map") != std::string::npos);
  CHECK(refusal("").find("must be a map") != std::string::npos);
}

TEST_CASE("a fault that misses what it needs says what that is") {
  CHECK(refusal(with("fault: flip-bits\n    snapshot: latest\n    count: 7", "fault: bloat")) ==
        "a-case.yaml:10: fault bloat needs 'size': by how much");
}

TEST_CASE("each case of the project can be read, and says what it is about and what to do") {
  const std::vector<scenarios::Case> cases = scenarios::load_cases(DRILL_SOURCE_DIR "/scenarios/cases");
  CHECK(cases.size() > 1);
  for (const scenarios::Case& one : cases) {
    INFO(one.name);
    CHECK(one.title.size() < 90);
    CHECK_FALSE(one.title.ends_with('.'));
    CHECK_FALSE(one.lesson.empty());
    CHECK_FALSE(one.tags.empty());
    if (one.has_tag("game-day")) {
      CHECK_FALSE(one.needs_node());
    }
  }
}

TEST_CASE("each word of the vocabulary has a name of its own and says what it is") {
  std::vector<std::string_view> names;
  for (const scenarios::Fault& fault : scenarios::faults()) {
    names.push_back(fault.name);
    CHECK_FALSE(fault.about.empty());
    for (const scenarios::Argument& argument : fault.arguments) CHECK_FALSE(argument.about.empty());
  }
  for (const scenarios::ExpectationWord& word : scenarios::expectation_words()) names.push_back(word.name);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}
