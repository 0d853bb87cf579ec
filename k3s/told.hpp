// What a node tells of its k3s: files as they are, which database a running k3s has open, and which paths are the same
// file. From the lines of k3s/gather_script to what settings.hpp and place.hpp read.
// What it does not do: make anything of a file. Its texts hold tokens and passwords: they are never printed.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace k3s {

/// config: config.yaml and its parts. unit: the service's unit, then its drop-ins. environment: a file that a unit may
/// name, or where there is no service file, the usual ones. openrc: its script. sourced: what that may read.
enum class FileKind { config, unit, environment, openrc, sourced };

struct NodeFile {
  FileKind kind = FileKind::config;
  std::string path;
  std::string text;
};

/// A database that a process of k3s has open.
struct OpenDatabase {
  std::string process;
  std::string inode;  // "DEVICE:NUMBER"
  std::string path;   // " (deleted)" at its end when it has lost its name
};

class Told {
 public:
  /// Takes one line: config|unit|environment|openrc|sourced PATH, text BASE64 (of the file last named), inode INODE
  /// PATH, open PROCESS INODE PATH, foreign PATH, stopped, whole. Throws: storage for what makes no sense, and for more
  /// than a node can mean.
  void add(std::string_view line);

  /// All was told: what is not here is not there.
  bool whole() const { return whole_; }

  const std::vector<NodeFile>& files() const { return files_; }
  std::vector<NodeFile> files_of(FileKind kind) const;
  const std::vector<OpenDatabase>& open() const { return open_; }
  /// The service k3s is not running: what is open is of a k3s under another name.
  bool stopped() const { return stopped_; }

  /// Links among the configs that are not followed (k3s/gather_script).
  const std::vector<std::string>& foreign() const { return foreign_; }

  /// "DEVICE:NUMBER"; empty when it is not there, or was not asked for.
  std::string inode_of(const std::string& path) const;

  /// Whether both paths lead to the same file or directory, or would.
  bool same(const std::string& one, const std::string& other) const;

 private:
  void add_text(std::string_view base64);

  std::vector<NodeFile> files_;
  std::vector<OpenDatabase> open_;
  std::vector<std::string> foreign_;
  std::map<std::string, std::string> inodes_;
  std::size_t size_bytes_ = 0;
  bool whole_ = false;
  bool stopped_ = false;
};

/// `path` without doubled and trailing slashes, "." and ".."; a relative one from `directory`.
std::string plain_path(const std::string& path, const std::string& directory = "/");

}  // namespace k3s
