#include "drill/engine/release.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "core/logging.hpp"
#include "core/sha256.hpp"
#include "drill/engine/http.hpp"

namespace drill {
namespace {

constexpr std::size_t kVersionLimit = 64;

// k3s's names: the binary's suffix, and the architecture in the hash file's name.
struct Architecture {
  std::string suffix;
  std::string name;
};

Architecture this_architecture() {
  utsname names{};
  ::uname(&names);
  const std::string machine = names.machine;
  if (machine == "x86_64") return {"", "amd64"};
  if (machine == "aarch64") return {"-arm64", "arm64"};
  if (machine.starts_with("arm")) return {"-armhf", "arm"};
  throw core::Error(core::ErrorKind::not_found, "k3s publishes no release for " + machine);
}

std::filesystem::path cache_directory(const EngineSettings& settings) {
  if (!settings.cache.empty()) return settings.cache;
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0')
    return std::filesystem::path(cache) / "k3s-drill";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".cache/k3s-drill";
  return "/var/cache/k3s-drill";
}

std::string published_hash(HttpClient& http, const std::string& url, const std::string& file) {
  std::string sums;
  http.download(url, [&](std::string_view bytes) {
    if (sums.size() + bytes.size() > (1U << 20U))
      throw core::Error(core::ErrorKind::damaged, url + ": too long for a list of hashes");
    sums.append(bytes);
  });
  std::istringstream lines(sums);
  for (std::string hash, name; lines >> hash >> name;)
    if (name == file && hash.size() == 64) return hash;
  throw core::Error(core::ErrorKind::not_found, fmt::format("{} has no hash for {}", url, file));
}

}  // namespace

bool is_k3s_version(const std::string& text) {
  std::array<unsigned, 3> numbers{};
  return text.size() <= kVersionLimit &&
         std::sscanf(text.c_str(), "v%u.%u.%u", &numbers[0], &numbers[1], &numbers[2]) == 3 &&
         text.find("..") == std::string::npos && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '+' || c == '-';
         });
}

std::filesystem::path cached_release(const EngineSettings& settings, const std::string& version) {
  if (!is_k3s_version(version))
    throw core::Error(core::ErrorKind::not_found,
                      fmt::format("'{}' is no k3s version: name one with drill run --k3s", version));
  return cache_directory(settings) / "releases" / version / "k3s";
}

std::filesystem::path download_release(const EngineSettings& settings, const std::string& version) {
  const Architecture architecture = this_architecture();
  const std::string file = "k3s" + architecture.suffix;
  std::string escaped = version;
  if (const std::size_t plus = escaped.find('+'); plus != std::string::npos) escaped.replace(plus, 1, "%2B");
  const std::string base = settings.release_url + "/" + escaped + "/";
  const std::filesystem::path target = cached_release(settings, version);
  std::filesystem::create_directories(target.parent_path());

  return core::in_context("downloading k3s " + version, [&] {
    HttpClient http({});
    const std::string expected = published_hash(http, base + "sha256sum-" + architecture.name + ".txt", file);
    core::AtomicFile release(target, 0700);
    core::Sha256 hash;
    std::uint64_t size_bytes = 0;
    http.download(base + file, [&](std::string_view bytes) {
      release.write(bytes);
      hash.update(bytes);
      size_bytes += bytes.size();
      core::show_progress(fmt::format("downloading k3s {}: {:.1f} MB", version, static_cast<double>(size_bytes) / 1e6));
    });
    core::clear_progress();
    const std::string got = hash.hex_digest();
    if (got != expected)
      throw core::Error(core::ErrorKind::storage,
                        fmt::format("{} has sha256 {}, published is {}: not used", base + file, got, expected));
    release.commit();
    return target;
  });
}

}  // namespace drill
