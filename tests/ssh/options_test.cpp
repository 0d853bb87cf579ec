// The ssh configuration of a user, read as ssh reads it: with a real ssh client, a real sshd and a real ssh-agent.
#include "ssh/options.hpp"

#include "core/file.hpp"
#include "tests/catch.hpp"
#include "tests/lab_node.hpp"

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Environment() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::optional<std::string> before_;
};

void must(const std::vector<std::string>& argv) {
  const core::CommandResult result = core::run_command({argv});
  if (result.exit_code != 0) throw std::runtime_error(result.out + result.err);
}

// A node, and a user who says nothing of it in drill's config but its host: all else is in his ssh configuration.
struct Home {
  lab::Node node;
  core::ScratchDir scratch;
  std::filesystem::path ssh = scratch.path() / ".ssh";
  std::string address = node.variable("LAB_HOST");
  std::string identity = node.variable("LAB_IDENTITY");
  std::string known = node.variable("LAB_KNOWN_HOSTS");
  Environment home{"HOME", scratch.path()};

  Home() {
    node.make_database();
    std::filesystem::create_directory(ssh);
  }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::remove(ssh / name);
    core::write_new_file(ssh / name, text);
  }

  std::string key(const std::string& name) const {
    must({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ssh / name});
    return ssh / name;
  }

  puller::Target target(const std::string& host) const {
    puller::Target target;
    target.cluster = "edge";
    target.host = host;
    target.connect_timeout = std::chrono::seconds(5);
    return target;
  }

  std::string pull(const std::string& host) const { return pull(target(host)); }
  static std::string pull(const puller::Target& target) {
    lab::Shelf shelf;
    return lab::try_pull(target, shelf.store);
  }

  std::string known_key() const {
    const std::string line = core::read_file(known);
    return line.substr(line.find(' ') + 1);
  }
};

class Agent {
 public:
  explicit Agent(const Home& home)
      : socket_(home.ssh / "agent"),
        child_({"ssh-agent", "-D", "-a", socket_}),
        environment_("SSH_AUTH_SOCK", socket_) {
    if (!lab::eventually([&] { return std::filesystem::exists(socket_); })) throw std::runtime_error("no ssh-agent");
  }
  void add(const std::string& key) const { must({"ssh-add", "-q", key}); }

 private:
  std::string socket_;
  core::Child child_;
  Environment environment_;
};

}  // namespace

TEST_CASE("of an agent with more keys than the node lets anybody try, those that the configuration names are offered") {
  NEEDS_LAB();
  const Home home;
  const Agent agent(home);
  for (int i = 0; i < 7; ++i) agent.add(home.key("other" + std::to_string(i)));
  const std::string login = "User ubuntu\nUserKnownHostsFile " + home.known + "\n";

  home.write("config", login + "IdentityFile " + home.identity + "\nIdentitiesOnly yes\n");
  CHECK(home.pull(home.address) == "");

  home.write("config", login);
  const std::string error = home.pull(home.address);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("MaxAuthTries") && Contains("set identity"));
  puller::Target target = home.target(home.address);
  target.identity = home.identity;
  CHECK(home.pull(target) == "");

  // Its private half is in the agent alone, behind the others.
  agent.add(home.identity);
  std::filesystem::copy(home.identity + ".pub", home.ssh / "node.pub");
  home.write("config", login + "IdentityFile ~/.ssh/node.pub\nIdentitiesOnly yes\n");
  CHECK(home.pull(home.address) == "");
  home.write("config", login + "IdentityFile ~/.ssh/node\n");
  CHECK(home.pull(home.address) == "");
  home.write("config", login + "IdentityFile " + home.identity + "\nIdentityAgent none\n");
  CHECK(home.pull(home.address) == "");
}

