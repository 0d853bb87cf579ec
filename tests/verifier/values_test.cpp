// The decoders on their own: each encoding, and lengths, depths and bytes that nobody sane would write.
#include <functional>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/verifier/kine_database.hpp"
#include "tests/verifier/verify_fixture.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/objects/object.hpp"

using namespace std::string_literals;

namespace {

// The message of the damaged error; fails the test when there is none.
std::string problem_of(std::string_view value) {
  try {
    verifier::decode_object(value);
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::damaged);
    return error.what();
  }
  FAIL("the value was decoded");
  return {};
}

std::string repeat(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

const std::string kCbor = "\xd9\xd9\xf7"s;

// {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "u", "list": [1, {"uid": "x"}, null, 2.5]}},
// with keys as byte strings and containers of indefinite length mixed in.
std::string cbor_pod() {
  return kCbor +
         "\xbf"
         "\x4a"
         "apiVersion"
         "\x62"
         "v1"
         "\x44"
         "kind"
         "\xd6"
         "\x43"
         "Pod"
         "\x48"
         "metadata"
         "\xa3"
         "\x44"
         "name"
         "\x61"
         "p"
         "\x43"
         "uid"
         "\x7f"
         "\x61"
         "u"
         "\xff"
         "\x64"
         "list"
         "\x84"
         "\x01"
         "\xa1"
         "\x43"
         "uid"
         "\x61"
         "x"
         "\xf6"
         "\xf9\x41\x00"s +
         "\xff";
}

}  // namespace

TEST_CASE("Protobuf, JSON and CBOR say the same of the same object") {
  const kine::Meta meta{"v1", "Pod", "p", "ns", "u"};
  for (const std::string& value : {kine::protobuf(meta), kine::json(meta)}) {
    const verifier::StoredObject object = verifier::decode_object(value);
    CHECK(object.api_version == "v1");
    CHECK(object.kind == "Pod");
    CHECK(object.name == "p");
    CHECK(object.namespace_name == "ns");
    CHECK(object.uid == "u");
    CHECK(object.newest_change.has_value());
  }
  const verifier::StoredObject object = verifier::decode_object(cbor_pod());
  CHECK(object.api_version == "v1");
  CHECK(object.kind == "Pod");
  CHECK(object.name == "p");
  CHECK(object.uid == "u");
}

TEST_CASE("A cut anywhere in a value of any encoding is noticed or leaves a smaller whole") {
  const std::string json = kine::json({"v1", "Pod", "p", "ns", "u"});
  for (std::size_t size = 1; size + 1 < json.size(); ++size) CHECK_FALSE(problem_of(json.substr(0, size)).empty());
  const std::string cbor = cbor_pod();
  for (std::size_t size = 3; size < cbor.size(); ++size) CHECK_FALSE(problem_of(cbor.substr(0, size)).empty());
  const std::string protobuf = kine::protobuf({"v1", "Pod", "p", "ns", "u"});
  for (std::size_t size = 5; size + 4 < protobuf.size(); ++size) {
    try {
      const auto object = verifier::decode_object(protobuf.substr(0, size));
      CHECK(object.uid.empty());
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::damaged);
    }
  }
}

TEST_CASE("Lengths of two gigabytes and more end in an error") {
  const std::string envelope = "k8s\0"s;
  CHECK(contains(problem_of(envelope + "\x12\xff\xff\xff\xff\x07"), "ends in the middle"));
  CHECK(contains(problem_of(envelope + "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "protobuf"));
  CHECK(contains(problem_of(envelope + "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "cannot be"));
  CHECK(contains(problem_of(kCbor + "\x5b\x00\x00\x00\x00\x80\x00\x00\x00"s), "ends in the middle of a string"));
  CHECK(contains(problem_of(kCbor + "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"s), "announces more items"));
  CHECK(contains(problem_of(kCbor + "\xbb\xff\xff\xff\xff\xff\xff\xff\xff"s), "CBOR"));
}

TEST_CASE("Nesting of a million levels ends in an error and not in a crash") {
  constexpr std::size_t deep = 1'000'000;
  CHECK(contains(problem_of("{\"a\":" + std::string(deep, '[')), "nested deeper"));
  CHECK(contains(problem_of(repeat("{\"a\":", deep)), "nested deeper"));
  CHECK(contains(problem_of(kCbor + std::string(deep, '\x81')), "nested deeper"));
  CHECK(contains(problem_of(kCbor + std::string(deep, '\x9f')), "nested deeper"));
  CHECK(contains(problem_of(kCbor + std::string(deep, '\xc1')), "CBOR"));
  CHECK(contains(problem_of(kCbor + std::string(deep, '\x7f')), "made of other items"));
}

TEST_CASE("An envelope of something else is told") {
  CHECK(contains(problem_of("k8s\0"s + kine::field(2, "\x0b")), "cannot be"));
  CHECK(contains(problem_of("k8s\0"s + kine::field(2, "x") + kine::field(4, "gzip")), "content type"));
}

TEST_CASE("Base64 is read as Go reads it") {
  CHECK(core::decode_base64("aGVsbG8=")->view() == "hello");
  CHECK(core::decode_base64("aGVs\r\nbG8=\n")->view() == "hello");
  CHECK(core::decode_base64("")->view().empty());
  for (const char* bad : {"a", "aGVsbG8", "aGVsbG8=aGVs", "====", "aG=s", "a===", "aGVsbG8*"}) {
    INFO(bad);
    CHECK_FALSE(core::decode_base64(bad));
  }
}

TEST_CASE("Foreign bytes are shown in a form that terminals and JSON survive") {
  CHECK(verifier::printable("a\x1b[31m\xff\n") == "a\\x1b[31m\\xff\\n");
  CHECK(verifier::printable("r\xc3\xb4le") == "r\xc3\xb4le");
  CHECK(verifier::printable(std::string(5000, 'x')).size() < 400);
  CHECK_FALSE(verifier::is_plain_text("\xed\xa0\x80"));
  CHECK_FALSE(verifier::is_plain_text("\xc0\x80"));
}
