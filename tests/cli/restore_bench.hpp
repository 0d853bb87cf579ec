// What the tests of `drill restore` share: a node that was pulled, and what a report of a restore says.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace restore_bench {

inline const std::string kServer = "/var/lib/rancher/k3s/server";

// A node whose control plane runs on the seed, and one snapshot of it.
struct Restored : bench::Setup {
  explicit Restored(const std::string& more_clusters = "") : Setup(more_clusters) {
    const core::CommandResult pulled = drill({"pull", "edge"});
    INFO(pulled.out << pulled.err);
    REQUIRE(pulled.exit_code == 0);
  }

  core::CommandResult restore(std::vector<std::string> more, const std::string& to = "edge") const {
    more.insert(more.begin(), {"restore", "edge/latest", "--to", to, "--json"});
    return drill(more);
  }

  std::vector<std::string> command(const std::vector<std::string>& more) const {
    std::vector<std::string> argv{bench::drill_program(), "--config", config.string(), "restore", "--to", "edge"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }

  // All files that a restore has to do with, with their contents, but what a rollback has kept, and whether k3s runs.
  std::string state() const {
    return node.run("cd " + kServer +
                    "; set -- . /etc/rancher -name 'rolled-back-*' -prune -o\n"
                    "find \"$@\" ! -type d ! -name '*.sock' -printf '%p %y %m %U:%G %s %T@ %l\\n' | sort\n"
                    "find \"$@\" -type d -printf '%p %m %U:%G\\n' | sort\n"
                    "find \"$@\" -type f -exec sha256sum {} + | sort; systemctl is-active k3s || true");
  }

  // How many databases rollbacks have kept, as k3s had been started on them.
  std::string kept() const { return node.run("ls " + kServer + "/db/rolled-back-*/*/state.db 2>/dev/null | wc -l"); }

  std::string left_on_node() const { return node.run("ls -dA " + kServer + "/db/.drill* 2>/dev/null || true"); }
};

inline const nlohmann::json& step(const nlohmann::json& document, const std::string& name) {
  for (const nlohmann::json& one : document.at("steps"))
    if (one.at("name") == name) return one;
  throw std::runtime_error("no step " + name + " in " + document.dump(2));
}

inline void check_restored(const nlohmann::json& document) {
  INFO(document.dump(2));
  CHECK(document.at("verdict") == "pass");
  CHECK(document.at("objects").at("expected") > 10'000);
  CHECK(document.at("objects").at("matched") == document.at("objects").at("expected"));
  CHECK(document.at("objects").at("unexpected") == 0);
  CHECK(document.at("rolled_back") == false);
}

}  // namespace restore_bench
