// What happens in a cluster: objects come and go, it writes, it grows, its keys are rotated.
#include <fcntl.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/json_text.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

constexpr std::chrono::minutes kLong{3};
constexpr std::chrono::seconds kPatience{40};
const std::string kServer = "/var/lib/rancher/k3s/server";

Node& node_of(Room& room, const Arguments& arguments) { return room.node(arguments.text("node")); }

std::string workload(const Node& node) { return "k3s workload --kubeconfig " + node.variable("LAB_KUBECONFIG") + " "; }

void apply(Room& room, const Arguments& arguments) {
  room.kubectl(arguments.text("node"), {"apply", "-f", "-"}, arguments.text("manifests"));
}

// Of letters that do not compress. Not applied, which would keep all of it once more in an annotation.
void create_large(Room& room, const Arguments& arguments) {
  std::mt19937 numbers(1);  // NOLINT: repeatable on purpose
  std::string text(arguments.size_bytes("size"), 'a');
  for (char& letter : text) letter = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[numbers() % 64];
  room.kubectl(arguments.text("node"), {"create", "-f", "-"},
               fmt::format("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  namespace: default\n"
                           "data:\n  text: '{}'\n",
                           arguments.text("name"), text));
}

void remove(Room& room, const Arguments& arguments) {
  for (const std::string& object : arguments.texts("objects")) {
    std::vector<std::string> words = words_of_object(object);
    words.insert(words.begin(), "delete");
    words.insert(words.end(), {"--wait=" + arguments.text("wait"), "--timeout=60s"});
    room.kubectl(arguments.text("node"), words);
  }
}

void write_steadily(Room& room, const Arguments& arguments) {
  Node& node = node_of(room, arguments);
  room.keep(node.start(workload(node) + fmt::format("--rate {} --duration {}s", arguments.whole("rate"),
                                                    arguments.duration("lasting") / std::chrono::seconds(1))));
  const auto newest = [&] {
    return node.run("sqlite3 -readonly " + kServer + "/db/state.db '.timeout 5000' 'SELECT max(id) FROM kine'");
  };
  const std::string before = newest();
  if (!eventually([&] { return newest() != before; }, std::chrono::seconds(20)))
    throw core::Error(core::ErrorKind::storage, "nothing is written");
}

void live(Room& room, const Arguments& arguments) {
  Node& node = node_of(room, arguments);
  std::string options = fmt::format("--hours {}", arguments.whole("hours"));
  if (arguments.text("compacted") == "true") options += " --compact " + kServer + "/kine.sock";
  if (arguments.text("wait") == "end") {
    node.run(workload(node) + options, kLong);
    return;
  }
  const auto compacted = [&] {
    return node.run(
        "sqlite3 -readonly " + kServer +
        "/db/state.db '.timeout 5000' \"SELECT max(prev_revision) FROM kine WHERE name = 'compact_rev_key'\"");
  };
  const std::string before = compacted();
  room.keep(node.start(workload(node) + options));
  if (!eventually([&] { return compacted() != before; }, kLong))
    throw core::Error(core::ErrorKind::storage, "nothing is compacted");
}

// By another program, as an operator does it who wants the disk back.
void vacuum(Room& room, const Arguments& arguments) {
  room.keep(node_of(room, arguments)
                .start(fmt::format("for i in $(seq {}); do sqlite3 {}/db/state.db '.timeout 20000' 'PRAGMA "
                                   "incremental_vacuum' VACUUM; done",
                                   arguments.whole("times"), kServer)));
}

void checkpoint(Room& room, const Arguments& arguments) {
  Node& node = node_of(room, arguments);
  const auto done = [&] {
    return node.run("sqlite3 " + kServer + "/db/state.db '.timeout 5000' 'PRAGMA wal_checkpoint(TRUNCATE)'")
        .ends_with("0|0|0");
  };
  if (!eventually(done, std::chrono::seconds(20)))
    throw core::Error(core::ErrorKind::storage, "the WAL is always in use");
}

// Pages that nothing uses any more, as a backlog of compaction leaves them.
void bloat(Room& room, const Arguments& arguments) {
  node_of(room, arguments)
      .run(fmt::format("sqlite3 {}/db/state.db '.timeout 20000' 'CREATE TABLE bloat(value BLOB)' "
                       "'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) INSERT INTO "
                       "bloat SELECT zeroblob(1000000) FROM n' 'DROP TABLE bloat'",
                       kServer, arguments.size_bytes("size") / 1'000'000),
           kLong);
}

