#include "tests/verifier/kine_database.hpp"

#include <sqlite3.h>

#include <protozero/pbf_writer.hpp>
#include <stdexcept>

#include "tests/verifier/complete.hpp"

namespace kine {
namespace {

constexpr const char* kIndexes =
    "CREATE INDEX kine_name_index ON kine (name);"
    "CREATE INDEX kine_name_id_index ON kine (name,id);"
    "CREATE INDEX kine_id_deleted_index ON kine (id,deleted);"
    "CREATE INDEX kine_prev_revision_index ON kine (prev_revision);"
    "CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);";

std::string envelope(const Meta& meta, std::string_view raw) {
  std::string type;
  protozero::pbf_writer type_writer(type);
  type_writer.add_string(1, meta.api_version);
  type_writer.add_string(2, meta.kind);
  std::string unknown;
  protozero::pbf_writer writer(unknown);
  writer.add_message(1, type);
  writer.add_bytes(2, raw.data(), raw.size());
  writer.add_string(3, "");
  writer.add_string(4, "");
  return std::string("k8s\0", 4) + unknown;
}

}  // namespace

Database::Database(const std::filesystem::path& path, Era era) : era_(era) {
  if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("cannot make " + path.string());
  exec("PRAGMA synchronous=OFF");
  exec("CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name " +
       std::string(era == Era::c ? "TEXT" : "INTEGER") +
       ", created INTEGER, deleted INTEGER, create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, "
       "old_value BLOB)");
  exec(kIndexes);
  create("compact_rev_key", "");
}

Database::~Database() { close(); }

void Database::close() {
  sqlite3_close(handle_);
  handle_ = nullptr;
}

void Database::exec(const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return;
  const std::string text = message != nullptr ? message : "unknown";
  sqlite3_free(message);
  throw std::runtime_error(sql + ": " + text);
}

std::int64_t Database::insert(const std::string& name, bool created, bool deleted,
                              std::optional<std::int64_t> create_revision, std::int64_t prev_revision,
                              std::optional<std::string_view> value, std::optional<std::string_view> old_value) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(
      handle_,
      "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
      "VALUES (?,?,?,?,?,0,?,?)",
      -1, &statement, nullptr);
  const auto bind_blob = [&](int at, const std::optional<std::string_view>& bytes) {
    if (bytes)
      sqlite3_bind_blob(statement, at, bytes->empty() ? "" : bytes->data(), static_cast<int>(bytes->size()),
                        SQLITE_STATIC);
  };
  sqlite3_bind_text(statement, 1, name.c_str(), -1, SQLITE_STATIC);
  sqlite3_bind_int(statement, 2, created ? 1 : 0);
  sqlite3_bind_int(statement, 3, deleted ? 1 : 0);
  if (create_revision) sqlite3_bind_int64(statement, 4, *create_revision);
  sqlite3_bind_int64(statement, 5, prev_revision);
  bind_blob(6, value);
  bind_blob(7, old_value);
  const int code = sqlite3_step(statement);
  sqlite3_finalize(statement);
  if (code != SQLITE_DONE) throw std::runtime_error("insert: " + std::string(sqlite3_errmsg(handle_)));
  return sqlite3_last_insert_rowid(handle_);
}

std::int64_t Database::create(const std::string& name, std::string_view value) {
  const std::int64_t prev = last_.contains(name) ? last_[name].id : 0;
  const auto unset = era_ == Era::c ? std::nullopt : std::optional<std::int64_t>(0);
  const std::int64_t id = insert(name, true, false, unset, prev, value, std::nullopt);
  last_[name] = {id, id, std::string(value)};
  return id;
}

std::int64_t Database::update(const std::string& name, std::string_view value) {
  Last& last = last_.at(name);
  last.id = insert(name, false, false, last.created_by, last.id, value, last.value);
  last.value = value;
  return last.id;
}

std::int64_t Database::remove(const std::string& name) {
  Last& last = last_.at(name);
  const auto value = era_ == Era::a ? std::optional<std::string_view>(last.value) : std::nullopt;
  last.id = insert(name, false, true, era_ == Era::b ? 0 : last.created_by, last.id, value, last.value);
  return last.id;
}

std::int64_t Database::fill_gap() {
  const std::int64_t id = insert("gap", false, true, 0, 0, std::nullopt, std::nullopt);
  exec("UPDATE kine SET name = 'gap-" + std::to_string(id) + "' WHERE id = " + std::to_string(id));
  return id;
}

void Database::set_compact_revision(std::int64_t revision) {
  exec("UPDATE kine SET prev_revision = " + std::to_string(revision) + " WHERE name = 'compact_rev_key'");
}

std::string field(unsigned tag, std::string_view bytes) {
  std::string encoded;
  protozero::pbf_writer(encoded).add_bytes(tag, bytes.data(), bytes.size());
  return encoded;
}

