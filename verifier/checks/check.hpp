// Building one Check: its findings, its verdict, and what becomes of an exception inside it.
// The loop of house rule "errors" lives here: damaged becomes a failing finding, every other failure could_not_run.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "core/finding.hpp"

namespace verifier {

/// Collects the findings of one check; after the first twenty of a kind of severity they are only counted.
class CheckBuilder {
 public:
  explicit CheckBuilder(std::string name) { check_.name = std::move(name); }

  void error(std::string message) { add({core::Severity::error, std::move(message), {}, {}}); }
  void warning(std::string message) { add({core::Severity::warning, std::move(message), {}, {}}); }
  void note(std::string message) { add({core::Severity::note, std::move(message), {}, {}}); }
  void add(core::Finding finding);
  /// The check has nothing to look at; `reason` says why. A note where nothing is amiss.
  void skip(std::string reason, core::Severity severity = core::Severity::warning);

  /// The check could not look at all there is; `reason` says why. It fails none the less when it found something.
  void stop(std::string reason);

  /// Runs `work`, derives the verdict, takes the time. Throws: cancelled.
  core::Check run(const std::function<void(CheckBuilder&)>& work) &&;

 private:
  void close();

  core::Check check_;
  std::array<std::uint64_t, 3> counts_{};  // by severity
  bool stopped_ = false;
};

}  // namespace verifier
