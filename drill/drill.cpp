#include "drill/drill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "core/cancel.hpp"
#include "core/error.hpp"
#include "core/file.hpp"
#include "core/sha256.hpp"
#include "core/yaml.hpp"
#include "drill/boot.hpp"
#include "drill/sandbox.hpp"

namespace drill {
namespace {

constexpr std::chrono::seconds kDiscoveryPatience{30};
constexpr std::chrono::milliseconds kRetryInterval{20};

// What must be as it was on the original server for the restored one to serve the same.
constexpr std::array<std::string_view, 4> kKeptFlags{"cluster-cidr", "service-cidr", "cluster-dns", "cluster-domain"};

// A later file's value replaces an earlier one's, as k3s reads them.
std::vector<std::string> kept_flags(const std::vector<std::string>& config_files) {
  std::map<std::string_view, std::string> values;
  for (const std::string& file : config_files) {
    const core::YamlNode config = core::parse_yaml(file, "the node's config");
    for (const std::string_view key : kKeptFlags) {
      const core::YamlNode* value = config.find(key);
      if (value == nullptr) continue;
      std::string text = value->scalar;
      for (const core::YamlNode& item : value->items) text += (text.empty() ? "" : ",") + item.scalar;
      values[key] = text;
    }
  }
  std::vector<std::string> flags;
  for (const auto& [key, value] : values) flags.push_back(fmt::format("--{}={}", key, value));
  return flags;
}

core::Finding error_finding(std::string message) { return {core::Severity::error, std::move(message), {}, {}}; }

bool has_failed(const verifier::Verification& verification) {
  return std::any_of(verification.checks.begin(), verification.checks.end(),
                     [](const core::Check& check) { return check.verdict == core::CheckVerdict::fail; });
}

// The password part of a token, for keeping it out of what is quoted.
std::string secret_of(const std::string& token) {
  const std::size_t colon = token.rfind(':');
  std::string secret = colon == std::string::npos ? token : token.substr(colon + 1);
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  return secret;
}

class Drill {
 public:
  Drill(const DrillOptions& options, const Progress& progress) : options_(options), progress_(progress) {
    report_.started_at = core::utc_now();
    report_.objectives = options.objectives;
  }

  DrillReport run(const std::vector<Candidate>& candidates) {
    bool going = select(candidates);
    going = going && phase("place", [&](Phase& now) { place(now); });
    going = going && boot_engine();
    going = going && phase("list", [&](Phase& now) { list(now); });
    if (going) report_.rto = clock_.elapsed() - find("fetch").start;
    going = going && phase("prove", [&](Phase& now) { prove(now); });
    skip("control", "no damaged twin was drilled in this run");
    teardown();
    complete_phases();
    report_.duration = clock_.elapsed();
    return std::move(report_);
  }

 private:
  // Runs one phase; a throw becomes its verdict. True when the drill may go on.
  template <class Work>
  bool phase(std::string_view name, Work&& work) {
    if (progress_) progress_(name);
    Phase now{std::string(name), clock_.elapsed(), {}, core::CheckVerdict::pass, {}};
    try {
      work(now);
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
      now.findings.push_back(error_finding(error.what()));
      now.verdict =
          error.kind() == core::ErrorKind::damaged ? core::CheckVerdict::fail : core::CheckVerdict::could_not_run;
    }
    now.duration = clock_.elapsed() - now.start;
    report_.phases.push_back(now);
    return now.verdict == core::CheckVerdict::pass;
  }

  static void fail(Phase& now, std::string message) {
    now.verdict = core::CheckVerdict::fail;
    now.findings.push_back(error_finding(std::move(message)));
  }

  void skip(std::string_view name, std::string reason) {
    Phase now{std::string(name), clock_.elapsed(), {}, core::CheckVerdict::skipped, {}};
    if (!reason.empty()) now.findings.push_back({core::Severity::warning, std::move(reason), {}, {}});
    report_.phases.push_back(std::move(now));
  }

