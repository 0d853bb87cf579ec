// HTTP(S) GET, one or many at once. The door to libcurl: the restored API server, and downloads of k3s releases.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"

namespace drill {

struct HttpResponse {
  long status = 0;
  std::string body;
};

struct HttpOptions {
  std::string ca_pem;           // empty: the system's trust store
  std::string certificate_pem;  // of the client, with `key_pem`; empty: none
  std::string key_pem;
  std::function<core::Fd()> open_socket;                        // empty: an ordinary one
  std::chrono::milliseconds timeout{std::chrono::seconds(30)};  // of one request
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  /// Throws: unreachable, timeout, cancelled. A status of 4xx or 5xx is a result.
  HttpResponse get(const std::string& url, const std::string& accept = "*/*");

  /// The same for many, several at once over one connection where the server speaks HTTP/2. In the order of `urls`.
  std::vector<HttpResponse> get_all(const std::vector<std::string>& urls, const std::string& accept);

  /// Streams a body to `sink`, following redirects. Throws: as get, and not_found for any status but 200.
  void download(const std::string& url, const std::function<void(std::string_view)>& sink);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drill
