#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>

#include "cli/command.hpp"
#include "cli/store_warnings.hpp"
#include "core/logging.hpp"
#include "core/scratch_dir.hpp"
#include "drill/engine/engine.hpp"
#include "drill/sandbox/sandbox.hpp"
#include "puller/pull.hpp"
#include "puller/wal_reset.hpp"
#include "ssh/options.hpp"
#include "store/store.hpp"

namespace cli {
namespace {

constexpr std::chrono::seconds kClockTolerance{5};
constexpr std::uint64_t kStoreFreeBytes = 1U << 30U;

class Doctor {
 public:
  explicit Doctor(const Globals& globals) : globals_(globals) {}

  int run() {
    examine("config", "see docs/config.md", [&] {
      config_ = load_config(globals_.config_path);
      return fmt::format("{} ({} clusters)", config_->path.string(), config_->clusters.size());
    });
    examine("sandbox", "", [&] {
      drill::try_sandbox(config_ ? config_->drill.caps : drill::Caps());
      return std::string(::geteuid() == 0 ? "a program ran in one, held to all limits"
                                          : "a program ran in one without root, held to all limits");
    });
    examine("scratch", "", [] {
      const core::ScratchDir scratch;
      const std::filesystem::path directory = scratch.path().parent_path().parent_path();
      struct statvfs disk {};
      if (::statvfs(directory.c_str(), &disk) != 0) throw core::system_error(errno, directory.string());
      return fmt::format("{} ({} free)", directory.string(),
                         reports::format_size(static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize));
    });
    if (config_) {
      examine("store", "", [&] { return look_at_store(); });
      warn_of_snapshots();
      for (const std::string& name : config_->cluster_names) {
        examine("node " + name, "", [&] { return look_at_node(config_->clusters.at(name).target); });
        warn_of_ssh_settings(name);
        show_sudoers(name);
        warn_of_fallback(name);
        warn_of_settings(name);
        warn_of_wal_reset(name);
        examine("engine " + name, "", [&] { return look_at_engine(name); });
      }
    }
    print(globals_.format == Format::json ? reports::doctor_json(lines_) : reports::doctor_text(lines_, colour()));
    if (!config_) return exit_code(core::ErrorKind::usage);
    for (const reports::DoctorLine& line : lines_)
      if (line.verdict == reports::DoctorVerdict::fail) return 3;
    return 0;
  }

 private:
  // What a look has found; a message alone is a pass.
  struct Seen {
    std::string message;
    reports::DoctorVerdict verdict = reports::DoctorVerdict::pass;

    Seen(std::string said, reports::DoctorVerdict checked = reports::DoctorVerdict::pass)
        : message(std::move(said)), verdict(checked) {}
  };

  // One line; what is thrown is a failing one. Messages of errors already end with their cure.
  template <class Look>
  void examine(std::string subject, std::string cure, Look&& look) {
    core::show_progress("looking at " + subject);
    reports::DoctorLine line{std::move(subject), reports::DoctorVerdict::pass, {}, {}};
    try {
      Seen seen = look();
      line.message = std::move(seen.message);
      line.verdict = seen.verdict;
    } catch (...) {
      const core::Error error = core::caught();
      if (error.kind() == core::ErrorKind::cancelled) throw;
      line.verdict = reports::DoctorVerdict::fail;
      line.message = error.what();
      line.cure = std::move(cure);
    }
    core::clear_progress();
    lines_.push_back(std::move(line));
  }

  std::string look_at_store() const {
    store::Store(config_->store).check_access();
    struct statvfs disk {};
    if (::statvfs(config_->store.c_str(), &disk) != 0) throw core::system_error(errno, config_->store.string());
    const std::uint64_t free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (disk.f_blocks == 0) return fmt::format("{} (it does not say how much is free)", config_->store.string());
    if (free_bytes < kStoreFreeBytes)
      throw core::Error(core::ErrorKind::storage,
                        fmt::format("{} has only {} left: drill prune removes what no keep_ rule keeps",
                                    config_->store.string(), reports::format_size(free_bytes)));
    return fmt::format("{} ({} free)", config_->store.string(), reports::format_size(free_bytes));
  }

