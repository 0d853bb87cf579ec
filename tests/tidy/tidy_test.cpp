// The rules of ARCHITECTURE.md that a machine can check: arrows between rooms, doors to libraries, lengths.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.hpp"

namespace {

const std::filesystem::path kRoot = DRILL_SOURCE_DIR;

// What each folder may include besides itself: the LINKS of its CMakeLists.txt.
const std::map<std::string, std::set<std::string>>& arrows() {
  static const std::map<std::string, std::set<std::string>> all = [] {
    std::map<std::string, std::set<std::string>> found;
    const std::regex room(R"(room\((\S+)\s+SOURCES([^()]*)\))");
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot)) {
      if (entry.path().filename() != "CMakeLists.txt" || entry.path().string().find("/build/") != std::string::npos)
        continue;
      std::ifstream file(entry.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      for (std::sregex_iterator at(text.begin(), text.end(), room), end; at != end; ++at) {
        std::istringstream words((*at)[2].str());
        std::set<std::string>& links = found[(*at)[1]];
        bool naming = false;
        for (std::string word; words >> word;) {
          if (word == "LINKS" || word == "DOORS")
            naming = word == "LINKS";
          else if (naming)
            links.insert(word);
        }
      }
    }
    found["puller/node"] = {"puller", "ssh", "k3s", "store", "core"};  // a project of its own
    return found;
  }();
  return all;
}

// The only files that may include a library's headers.
const std::map<std::string, std::set<std::string>> kDoors{
    {"libssh/", {"ssh/host_key.cpp", "ssh/session.cpp", "ssh/login.cpp", "ssh/state.hpp"}},
    {"sqlite3.h", {"verifier/kine/sqlite.cpp", "puller/node/database.cpp"}},
    {"protozero/",
     {"verifier/objects/object_protobuf.cpp", "verifier/objects/object_tree.cpp", "drill/engine/protobuf.cpp"}},
    {"boost/", {"core/process.cpp"}},
    {"curl/", {"drill/engine/http.cpp"}},
    {"zstd.h", {"store/zstd.cpp", "puller/zstd_stream.cpp", "puller/node/compressor.cpp"}},
    {"zlib.h", {"verifier/objects/gzip.cpp"}},
    {"xxhash", {"puller/page_hash.cpp", "verifier/kine/digest.cpp"}},
    {"yaml-cpp/", {"core/yaml.cpp"}},
    {"spdlog/", {"core/logging.cpp"}},
    {"openssl/",
     {"core/sha256.cpp", "verifier/keys/bundle.cpp", "verifier/keys/certificate.cpp", "verifier/keys/encryption.cpp"}},
    {"sodium", {"verifier/keys/secretbox.cpp"}},
};

constexpr std::size_t kFileLines = 450;

struct Source {
  std::string path;  // from the root
  std::string folder;
  std::vector<std::string> lines;
};

std::vector<Source> sources() {
  std::vector<Source> found;
  for (const auto& [folder, links] : arrows()) {
    for (const auto& entry : std::filesystem::directory_iterator(kRoot / folder)) {
      if (entry.path().extension() != ".cpp" && entry.path().extension() != ".hpp") continue;
      Source source{std::filesystem::relative(entry.path(), kRoot).string(), folder, {}};
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) source.lines.push_back(line);
      found.push_back(std::move(source));
    }
  }
  return found;
}

// The path between the delimiters of an #include line; empty for other lines.
std::string included(const std::string& line) {
  if (!line.starts_with("#include ")) return {};
  return line.substr(10, line.find_last_of(">\"") - 10);
}

}  // namespace

