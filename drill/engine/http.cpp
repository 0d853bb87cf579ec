#include "drill/engine/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace drill {
namespace {

// libcurl's global state is made before the first handle and lives as long as the process.
void initialise_curl() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (code != CURLE_OK) throw std::bad_alloc();
}

curl_blob blob(const std::string& text) { return {const_cast<char*>(text.data()), text.size(), CURL_BLOB_NOCOPY}; }

// What a transfer in flight writes to; an exception of the sink is kept until libcurl has returned.
struct Transfer {
  CURL* handle = nullptr;
  std::function<void(std::string_view)> sink;
  std::function<void(std::string_view)> header_sink;
  std::exception_ptr thrown;
  curl_slist* headers = nullptr;

  ~Transfer() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
  }
};

size_t hand_to(const std::function<void(std::string_view)>& sink, std::string_view bytes, Transfer& transfer) {
  try {
    sink(bytes);
    return bytes.size();
  } catch (...) {
    transfer.thrown = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
}

extern "C" size_t take_body(char* bytes, size_t size, size_t count, void* transfer_pointer) {
  auto& transfer = *static_cast<Transfer*>(transfer_pointer);
  return hand_to(transfer.sink, {bytes, size * count}, transfer);
}

extern "C" size_t take_header(char* bytes, size_t size, size_t count, void* transfer_pointer) {
  auto& transfer = *static_cast<Transfer*>(transfer_pointer);
  return hand_to(transfer.header_sink, {bytes, size * count}, transfer);
}

extern "C" int look_for_cancel(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return core::cancel_requested() ? 1 : 0;
}

extern "C" curl_socket_t hand_out_socket(void* open_socket, curlsocktype, curl_sockaddr*) {
  try {
    return (*static_cast<std::function<core::Fd()>*>(open_socket))().release();
  } catch (...) {
    return CURL_SOCKET_BAD;
  }
}

[[noreturn]] void throw_transfer_error(CURLcode code, const std::string& url, const Transfer& transfer) {
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  core::throw_if_cancelled();
  const auto kind = code == CURLE_OPERATION_TIMEDOUT ? core::ErrorKind::timeout : core::ErrorKind::unreachable;
  throw core::Error(kind, fmt::format("{}: {}", url, curl_easy_strerror(code)));
}

}  // namespace

struct HttpClient::State {
  HttpOptions options;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  CURLM* multi = curl_multi_init();

  ~State() { curl_multi_cleanup(multi); }

  // How long a request that begins now may take. Throws: timeout when there is nothing left.
  long patience_milliseconds(const std::string& url) const {
    if (deadline == std::chrono::steady_clock::time_point::max()) return static_cast<long>(options.timeout.count());
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) throw core::Error(core::ErrorKind::timeout, url + ": not answered in the time there was");
    return static_cast<long>(std::min(left, options.timeout).count());
  }

  // Appends to a part of `response`, which is held to its size.
  std::function<void(std::string_view)> keep_in(HttpResponse& response, std::string& part, const std::string& url) {
    return [this, &response, &part, &url](std::string_view bytes) {
      if (response.headers.size() + response.body.size() + bytes.size() > options.most_answer_bytes)
        throw core::Error(core::ErrorKind::storage,
                          fmt::format("{}: the answer is larger than {} bytes", url, options.most_answer_bytes));
      part.append(bytes);
    };
  }

  std::unique_ptr<Transfer> prepare(const HttpRequest& request) {
    auto transfer = std::make_unique<Transfer>();
    CURL* handle = transfer->handle = curl_easy_init();
    if (handle == nullptr) throw std::bad_alloc();
    curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    transfer->headers = curl_slist_append(nullptr, ("Accept: " + request.accept).c_str());
    for (const std::string& header : request.more_headers)
      transfer->headers = curl_slist_append(transfer->headers, header.c_str());
    if (!request.body.empty()) {
      transfer->headers = curl_slist_append(transfer->headers, ("Content-Type: " + request.body_type).c_str());
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, request.body.data());
    }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "k3s-drill/" DRILL_VERSION);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_for_cancel);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    // Not HTTP/2: of requests that share a connection, libcurl 7.88 leaves about one in a thousand without its answer.
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    if (options.open_socket) {
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, hand_out_socket);
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &options.open_socket);
      curl_easy_setopt(handle, CURLOPT_PROXY, "");
    }
    if (!options.unix_socket.empty()) {
      curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
      curl_easy_setopt(handle, CURLOPT_PROXY, "");
    }
    if (!options.unix_socket.empty() && options.ca_pem.empty()) {
      curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
      // libcurl 7.88 finds a broken frame on a connection to kine that it comes back to.
      curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    }
    set_certificates(handle);
    return transfer;
  }

  void set_certificates(CURL* handle) {
    if (!options.ca_pem.empty()) {
      curl_blob ca = blob(options.ca_pem);
      curl_easy_setopt(handle, CURLOPT_CAINFO_BLOB, &ca);
    }
    if (options.certificate_pem.empty()) return;
    curl_blob certificate = blob(options.certificate_pem);
    curl_blob key = blob(options.key_pem);
    curl_easy_setopt(handle, CURLOPT_SSLCERT_BLOB, &certificate);
    curl_easy_setopt(handle, CURLOPT_SSLKEY_BLOB, &key);
  }
};

