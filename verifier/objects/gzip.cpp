#include "verifier/objects/gzip.hpp"

#include <zlib.h>

#include <array>
#include <string>

#include "core/base64.hpp"
#include "core/error.hpp"

namespace verifier {
namespace {

constexpr std::uint64_t kMostUnpacked = 256U << 20U;

class Inflater {
 public:
  explicit Inflater(std::string_view packed) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream_.avail_in = static_cast<uInt>(packed.size());
    constexpr int gzip_only = 15 + 16;
    if (inflateInit2(&stream_, gzip_only) != Z_OK)
      throw core::Error(core::ErrorKind::storage, "there is no memory for unpacking");
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }

  bool is_sound() {
    std::array<Bytef, 65'536> page;
    int code = Z_OK;
    while (code == Z_OK && stream_.total_out <= kMostUnpacked) {
      stream_.next_out = page.data();
      stream_.avail_out = static_cast<uInt>(page.size());
      code = inflate(&stream_, Z_NO_FLUSH);
    }
    return code == Z_OK || (code == Z_STREAM_END && stream_.avail_in == 0);
  }

 private:
  z_stream stream_{};
};

}  // namespace

bool looks_like_packed(std::string_view text) { return text.starts_with("H4sI"); }

bool is_packed(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  const auto packed = core::decode_base64(padded);
  return packed && Inflater(packed->view()).is_sound();
}

}  // namespace verifier
