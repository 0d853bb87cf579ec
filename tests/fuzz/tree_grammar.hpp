// Holds the events of a walked tree against each other, and reads every text to its end, so that a view of freed or
// foreign memory is seen.
#pragma once

#include <cstddef>
#include <string_view>

#include "tests/fuzz/fuzz.hpp"
#include "verifier/objects/tree.hpp"

namespace fuzz {

class TreeGrammar : public verifier::TreeVisitor {
 public:
  void begin() override {
    demand(!key_open_ || depth_ > 0, "a key stands inside an object");
    key_open_ = false;
    demand(++depth_ <= static_cast<std::size_t>(verifier::kDeepestNesting), "no tree is deeper than Kubernetes reads");
  }
  void end() override {
    demand(depth_ > 0, "what ends was begun");
    demand(!key_open_, "a key has a value");
    --depth_;
    ended_ = depth_ == 0;
  }
  void key(std::string_view key) override {
    demand(depth_ > 0 && !key_open_, "a key stands inside an object, after a value");
    key_open_ = true;
    read(key);
  }
  void text(std::string_view text) override {
    other();
    read(text);
  }
  void other() override {
    key_open_ = false;
    ended_ = depth_ == 0;
  }

  /// The document was taken for whole.
  void finish() const { demand(ended_, "a whole document ends where it began"); }

 private:
  void read(std::string_view bytes) {
    for (const char c : bytes) sum_ = c;
  }

  std::size_t depth_ = 0;
  bool key_open_ = false;
  bool ended_ = false;
  volatile char sum_ = 0;
};

}  // namespace fuzz
