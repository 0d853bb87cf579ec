// How what runs between fork and exec fails: there is nobody to unwind to, only somebody to tell.
// Not for anything else; the rest of the room throws core::Error.
#pragma once

#include <cerrno>
#include <exception>

namespace drill {

class Failure : public std::exception {
 public:
  Failure(int errno_value, const char* what) : errno_value_(errno_value), what_(what) {}
  int errno_value() const noexcept { return errno_value_; }
  const char* what() const noexcept override { return what_; }

 private:
  int errno_value_;
  const char* what_;
};

/// Throws: Failure with errno unless `ok`.
inline void must(bool ok, const char* what) {
  if (!ok) throw Failure(errno, what);
}

}  // namespace drill
