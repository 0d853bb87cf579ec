#include "core/clock.hpp"

#include "tests/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("a time written as a snapshot name reads back as the same second") {
  const auto timestamp = core::parse_compact("20261123T231700Z");
  REQUIRE(timestamp);
  CHECK(core::format_compact(*timestamp) == "20261123T231700Z");
  CHECK(core::format_rfc3339(*timestamp) == "2026-11-23T23:17:00Z");
}

TEST_CASE("RFC 3339 times with fractions and offsets are read as UTC") {
  CHECK(core::parse_rfc3339("2026-11-23T23:17:00Z") == core::parse_compact("20261123T231700Z"));
  CHECK(core::parse_rfc3339("2026-11-24T00:17:00+01:00") == core::parse_compact("20261123T231700Z"));
  CHECK(*core::parse_rfc3339("2026-11-23T23:17:00.25Z") - *core::parse_compact("20261123T231700Z") == 250ms);
}

TEST_CASE("what is no time is refused") {
  for (const char* text : {"", "20261123T231700", "20261323T231700Z", "20260230T000000Z", "2026112T2317000Z",
                           "20261123 231700Z", "state.db.old-Z-Z"})
    CHECK_FALSE(core::parse_compact(text));
  for (const char* text : {"", "2026-11-23", "2026-11-23T23:17:00", "2026-11-23T25:17:00Z", "2026-11-23T23:17:00+1",
                           "2026-11-23T23:17:00.Zx", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z"})
    CHECK_FALSE(core::parse_rfc3339(text));
}

TEST_CASE("durations are shown in the unit a person would use") {
  CHECK(core::format_duration(1420ms) == "1.42 s");
  CHECK(core::format_duration(45s) == "45.0 s");
  CHECK(core::format_duration(200s) == "3 min 20 s");
  CHECK(core::format_duration(125min) == "2 h 5 min");
  CHECK(core::format_duration(75h) == "3 d 3 h");
}
