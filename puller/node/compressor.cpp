#include "puller/node/compressor.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <new>
#include <utility>

#include "puller/node/problem.hpp"
#include "puller/zstd_stream.hpp"

namespace node {
namespace {

// The window covers what an hour changes. The tables are smaller than zstd's own choice: 48 MiB are for the whole
// program.
constexpr int kTableLog = 20;

}  // namespace

struct Compressor::State {
  std::function<void(std::string_view)> out;
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string buffer = std::string(ZSTD_CStreamOutSize(), '\0');
  ~State() { ZSTD_freeCCtx(context); }

  void set(ZSTD_cParameter parameter, int value) const {
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) != 0)
      throw Problem("copy_failed zstd refuses its settings");
  }

  void compress(std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    std::size_t left = 0;
    do {
      ZSTD_outBuffer block{buffer.data(), buffer.size(), 0};
      left = ZSTD_compressStream2(context, &block, &in, directive);
      if (ZSTD_isError(left) != 0) throw Problem(fmt::format("copy_failed zstd: {}", ZSTD_getErrorName(left)));
      if (block.pos > 0) out({buffer.data(), block.pos});
    } while (in.pos < in.size || (directive == ZSTD_e_end && left > 0));
  }
};

Compressor::Compressor(Effort effort, std::function<void(std::string_view)> out) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  state_->out = std::move(out);
  state_->set(ZSTD_c_compressionLevel, effort == Effort::thorough ? 12 : 3);
  state_->set(ZSTD_c_windowLog, puller::kWindowLog);
  state_->set(ZSTD_c_hashLog, kTableLog);
  state_->set(ZSTD_c_chainLog, kTableLog);
}

Compressor::~Compressor() = default;
void Compressor::put(std::string_view bytes) { state_->compress(bytes, ZSTD_e_continue); }
void Compressor::finish() { state_->compress({}, ZSTD_e_end); }

}  // namespace node
