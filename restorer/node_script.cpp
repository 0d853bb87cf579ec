#include "restorer/node_script.hpp"

#include <fmt/format.h>

#include "core/mutation.hpp"
#include "core/shell_quote.hpp"
#include "k3s/gather_script.hpp"
#include "restorer/node_functions.hpp"

namespace restorer {
namespace {

constexpr std::string_view kClaim = R"sh(
give_up() {{ rm -rf "$work"; refuse "nothing can be written in $db: ${{unflushed:-no space}}; make room there"; }}
mkdir -p "$db" || refuse "nothing can be made in $data_dir; let root write there"
mkdir -m 700 "$work" || refuse "another drill restore has just begun here; wait for its end"
echo "$$ $(start_of $$)" >"$work/owner" || give_up
cat >"$work/rollback.new" <<'END OF ROLLBACK' || give_up
{}END OF ROLLBACK
flush && mv "$work/rollback.new" "$work/rollback.sh" || give_up
say end
exec cat >/dev/null
)sh";

// Only for a mutant: whoever is at work there.
constexpr std::string_view kClaimOver = R"sh(
mkdir -p "$work"
echo "$$ $(start_of $$)" >"$work/owner"
cat >"$work/rollback.sh" <<'END OF ROLLBACK'
{}END OF ROLLBACK
say end
exec cat >/dev/null
)sh";

// Who rolls back looks for us after it has taken its turn, and we look for turns after we have written that we are
// here: so never both go on.
constexpr std::string_view kClaimAgain = R"sh(
before='' since=''
{ read -r before since <"$work/owner"; } 2>/dev/null
ours && echo "$$ $(start_of $$)" >"$work/owner.new" && mv -f "$work/owner.new" "$work/owner" ||
  refuse "the restore was ended by another while the connection was lost"
for turn in "$work"/turn-*; do
  [ ! -L "$turn" ] || refuse "a rollback of this restore was begun by another while the connection was lost"
done
ours || refuse "the restore was ended by another while the connection was lost"
if lives "$before" "$since"; then kill "$before"; fi
say end
exec cat >/dev/null
)sh";

constexpr std::string_view kReceive = R"sh(
# The reserve is for a rollback on a disk that has become full.
head -c 1048576 /dev/zero >"$work/reserve" || refuse "no space in $work; make room there"
receive() {
  say "send $1"
  head -c "$2" >"$work/$1" || refuse "no space for $1 in $work; make room there"
  [ "$(size_of "$work/$1")" = "$2" ] && [ "$(hash_of "$work/$1")" = "$3" ] || refuse "$1 did not arrive as it was sent; restore once more"
}
)sh";

constexpr std::string_view kPulse = R"sh(
if service_runs; then fact service running; else fact service stopped; fi
fact holders "$(holders)"
# A journal may be there and have nothing of k3s.
lines=$(journalctl -q -u k3s -n 40 -o cat 2>/dev/null)
[ -n "$lines" ] || lines=$(tail -n 40 /var/log/k3s.log 2>/dev/null)
log() { printf '%s\n' "$lines"; }
complaint=$(log | grep -E 'level=(fatal|error)|^E[0-9]' | tail -n 1 | tr -d '\000-\037\177' | cut -c 1-300)
fact complaint "$complaint"
# Of the k3s that the restore has started: the one before may have ended in just that way. Both timestamps are the node's.
if since=$(date -r "$work/started" +%Y-%m-%dT%H:%M:%S 2>/dev/null); then
  fact failed_opens "$(log | awk -v since="time=\"$since" '
    /Configuring/ { failed = 0 }
    /Failed to ping database connection: .*(is not a database|database disk image is malformed)/ &&
      substr($0, 1, length(since)) > since { failed++ }
    END { print failed + 0 }')"
fi
)sh";

constexpr std::string_view kKubeconfig = R"sh(
if [ -s "$kubeconfig" ]; then
  text=$(cat "$kubeconfig")
  say "kubeconfig ${#text}"
  printf %s "$text"
