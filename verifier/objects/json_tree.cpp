#include <nlohmann/json.hpp>
#include <string>

#include "core/error.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

// Text JSON only, for which nlohmann's parser keeps its own stack.
class SaxAdapter : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit SaxAdapter(TreeVisitor& visitor) : visitor_(visitor) {}

  bool null() override { return other(); }
  bool boolean(bool value) override {
    visitor_.boolean(value);
    return true;
  }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }
  bool string(string_t& text) override {
    visitor_.text(text);
    return true;
  }
  bool key(string_t& text) override {
    visitor_.key(text);
    return true;
  }
  bool start_object(std::size_t) override { return begin(); }
  bool start_array(std::size_t) override { return begin(); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    // nlohmann's own text quotes the document; only the position is ours to tell.
    problem_ = "is no valid JSON at byte " + std::to_string(position);
    return false;
  }

  const std::string& problem() const { return problem_; }

 private:
  bool other() {
    visitor_.other();
    return true;
  }
  bool begin() {
    if (++depth_ > kDeepestNesting) {
      problem_ = "is JSON nested deeper than Kubernetes reads";
      return false;
    }
    visitor_.begin();
    return true;
  }
  bool end() {
    --depth_;
    visitor_.end();
    return true;
  }

  TreeVisitor& visitor_;
  int depth_ = 0;
  std::string problem_ = "is no valid JSON";
};

}  // namespace

void walk_json(std::string_view document, TreeVisitor& visitor) {
  SaxAdapter adapter(visitor);
  if (!nlohmann::json::sax_parse(document.begin(), document.end(), &adapter))
    throw core::Error(core::ErrorKind::damaged, adapter.problem());
}

}  // namespace verifier
