// HTTP(S) requests, one or many at once. The door to libcurl: the restored API server, the datastore's socket, and
// downloads of k3s releases. What it does not do: check a status, or know what is in a body.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/fd.hpp"

namespace drill {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::string body;       // sent when not empty
  std::string body_type;  // its Content-Type
  std::string accept = "*/*";
  std::vector<std::string> more_headers;  // "te: trailers"
};

struct HttpResponse {
  long status = 0;
  std::string body;
  std::string headers;  // as they came, trailers included, a line each
};

struct HttpOptions {
  std::string ca_pem;           // empty: the system's trust store
  std::string certificate_pem;  // of the client, with `key_pem`; empty: none
  std::string key_pem;
  std::function<core::Fd()> open_socket;                        // empty: an ordinary one
  std::string unix_socket;                                      // path; without ca_pem plain HTTP/2 is spoken at once
  std::chrono::milliseconds timeout{std::chrono::seconds(30)};  // of one request
  std::size_t most_answer_bytes = 256U << 20U;                  // headers and body; what is more is an error
  unsigned connections = 8;                                     // at the most
  std::function<void()> meanwhile;                              // called while waiting, ten times a second at least
};

class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  /// From now on every request is over by then, whatever its own timeout and however much still comes.
  void finish_by(std::chrono::steady_clock::time_point deadline);

  /// Throws: unreachable, timeout, storage for an answer without end, cancelled. A status of 4xx or 5xx is a result.
  HttpResponse send(const HttpRequest& request);
  HttpResponse get(const std::string& url, const std::string& accept = "*/*");

  /// The same for many, several at once. `take` gets each answer, by the index of its URL, as soon as it is whole.
  using Take = std::function<void(std::size_t, HttpResponse&&)>;
  void get_all(const std::vector<std::string>& urls, const std::string& accept, const Take& take);

  /// Streams a body to `sink`, following redirects. Throws: as get, and not_found for any status but 200.
  void download(const std::string& url, const std::function<void(std::string_view)>& sink);

 private:
  void send_all(const std::vector<HttpRequest>& requests, const Take& take);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drill
