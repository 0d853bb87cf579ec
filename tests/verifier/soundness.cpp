// Verifies snapshots that are sound by the way they were made, and counts what is said against them all the same.
//
//   soundness TOKEN DIRECTORY KIND     the files KIND-*.db of DIRECTORY, in order; one line of a table, alarms on
//   stderr
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "core/scratch_dir.hpp"
#include "verifier/verify.hpp"

namespace {

struct Count {
  int alarms = 0;
  std::map<std::string, int> warned;  // by check
};

bool is_alarm(const core::Check& check) {
  return check.verdict == core::CheckVerdict::fail || check.verdict == core::CheckVerdict::could_not_run ||
         std::any_of(check.findings.begin(), check.findings.end(),
                     [](const core::Finding& finding) { return finding.severity == core::Severity::error; });
}

void count(const verifier::Verification& result, const std::string& file, Count& counted) {
  bool alarm = false;
  for (const core::Check& check : result.checks) {
    const bool alarmed = is_alarm(check);
    const bool skipped = check.verdict == core::CheckVerdict::skipped;
    alarm = alarm || alarmed;
    for (const core::Finding& finding : check.findings) {
      if (skipped || finding.severity == core::Severity::note) continue;
      if (finding.severity == core::Severity::warning) ++counted.warned[check.name];
      if (alarmed) fmt::print(stderr, "{}: {}: {} {}\n", file, check.name, finding.message, finding.key.value_or(""));
    }
  }
  if (!result.coverage.complete()) {
    alarm = true;
    fmt::print(stderr, "{}: not all of it was looked at\n", file);
  }
  counted.alarms += alarm ? 1 : 0;
}

std::string list(const std::map<std::string, int>& warned) {
  std::string text;
  for (const auto& [check, times] : warned) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", check, times);
  return text.empty() ? "none" : text;
}

// A scratch copy with its WAL, as the verifier asks for.
std::filesystem::path copy(const std::filesystem::path& file, const std::filesystem::path& directory,
                           const char* name) {
  std::filesystem::create_directory(directory / name);
  const std::filesystem::path target = directory / name / "state.db";
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(target.string() + suffix);
    if (std::filesystem::exists(file.string() + suffix))
      std::filesystem::copy_file(file.string() + suffix, target.string() + suffix);
  }
  return target;
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 4) return fmt::print(stderr, "usage: soundness TOKEN DIRECTORY KIND\n"), 2;
  std::ifstream token_file(arguments[1]);
  const verifier::Token token = verifier::parse_token(std::string(std::istreambuf_iterator<char>(token_file), {}));
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[2])) {
    const std::string name = entry.path().filename();
    if (name.starts_with(std::string(arguments[3]) + "-0") && name.ends_with(".db")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Count alone;
  Count paired;
  const core::ScratchDir scratch;
  for (std::size_t at = 0; at < files.size(); ++at) {
    verifier::Subject subject{copy(files[at], scratch.path(), "now"), token, {}};
    count(verifier::verify(subject), files[at].filename(), alone);
    if (at == 0) continue;
    subject.previous =
        verifier::Previous{files[at - 1].filename(), copy(files[at - 1], scratch.path(), "before"), token};
    count(verifier::verify(subject), files[at].filename().string() + " after " + subject.previous->name, paired);
  }
  fmt::print("| {} | {} | {} | {} | {} | {} |\n", arguments[3], files.size(), alone.alarms,
             std::max<std::size_t>(files.size(), 1) - 1, paired.alarms, list(paired.warned));
  return alone.alarms + paired.alarms == 0 && !files.empty() ? 0 : 1;
}
