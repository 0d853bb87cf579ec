#include "drill/sandbox/cgroup.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <thread>

#include "core/fd.hpp"
#include "drill/sandbox/owner.hpp"

namespace drill {
namespace {

constexpr std::string_view kPrefix = "k3s-drill.";
constexpr std::chrono::seconds kRemovalPatience{2};

bool has_word(const std::string& text, std::string_view word, char separator) {
  std::istringstream words(text);
  for (std::string each; std::getline(words, each, separator);)
    if (each == word) return true;
  return false;
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Where a child has the files of both controllers: one directory, or two. Source: cgroups(7); proc(5), mountinfo.
std::vector<std::filesystem::path> hierarchies() {
  std::vector<std::filesystem::path> found;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string skipped, mount_point, type, source, options;
    before >> skipped >> skipped >> skipped >> skipped >> mount_point;
    after >> type >> source >> options;
    if (type == "cgroup2") {
      const std::string given = first_line(mount_point + "/cgroup.subtree_control");
      if (has_word(given, "memory", ' ') && has_word(given, "pids", ' ')) return {mount_point};
    }
    if (type == "cgroup" && (has_word(options, "memory", ',') || has_word(options, "pids", ',')))
      found.push_back(mount_point);
  }
  return found;
}

void remove_orphans(const std::filesystem::path& hierarchy) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(hierarchy, ignored)) {
    const std::string name = entry.path().filename().string();
    // The kernel refuses for one that somebody is in.
    if (name.starts_with(kPrefix) && !owner_lives(name.substr(kPrefix.size()))) ::rmdir(entry.path().c_str());
  }
}

bool put(const std::filesystem::path& file, const std::string& value) noexcept {
  const core::Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

void set_caps(const std::filesystem::path& directory, const Caps& caps) {
  const std::string memory = std::to_string(caps.memory_bytes);
  put(directory / "memory.max", memory);
  put(directory / "memory.swap.max", "0");
  put(directory / "memory.limit_in_bytes", memory);
  put(directory / "memory.memsw.limit_in_bytes", memory);
  put(directory / "pids.max", std::to_string(caps.pids));
}

// A line "NAME COUNT" whose count is not 0.
bool counted(const std::filesystem::path& file, std::string_view name) {
  std::ifstream lines(file);
  std::string word;
  for (unsigned long count = 0; lines >> word >> count;)
    if (word == name && count != 0) return true;
  return false;
}

}  // namespace

Cgroup::Cgroup(const Caps& caps) {
  static std::atomic<unsigned> number{0};
  const std::string name = std::string(kPrefix) + owner_mark() + "." + std::to_string(++number);
  for (const std::filesystem::path& hierarchy : hierarchies()) {
    remove_orphans(hierarchy);
    if (::mkdir((hierarchy / name).c_str(), 0755) != 0) continue;
    directories_.push_back(hierarchy / name);
    set_caps(directories_.back(), caps);
  }
}

bool Cgroup::join() const noexcept {
  bool joined = !directories_.empty();
  for (const std::filesystem::path& directory : directories_) joined = put(directory / "cgroup.procs", "0") && joined;
  return joined;
}

std::optional<Cap> Cgroup::reached() const {
  for (const std::filesystem::path& directory : directories_) {
    if (counted(directory / "memory.events", "oom_kill") || counted(directory / "memory.oom_control", "oom_kill"))
      return Cap::memory;
    if (counted(directory / "pids.events", "max")) return Cap::pids;
  }
  return std::nullopt;
}

std::vector<std::string> Cgroup::remove() noexcept {
  std::vector<std::string> left;
  const auto gone_by = std::chrono::steady_clock::now() + kRemovalPatience;
  for (const std::filesystem::path& directory : directories_) {
    // Those who have just died are counted a little longer.
    while (::rmdir(directory.c_str()) != 0 && errno == EBUSY && std::chrono::steady_clock::now() < gone_by)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (::access(directory.c_str(), F_OK) == 0) left.push_back("cgroup " + directory.string());
  }
  directories_.clear();
  return left;
}

}  // namespace drill
