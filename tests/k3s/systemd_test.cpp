// Our reading of units beside systemd's own, which says with --test how it would run each of them.
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "core/file.hpp"
#include "core/process.hpp"
#include "k3s/shell_file.hpp"
#include "k3s/unit_file.hpp"
#include "tests/catch.hpp"

namespace {

const std::string kSystemd = "/lib/systemd/systemd";

// What is behind [Service]; in the second part a drop-in.
const std::vector<std::pair<std::string, std::string>> kUnits{
    {"ExecStart=/bin/k3s server\n", ""},
    {"ExecStart = /bin/k3s\tserver  \n", ""},
    {"ExecStart=/bin/k3s \\\n    server \\\n\t'--token' \\\n\t'a b' \\\n", ""},
    {"ExecStart=/bin/k3s \\\n# --token old\n  server \\\n ; --token older\n  -d /x\n", ""},
    {"ExecStart=/bin/k3s a \\\n\n--token b\n", ""},
    {"#ExecStart=/bin/k3s server --token x\n;ExecStart=/bin/k3s y\nExecStart=/bin/k3s server\n", ""},
    {"# comment \\\nExecStart=/bin/k3s server\n", ""},
    {"ExecStart=/bin/k3s a\nExecStart=\nExecStart=/bin/k3s b\n", ""},
    {"ExecStart=/bin/k3s --token=\"a'b\" 'c\"d' e\"f g\"h\n", ""},
    {"ExecStart=/bin/k3s \"a\\\"b\" a\\x41\\s\\\\ 'q\\'r' c\\qd\n", ""},
    {"ExecStart=/bin/k3s '' x\n", ""},
    {"ExecStart=-/bin/k3s server\n", ""},
    {"ExecStart=!!/bin/k3s %% 100%%\n", ""},
    {"ExecStart=/bin/k3s a\\ b c\\\\d\n", ""},
    {"ExecStart=/bin/k3s --a='b c'd\"e f\"\n", ""},
    {"Environment=A=1 \"B=x y\" 'C=\"z\"' D=a\\x41b\nEnvironment=A=2\nExecStart=/bin/k3s\n", ""},
    {"Environment=A=1\nEnvironment=\nEnvironment=B=%%\nExecStart=/bin/k3s\n", ""},
    {"ExecStart=/bin/k3s a\n", "[Service]\nExecStart=\nExecStart=/bin/k3s b\nEnvironment=A=1\n"},
    {"Environment=A=1 B=2\nExecStart=/bin/k3s a\n", "[Unit]\nDescription=x\n[Service]\r\nEnvironment=A=3\r\n"},
    {"ExecStart=/bin/k3s a\r\n[Install]\r\nExecStart=/bin/k3s b\r\n", ""}};

// That everybody may read, as systemd does not do this for root.
struct OpenDirectory {
  std::filesystem::path path;

  OpenDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "k3s-drill-units.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no directory");
    path = name;
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }
  ~OpenDirectory() { std::filesystem::remove_all(path); }
  OpenDirectory(OpenDirectory&&) = delete;
};

struct Reading {
  std::string words;
  std::map<std::string, std::string> environment;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += "<" + word + ">";
  return text;
}

