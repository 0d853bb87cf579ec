#include "puller/node/look.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "puller/node/database.hpp"
#include "puller/node/problem.hpp"

namespace node {
namespace {

constexpr std::uint64_t kSmallFileBytes = 16U << 20U;

bool has_file(const std::filesystem::path& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode);
}

bool has_directory(const std::filesystem::path& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 && S_ISDIR(file.st_mode);
}

std::string without(std::string text, std::string_view characters) {
  text.erase(std::remove_if(text.begin(), text.end(), [&](char c) { return characters.find(c) != std::string::npos; }),
             text.end());
  return text;
}

// *.yaml and *.yml beside the configuration, in the order of their names.
std::vector<std::filesystem::path> config_parts(const std::filesystem::path& config_file) {
  std::vector<std::filesystem::path> parts;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(config_file.string() + ".d", error)) {
    const std::string extension = entry.path().extension();
    if ((extension == ".yaml" || extension == ".yml") && has_file(entry.path())) parts.push_back(entry.path());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

// The endpoint a line names, or nothing: "datastore-endpoint: X" of a config, "K3S_DATASTORE_ENDPOINT=X" of an
// environment.
std::string endpoint_in_line(const std::string& line) {
  const std::string bare = without(line, "\"' \t\r");
  for (const std::string_view key : {"datastore-endpoint:", "K3S_DATASTORE_ENDPOINT="})
    if (bare.starts_with(key)) return bare.substr(key.size());
  return {};
}

std::string endpoint_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (file.extension() == ".service") {
    // A unit may have the flag and its value on two lines.
    const std::string text =
        without(std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()), "\\\n\t \"'");
    constexpr std::string_view flag = "--datastore-endpoint";
    const std::size_t found = text.find(flag);
    if (found == std::string::npos) return {};
    const std::size_t value = text.find_first_not_of('=', found + flag.size());
    return value == std::string::npos ? std::string() : text.substr(value);
  }
  for (std::string line; std::getline(in, line);)
    if (const std::string endpoint = endpoint_in_line(line); !endpoint.empty()) return endpoint;
  return {};
}

// Kind and place of a datastore that is not the SQLite file; never the endpoint itself, it may hold a password.
void refuse_external_datastore(const Places& places) {
  std::vector<std::filesystem::path> files = {places.config_file};
  for (const std::filesystem::path& part : config_parts(places.config_file)) files.push_back(part);
  for (const char* file : {"/etc/systemd/system/k3s.service.env", "/etc/default/k3s", "/etc/sysconfig/k3s",
                           "/etc/rancher/k3s/k3s.env", "/etc/systemd/system/k3s.service"})
    files.emplace_back(file);
  for (const std::filesystem::path& file : files) {
    if (!has_file(file)) continue;
    const std::string endpoint = endpoint_in(file);
    if (endpoint.empty() || endpoint.starts_with("sqlite://")) continue;
    const std::size_t scheme = endpoint.find("://");
    throw Problem(fmt::format("external {} {}", scheme == std::string::npos ? "unknown" : endpoint.substr(0, scheme),
                              file.string()));
  }
}

std::string read_small_file(const std::filesystem::path& path) {
  try {
    return core::read_file(path, kSmallFileBytes);
  } catch (const core::Error& error) {
    throw Problem(fmt::format("copy_failed {}", error.what()));
  }
}

std::string find_k3s() {
  for (const char* directory :
       {"/usr/local/bin", "/opt/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}) {
    std::string path = std::string(directory) + "/k3s";
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

}  // namespace

std::uint64_t size_of_file(const std::filesystem::path& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 ? static_cast<std::uint64_t>(file.st_size) : 0;
}

void look(const Places& places, const Say& say) {
  struct utsname machine {};
  ::uname(&machine);
  say(fmt::format("fact arch {}", static_cast<const char*>(machine.machine)));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  say(fmt::format("fact clock_nanoseconds {}", std::chrono::nanoseconds(now).count()));
  say(fmt::format("fact sqlite_version {}", sqlite_version()));
  const std::filesystem::path server = places.data_dir / "server";
  if (has_directory(server / "db/etcd/member")) throw Problem("etcd " + (server / "db/etcd").string());
  refuse_external_datastore(places);
  if (!has_directory(server) && has_directory(places.data_dir / "agent"))
    throw Problem("agent_only " + places.data_dir.string());
  if (!has_file(places.database())) throw Problem("no_database " + places.database().string());
  if (!has_file(places.token())) throw Problem("no_token " + places.token().string());
  say(fmt::format("fact database_size_bytes {}", size_of_file(places.database())));
  say(fmt::format("fact wal_size_bytes {}", size_of_file(places.wal())));
  struct statvfs disk {};
  ::statvfs(places.database().parent_path().c_str(), &disk);
  say(fmt::format("fact free_bytes {}", static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize));
}

VersionQuestion::VersionQuestion() {
  std::string k3s = find_k3s();
  int pipe[2];
  if (k3s.empty() || ::pipe2(pipe, O_CLOEXEC) != 0) return;
  out_ = core::Fd(pipe[0]);
  const core::Fd in(pipe[1]);
  const pid_t parent = ::getpid();
  std::string flag = "--version";
  std::array<char*, 3> arguments{k3s.data(), flag.data(), nullptr};
  child_ = ::fork();
  if (child_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int nothing = ::open("/dev/null", O_RDWR);
  if (::getppid() == parent && ::dup2(nothing, 0) == 0 && ::dup2(in.get(), 1) == 1 && ::dup2(nothing, 2) == 2)
    ::execv(k3s.c_str(), arguments.data());
  ::_exit(127);
}

VersionQuestion::~VersionQuestion() {
  if (child_ < 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

std::string VersionQuestion::answer(std::chrono::milliseconds patience) {
  if (child_ < 0) return {};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string text;
  char block[512];
  while (text.size() < 4096) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{out_.get(), POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) <= 0) break;
    const ssize_t got = ::read(out_.get(), block, sizeof block);
    if (got <= 0) break;
    text.append(block, static_cast<std::size_t>(got));
  }
  // "k3s version v1.36.2+k3s1 (1234abcd)"
  std::istringstream words(text);
  std::string first;
  std::string second;
  std::string version;
  words >> first >> second >> version;
  return first == "k3s" && second == "version" ? version : std::string();
}

std::vector<SmallFile> read_small_files(const Places& places) {
  std::vector<SmallFile> files = {{"token", read_small_file(places.token())}};
  if (has_file(places.config_file)) files.push_back({"config.yaml", read_small_file(places.config_file)});
  for (const std::filesystem::path& part : config_parts(places.config_file)) {
    std::string name = part.filename();
    for (char& c : name) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                         c == '_' || c == '-';
      if (!plain) c = '_';
    }
    files.push_back({"config.yaml.d-" + name, read_small_file(part)});
  }
  return files;
}

}  // namespace node
