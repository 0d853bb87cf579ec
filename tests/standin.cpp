#include "tests/standin.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>

#include "core/cancel.hpp"
#include "core/fd.hpp"
#include "core/file.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;

namespace standin {

std::filesystem::path program() {
  if (const char* standin = std::getenv("DRILL_STANDIN"); standin != nullptr && *standin != '\0') return standin;
  return std::filesystem::path(DRILL_SOURCE_DIR) / "build/k3s-standin";
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 90s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    core::pause_for(20ms);
  }
  return false;
}

int Server::free_port() {
  const core::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size_bytes = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(socket.get(), generic, size_bytes) == 0);
  REQUIRE(::getsockname(socket.get(), generic, &size_bytes) == 0);
  return ntohs(address.sin_port);
}

void Server::restore(const std::filesystem::path& database, const std::string& token) const {
  std::filesystem::remove_all(directory() / "db");
  std::filesystem::create_directories(directory() / "db");
  core::copy_file(database, this->database());
  std::ofstream(directory() / "token", std::ios::trunc) << token;
}

void Server::start() {
  const std::string base = scratch_.path().string();
  std::vector<std::string> argv{"/bin/sh",
                                "-c",
                                R"(unset K3S_TOKEN K3S_TOKEN_FILE; exec "$@" > "$0" 2>&1)",
                                log().string(),
                                program().string(),
                                "server",
                                "--data-dir",
                                base,
                                "--config",
                                "/dev/null",
                                "--write-kubeconfig",
                                kubeconfig().string(),
                                "--https-listen-port",
                                std::to_string(port_),
                                "--bind-address=127.0.0.1",
                                "--node-ip=203.0.113.10",
                                "--disable-agent",
                                "--disable-scheduler",
                                "--disable-controller-manager",
                                "--egress-selector-mode=cluster"};
  argv.insert(argv.end(), flags_.begin(), flags_.end());
  child_.emplace(argv);
  eventually([&] { return child_->exit_code() || log_says("k3s is up and running"); });
  INFO(core::read_file(log()));
  REQUIRE_FALSE(child_->exit_code());
  REQUIRE(log_says("k3s is up and running"));
}

void Server::stop() {
  ::kill(child_->pid(), SIGTERM);
  REQUIRE(eventually([&] { return child_->exit_code().has_value(); }));
  CHECK(child_->exit_code() == 0);
}

std::string Server::send(const std::string& method, const std::string& path, const std::string& body) const {
  const std::filesystem::path tls = directory() / "tls";
  std::vector<std::string> argv{"curl",
                                "--silent",
                                "--show-error",
                                "--fail",
                                "--cacert",
                                tls / "server-ca.crt",
                                "--cert",
                                tls / "client-admin.crt",
                                "--key",
                                tls / "client-admin.key",
                                "--request",
                                method,
                                "https://127.0.0.1:" + std::to_string(port_) + path};
  const std::filesystem::path file = scratch_.path() / "body";
  std::ofstream(file) << body;
  if (!body.empty())
    argv.insert(argv.end(), {"--header", "Content-Type: application/json", "--data-binary", "@" + file.string()});
  const core::CommandResult sent = core::run_command({argv});
  INFO(method << " " << path << ": " << sent.err);
  REQUIRE(sent.exit_code == 0);
  return sent.out;
}

void Server::work(const std::vector<std::string>& options) const {
  std::vector<std::string> argv{program().string(), "workload", "--kubeconfig", kubeconfig().string()};
  argv.insert(argv.end(), options.begin(), options.end());
  const core::CommandResult done = core::run_command({argv, 5min});
  INFO(done.out << done.err);
  REQUIRE(done.exit_code == 0);
}

std::string Server::token() const { return core::read_file(directory() / "token"); }

bool Server::log_says(const std::string& text) const {
  return std::filesystem::exists(log()) && core::read_file(log()).find(text) != std::string::npos;
}

}  // namespace standin
