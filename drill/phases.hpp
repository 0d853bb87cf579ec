// The phases of a drill as a report has them: all of them, in their order, also those that were not reached.
#pragma once

#include <vector>

#include "drill/drill.hpp"

namespace drill {

/// `reached` in order, and what is missing as skipped, so that a reader of the report sees what was not done.
std::vector<Phase> all_phases(std::vector<Phase> reached);

}  // namespace drill
