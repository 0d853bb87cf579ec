#include "verifier/objects/object_texts.hpp"

#include <string>
#include <vector>

#include "verifier/objects/object_tree.hpp"

namespace verifier {
namespace {

class Texts : public TreeVisitor {
 public:
  explicit Texts(const TakeText& take) : take_(take) {}

  void begin() override { lengths_.push_back(path_.size()); }
  void end() override {
    lengths_.pop_back();
    path_.resize(lengths_.empty() ? 0 : lengths_.back());
  }
  void key(std::string_view key) override {
    path_.resize(lengths_.back());
    path_.append("/").append(key);
  }
  void text(std::string_view text) override { take_(path_, text); }
  void other() override {}

 private:
  const TakeText& take_;
  std::string path_;
  std::vector<std::size_t> lengths_;
};

}  // namespace

void read_texts(std::string_view value, const TakeText& take) {
  Texts texts(take);
  walk_object(value, texts);
}

}  // namespace verifier
