#include "core/error.hpp"

#include <cerrno>
#include <cstring>

namespace core {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::unreachable:
      return "unreachable";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::storage:
      return "storage";
    case ErrorKind::damaged:
      return "damaged";
    case ErrorKind::cancelled:
      return "cancelled";
  }
  return "unknown";
}

Error system_error(int errno_value, std::string_view what) {
  ErrorKind kind = ErrorKind::storage;
  if (errno_value == EACCES || errno_value == EPERM) kind = ErrorKind::denied;
  if (errno_value == ENOENT || errno_value == ENOTDIR) kind = ErrorKind::not_found;
  return Error(kind, std::string(what) + ": " + std::strerror(errno_value));
}

}  // namespace core
