#include "puller/wal_reset.hpp"

#include "tests/catch.hpp"

using puller::WalReset;

TEST_CASE("the WAL-reset bug is in every SQLite with a WAL up to the three fixed lines") {
  for (const char* version : {"3.7.0", "3.7.17", "3.40.1", "3.44.0", "3.44.5", "3.45.0", "3.46.1", "3.50.0", "3.50.6",
                              "3.51.0", "3.51.2", "3.40.1 2022-12-28 14:03:47"})
    CHECK(puller::wal_reset_in_sqlite(version) == WalReset::present);
  for (const char* version :
       {"3.6.23", "2.8.17", "3.44.6", "3.44.9", "3.50.7", "3.50.12", "3.51.3", "3.52.0", "3.53.0", "3.100.0", "4.0.0"})
    CHECK(puller::wal_reset_in_sqlite(version) == WalReset::absent);
  for (const char* version : {"", " ", "3", "3.51", "3.51.", "3.51.x", ".3.51.3", "v3.51.3", "-3.51.3", "3.51.3beta",
                              "3..3", "SQLite version 3.51.3", "99999999999.0.0", "3.51.99999999999"})
    CHECK(puller::wal_reset_in_sqlite(version) == WalReset::unknown);
}

TEST_CASE("a k3s is free of the WAL-reset bug where its SQLite is known to be") {
  for (const char* version : {"v1.34.9+k3s1", "v1.34.20+k3s2", "v1.35.5+k3s1", "v1.35.6+k3s1", "v1.36.0+k3s1",
                              "v1.36.0", "v1.36.2+k3s1", "v1.37.2+standin1", "v1.40.0+k3s1", "v2.0.0+k3s1"})
    CHECK(puller::wal_reset_in_k3s(version) == WalReset::absent);
  for (const char* version : {"v1.19.15+k3s1", "v1.27.6+k3s1", "v1.30.0+k3s1", "v0.9.1"})
    CHECK(puller::wal_reset_in_k3s(version) == WalReset::present);
  for (const char* version : {"v1.30.1+k3s1", "v1.33.4+k3s1", "v1.34.8+k3s1", "v1.35.0+k3s1", "v1.35.4+k3s1",
                              "v1.36.0-rc1+k3s1", "1.36.2", "v", "", "vx.y.z", "v1.36", "k3s version v1.36.2"})
    CHECK(puller::wal_reset_in_k3s(version) == WalReset::unknown);
}

TEST_CASE("a warning names the program, how sure it is, and the cure; what is not there has none") {
  CHECK(puller::wal_reset_warnings("3.51.3", "v1.36.2+k3s1").empty());
  CHECK(puller::wal_reset_warnings("", "").empty());
  const std::vector<std::string> both = puller::wal_reset_warnings("3.40.1", "v1.33.4+k3s1");
  REQUIRE(both.size() == 2);
  CHECK_THAT(both[0], Catch::StartsWith("sqlite3 3.40.1 on the node has ") && Catch::Contains("upgrade it to 3.51.3"));
  CHECK_THAT(both[1], Catch::StartsWith("k3s v1.33.4+k3s1 is not known to be free of ") && Catch::Contains("v1.34.9"));
}
