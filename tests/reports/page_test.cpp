// How text fits a terminal: where lines break, what stays whole, and a table that is too wide for its page.
#include "reports/page.hpp"

#include "reports/text.hpp"
#include "tests/catch.hpp"

namespace {

reports::Page terminal(std::size_t columns) {
  reports::Page page{reports::Colour::no, columns};
  page.fit = reports::Fit::yes;
  return page;
}

store::Snapshot snapshot(const std::string& name) {
  store::Snapshot one;
  one.manifest.cluster = "edge";
  one.manifest.name = name;
  one.manifest.k3s_version = "v1.36.2+k3s1";
  one.manifest.bundle = {{"state.db", 36'000'000, ""}};
  one.drilled = store::Proof{"pass", core::UtcTime(std::chrono::hours(1))};
  return one;
}

}  // namespace

TEST_CASE("a command that a message says to type stays on one line, however long") {
  const std::string command = "echo 'ubuntu ALL=(root) NOPASSWD: /bin/sh' | sudo EDITOR='tee -a' visudo";
  const std::string text = reports::shown(
      reports::wrapped("  ", "edge: a user may not; type on the node: " + command, 2, 30), reports::Colour::no);
  CHECK(text.find(command + "\n") != std::string::npos);
}

TEST_CASE("a line that is too long breaks between words and goes on where its text begins") {
  CHECK(reports::fitted("a short line\n\n", 40) == "a short line\n\n");
  CHECK(reports::fitted("pass  edge/20261129T232838Z: 35.8 MB in 0.90 s\n", 34) ==
        "pass  edge/20261129T232838Z: 35.8\n      MB in 0.90 s\n");
  CHECK(reports::fitted("  rows         12936: 11034 live, 123 tombstones\n", 40) ==
        "  rows         12936: 11034 live, 123\n               tombstones\n");
  CHECK(reports::fitted("one two three\n", 8) == "one two\n  three\n");
}

TEST_CASE("colours and letters of several bytes take the columns that are seen") {
  CHECK(reports::fitted("\033[32mpass\033[0m edge/one\n", 13) == "\033[32mpass\033[0m edge/one\n");
  CHECK(reports::fitted("▁▂▃▄▅▆▇█ 1 s\n", 12) == "▁▂▃▄▅▆▇█ 1 s\n");
}

TEST_CASE("a word longer than the page, and a command to be copied, stay whole") {
  CHECK(reports::fitted("see /a/path/without/any/space here\n", 10) == "see\n  /a/path/without/any/space\n  here\n");
  const std::string command = "drill explore edge/latest --export out --namespace shop";
  CHECK(reports::shown(reports::fitted("  " + reports::unbroken(command) + "\n", 20), reports::Colour::no) ==
        "  " + command + "\n");
}

TEST_CASE("a table is as wide as what it holds, and where that does not fit, each row stands below its name") {
  const std::vector<store::Snapshot> snapshots{snapshot("20261129T001700Z")};
  const std::string wide =
      "SNAPSHOT                  SIZE  VERIFIED  DRILLED  K3S\n"
      "edge/20261129T001700Z  36.0 MB  -         pass     v1.36.2+k3s1\n";
  CHECK(reports::list_text(snapshots, terminal(80)) == wide);
  CHECK(reports::list_text(snapshots, terminal(40)) ==
        "edge/20261129T001700Z\n  SIZE 36.0 MB, VERIFIED -, DRILLED\n  pass, K3S v1.36.2+k3s1\n");
  CHECK(reports::list_text(snapshots, {reports::Colour::no, 40}) == wide);
  CHECK(reports::list_text({}, terminal(80)) == "no snapshot yet: drill pull takes the first\n");
}
