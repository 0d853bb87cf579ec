// What a node says of its k3s is taken as far as it makes sense, and no further.
#include "k3s/told.hpp"

#include "core/error.hpp"
#include "tests/catch.hpp"
#include "tests/k3s/told_of.hpp"

TEST_CASE("a file arrives as it is, whatever is in it") {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every += static_cast<char>(byte);
  const k3s::Told told = told_of({{"config /etc/a b.yaml", every}, {"unit /u", ""}});
  REQUIRE(told.files().size() == 2);
  CHECK(told.files()[0].path == "/etc/a b.yaml");
  CHECK(told.files()[0].text == every);
  CHECK(told.files_of(k3s::FileKind::unit).size() == 1);
  CHECK(told.whole());
}

TEST_CASE("what makes no sense is refused, and a word of a newer drill-node passed over") {
  for (const char* line : {"text QQ==", "config relative", "config"}) {
    CAPTURE(line);
    k3s::Told told;
    if (std::string_view(line) == "text QQ==")
      CHECK_THROWS_AS(told.add(line), core::Error);
    else
      told.add(line);
    CHECK(told.files().empty());
  }
  k3s::Told told;
  told.add("config /c");
  CHECK_THROWS_AS(told.add("text !"), core::Error);
  told.add("novelty 1 2 3");
  CHECK_FALSE(told.whole());
}

TEST_CASE("a node that never ends telling is refused") {
  k3s::Told paths;
  CHECK_THROWS_AS(
      [&] {
        for (int i = 0; i < 100000; ++i) paths.add("inode 1:2 /" + std::to_string(i));
      }(),
      core::Error);
  k3s::Told text;
  text.add("config /c");
  CHECK_THROWS_AS(
      [&] {
        for (int i = 0; i < 100000; ++i) text.add("text " + std::string(4000, 'A'));
      }(),
      core::Error);
}

TEST_CASE("paths are the same with other slashes, and where the node says that they lead to one file") {
  const k3s::Told told = told_of({}, {"inode 1:2 /a", "inode 1:2 ///b", "inode 1:3 /c"});
  CHECK(told.same("/x/y", "/x//y/"));
  CHECK(told.same("/x/../y", "/y"));
  CHECK(told.same("/a", "/b/"));
  CHECK_FALSE(told.same("/a", "/c"));
  CHECK_FALSE(told.same("/d", "/e"));
  CHECK(k3s::plain_path("data", "/srv") == "/srv/data");
  CHECK(k3s::plain_path("/") == "/");
}
