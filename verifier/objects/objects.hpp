// The objects of a snapshot, in the order of their keys. There may be hundreds of thousands, so the list keeps no copy:
// it makes each object anew out of what the pass over the rows knows of its name.
#pragma once

#include <cstddef>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "core/revision.hpp"
#include "verifier/kine/text_store.hpp"

namespace verifier {

/// One live key under /registry/ whose value carries metadata.uid, or is sealed by encryption at rest. The views live
/// as long as the list it comes from.
struct Object {
  std::string_view resource;        // kubectl's name: "pods", "deployments.apps", "ingressroutes.traefik.io"
  std::string_view namespace_name;  // empty for cluster-scoped objects
  std::string_view name;
  std::string_view uid;  // empty when sealed and not opened
  core::Revision revision;
  std::string_view api_version;  // as stored: "apps/v1"; empty when sealed and not opened
};

struct Name;        // verifier/kine/name_table.hpp
struct KnownNames;  // verifier/kine/name_table.hpp

class ObjectList {
 public:
  ObjectList() = default;
  explicit ObjectList(std::shared_ptr<const KnownNames> known) : known_(std::move(known)) {}

  void reserve(std::size_t count) { names_.reserve(count); }
  /// `name` is one of the known, of an object that decoded.
  void push_back(const Name& name) { names_.push_back(&name); }

  std::size_t size() const { return names_.size(); }
  bool empty() const { return names_.empty(); }
  Object operator[](std::size_t index) const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Object;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Object;

    Iterator(const ObjectList& list, std::size_t at) : list_(&list), at_(at) {}
    Object operator*() const { return (*list_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return {*list_, at_++}; }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    const ObjectList* list_;
    std::size_t at_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  std::shared_ptr<const KnownNames> known_;
  std::vector<const Name*> names_;
};

}  // namespace verifier
