#include "verifier/kine/name_table.hpp"

#include <algorithm>
#include <limits>
#include <string>

namespace verifier {
namespace {

constexpr std::size_t kFirstSlots = 1U << 12U;
constexpr std::uint16_t kMostTexts = std::numeric_limits<std::uint16_t>::max();

}  // namespace

std::uint16_t TextTable::number_of(std::string_view text) {
  const auto at = numbers_.find(text);
  if (at != numbers_.end()) return at->second;
  if (texts_.size() >= kMostTexts) return kMostTexts - 1;  // the last one stands for all others; no cluster has so many
  texts_.push_back(store_.keep(text));
  return numbers_.emplace(texts_.back(), static_cast<std::uint16_t>(texts_.size() - 1)).first->second;
}

namespace {

bool is_ambiguous(char c) { return c == '_' || (c >= 'A' && c <= 'Z'); }

std::uint64_t digest_of_folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_' || c == '.' || c == ':') c = '-';
  }
  return digest_of(folded);
}

}  // namespace

bool are_alike(std::string_view one, std::string_view other) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [&](char a, char b) { return a == '_' || b == '_' || lower(a) == lower(b); });
}

void AlikeNames::mark(std::string_view name) { folded_.insert(digest_of_folded(name)); }

void AlikeNames::see(std::string_view name) {
  if (std::any_of(name.begin(), name.end(), is_ambiguous)) mark(name);
}

bool AlikeNames::may_be_mistaken(std::string_view name) const {
  return !folded_.empty() && folded_.count(digest_of_folded(name)) != 0;
}

Names::Names(TextStore& text) : store_(text), slots_(kFirstSlots) {}

std::size_t Names::slot_of(std::string_view text) const {
  std::size_t slot = digest_of(text) & (slots_.size() - 1);
  while (slots_[slot] != 0 && names_[slots_[slot] - 1].text != text) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

Name& Names::at(std::string_view text) {
  std::size_t slot = slot_of(text);
  if (slots_[slot] == 0) {
    if (names_.size() * 2 >= slots_.size()) {
      grow();
      slot = slot_of(text);
    }
    names_.emplace_back().text = store_.keep(text);
    slots_[slot] = static_cast<std::uint32_t>(names_.size());
  }
  return names_[slots_[slot] - 1];
}

const Name* Names::find(std::string_view text) const {
  const std::size_t slot = slot_of(text);
  return slots_[slot] == 0 ? nullptr : &names_[slots_[slot] - 1];
}

void Names::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (std::size_t i = 0; i < names_.size(); ++i) slots_[slot_of(names_[i].text)] = static_cast<std::uint32_t>(i + 1);
}

}  // namespace verifier
