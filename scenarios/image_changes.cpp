#include "scenarios/image_changes.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/process.hpp"

namespace scenarios {
namespace {

constexpr std::string_view kKey = "/registry/configmaps/default/clock";

// kube-apiserver reads stored JSON as it reads protobuf.
std::string clock_object(core::UtcTime time) {
  const std::string at = core::format_rfc3339(std::chrono::floor<std::chrono::seconds>(time));
  return fmt::format(
      R"({{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"clock","namespace":"default",)"
      R"("uid":"5c0e0c1a-7d3c-4f0e-9b61-1f6f5f1d2a01","creationTimestamp":"{0}","managedFields":[{{"manager":"clock",)"
      R"("operation":"Update","apiVersion":"v1","time":"{0}","fieldsType":"FieldsV1","fieldsV1":{{"f:data":{{}}}}}}]}},)"
      R"("data":{{"time":"{0}"}}}})",
      at);
}

}  // namespace

void touch_image(const std::filesystem::path& image, core::UtcTime time, const std::string& more) {
  const std::string value = "CAST('" + clock_object(time) + "' AS BLOB)";
  // The first is a creation, which names no revision before; source: kine, pkg/drivers/generic.
  const std::string sql = fmt::format(
      "BEGIN;\n"
      "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value)\n"
      "SELECT '{0}', 1, 0, NULL, 0, 0, {1}, NULL WHERE NOT EXISTS (SELECT 1 FROM kine WHERE name = '{0}');\n"
      "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value)\n"
      "SELECT '{0}', 0, 0, (SELECT min(id) FROM kine WHERE name = '{0}'), id, 0, {1}, value FROM kine\n"
      "WHERE name = '{0}' ORDER BY id DESC LIMIT 1;\n"
      "{2}\nCOMMIT;\nPRAGMA wal_checkpoint(TRUNCATE);",
      kKey, value, more);
  const core::CommandResult done =
      core::run_command({{"sqlite3", "-bail", image.string(), sql}, std::chrono::minutes(2)});
  if (done.exit_code != 0) throw core::Error(core::ErrorKind::storage, image.string() + ": " + done.err);
}

std::string another_uid() {
  // In protobuf: tag and length, then the 36 letters. Older rows of the name, and what later ones say of them, too.
  const auto exchanged = [](std::string_view column) {
    return fmt::format(
        "UPDATE kine SET {0} = CAST(substr({0}, 1, instr({0}, X'2A24') + 1) || '00000000-0000-4000-8000-000000000002' "
        "|| substr({0}, instr({0}, X'2A24') + 38) AS BLOB)\n"
        "WHERE name = '/registry/namespaces/kube-system' AND instr({0}, X'2A24') > 0;\n",
        column);
  };
  return exchanged("value") + exchanged("old_value");
}

std::string removal_of(const std::string& prefix) {
  return fmt::format(
      "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value)\n"
      "SELECT name, 0, 1, CASE created WHEN 1 THEN id ELSE create_revision END, id, 0, NULL, value FROM kine k\n"
      "WHERE name >= '{0}' AND name < '{0}' || char(1114111) AND deleted = 0\n"
      "AND id = (SELECT max(id) FROM kine WHERE name = k.name);",
      prefix);
}

std::string revisions_of_newest(std::uint64_t count) {
  return fmt::format(
      "INSERT INTO kine(name, created, deleted, create_revision, prev_revision, lease, value, old_value)\n"
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {})\n"
      "SELECT name, 0, 0, create_revision, k.id + i, lease, value, value FROM n,\n"
      "(SELECT * FROM kine WHERE id = (SELECT max(id) FROM kine)) k ORDER BY i;",
      count);
}

}  // namespace scenarios
