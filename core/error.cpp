#include "core/error.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>

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
  Error error(kind, std::string(what) + ": " + std::strerror(errno_value));
  error.errno_value_ = errno_value;
  return error;
}

Error caught() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::filesystem::filesystem_error& error) {
    return system_error(error.code().value(), error.path1().string());
  } catch (const std::bad_alloc&) {
    return Error(ErrorKind::storage, "out of memory");
  } catch (const std::exception& error) {
    return Error(ErrorKind::storage, std::string("unexpected: ") + error.what());
  } catch (...) {
    return Error(ErrorKind::storage, "unexpected: no exception at all");
  }
}

}  // namespace core
