// How what runs between fork and exec fails: there is nobody to unwind to, only somebody to tell.
// Not for anything else; the rest of the room throws core::Error.
#pragma once

#include <cerrno>

namespace drill {

struct Failure {
  int errno_value;
  const char* what;
};

/// Throws: Failure with errno unless `ok`.
inline void must(bool ok, const char* what) {
  if (!ok) throw Failure{errno, what};
}

}  // namespace drill
