// Every text of every outcome is a stranger's here. What is shown of it is what would be shown of the same text made
// printable before: no more lines, no other columns, nothing that steers a terminal.
#include <functional>
#include <nlohmann/json.hpp>

#include "core/utf8.hpp"
#include "history/history.hpp"
#include "reports/changes.hpp"
#include "reports/export.hpp"
#include "reports/history.hpp"
#include "reports/json.hpp"
#include "reports/restore.hpp"
#include "reports/series.hpp"
#include "reports/text.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using core::CheckVerdict;

namespace {

const std::string kHostile =
    "h\x1b]0;owned\x07\x1b[2J\x1b[32mok\x1b[0m\xc2\x9b"
    "31m\x9b\x7f\x08\r\nforged:"
    "pass\n\t\x1f\xe2\x80\xae\xe2\x81\xa6\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf\xff\xed\xa0\x80";

// Written here once more, so that it does not rest on what it tests.
bool is_safe(std::string_view text) {
  for (const std::string_view bad : {"\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xe2\x80\x8b", "\xef\xbb\xbf"})
    if (text.find(bad) != std::string_view::npos) return false;
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) return false;
    const std::size_t length = core::utf8_length(text.substr(at));
    if (length == 0 || (byte == 0xc2 && static_cast<unsigned char>(text[at + 1]) < 0xa0)) return false;
    at += length;
  }
  return true;
}

std::vector<core::Finding> findings(const std::string& s) {
  return {{core::Severity::error, s, s, core::Revision{7}},
          {core::Severity::warning, s + "; type: " + s, {}, {}},
          {core::Severity::note, s, s, {}},
          {core::Severity::note, s, s + "2", {}}};
}

std::vector<core::Check> checks(const std::string& s) {
  return {{s, CheckVerdict::fail, findings(s), 1ms},
          {s, CheckVerdict::pass, findings(s), 1ms},
          {s, CheckVerdict::could_not_run, findings(s), 1ms},
          {s, CheckVerdict::skipped, {{core::Severity::note, "skipped: " + s, {}, {}}}, 1ms}};
}

verifier::Verification verification(const std::string& s) {
  verifier::Verification made;
  made.sha256 = made.k3s_version = made.kube_system_uid = made.ca_sha256 = s;
  made.service_account_keys = {s};
  made.rows.total = 3;
  made.census.by_resource = {{s, 2}, {"pods", 1}};
  made.census.by_namespace = {{s, 2}, {"shop", 1}};
  made.checks = checks(s);
  return made;
}

store::Snapshot snapshot(const std::string& s) {
  store::Snapshot made;
  made.directory = "/store/" + s;
  made.manifest.cluster = made.manifest.name = made.manifest.method = made.manifest.k3s_version = s;
  made.manifest.arch = made.manifest.sqlite_version = s;
  made.manifest.identity = {s, s};
  made.manifest.bundle = {{"state.db", 1, s}, {s, 2, s}};
  made.manifest.database = {s, 3, s, s};
  made.lost = made.unrestorable = s;
  made.of_another_cluster = true;
  made.verified = made.drilled = store::Proof{s, core::UtcTime(1h)};
  return made;
}

std::vector<store::Snapshot> snapshots(const std::string& s) {
  store::Snapshot damaged = snapshot(s);
  damaged.damage = s;
  store::Snapshot unreadable = snapshot(s);
  unreadable.unreadable = core::Error(core::ErrorKind::denied, s);
  return {snapshot(s), damaged, unreadable};
}

drill::Equality equality(const std::string& s) {
  drill::Equality made;
  made.examples = {s, s};
  made.findings = findings(s);
  return made;
}

drill::DrillReport drill_report(const std::string& s) {
  drill::DrillReport made;
  made.snapshot = made.k3s_version = made.compared_with = s;
  made.engine.emplace();
  made.engine->version = s;
  made.engine->path_or_image = s;
  for (const char* name : {"fetch", "prove"})
    made.phases.push_back({name, 0ns, 1ms, CheckVerdict::fail, findings(s), s});
  made.phases.push_back({s, 0ns, 1ms, CheckVerdict::skipped, {}, s});
  made.rto = made.rpo = 3s;
  made.verification = verification(s);
  made.objects = equality(s);
  made.proof = checks(s);
  made.drift.emplace();
  made.drift->by_resource[s] = {1, 2, 3};
  made.drift->examples = {s};
  made.leftovers = {s};
  return made;
}

history::DrillRecord record(const std::string& s) {
  history::DrillRecord made;
  made.snapshot = made.verdict = made.engine = made.engine_version = made.drill_version = s;
  made.snapshot_verdict = made.control_fault = made.control_verdict = s;
  made.phases = {{s, 1.0}};
  return made;
}

history::DrillHistory history(const std::string& s) {
  history::DrillHistory made;
  made.records = {record(s), record(s)};
  made.trends = {{s, 2, 1, 1, 1, 1, 0}};
  history::Change change;
  change.phase = change.cause = change.message = s;
  made.changes = {change};
  return made;
}

