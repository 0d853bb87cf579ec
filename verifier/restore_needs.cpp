#include "verifier/restore_needs.hpp"

#include <functional>
#include <set>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "verifier/keys/bootstrap.hpp"
#include "verifier/kine/sqlite.hpp"
#include "verifier/objects/object_texts.hpp"

namespace verifier {
namespace {

// Every live object below `prefix`: its name, then its texts. One that does not decode has a name alone.
void read_objects(Database& database, const std::string& prefix,
                  const std::function<TakeText(std::string_view)>& begin) {
  Statement statement(
      database,
      "SELECT name, deleted, value FROM main.kine WHERE id IN (SELECT max(id) FROM main.kine WHERE name "
      ">= ?1 AND name < ?2 GROUP BY name) ORDER BY name");
  std::string end = prefix;
  ++end.back();
  statement.bind(1, prefix);
  statement.bind(2, end);
  while (statement.step()) {
    if (statement.integer(1) != 0) continue;
    const TakeText take = begin(statement.bytes(0).substr(prefix.size()));
    try {
      read_texts(statement.bytes(2), take);
    } catch (const core::Error& error) {
      if (error.kind() != core::ErrorKind::damaged) throw;
    }
  }
}

void read_volumes(Database& database, std::vector<Volume>& volumes) {
  read_objects(database, "/registry/persistentvolumes/", [&](std::string_view name) -> TakeText {
    volumes.push_back({std::string(name), {}, {}, {}});
    return [&volume = volumes.back()](std::string_view path, std::string_view text) {
      const auto is = [&](std::string_view tail) { return path.ends_with(tail); };
      for (const std::string_view kind : {"hostPath", "local", "nfs", "csi"}) {
        const std::string source = "/" + std::string(kind) + "/";
        if (path.find(source) == std::string_view::npos) continue;
        volume.kind = kind;
        if (is(source + "server") || is(source + "path") || is(source + "driver"))
          volume.where += (volume.where.empty() ? "" : ":") + std::string(text);
      }
      if (is("/claimRef/namespace")) volume.claim = std::string(text) + "/" + volume.claim;
      if (is("/claimRef/name")) volume.claim += text;
    };
  });
}

}  // namespace

RestoreNeeds needs_of_token(const Token& token) {
  RestoreNeeds needs;
  needs.token_sha256 = core::sha256_hex(token.password.view());
  if (!token.ca_hash.empty()) needs.ca_hashes.push_back(token.ca_hash);
  return needs;
}

RestoreNeeds read_restore_needs(const std::filesystem::path& path, const Token& token) {
  Database database(path);
  const std::optional<OpenedBootstrap> opened = open_bootstrap(database, token);
  if (!opened) throw core::Error(core::ErrorKind::damaged, "the snapshot's token does not open its bootstrap row");
  RestoreNeeds needs = needs_of_token(token);
  needs.secrets_encryption = opened->secrets_encryption;
  if (!opened->ca_sha256.empty()) needs.ca_hashes.insert(needs.ca_hashes.begin(), opened->ca_sha256);
  read_objects(database, "/registry/minions/", [&](std::string_view name) -> TakeText {
    needs.nodes.emplace_back(name);
    return [](std::string_view, std::string_view) {};
  });
  read_volumes(database, needs.volumes);
  std::set<std::string, std::less<>> images;
  read_objects(database, "/registry/pods/", [&](std::string_view) -> TakeText {
    return [&](std::string_view path_of_text, std::string_view text) {
      if (path_of_text == "/spec/containers/image" || path_of_text == "/spec/initContainers/image")
        images.emplace(text);
    };
  });
  needs.images = images.size();
  return needs;
}

}  // namespace verifier
