// parse_kubeconfig: what an engine wrote, and what is made of it for the user's kubectl.
#include "drill/engine/kubeconfig.hpp"

#include <string>

#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  drill::Kubeconfig config;
  try {
    config = drill::parse_kubeconfig(std::string(fuzz::text(data, size)));
  } catch (const core::Error& error) {
    fuzz::demand(error.kind() == core::ErrorKind::damaged || error.kind() == core::ErrorKind::usage,
                 "a refusal is damaged or usage");
    return 0;
  }
  const std::string ours = drill::kubeconfig_for(config, 6443);
  const drill::Kubeconfig again = drill::parse_kubeconfig(ours);
  fuzz::demand(again.ca_pem == config.ca_pem && again.certificate_pem == config.certificate_pem, "ours says the same");
  fuzz::demand(ours.find("exec:") == std::string::npos, "ours runs no program");
  return 0;
}
