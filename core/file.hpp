// Whole-file reading, writing, copying and hashing, each with its errors told apart.
// Used by every room that touches a disk. Publishing is in core/atomic_file.hpp.
// What it does not do: follow the store's rules on names and modes; the callers do.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "core/fd.hpp"

namespace core {

/// Whether a call failed with `errno_value` because this file system has no such thing: NFS, SMB and FUSE may have no
/// locks, and no flushing of directories.
bool is_unsupported(int errno_value);

/// The directory `file` is in.
std::filesystem::path directory_of(const std::filesystem::path& file);

/// Opens `path` with O_CLOEXEC added to `flags`. Throws: not_found, denied, storage, naming the path.
Fd open_file(const std::filesystem::path& path, int flags, mode_t mode = 0600);

/// The whole content of `path`. Throws: storage when it is larger than `limit_bytes`; as open_file.
std::string read_file(const std::filesystem::path& path, std::uint64_t limit_bytes = 64U << 20U);

/// Opens a regular file for reading, for a place where others may have put anything: through no link, and never waiting
/// for what is no file. Throws: damaged for anything else than a regular file; as open_file.
Fd open_regular_file(const std::filesystem::path& path);

/// The whole content of such a file. Throws: damaged also when it is larger than `limit_bytes`; as above.
std::string read_regular_file(const std::filesystem::path& path, std::uint64_t limit_bytes = 64U << 20U);

/// Writes all of `bytes` to `fd`; `name` is for the message. Throws: storage (a full disk says so).
void write_all(int fd, std::string_view bytes, const std::filesystem::path& name);

/// Creates `path` (0600, must not exist) with `bytes`, flushed to disk. Throws: storage. Leaves: no file on failure.
void write_new_file(const std::filesystem::path& path, std::string_view bytes);

struct CopiedFile {
  std::uint64_t size_bytes = 0;
  std::string sha256;  // lower-case hex of the bytes that were read
};

/// Hands the content of `path` to `consume`, block after block. Returns its size and hash.
/// Throws: as open_file, cancelled, and what `consume` throws.
CopiedFile read_blocks(const std::filesystem::path& path, const std::function<void(std::string_view)>& consume);

/// The same of an open file, from where it stands; `name` is for the message.
CopiedFile read_blocks(int fd, const std::filesystem::path& name, const std::function<void(std::string_view)>& consume);

/// Copies `source` to the new file `target` (0600), hashing what is read. Not flushed: for scratch copies.
/// Throws: storage, cancelled. Leaves: no file on failure.
CopiedFile copy_file(const std::filesystem::path& source, const std::filesystem::path& target);

/// Size and hash of `path`. Throws: as open_file, cancelled.
CopiedFile hash_file(const std::filesystem::path& path);

/// Flushes a directory, so that names made in it survive a power loss; where a file system has no such
/// thing, that is all there is. Throws: storage.
void sync_directory(const std::filesystem::path& directory);

/// Removes a tree and never throws; for destructors and for what is left of a dead run.
void remove_tree(const std::filesystem::path& path) noexcept;

}  // namespace core
