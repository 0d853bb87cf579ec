// `drill explore`: the real program, the stand-in control plane, and the real kubectl on this side of the relay.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/cli/bench.hpp"

namespace {

// $DRILL_CLIENT or build/k3s-client, which is kubectl under that name; else a kubectl in PATH; else empty.
std::filesystem::path kubectl_program() {
  const char* given = std::getenv("DRILL_CLIENT");
  const std::filesystem::path client =
      given != nullptr && *given != '\0' ? given : DRILL_SOURCE_DIR "/build/k3s-client";
  return std::filesystem::exists(client) ? client : std::filesystem::path(core::find_program("kubectl"));
}

#define NEEDS_KUBECTL()                                                                \
  if (kubectl_program().empty()) {                                                     \
    WARN("test skipped: neither build/k3s-client nor a kubectl in PATH is to be had"); \
    return;                                                                            \
  }

// The seed's files, a kubectl in PATH, and a TMPDIR of its own to be searched afterwards.
struct Desk {
  bench::Files files;
  core::ScratchDir tmpdir;
  core::ScratchDir programs;

  Desk() {
    if (!kubectl_program().empty()) std::filesystem::create_symlink(kubectl_program(), programs.path() / "kubectl");
  }

  std::string path() const {
    return programs.path().string() + ":" + std::filesystem::path(bench::standin_program()).parent_path().string() +
           ":/usr/bin:/bin";
  }

  // `drill OPTIONS explore --file ... ARGUMENTS`
  std::vector<std::string> command(const std::vector<std::string>& arguments,
                                   const std::vector<std::string>& options = {}) const {
    std::vector<std::string> argv{"env", "TMPDIR=" + tmpdir.path().string(), "PATH=" + path(), "SHELL=/bin/sh",
                                  bench::drill_program()};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.insert(argv.end(), {"explore", "--file", files.database.string(), "--token-file", files.token.string(),
                             "--engine", "standin"});
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return argv;
  }

  core::CommandResult explore(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& options = {}) const {
    return core::run_command({command(arguments, options), std::chrono::minutes(4)});
  }

  std::vector<std::string> traces() const { return bench::traces(tmpdir.path()); }
};

bool runs(const std::string& words) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string command{std::istreambuf_iterator<char>(file), {}};
    if (command.find(words) != std::string::npos) return true;
  }
  return false;
}

bool contains(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("kubectl beside an exploration answers from the snapshot, and its exit code is drill's") {
  NEEDS_KUBECTL();
  const Desk desk;
  const std::string before = core::hash_file(desk.files.database).sha256;
  const core::CommandResult seen = desk.explore({"--", "kubectl", "get", "deploy", "-n", "team-000", "-o", "yaml"});
  INFO(seen.err);
  CHECK(seen.exit_code == 0);
  CHECK_THAT(seen.out, Catch::Contains("name: app-09"));
  CHECK(seen.err.empty());
  const core::CommandResult missing = desk.explore({"--", "kubectl", "get", "deploy", "-n", "team-000", "nothing"});
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.err, Catch::Contains("NotFound"));
  const core::CommandResult written = desk.explore(
      {"--", "sh", "-ec",
       "kubectl delete cm -n team-000 config-0 >/dev/null; ! kubectl get cm -n team-000 config-0 2>/dev/null; "
       "stat -c %a $KUBECONFIG; dirname $KUBECONFIG | xargs stat -c %a; echo $DRILL_SNAPSHOT; exit 42"});
  INFO(written.err);
  CHECK(written.exit_code == 42);
  CHECK(written.out == "600\n700\n" + desk.files.database.string() + "\n");
  CHECK(core::hash_file(desk.files.database).sha256 == before);
  CHECK(desk.traces().empty());
}

TEST_CASE("a watch is streamed as it happens") {
  NEEDS_KUBECTL();
  const Desk desk;
  const std::string place = desk.programs.path();
  const core::CommandResult seen =
      desk.explore({"--", "sh", "-ec",
                    "cd " + place +
                        "; kubectl get cm -n team-000 --watch -o name > seen & watcher=$!\n"
                        "until grep -q config-31 seen; do sleep 0.05; done\n"
                        "kubectl create cm born-later -n team-000 >/dev/null\n"
                        "until grep -q born-later seen; do sleep 0.05; done\n"
                        "kill $watcher; echo streamed"});
  INFO(seen.err);
  CHECK(seen.exit_code == 0);
  CHECK(seen.out == "streamed\n");
}