  const Phase& find(std::string_view name) const {
    return *std::find_if(report_.phases.begin(), report_.phases.end(),
                         [&](const Phase& now) { return now.name == name; });
  }

  // Finds the newest candidate that verifies. The time spent on others belongs to `select`; `fetch` and `verify` are
  // those of the one that is restored.
  bool select(const std::vector<Candidate>& candidates) {
    if (progress_) progress_("select");
    Phase select{"select", clock_.elapsed(), {}, core::CheckVerdict::pass, {}};
    for (const Candidate& candidate : candidates) {
      if (candidate.damage) {
        fail(select, fmt::format("{}: {}", candidate.name, *candidate.damage));
        continue;
      }
      choose(candidate, select);
      select.duration = clock_.elapsed() - select.start;
      report_.phases = {select};
      describe(candidate);
      if (select.verdict == core::CheckVerdict::could_not_run) return false;
      const bool fetched = phase("fetch", [&](Phase& now) { fetch(candidate, now); });
      const bool verified = fetched && phase("verify", [&](Phase& now) { verify(candidate, now); });
      if (verified) return true;
      const Phase& bad = report_.phases.back();
      if (bad.verdict != core::CheckVerdict::fail || &candidate == &candidates.back()) return false;
      fail(select, fmt::format("{} does not verify: {}", candidate.name, bad.findings.front().message));
      core::remove_tree(scratch());
    }
    report_.phases = {select};
    return false;
  }

  void describe(const Candidate& candidate) {
    report_.snapshot = candidate.name;
    report_.taken_at = candidate.taken_at;
    report_.k3s_version = candidate.k3s_version;
    report_.verification.reset();
  }

  // Finding (perhaps downloading) the engine is no part of the recovery time where the version is known beforehand.
  void choose(const Candidate& candidate, Phase& now) {
    report_.engine.reset();
    if (candidate.k3s_version.empty()) return;
    try {
      report_.engine = choose_engine(options_.engine, candidate.k3s_version);
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
      now.findings.push_back(error_finding(error.what()));
      now.verdict = core::CheckVerdict::could_not_run;
    }
  }

  std::filesystem::path scratch() const { return sandbox_.root() / "snapshot"; }

  static core::CopiedFile fetch_database(const Candidate& candidate, const std::filesystem::path& target) {
    if (candidate.unpack) return candidate.unpack(target);
    const std::filesystem::path wal = candidate.database.string() + "-wal";
    if (std::filesystem::exists(wal)) core::copy_file(wal, target.string() + "-wal");
    return core::copy_file(candidate.database, target);
  }

  void fetch(const Candidate& candidate, Phase& now) {
    std::filesystem::create_directory(scratch());
    std::filesystem::permissions(scratch(), std::filesystem::perms::owner_all);
    const core::CopiedFile copied = fetch_database(candidate, scratch() / "state.db");
    if (candidate.captured_sha256 && copied.sha256 != *candidate.captured_sha256)
      fail(now, fmt::format("state.db has sha256 {}, captured was {}: it has changed in the store", copied.sha256,
                            *candidate.captured_sha256));
    token_.reset();
    if (candidate.token) token_ = core::read_file(*candidate.token);
    configs_.clear();
    for (const std::filesystem::path& config : candidate.configs) configs_.push_back(core::read_file(config));
  }

  void verify(const Candidate& candidate, Phase& now) {
    verifier::Subject subject;
    subject.database = scratch() / "state.db";
    subject.token = token_;
    subject.captured_sha256 = candidate.captured_sha256;
    report_.verification = verifier::verify(subject, progress_);
    if (report_.k3s_version.empty()) report_.k3s_version = report_.verification->k3s_version;
    if (report_.taken_at && report_.verification->newest_change)
      report_.rpo = std::max(std::chrono::nanoseconds(0), *report_.taken_at - *report_.verification->newest_change);
    if (!has_failed(*report_.verification)) return;
    now.verdict = core::CheckVerdict::fail;
    for (const core::Check& check : report_.verification->checks) {
      if (check.verdict != core::CheckVerdict::fail) continue;
      const auto first = std::find_if(check.findings.begin(), check.findings.end(), [](const core::Finding& finding) {
        return finding.severity == core::Severity::error;
      });
      now.findings.push_back(error_finding(
          fmt::format("check {}: {}", check.name, first != check.findings.end() ? first->message : "failed")));
    }
  }

