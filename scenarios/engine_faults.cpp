// What happens to the programs: the control plane that a drill or a node starts, and drill itself.
#include <fmt/format.h>
#include <signal.h>

#include "core/error.hpp"
#include "core/process.hpp"
#include "scenarios/room.hpp"
#include "scenarios/words.hpp"

namespace scenarios {
namespace {

// A copy of the stand-in that misbehaves in this way.
std::filesystem::path planted(Room& room, const std::string& fault) {
  const std::filesystem::path copy = room.directory() / "tmp" / ("k3s-" + std::to_string(room.facts.size()));
  room.facts["planted:" + copy.string()] = fault;
  const core::CommandResult made = core::run_command(
      {{(room.tools().scenarios / "standin/plant").string(), room.tools().k3s.string(), copy.string(), fault}});
  if (made.exit_code != 0) throw core::Error(core::ErrorKind::storage, "planting a fault: " + made.err);
  return copy;
}

void break_engine(Room& room, const Arguments& arguments) { room.set_engine(planted(room, arguments.text("with"))); }

void break_node(Room& room, const Arguments& arguments) {
  Node& node = room.node(arguments.text("node"));
  std::filesystem::copy_file(planted(room, arguments.text("with")),
                             node.variable("LAB_ROOT") + "/usr/local/bin/k3s-planted",
                             std::filesystem::copy_options::overwrite_existing);
  node.run("mount --bind /usr/local/bin/k3s-planted /usr/local/bin/k3s");
}

void heal_node(Room& room, const Arguments& arguments) {
  room.node(arguments.text("node")).run("umount --lazy /usr/local/bin/k3s");
}

void signal_drill(Room& room, int signal) {
  if (room.running_pid() == 0) throw core::Error(core::ErrorKind::usage, "no command runs: say so in 'during'");
  ::kill(room.running_pid(), signal);
}

void kill_drill(Room& room, const Arguments& arguments) {
  const bool at_once = arguments.text("by") == "SIGKILL";
  signal_drill(room, at_once ? SIGKILL : SIGTERM);
  if (at_once) room.wait_for_connections_to_end();
}

}  // namespace

std::vector<Fault> engine_faults() {
  const Argument with{"with", Kind::text,
                      "never-ready, crash-after-ready, crash-at-start, ignore-sigterm, lose=PREFIX or version=VERSION"};
  return {
      {"break-engine",
       "from now on the control plane that a drill starts misbehaves",
       {with},
       Need::standin,
       break_engine},
      {"break-k3s",
       "from now on the k3s that the node starts misbehaves",
       {{"node", Kind::node, "which", "edge"}, with},
       Need::standin,
       break_node},
      {"heal-k3s", "the node has its k3s back", {{"node", Kind::node, "which", "edge"}}, Need::standin, heal_node},
      {"kill-drill",
       "the command is ended, as by a reboot of the controller; killed, its connections are gone as well",
       {{"by", Kind::choice, "the signal", "SIGKILL", {"SIGKILL", "SIGTERM"}}},
       Need::nothing,
       kill_drill},
      {"pause-drill",
       "the command stands still, so that what follows here comes before its next step",
       {},
       Need::nothing,
       [](Room& room, const Arguments&) { signal_drill(room, SIGSTOP); }},
      {"resume-drill",
       "the command goes on",
       {},
       Need::nothing,
       [](Room& room, const Arguments&) { signal_drill(room, SIGCONT); }},
  };
}

}  // namespace scenarios