TEST_CASE("without a command there is a shell, which is told what it is in, and whose last exit code means nothing") {
  NEEDS_KUBECTL();
  const Desk desk;
  bench::Background shell{core::Child(desk.command({})), {}};
  const std::string typed = "kubectl get ns team-039 -o name; echo in $DRILL_SNAPSHOT; false\n";
  REQUIRE(::write(shell.child.stdin_fd(), typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
  shell.child.close_stdin();
  CHECK(shell.says("in " + desk.files.database.string() + "\n"));
  CHECK(shell.ends() == 0);
  CHECK_THAT(shell.said, Catch::Contains("nothing here reaches the real cluster"));
  CHECK_THAT(shell.said, Catch::Contains("namespace/team-039"));
  CHECK(desk.traces().empty());
}

namespace {

// What is said on a terminal by a shell whose start file, `file` in its home, names another cluster.
std::string said_by_shell(const Desk& desk, const std::string& shell, const std::string& file,
                          const std::string& own_prompt) {
  const core::ScratchDir home;
  std::filesystem::create_directories((home.path() / file).parent_path());
  core::write_new_file(home.path() / file, "export KUBECONFIG=/nowhere/real.yaml\n" + own_prompt + "\n");
  std::string line = "exec env -u ZDOTDIR HOME=" + home.path().string() + " XDG_CONFIG_HOME=" + home.path().string() +
                     "/.config XDG_RUNTIME_DIR=" + home.path().string() + " ENV='$HOME/.shrc'";
  for (const std::string& word : desk.command({}))
    if (word != "env") line += " '" + (word.starts_with("SHELL=") ? "SHELL=" + shell : word) + "'";
  bench::Background terminal{core::Child({"script", "-qec", line, "/dev/null"}), {}};
  REQUIRE(terminal.says("at home> "));
  for (const std::string typed : {"kubectl get ns team-039 -o name\n", "exit\n"}) {
    REQUIRE(::write(terminal.child.stdin_fd(), typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
    if (typed != "exit\n") REQUIRE(terminal.says("namespace/team-039"));
  }
  CHECK(terminal.ends() == 0);
  return terminal.said;
}

// Of the files; what a shell would expand in it is not there any more.
std::string prompt_name(const Desk& desk) { return desk.files.database.string(); }

}  // namespace

TEST_CASE("a shell whose start files name the real cluster sees the snapshot, and its prompt says that it is a copy") {
  NEEDS_KUBECTL();
  const Desk desk;
  // The second of bash and zsh make their prompt anew each time, as many a theme does.
  const std::string plain = "PS1='at home> '";
  for (const auto& [shell, file, own_prompt] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"bash", ".bashrc", plain},
           {"bash", ".bashrc", "PROMPT_COMMAND='PS1=\"at home> \"'"},
           {"sh", ".shrc", plain},
           {"zsh", ".zshrc", plain},
           {"zsh", ".zshrc", "precmd() { PS1='at home> ' }"},
           {"zsh", ".zshenv", plain},
           {"fish", ".config/fish/config.fish", "function fish_prompt; echo -n 'at home> '; end"}}) {
    const std::string program = core::find_program(shell);
    if (program.empty()) {
      WARN("test skipped: no " << shell << " in PATH");
      continue;
    }
    const std::string said = said_by_shell(desk, program, file, own_prompt);
    INFO(said);
    CHECK(contains(said, "namespace/team-039"));
    CHECK(contains(said, "this shell is in a copy of " + desk.files.database.string()));
    CHECK(contains(said, "(copy of " + prompt_name(desk) + ") "));
    CHECK(contains(said, "you have left the copy of " + desk.files.database.string()));
    CHECK(contains(said, "nothing here reaches the real cluster"));
  }
  CHECK(desk.traces() == std::vector<std::string>{});
}

TEST_CASE("of a shell whose start files it does not know, drill does not promise where kubectl goes") {
  const Desk desk;
  const std::filesystem::path shell = desk.programs.path() / "elvish";
  core::write_new_file(shell, "#!/bin/sh\necho swims\n");
  std::filesystem::permissions(shell, std::filesystem::perms::owner_all);
  std::vector<std::string> command = desk.command({});
  std::replace(command.begin(), command.end(), std::string("SHELL=/bin/sh"), "SHELL=" + shell.string());
  const core::CommandResult seen = core::run_command({command, std::chrono::minutes(1)});
  INFO(seen.err);
  CHECK(seen.exit_code == 0);
  CHECK(seen.out == "swims\n");
  CHECK_THAT(seen.err, !Catch::Contains("nothing here reaches the real cluster"));
  CHECK_THAT(seen.err, Catch::Contains("drill does not know the start files of elvish"));
}

TEST_CASE("a namespace that was deleted comes back from an export as it was") {
  NEEDS_KUBECTL();
  const Desk desk;
  const std::string out = desk.programs.path() / "out";
  const core::CommandResult exported = desk.explore({"--export", out, "--namespace", "team-000"}, {"--json"});
  INFO(exported.err);
  REQUIRE(exported.exit_code == 0);
  CHECK_THAT(exported.err, Catch::Contains("secrets"));
  const nlohmann::json document = bench::parse(exported);
  CHECK(document.at("schema") == "k3s-drill/explore-export/1");
  CHECK(document.at("namespaces") == nlohmann::json{"team-000"});
  CHECK(document.at("written").at("secrets") == 28);
  CHECK(document.at("cluster").at("storageclasses.storage.k8s.io") == 1);

  // No kubelet is there to end a pod, so they go by force. What the controllers make anew is none of the export's.
  const core::CommandResult back = desk.explore(
      {"--controllers", "--", "sh", "-ec",
       "cd " + desk.programs.path().string() +
           "\nkinds=cm,secret,svc,deploy,role,rolebinding,netpol,pdb,limitrange,ingressroute,middleware,pvc,sa\n"
           "names() { kubectl get $kinds -n team-000 -o name | grep -v kube-root-ca.crt | sort; }\n"
           "names > before\n"
           "kubectl delete deploy,rs --all -n team-000 --wait=false >/dev/null\n"
           "kubectl delete pods --all -n team-000 --force --grace-period=0 >/dev/null 2>&1\n"
           "kubectl delete ns team-000 --timeout=150s >/dev/null\n"
           "! kubectl get ns team-000 >/dev/null 2>&1\n"
           "kubectl apply --server-side -R -f out/namespaces > applied\n"
           "kubectl diff -R -f out\n"
           "names > after\n"
           "diff before after\n"
           "grep -c ' serverside-applied$' applied"});
  INFO(back.err << back.out);
  CHECK(back.exit_code == 0);
  CHECK(back.out == "100\n");
  CHECK(desk.traces().empty());
}

TEST_CASE("what an export says to do applies objects that are too large for their last-applied annotation") {
  NEEDS_KUBECTL();
  const Desk desk;
  const std::filesystem::path out = desk.programs.path() / "out";
  const core::CommandResult exported =
      desk.explore({"--export", out.string(), "--namespace", "team-000", "--kind", "cm"});
  INFO(exported.err);
  REQUIRE(exported.exit_code == 0);
  const std::string apply = exported.out.substr(exported.out.rfind("kubectl apply"));
  std::ofstream(out / "namespaces/team-000/120-configmaps/large.yaml")
      << "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: large, namespace: team-000}\ndata: {text: "
      << std::string(300'000, 'x') << "}\n";
  const core::CommandResult back =
      desk.explore({"--", "sh", "-ec", apply + "kubectl get cm -n team-000 large -o 'jsonpath={.data.text}' | wc -c"});
  INFO(back.err << back.out);
  CHECK(back.exit_code == 0);
  CHECK(contains(back.out, "\n300000\n"));
}

TEST_CASE(
    "an exploration that is killed leaves neither control plane nor command, and any next command removes its files") {
  const Desk desk;
  bench::Background drill{core::Child(desk.command({"--", "sh", "-c", "echo started; exec sleep 86417"})), {}};
  REQUIRE(drill.says("started\n"));
  CHECK(desk.traces().size() > 1);  // so it can be seen
  CHECK(lab::eventually([&] {
    return runs(
        std::string("sleep\0"
                    "86417",
                    11));
  }));
  drill.child.kill();
  const core::ScratchDir nothing;
  CHECK(lab::eventually([&] { return bench::traces(nothing.path()).empty(); }));
  CHECK(lab::eventually([&] {
    return !runs(
        std::string("sleep\0"
                    "86417",
                    11));
  }));
  CHECK_FALSE(desk.traces().empty());
  core::run_command({{"env", "TMPDIR=" + desk.tmpdir.path().string(), bench::drill_program(), "list"}});
  CHECK(desk.traces().empty());
}

TEST_CASE("what an export that is killed half way has written is removed by any next command") {
  const Desk desk;
  const core::ScratchDir place;
  core::Child drill(desk.command({"--export", (place.path() / "out").string()}));
  REQUIRE(lab::eventually([&] { return !std::filesystem::is_empty(place.path()); }));
  drill.kill();
  CHECK_FALSE(std::filesystem::exists(place.path() / "out"));
  CHECK(lab::eventually([&] {  // another command of a test beside this one may be at the same record
    core::run_command({{"env", "TMPDIR=" + desk.tmpdir.path().string(), bench::drill_program(), "list"}});
    return std::filesystem::is_empty(place.path());
  }));
  CHECK(lab::eventually([&] { return desk.traces().empty(); }));
}

TEST_CASE("SIGTERM ends the command, then all the rest") {
  const Desk desk;
  bench::Background drill{
      core::Child(desk.command(
          {"--", "sh", "-c", "trap 'echo asked to end; exit 0' TERM; echo started; while :; do sleep 0.05; done"})),
      {}};
  REQUIRE(drill.says("started\n"));
  ::kill(drill.child.pid(), SIGTERM);
  CHECK(drill.ends() == 130);
  CHECK(contains(drill.said, "asked to end"));
  CHECK(desk.traces().empty());
}

TEST_CASE("Ctrl-C is the command's to answer, and the control plane stays for it") {
  NEEDS_KUBECTL();
  const Desk desk;
  std::vector<std::string> argv =
      desk.command({"--", "sh", "-c",
                    "trap 'kubectl get ns team-000 -o name; exit 9' INT; echo started; while :; do sleep 0.05; done"});
  argv.insert(argv.begin(), "setsid");  // a process group as a terminal has it, to interrupt as a whole
  bench::Background drill{core::Child(argv), {}};
  REQUIRE(drill.says("started\n"));
  ::kill(-drill.child.pid(), SIGINT);
  CHECK(drill.ends() == 9);
  CHECK(contains(drill.said, "namespace/team-000"));
  CHECK(desk.traces().empty());
}

TEST_CASE("Ctrl-C before it is ready ends an exploration with 130 and leaves nothing") {
  const Desk desk;
  bench::Background drill{core::Child(desk.command({"--", "true"}, {"-v"})), {}};
  REQUIRE(drill.says("drill: phase ready\n"));
  ::kill(drill.child.pid(), SIGINT);
  CHECK(drill.ends() == 130);
  CHECK(desk.traces().empty());
}

TEST_CASE("where there is no kubectl in PATH none is taken from the engine, and the message says what to install") {
  const Desk desk;
  const core::CommandResult seen = core::run_command(
      {{"env", "PATH=/nowhere", bench::drill_program(), "explore", "--file", desk.files.database.string(),
        "--token-file", desk.files.token.string(), "--", "kubectl", "get", "ns"}});
  CHECK(seen.exit_code == 127);
  CHECK_THAT(seen.err, Catch::Contains("no kubectl in PATH") && Catch::Contains("install kubectl"));
}

TEST_CASE("a control plane that does not come up is said to be so, in its own words") {
  const Desk desk;
  std::filesystem::remove(desk.files.token);
  core::write_new_file(desk.files.token, "not-the-token\n");
  const core::CommandResult seen = desk.explore({"--", "true"});
  CHECK(seen.exit_code == 1);
  CHECK_THAT(seen.err, Catch::Contains("encrypted with different token"));
  CHECK(seen.err.find("not-the-token") == std::string::npos);
}

TEST_CASE("bad input to explore is refused before anything is restored") {
  const Desk desk;
  const std::string file = desk.files.database;
  const std::string token = desk.files.token;
  const core::ScratchDir full;
  core::write_new_file(full.path() / "something", "");
  const std::vector<std::vector<std::string>> wrong{
      {"explore"},
      {"explore", "--file", file},
      {"explore", "edge/latest", "--token-file", token},
      {"explore", "--file", file, "--token-file", token, "--engine", "magic"},
      {"explore", "--file", file, "--token-file", token, "--namespace", "default"},
      {"explore", "--file", file, "--token-file", token, "--kind", "pods", "--", "true"},
      {"explore", "--file", file, "--token-file", token, "--export", "/x", "--", "true"},
      {"explore", "--file", file, "--token-file", token, "--export", "/x", "--controllers"},
      {"explore", "--file", file, "--token-file", token, "--export", full.path().string()},
      {"explore", "--file", file, "--token-file", token, "--export", (full.path() / "something").string()},
      {"explore", "--file", file, "--token-file", token, "--export"},
      {"explore", "--file", file, "--token-file", token, "--bogus"},
      {"--config", "/nowhere", "explore", "edge/latest"},
  };
  for (const std::vector<std::string>& arguments : wrong) {
    const core::CommandResult result = bench::drill(arguments);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.err.starts_with("drill: error: "));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(result.out.empty());
  }
  CHECK(bench::parse(desk.explore({"--", "true"}, {"--json"})).at("kind") == "usage");
  CHECK(desk.explore({"--", "no-such-program-here"}).exit_code == 127);
  CHECK(desk.explore({"--", file}).exit_code == 126);
  CHECK(bench::drill({"explore", "--file", "/nowhere", "--token-file", token, "--engine", "standin"}).exit_code == 3);
  CHECK(bench::drill({"explore", "--file", file, "--token-file", "/nowhere", "--engine", "standin"}).exit_code == 3);
  CHECK(desk.explore({"--export", "/nowhere/out"}).exit_code == 3);
  CHECK(desk.explore({"--export", (full.path() / "out").string(), "--namespace", "nowhere"}).exit_code == 3);
  CHECK(desk.explore({"--export", (full.path() / "out").string(), "--kind", "unicorns"}).exit_code == 2);
  CHECK_FALSE(std::filesystem::exists(full.path() / "out"));
}

TEST_CASE("an object that was deleted comes back by the line with which drill log ends, as it is typed there") {
  NEEDS_KUBECTL();
  const Desk desk;
  const core::ScratchDir place;
  bench::Desk store;
  store.write_config("", "  edge:\n    host: 127.0.0.1\n");
  const std::filesystem::path before = place.path() / "state.db.20261129T001700Z";
  const std::filesystem::path after = place.path() / "state.db.20261129T011700Z";
  std::filesystem::copy_file(desk.files.database, before);
  std::filesystem::copy_file(desk.files.database, after);
  const core::CommandResult removed = core::run_command({{"sqlite3", after.string(),
                                                          "INSERT INTO kine(name, created, deleted, create_revision, "
                                                          "prev_revision, lease, value, old_value) SELECT name, 0, "
                                                          "1, create_revision, id, 0, value, value FROM kine WHERE "
                                                          "name = '/registry/configmaps/team-000/config-0' ORDER BY "
                                                          "id DESC LIMIT 1"},
                                                         std::chrono::seconds(20)});
  REQUIRE(removed.exit_code == 0);
  const core::CommandResult imported = store.drill({"import", "--cluster", "edge", "--ignore-mtime", "--token-file",
                                                    desk.files.token.string(), place.path().string()});
  REQUIRE(imported.exit_code == 0);
  const std::string log = store.drill({"log", "configmaps/team-000/config-0"}).out;
  INFO(log);
  const std::size_t at = log.rfind("\n  drill ");
  REQUIRE(at != std::string::npos);
  const std::string typed = "cd " + place.path().string() + " && " + log.substr(at + 3);
  const core::CommandResult exported = core::run_command(
      {{"env", "PATH=" + desk.path() + ":" + std::filesystem::path(bench::drill_program()).parent_path().string(), "sh",
        "-c", typed},
       std::chrono::minutes(2)});
  INFO(typed << exported.out << exported.err);
  REQUIRE(exported.exit_code == 0);
  CHECK(std::filesystem::exists(place.path() /
                                "team-000-20261129T001700Z/namespaces/team-000/120-configmaps/config-0.yaml"));
}

TEST_CASE(
    "of a namespace that is not there an export says which is near and where to look, and names not all there are") {
  const Desk desk;
  const core::CommandResult none =
      desk.explore({"--export", (desk.programs.path() / "out").string(), "--namespace", "team-00"});
  CHECK(none.exit_code == 3);
  CHECK(
      none.err ==
      "drill: error: no namespace 'team-00' in this snapshot, which has 44 others (did you mean team-000?): drill log "
      "namespaces/team-00 says which snapshot has it\n");
}
