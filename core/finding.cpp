#include "core/finding.hpp"

namespace core {

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

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
