// `drill restore`: what was done to a node, step by step, and what a person still has to do; as JSON and as text.
// Fields and meanings: docs/json.md. Names, sizes, hashes and revisions; never a value.
#pragma once

#include <string>

#include "reports/page.hpp"
#include "restorer/outcome.hpp"

namespace reports {

std::string restore_json(const restorer::Outcome& outcome);  // k3s-drill/restore/1
std::string restore_text(const restorer::Outcome& outcome, const Page& page);

}  // namespace reports
