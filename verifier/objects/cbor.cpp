#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "verifier/objects/tree.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kIndefinite = ~std::uint64_t{0};

[[noreturn]] void bad(const char* why) {
  throw core::Error(core::ErrorKind::damaged, std::string("is CBOR that ") + why);
}

class CborWalker {
 public:
  CborWalker(std::string_view document, TreeVisitor& visitor) : rest_(document), visitor_(visitor) {}

  void walk() {
    do {
      read_item();
      while (!open_.empty() && open_.back().left == 0) close();
    } while (!open_.empty());
    if (!rest_.empty()) bad("goes on after its end");
  }

 private:
  struct Container {
    std::uint64_t left = 0;  // items to come, keys and values counted each
    bool map = false;
    bool key_next = false;
  };
  struct Head {
    unsigned major = 0;
    unsigned info = 0;
    std::uint64_t argument = 0;
  };

  unsigned char take() {
    if (rest_.empty()) bad("ends in the middle of an item");
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }

  std::string_view take(std::uint64_t size_bytes) {
    if (size_bytes > rest_.size()) bad("ends in the middle of a string");
    const std::string_view taken = rest_.substr(0, size_bytes);
    rest_.remove_prefix(size_bytes);
    return taken;
  }

  Head read_head() {
    const unsigned first = take();
    Head head{first >> 5U, first & 31U, first & 31U};
    if (head.info < 24) return head;
    if (head.info == 31) {
      head.argument = kIndefinite;
      return head;
    }
    if (head.info > 27) bad("uses a reserved length");
    head.argument = 0;
    for (unsigned left = 1U << (head.info - 24); left > 0; --left) head.argument = head.argument << 8U | take();
    return head;
  }

  void read_item() {
    Head head = read_head();
    while (head.major == 6) {  // a tag says how to take the item that follows; nothing here depends on it
      if (head.info == 31) bad("has a tag without a number");
      head = read_head();
    }
    if (head.major == 7 && head.info == 31) return read_break();
    const bool as_key = !open_.empty() && open_.back().key_next;
    if (as_key && head.major != 2 && head.major != 3) bad("has a key that is no string");
    count_item();
    switch (head.major) {
      case 2:
      case 3:
        return read_string(head, as_key);
      case 4:
      case 5:
        return open(head);
      default:
        if (head.info == 31) bad("uses a reserved length");
        if (head.major == 7 && (head.info == 20 || head.info == 21)) return visitor_.boolean(head.info == 21);
        visitor_.other();
    }
  }

  void count_item() {
    if (open_.empty()) return;
    Container& container = open_.back();
    if (container.left != kIndefinite) --container.left;
    if (container.map) container.key_next = !container.key_next;
  }

  void read_break() {
    if (open_.empty() || open_.back().left != kIndefinite) bad("ends something that was not begun");
    if (open_.back().map && !open_.back().key_next) bad("has a key without a value");
    close();
  }

  void read_string(const Head& head, bool as_key) {
    std::string joined;
    std::string_view text;
    if (head.argument != kIndefinite) {
      text = take(head.argument);
    } else {
      while (true) {
        const Head chunk = read_head();
        if (chunk.major == 7 && chunk.info == 31) break;
        if (chunk.major != head.major || chunk.argument == kIndefinite) bad("has a string made of other items");
        joined.append(take(chunk.argument));
      }
      text = joined;
    }
    if (as_key) {
      visitor_.key(text);  // which Kubernetes writes as byte strings
    } else {
      visitor_.text(text);  // and strings, too
    }
  }

  void open(const Head& head) {
    if (open_.size() >= static_cast<std::size_t>(kDeepestNesting)) bad("is nested deeper than Kubernetes reads");
    const bool map = head.major == 5;
    if (head.argument != kIndefinite && head.argument > rest_.size()) bad("announces more items than it has bytes");
    const std::uint64_t left = head.argument == kIndefinite ? kIndefinite : head.argument * (map ? 2 : 1);
    open_.push_back({left, map, map});
    visitor_.begin();
  }

  void close() {
    open_.pop_back();
    visitor_.end();
  }

  std::string_view rest_;
  TreeVisitor& visitor_;
  std::vector<Container> open_;
};

}  // namespace

void walk_cbor(std::string_view document, TreeVisitor& visitor) { CborWalker(document, visitor).walk(); }

}  // namespace verifier
