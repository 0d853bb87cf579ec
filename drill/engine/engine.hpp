// The control plane a snapshot is restored into: which one it is (never silently one for another), and how it is
// placed, started and reached. Between the drill's phases and the sandbox or docker.
// What it does not do: check what the control plane says; drill/engine/boot.cpp and drill/proof/compare.cpp do.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"
#include "core/file.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "verifier/keys/token.hpp"

namespace drill {

enum class EngineKind { k3s, container, standin };
enum class Download { no, yes };

std::string_view to_string(EngineKind kind);

/// "ended with exit code 1", "was killed by signal 9"
std::string describe(const ExitStatus& status);

struct EngineSettings {
  std::optional<EngineKind> kind;  // empty: auto
  std::string version;             // instead of the snapshot's own; empty: that
  std::filesystem::path k3s_path;  // empty: PATH, then the cache, then a download where allowed
  Download download = Download::no;
  std::string release_url = "https://github.com/k3s-io/k3s/releases/download";
  std::filesystem::path cache;  // of downloaded releases; empty: $XDG_CACHE_HOME/k3s-drill, else ~/.cache/k3s-drill
  std::filesystem::path standin_path;    // empty: k3s-standin in PATH, then beside our own binary
  std::string image = "rancher/k3s:%v";  // %v: the version with '+' as '-'
};

struct EngineChoice {
  EngineKind kind = EngineKind::k3s;
  std::string version;  // as the engine itself says: "v1.36.2+k3s1"
  std::string path_or_image;
};

/// Finds the engine for a snapshot that came from k3s `version` (may be empty: unknown). `auto` means the k3s of that
/// very version, else its container image, and the stand-in only for a snapshot the stand-in made.
/// Throws: not_found (naming the version and the three cures), denied, unreachable, storage.
EngineChoice choose_engine(const EngineSettings& settings, const std::string& version);

/// Whether the restored cluster's own controllers and scheduler run. Without them nothing changes that nobody asks for.
enum class Controllers { off, on };

/// What is restored, and the flags that must be as they were on the original server.
struct RestoreSet {
  std::filesystem::path database;  // a file of ours; a -wal beside it belongs to it
  verifier::Token token;
  std::vector<std::string> server_flags;  // "--service-cidr=10.53.0.0/16", "--secrets-encryption"
  Controllers controllers = Controllers::off;
};

/// Copies the plain file `database`, and a -wal beside it, to the new file `target`. Throws: not_found, denied,
/// storage, cancelled.
core::CopiedFile copy_database(const std::filesystem::path& database, const std::filesystem::path& target);

/// Where the API server listens inside, on 127.0.0.1.
inline constexpr std::uint16_t kApiPort = 6443;

/// More than any kubeconfig has.
inline constexpr std::size_t kMostKubeconfigBytes = 1U << 20U;

class Engine {
 public:
  virtual ~Engine() = default;

  /// Puts the database and token where the control plane will look. Returns size and hash of the database as placed.
  virtual core::CopiedFile place(const RestoreSet& restore) = 0;
  virtual void start() = 0;
  /// The control plane's log, one stream.
  virtual int output_fd() const = 0;
  /// The admin kubeconfig; empty until it has been written. Throws: as read_inside().
  virtual std::string read_kubeconfig() = 0;
  virtual core::Fd open_socket() = 0;
  /// The datastore's Unix socket, as of socket_inside().
  virtual core::Fd datastore_socket() const = 0;
  virtual std::optional<ExitStatus> exit_status() = 0;
  /// Stops it and removes what it left; returns what is still there.
  virtual std::vector<std::string> stop(std::chrono::milliseconds patience) = 0;
};

/// `sandbox` outlives the engine; a container brings a sandbox of its own and uses `sandbox` for nothing.
std::unique_ptr<Engine> make_engine(const EngineChoice& choice, Sandbox& sandbox);

/// The command line after the program's name. `root` is the directory inside that holds data, token and config;
/// `node_ip` is IPv4, and another is taken for a cluster whose services are IPv6 first.
std::vector<std::string> server_arguments(const RestoreSet& restore, const std::string& root, std::string_view node_ip);

}  // namespace drill