restorer::Outcome restore(const std::string& s, restorer::Outcome::Mode mode) {
  restorer::Outcome made;
  made.snapshot = made.cluster = made.node = made.node_k3s_version = made.kept_aside = made.rollback_failure = s;
  made.accepted_faults = made.needs_a_person = {s};
  made.replaced.emplace();
  made.replaced->name = s;
  made.steps = {{s, s, s, CheckVerdict::pass, findings(s), 1ms}};
  // Lines of a script are lines; what a stranger has put into them is not.
  made.steps.front().lines = "one " + core::printable(s) + "\ntwo";
  made.objects = equality(s);
  made.mode = mode;
  return made;
}

struct Shown {
  const char* what;
  std::function<std::string(const std::string&, const reports::Page&)> text;
  std::function<std::string(const std::string&)> json;
};

std::vector<reports::PullOutcome> pulls(const std::string& s) {
  puller::PullReport report;
  report.snapshot = snapshot(s);
  report.node.k3s_version = report.node.arch = report.node.user = report.node.sqlite_version = s;
  report.node.helper_version = report.node.fallback = s;
  report.node.warnings = {s};
  return {{s, report, s, {}, 1, s, s}, {s, {}, s, core::ErrorKind::denied, 0, s, s}};
}

reports::LogOutcome log(const std::string& s) {
  reports::LogOutcome made;
  made.cluster = made.life.key = made.life.resource = made.life.namespace_name = made.life.name = s;
  made.life.last_snapshot = s;
  verifier::LifeEvent event;
  event.row.key = event.row.uid = event.row.api_version = event.first_snapshot = event.last_snapshot = s;
  event.snapshots = 2;
  event.after_unknown = true;
  made.life.events = {event};
  verifier::Stay stay;
  stay.uid = stay.first = s;
  stay.last = s + "2";
  stay.gone = s;
  made.life.stays = {stay};
  made.passed_over = {{s, s}};
  made.get_back = {"drill", "explore", s};
  return made;
}

// Of two inventories, one object apart.
std::string diff(const std::string& s, const std::function<std::string(const reports::DiffOutcome&)>& show) {
  verifier::Inventory before;
  verifier::Inventory after;
  verifier::Object object;
  object.resource = object.namespace_name = object.name = object.uid = s;
  after.undecodable = 1;
  const verifier::Change change{verifier::ChangeKind::created, s, nullptr, &object};
  const verifier::Change noise{verifier::ChangeKind::deleted, s, &object, nullptr};
  reports::DiffOutcome outcome{{s + "/a" + s, s, {}, &before}, {s + "/b" + s, s, {}, &after}, {}};
  outcome.difference.changes = {change, noise};
  outcome.difference.namespaces_new = outcome.difference.namespaces_gone = {s};
  return show(outcome);
}

drill::ExportReport exported(const std::string& s) {
  drill::ExportReport made;
  made.directory = s;
  made.namespaces = {s};
  made.written = made.cluster = {{s, 1}};
  made.left_out = {{{s, "token"}, 1}};
  return made;
}

std::vector<reports::ImportOutcome> imports(const std::string& s) {
  reports::ImportOutcome refused;
  refused.path = s;
  refused.refusal = core::Error(core::ErrorKind::damaged, s);
  reports::ImportOutcome taken;
  taken.path = taken.snapshot = s;
  return {refused, taken};
}

