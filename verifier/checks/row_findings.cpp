#include "verifier/checks/row_findings.hpp"

#include <algorithm>
#include <utility>

#include "verifier/kine/foreign_text.hpp"

namespace verifier {

void RowFindings::add(const Name& name, core::Revision revision, std::string message) {
  Pending& pending = pending_[&name];
  if (pending.revision != revision) {
    say_history(name, pending);
    pending = {revision, {}};
  }
  pending.messages.push_back(std::move(message));
}

void RowFindings::say_history(const Name& name, const Pending& pending) {
  for (const std::string& message : pending.messages)
    check_.add({core::Severity::warning, message + "; a later row replaced it, so that nobody is served it",
                printable(name.text), pending.revision});
}

void RowFindings::settle() {
  std::vector<const std::pair<const Name* const, Pending>*> ordered;
  ordered.reserve(pending_.size());
  for (const auto& entry : pending_) ordered.push_back(&entry);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto* a, const auto* b) { return a->second.revision < b->second.revision; });
  for (const auto* entry : ordered) {
    const auto& [name, pending] = *entry;
    if (name->newest != pending.revision) {
      say_history(*name, pending);
      continue;
    }
    for (const std::string& message : pending.messages)
      check_.add({core::Severity::error, message, printable(name->text), pending.revision});
  }
}

}  // namespace verifier
