#include "puller/node/request.hpp"

#include "core/error.hpp"
#include "puller/page_hash.hpp"

namespace node {
namespace {

core::Error no_request(const std::string& what) {
  return core::Error(core::ErrorKind::storage, "this is no request of a pull: " + what);
}

std::uint32_t small_number(std::string_view text, const char* what) {
  const std::uint64_t value = ssh::parse_number(text, what);
  if (value > UINT32_MAX) throw no_request(std::string(what) + " is too large");
  return static_cast<std::uint32_t>(value);
}

Base read_base(ssh::FrameReader& in, std::string_view text) {
  Base base;
  base.page_size_bytes = small_number(ssh::take_word(text), "page size");
  base.page_count = small_number(ssh::take_word(text), "page count");
  if (base.page_count > puller::kBasePagesAtMost) throw no_request("the base is too large");
  base.salt = ssh::parse_number(ssh::take_word(text), "salt");
  const std::size_t size_bytes = puller::group_count(base.page_count) * puller::kShortHashBytes;
  if (ssh::parse_number(text, "size") != size_bytes) throw no_request("hashes of another count");
  in.bytes(size_bytes, [&](std::string_view block) { base.groups += block; });
  return base;
}

}  // namespace

Request read_request(ssh::FrameReader& in) {
  if (!in.find_hello()) throw no_request("it does not begin as one");
  Request request;
  for (ssh::Line line = in.line(); line.word != "go"; line = in.line()) {
    if (line.word == "request") {
      if (line.rest != "pull" && line.rest != "inspect") throw no_request("an unknown kind");
      request.kind = line.rest == "pull" ? puller::RequestKind::pull : puller::RequestKind::inspect;
    } else if (line.word == "read_transaction_seconds") {
      request.longest_read_transaction = std::chrono::seconds(small_number(line.rest, "seconds"));
    } else if (line.word == "wal_growth_bytes") {
      request.wal_growth_limit_bytes = ssh::parse_number(line.rest, "wal_growth_bytes");
    } else if (line.word == "spool_bytes") {
      request.spool_limit_bytes = ssh::parse_number(line.rest, "spool_bytes");
    } else if (line.word == "base") {
      request.base = read_base(in, line.rest);
    } else {
      throw no_request("an unknown word");
    }
  }
  return request;
}

}  // namespace node
