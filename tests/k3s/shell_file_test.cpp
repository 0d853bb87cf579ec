// OpenRC's files as a shell reads them.
#include "k3s/shell_file.hpp"

#include "tests/catch.hpp"

namespace {

k3s::FindText files(const std::vector<std::pair<std::string, std::string>>& known) {
  return [known](const std::string& path) -> std::optional<std::string> {
    for (const auto& [name, text] : known)
      if (name == path) return text;
    return std::nullopt;
  };
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : "|") + word;
  return text;
}

// As k3s's install.sh writes it.
const std::string kScript = R"(#!/sbin/openrc-run

depend() {
    after network-online
    want cgroups
}

start_pre() {
    rm -f /tmp/k3s.*
}

supervisor=supervise-daemon
name=k3s
command="/usr/local/bin/k3s"
command_args="server \
	'--token' \
	'a b' \
    >>/var/log/k3s.log 2>&1"

output_log=/var/log/k3s.log

pidfile="/var/run/k3s.pid"
respawn_delay=5
respawn_max=0

set -o allexport
if [ -f /etc/environment ]; then source /etc/environment; fi
if [ -f /etc/rancher/k3s/k3s.env ]; then source /etc/rancher/k3s/k3s.env; fi
set +o allexport
)";

}  // namespace

TEST_CASE("the installer's script of OpenRC gives the command line and the environment of k3s") {
  const k3s::Start start = k3s::openrc_start(
      kScript, "/etc/init.d/k3s",
      files({{"/etc/rancher/k3s/k3s.env", "K3S_TOKEN='one'\nK3S_TOKEN=\"two\" # last\n"},
             {"/etc/environment", "K3S_DATA_DIR=/data\n"},
             {"/etc/conf.d/k3s", "K3S_URL=kept-to-itself\nexport K3S_KUBECONFIG_OUTPUT=/root/kube\n"}}));
  CHECK(joined(start.words).starts_with("/usr/local/bin/k3s|server|--token|a b|"));
  CHECK(start.file == "/etc/init.d/k3s");
  CHECK(k3s::value_of(start.environment, "K3S_TOKEN") == "two");
  CHECK(start.environment.at("K3S_TOKEN").file == "/etc/rancher/k3s/k3s.env");
  CHECK(k3s::value_of(start.environment, "K3S_DATA_DIR") == "/data");
  CHECK(k3s::value_of(start.environment, "K3S_KUBECONFIG_OUTPUT") == "/root/kube");
  CHECK(start.environment.count("K3S_URL") == 0);
  CHECK(start.environment.count("command") == 0);
}

TEST_CASE("a script that takes its arguments from conf.d has those") {
  const k3s::Start start = k3s::openrc_start(
      "command=/usr/bin/k3s\ncommand_args=\"${K3S_EXEC:-server} ${K3S_OPTS}\"\n#command_args=\"--token old\"\n",
      "/etc/init.d/k3s", files({{"/etc/conf.d/k3s", "K3S_OPTS=\"--data-dir '/a b' -t x\"\n"}}));
  CHECK(joined(start.words) == "/usr/bin/k3s|server|--data-dir|/a b|-t|x");
}

TEST_CASE("words of a shell are split and unquoted as a shell does it") {
  k3s::Environment variables;
  variables["A"] = {"x", {}};
  const std::vector<std::pair<std::string, std::string>> table{{"a b  c", "a|b|c"},
                                                               {"'a b' \"c $A\" '$A'", "a b|c x|$A"},
                                                               {"a\\ b \"\\\"\\n\"", "a b|\"\\n"},
                                                               {"${A}y $A-z ${B-d} ${B:-e}", "xy|x-z|d|e"},
                                                               {"a # b\nc", "a|c"},
                                                               {"a$(b c)d `e f`", "ad|"},
                                                               {"a;b&&c|d", "a|b|c|d"},
                                                               {"a \\\n b", "a|b"},
                                                               {"'open", "open"},
                                                               {"${open", ""},
                                                               {"\"open \\", "open \\"}};
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    CHECK(joined(k3s::shell_words(text, variables)) == expected);
  }
}
