// decode_object: a value of table kine as it is stored, of any encoding, and the key that it is stored under.
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/object_properties.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/resource.hpp"

namespace {

// Up to the first new line it is a key, behind that a value.
void look_at_key(std::string_view key, std::string_view api_version) {
  const verifier::ParsedKey parsed = verifier::parse_key(key);
  if (parsed.kind != verifier::KeyKind::object) return;
  fuzz::demand(key.starts_with("/registry/"), "an object lies under /registry/");
  fuzz::demand(!parsed.identity.name.empty(), "an object has a name");
  fuzz::demand(key.ends_with(parsed.identity.name), "a key ends with the object's name");
  fuzz::demand(!verifier::resource_name(parsed.identity, api_version).empty(), "an object is of a resource");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text(data, size);
  const std::string_view key = input.substr(0, input.find('\n'));
  const std::string_view value = input.substr(std::min(input.size(), key.size() + 1));
  const std::string shown = verifier::printable(input);
  fuzz::demand(verifier::is_plain_text(shown) && shown.size() < 320, "what is shown is short and plain");
  look_at_key(key, "");
  fuzz::may_be_damaged([&] {
    const verifier::StoredObject object = verifier::decode_object(value);
    fuzz::check_object(object, value.size());
    for (const std::string* field : {&object.api_version, &object.kind, &object.uid, &object.kubelet_version})
      fuzz::demand(verifier::is_plain_text(*field), "what an object says of itself is plain text");
    look_at_key(key, object.api_version);
  });
  return 0;
}
