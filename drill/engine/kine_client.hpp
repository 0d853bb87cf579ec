// kine as kube-apiserver talks to it: etcd's Range over gRPC, on the datastore's own socket. For what the API does not
// list, and for the bytes behind what it does. What it does not do: write.
// Source: etcd api/etcdserverpb/rpc.proto v3.6; gRPC over HTTP/2: a byte, a length in four, one message each way.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "core/revision.hpp"
#include "drill/engine/http.hpp"
#include "drill/engine/protobuf.hpp"

namespace drill {

class KineClient {
 public:
  /// `socket`: a handle of the Unix socket, as of socket_inside(). `meanwhile` as in HttpOptions; `deadline` of all
  /// that is asked.
  KineClient(core::Fd socket, std::function<void()> meanwhile, std::chrono::steady_clock::time_point deadline);

  /// Hands on every key from `first` up to `end`, which is not among them, as of `revision`, in kine's order. The views
  /// live until `take` returns. Throws: unreachable (kine's own words), timeout, damaged, cancelled.
  void range(std::string_view first, std::string_view end, core::Revision revision,
             const std::function<void(const StoredValue&)>& take);

  /// How many keys there are from `first` up to `end` by now. Throws: as range.
  std::uint64_t count(std::string_view first, std::string_view end);

 private:
  std::string ask(const std::string& request);
  core::Fd socket_;
  HttpClient http_;
};

}  // namespace drill
