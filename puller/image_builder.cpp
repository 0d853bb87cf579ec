#include "puller/image_builder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "core/error.hpp"
#include "puller/page_hash.hpp"
#include "puller/zstd_stream.hpp"
#include "ssh/frames.hpp"

namespace puller {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::uint32_t kSmallestPage = 512;
constexpr std::uint32_t kLargestPage = 65536;
constexpr std::uint64_t kFrameBytes = 64U << 10U;  // more than a frame takes beside its content

Error disk_error(const std::filesystem::path& path) {
  Error error = core::system_error(errno, path.string());
  error.add_context("on this machine");
  return error;
}

bool possible_page_size(std::uint64_t size) {
  return size >= kSmallestPage && size <= kLargestPage && std::has_single_bit(size);
}

// Source: sqlite.org/fileformat2.html, 1.3.2: big-endian at offset 16, 1 stands for 65536.
std::uint32_t page_size_in_header(std::string_view image) {
  if (image.size() < 100) return 0;
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(static_cast<unsigned char>(image[at])); };
  const std::uint32_t size = byte(16) << 8U | byte(17);
  return size == 1 ? kLargestPage : size;
}

std::string with_size(std::string_view word, const std::string& bytes) {
  return fmt::format("{} {}\n", word, bytes.size()) + bytes;
}

}  // namespace

// The base as it was, for as long as hashes of it may be asked for; nothing is written meanwhile.
struct ImageBuilder::Base {
  void* address = nullptr;
  std::size_t size = 0;
  std::uint32_t page_size_bytes = 0;
  std::uint32_t page_count = 0;
  std::uint64_t salt = (std::uint64_t{std::random_device{}()} << 32U) | std::random_device{}();

  ~Base() { ::munmap(address, size); }
  std::string_view page(std::uint32_t index) const {
    return {static_cast<const char*>(address) + std::uint64_t{index} * page_size_bytes, page_size_bytes};
  }
};

// The stream of records, unpacked and taken apart: head byte after head byte, then the parts it announces.
class ImageBuilder::Records {
 public:
  explicit Records(ImageBuilder& image) : image_(image), stream_([this](std::string_view bytes) { parse(bytes); }) {}

  void feed(std::string_view block) { stream_.feed(block); }

  void finish() {
    stream_.finish();
    if (state_ != State::distance || shift_ != 0) throw ssh::no_stream("its last page is cut off");
  }

 private:
  enum class State { distance, low_parts, high_parts, content };

  void parse(std::string_view bytes) {
    while (!bytes.empty()) {
      if (state_ == State::content) {
        take_content(bytes);
        continue;
      }
      const auto byte = static_cast<unsigned char>(bytes.front());
      bytes.remove_prefix(1);
      if (state_ == State::distance) {
        take_distance(byte);
      } else if (state_ == State::low_parts) {
        parts_ = byte;
        state_ = State::high_parts;
      } else {
        begin_parts(byte);
      }
    }
  }

  void take_distance(unsigned char byte) {
    distance_ |= std::uint64_t{byte & 0x7fU} << shift_;
    shift_ += 7;
    if ((byte & 0x80U) != 0) {
      if (shift_ > 28) throw ssh::no_stream("a page number too large");
      return;
    }
    shift_ = 0;
    if (distance_ == 0) return begin_again();
    number_ += std::exchange(distance_, 0);
    if (number_ > image_.page_count_) throw ssh::no_stream("a page number out of place");
    state_ = State::low_parts;
  }

  void begin_again() {
    if (std::exchange(began_again_, true)) throw ssh::no_stream("page numbers without end");
    number_ = 0;
  }

  void begin_parts(unsigned high_bits) {
    parts_ |= high_bits << 8U;
    ++image_.pages_changed_;
    part_ = 0;
    next_part();
  }

