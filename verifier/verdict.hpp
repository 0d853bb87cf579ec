// The verdict on a verification. Between verifier and whoever prints or keeps it.
#pragma once

#include "core/verdict.hpp"
#include "verifier/verify.hpp"

namespace verifier {

core::Verdict verdict_of(const Verification& verification);

}  // namespace verifier
