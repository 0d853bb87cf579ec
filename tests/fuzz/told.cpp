// Told and all that reads it: what a node says of its k3s, as the lines of a pull bring it.
#include "k3s/told.hpp"

#include "k3s/place.hpp"
#include "k3s/settings.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text(data, size);
  k3s::Told told;
  try {
    while (!input.empty()) {
      const std::size_t end = std::min(input.find('\n'), input.size());
      told.add(input.substr(0, end));
      input.remove_prefix(std::min(end + 1, input.size()));
    }
  } catch (const core::Error& error) {
    fuzz::demand(error.kind() == core::ErrorKind::storage, "a node that makes no sense is a storage error");
    return 0;
  }
  const k3s::Settings settings(told, "/etc/rancher/k3s/config.yaml");
  fuzz::demand(!settings.data_dir().text.empty(), "there is always a data directory");
  const k3s::PlaceFindings found = k3s::check_place(told, "/var/lib/rancher/k3s", "/etc/rancher/k3s/config.yaml");
  if (found.refusal) fuzz::demand(found.refusal->find('\n') == std::string::npos, "a refusal is one line");
  for (const std::string& warning : found.warnings)
    fuzz::demand(warning.find('\n') == std::string::npos, "a warning is one line");
  return 0;
}
