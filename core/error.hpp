// The one exception of the project: what kept us from looking (house rule: findings are values,
// failures are exceptions, bugs are assertions).
// Thrown in every room, caught in cli/command_line.cpp and in the loops over checks, phases, snapshots and clusters.
// What it does not do: describe what is wrong with a snapshot; that is a Finding.
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace core {

enum class ErrorKind { usage, unreachable, denied, not_found, timeout, storage, damaged, cancelled };

std::string_view to_string(ErrorKind kind);

class Error : public std::exception {
 public:
  /// `message` names the thing and, where there is one, the cure; one line, no secrets.
  Error(ErrorKind kind, std::string message) : kind_(kind), text_(std::move(message)) {}

  ErrorKind kind() const noexcept { return kind_; }
  const char* what() const noexcept override { return text_.c_str(); }

  /// Of a failed system call, for who knows what to do about it; else 0.
  int errno_value() const noexcept { return errno_value_; }

  /// Puts "while ..." context in front of the message, as the error travels up.
  void add_context(std::string_view context) { text_ = std::string(context) + ": " + text_; }

  /// Puts what to do behind the message.
  void add_cure(std::string_view cure) { text_ += ": " + std::string(cure); }

 private:
  friend Error system_error(int errno_value, std::string_view what);

  ErrorKind kind_;
  std::string text_;
  int errno_value_ = 0;
};

/// The error for a failed system call; `errno_value` decides the kind (EACCES: denied, ENOENT: not_found, else
/// storage).
Error system_error(int errno_value, std::string_view what);

/// The exception being handled as an Error, for who must not lose what the rest has found: one of a library, or of
/// memory that ran out, is of kind storage. Only in a catch block.
Error caught();

/// Runs `work`; an Error that leaves it carries `context` in front.
template <class Work>
auto in_context(std::string_view context, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (Error& error) {
    error.add_context(context);
    throw;
  }
}

}  // namespace core
