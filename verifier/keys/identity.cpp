#include "verifier/keys/identity.hpp"

#include "core/error.hpp"
#include "verifier/keys/bootstrap.hpp"
#include "verifier/objects/object.hpp"

namespace verifier {
namespace {

constexpr std::string_view kKubeSystem = "/registry/namespaces/kube-system";

// As an API server makes them. What a damaged or hostile row says instead is no uid.
bool is_uid(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == std::string::npos;
}

// What `work` tells; nothing when what it reads is damaged, or without end.
template <class Work>
void unless_damaged(Work&& work) {
  try {
    work();
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged && error.kind() != core::ErrorKind::timeout) throw;
  }
}

}  // namespace

std::string kube_system_uid(Database& database) {
  Statement statement(database, "SELECT deleted, value FROM main.kine WHERE name = ? ORDER BY id DESC LIMIT 1");
  statement.bind(1, kKubeSystem);
  if (!statement.step() || statement.integer(0) != 0) return {};
  return decode_object(statement.bytes(1)).uid;
}

core::ClusterIdentity read_identity(const std::filesystem::path& database, const std::optional<Token>& token) {
  core::ClusterIdentity identity;
  unless_damaged([&] {
    Database opened(database);
    unless_damaged([&] { identity.kube_system_uid = kube_system_uid(opened); });
    if (!is_uid(identity.kube_system_uid)) identity.kube_system_uid.clear();
    if (const auto bootstrap = open_bootstrap(opened, token)) identity.ca_sha256 = bootstrap->ca_sha256;
  });
  return identity;
}

}  // namespace verifier
