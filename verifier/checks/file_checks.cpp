#include "verifier/checks/file_checks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/file.hpp"
#include "verifier/kine/foreign_text.hpp"
#include "verifier/kine/sqlite.hpp"

namespace verifier {
namespace {

constexpr std::string_view kMagic{"SQLite format 3\0", 16};
constexpr std::size_t kHeaderBytes = 100;

struct Header {
  std::array<char, kHeaderBytes> bytes{};

  std::uint32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) value = (value << 8U) | static_cast<unsigned char>(bytes[i]);
    return value;
  }
};

struct stat stat_of(int fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw core::system_error(errno, path.string());
  return status;
}

// The page count in the header counts only when it was written together with the change counter.
bool count_is_valid(const Header& header) {
  return header.number(28, 4) > 0 && header.number(24, 4) == header.number(92, 4);
}

void check_size(const Header& header, bool with_wal, Verification& result, CheckBuilder& check) {
  if (with_wal) {  // the WAL may hold a newer header and further pages; SQLite checks both together
    result.page_count = result.size_bytes / result.page_size_bytes;
    return;
  }
  const std::uint64_t counted = count_is_valid(header) ? header.number(28, 4) : 0;
  result.page_count = counted > 0 ? counted : result.size_bytes / result.page_size_bytes;
  if (result.size_bytes % result.page_size_bytes != 0) {
    check.error(fmt::format("the file is {} bytes long, which is no whole number of {}-byte pages: it was cut or torn",
                            result.size_bytes, result.page_size_bytes));
  } else if (counted * result.page_size_bytes > result.size_bytes) {
    check.error(fmt::format("the header counts {} pages of {} bytes, but the file holds {}: it was cut short", counted,
                            result.page_size_bytes, result.size_bytes / result.page_size_bytes));
  } else if (counted > 0 && counted * result.page_size_bytes < result.size_bytes) {
    check.warning(
        fmt::format("the header counts {} pages of {} bytes, but the file holds {}: it was copied while it grew, or "
                    "something was appended. SQLite reads those it counts; the other checks are about these",
                    counted, result.page_size_bytes, result.size_bytes / result.page_size_bytes));
  }
}

// How often the first page was written: the change counter in it, which never gets less.
constexpr std::size_t kCounter = 24;

// The counter that the first page has by the last frame of the WAL that is in use and holds it. Empty without one.
// Sums are not looked at: a frame that SQLite would not read has at most a later counter.
// Source: sqlite.org/fileformat2.html, section 4.
std::optional<std::uint32_t> counter_in_wal(const std::filesystem::path& database, std::uint32_t page_size) {
  std::filesystem::path path = database;
  path += "-wal";
  const core::Fd fd = core::open_file(path, O_RDONLY | O_NONBLOCK);
  Header head;
  const auto read = [&](std::uint64_t at, std::size_t size) {
    return ::pread(fd.get(), head.bytes.data(), size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  };
  if (!S_ISREG(stat_of(fd.get(), path).st_mode) || !read(0, 32)) return std::nullopt;
  const std::uint32_t salt = head.number(16, 4);
  const std::uint32_t other_salt = head.number(20, 4);
  if ((head.number(0, 4) | 1U) != 0x377f0683 || head.number(8, 4) != page_size) return std::nullopt;
  std::optional<std::uint32_t> counter;
  for (std::uint64_t at = 32; read(at, 24 + kCounter + 4); at += 24 + page_size) {
    if (head.number(8, 4) != salt || head.number(12, 4) != other_salt) break;
    if (head.number(0, 4) == 1) counter = head.number(24 + kCounter, 4);
  }
  return counter;
}

void check_wal(const Header& header, const Subject& subject, std::uint32_t page_size, CheckBuilder& check) {
  if (!has_wal(subject.database)) {
    const bool by_somebody = !subject.captured_sha256 && !subject.taken_at;
    if (header.bytes[18] == 2 && by_somebody)
      check.note(
          "no -wal lies beside it. That is right for a copy that SQLite or drill made; one that cp made lacks the "
          "newest "
          "changes: copy the -wal as well (k3s leaves it when it stops), or let drill pull take the copy");
    return;
  }
  const std::optional<std::uint32_t> counter = counter_in_wal(subject.database, page_size);
  if (counter && *counter < header.number(kCounter, 4))
    check.error(
        "the -wal beside it is of an earlier time: its pages would replace newer ones, and what was written since "
        "would "
        "be gone. Remove that -wal, or copy both at once while k3s is stopped");
}

}  // namespace

std::string check_file(const Subject& subject, Verification& result, CheckBuilder& check) {
  const auto give_up = [&](std::string reason) {
    check.error(reason);
    return reason;
  };
  if (subject.damage) return give_up(*subject.damage);
  const core::Fd fd = core::open_file(subject.database, O_RDONLY | O_NONBLOCK);
  const struct stat status = stat_of(fd.get(), subject.database);
  if (!S_ISREG(status.st_mode)) return give_up("the database is not a regular file");
  result.size_bytes = static_cast<std::uint64_t>(status.st_size);
  if (result.size_bytes == 0)
    return give_up("the database is empty (0 bytes): k3s would start a new, empty cluster from it");
  Header header;
  const ssize_t got = ::pread(fd.get(), header.bytes.data(), header.bytes.size(), 0);
  if (got < 0) throw core::system_error(errno, "reading " + subject.database.string());
  if (!std::string_view(header.bytes.data(), static_cast<std::size_t>(got)).starts_with(kMagic))
    return give_up("the file is not a SQLite database: its first 16 bytes are not SQLite's");
  if (static_cast<std::size_t>(got) < kHeaderBytes)
    return give_up("the file ends inside SQLite's header: it was cut short");
  const std::uint32_t stored = header.number(16, 2);
  const std::uint32_t page_size = stored == 1 ? 65536 : stored;
  if (page_size < 512 || (page_size & (page_size - 1)) != 0)
    return give_up(fmt::format("the header names a page size of {} bytes, which SQLite does not have", page_size));
  result.page_size_bytes = page_size;
  check_size(header, has_wal(subject.database), result, check);
  check_wal(header, subject, page_size, check);
  return {};
}

std::string check_hash(const Subject& subject, CheckBuilder& check) {
  if (subject.damage) {
    check.skip("skipped: there is no file to hash");
    return {};
  }
  struct stat status {};
  if (::stat(subject.database.c_str(), &status) != 0) throw core::system_error(errno, subject.database.string());
  if (!S_ISREG(status.st_mode)) {
    check.skip("skipped: the database is not a regular file");
    return {};
  }
  std::string sha256 = core::hash_file(subject.database).sha256;
  if (!subject.captured_sha256) {
    check.skip("skipped: no hash was taken when this file was captured");
  } else if (sha256 != *subject.captured_sha256) {
    check.error(fmt::format("the file changed since it was captured: its SHA-256 is {}, captured was {}", sha256,
                            printable(*subject.captured_sha256)));
  }
  return sha256;
}

}  // namespace verifier
