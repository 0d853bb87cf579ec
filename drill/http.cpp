#include "drill/http.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>

#include "core/cancel.hpp"
#include "core/error.hpp"

namespace drill {
namespace {

constexpr long kConcurrentRequests = 8;

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
  std::exception_ptr thrown;
  curl_slist* headers = nullptr;

  ~Transfer() {
    curl_easy_cleanup(handle);
    curl_slist_free_all(headers);
  }
};

extern "C" size_t take_body(char* bytes, size_t size, size_t count, void* transfer_pointer) {
  auto& transfer = *static_cast<Transfer*>(transfer_pointer);
  try {
    transfer.sink(std::string_view(bytes, size * count));
    return size * count;
  } catch (...) {
    transfer.thrown = std::current_exception();
    return CURL_WRITEFUNC_ERROR;
  }
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
  CURLM* multi = curl_multi_init();

  ~State() { curl_multi_cleanup(multi); }

  std::unique_ptr<Transfer> prepare(const std::string& url, const std::string& accept) {
    auto transfer = std::make_unique<Transfer>();
    CURL* handle = transfer->handle = curl_easy_init();
    if (handle == nullptr) throw std::bad_alloc();
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    transfer->headers = curl_slist_append(nullptr, ("Accept: " + accept).c_str());
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "k3s-drill/" DRILL_VERSION);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, look_for_cancel);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(handle, CURLOPT_PIPEWAIT, 1L);
    if (options.open_socket) {
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, hand_out_socket);
      curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &options.open_socket);
      curl_easy_setopt(handle, CURLOPT_PROXY, "");
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
  curl_multi_setopt(state_->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

HttpResponse HttpClient::get(const std::string& url, const std::string& accept) {
  return get_all({url}, accept).front();
}

std::vector<HttpResponse> HttpClient::get_all(const std::vector<std::string>& urls, const std::string& accept) {
  CURLM* multi = state_->multi;
  std::vector<HttpResponse> responses(urls.size());
  std::vector<std::unique_ptr<Transfer>> transfers(urls.size());
  // A handle must leave the multi before it dies, whichever way we leave.
  const auto detach = [&](std::size_t i) {
    if (transfers[i]) curl_multi_remove_handle(multi, transfers[i]->handle);
    transfers[i].reset();
  };
  const std::shared_ptr<void> detach_all(nullptr, [&](void*) {
    for (std::size_t i = 0; i < urls.size(); ++i) detach(i);
  });

  std::size_t next = 0;
  std::size_t done = 0;
  while (done < urls.size()) {
    for (; next < urls.size() && next - done < static_cast<std::size_t>(kConcurrentRequests); ++next) {
      transfers[next] = state_->prepare(urls[next], accept);
      transfers[next]->sink = [&body = responses[next].body](std::string_view bytes) { body.append(bytes); };
      curl_easy_setopt(transfers[next]->handle, CURLOPT_TIMEOUT_MS, static_cast<long>(state_->options.timeout.count()));
      curl_easy_setopt(transfers[next]->handle, CURLOPT_PRIVATE, reinterpret_cast<char*>(next));
      curl_multi_add_handle(multi, transfers[next]->handle);
    }
    int running = 0;
    curl_multi_perform(multi, &running);
    int queued = 0;
    while (CURLMsg* message = curl_multi_info_read(multi, &queued)) {
      char* tag = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &tag);
      const auto i = reinterpret_cast<std::size_t>(tag);
      if (message->data.result != CURLE_OK) throw_transfer_error(message->data.result, urls[i], *transfers[i]);
      curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &responses[i].status);
      detach(i);
      ++done;
    }
    if (running > 0) curl_multi_poll(multi, nullptr, 0, 100, nullptr);
    core::throw_if_cancelled();
  }
  return responses;
}

void HttpClient::download(const std::string& url, const std::function<void(std::string_view)>& sink) {
  const std::unique_ptr<Transfer> transfer = state_->prepare(url, "*/*");
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