std::string time_field(unsigned tag, std::int64_t seconds, std::int64_t nanoseconds) {
  std::string time;
  protozero::pbf_writer writer(time);
  writer.add_int64(1, seconds);
  writer.add_int32(2, static_cast<std::int32_t>(nanoseconds));
  return field(tag, time);
}

std::string protobuf(const Meta& meta, std::string_view more, std::string_view more_metadata) {
  std::string metadata = field(1, meta.name) + field(2, "");
  if (!meta.namespace_name.empty()) metadata += field(3, meta.namespace_name);
  metadata += field(4, "");
  if (!meta.uid.empty()) metadata += field(5, meta.uid);
  metadata += field(6, "") + time_field(8, meta.created_seconds) + std::string(more_metadata);
  const std::string object = field(1, metadata) + std::string(more);
  if (const verifier::Message* message = verifier::find_kind(meta.api_version, meta.kind))
    return envelope(meta, complete(object, *message));
  return envelope(meta, field(1, complete(metadata, verifier::object_meta())) + std::string(more));
}

std::string json(const Meta& meta, const std::string& more) {
  // Go writes its own types in the order of their fields, custom resources in the order of their keys.
  const std::string api_version = R"("apiVersion":")" + meta.api_version + '"';
  const std::string kind = R"("kind":")" + meta.kind + '"';
  const bool typed = verifier::find_kind(meta.api_version, meta.kind) != nullptr;
  std::string text = "{" + (typed ? kind + "," + api_version : api_version + "," + kind) +
                     R"(,"metadata":{"creationTimestamp":"2026-09-21T14:13:20Z","name":")" + meta.name + R"(")";
  if (!meta.namespace_name.empty()) text += R"(,"namespace":")" + meta.namespace_name + R"(")";
  if (!meta.uid.empty()) text += R"(,"uid":")" + meta.uid + R"(")";
  return text + "}" + more + "}\n";
}

std::string pod(int version) {
  return protobuf({"v1", "Pod", "p", "default", "u"}, {},
                  field(12, field(1, "version") + field(2, std::to_string(version))));
}

void populate(Database& database) {
  database.create("/registry/health", R"({"health":"true"})");
  database.create("/registry/namespaces/default", protobuf({"v1", "Namespace", "default", "", "uid-default"}));
  database.create("/registry/namespaces/kube-system",
                  protobuf({"v1", "Namespace", "kube-system", "", "uid-kube-system"}));
  database.create("/registry/services/specs/default/kubernetes",
                  protobuf({"v1", "Service", "kubernetes", "default", "uid-service"}));
  database.create("/registry/services/endpoints/default/kubernetes",
                  protobuf({"v1", "Endpoints", "kubernetes", "default", "uid-endpoints"}));
  database.create("/registry/minions/node-a",
                  protobuf({"v1", "Node", "node-a", "", "uid-node"}, field(3, field(7, field(7, "v1.36.2+k3s1"))),
                           field(11, field(1, "node-role.kubernetes.io/control-plane") + field(2, "true"))));
  database.create("/registry/deployments/default/web",
                  protobuf({"apps/v1", "Deployment", "web", "default", "uid-web"}));
  database.create("/registry/secrets/default/gone", protobuf({"v1", "Secret", "gone", "default", "uid-gone"}));
  database.create("/registry/secrets/default/password",
                  protobuf({"v1", "Secret", "password", "default", "uid-secret"}));
  database.create("/registry/clusterroles/system:node",
                  protobuf({"rbac.authorization.k8s.io/v1", "ClusterRole", "system:node", "", "uid-role"}));
  database.create("/registry/apiextensions.k8s.io/customresourcedefinitions/things.example.io",
                  json({"apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.example.io", "", "uid-crd"}));
  database.create("/registry/apiregistration.k8s.io/apiservices/v1.apps",
                  json({"apiregistration.k8s.io/v1", "APIService", "v1.apps", "", "uid-apiservice"}));
  database.create(
      "/registry/example.io/things/default/one",
      json({"example.io/v1", "Thing", "one", "default", "uid-one"}, R"(,"spec":{"renewTime":"2026-10-30T00:00:00Z"})"));
  const Meta lease{"coordination.k8s.io/v1", "Lease", "node-a", "kube-system", "uid-lease"};
  database.create("/registry/leases/kube-system/node-a", protobuf(lease, field(2, time_field(4, 1'790'000'100))));
  database.update("/registry/leases/kube-system/node-a",
                  protobuf(lease, field(2, time_field(4, 1'790'000'200, 500'000'000))));
  database.remove("/registry/secrets/default/gone");
  for (const char* key : {"/registry/ranges/serviceips", "/registry/ranges/servicenodeports",
                          "/registry/masterleases/10.0.0.2", "/registry/peerserverleases/apiserver-1"})
    database.create(key, protobuf({"v1", "RangeAllocation", "", "", ""}));
  database.create("compact_rev_key_apiserver", "1|0");
  database.fill_gap();
}

}  // namespace kine
