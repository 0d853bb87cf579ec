// What sudo on the node has to allow: the lines of the README, in its order, and what is said where they do not do.
#include <sstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

// The lines of sudoers in the README, in its order.
std::vector<std::string> lines_of_readme() {
  std::vector<std::string> lines;
  std::istringstream page(core::read_file(DRILL_SOURCE_DIR "/README.md"));
  for (std::string line; std::getline(page, line);)
    if (line.starts_with("ubuntu ALL=(root) NOPASSWD: ")) lines.push_back(line);
  return lines;
}

std::string method_of(const lab::Node& node, lab::Shelf& shelf) {
  const puller::PullReport report = puller::pull(node.target(), shelf.store);
  return report.snapshot.manifest.method + report.node.fallback;
}

enum class Sqlite3 { there, not_there };

void hide(const lab::Node& node, Sqlite3 sqlite3) {
  if (sqlite3 == Sqlite3::not_there) node.hide_sqlite3();
}

}  // namespace

TEST_CASE("the README's lines of sudoers lead from the first pull to all others, whatever else is on the node") {
  NEEDS_LAB();
  const Sqlite3 sqlite3 = GENERATE(Sqlite3::there, Sqlite3::not_there);
  const std::vector<std::string> lines = lines_of_readme();
  REQUIRE(lines.size() == 2);
  const lab::Node node;
  node.make_database();
  hide(node, sqlite3);
  lab::Shelf shelf;
  node.allow_only(lines[0]);
  CHECK(method_of(node, shelf) == "helper");
  CHECK(method_of(node, shelf) == "helper");  // not replaced yet
  CHECK(puller::sudoers_line(node.target(), puller::inspect(node.target()).user) == lines[1]);
  node.allow_only(lines[1]);
  CHECK(method_of(node, shelf) == "helper");
  node.allow_only(lines[0] + "\n" + lines[1]);
  CHECK(method_of(node, shelf) == "helper");
  CHECK(lab::left_behind(node) == "");
}

TEST_CASE("the second line alone brings no drill-node to a node, and the first one is named") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.allow_only(lines_of_readme().at(1));
  lab::Shelf shelf;
  const std::string error = lab::try_pull(node.target(), shelf.store);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("echo '" + lines_of_readme().at(0) + "' | sudo EDITOR"));
  CHECK(shelf.files().empty());
}

TEST_CASE("where sudo keeps drill-node from starting, the line that lets it start is said, sqlite3 or not") {
  NEEDS_LAB();
  const Sqlite3 sqlite3 = GENERATE(Sqlite3::there, Sqlite3::not_there);
  const lab::Node node;
  node.make_database();
  hide(node, sqlite3);
  node.allow_only("root ALL=(ALL:ALL) ALL\nubuntu ALL=(root) NOPASSWD: /bin/sh \"\"");
  lab::Shelf shelf;
  const std::string line = puller::sudoers_line(node.target(), "ubuntu");
  std::string message;
  if (sqlite3 == Sqlite3::there) {
    CHECK_THAT(method_of(node, shelf), StartsWith("sqlite3") && Contains("a password is required") && Contains(line));
    message = puller::fallback_warning(puller::inspect(node.target()).fallback);
  } else {
    message = lab::try_pull(node.target(), shelf.store);
    CHECK_THAT(message, StartsWith("not_found: ") && Contains("package sqlite3"));
    CHECK(shelf.files().empty());
  }
  CHECK_THAT(message, Contains(line));
  node.type_cure(message);
  CHECK(method_of(node, shelf) == "helper");
}

TEST_CASE("where neither drill-node nor sqlite3 can work, both reasons are said") {
  NEEDS_LAB();
  const lab::Node node;
  node.make_database();
  node.hide_sqlite3();
  node.run("mkdir -m 700 /var/lib/k3s-drill; mount -t tmpfs -o noexec tmpfs /var/lib/k3s-drill");
  lab::Shelf shelf;
  CHECK_THAT(lab::try_pull(node.target(), shelf.store),
             StartsWith("not_found: ") && Contains("noexec") && Contains("package sqlite3"));
}
