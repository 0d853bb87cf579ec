#include "drill/proof/kept_proof.hpp"

#include <fmt/format.h>

#include <map>

#include "core/error.hpp"
#include "drill/engine/kine_client.hpp"
#include "verifier/checks/census_check.hpp"
#include "verifier/kine/resource.hpp"
#include "verifier/kine/sqlite.hpp"

namespace drill {
namespace {

struct Directory {
  std::string plural;
  std::uint64_t objects = 0;
};

// "/registry/configmaps/", with how many objects the snapshot has below it.
std::map<std::string, Directory> directories_of(const std::filesystem::path& file) {
  std::map<std::string, Directory> directories;
  verifier::Database database(file);
  verifier::for_each_live_key(database, [&](std::string_view key) {
    const verifier::ParsedKey parsed = verifier::parse_key(key);
    const verifier::KeyIdentity& identity = parsed.identity;
    if (parsed.kind != verifier::KeyKind::object || identity.plural == "events" || identity.plural == "leases") return;
    const std::size_t space = identity.namespace_name.empty() ? 0 : identity.namespace_name.size() + 1;
    Directory& directory = directories[std::string(key.substr(0, key.size() - identity.name.size() - space))];
    directory.plural = identity.plural;
    ++directory.objects;
  });
  return directories;
}

}  // namespace

core::Check prove_kept(const DatastoreAccess& access, const std::filesystem::path& database) {
  core::Check check{"kept", core::CheckVerdict::pass, {}, {}};
  try {
    KineClient kine(access.open_socket(), access.meanwhile, access.deadline);
    for (const auto& [key, before] : directories_of(database)) {
      const std::uint64_t now = kine.count(key, key.substr(0, key.size() - 1) + '0');
      if (now >= before.objects) continue;
      const bool lost = now == 0 || verifier::shrank(now, before.objects, verifier::kShrunkKind);
      if (lost) check.verdict = core::CheckVerdict::fail;
      check.findings.push_back(
          {lost ? core::Severity::error : core::Severity::warning,
           fmt::format(
               "{} of {} {} are gone since the control plane was started: it deletes them, the snapshot has them",
               before.objects - now, before.objects, before.plural),
           key,
           {}});
    }
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::unreachable && error.kind() != core::ErrorKind::timeout) throw;
    check.verdict = core::CheckVerdict::skipped;
    check.findings = {{core::Severity::warning,
                       fmt::format("skipped: what is there by now was not counted: {}", error.what()),
                       {},
                       {}}};
  }
  return check;
}

}  // namespace drill
