// decode_protobuf: the envelope behind "k8s\0".
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/object_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::may_be_damaged([&] { fuzz::check_object(verifier::decode_protobuf(fuzz::text(data, size)), size); });
  return 0;
}
