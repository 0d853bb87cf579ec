// What the pass over the rows knows of each name so far: the little that the next row of that name, and the census
// at the end, are checked by. Some hundred bytes a name, for hundreds of thousands of them.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/revision.hpp"
#include "verifier/kine/digest.hpp"
#include "verifier/kine/resource.hpp"
#include "verifier/kine/text_store.hpp"

namespace verifier {

/// A small set of texts that many names share, each with a number; 0 is the empty text.
class TextTable {
 public:
  explicit TextTable(TextStore& text) : store_(text) {}
  std::uint16_t number_of(std::string_view text);
  std::string_view operator[](std::uint16_t number) const { return texts_[number]; }

 private:
  TextStore& store_;
  std::vector<std::string_view> texts_{std::string_view()};
  std::unordered_map<std::string_view, std::uint16_t> numbers_{{std::string_view(), 0}};
};

struct Name {
  std::string_view text;
  core::Revision newest;           // of its newest row so far; 0 before the first
  std::int64_t created_by = 0;     // revision of the create that row descends from; 0 when nothing says
  std::uint64_t value_digest = 0;  // of that row's value
  std::string_view uid;
  std::uint64_t owner = 0;     // digest of the first owner's uid; 0 for none
  std::uint16_t resource = 0;  // numbers of a TextTable; kubectl's name of it, for an object that is counted
  std::uint16_t api_version = 0;
  std::uint16_t problem = 0;  // what is wrong with its value; 0 for nothing
  KeyKind kind = KeyKind::other;
  bool live = false;  // deleted = 0
  bool tombstone = false;
  bool sealed = false;
  bool terminating = false;
  bool tls = false;  // a secret that may hold a certificate
};

/// Whether LIKE takes one for the other, for which 'A' is 'a' and '_' any character.
bool are_alike(std::string_view one, std::string_view other);

/// Names that kine before 0.16.3 may have taken for one another: it looked them up with LIKE, and before 0.14.8 did not
/// escape '_'. What it wrote about one of them may belong to the other.
/// Source: kine pkg/drivers/generic/generic.go up to v0.16.2; reproduced with v0.11.9 and v0.14.9.
class AlikeNames {
 public:
  void see(std::string_view name);
  /// `name` has been mistaken for another one, of which no row need be left.
  void mark(std::string_view name);
  /// True when `name`, or a name seen before that is like it, holds such a character.
  bool may_be_mistaken(std::string_view name) const;

 private:
  std::unordered_set<std::uint64_t> folded_;
};

class Names {
 public:
  explicit Names(TextStore& text);

  /// The entry of `text`, made when there is none. It stays where it is.
  Name& at(std::string_view text);
  const Name* find(std::string_view text) const;

  std::deque<Name>& all() { return names_; }
  const std::deque<Name>& all() const { return names_; }

 private:
  std::size_t slot_of(std::string_view text) const;
  void grow();

  TextStore& store_;
  std::deque<Name> names_;
  std::vector<std::uint32_t> slots_;  // index in names_ plus one; 0 is free
};

/// All that a pass leaves behind, for the list of its objects to look at.
struct KnownNames {
  TextStore text;
  TextTable texts{text};
  Names names{text};
};

}  // namespace verifier