  // Parts that follow each other are written as one.
  void next_part() {
    while (part_ < kPageParts && (parts_ >> part_ & 1U) == 0) ++part_;
    run_ = 0;
    while (part_ + run_ < kPageParts && (parts_ >> (part_ + run_) & 1U) != 0) ++run_;
    at_ = 0;
    state_ = run_ > 0 ? State::content : State::distance;
  }

  void take_content(std::string_view& bytes) {
    const std::uint32_t size = image_.page_size_bytes_ / kPageParts;
    const std::string_view block = bytes.substr(0, run_ * size - at_);
    const std::uint64_t page = (number_ - 1) * image_.page_size_bytes_;
    image_.write_part(page + std::uint64_t{part_} * size + at_, block);
    bytes.remove_prefix(block.size());
    at_ += static_cast<std::uint32_t>(block.size());
    if (at_ < run_ * size) return;
    part_ += run_;
    next_part();
  }

  ImageBuilder& image_;
  ZstdStream stream_;
  State state_ = State::distance;
  std::uint64_t distance_ = 0;
  unsigned shift_ = 0;
  std::uint64_t number_ = 0;
  bool began_again_ = false;
  unsigned parts_ = 0;
  std::uint32_t part_ = 0;  // of the run that is being read
  std::uint32_t run_ = 0;   // its length in parts
  std::uint32_t at_ = 0;    // bytes of it that were written
};

