#include "drill/sandbox/network.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "core/fd.hpp"

namespace drill {

bool raise_network(std::string_view address) noexcept {
  const core::Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control) return false;
  ifreq loopback{};
  std::strcpy(loopback.ifr_name, "lo");
  loopback.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
  if (::ioctl(control.get(), SIOCSIFFLAGS, &loopback) != 0) return false;
  ifreq alias{};
  std::strcpy(alias.ifr_name, "lo:1");
  sockaddr_in ip{};
  ip.sin_family = AF_INET;
  if (::inet_pton(AF_INET, std::string(address).c_str(), &ip.sin_addr) != 1) return false;
  std::memcpy(&alias.ifr_addr, &ip, sizeof ip);
  return ::ioctl(control.get(), SIOCSIFADDR, &alias) == 0;
}

}  // namespace drill
