#include "core/finding.hpp"

namespace core {

std::string_view to_string(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::string_view to_string(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::pass:
      return "pass";
    case CheckVerdict::fail:
      return "fail";
    case CheckVerdict::could_not_run:
      return "could_not_run";
    case CheckVerdict::skipped:
      return "skipped";
  }
  return "could_not_run";
}

}  // namespace core