ImageBuilder::ImageBuilder(std::filesystem::path image)
    : path_(std::move(image)), file_(core::open_file(path_, O_RDWR | O_CREAT)) {
  struct stat file {};
  if (::fstat(file_.get(), &file) != 0) throw disk_error(path_);
  if (file.st_size == 0) return;
  auto base = std::make_unique<Base>();
  base->size = static_cast<std::size_t>(file.st_size);
  base->address = ::mmap(nullptr, base->size, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  if (base->address == MAP_FAILED) throw disk_error(path_);
  base->page_size_bytes = page_size_in_header({static_cast<const char*>(base->address), base->size});
  if (!possible_page_size(base->page_size_bytes) || base->size % base->page_size_bytes != 0 ||
      base->size / base->page_size_bytes > kBasePagesAtMost)
    return;
  base->page_count = static_cast<std::uint32_t>(base->size / base->page_size_bytes);
  base_ = std::move(base);
}

ImageBuilder::~ImageBuilder() = default;

std::string ImageBuilder::request() {
  if (!base_) return {};
  GroupHasher groups(base_->salt);
  for (std::uint32_t index = 0; index < base_->page_count; ++index) groups.add(base_->page(index));
  const std::string hashes = groups.finish();
  return with_size(fmt::format("base {} {} {}", base_->page_size_bytes, base_->page_count, base_->salt), hashes);
}

std::string ImageBuilder::page_hashes(std::string_view differing, std::uint64_t page_count) {
  if (!base_ || asked_) throw ssh::no_stream("hashes asked for out of place");
  if (page_count > UINT32_MAX || differing.size() != (group_count(static_cast<std::uint32_t>(page_count)) + 7) / 8)
    throw ssh::no_stream("a set of groups of another size");
  asked_.emplace();
  std::string hashes;
  for (std::uint32_t index = 0; index < std::min<std::uint64_t>(base_->page_count, page_count); ++index) {
    if (!has_bit(differing, index / kGroupPages)) continue;
    asked_->push_back(index);
    put_short_hash(hashes, short_hash(base_->page(index), base_->salt));
  }
  return with_size("hashes", hashes);
}

std::string ImageBuilder::part_hashes(std::string_view changed) {
  if (!base_ || !asked_ || std::exchange(parts_asked_, true)) throw ssh::no_stream("hashes asked for out of place");
  if (changed.size() < (asked_->size() + 7) / 8) throw ssh::no_stream("a set of pages of another size");
  std::string hashes;
  for (std::size_t i = 0; i < asked_->size(); ++i) {
    if (!has_bit(changed, i)) continue;
    for (std::uint32_t part = 0; part < kPageParts; ++part)
      put_short_hash(hashes, short_hash(page_part(base_->page((*asked_)[i]), part), base_->salt));
  }
  return with_size("hashes", hashes);
}

std::uint64_t ImageBuilder::size_announced(std::string_view announcement) {
  const std::uint64_t page_size = ssh::parse_number(ssh::take_word(announcement), "the page size");
  const std::uint64_t page_count = ssh::parse_number(ssh::take_word(announcement), "the page count");
  if (!possible_page_size(page_size) || page_count == 0 || page_count > UINT32_MAX || !ssh::is_sha256(announcement))
    throw ssh::no_stream("an image of impossible size");
  return page_size * page_count;
}

void ImageBuilder::check_room(std::uint64_t size_bytes) const {
  struct stat file {};
  struct statvfs disk {};
  if (::fstat(file_.get(), &file) != 0 || ::fstatvfs(file_.get(), &disk) != 0) throw disk_error(path_);
  const std::uint64_t room =
      static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize + static_cast<std::uint64_t>(file.st_size);
  if (disk.f_blocks != 0 && size_bytes > room)  // 0: it does not say
    throw Error(
        ErrorKind::storage,
        fmt::format("on this machine: {}: No space left on device: the image needs {} bytes, there is room for {}",
                    path_.string(), size_bytes, room));
}

void ImageBuilder::begin(std::string_view announcement) {
  if (records_ || whole_) throw ssh::no_stream("two images");
  check_room(size_announced(announcement));
  const std::uint64_t page_size = ssh::parse_number(ssh::take_word(announcement), "the page size");
  const std::uint64_t page_count = ssh::parse_number(ssh::take_word(announcement), "the page count");
  page_size_bytes_ = static_cast<std::uint32_t>(page_size);
  page_count_ = static_cast<std::uint32_t>(page_count);
  sha256_ = announcement;
  const bool based = base_ && base_->page_size_bytes == page_size;
  new_bytes_ = page_size * (page_count - std::min<std::uint64_t>(page_count, based ? base_->page_count : 0));
  base_.reset();  // before the file may become shorter than what is mapped of it
  if (::ftruncate(file_.get(), static_cast<off_t>(page_size * page_count)) != 0) throw disk_error(path_);
  records_ = std::make_unique<Records>(*this);
}

void ImageBuilder::begin_whole(std::uint64_t size_bytes) {
  if (records_ || whole_) throw ssh::no_stream("two images");
  check_room(size_bytes);
  base_.reset();  // before the file becomes shorter than what is mapped of it
  if (::ftruncate(file_.get(), 0) != 0) throw disk_error(path_);
  whole_ = true;
}

void ImageBuilder::append(std::string_view bytes) { write_part(written_bytes_, bytes); }

void ImageBuilder::feed(std::string_view block) {
  if (!records_) throw ssh::no_stream("pages of no image");
  // A frame may go on and say nothing; what incompressible pages take is known.
  const std::uint64_t image_bytes = std::uint64_t{page_size_bytes_} * page_count_;
  received_bytes_ += block.size();
  if (received_bytes_ > image_bytes + image_bytes / 32 + kFrameBytes) throw ssh::no_stream("pages without end");
  records_->feed(block);
}

core::CopiedFile ImageBuilder::finish() {
  if (!records_) throw ssh::no_stream("it has no state.db");
  records_->finish();
  if (written_bytes_ < new_bytes_)
    throw ssh::no_stream("pages are missing");  // a file with holes may take ages to hash
  core::CopiedFile image = core::hash_file(path_);
  if (image.sha256 != sha256_) throw Mismatch();
  return image;
}

void ImageBuilder::close() {
  base_.reset();
  file_.reset();
}

void ImageBuilder::write_part(std::uint64_t offset, std::string_view bytes) {
  written_bytes_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw disk_error(path_);
    offset += static_cast<std::uint64_t>(put);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

}  // namespace puller
