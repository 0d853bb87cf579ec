// Bytes that open something: where they are, and where they are no more.
#include "core/secret.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "tests/catch.hpp"

namespace {

const std::string kShort = "hunter2";  // kept inside a string
const std::string kLong(100, '#');     // kept on the heap

// Not a byte of `secret` in what a text has room for: past its end, too, where a string leaves what it held.
bool holds_none_of(const std::string& secret, std::string_view room) {
  return room.find_first_of(secret) == std::string_view::npos;
}

// What is left in one that was moved from.
std::string_view left_in(core::Secret& secret) { return secret.view(); }
std::string_view left_in(std::string& text) { return {text.data(), text.capacity()}; }

}  // namespace

TEST_CASE("A secret takes the bytes of a text over and leaves none there") {
  for (const std::string& bytes : {kShort, kLong, std::string()}) {
    std::string text = bytes;
    const core::Secret secret = core::Secret::taken_from(std::move(text));
    CHECK(secret.view() == bytes);
    CHECK(holds_none_of(bytes, left_in(text)));
  }
}

TEST_CASE("A secret that is moved is empty, and one that is copied is not") {
  for (const std::string& bytes : {kShort, kLong}) {
    core::Secret secret{std::string_view(bytes)};
    core::Secret copy = secret;
    CHECK(secret.view() == bytes);
    CHECK(copy.view() == bytes);
    CHECK(copy.data() != secret.data());
    core::Secret other = std::move(secret);
    CHECK(other.view() == bytes);
    CHECK(left_in(secret).empty());
    secret = copy;
    CHECK(secret.view() == bytes);
    other = std::move(copy);
    CHECK(other.view() == bytes);
    CHECK(left_in(copy).empty());
    const core::Secret& itself = other;
    other = itself;
    CHECK(other.view() == bytes);
  }
}

TEST_CASE("A shorter secret in the place of a longer one leaves nothing of it") {
  core::Secret secret{std::string_view(kLong)};
  const core::Secret other{std::string_view(kShort)};
  secret = other;
  CHECK(secret.view() == kShort);
  CHECK(holds_none_of(kLong, {secret.data(), kLong.size()}));  // the room is the longer one's still
}
