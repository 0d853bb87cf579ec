#include "drill/engine/kine_client.hpp"

#include <fmt/format.h>

#include <sstream>

#include "core/error.hpp"

namespace drill {
namespace {

constexpr std::uint64_t kPageKeys = 4000;  // some ten megabytes; each page costs kine a look at all keys
constexpr std::size_t kPrefixBytes = 5;

HttpOptions options_for(const core::Fd& socket, std::function<void()> meanwhile) {
  HttpOptions options;
  options.unix_socket = fmt::format("/proc/self/fd/{}", socket.get());
  options.meanwhile = std::move(meanwhile);
  return options;
}

std::string framed(const std::string& message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  std::string frame(1, '\0');
  for (const int shift : {24, 16, 8, 0}) frame += static_cast<char>(size >> static_cast<unsigned>(shift));
  return frame + message;
}

std::string unframed(std::string body) {
  std::uint32_t size = 0;
  for (std::size_t i = 1; i < kPrefixBytes && i < body.size(); ++i)
    size = size << 8U | static_cast<unsigned char>(body[i]);
  if (body.size() < kPrefixBytes || body[0] != '\0' || body.size() - kPrefixBytes != size)
    throw core::Error(core::ErrorKind::damaged, "the datastore's answer is no gRPC message");
  return body.erase(0, kPrefixBytes);
}

// Trailers "grpc-status: 5" and "grpc-message: ..."; empty when there is no such line.
std::string header_value(const std::string& headers, std::string_view name) {
  std::istringstream lines(headers);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name) || line.size() < name.size() + 2) continue;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    return line.substr(name.size() + 2);
  }
  return {};
}

}  // namespace

KineClient::KineClient(core::Fd socket, std::function<void()> meanwhile, std::chrono::steady_clock::time_point deadline)
    : socket_(std::move(socket)), http_(options_for(socket_, std::move(meanwhile))) {
  http_.finish_by(deadline);
}

std::string KineClient::ask(const std::string& request) {
  HttpRequest call;
  call.method = "POST";
  call.url = "http://kine/etcdserverpb.KV/Range";
  call.body = framed(request);
  call.body_type = "application/grpc";
  call.accept = "application/grpc";
  call.more_headers = {"te: trailers"};
  HttpResponse response = http_.send(call);
  const std::string status = header_value(response.headers, "grpc-status");
  if (response.status != 200 || (!status.empty() && status != "0"))
    throw core::Error(core::ErrorKind::unreachable,
                      fmt::format("the datastore refuses (HTTP {}, gRPC {}): {}", response.status, status,
                                  header_value(response.headers, "grpc-message")));
  return unframed(std::move(response.body));
}

std::uint64_t KineClient::count(std::string_view first, std::string_view end) {
  return read_count_response(ask(count_request(first, end)));
}

void KineClient::range(std::string_view first, std::string_view end, core::Revision revision,
                       const std::function<void(const StoredValue&)>& take) {
  std::string from(first);
  for (bool more = true; more;) {
    const std::string answer = ask(range_request(from, end, revision, kPageKeys));
    std::string last;
    more = read_range_response(answer, [&](const StoredValue& stored) {
      last = stored.key;
      take(stored);
    });
    if (more && last < from) throw core::Error(core::ErrorKind::damaged, "the datastore answers in circles");
    from = last + '\0';
  }
}

}  // namespace drill