TEST_CASE("a folder includes only what its LINKS name, and links to nothing that it does not include") {
  std::map<std::string, std::set<std::string>> used;
  for (const Source& source : sources()) {
    for (const std::string& line : source.lines) {
      const std::string path = included(line);
      const std::string folder = path.substr(0, std::min(path.rfind('/'), path.size()));
      if (arrows().count(folder) == 0 || folder == source.folder) continue;
      used[source.folder].insert(folder);
      INFO(source.path << " includes " << path);
      CHECK(arrows().at(source.folder).count(folder) == 1);
    }
  }
  REQUIRE(used.size() > 15);
  for (const auto& [folder, links] : arrows()) {
    if (folder == "puller/node") continue;
    INFO(folder);
    CHECK(used[folder] == links);
  }
}

// What is built on must not be built on what it carries.
TEST_CASE("no arrow points back") {
  std::map<std::string, std::set<std::string>> left = arrows();
  for (bool moved = true; moved && !left.empty();) {
    moved = false;
    for (auto one = left.begin(); one != left.end();) {
      const bool ready = std::none_of(one->second.begin(), one->second.end(),
                                      [&](const std::string& link) { return left.count(link) != 0; });
      one = ready ? left.erase(one) : std::next(one);
      moved = moved || ready;
    }
  }
  for (const auto& [folder, links] : left) {
    INFO(folder);
    CHECK(links.empty());
  }
}

TEST_CASE("each third-party library has one door") {
  for (const Source& source : sources()) {
    for (const std::string& line : source.lines) {
      const std::string path = included(line);
      for (const auto& [library, doors] : kDoors) {
        if (!path.starts_with(library)) continue;
        INFO(source.path << " includes " << path);
        CHECK(doors.count(source.path) == 1);
      }
    }
  }
}

TEST_CASE("every header says on its first line what it is for, and is included once") {
  for (const Source& source : sources()) {
    if (!source.path.ends_with(".hpp")) continue;
    INFO(source.path);
    CHECK(source.lines.at(0).starts_with("// "));
    CHECK(std::count(source.lines.begin(), source.lines.end(), "#pragma once") == 1);
  }
}

