#include "verifier/restore_needs.hpp"

#include <functional>
#include <set>

#include "core/error.hpp"
#include "core/sha256.hpp"
#include "verifier/bootstrap_check.hpp"
#include "verifier/object_tree.hpp"
#include "verifier/sqlite.hpp"
#include "verifier/token.hpp"

namespace verifier {
namespace {

// The texts of a tree, each with the path of keys that leads to it: "spec/claimRef/name".
class Texts : public TreeVisitor {
 public:
  explicit Texts(std::function<void(std::string_view path, std::string_view text)> take) : take_(std::move(take)) {}

  void begin() override { lengths_.push_back(path_.size()); }
  void end() override {
    lengths_.pop_back();
    path_.resize(lengths_.empty() ? 0 : lengths_.back());
  }
  void key(std::string_view key) override {
    path_.resize(lengths_.back());
    path_.append("/").append(key);
  }
  void text(std::string_view text) override { take_(path_, text); }
  void other() override {}

 private:
  std::function<void(std::string_view, std::string_view)> take_;
  std::string path_;
  std::vector<std::size_t> lengths_;
};

using TakeText = std::function<void(std::string_view path, std::string_view text)>;

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
    Texts texts(begin(statement.bytes(0).substr(prefix.size())));
    try {
      walk_object(statement.bytes(2), texts);
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

RestoreNeeds read_restore_needs(const std::filesystem::path& path, const std::string& token) {
  Database database(path);
  const std::optional<OpenedBootstrap> opened = open_bootstrap(database, token);
  if (!opened) throw core::Error(core::ErrorKind::damaged, "the snapshot's token does not open its bootstrap row");
  RestoreNeeds needs;
  const Token parsed = parse_token(token);
  needs.token_sha256 = core::sha256_hex(parsed.password.view());
  needs.secrets_encryption = opened->secrets_encryption;
  for (const std::string& hash : {opened->ca_sha256, parsed.ca_hash})
    if (!hash.empty()) needs.ca_hashes.push_back(hash);
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
