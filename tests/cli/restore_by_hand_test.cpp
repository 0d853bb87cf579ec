// Follows docs/restore-by-hand.md word by word: the blocks of the page are what is run.
#include <fstream>
#include <sstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

// What stands between ```sh and ```, block after block.
std::vector<std::string> blocks_of(const std::filesystem::path& page) {
  std::vector<std::string> blocks;
  bool inside = false;
  std::istringstream text(core::read_file(page));
  for (std::string line; std::getline(text, line);) {
    if (line == "```sh") blocks.emplace_back();
    if (inside && line != "```") blocks.back() += line + "\n";
    inside = line == "```sh" || (inside && line != "```");
  }
  return blocks;
}

void write_program(const std::filesystem::path& path, const std::string& script) {
  core::write_new_file(path, "#!/bin/sh\n" + script);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

// The values that a reader puts into the first block, and an scp that knows the way to the lab node.
std::string values(const bench::Setup& setup, const std::string& snapshot) {
  const std::filesystem::path ssh_config = setup.scratch.path() / "ssh_config";
  std::ofstream(ssh_config) << "Host node\n  HostName " << setup.node.variable("LAB_HOST") << "\n  Port "
                            << setup.node.variable("LAB_PORT") << "\n  User " << setup.node.variable("LAB_USER")
                            << "\n  IdentityFile " << setup.node.variable("LAB_IDENTITY") << "\n  UserKnownHostsFile "
                            << setup.node.variable("LAB_KNOWN_HOSTS") << "\n";
  std::filesystem::create_directory(setup.scratch.path() / "bin");
  write_program(setup.scratch.path() / "bin/scp", "exec /usr/bin/scp -q -F " + ssh_config.string() + " \"$@\"\n");
  return "PATH=" + (setup.scratch.path() / "bin").string() + ":$PATH\ncd " + setup.scratch.path().string() +
         "\nSTORE=" + (setup.store / "edge").string() + "\nSNAPSHOT=" + snapshot + "\nNODE=node\n";
}

}  // namespace

TEST_CASE("the page on restoring by hand brings a cluster back, word by word") {
  NEEDS_LAB();
  const std::vector<std::string> blocks = blocks_of(DRILL_SOURCE_DIR "/docs/restore-by-hand.md");
  REQUIRE(blocks.size() == 7);
  const bench::Setup setup;
  for (int i = 0; i < 3; ++i)
    REQUIRE(lab::eventually([&] { return setup.drill({"pull"}).exit_code == 0; }));  // one a second at most
  const auto shown = bench::parse(setup.drill({"show", "latest", "--json"}));
  const std::string snapshot = shown.at("snapshot").get<std::string>().substr(5);
  REQUIRE(shown.at("database").at("file") == "state.db.patch.zst");

  const core::CommandResult unpacked = core::run_command(
      {{"sh", "-c", values(setup, snapshot) + blocks[1] + blocks[2] + blocks[3]}, std::chrono::minutes(1)});
  INFO(unpacked.out << unpacked.err);
  REQUIRE(unpacked.exit_code == 0);
  CHECK_THAT(unpacked.out, Catch::Contains("\nstate.db: OK\n") && Catch::Contains("\ntoken: OK\n"));
  CHECK(core::hash_file(setup.scratch.path() / "restore/bundle/state.db").sha256 ==
        shown.at("bundle").at(0).at("sha256").get<std::string>());

  const std::string home = "cd ~" + setup.node.variable("LAB_USER") + "\n";
  setup.node.run(
      "systemctl stop k3s; rm -rf /var/lib/rancher/k3s/server/db; : >/var/log/k3s.log\n"
      "printf '#!/bin/sh\\ncat /var/log/k3s.log\\n' >/usr/local/bin/journalctl; chmod 755 /usr/local/bin/journalctl");
  // k3s outlives the command that starts it, and must not hold on to our pipes.
  setup.node.run("cat >/tmp/block <<'END OF BLOCK'\n" + home + blocks[4] +
                 "END OF BLOCK\n"
                 "bash -c 'for fd in $(ls /proc/self/fd); do [ $fd -le 2 ] || eval \"exec $fd>&-\"; done; "
                 "exec sh -e /tmp/block' >/tmp/said 2>&1 </dev/null");
  std::string said;
  CHECK(lab::eventually(
      [&] {
        said = setup.node.run("{ " + blocks[5] + "} || true");
        return said.find("k3s is up") != std::string::npos;
      },
      60));
  CHECK_THAT(said, Catch::Contains("Reconciling bootstrap data") && !Catch::Contains("Saving cluster bootstrap data"));
  CHECK(setup.node.run("stat -c %a /var/lib/rancher/k3s/server/db/state.db /var/lib/rancher/k3s/server/token") ==
        "600\n600");
  setup.node.run(home + blocks[6]);
  CHECK(setup.drill({"pull"}).exit_code == 0);
  CHECK(setup.drill({"verify"}).exit_code == 0);
}
