// Check `references`: what one object says of another. Namespaces that exist, uids that are one object's alone, owners
// that are there, and the few objects without which no cluster is one.
// Kubernetes deletes in steps, so that a snapshot may catch an object whose owner has just gone: that is a warning.
#pragma once

#include "verifier/checks/check.hpp"
#include "verifier/checks/verification.hpp"
#include "verifier/kine/name_table.hpp"

namespace verifier {

void check_references(const Verification& result, const Names& names, CheckBuilder& check);

}  // namespace verifier