TEST_CASE("names and places of host keys are those of the ssh configuration") {
  NEEDS_LAB();
  const Home home;
  const std::string login = "User ubuntu\nIdentityFile " + home.identity + "\n";
  const std::string name = GENERATE("alias", "second file", "hashed", "original host", "canonical", "include", "port");
  CAPTURE(name);
  std::string host = home.address;
  std::string config;
  if (name == "alias") {
    config = "HostKeyAlias kitchen\n";
    home.write("known_hosts", "kitchen " + home.known_key());
  } else if (name == "second file") {
    config = "UserKnownHostsFile ~/.ssh/absent ~/.ssh/second\n";
    home.write("second", home.address + " " + home.known_key());
  } else if (name == "hashed") {
    home.write("known_hosts", core::read_file(home.known));
    must({"ssh-keygen", "-q", "-H", "-f", home.ssh / "known_hosts"});
  } else if (name == "original host") {
    host = "kitchen";
    config = "Match originalhost kitchen\n  HostName " + home.address + "\n  UserKnownHostsFile " + home.known + "\n";
  } else if (name == "canonical") {
    host = "kitchen";
    config = "CanonicalizeHostname always\nHost kitchen\n  HostName " + home.address +
             "\nMatch canonical all\n  UserKnownHostsFile " + home.known + "\n";
  } else if (name == "include") {
    host = "kitchen";
    config = "Include " + (home.ssh / "more").string() + "\n";
    home.write("more", "Host kitchen\n  HostName " + home.address + "\n  UserKnownHostsFile " + home.known + "\n");
  } else {
    home.node.configure_sshd("Port 22\nPort 2222\n");
    config = "Port 2222\n";
    home.write("known_hosts", "[" + home.address + "]:2222 " + home.known_key());
  }
  home.write("config", login + config);
  CHECK(home.pull(host) == "");
}

TEST_CASE("of a node with several host keys the one that is known is asked for") {
  NEEDS_LAB();
  const Home home;
  home.node.run("ssh-keygen -q -t rsa -N '' -f /etc/ssh/ssh_host_rsa_key");
  home.node.configure_sshd("HostKey /etc/ssh/ssh_host_rsa_key\n");
  home.write("config", "User ubuntu\nIdentityFile " + home.identity + "\n");
  home.write("known_hosts",
             home.address + " " + home.node.run("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_rsa_key.pub") + "\n");
  CHECK(home.pull(home.address) == "");
}

TEST_CASE("a revoked host key is refused, and one that only an authority vouches for is told as such") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "User ubuntu\nIdentityFile " + home.identity + "\n");
  home.write("known_hosts", core::read_file(home.known) + "@revoked * " + home.known_key());
  CHECK_THAT(home.pull(home.address),
             StartsWith("denied: ") && Contains("revoked in ") && Contains("known_hosts line 2"));
  home.write("known_hosts", "@cert-authority * " + core::read_file(home.key("authority") + ".pub"));
  const std::string error = home.pull(home.address);
  CHECK_THAT(error, StartsWith("denied: ") && Contains("known_hosts line 1") && Contains("authority"));
  lab::type_cure_here(error);
  CHECK(home.pull(home.address) == "");
}

TEST_CASE("a certificate of the user lets him in, from a file and from an agent") {
  NEEDS_LAB();
  const Home home;
  const std::string authority = home.key("authority");
  const std::string mine = home.key("mine");
  must({"ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", "ubuntu", mine + ".pub"});
  home.node.run("cat >/etc/ssh/ca.pub <<'END'\n" + core::read_file(authority + ".pub") + "END");
  home.node.configure_sshd("TrustedUserCAKeys /etc/ssh/ca.pub\n");
  const std::string login = "User ubuntu\nUserKnownHostsFile " + home.known + "\n";
  home.write("config", login + "IdentityFile " + mine + "\n");
  CHECK(home.pull(home.address) == "");
  std::filesystem::rename(mine + "-cert.pub", home.ssh / "elsewhere.pub");
  home.write("config", login + "IdentityFile " + mine + "\nCertificateFile ~/.ssh/elsewhere.pub\n");
  CHECK(home.pull(home.address) == "");
  const Agent agent(home);
  std::filesystem::copy(home.ssh / "elsewhere.pub", mine + "-cert.pub");
  agent.add(mine);
  std::filesystem::remove(mine);
  home.write("config", login);
  CHECK(home.pull(home.address) == "");
}

TEST_CASE("a pull goes through the ProxyJump of the ssh configuration") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "Host node\n  HostName 127.0.0.1\n  HostKeyAlias " + home.address +
                           "\n  ProxyJump jump\nHost jump\n  HostName " + home.address +
                           "\nHost *\n  User ubuntu\n  IdentityFile " + home.identity + "\n  UserKnownHostsFile " +
                           home.known + "\n");
  puller::Target target = home.target("node");
  target.ssh_config = home.ssh / "config";
  CHECK(home.pull(target) == "");
}