fi
)sh";

// Before the first change there is nothing to be put back, and after the end of a restore neither.
constexpr std::string_view kRecover = R"sh(
if [ ! -s "$work/rollback.sh" ] && [ -s "$work/aside" ] && [ -e "$work/had" ]; then fact stands "$(cat "$work/aside")"; fi
if [ -s "$work/rollback.sh" ] && { [ -e "$work/stopping" ] || [ -e "$work/had" ]; }; then
  exec sh "$work/rollback.sh"
fi
if take_turn_unowned; then rm -rf "$work"; fi
rmdir "$db" "$server" "$data_dir" 2>/dev/null || :
)sh";

constexpr std::string_view kAccept = R"sh(
take_turn_unowned || refuse "nothing was cut off here"
wait_for_step
placed || refuse "what was sent is not in its place; --rollback puts back what was there before"
fact kept "$(cat "$work/aside")"
)sh";

// A state.db that is a symlink stays one: all of it happens where it leads to, beside the WAL that is there.
constexpr std::string_view kPlaces = R"sh(
[ -n "${database-}" ] || database=$(resolved "$server/db/state.db")
db=${database%/*} work=${database%/*}/.drill-restore
)sh";

constexpr std::string_view kHello = "say 'k3s-drill 1'\n";

constexpr std::string_view kMain = R"sh(
main() {{
  trap '' PIPE HUP
  {}step
  say end
  exit 0
}}
main
)sh";

std::string stop_words(const ScriptFacts& facts) {
  switch (facts.manager) {
    case Manager::systemd:
      return "systemctl stop k3s";
    case Manager::openrc:
      return "rc-service k3s stop";
    default:
      return "sh -c " + core::shell_quoted(facts.settings.stop_command);
  }
}

// systemctl would wait until k3s is ready; that is waited for, and given up, by its own clock.
std::string start_words(const ScriptFacts& facts) {
  switch (facts.manager) {
    case Manager::systemd:
      return "systemctl --no-block start k3s";
    case Manager::openrc:
      return "rc-service k3s start";
    default:
      return "sh -c " + core::shell_quoted(facts.settings.start_command);
  }
}

// What the command says of itself tells little: many fail when k3s was stopped already. A k3s that cannot open its
// database passes over the first SIGTERM and ends at the second, for which systemd by itself never asks. A sound one
// ends within three seconds, and a second SIGTERM does its database no harm.
std::string stop_line(const ScriptFacts& facts) {
  const std::string words = stop_words(facts);
  if (facts.manager != Manager::systemd) return fmt::format("with_timeout 600 {} || :", words);
  return fmt::format(
      "with_timeout 6 {0} || {{ systemctl kill --kill-who=main k3s; with_timeout 600 {0}; }} 2>/dev/null || :", words);
}

constexpr std::string_view kInsistOnStop = R"sh(until_stopped || refuse "$(why_not_stopped)")sh";

std::string start_line(const ScriptFacts& facts) {
  return fmt::format(R"sh(with_timeout {} {} || refuse "k3s does not start: $(last_words)")sh",
                     facts.settings.start_timeout.count(), start_words(facts));
}

std::string variables(const Settings& settings) {
  return fmt::format(
      "data_dir={}\nconfig_file={}\nkubeconfig={}\nstop_command={}\nstop_seconds={} flush_seconds={}\n"
      "server=$data_dir/server\n",
      core::shell_quoted(settings.target.data_dir.string()), core::shell_quoted(settings.target.config_file.string()),
      core::shell_quoted(settings.kubeconfig.string()), core::shell_quoted(settings.stop_command),
      settings.stop_timeout.count(), settings.flush_timeout.count());
}

std::string script(const std::string& head, std::string_view step, std::string_view hello = kHello) {
  return fmt::format("{}{}{}{}{}step() {{\n{}\n}}\n{}", head, k3s::kScriptPrologue, k3s::kNodeFunctions, kPlaces,
                     kRestoreFunctions, step, fmt::format(kMain, hello));
}

std::string variables(const ScriptFacts& facts) {
  return fmt::format("snapshot={}\ntimestamp={}\n{}manager={}\naside={}\ndatabase={}\n",
                     core::shell_quoted(facts.snapshot), core::shell_quoted(facts.timestamp), variables(facts.settings),
                     to_string(facts.manager), core::shell_quoted(facts.aside().string()),
                     core::shell_quoted(facts.directory() / "state.db"));
}

// Another may have put everything back while this one waited, or the restore may have come to its end after all.
std::string rollback_lines(const ScriptFacts& facts, std::string_view take_turn) {
  return fmt::format("if ours && {}; then wait_for_step; fi", take_turn) + R"sh(
if ! ours; then
  [ ! -d "$aside" ] || fact stands "$aside"
  [ ! -d "$db/rolled-back-$timestamp" ] || fact kept "$db/rolled-back-$timestamp"
  return 0
fi
)sh" + rollback_step(facts);
}

// The script of a step as it is, or with one thing of it done wrongly.
std::string with_mutant(std::string script, std::string_view mutant, std::string_view right, std::string_view wrong) {
  if (const std::size_t at = script.find(right); core::mutated(mutant) && at != std::string::npos)
    script.replace(at, right.size(), wrong);
  return script;
}

}  // namespace

std::string_view to_string(Manager manager) {
  switch (manager) {
    case Manager::none:
      return "none";
    case Manager::systemd:
      return "systemd";
    case Manager::openrc:
      return "openrc";
    case Manager::commands:
      return "commands";
  }
  return "none";
}

std::string stop_step(const ScriptFacts& facts) {
  if (core::mutated("restore-no-stop")) return R"sh(true >"$work/stopping")sh";
  return fmt::format(R"sh(true >"$work/stopping" || refuse "no space in $work; make room there"
{}
{})sh",
                     stop_line(facts), kInsistOnStop);
}

// What is there is written down before the first of it is moved.
std::string aside_step() {
  std::string script =
      R"sh(mkdir -m 700 "$aside" && echo "$aside" >"$work/aside" || refuse "$aside cannot be made; make room there"
for thing in state.db $things; do
  if there "$(place_of "$thing")"; then echo "had $thing"; else echo "not $thing"; fi
done >"$work/had.new" && mv "$work/had.new" "$work/had" && flush || unwritten
move_database "$db" "$aside" || refuse "state.db cannot be moved aside"
for thing in $things; do
  place=$(place_of "$thing")
  ! there "$place" || move "$place" "$aside/$thing" || refuse "$place cannot be moved aside"
done
flush)sh";
  script = with_mutant(std::move(script), "restore-keep-wal", R"(move_database "$db" "$aside")",
                       R"(mv "$db/state.db" "$aside")");
  return with_mutant(std::move(script), "restore-keep-tls", "done\nflush",
                     "done\nmv \"$aside/tls\" \"$server\"\nflush");
}

std::string place_step() {
  std::string script = R"sh(hash_of "$work/state.db" >"$work/placed" && flush || unwritten
for thing in state.db token; do
  owner=0:0 mode=600
  if [ -f "$aside/$thing" ]; then owner=$(stat -c %u:%g "$aside/$thing") mode=$(stat -c %a "$aside/$thing"); fi
  chown "$owner" "$work/$thing" && chmod "$mode" "$work/$thing" && mv "$work/$thing" "$(place_of "$thing")" ||
    refuse "$thing cannot be placed"
done
flush)sh";
  script = with_mutant(std::move(script), "restore-no-token", "done\nflush",
                       "done\ncp -p \"$aside/token\" \"$server/token\"\nflush");
  return with_mutant(std::move(script), "restore-open-mode", "done\nflush", "done\nchmod 644 \"$db/state.db\"\nflush");
}

std::string start_step(const ScriptFacts& facts) {
  return fmt::format(R"sh(true >"$work/started" && flush || unwritten
{})sh",
                     core::mutated("restore-no-start") ? "" : start_line(facts));
}

// Without its rollback a work directory is only rubbish: that is the point from which the restore stands.
std::string finish_step() { return R"sh(rm -f "$work/rollback.sh" && { flush; rm -rf "$work"; })sh"; }

// As long as nothing was moved k3s need not be stopped for it, and whoever else has the database open does no harm.
// What was written down is forgotten before k3s starts, so that a second run takes nothing from a living server.
std::string rollback_step(const ScriptFacts& facts) {
  const bool ran = facts.service == Service::running;
  return fmt::format(
      R"sh(all_kept=$db/rolled-back-$timestamp kept=$db/rolled-back-$timestamp/$turn
rm -f "$work/reserve"
if [ -f "$work/had" ]; then
{0}
{1}
  if served; then true >"$work/started" || refuse "no space in $work; make room there"; fi
  put_back
{2}fi
[ ! -d "$aside" ] || rmdir "$aside" || refuse "$aside is not empty"
[ -e "$work/started" ] || rm -rf "$all_kept"
flush
rm -f "$work/had"
{3}[ ! -d "$all_kept" ] || fact kept "$all_kept"
rm -f "$work/rollback.sh"
rm -rf "$work"{4})sh",
      stop_line(facts), kInsistOnStop,
      ran ? fmt::format("elif [ -f \"$work/stopping\" ]; then\n{}\n", stop_line(facts)) : "",
      ran ? fmt::format("if [ -f \"$work/stopping\" ]; then\n{}\n  fact service running\nfi\n", start_line(facts)) : "",
      facts.server == Server::absent ? "\nrmdir \"$db\" \"$server\" \"$data_dir\" 2>/dev/null || :" : "");
}

std::string step_script(const ScriptFacts& facts, std::string_view step) {
  return script(variables(facts), fmt::format("echo \"$$ $(start_of $$)\" >\"$work/step\"\n{}", step));
}

std::string rollback_script(const ScriptFacts& facts) {
  return script(variables(facts), rollback_lines(facts, "take_turn"));
}

std::string look_script(const Settings& settings) {
  return script(variables(settings), fmt::format("{}{}", k3s::kTellFunctions, kLook));
}

std::string read_script(const Settings& settings, const std::string& file) {
  return script(variables(settings),
                fmt::format("{}tell_file sourced {}\ntold whole", k3s::kTellFunctions, core::shell_quoted(file)));
}

std::string claim_script(const ScriptFacts& facts) {
  const std::string rollback = script(variables(facts), rollback_lines(facts, "take_turn_unowned"), "");
  if (core::mutated("restore-no-claim")) return script(variables(facts), fmt::format(kClaimOver, rollback));
  return script(variables(facts), fmt::format(kClaim, rollback));
}

std::string claim_again_script(const ScriptFacts& facts) { return script(variables(facts), kClaimAgain); }

// No step that a rollback would have to wait for: it changes nothing.
std::string receive_script(const ScriptFacts& facts, const std::vector<Parcel>& parcels) {
  std::string step =
      with_mutant(std::string(kReceive), "restore-no-hash", R"sh([ "$(hash_of "$work/$1")" = "$3" ])sh", "true");
  for (const Parcel& parcel : parcels)
    step += fmt::format("receive {} {} {}\n", parcel.name, parcel.size_bytes, parcel.sha256);
  return script(variables(facts), step + "flush || unwritten");
}

std::string pulse_script(const ScriptFacts& facts) { return script(variables(facts), kPulse); }

std::string kubeconfig_script(const ScriptFacts& facts) { return script(variables(facts), kKubeconfig); }

std::string recover_script(const Settings& settings) { return script(variables(settings), kRecover); }

std::string accept_script(const Settings& settings) {
  return script(variables(settings), fmt::format("{}{}", kAccept, finish_step()));
}

}  // namespace restorer
