// What a restore does to a client that watches: a real client-go informer, whose cache is full, looks on while its
// cluster is stopped, given the database of an earlier snapshot, and started again. docs/restore-and-watchers.md says
// what is shown here. Source: kubernetes/kubernetes#107457.
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/standin.hpp"
#include "verifier/kine/bump_revision.hpp"
#include "verifier/verify.hpp"

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

using Objects = std::map<std::string, std::string>;  // resourceVersion by name

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

std::filesystem::path client_program() {
  if (const char* client = std::getenv("DRILL_CLIENT"); client != nullptr && *client != '\0') return client;
  return std::filesystem::path(DRILL_SOURCE_DIR) / "build/k3s-client";
}

#define NEEDS_CLIENT()                                                             \
  if (!std::filesystem::exists(client_program())) {                                \
    WARN("test skipped: there is no k3s-client at " << client_program().string()); \
    return;                                                                        \
  }

class Informer {
 public:
  explicit Informer(const standin::Server& server)
      : child_({client_program().string(), "informer", "--kubeconfig", server.kubeconfig().string(), "--namespace",
                "default"}) {}

  /// The next line that says `event`, of `name` when one is given.
  json await(const std::string& event, const std::string& name = {}) {
    json line;
    const bool came = standin::eventually([&] {
      while (std::optional<json> next = next_line()) {
        line = std::move(*next);
        if (line.at("event") == event && (name.empty() || line.value("name", "") == name)) return true;
      }
      return false;
    });
    INFO("waiting for " << event << " " << name << "; it said:\n" << said_);
    REQUIRE(came);
    return line;
  }

  Objects cache() {
    REQUIRE(::write(child_.stdin_fd(), "\n", 1) == 1);
    return await("cache").at("objects").get<Objects>();
  }

  bool has_said(const std::string& text) const { return said_.find(text) != std::string::npos; }
  const std::string& said() const { return said_; }
  void forget() { said_.clear(); }

 private:
  // Of what it says now; none when that is no whole line. What is no JSON is a library's word.
  std::optional<json> next_line() {
    pollfd ready{child_.output_fd(), POLLIN, 0};
    while (rest_.find('\n') == std::string::npos && ::poll(&ready, 1, 0) > 0) {
      char bytes[4096];
      const ssize_t size_bytes = ::read(child_.output_fd(), bytes, sizeof bytes);
      if (size_bytes <= 0) return std::nullopt;
      rest_.append(bytes, static_cast<std::size_t>(size_bytes));
    }
    const std::size_t end = rest_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    const std::string line = rest_.substr(0, end);
    rest_.erase(0, end + 1);
    said_ += line + "\n";
    return line.starts_with("{\"event\"") ? json::parse(line) : json{{"event", ""}};
  }

  core::Child child_;
  std::string rest_;
  std::string said_;
};

std::int64_t revision_of(const json& object) {
  return std::stoll(object.at("metadata").at("resourceVersion").get<std::string>());
}

std::string map_named(const std::string& name, const std::string& value) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("},"data":{"value":")" + value +
         "\"}}";
}

std::int64_t create(const standin::Server& server, const std::string& name) {
  return revision_of(json::parse(server.send("POST", kMaps, map_named(name, "first"))));
}

std::int64_t change(const standin::Server& server, const std::string& name, const std::string& value) {
  return revision_of(json::parse(server.send("PUT", std::string(kMaps) + "/" + name, map_named(name, value))));
}

void remove(const standin::Server& server, const std::string& name) {
  server.send("DELETE", std::string(kMaps) + "/" + name);
}

Objects served_by(const standin::Server& server) {
  Objects objects;
  const json list = json::parse(server.send("GET", kMaps));
  for (const json& item : list.at("items"))
    objects.emplace(item.at("metadata").at("name"), item.at("metadata").at("resourceVersion"));
  return objects;
}

// Writes until the newest revision is beyond `revision`.
void work_until(const standin::Server& server, std::int64_t revision) {
  const std::vector<std::string> load{"--rate", "200", "--duration", "3s"};
  do server.work(load);
  while (revision_of(json::parse(server.send("GET", kMaps))) <= revision);
}