HttpClient::HttpClient(HttpOptions options) {
  initialise_curl();
  state_ = std::make_unique<State>();
  state_->options = std::move(options);
  curl_multi_setopt(state_->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(state_->options.connections));
}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

void HttpClient::finish_by(std::chrono::steady_clock::time_point deadline) { state_->deadline = deadline; }

HttpResponse HttpClient::send(const HttpRequest& request) {
  HttpResponse answer;
  send_all({request}, [&](std::size_t, HttpResponse&& response) { answer = std::move(response); });
  return answer;
}

HttpResponse HttpClient::get(const std::string& url, const std::string& accept) {
  HttpRequest request;
  request.url = url;
  request.accept = accept;
  return send(request);
}

void HttpClient::get_all(const std::vector<std::string>& urls, const std::string& accept, const Take& take) {
  std::vector<HttpRequest> requests(urls.size());
  for (std::size_t i = 0; i < urls.size(); ++i) {
    requests[i].url = urls[i];
    requests[i].accept = accept;
  }
  send_all(requests, take);
}

void HttpClient::send_all(const std::vector<HttpRequest>& requests, const Take& take) {
  CURLM* multi = state_->multi;
  std::vector<HttpResponse> responses(requests.size());
  std::vector<std::unique_ptr<Transfer>> transfers(requests.size());
  // A handle must leave the multi before it dies, whichever way we leave.
  const auto detach = [&](std::size_t i) {
    if (transfers[i]) curl_multi_remove_handle(multi, transfers[i]->handle);
    transfers[i].reset();
  };
  const std::shared_ptr<void> detach_all(nullptr, [&](void*) {
    for (std::size_t i = 0; i < requests.size(); ++i) detach(i);
  });

  std::size_t next = 0;
  std::size_t done = 0;
  while (done < requests.size()) {
    for (; next < requests.size() && next - done < state_->options.connections; ++next) {
      transfers[next] = state_->prepare(requests[next]);
      HttpResponse& response = responses[next];
      transfers[next]->sink = state_->keep_in(response, response.body, requests[next].url);
      transfers[next]->header_sink = state_->keep_in(response, response.headers, requests[next].url);
      CURL* handle = transfers[next]->handle;
      curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_header);
      curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfers[next].get());
      curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, state_->patience_milliseconds(requests[next].url));
      curl_easy_setopt(handle, CURLOPT_PRIVATE, reinterpret_cast<char*>(next));
      curl_multi_add_handle(multi, handle);
    }
    int running = 0;
    curl_multi_perform(multi, &running);
    int queued = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &queued)) {
      char* tag = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &tag);
      const auto i = reinterpret_cast<std::size_t>(tag);
      if (message->data.result != CURLE_OK) throw_transfer_error(message->data.result, requests[i].url, *transfers[i]);
      curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &responses[i].status);
      detach(i);
      ++done;
      take(i, std::move(responses[i]));
      responses[i] = {};
    }
    if (running > 0) curl_multi_poll(multi, nullptr, 0, 100, nullptr);
    if (state_->options.meanwhile) state_->options.meanwhile();
    core::throw_if_cancelled();
  }
}

void HttpClient::download(const std::string& url, const std::function<void(std::string_view)>& sink) {
  HttpRequest request;
  request.url = url;
  const std::unique_ptr<Transfer> transfer = state_->prepare(request);
  transfer->sink = sink;
  curl_easy_setopt(transfer->handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(transfer->handle, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(transfer->handle, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(transfer->handle, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(state_->options.timeout.count()));
  curl_easy_setopt(transfer->handle, CURLOPT_LOW_SPEED_LIMIT, 1000L);
  curl_easy_setopt(transfer->handle, CURLOPT_LOW_SPEED_TIME, 30L);
  const CURLcode code = curl_easy_perform(transfer->handle);
  if (code == CURLE_HTTP_RETURNED_ERROR) {
    long status = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    throw core::Error(core::ErrorKind::not_found, fmt::format("{}: the server answers {}", url, status));
  }
  if (code != CURLE_OK) throw_transfer_error(code, url, *transfer);
}

}  // namespace drill
