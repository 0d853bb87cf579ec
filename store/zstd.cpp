#include "store/zstd.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_d_stableOutBuffer
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <bit>
#include <new>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace store {
namespace {

constexpr int kAloneLevel = 9;
constexpr int kPatchLevel = 3;
constexpr int kWorkers = 2;
constexpr int kLargestWindowLog = 31;

std::size_t checked(std::size_t result, core::ErrorKind kind) {
  if (ZSTD_isError(result) == 0) return result;
  if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
  throw core::Error(kind, std::string("zstd: ") + ZSTD_getErrorName(result));
}

// The window has to reach over the content to the start of the reference.
int window_log_for(std::uint64_t size_bytes, std::string_view reference) {
  const auto log = std::bit_width(std::max<std::uint64_t>(size_bytes, reference.size()));
  return std::clamp(static_cast<int>(log), 20, kLargestWindowLog);
}

}  // namespace

struct Compressor::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  Sink sink;
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());

  ~State() { ZSTD_freeCCtx(context); }
  void set(ZSTD_cParameter parameter, int value) const {
    checked(ZSTD_CCtx_setParameter(context, parameter, value), core::ErrorKind::storage);
  }
  std::size_t push(ZSTD_inBuffer& in, ZSTD_EndDirective directive) {
    ZSTD_outBuffer room{out.data(), out.size(), 0};
    const std::size_t left = checked(ZSTD_compressStream2(context, &room, &in, directive), core::ErrorKind::storage);
    if (room.pos > 0) sink({out.data(), room.pos});
    return left;
  }
};

Compressor::Compressor(std::uint64_t size_bytes, std::string_view reference, Sink sink)
    : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  state_->sink = std::move(sink);
  state_->set(ZSTD_c_compressionLevel, reference.empty() ? kAloneLevel : kPatchLevel);
  state_->set(ZSTD_c_checksumFlag, 1);
  if (reference.empty()) {
    state_->set(ZSTD_c_nbWorkers, kWorkers);
  } else {  // workers would cut it into jobs, of which only the first sees the whole reference
    state_->set(ZSTD_c_enableLongDistanceMatching, 1);
    state_->set(ZSTD_c_windowLog, window_log_for(size_bytes, reference));
    checked(ZSTD_CCtx_refPrefix(state_->context, reference.data(), reference.size()), core::ErrorKind::storage);
  }
  checked(ZSTD_CCtx_setPledgedSrcSize(state_->context, size_bytes), core::ErrorKind::storage);
}

Compressor::~Compressor() = default;

void Compressor::feed(std::string_view block) {
  ZSTD_inBuffer in{block.data(), block.size(), 0};
  while (in.pos < in.size) state_->push(in, ZSTD_e_continue);
}

void Compressor::finish() {
  ZSTD_inBuffer in{nullptr, 0, 0};
  while (state_->push(in, ZSTD_e_end) != 0) {
  }
}

std::optional<std::uint64_t> announced_size(std::string_view beginning) {
  static_assert(kAnnouncementBytes == ZSTD_FRAMEHEADERSIZE_MAX);
  const unsigned long long size_bytes = ZSTD_getFrameContentSize(beginning.data(), beginning.size());
  if (size_bytes == ZSTD_CONTENTSIZE_UNKNOWN || size_bytes == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
  return size_bytes;
}

struct Decompressor::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ZSTD_outBuffer content{};
  bool ended = false;

  ~State() { ZSTD_freeDCtx(context); }
};

Decompressor::Decompressor(std::string_view reference, std::span<char> content) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  state_->content = {content.data(), content.size(), 0};
  const auto set = [&](ZSTD_dParameter parameter, int value) {
    checked(ZSTD_DCtx_setParameter(state_->context, parameter, value), core::ErrorKind::storage);
  };
  set(ZSTD_d_windowLogMax, kLargestWindowLog);
  set(ZSTD_d_stableOutBuffer, 1);
  if (!reference.empty())
    checked(ZSTD_DCtx_refPrefix(state_->context, reference.data(), reference.size()), core::ErrorKind::storage);
}

Decompressor::~Decompressor() = default;

void Decompressor::feed(std::string_view block) {
  ZSTD_inBuffer in{block.data(), block.size(), 0};
  while (in.pos < in.size) {
    if (state_->ended) throw core::Error(core::ErrorKind::damaged, "zstd: it goes on after its end");
    state_->ended =
        checked(ZSTD_decompressStream(state_->context, &state_->content, &in), core::ErrorKind::damaged) == 0;
  }
}

void Decompressor::finish() {
  if (!state_->ended) throw core::Error(core::ErrorKind::damaged, "zstd: it was cut short");
  if (state_->content.pos != state_->content.size)
    throw core::Error(core::ErrorKind::damaged, "zstd: it holds less than its manifest says");
}

}  // namespace store