const std::vector<Shown>& everything() {
  using reports::Page;
  using S = const std::string&;
  using P = const Page&;
  const auto proof = [](S s) {
    reports::EvidenceSummary summary;
    summary.problems = {{s, "fail", s}, {s, s, s}};
    summary.engine = s;
    return reports::ProofDetails{summary, summary};
  };
  const auto prunes = [](S s) {
    return std::vector<reports::PruneOutcome>{{s, {{s, store::Retention::keep, {s, s}}}}};
  };
  const auto doctor = [](S s) {
    return std::vector<reports::DoctorLine>{{s, reports::DoctorVerdict::fail, s, s}, {"store", {}, s, {}}};
  };
  const auto verified = [](S s) { return reports::VerifyOutcome{s, {}, {}, verification(s)}; };
  const auto all = [=](S s) { return reports::VerifyAllOutcome{{verified(s)}, 1, 1s}; };
  const auto extracted = [](S s) { return reports::ExtractOutcome{s, s, {1, s}, 1s}; };
  const auto members = [](S s) {
    return std::vector<reports::SeriesMember>{{{s, s}, true, 1, s, s}, {{s, s}, false, 1, s, s}};
  };
  static const std::vector<Shown> made{
      {"pull", [](S s, P p) { return reports::pull_text(pulls(s), p.colour); },
       [](S s) { return reports::pull_json(pulls(s)); }},
      {"verify", [=](S s, P p) { return reports::verify_text(verified(s), p); },
       [=](S s) { return reports::verify_json(verified(s)); }},
      {"verify --all", [=](S s, P p) { return reports::verify_all_text(all(s), p); },
       [=](S s) { return reports::verify_all_json(all(s)); }},
      {"run", [](S s, P p) { return reports::run_text(drill_report(s), p) + reports::history_lines(history(s), p); },
       [](S s) { return reports::with_history(reports::run_json(s, drill_report(s)), history(s)); }},
      {"not run", [](S, P) { return std::string(); },
       [](S s) { return reports::run_list_json({reports::not_run_json(s, core::Error(core::ErrorKind::denied, s))}); }},
      {"list", [](S s, P p) { return reports::list_text(snapshots(s), p); },
       [](S s) { return reports::list_json(snapshots(s)); }},
      {"show", [=](S s, P p) { return reports::show_text(snapshot(s), proof(s), p); },
       [=](S s) { return reports::show_json(snapshot(s), proof(s)); }},
      {"extract", [=](S s, P) { return reports::extract_text(extracted(s)); },
       [=](S s) { return reports::extract_json(extracted(s)); }},
      {"import", [](S s, P p) { return reports::import_text(imports(s), p.colour); },
       [](S s) { return reports::import_json(s, imports(s)); }},
      {"prune", [=](S s, P) { return reports::prune_text(prunes(s), reports::PruneMode::done); },
       [=](S s) { return reports::prune_json(prunes(s), reports::PruneMode::done); }},
      {"doctor", [=](S s, P p) { return reports::doctor_text(doctor(s), p.colour); },
       [=](S s) { return reports::doctor_json(doctor(s)); }},
      {"restore", [](S s, P p) { return reports::restore_text(restore(s, restorer::Outcome::Mode::real), p); },
       [](S s) { return reports::restore_json(restore(s, restorer::Outcome::Mode::real)); }},
      {"restore --dry-run",
       [](S s, P p) { return reports::restore_text(restore(s, restorer::Outcome::Mode::dry_run), p); },
       [](S s) { return reports::restore_json(restore(s, restorer::Outcome::Mode::dry_run)); }},
      {"report history",
       [](S s, P p) {
         return reports::history_text({{s, history(s)}, {s, {}}}, p);
       },
       [](S s) {
         return reports::history_json({{s, history(s)}});
       }},
      {"a line of the history", [](S, P) { return std::string(); }, [](S s) { return history::to_line(record(s)); }},
      {"log", [](S s, P p) { return reports::log_text(log(s), p); }, [](S s) { return reports::log_json(log(s)); }},
      {"diff", [](S s, P p) { return diff(s, [&](const auto& one) { return reports::diff_text(one, p); }); },
       [](S s) { return diff(s, [](const auto& one) { return reports::diff_json(one); }); }},
      {"series", [=](S s, P) { return reports::series_text(s, members(s)); },
       [=](S s) { return reports::series_json(s, members(s)); }},
      {"explore --export", [](S s, P) { return reports::export_text(s, exported(s)); },
       [](S s) { return reports::export_json(s, exported(s)); }}};
  return made;
}

}  // namespace

TEST_CASE("whatever a stranger has written into any text of any outcome, a terminal is shown escapes, in its lines") {
  const std::string tame = core::printable(kHostile);
  for (const std::size_t columns : {20U, 80U, 200U}) {
    for (const auto fit : {reports::Fit::no, reports::Fit::yes}) {
      for (const auto detail : {reports::Detail::brief, reports::Detail::all}) {
        reports::Page page(reports::Colour::no, columns, detail);
        page.fit = fit;
        for (const Shown& one : everything()) {
          INFO(one.what << ", " << columns << " columns");
          const std::string text = one.text(kHostile, page);
          CHECK(text == one.text(tame, page));
          CHECK(is_safe(reports::shown(text, page.colour)));
          CHECK(is_safe(reports::shown(reports::fitted(text, columns), page.colour)));
        }
      }
    }
  }
}

TEST_CASE("whatever a stranger has written into any text of any outcome, its JSON can be read, and shown") {
  for (const Shown& one : everything()) {
    INFO(one.what);
    const std::string json = one.json(kHostile);
    CHECK(is_safe(json));
    CHECK_NOTHROW(nlohmann::json::parse(json));
    CHECK(nlohmann::json::parse(json).dump().find("forged:pass") != std::string::npos);
  }
}

TEST_CASE(
    "a text that escaped none of what it was given is made safe on its way out, and keeps its own colours alone") {
  CHECK(is_safe(reports::shown(kHostile, reports::Colour::no)));
  CHECK(reports::shown("\x1b[32mpass\x1b[0m\n", reports::Colour::yes) == "\x1b[32mpass\x1b[0m\n");
  CHECK(reports::shown("\x1b[8mhidden \x1b[2J\n", reports::Colour::yes) == "\\x1b[8mhidden \\x1b[2J\n");
  CHECK(reports::shown("\x1b[32mpass\n", reports::Colour::no) == "\\x1b[32mpass\n");
}