void rotate_token(Room& room, const Arguments& arguments) {
  node_of(room, arguments)
      .run(fmt::format(
               "systemctl stop k3s\nold=$(cat {}/token)\n"
               "k3s token rotate --token \"$old\" --new-token '{}'\nrm -f /var/log/k3s.log\nsystemctl start k3s\n"
               "for i in $(seq 600); do grep -q 'k3s is up and running' /var/log/k3s.log && exit 0; sleep 0.1; "
               "done; exit 1",
               kServer, arguments.text("token")),
           kLong);
}

void rotate_encryption_key(Room& room, const Arguments& arguments) {
  node_of(room, arguments)
      .run(
          "systemctl stop k3s\nk3s secrets-encrypt rotate-keys\nrm -f /var/log/k3s.log\nsystemctl start k3s\n"
          "for i in $(seq 600); do grep -q 'k3s is up and running' /var/log/k3s.log && exit 0; sleep 0.1; done; exit 1",
          kLong);
}

// Of each object of the kind: its name, and what it holds. What a controller puts into every namespace is nobody's.
std::string contents(Room& room, const std::string& node, const std::string& kind, const std::string& space) {
  return room.kubectl(node, {"get", kind, "-n", space, "--field-selector=metadata.name!=kube-root-ca.crt", "-o",
                             "jsonpath={range .items[*]}{.metadata.name} {.data} {.spec}{\"\\n\"}{end}"});
}

void remember(Room& room, const Arguments& arguments) {
  const std::string found = contents(room, arguments.text("node"), arguments.text("kind"), arguments.text("namespace"));
  const std::string name = arguments.text("as");
  if (room.facts.contains("seen:" + name)) room.facts[name] = room.facts["seen:" + name] == found ? "same" : "changed";
  room.facts["seen:" + name] = found;
}

void note_uid(Room& room, const Arguments& arguments) {
  std::vector<std::string> words = words_of_object(arguments.text("object"));
  words.insert(words.begin(), "get");
  words.insert(words.end(), {"-o", "jsonpath={.metadata.uid}"});
  room.facts[arguments.text("as")] = room.kubectl(arguments.text("node"), words);
}

void apply_directory(Room& room, const Arguments& arguments) {
  room.kubectl(arguments.text("node"),
               {"apply", "--recursive", "-f", (room.directory() / arguments.text("directory")).string()});
}

// A client-go informer, as controllers have one, on the ConfigMaps of namespace default. It is asked for its cache by a
// line into its pipe, and says all that it sees into a file.
class Informer {
 public:
  explicit Informer(const Room& room)
      : pipe_(room.directory() / "tmp/informer"), said_(room.directory() / "logs/informer.log") {}

  void start(Room& room, const std::filesystem::path& kubeconfig) const {
    room.keep(std::make_unique<core::Child>(std::vector<std::string>{
        "/bin/sh", "-ec", R"(mkfifo "$1"; exec "$2" informer --kubeconfig "$3" --namespace default <>"$1" >"$4" 2>&1)",
        "sh", pipe_.string(), room.tools().kubectl.string(), kubeconfig.string(), said_.string()}));
  }

  bool has_said(const std::string& words) const {
    return std::filesystem::exists(said_) && core::read_file(said_).find(words) != std::string::npos;
  }

  /// The resourceVersion of each ConfigMap, by name.
  nlohmann::json cache() const {
    const std::uintmax_t before = std::filesystem::file_size(said_);
    core::write_all(core::open_file(pipe_, O_WRONLY).get(), "\n", pipe_);
    nlohmann::json found;
    const bool came = eventually(
        [&] {
          std::istringstream lines(core::read_file(said_).substr(before));
          for (std::string line; std::getline(lines, line);)
            if (line.starts_with(R"({"event":"cache")") && line.ends_with('}')) found = nlohmann::json::parse(line);
          return !found.is_null();
        },
        kPatience);
    if (!came) throw core::Error(core::ErrorKind::timeout, "the informer does not say what is in its cache");
    return found.value("objects", nlohmann::json::object());
  }

 private:
  std::filesystem::path pipe_;
  std::filesystem::path said_;
};

void watch(Room& room, const Arguments& arguments) {
  const Informer informer(room);
  informer.start(room, room.kubeconfig(arguments.text("node")));
  if (!eventually([&] { return informer.has_said(R"("event":"synced")"); }, kPatience))
    throw core::Error(core::ErrorKind::timeout, "the informer never had a list");
}

