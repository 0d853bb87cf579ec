#include "puller/zstd_stream.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <new>
#include <string>
#include <utility>

#include "ssh/frames.hpp"

namespace puller {
namespace {

core::Error cannot_unpack(std::string_view why) {
  return ssh::no_stream(fmt::format("its pages cannot be unpacked: {}", why));
}

}  // namespace

struct ZstdStream::State {
  std::function<void(std::string_view)> sink;
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string buffer = std::string(ZSTD_DStreamOutSize(), '\0');
  bool ended = false;

  ~State() { ZSTD_freeDCtx(context); }
};

ZstdStream::ZstdStream(std::function<void(std::string_view)> sink) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr ||
      ZSTD_isError(ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kWindowLog)) != 0)
    throw std::bad_alloc();
  state_->sink = std::move(sink);
}

ZstdStream::~ZstdStream() = default;

void ZstdStream::feed(std::string_view block) {
  ZSTD_inBuffer in{block.data(), block.size(), 0};
  bool full = false;
  while (in.pos < in.size || full) {
    if (state_->ended) throw cannot_unpack("they go on after their end");
    ZSTD_outBuffer out{state_->buffer.data(), state_->buffer.size(), 0};
    const std::size_t left = ZSTD_decompressStream(state_->context, &out, &in);
    if (ZSTD_isError(left) != 0) throw cannot_unpack(ZSTD_getErrorName(left));
    state_->ended = left == 0;
    full = !state_->ended && out.pos == out.size;
    if (out.pos > 0) state_->sink({state_->buffer.data(), out.pos});
  }
}

void ZstdStream::finish() {
  if (!state_->ended) throw cannot_unpack("they end early");
}

}  // namespace puller
