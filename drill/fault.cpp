#include "drill/fault.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>

#include "core/error.hpp"
#include "core/file.hpp"
#include "core/secret.hpp"

namespace drill {
namespace {

constexpr std::array<std::pair<Fault, std::string_view>, 5> kNames{{{Fault::flipped_bytes, "flipped-bytes"},
                                                                    {Fault::wrong_token, "wrong-token"},
                                                                    {Fault::truncated, "truncated"},
                                                                    {Fault::another_cluster, "another-cluster"},
                                                                    {Fault::stale_wal, "stale-wal"}}};

constexpr std::size_t kFlips = 64;
constexpr std::uint32_t kStalePages = 16;
constexpr std::size_t kHeaderBytes = 100;
// The digits of a UUID that may not be any: an offline check would see it. Source: RFC 9562, 4.
constexpr std::size_t kUuidVersion = 14;
constexpr std::size_t kUuidVariant = 19;

// A database file as memory; what is changed there is changed in the file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path) : fd_(core::open_file(path, O_RDWR)) {
    size_ = std::filesystem::file_size(path);
    if (size_ < kHeaderBytes) throw core::Error(core::ErrorKind::damaged, path.string() + " is no database");
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (memory == MAP_FAILED) throw core::system_error(errno, "mapping " + path.string());
    bytes_ = static_cast<char*>(memory);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile() { ::munmap(bytes_, size_); }

  char* begin() { return bytes_; }
  char* end() { return bytes_ + size_; }
  std::size_t size() const { return size_; }

  // Source: sqlite.org/fileformat.html, 1.3.2: big-endian, 1 stands for 65536.
  std::uint32_t page_bytes() const {
    const auto high = static_cast<unsigned char>(bytes_[16]);
    const auto low = static_cast<unsigned char>(bytes_[17]);
    const std::uint32_t size = std::uint32_t{high} << 8U | low;
    if (size != 1 && (size < 512 || (size & (size - 1)) != 0))
      throw core::Error(core::ErrorKind::damaged, "this is no database");
    return size == 1 ? 65536 : size;
  }

 private:
  core::Fd fd_;
  std::size_t size_ = 0;
  char* bytes_ = nullptr;
};

void flip_bytes(const std::filesystem::path& database) {
  MappedFile file(database);
  std::mt19937_64 random(file.size());
  std::uniform_int_distribution<std::size_t> place(kHeaderBytes, file.size() - 1);
  for (std::size_t i = 0; i < kFlips; ++i) file.begin()[place(random)] ^= static_cast<char>(1U << (i % 8));
}

void change_password(Material& twin) {
  if (!twin.token) throw core::Error(core::ErrorKind::not_found, "there is no token to make a wrong one of");
  core::Secret content = twin.token->content;
  const std::size_t last = content.view().find_last_not_of("\r\n");
  if (last != std::string_view::npos) content.data()[last] = content.view()[last] == 'x' ? 'y' : 'x';
  twin.token = verifier::parse_token(std::move(content));
}

void truncate(const std::filesystem::path& database) {
  const MappedFile file(database);
  const std::size_t pages = file.size() / file.page_bytes();
  std::filesystem::resize_file(database, (pages - pages / 3 - 1) * file.page_bytes());
}

void rename_cluster(const std::filesystem::path& database, std::string_view uid) {
  if (uid.empty()) throw core::Error(core::ErrorKind::damaged, "the snapshot does not say the uid of kube-system");
  MappedFile file(database);
  std::string other(uid);
  for (std::size_t at = 0; at < other.size(); ++at) {
    char& digit = other[at];
    if (digit == '-' || at == kUuidVersion || at == kUuidVariant) continue;
    digit = digit == '9' ? 'a' : digit == 'f' ? '0' : static_cast<char>(digit + 1);
  }
  std::size_t count = 0;
  for (char* at = file.begin(); (at = std::search(at, file.end(), uid.begin(), uid.end())) != file.end(); ++count)
    at = std::copy(other.begin(), other.end(), at);
  if (count == 0) throw core::Error(core::ErrorKind::damaged, "the uid of kube-system is nowhere in the file");
}

void put_big_endian(char* at, std::uint32_t number) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) *at++ = static_cast<char>(number >> shift);
}

// The running sums of a WAL over `size` bytes, as of the magic for little-endian words.
// Source: sqlite.org/fileformat.html, 4.2.
struct WalSums {
  std::uint32_t first = 0;
  std::uint32_t second = 0;

  void add(const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size; i += 8) {
      std::array<std::uint32_t, 2> words{};
      for (std::size_t k = 0; k < 8; ++k)
        words[k / 4] |= std::uint32_t{static_cast<unsigned char>(bytes[i + k])} << 8 * (k % 4);
      first += words[0] + second;
      second += words[1] + first;
    }
  }
  void put(char* at) const {
    put_big_endian(at, first);
    put_big_endian(at + 4, second);
  }
};

// Pages all over the file, each with what another page holds now: pages move in the life of a database.
void leave_stale_wal(const std::filesystem::path& database) {
  MappedFile file(database);
  const std::uint32_t page_bytes = file.page_bytes();
  const auto pages = static_cast<std::uint32_t>(file.size() / page_bytes);
  if (pages < 2 * kStalePages) throw core::Error(core::ErrorKind::damaged, "the database is too small for a stale WAL");
  WalSums sums;
  std::string wal(32, '\0');
  const std::array<std::uint32_t, 6> header{0x377f0682, 3007000, page_bytes, 0, 0x6b337364, 0x72696c6c};
  for (std::size_t i = 0; i < header.size(); ++i) put_big_endian(&wal[4 * i], header[i]);
  sums.add(wal.data(), 24);
  sums.put(&wal[24]);
  for (std::uint32_t i = 0; i < kStalePages; ++i) {
    const std::uint32_t page = 2 + i * (pages / kStalePages);
    const char* content = file.begin() + std::size_t{page} * page_bytes;  // of the page behind it
    std::string frame(24, '\0');
    put_big_endian(frame.data(), page);
    put_big_endian(&frame[4], i + 1 == kStalePages ? pages : 0);
    put_big_endian(&frame[8], header[4]);
    put_big_endian(&frame[12], header[5]);
    sums.add(frame.data(), 8);
    sums.add(content, page_bytes);
    sums.put(&frame[16]);
    wal += frame;
    wal.append(content, page_bytes);
  }
  core::write_new_file(database.string() + "-wal", wal);
}

}  // namespace

std::string_view to_string(Fault fault) {
  for (const auto& [known, name] : kNames)
    if (known == fault) return name;
  return {};
}

std::optional<Fault> fault_named(std::string_view name) {
  for (const auto& [fault, known] : kNames)
    if (known == name) return fault;
  return std::nullopt;
}

Fault fault_of_night(core::UtcTime now) {
  const auto days = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  return kFaults[static_cast<std::size_t>(days) % kFaults.size()];
}

void inflict(Fault fault, Material& twin, std::string_view kube_system_uid) {
  switch (fault) {
    case Fault::flipped_bytes:
      return flip_bytes(twin.database);
    case Fault::wrong_token:
      return change_password(twin);
    case Fault::truncated:
      return truncate(twin.database);
    case Fault::another_cluster:
      return rename_cluster(twin.database, kube_system_uid);
    case Fault::stale_wal:
      return leave_stale_wal(twin.database);
  }
}

}  // namespace drill