  void place(Phase& now) {
    if (!token_)
      throw core::Error(core::ErrorKind::not_found,
                        "no token was saved with this snapshot, and without it k3s cannot open it: give --token-file");
    if (!report_.engine) report_.engine = choose_engine(options_.engine, report_.k3s_version);
    RestoreSet restore{scratch() / "state.db", *token_, kept_flags(configs_)};
    if (report_.verification->secrets_encryption) restore.server_flags.push_back("--secrets-encryption");
    engine_ = make_engine(*report_.engine, sandbox_);
    const core::CopiedFile placed = engine_->place(restore);
    const core::CopiedFile source = core::hash_file(restore.database);
    if (placed.sha256 != source.sha256) fail(now, "what was placed is not what was verified");
  }

  bool boot_engine() {
    auto begin = clock_.elapsed();
    const auto started = std::chrono::steady_clock::now();
    BootResult result;
    const std::function<void(std::string_view)> tell = [&](std::string_view name) {
      if (progress_) progress_(name);
    };
    tell(kBootPhaseNames[0]);
    try {
      engine_->start();
      log_.emplace(engine_->output_fd(), secret_of(*token_));
      result = boot(*engine_, *log_, options_.ready_timeout, tell);
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
      result.failure_verdict = core::CheckVerdict::could_not_run;
      result.failure = error_finding(error.what());
    }
    const auto offset = begin;  // of the engine's start
    for (std::size_t i = 0; i < result.phases_ended; ++i) {
      const auto end = offset + (result.ended[i] - started);
      report_.phases.push_back({std::string(kBootPhaseNames[i]),
                                begin,
                                std::max(end - begin, std::chrono::nanoseconds(0)),
                                core::CheckVerdict::pass,
                                {}});
      begin = std::max(begin, end);
    }
    if (result.failure)
      report_.phases.push_back({std::string(kBootPhaseNames[std::min(result.phases_ended, kBootPhases - 1)]),
                                begin,
                                clock_.elapsed() - begin,
                                result.failure_verdict,
                                {*result.failure}});
    if (result.failure) return false;
    api_ = std::move(result.api);
    return true;
  }

  // A resource may be served, and its storage be ready, a moment after /readyz: custom resources come one by one.
  void list(Phase& now) {
    const auto deadline = std::chrono::steady_clock::now() + kDiscoveryPatience;
    const auto may_retry = [&] {
      if (engine_->exit_status() || std::chrono::steady_clock::now() > deadline) return false;
      log_->read_some(kRetryInterval);
      return true;
    };
    std::map<std::string, std::vector<std::string>> served;
    std::string absent;
    do {
      served = api_->discover();
      absent.clear();
      for (const auto& [resource, count] : report_.verification->census.by_resource)
        if (served.count(resource) == 0) absent += (absent.empty() ? "" : ", ") + resource;
    } while (!absent.empty() && may_retry());
    if (!absent.empty()) fail(now, "the restored API does not serve: " + absent);

    std::vector<std::pair<std::string, std::string>> wanted;
    for (const auto& [resource, versions] : served) wanted.emplace_back(resource, stored_version(resource, versions));
    do {
      std::vector<std::pair<std::string, std::string>> again;
      std::vector<ServedList> answers = api_->list(wanted, report_.verification->revision);
      for (std::size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].not_yet() && report_.verification->census.by_resource.count(answers[i].resource) != 0)
          again.push_back(wanted[i]);
        lists_[answers[i].resource] = std::move(answers[i]);
      }
      wanted = std::move(again);
    } while (!wanted.empty() && may_retry());
  }

