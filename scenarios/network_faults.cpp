// What happens between controller and node.
#include <fmt/format.h>

#include "core/shell_quote.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

void cut_ssh(Room& room, const Arguments& arguments) {
  room.node(arguments.text("node"))
      .run(
          "connections=$(pgrep -f '^sshd: [u]buntu'); kill -KILL $connections 2>/dev/null || true\n"
          "for one in $connections; do while kill -0 $one 2>/dev/null; do sleep 0.05; done; done");
}

// What a program has written to its socket would still come when it is gone, and that may be all of a small database.
void slow_network(Room& room, const Arguments& arguments) {
  room.node(arguments.text("node"))
      .run(fmt::format("echo 4096 16384 32768 >/proc/sys/net/ipv4/tcp_wmem\n"
                       "tc qdisc replace dev eth0 root tbf rate {}bps burst 64kb latency 400ms",
                       arguments.size_bytes("rate")));
}

void set_link(Room& room, const Arguments& arguments, const char* state) {
  room.node(arguments.text("node")).run(fmt::format("ip link set eth0 {}", state));
}

}  // namespace

std::vector<Fault> network_faults() {
  const Argument which{"node", Kind::node, "which", "edge"};
  return {
      {"cut-ssh", "all ssh connections to the node break", {which}, Need::node, cut_ssh},
      {"slow-network",
       "what comes from the node comes no faster than this",
       {which, {"rate", Kind::size, "in a second"}},
       Need::node,
       slow_network},
      {"hang-network",
       "nothing comes through any more, and nothing says so",
       {which},
       Need::node,
       [](Room& room, const Arguments& arguments) { set_link(room, arguments, "down"); }},
      {"heal-network",
       "the network is back, and as fast as ever",
       {which},
       Need::node,
       [](Room& room, const Arguments& arguments) {
         set_link(room, arguments, "up");
         room.node(arguments.text("node")).run("tc qdisc del dev eth0 root 2>/dev/null || true");
       }},
  };
}

}  // namespace scenarios
