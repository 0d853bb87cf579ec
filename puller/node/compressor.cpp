#include "puller/node/compressor.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <new>
#include <utility>

#include "puller/node/problem.hpp"

namespace node {
namespace {

// Measured on hourly images of a cluster (docs/benchmarks.md): the window covers what an hour changes, and the tables
// are as large as 48 MiB for the whole program leave room for.
constexpr int kLevel = 12;
constexpr int kWindowLog = 22;

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

Compressor::Compressor(std::function<void(std::string_view)> out) : state_(std::make_unique<State>()) {
  if (state_->context == nullptr) throw std::bad_alloc();
  state_->out = std::move(out);
  state_->set(ZSTD_c_compressionLevel, kLevel);
  state_->set(ZSTD_c_windowLog, kWindowLog);
}

Compressor::~Compressor() = default;
void Compressor::put(std::string_view bytes) { state_->compress(bytes, ZSTD_e_continue); }
void Compressor::finish() { state_->compress({}, ZSTD_e_end); }

}  // namespace node
