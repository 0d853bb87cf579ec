// The admin kubeconfig that an engine writes: where its API is, whom it trusts, and the client certificate of its
// admin. Nothing else of it is used or passed on: a kubeconfig can also name a program for kubectl to run.
#pragma once

#include <cstdint>
#include <string>

#include "core/secret.hpp"

namespace drill {

struct Kubeconfig {
  std::string server;  // "https://127.0.0.1:6443"
  std::string ca_pem;  // of the certificates that the server has
  std::string certificate_pem;
  core::Secret key_pem;  // of that certificate
};

/// Of the first cluster and the first user in `text`. Throws: damaged when a field is missing, is no PEM, or the server
/// is no HTTPS address; usage for what is no YAML.
Kubeconfig parse_kubeconfig(const std::string& text);

struct Endpoint {
  std::string host;  // an IPv6 address without its brackets
  unsigned port = 443;
};

/// Where its server listens.
Endpoint endpoint_of(const Kubeconfig& config);

/// One of our own with these fields, for a server on `port` of 127.0.0.1.
std::string kubeconfig_for(const Kubeconfig& config, std::uint16_t port);

}  // namespace drill
