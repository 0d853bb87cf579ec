// A mark that names a process for good: what outlives a killed drill bears it, so that the next one knows it for an
// orphan. A process number alone would not do, as it is given out again.
#pragma once

#include <string>
#include <string_view>

namespace drill {

/// "PID.STARTTIME" of this process.
std::string owner_mark();

/// Whether the process that `mark` begins with is still there. One that is no mark has no owner.
bool owner_lives(std::string_view mark);

}  // namespace drill
