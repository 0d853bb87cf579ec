// A service's files as systemd reads them.
#include "k3s/unit_file.hpp"

#include "tests/catch.hpp"

namespace {

using k3s::FileKind;
using k3s::NodeFile;

k3s::Start start_of(const std::vector<std::string>& units, const std::vector<NodeFile>& environments = {}) {
  std::vector<NodeFile> files;
  for (const std::string& text : units)
    files.push_back({FileKind::unit, "/u" + std::to_string(files.size()), "[Service]\n" + text});
  return k3s::systemd_start(files, environments);
}

std::string words_of(const std::vector<std::string>& units, const std::vector<NodeFile>& environments = {}) {
  std::string text;
  for (const std::string& word : start_of(units, environments).words) text += (text.empty() ? "" : "|") + word;
  return text;
}

std::string value_in(const std::string& environment) {
  k3s::Environment read;
  k3s::read_environment_file(environment, "/e", read);
  return k3s::value_of(read, "K3S_TOKEN");
}

}  // namespace

TEST_CASE("a command line is read as systemd reads it") {
  const std::vector<std::pair<std::string, std::string>> table{
      {"ExecStart=/k3s server", "/k3s|server"},
      {"ExecStart = /k3s\tserver  ", "/k3s|server"},
      {"ExecStart=/k3s \\\n    server \\\n\t'--token' \\\n\t'a b' \\\n", "/k3s|server|--token|a b"},
      {"ExecStart=/k3s \\\n# --token old\n  server \\\n ; --token older\n  -d /x\n", "/k3s|server|-d|/x"},
      {"ExecStart=/k3s a \\\n# end", "/k3s|a"},
      {"#ExecStart=/k3s server --token x\n;ExecStart=/k3s y\nExecStart=/k3s server", "/k3s|server"},
      {"ExecStart=/k3s server\n#\\\nExecStart=\nExecStart=/k3s agent", "/k3s|agent"},
      {"ExecStart=/k3s a\nExecStart=", ""},
      {"ExecStart=/k3s --token=\"a'b\" 'c\"d' e\"f g\"h", "/k3s|--token=a'b|c\"d|ef gh"},
      {"ExecStart=/k3s \"a\\\"b\" a\\x41\\s\\\\ c\\qd", "/k3s|a\"b|aA \\|c\\qd"},
      {"ExecStart=/k3s '' x", "/k3s||x"},
      {"ExecStart=-/k3s server", "/k3s|server"},
      {"ExecStart=@/k3s other-name server", "/k3s|server"},
      {"ExecStart=/k3s --name %p %N %n %% %H", "/k3s|--name|k3s|k3s|k3s.service|%|%H"},
      {"ExecStart=/k3s a ; /other b", "/k3s|a"},
      {"ExecStart=/bin/sh -c 'exec /k3s server --data-dir \"/a b\"'", "exec|/k3s|server|--data-dir|/a b"},
      {"Environment=A=1 \"B=x y\"\nExecStart=/k3s $A ${B}z $B $$A $NONE ${NONE}", "/k3s|1|x yz|x|y|$A|"},
      {"Environment=B=1\nExecStart=:/k3s $B", "/k3s|$B"},
      {"[Install]\nExecStart=/no", ""}};
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(words_of({text}) == expected);
    std::string crlf;
    for (const char c : text) crlf += c == '\n' ? "\r\n" : std::string{c};
    CHECK(words_of({crlf}) == expected);
  }
}

TEST_CASE("a drop-in adds to its unit, and one that resets the command replaces it") {
  CHECK(words_of({"ExecStart=/k3s a", "Environment=X=1"}) == "/k3s|a");
  CHECK(words_of({"ExecStart=/k3s a", "ExecStart=\nExecStart=/k3s b"}) == "/k3s|b");
  CHECK(start_of({"ExecStart=/k3s a", "ExecStart=\nExecStart=/k3s b"}).file == "/u1");
}

TEST_CASE("an environment is what unit, drop-ins and environment files say, the last of them winning") {
  const std::vector<NodeFile> files{{FileKind::environment, "/etc/default/k3s", "K3S_TOKEN=one\n"},
                                    {FileKind::environment, "/run/more.env", "K3S_TOKEN=two\nK3S_TOKEN=three\n"},
                                    {FileKind::environment, "/etc/unnamed", "K3S_TOKEN=four\n"}};
  const auto token = [&](const std::vector<std::string>& units) {
    const k3s::Start start = start_of(units, files);
    const auto found = start.environment.find("K3S_TOKEN");
    return found == start.environment.end() ? "none" : found->second.text + " " + found->second.file;
  };
  CHECK(token({"Environment=K3S_TOKEN=zero"}) == "zero /u0");
  CHECK(token({"Environment=K3S_TOKEN=zero", "Environment=\"K3S_TOKEN=again\""}) == "again /u1");
  CHECK(token({"Environment=K3S_TOKEN=zero\nEnvironment="}) == "none");
  CHECK(token({"EnvironmentFile=-/etc/default/%N\nEnvironment=K3S_TOKEN=zero"}) == "one /etc/default/k3s");
  CHECK(token({"EnvironmentFile=/etc/default/k3s\nEnvironmentFile=-/run/*.env"}) == "three /run/more.env");
  CHECK(token({"EnvironmentFile=/run/more.env", "EnvironmentFile=\nEnvironmentFile=/etc/default/k3s"}) ==
        "one /etc/default/k3s");
  CHECK(token({"#EnvironmentFile=/etc/default/k3s"}) == "none");
  CHECK(token({"EnvironmentFile=/etc/default/k3s\nUnsetEnvironment=K3S_TOKEN"}) == "none");
}

TEST_CASE("a line of an environment file is read as systemd reads it") {
  const std::vector<std::pair<std::string, std::string>> table{{"K3S_TOKEN=a", "a"},
                                                               {"  K3S_TOKEN = a b  \n", "a b"},
                                                               {"K3S_TOKEN=\"a b\"", "a b"},
                                                               {"K3S_TOKEN='a \"b'", "a \"b"},
                                                               {"K3S_TOKEN=\"a\"'b'c", "abc"},
                                                               {"K3S_TOKEN=a\"b\"", "a\"b\""},
                                                               {"K3S_TOKEN=a # b", "a # b"},
                                                               {"K3S_TOKEN=\"a\\\"b\\n\"", "a\"b\\n"},
                                                               {"K3S_TOKEN=a\\\nb", "ab"},
                                                               {"K3S_TOKEN=a\r\nX=1\r\n", "a"},
                                                               {"#K3S_TOKEN=a\n;K3S_TOKEN=b\n", ""},
                                                               {"# x \\\nK3S_TOKEN=b\n", ""},
                                                               {"K3S_TOKEN=a\nK3S_TOKEN=b\n", "b"},
                                                               {"K3S_TOKEN=a\nK3S_TOKEN=\n", ""},
                                                               {"export K3S_TOKEN=a", ""},
                                                               {"no assignment\nK3S_TOKEN=a", "a"}};
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(value_in(text) == expected);
  }
}
