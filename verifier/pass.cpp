#include "verifier/pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/error.hpp"
#include "verifier/checks/blockers_check.hpp"
#include "verifier/checks/decode_check.hpp"
#include "verifier/checks/log_checks.hpp"
#include "verifier/checks/references_check.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/name_table.hpp"
#include "verifier/kine/rows.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kProgressRows = 1'000;

class Pass {
 public:
  Pass(Database& database, const OpenedBootstrap* bootstrap, Verification& result, const Progress& progress)
      : database_(database),
        result_(result),
        progress_(progress),
        decoder_(result, *known_, bootstrap, {decode_, value_chain_, secrets_}),
        history_(result.compact_revision, revisions_, value_chain_) {
    result.objects = ObjectList(known_);
  }

  std::vector<core::Check> run(const Subject& subject, const EncryptionKeys& keys, core::UtcTime now);

 private:
  void scan();
  void see(const Row& row);
  template <class Work>
  core::Check close(CheckBuilder& check, Work&& work);

  Database& database_;
  Verification& result_;
  const Progress& progress_;
  std::shared_ptr<KnownNames> known_ = std::make_shared<KnownNames>();
  CheckBuilder revisions_{"revisions"};
  CheckBuilder value_chain_{"value-chain"};
  CheckBuilder decode_{"decode"};
  CheckBuilder secrets_{"secrets"};
  Decoder decoder_;
  History history_;
  std::string unread_;  // why rows were not reached; empty when all were
};

void Pass::see(const Row& row) {
  ++result_.coverage.rows_checked;
  result_.revision = std::max(result_.revision, row.id);
  if (row.is_tombstone()) ++result_.rows.tombstones;
  Name unnamed;
  Name& name = row.has_name ? known_->names.at(row.name) : unnamed;
  if (row.has_name && name.newest.value != row.prev_revision) decoder_.see_old_value(row, history_);
  history_.see(row, name);
  if (!row.has_name) return;
  decoder_.see(row, name);
  name.created_by = History::created_by(row, name);
  name.newest = row.id;
  name.value_digest = digest_of(row.value);
  name.live = row.is_live();
  name.tombstone = row.is_tombstone();
}

void Pass::scan() {
  try {
    for (RowScan scan(database_); scan.next();) {
      if (progress_ && result_.coverage.rows_checked % kProgressRows == 0)
        progress_(fmt::format("{} of {} rows", result_.coverage.rows_checked, result_.rows.total));
      see(scan.row());
    }
  } catch (const core::Error& error) {
    if (error.kind() != core::ErrorKind::damaged) throw;
    unread_ = fmt::format("the rows cannot be read beyond revision {}: {}", result_.revision.value, error.what());
  }
}

// The checks that share the pass are each closed by a last look of their own.
template <class Work>
core::Check Pass::close(CheckBuilder& check, Work&& work) {
  return std::move(check).run([&](CheckBuilder& builder) {
    if (!unread_.empty()) return builder.stop(unread_);
    work();
  });
}

std::vector<core::Check> Pass::run(const Subject& subject, const EncryptionKeys& keys, core::UtcTime now) {
  core::Check decode = std::move(decode_).run([&](CheckBuilder& check) {
    result_.rows.total = count_rows(database_);
    result_.coverage.rows_total = result_.rows.total;
    scan();
    decoder_.finish();
    if (!unread_.empty()) check.error(unread_);
    if (result_.rows.live == 0)
      check.error("there is not a single live row: k3s would start a new, empty cluster from this");
  });
  std::vector<core::Check> checks;
  checks.push_back(close(revisions_, [&] { history_.finish(sequence_of(database_), known_->names); }));
  checks.push_back(close(value_chain_, [&] { history_.finish_values(); }));
  checks.push_back(std::move(decode));
  CheckBuilder references("references");
  checks.push_back(close(references, [&] { check_references(result_, known_->names, references); }));
  checks.push_back(close(secrets_, [&] { decoder_.finish_secrets(subject); }));
  CheckBuilder blockers("blockers");
  checks.push_back(close(blockers, [&] {
    check_blockers(database_, result_, known_->names, keys, now, blockers);
    if (history_.has_unset_create_revision())
      blockers.note("kine 0.17 or later wrote here: the kine of an earlier k3s does not start on this database");
  }));
  return checks;
}

}  // namespace

std::vector<core::Check> check_rows(Database& database, const Subject& subject, const OpenedBootstrap* bootstrap,
                                    core::UtcTime now, Verification& result, const Progress& progress) {
  result.compact_revision = compact_revision_of(database);
  const EncryptionKeys none;
  return Pass(database, bootstrap, result, progress).run(subject, bootstrap != nullptr ? bootstrap->keys : none, now);
}

}  // namespace verifier