  // The version the objects are stored in, where it is served: no conversion, and no conversion webhook, is needed
  // then.
  std::string stored_version(const std::string& resource, const std::vector<std::string>& versions) const {
    for (const verifier::Object& object : report_.verification->objects) {
      if (object.resource != resource) continue;
      const std::string version(object.api_version.substr(object.api_version.find('/') + 1));
      return std::find(versions.begin(), versions.end(), version) != versions.end() ? version : versions.front();
    }
    return versions.front();
  }

  void prove(Phase& now) {
    std::vector<ServedList> lists;
    for (auto& [resource, list] : lists_) lists.push_back(std::move(list));
    const verifier::ObjectList& objects = report_.verification->objects;
    report_.objects = compare({objects.begin(), objects.end()}, lists);
    now.findings = report_.objects.findings;
    const bool wrong = std::any_of(now.findings.begin(), now.findings.end(), [](const core::Finding& finding) {
      return finding.severity == core::Severity::error;
    });
    if (wrong) now.verdict = core::CheckVerdict::fail;
    prove_identity(now);
    if (const auto status = engine_->exit_status())
      fail(now, fmt::format("the control plane died after it was ready (exit code {}): {}", status->code,
                            log_->last_words()));
  }

  // A K10 token carries the hash of the cluster's CA. Source: k3s pkg/clientaccess/token.go.
  void prove_identity(Phase& now) {
    constexpr std::string_view prefix = "K10";
    constexpr std::size_t hash_size = 64;
    if (!token_->starts_with(prefix) || token_->find("::") != prefix.size() + hash_size) return;
    if (core::sha256_hex(api_->ca_pem()) != token_->substr(prefix.size(), hash_size))
      fail(now, "the restored cluster's certificate authority is not the one the token names: this is another cluster");
  }

  void teardown() {
    api_.reset();
    phase("teardown", [&](Phase& now) {
      // Nothing in there is worth a gentle end.
      if (engine_) report_.leftovers = engine_->stop(std::chrono::milliseconds(0));
      engine_.reset();
      for (std::string& left : sandbox_.stop({})) report_.leftovers.push_back(std::move(left));
      for (const std::string& left : report_.leftovers) fail(now, "left behind: " + left);
    });
  }

  // Phases that were not reached are named, so that a reader of the report sees what was not done.
  void complete_phases() {
    constexpr std::array<std::string_view, 12> names{"select",    "fetch", "verify", "place", "start",   "datastore",
                                                     "bootstrap", "ready", "list",   "prove", "control", "teardown"};
    std::vector<Phase> ordered;
    for (const std::string_view name : names) {
      const auto found = std::find_if(report_.phases.begin(), report_.phases.end(),
                                      [&](const Phase& now) { return now.name == name; });
      if (found != report_.phases.end()) {
        ordered.push_back(std::move(*found));
      } else {
        ordered.push_back(
            {std::string(name),
             ordered.empty() ? std::chrono::nanoseconds(0) : ordered.back().start + ordered.back().duration,
             {},
             core::CheckVerdict::skipped,
             {}});
      }
    }
    report_.phases = std::move(ordered);
  }

  const DrillOptions& options_;
  const Progress& progress_;
  core::Stopwatch clock_;
  Sandbox sandbox_;
  DrillReport report_;
  std::optional<std::string> token_;
  std::vector<std::string> configs_;
  std::unique_ptr<Engine> engine_;
  std::optional<EngineLog> log_;
  std::optional<ApiClient> api_;
  std::map<std::string, ServedList> lists_;  // by resource
};

}  // namespace

std::optional<bool> DrillReport::objectives_met() const {
  if (!objectives.rto && !objectives.rpo) return std::nullopt;
  const auto met = [](const std::optional<std::chrono::nanoseconds>& objective,
                      const std::optional<std::chrono::nanoseconds>& measured) {
    return !objective || (measured && *measured <= *objective);
  };
  return met(objectives.rto, rto) && met(objectives.rpo, rpo);
}

DrillReport run(const std::vector<Candidate>& candidates, const DrillOptions& options, const Progress& progress) {
  return Drill(options, progress).run(candidates);
}

}  // namespace drill
