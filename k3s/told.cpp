#include "k3s/told.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "core/base64.hpp"
#include "core/error.hpp"

namespace k3s {
namespace {

constexpr std::size_t kBytesAtMost = 24U << 20U;  // what a snapshot takes (store/limits.hpp), as base64
constexpr std::size_t kEntriesAtMost = 3000;

constexpr std::array<std::pair<std::string_view, FileKind>, 5> kKinds{{{"config", FileKind::config},
                                                                       {"unit", FileKind::unit},
                                                                       {"environment", FileKind::environment},
                                                                       {"openrc", FileKind::openrc},
                                                                       {"sourced", FileKind::sourced}}};

[[noreturn]] void refuse() {
  throw core::Error(core::ErrorKind::storage, "the node's answer about its k3s makes no sense");
}

std::string_view take_word(std::string_view& text) {
  const std::size_t space = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(std::min(space + 1, text.size()));
  return word;
}

}  // namespace

void Told::add(std::string_view line) {
  size_bytes_ += line.size() + 1;
  if (size_bytes_ > kBytesAtMost || files_.size() + open_.size() + inodes_.size() + foreign_.size() > kEntriesAtMost)
    throw core::Error(
        core::ErrorKind::storage,
        fmt::format("the node tells of more than {} files, or {} MiB of them, for its k3s: put the parts of "
                    "config.yaml.d there together",
                    kEntriesAtMost, kBytesAtMost >> 20U));
  const std::string_view word = take_word(line);
  for (const auto& [name, kind] : kKinds)
    if (word == name && line.starts_with('/')) return files_.push_back({kind, std::string(line), {}});
  if (word == "text") return add_text(line);
  if (word == "whole") {
    whole_ = true;
  } else if (word == "stopped") {
    stopped_ = true;
  } else if (word == "foreign") {
    foreign_.emplace_back(line);
  } else if (word == "inode") {
    const std::string_view inode = take_word(line);
    inodes_[plain_path(std::string(line))] = inode;
  } else if (word == "open") {
    const std::string_view process = take_word(line);
    const std::string_view inode = take_word(line);
    open_.push_back({std::string(process), std::string(inode), std::string(line)});
  }  // another word is a newer drill-node's
}

void Told::add_text(std::string_view base64) {
  const std::optional<core::Secret> bytes = core::decode_base64(base64);
  if (files_.empty() || !bytes) refuse();
  files_.back().text += bytes->view();
}

std::vector<NodeFile> Told::files_of(FileKind kind) const {
  std::vector<NodeFile> found;
  std::copy_if(files_.begin(), files_.end(), std::back_inserter(found),
               [&](const NodeFile& file) { return file.kind == kind; });
  return found;
}

std::string Told::inode_of(const std::string& path) const {
  const auto found = inodes_.find(plain_path(path));
  return found == inodes_.end() ? std::string() : found->second;
}

bool Told::same(const std::string& one, const std::string& other) const {
  if (plain_path(one) == plain_path(other)) return true;
  const std::string inode = inode_of(one);
  return !inode.empty() && inode == inode_of(other);
}

std::string plain_path(const std::string& path, const std::string& directory) {
  std::string whole = path.starts_with('/') ? path : directory + "/" + path;
  whole.erase(0, whole.find_first_not_of('/'));
  std::string plain = std::filesystem::path("/" + whole).lexically_normal();
  if (plain.size() > 1 && plain.ends_with('/')) plain.pop_back();
  return plain;
}

}  // namespace k3s