  std::string look_at_node(const puller::Target& target) {
    ssh_settings_[target.cluster] = ssh::read_options(target).warnings;
    const puller::NodeFacts node = puller::inspect(target);
    node_versions_[target.cluster] = node.k3s_version;
    wal_reset_[target.cluster] = puller::wal_reset_warnings(node.sqlite_version, node.k3s_version);
    if (std::chrono::abs(node.clock_offset) > kClockTolerance)
      throw core::Error(core::ErrorKind::storage,
                        fmt::format("the node's clock is {} away from ours: set both by NTP, or the RPO is wrong",
                                    core::format_duration(std::chrono::abs(node.clock_offset))));
    if (!node.helper_version.empty() && node.user != "root")
      sudoers_[target.cluster] = puller::sudoers_line(target, node.user);
    fallback_[target.cluster] = node.fallback;
    settings_[target.cluster] = node.warnings;
    const std::string reader = node.helper_version.empty()
                                   ? "sqlite3 " + node.sqlite_version
                                   : fmt::format("drill-node {} (SQLite {})", node.helper_version, node.sqlite_version);
    return fmt::format("ssh, sudo and {} work; k3s {}, state.db {} + WAL {}, {} free", reader,
                       node.k3s_version.empty() ? "(version unknown)" : node.k3s_version,
                       reports::format_size(node.database_size_bytes), reports::format_size(node.wal_size_bytes),
                       reports::format_size(node.free_bytes));
  }

  void warn_of_fallback(const std::string& cluster) {
    if (!fallback_[cluster].empty()) warn("drill-node " + cluster, puller::fallback_warning(fallback_[cluster]));
  }

  void warn_of_snapshots() {
    const store::Store store(config_->store);
    examine_quietly([&] {
      for (const std::string& cluster : store.clusters())
        for (std::string& warning : store_warnings(store, cluster, store.list(cluster)))
          warn("snapshots " + cluster, std::move(warning));
    });
  }

  // What cannot be read, another line has said.
  template <class Look>
  static void examine_quietly(Look&& look) {
    try {
      look();
    } catch (const core::Error& error) {
      if (error.kind() == core::ErrorKind::cancelled) throw;
    }
  }

  // Of settings that count for ssh and not for drill.
  void warn_of_ssh_settings(const std::string& cluster) {
    for (const std::string& warning : ssh_settings_[cluster]) warn("ssh " + cluster, warning);
  }

  void warn(std::string subject, std::string message) {
    lines_.push_back({std::move(subject), reports::DoctorVerdict::warning, std::move(message), {}});
  }

  void warn_of_settings(const std::string& cluster) {
    for (const std::string& warning : settings_[cluster]) warn("k3s " + cluster, warning);
  }

  // One line for each program that has, or may have, the bug; none for a node that could not be looked at.
  void warn_of_wal_reset(const std::string& cluster) {
    for (const std::string& warning : wal_reset_[cluster]) warn("wal-reset " + cluster, warning);
  }

  // For those who do not want to allow more.
  void show_sudoers(const std::string& cluster) {
    if (sudoers_.contains(cluster))
      lines_.push_back({"sudoers " + cluster,
                        reports::DoctorVerdict::pass,
                        "all that sudo on the node has to allow: " + sudoers_[cluster],
                        {}});
  }

  // For the version of the newest snapshot, or where there is none yet, of the node.
  Seen look_at_engine(const std::string& cluster) {
    const store::Store store(config_->store);
    const auto node = node_versions_.find(cluster);
    std::string version = node == node_versions_.end() ? std::string() : node->second;
    for (const store::Snapshot& snapshot : store.list(cluster))
      if (!snapshot.of_another_cluster && !snapshot.manifest.k3s_version.empty())
        version = snapshot.manifest.k3s_version;
    if (version.empty() && node != node_versions_.end())
      return {"no k3s was found on the node, which says what version is needed; a drill takes it from the snapshot",
              reports::DoctorVerdict::warning};
    if (version.empty())
      throw core::Error(core::ErrorKind::not_found,
                        "which k3s is not known yet: fix the node's line first, or pull a snapshot");
    const drill::EngineChoice engine = drill::choose_engine(config_->drill.engine, version);
    return Seen(fmt::format("{} {} ({})", drill::to_string(engine.kind), engine.version, engine.path_or_image));
  }

  const Globals& globals_;
  std::optional<Config> config_;
  std::map<std::string, std::string> node_versions_;              // by cluster
  std::map<std::string, std::string> sudoers_;                    // by cluster
  std::map<std::string, std::string> fallback_;                   // by cluster: why sqlite3 has to do it
  std::map<std::string, std::vector<std::string>> settings_;      // by cluster: warnings of what k3s is told
  std::map<std::string, std::vector<std::string>> wal_reset_;     // by cluster: warnings
  std::map<std::string, std::vector<std::string>> ssh_settings_;  // by cluster: warnings
  std::vector<reports::DoctorLine> lines_;
};

}  // namespace

Action declare_doctor(CLI::App&) {
  return [](const Globals& globals) { return Doctor(globals).run(); };
}

}  // namespace cli
