#include "verifier/objects/objects.hpp"

#include "verifier/kine/name_table.hpp"
#include "verifier/kine/resource.hpp"

namespace verifier {

Object ObjectList::operator[](std::size_t index) const {
  const Name& name = *names_[index];
  const KeyIdentity identity = parse_key(name.text).identity;
  return {known_->texts[name.resource],   identity.namespace_name, identity.name, name.uid, name.newest,
          known_->texts[name.api_version]};
}

}  // namespace verifier
