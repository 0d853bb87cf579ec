#include "puller/node/look.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>

#include "core/error.hpp"
#include "core/file.hpp"
#include "k3s/gather_script.hpp"
#include "puller/node/database.hpp"
#include "puller/node/problem.hpp"
#include "store/limits.hpp"

namespace node {
namespace {

constexpr std::size_t kLineBytes = 4096;

bool has_file(const std::filesystem::path& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode);
}

bool has_directory(const std::filesystem::path& path) {
  struct stat file {};
  return ::stat(path.c_str(), &file) == 0 && S_ISDIR(file.st_mode);
}

bool is_trusted(const struct stat& file) { return file.st_uid == 0 || file.st_uid == ::geteuid(); }

// Nobody but root, or who we are, can have a hand in what lies there.
bool is_ours_alone(std::filesystem::path directory) {
  while (true) {
    struct stat place {};
    if (::lstat(directory.c_str(), &place) != 0 || !S_ISDIR(place.st_mode) || !is_trusted(place) ||
        (place.st_mode & (S_IWGRP | S_IWOTH)) != 0)
      return false;
    if (directory == directory.root_path()) return true;
    directory = directory.parent_path();
  }
}

// Where a link leads to of which each step, and every directory above it, is ours alone; else empty.
std::filesystem::path led_by_us_alone(std::filesystem::path path) {
  for (int hops = 0; hops < 40; ++hops) {
    std::error_code error;
    const std::filesystem::path above = std::filesystem::canonical(path.parent_path(), error);
    if (error || !is_ours_alone(above)) return {};
    path = above / path.filename();
    struct stat file {};
    if (::lstat(path.c_str(), &file) != 0) return {};
    if (!S_ISLNK(file.st_mode)) return path;
    if (!is_trusted(file)) return {};
    path = above / std::filesystem::read_symlink(path, error);
  }
  return {};
}

// Where `path` is to be read: where it is, or as a link where only we lead. Empty where it is not to be followed: the
// rule of k3s/gather_script.
std::filesystem::path followed(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_symlink(path, error) ? led_by_us_alone(path) : path;
}

// *.yaml and *.yml in any case beside the configuration, in the order of their names: as k3s takes them.
std::vector<std::filesystem::path> config_parts(const std::filesystem::path& config_file) {
  std::vector<std::filesystem::path> parts;
  std::error_code error;
  const std::filesystem::path directory = followed(config_file.string() + ".d");
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = entry.path().filename();
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if ((name.ends_with(".yaml") || name.ends_with(".yml")) && has_file(entry.path())) parts.push_back(entry.path());
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

std::string read_small_file(const std::filesystem::path& path) {
  try {
    return core::read_file(path, store::kSmallFileBytes);
  } catch (const core::Error& error) {
    throw Problem(fmt::format("copy_failed {}", error.what()));
  }
}

// Empty where it is not to be followed. Who may write there may change what is there meanwhile, and wins nothing.
core::Fd open_config(const std::filesystem::path& path) {
  constexpr int kHow = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) return core::Fd(::open(led_by_us_alone(path).c_str(), kHow));
  const core::Fd place(::open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  return core::Fd(::openat(place.get(), path.filename().c_str(), kHow));
}

// Empty where it is not to be followed. Throws: Problem.
std::optional<std::string> read_config(const std::filesystem::path& path) {
  const core::Fd file = open_config(path);
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  std::string content;
  core::read_blocks(file.get(), path, [&](std::string_view block) {
    content += block;
    if (content.size() > store::kSmallFileBytes)
      throw Problem(fmt::format("copy_failed {} has more than {} bytes", path.string(), store::kSmallFileBytes));
  });
  return content;
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
  if (!has_directory(server) && has_directory(places.data_dir / "agent"))
    throw Problem("agent_only " + places.data_dir.string());
  if (!has_file(places.database())) throw Problem("no_database " + places.database().string());
  if (!has_file(places.token())) say("fact no_token " + places.token().string());
  say(fmt::format("fact database_size_bytes {}", size_of_file(places.database())));
  say(fmt::format("fact wal_size_bytes {}", size_of_file(places.wal())));
  struct statvfs disk {};
  ::statvfs(places.database().parent_path().c_str(), &disk);
  say(fmt::format("fact free_bytes {}", static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize));
}

std::vector<std::string> version_command() {
  std::string k3s = find_k3s();
  if (k3s.empty()) return {};
  return {std::move(k3s), "--version"};
}

std::string version_in(const std::string& answer) {
  // "k3s version v1.36.2+k3s1 (1234abcd)"
  std::istringstream words(answer);
  std::string first;
  std::string second;
  std::string version;
  words >> first >> second >> version;
  return first == "k3s" && second == "version" ? version : std::string();
}

std::vector<std::string> tell_command(const Places& places) {
  return {"/bin/sh",
          "-c",
          fmt::format("{}data_dir=$1 config_file=$2\n{}tell_k3s", k3s::kScriptPrologue, k3s::kTellFunctions),
          "sh",
          places.data_dir,
          places.config_file};
}

void relay_told(const std::string& answer, const Say& say) {
  std::istringstream lines(answer);
  for (std::string line; std::getline(lines, line) && !lines.eof();)  // a last line without its end was cut off
    if (line.starts_with("fact told ") && line.size() < kLineBytes) say(line);
}

std::vector<SmallFile> read_small_files(const Places& places) {
  std::vector<SmallFile> files;
  if (has_file(places.token())) files.push_back({"token", read_small_file(places.token())});
  std::error_code error;
  const std::filesystem::path place = std::filesystem::canonical(places.config_file.parent_path(), error);
  if (has_file(places.config_file) && !error)
    if (auto content = read_config(place / places.config_file.filename()))
      files.push_back({"config.yaml", std::move(*content)});
  for (const std::filesystem::path& part : config_parts(places.config_file)) {
    std::optional<std::string> content = read_config(part);
    if (!content) continue;
    std::string name = part.filename();
    for (char& c : name) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                         c == '_' || c == '-';
      if (!plain) c = '_';
    }
    const auto taken = [&](const SmallFile& file) { return file.name == "config.yaml.d-" + name; };
    while (std::any_of(files.begin(), files.end(), taken)) name = "_" + name;
    files.push_back({"config.yaml.d-" + name, std::move(*content)});
  }
  return files;
}

}  // namespace node
