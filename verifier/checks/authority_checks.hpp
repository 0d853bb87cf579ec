// The part of check `bootstrap` about certificates: what a restored server signs with, and how long it is good for.
// What it does not do: hold the server CA against the token (bootstrap_check.cpp).
#pragma once

#include "core/clock.hpp"
#include "verifier/checks/check.hpp"
#include "verifier/keys/bundle.hpp"

namespace verifier {

/// Every CA of `bundle` reads, goes with its key and has not expired at `now`; the key of service accounts reads.
/// One note for each CA says when it expires, unless a warning or an error says so.
/// What k3s makes anew without harm may be missing: the CAs of etcd, which SQLite does not need.
/// Source: k3s pkg/daemons/control/deps/deps.go, createSigningCertKey, createClientCertKey, genServiceAccount.
void check_authorities(const Bundle& bundle, core::UtcTime now, CheckBuilder& check);

}  // namespace verifier