// What these let out has gone through core/printable.hpp. What runs on the node, or becomes an engine, has no terminal.
TEST_CASE("nothing is written to a terminal or the system's log but through its one way out") {
  const std::map<std::string, std::set<std::string>> ways_out{
      {R"(\bSTDOUT_FILENO\b)", {"cli/command_line.cpp", "drill/sandbox/sandbox_init.cpp", "puller/node/main.cpp"}},
      {R"(\bSTDERR_FILENO\b)", {"core/logging.cpp", "drill/sandbox/sandbox_init.cpp"}},
      {R"(\bstd::(cout|cerr|clog|puts|printf|print|println|vprintf|putchar|perror)\b)", {"puller/node/main.cpp"}},
      {R"(\bfmt::v?print(ln)?\b)", {}},
      {R"(\b(std(out|err))\b[^-]*[,;)])", {"puller/node/main.cpp"}},
      {R"(\bdprintf\b)", {}},
      {R"(::v?syslog\()", {"cli/pull.cpp"}}};
  const std::regex no_code(R"#("(\\.|[^"\\])*"|//.*)#");
  for (const auto& [pattern, files] : ways_out) {
    const std::regex way(pattern);
    for (const Source& source : sources()) {
      for (const std::string& line : source.lines) {
        if (!std::regex_search(std::regex_replace(line, no_code, ""), way)) continue;
        INFO(source.path << " writes past reports::shown() and core/logging.hpp: " << line);
        CHECK(files.count(source.path) == 1);
      }
    }
  }
}

TEST_CASE("JSON becomes text in one place of each room, which no content makes throw") {
  for (const Source& source : sources()) {
    for (const std::string& line : source.lines) {
      if (line.find(".dump(") == std::string::npos || line.find("error_handler_t::replace") != std::string::npos)
        continue;
      INFO(source.path << ": " << line);
      CHECK(source.path == "drill/explore/kubernetes_manifest.cpp");  // a number, as it was read
    }
  }
}

// Whoever catches one that nobody expected can say no more of it than that there was one.
TEST_CASE("whatever is thrown has words") {
  const std::regex thrown(R"(\bthrow (?:\w+::)*([A-Z]\w*)[({])");
  const std::regex defined(R"(\b(?:class|struct) ([A-Z]\w*)(?: final)? : )");
  std::set<std::string> with_words;
  std::map<std::string, std::string> places;
  for (const Source& source : sources()) {
    for (const std::string& line : source.lines) {
      std::smatch found;
      if (std::regex_search(line, found, defined)) with_words.insert(found[1]);
      if (std::regex_search(line, found, thrown)) places[found[1]] = source.path;
    }
  }
  REQUIRE(places.size() > 3);
  for (const auto& [type, place] : places) {
    INFO(place << " throws " << type << ", which is no std::exception");
    CHECK(with_words.count(type) == 1);
  }
}

TEST_CASE("no source file is too long to be read in one sitting, and none is left for later") {
  for (const Source& source : sources()) {
    INFO(source.path);
    CHECK(source.lines.size() <= kFileLines);
    for (const std::string& line : source.lines)
      for (const char* word : {"TO"
                               "DO",
                               "FIX"
                               "ME"})
        CHECK(line.find(word) == std::string::npos);
  }
}

// The same thing in two rooms may have one name in both: what a command does, and how it is shown.
TEST_CASE("no two source files have one name, unless they are the same thing in two rooms") {
  const std::set<std::string> shared{"explore",  "export", "history", "main",    "pull",  "restore",
                                     "scenario", "series", "target",  "verdict", "verify"};
  std::map<std::string, std::set<std::string>> folders;
  for (const Source& source : sources())
    folders[std::filesystem::path(source.path).stem().string()].insert(source.folder);
  REQUIRE(folders.size() > 100);
  for (const auto& [name, where] : folders) {
    INFO(name << ".cpp or .hpp is in " << where.size() << " folders");
    CHECK((where.size() == 1 || shared.count(name) == 1));
  }
}

TEST_CASE("every file that ARCHITECTURE.md and CONTRIBUTING.md name is there") {
  for (const char* page : {"ARCHITECTURE.md", "CONTRIBUTING.md"}) {
    std::ifstream file(kRoot / page);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::regex path(R"(`([a-z0-9]+/[A-Za-z0-9_/.-]*)`)");
    std::size_t count = 0;
    for (std::sregex_iterator at(text.begin(), text.end(), path), end; at != end; ++at) {
      const std::string name = (*at)[1];
      if (name == "server/db" || name.starts_with("build/")) continue;  // on a node; made by a build
      INFO(page << ": " << name);
      CHECK(std::filesystem::exists(kRoot / name));
      ++count;
    }
    CHECK(count > 5);
  }
}

// What a Kubernetes or backup engineer would call it: recover, accept, preflight, sanitize, with timeout, request,
// worker pool, required, timestamp.
TEST_CASE("no private word is used where the field has one") {
  const std::regex words(
      R"(\b([Mm]end(s|ed|ing)?|let_stand|[Jj]udge[sd]?|harmless|calmly|[Ee]rrands?|[Cc]rew|[Ww]anted|[Mm]oments?)\b)");
  const auto look = [&](const std::string& path, const std::string& line) {
    INFO(path << ": " << line);
    CHECK_FALSE(std::regex_search(line, words));
  };
  REQUIRE(std::regex_search("the moment", words));
  for (const Source& source : sources())
    for (const std::string& line : source.lines) look(source.path, line);
  std::vector<std::filesystem::path> pages{kRoot / "README.md", kRoot / "ARCHITECTURE.md", kRoot / "CONTRIBUTING.md"};
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "docs")) pages.push_back(entry.path());
  for (const std::filesystem::path& page : pages) {
    std::ifstream file(page);
    for (std::string line; std::getline(file, line);) look(page.filename(), line);
  }
}
