#include "tests/verifier/verify_fixture.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/catch.hpp"

namespace {

core::Finding only(const core::Check& check, core::Severity severity) {
  INFO("check " << check.name);
  std::vector<core::Finding> found;
  for (const core::Finding& finding : check.findings) {
    UNSCOPED_INFO(finding.message);
    if (finding.severity == severity) found.push_back(finding);
  }
  REQUIRE(found.size() == 1);
  return found.front();
}

}  // namespace

void VerifyFixture::make(const std::function<void(kine::Database&)>& change, kine::Era era) const {
  kine::Database database(path(), era);
  kine::populate(database);
  if (change) change(database);
}

void VerifyFixture::exec(const std::string& sql) const {
  sqlite3* handle = nullptr;
  sqlite3_open(path().c_str(), &handle);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  const int code = sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  const std::string message = sqlite3_errmsg(handle);
  sqlite3_close(handle);
  if (code != SQLITE_OK) throw std::runtime_error(sql + ": " + message);
}

void VerifyFixture::compact(int behind) const {
  const std::string compact = "((SELECT max(id) FROM kine) - " + std::to_string(behind) + ")";
  exec(
      "DELETE FROM kine WHERE name != 'compact_rev_key' AND (id IN (SELECT prev_revision FROM kine WHERE name != "
      "'compact_rev_key' AND id <= " +
      compact + ") OR (deleted != 0 AND id <= " + compact + "))");
  exec("UPDATE kine SET prev_revision = " + compact + " WHERE name = 'compact_rev_key'");
}

void VerifyFixture::overwrite(std::uint64_t offset, std::string_view bytes) const {
  std::fstream file(path(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string VerifyFixture::bytes() const {
  std::ostringstream content;
  content << std::ifstream(path(), std::ios::binary).rdbuf();
  return content.str();
}

void VerifyFixture::replace(std::string_view bytes) const {
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
}

verifier::Verification VerifyFixture::verify(std::optional<std::string> token,
                                             std::optional<std::string> sha256) const {
  verifier::Subject subject{path(), {}, std::move(sha256)};
  if (token) subject.token = verifier::parse_token(*token);
  return verifier::verify(subject);
}

const core::Check& check_named(const verifier::Verification& result, std::string_view name) {
  const auto at =
      std::find_if(result.checks.begin(), result.checks.end(), [&](const auto& c) { return c.name == name; });
  if (at == result.checks.end()) throw std::runtime_error("no check " + std::string(name));
  return *at;
}

core::Finding only_error(const verifier::Verification& result, std::string_view name) {
  REQUIRE(check_named(result, name).verdict == core::CheckVerdict::fail);
  return only(check_named(result, name), core::Severity::error);
}

core::Finding only_warning(const verifier::Verification& result, std::string_view name) {
  return only(check_named(result, name), core::Severity::warning);
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }
