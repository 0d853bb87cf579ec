// What an operator agrees to on the command line of `drill restore`.
#include "cli/restore_consent.hpp"

#include <algorithm>

#include "tests/catch.hpp"

namespace {

struct Parsed {
  cli::Consent consent;
  std::string snapshot;
};

Parsed parse(std::vector<std::string> arguments) {
  Parsed parsed;
  CLI::App app;
  app.add_option("SNAPSHOT", parsed.snapshot);
  cli::declare_consent(app, parsed.consent);
  std::reverse(arguments.begin(), arguments.end());
  app.parse(arguments);
  return parsed;
}

std::string refusal(const std::vector<std::string>& arguments) {
  try {
    cli::check_consent(parse(arguments).consent, "edge");
    return {};
  } catch (const core::Error& error) {
    CHECK(error.kind() == core::ErrorKind::usage);
    return error.what();
  }
}

}  // namespace

TEST_CASE("options --force and --replace-cluster take a value behind an equals sign, and never SNAPSHOT for it") {
  const Parsed bare = parse({"--force", "edge/latest", "--replace-cluster"});
  CHECK(bare.snapshot == "edge/latest");
  CHECK(bare.consent.force == "");
  CHECK(bare.consent.replace_cluster == "");
  const Parsed named = parse({"edge/latest", "--force=edge", "--replace-cluster=ca-0123456789ab"});
  CHECK(named.consent.force == "edge");
  CHECK(named.consent.replace_cluster == "ca-0123456789ab");
  CHECK_FALSE(parse({}).consent.force);
  CHECK(parse({"--allow-unverified"}).consent.force == "");
  CHECK(parse({"--force=edge", "--allow-unverified"}).consent.force == "edge");
}

TEST_CASE("with --yes each of them has to say by its value what it means") {
  CHECK(refusal({}).empty());
  CHECK(refusal({"--yes"}).empty());
  CHECK(refusal({"--force", "--replace-cluster"}).empty());
  CHECK(refusal({"--yes", "--force=edge", "--replace-cluster=uid"}).empty());
  CHECK_THAT(refusal({"--yes", "--force"}), Catch::Contains("--force=edge"));
  CHECK_THAT(refusal({"--yes", "--replace-cluster"}), Catch::Contains("--replace-cluster=NAME"));
  CHECK_THAT(refusal({"--yes", "--allow-unverified"}), Catch::Contains("--force=edge"));
  CHECK_THAT(refusal({"--force=lab"}), Catch::Contains("of cluster edge"));
}

TEST_CASE("a cluster that comes to light only after the consent has to be named by it, or is asked about") {
  const auto asks = [](const std::vector<std::string>& arguments) {
    return cli::must_be_asked_about(parse(arguments).consent, "uid");
  };
  CHECK(asks({}));
  CHECK(asks({"--replace-cluster"}));
  CHECK(asks({"--replace-cluster=another"}));
  CHECK_FALSE(asks({"--replace-cluster=uid"}));
  CHECK_FALSE(asks({"--yes", "--replace-cluster=uid"}));
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--yes"}, {"--yes", "--replace-cluster=another"}}) {
    try {
      asks(arguments);
      FAIL("it went on");
    } catch (const core::Error& error) {
      CHECK(error.kind() == core::ErrorKind::usage);
      CHECK_THAT(error.what(), Catch::Contains("--replace-cluster=uid"));
    }
  }
}
