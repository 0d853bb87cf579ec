// The real control plane behind a program that tampers with what it is proven against.
#include <fmt/format.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/scratch_dir.hpp"
#include "drill/drill.hpp"
#include "tests/catch.hpp"
#include "tests/drill/seed.hpp"

using namespace std::chrono_literals;

namespace {

// The stand-in, packed behind a script that runs `before` (shell) as k3s's own wrapper unpacks itself.
drill::DrillReport drill_after(const std::string& before, drill::DrillOptions options) {
  const core::ScratchDir scratch;
  const std::filesystem::path program = scratch.path() / "engine";
  const std::string script = fmt::format(
      "#!/bin/sh\n"
      "if [ \"$1\" = --version ]; then echo 'k3s version v1.37.2+standin1 (1)'; exit; fi\n"
      "( {} ) </dev/null >/dev/null 2>&1\n"
      "mkdir /tmp/real && tail -n +6 \"$0\" >/tmp/real/k3s && chmod 755 /tmp/real/k3s\n"
      "exec /tmp/real/k3s \"$@\"\n",
      before);
  core::write_new_file(program, script);
  {
    std::ofstream packed(program, std::ios::app | std::ios::binary);
    packed << std::ifstream(standin_program(), std::ios::binary).rdbuf();
  }
  ::chmod(program.c_str(), 0755);
  options.engine.kind = drill::EngineKind::standin;
  options.engine.standin_path = program;
  options.ready_timeout = 120s;
  options.alive_for = 0s;
  return drill::run({seed_candidate()}, options);
}

}  // namespace

TEST_CASE("an engine that changes every copy of the database that it finds has failed a deep drill") {
  drill::DrillOptions options;
  options.depth = drill::Depth::deep;
  const drill::DrillReport report = drill_after(
      "for file in $(find / -xdev -name '*.db*' -type f); do "
      "perl -0777 -pi -e 's/service[.]option-/service.0ption-/g' \"$file\"; done",
      options);
  INFO(findings_of(phase_of(report, "prove")));
  CHECK(phase_of(report, "list").verdict == core::CheckVerdict::pass);
  CHECK(phase_of(report, "prove").verdict == core::CheckVerdict::fail);
  CHECK(report.datastore_matched < report.datastore_keys);
}

TEST_CASE(
    "an engine that looks for the snapshot, and leaves files where it may lie, has its damaged twin drilled all the "
    "same") {
  drill::DrillOptions options;
  options.control = drill::Fault::wrong_token;
  const drill::DrillReport report = drill_after(
      "for directory in /tmp/snapshot /tmp/hidden; do mkdir -p $directory; echo x >$directory/state.db-wal; done",
      options);
  CHECK(phase_of(report, "prove").verdict == core::CheckVerdict::pass);
  CHECK(phase_of(report, "control").verdict == core::CheckVerdict::pass);
}
