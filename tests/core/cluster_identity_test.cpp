#include "core/cluster_identity.hpp"

#include "tests/catch.hpp"

using core::are_different;

TEST_CASE("The uid of kube-system tells two clusters apart, and where it is not known the CA does") {
  CHECK(are_different({"u1", "ca"}, {"u2", "ca"}));        // a new cluster that was given the old one's CA
  CHECK_FALSE(are_different({"u1", "ca"}, {"u1", "cb"}));  // the CA was rotated
  CHECK(are_different({"", "ca"}, {"u1", "cb"}));
  CHECK_FALSE(are_different({"", "ca"}, {"u1", "ca"}));
}

TEST_CASE("What is not known differs from nothing") {
  CHECK_FALSE(are_different({}, {"u1", "ca"}));
  CHECK_FALSE(are_different({}, {}));
  CHECK_FALSE(are_different({"u1", ""}, {"", "ca"}));
  CHECK(core::describe({}) == "not known");
}