TEST_CASE("a host key that is unknown behind a proxy, or by an alias, is accepted by what the message says to type") {
  NEEDS_LAB();
  const std::string way = GENERATE("proxy", "alias");
  CAPTURE(way);
  const Home home;
  const std::string line =
      way == "alias" ? "HostKeyAlias kitchen"
                     : "ProxyCommand ssh -F none -o StrictHostKeyChecking=no -i " + home.identity + " -W %h:%p %r@%h";
  home.write("config", "User ubuntu\nIdentityFile " + home.identity + "\n" + line + "\n");
  puller::Target target = home.target(home.address);
  target.ssh_config = home.ssh / "config";
  target.known_hosts = home.ssh / "known_hosts";
  const std::string error = home.pull(target);
  CHECK_THAT(error, Contains("unknown host key"));
  lab::type_cure_here(error);
  CHECK(home.pull(target) == "");
}

TEST_CASE("a mistyped identity is refused, whatever other keys are there") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "User ubuntu\nUserKnownHostsFile " + home.known + "\nIdentityFile " + home.identity + "\n");
  puller::Target target = home.target(home.address);
  target.identity = home.identity + "x";
  CHECK_THAT(home.pull(target), StartsWith("usage: identity of cluster edge: " + home.identity + "x: No such file"));
  // One that is there is the only one offered.
  target.identity = home.key("other");
  CHECK_THAT(home.pull(target), StartsWith("denied: ") && Contains(home.ssh / "other (refused)"));
}

TEST_CASE("a node that wants more than a key is told as such") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "User ubuntu\nUserKnownHostsFile " + home.known + "\nIdentityFile " + home.identity + "\n");
  home.node.run("sed -i '/^AuthenticationMethods/d' /etc/ssh/sshd_config");
  home.node.configure_sshd("AuthenticationMethods publickey,password\n");
  CHECK_THAT(home.pull(home.address), StartsWith("denied: ") && Contains("wants more"));
}

TEST_CASE("who has no key here makes one and lets it in as the messages say") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "User ubuntu\nUserKnownHostsFile " + home.known + "\n");
  const std::string no_key = home.pull(home.address);
  CHECK_THAT(no_key, StartsWith("denied: ") && Contains("there is no key here"));
  lab::type_cure_here(no_key);
  home.node.run("rm -r /home/ubuntu/.ssh");
  const std::string refused = home.pull(home.address);
  CHECK_THAT(refused, StartsWith("denied: ") && Contains("id_ed25519 (refused)"));
  home.node.type_cure(refused);
  CHECK(home.pull(home.address) == "");
}

TEST_CASE("an ssh configuration that ssh does not read is told with its line") {
  NEEDS_LAB();
  const Home home;
  home.write("config", "User ubuntu\nHostNmae kitchen\n");
  CHECK_THAT(home.pull(home.address), StartsWith("usage: ") && Contains((home.ssh / "config").string()) &&
                                          Contains("line 2") && Contains("hostnmae"));
}

TEST_CASE("settings that do not count are warned of with their place, and without an ssh client those it alone reads") {
  NEEDS_LAB();
  const Home home;
  const std::string login = "User ubuntu\nUserKnownHostsFile " + home.known + "\nIdentityFile " + home.identity + "\n";
  home.write("config", login + "RevokedHostKeys /etc/ssh/revoked\nHost elsewhere\n  BindInterface eth7\n");
  const std::string place = (home.ssh / "config").string() + " line ";
  const std::vector<std::string> warnings = ssh::read_options(home.target(home.address)).warnings;
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], StartsWith(place + "4: RevokedHostKeys") && Contains("@revoked"));

  home.write("config", login + "HostKeyAlias kitchen\n");
  CHECK(ssh::read_options(home.target(home.address)).warnings.empty());
  const Environment no_ssh("PATH", home.ssh);
  const std::vector<std::string> without = ssh::read_options(home.target(home.address)).warnings;
  REQUIRE(without.size() == 2);
  CHECK_THAT(without[0], StartsWith(place + "4: HostKeyAlias") && Contains("openssh-client"));
  home.write("config", login);
  CHECK(home.pull(home.address) == "");
}
