// What of a node's config a restored control plane is given.
#include "drill/candidate.hpp"

#include "tests/catch.hpp"

namespace {

std::string flags_of(const std::vector<std::string>& configs) {
  drill::Material material;
  material.token = verifier::parse_token("secret\n");
  for (const std::string& text : configs) material.configs.push_back({"config.yaml", text});
  std::string flags;
  for (const std::string& flag : drill::restore_set(material, {}, drill::Controllers::off).server_flags)
    flags += flag + "\n";
  return flags;
}

}  // namespace

TEST_CASE("the flags that must be as they were come from the config as k3s reads it") {
  CHECK(flags_of({"kubelet-arg: a\nkubelet-arg: b\nservice-cidr: 10.53.0.0/16 # ours\n"}) ==
        "--service-cidr=10.53.0.0/16\n");
  CHECK(flags_of({"", "# nothing\n"}).empty());
  CHECK(flags_of({"cluster-cidr: [fd00:42::/56]\n", "cluster-cidr+: 10.42.0.0/16\n"}) ==
        "--cluster-cidr=fd00:42::/56,10.42.0.0/16\n");
  CHECK(flags_of({"cluster-domain: a\n", "cluster-domain: 'b'\n"}) == "--cluster-domain=b\n");
  CHECK(flags_of({"cluster-domain: a\n", "this is: [no YAML\n"}) == "--cluster-domain=a\n");
  CHECK(flags_of({"cluster-dns:\nservice-cidr: \"\"\n"}).empty());
}
