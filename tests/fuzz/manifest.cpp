// manifest.json and the evidence beside it.
#include "store/manifest.hpp"

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input(fuzz::text(data, size));
  store::proof_from_json(input);
  fuzz::may_be_damaged([&] {
    const store::Manifest manifest = store::manifest_from_json(input);
    for (const store::BundleFile& file : manifest.bundle)
      fuzz::demand(file.path.find('/') == std::string::npos, "no path leads out of the snapshot");
    const std::string written = store::to_json(manifest);
    fuzz::demand(store::to_json(store::manifest_from_json(written)) == written, "a manifest is written as it was read");
  });
  return 0;
}