// A cluster with a past: `kept` and `doomed` are in the snapshot, `late` came after it, as did a change of `kept`, the
// end of `doomed`, and some hundred writes elsewhere. The informer has seen it all.
struct Stage {
  core::ScratchDir scratch;
  standin::Server server;
  std::filesystem::path snapshot = scratch.path() / "state.db";
  std::string token;
  std::optional<Informer> informer;
  std::int64_t newest = 0;  // what the informer has seen
  std::int64_t seen = 0;    // of that, the change of `kept`

  explicit Stage(const std::filesystem::path& seed) {
    server.restore(seed / "server/db/state.db", core::read_file(seed / "server/token"));
    server.start();
    create(server, "kept");
    create(server, "doomed");
    const core::CommandResult taken =
        core::run_command({{"sqlite3", "-readonly", "-batch", "-bail", server.database(), ".timeout 30000",
                            "VACUUM INTO '" + snapshot.string() + "'"}});
    INFO(taken.err);
    REQUIRE(taken.exit_code == 0);
    token = server.token();
    informer.emplace(server);
    informer->await("synced");
    create(server, "late");
    seen = change(server, "kept", "second");
    remove(server, "doomed");
    work_until(server, 0);
    newest = create(server, "last");
    informer->await("add", "last");
    REQUIRE(informer->cache() == served_by(server));
    informer->forget();
  }

  // As `drill restore` does it, on a node that is not asked about its clients.
  void restore() {
    server.stop();
    server.restore(snapshot, token);
    server.start();
  }
};

}  // namespace

TEST_CASE("A restore without a bump leaves a watching client with a past that never was, and blind for what comes") {
  NEEDS_STANDIN();
  NEEDS_CLIENT();
  const char* seed = std::getenv("DRILL_SEED");
  if (seed == nullptr) {
    WARN("test skipped: DRILL_SEED names no data directory with a cluster's database");
    return;
  }
  Stage stage(seed);
  Informer& informer = *stage.informer;
  stage.restore();
  CHECK(informer.await("watch").at("resourceVersion") == std::to_string(stage.newest));
  std::int64_t changed = change(stage.server, "kept", "third");
  // The very number that it had may be handed out to it again; then nobody could tell the two apart.
  if (changed == stage.seen) changed = change(stage.server, "kept", "fourth");
  const std::int64_t fresh = create(stage.server, "fresh");
  REQUIRE(fresh < stage.newest);  // handed out a second time

  // A watch tells in order: what it has not told when it tells of `fence` it never will.
  work_until(stage.server, stage.newest);
  create(stage.server, "fence");
  informer.await("add", "fence");
  const Objects cache = informer.cache();
  const Objects served = served_by(stage.server);
  INFO("it said:\n" << informer.said());
  for (const char* listed : {"\"list\"", "\"relist\"", "\"initialEvents\""}) CHECK_FALSE(informer.has_said(listed));
  CHECK(cache.count("late") == 1);
  CHECK(served.count("late") == 0);
  CHECK(served.at("fresh") == std::to_string(fresh));
  CHECK(cache.count("fresh") == 0);
  CHECK(served.count("doomed") == 1);
  CHECK(cache.count("doomed") == 0);
  CHECK(served.at("kept") == std::to_string(changed));
  CHECK(cache.at("kept") != served.at("kept"));
}

TEST_CASE("After a restore with a bump a watching client is told, lists anew, and knows what the cluster knows") {
  NEEDS_STANDIN();
  NEEDS_CLIENT();
  const char* seed = std::getenv("DRILL_SEED");
  if (seed == nullptr) {
    WARN("test skipped: DRILL_SEED names no data directory with a cluster's database");
    return;
  }
  Stage stage(seed);
  Informer& informer = *stage.informer;
  const core::Revision of_snapshot =
      verifier::verify({stage.snapshot, verifier::parse_token(stage.token), {}}).revision;
  const core::Revision bumped = verifier::bump_revision(stage.snapshot, verifier::revision_beyond(of_snapshot, 1min));
  stage.restore();
  informer.await("delete", "late");
  change(stage.server, "kept", "third");
  CHECK(create(stage.server, "fresh") > bumped.value);
  informer.await("add", "fresh");
  const Objects cache = informer.cache();
  INFO("it said:\n" << informer.said());
  CHECK(informer.has_said("\"initialEvents\":true"));  // a list, as a stream
  CHECK(cache == served_by(stage.server));
  CHECK(cache.count("late") == 0);
  CHECK(cache.count("doomed") == 1);
}