// A watch tells in order: once it has told of a newer object, it will not tell of what it has left out.
void compare_watch(Room& room, const Arguments& arguments) {
  const Informer informer(room);
  const std::string node = arguments.text("node");
  const std::string fence =
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fence, namespace: default}\ndata: {n: \"";
  int count = 0;
  const auto has_told = [&] {
    room.kubectl(node, {"apply", "-f", "-"}, fence + std::to_string(++count) + "\"}\n");
    return informer.cache().contains("fence");
  };
  if (!eventually(has_told, kPatience)) throw core::Error(core::ErrorKind::timeout, "the informer learns nothing more");
  nlohmann::json served;
  nlohmann::json seen;
  const auto same = [&] {
    const auto list = nlohmann::json::parse(room.kubectl(node, {"get", "configmaps", "-n", "default", "-o", "json"}));
    served = nlohmann::json::object();
    for (const nlohmann::json& one : list.at("items"))
      served[one.at("metadata").at("name").get<std::string>()] = one.at("metadata").at("resourceVersion");
    return (seen = informer.cache()) == served;
  };
  room.facts[arguments.text("as")] = eventually(same, std::chrono::seconds(3)) ? "same" : "misled";
  room.note(fmt::format("the client has seen {}, and served is {}", core::json_text(seen, core::JsonLayout::line),
                        core::json_text(served, core::JsonLayout::line)));
}

}  // namespace

std::vector<Fault> cluster_faults() {
  const Argument which{"node", Kind::node, "which", "edge"};
  return {
      {"apply",
       "objects are applied, as by kubectl",
       {which, {"manifests", Kind::manifests, "as YAML"}},
       Need::node,
       apply},
      {"note-uid",
       "the uid of an object is written down as fact NAME; that of namespace/kube-system is the cluster's",
       {which,
        {"object", Kind::text, "KIND/NAME or KIND/NAMESPACE/NAME"},
        {"as", Kind::text, "NAME of the fact, which stands for {NAME} in a command"}},
       Need::node,
       note_uid},
      {"watch",
       "a client watches the ConfigMaps of namespace default, as any controller does, and has seen all there are",
       {which},
       Need::standin,
       watch},
      {"compare-watch",
       "what that client has seen is compared with what is served: fact NAME is same, or misled",
       {which, {"as", Kind::text, "NAME of the fact"}},
       Need::standin,
       compare_watch},
      {"apply-directory",
       "all manifests below a directory of the room are applied, as by kubectl",
       {which, {"directory", Kind::text, "in the room"}},
       Need::node,
       apply_directory},
      {"create-large",
       "a large ConfigMap is created in namespace default, of letters that do not compress",
       {which, {"name", Kind::text, "its name"}, {"size", Kind::size, "of its text, at most 1MiB"}},
       Need::node,
       create_large},
      {"delete",
       "objects are deleted, as by kubectl, and gone",
       {which,
        {"objects", Kind::texts, "KIND/NAME or KIND/NAMESPACE/NAME"},
        {"wait", Kind::choice, "false: for those that a finalizer holds", "true", {"true", "false"}}},
       Need::node,
       remove},
      {"write",
       "the cluster is written to, beside what follows",
       {which, {"rate", Kind::whole, "writes in a second"}, {"lasting", Kind::duration, "how long", "60s"}},
       Need::standin,
       write_steadily},
      {"live",
       "hours of a quiet cluster go by, as fast as it goes: leases, events, edits",
       {which,
        {"hours", Kind::whole, "how many"},
        {"compacted", Kind::choice, "whether kube-apiserver compacts meanwhile", "true", {"true", "false"}},
        {"wait",
         Kind::choice,
         "compaction: only for the first one; the rest goes by beside what follows",
         "end",
         {"end", "compaction"}}},
       Need::standin,
       live},
      {"vacuum",
       "somebody runs VACUUM on the database, beside what follows",
       {which, {"times", Kind::whole, "how often, one after the other", "1"}},
       Need::node,
       vacuum},
      {"checkpoint",
       "SQLite moves its WAL into state.db, as it does by itself after every thousand pages",
       {which},
       Need::node,
       checkpoint},
      {"bloat",
       "the database grows by pages that nothing uses",
       {which, {"size", Kind::size, "by how much"}},
       Need::node,
       bloat},
      {"rotate-token",
       "the server token is rotated, as by k3s token rotate",
       {which, {"token", Kind::text, "the new one", "rotated"}},
       Need::standin,
       rotate_token},
      {"rotate-encryption-key",
       "the key for Secrets is rotated, as by k3s secrets-encrypt",
       {which},
       Need::standin,
       rotate_encryption_key},
      {"remember",
       "what the objects of a kind hold is written down; the second time fact NAME says whether it is the same or "
       "changed",
       {which,
        {"kind", Kind::text, "as kubectl names it"},
        {"namespace", Kind::text, "where"},
        {"as", Kind::text, "NAME of the fact"}},
       Need::node,
       remember},
  };
}

}  // namespace scenarios