// All that systemd says of the units in `directory`, which a target wants.
std::map<std::string, Reading> read_by_systemd(const std::filesystem::path& directory) {
  std::vector<std::string> argv{"/usr/bin/env",
                                "SYSTEMD_UNIT_PATH=" + directory.string(),
                                "SYSTEMD_LOG_LEVEL=err",
                                kSystemd,
                                "--test",
                                "--system",
                                "--unit=all.target"};
  if (::geteuid() == 0)
    argv.insert(argv.begin(), {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"});
  std::istringstream lines(core::run_command({argv, std::chrono::seconds(60)}).out);
  std::map<std::string, Reading> readings;
  Reading* reading = nullptr;
  const auto rest = [](const std::string& line, const std::string& head) -> std::optional<std::string> {
    const std::size_t at = line.find(head);
    if (at == std::string::npos || line.find_first_not_of(" \t") != at) return std::nullopt;
    return line.substr(at + head.size());
  };
  for (std::string line; std::getline(lines, line);) {
    if (const auto unit = rest(line, "-> Unit ")) reading = &readings[unit->substr(0, unit->find(':'))];
    if (reading == nullptr) continue;
    if (const auto words = rest(line, "Command Line: "); words && reading->words.empty())
      reading->words = joined(k3s::shell_words(*words, {}));
    if (const auto variable = rest(line, "Environment: "))
      reading->environment[variable->substr(0, variable->find('='))] = variable->substr(variable->find('=') + 1);
  }
  return readings;
}

}  // namespace

TEST_CASE("units are read as systemd itself reads them") {
  if (!std::filesystem::exists(kSystemd)) {
    WARN("test skipped: " << kSystemd << " is missing");
    return;
  }
  const OpenDirectory directory;
  std::string wants = "[Unit]\nDefaultDependencies=no\nWants=";
  const auto name = [](std::size_t i) { return "u" + std::to_string(i) + ".service"; };
  const auto write = [&](const std::filesystem::path& path, const std::string& text) {
    core::write_new_file(path, text);
    std::filesystem::permissions(path, std::filesystem::perms(0644));
  };
  std::vector<std::vector<k3s::NodeFile>> files;
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    const std::string text = "[Unit]\nDefaultDependencies=no\n[Service]\n" + kUnits[i].first;
    write(directory.path / name(i), text);
    files.push_back({{k3s::FileKind::unit, name(i), text}});
    wants += name(i) + " ";
    if (kUnits[i].second.empty()) continue;
    std::filesystem::create_directory(directory.path / (name(i) + ".d"));
    std::filesystem::permissions(directory.path / (name(i) + ".d"), std::filesystem::perms(0755));
    write(directory.path / (name(i) + ".d") / "10.conf", kUnits[i].second);
    files.back().push_back({k3s::FileKind::unit, "10.conf", kUnits[i].second});
  }
  write(directory.path / "all.target", wants + "\n");
  const std::map<std::string, Reading> readings = read_by_systemd(directory.path);
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    CAPTURE(kUnits[i].first, kUnits[i].second);
    const auto found = readings.find(name(i));
    REQUIRE(found != readings.end());
    const k3s::Start start = k3s::systemd_start(files[i], {});
    CHECK(joined(start.words) == found->second.words);
    std::map<std::string, std::string> environment;
    for (const auto& [variable, value] : start.environment) environment[variable] = value.text;
    CHECK(environment == found->second.environment);
  }
}

// The generator of environments reads files of the same form by the same code, but for the variables that it expands.
TEST_CASE("environment files are read as systemd itself reads them") {
  const std::string generator = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
  if (!std::filesystem::exists(generator)) {
    WARN("test skipped: " << generator << " is missing");
    return;
  }
  for (const char* text : {"K3S_TOKEN=a",
                           "  K3S_TOKEN = a b  \n",
                           "K3S_TOKEN=\"a b\"",
                           "K3S_TOKEN='a \"b'",
                           "K3S_TOKEN=\"a\"'b'c",
                           "K3S_TOKEN=a\"b\"",
                           "K3S_TOKEN=a # b",
                           "K3S_TOKEN=\"a\\\"b\\n\"",
                           "K3S_TOKEN=a\\\nb",
                           "K3S_TOKEN=a\r\nX=1\r\n",
                           "#K3S_TOKEN=a\n;K3S_TOKEN=b\n",
                           "# x \\\nK3S_TOKEN=b\n",
                           "K3S_TOKEN=a\nK3S_TOKEN=b\n",
                           "export K3S_TOKEN=a",
                           "no assignment\nK3S_TOKEN=a",
                           "K3S_TOKEN='a\\b' c",
                           "K3S_TOKEN=\"a \" \"b\" ",
                           "K3S_TOKEN=a\\ b\\\\c",
                           "K3S_TOKEN=a'b c'd",
                           "\tK3S_TOKEN=\t\"a b\"\t",
                           "K3S_TOKEN==a=",
                           "K3S_TOKEN=\nX=1",
                           "K3S_TOKEN=\"a"}) {
    CAPTURE(text);
    const OpenDirectory home;
    std::filesystem::create_directory(home.path / "environment.d");
    core::write_new_file(home.path / "environment.d/a.conf", text);
    const std::string said =
        core::run_command({{"/usr/bin/env", "-i", "XDG_CONFIG_HOME=" + home.path.string(), generator}}).out;
    std::string expected;
    std::istringstream lines(said);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with("K3S_TOKEN=")) expected = k3s::shell_words(line, {}).at(0);
    k3s::Environment environment;
    k3s::read_environment_file(text, "/e", environment);
    const auto found = environment.find("K3S_TOKEN");
    const std::string ours = found == environment.end() ? "" : "K3S_TOKEN=" + found->second.text;
    CHECK((ours == "K3S_TOKEN=" && expected.empty() ? "" : ours) == expected);
  }
}
