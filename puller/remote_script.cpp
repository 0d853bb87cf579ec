#include "puller/remote_script.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/shell_quote.hpp"
#include "k3s/gather_script.hpp"

namespace puller {
namespace {

// For dash, bash and busybox. Read before changing:
// - The shell reads this text from stdin, block by block: all of it is functions, and the last line calls main, so that
//   nothing is left to be read when main gives stdin to the watchdog.
// - A trap waits for the command in the foreground; what may take long runs in the background and is waited for.
// - SIGPIPE is ignored, so that a write to a closed channel fails and the EXIT trap still runs.
constexpr std::string_view kLook = R"sh(
say() { printf '%s\n' "$*" || exit 4; }
fact() { say "fact $1 $2"; }
problem() { say "problem $*"; exit 3; }
# Why a step of the copy failed. On a full disk not even the error message finds a place.
copy_failed() {
  reason=$(tail -n 1 errors 2>/dev/null | cut -c 1-300)
  if [ -z "$reason" ] && [ "$(free_in "$db")" -lt 1048576 ]; then reason='No space left on device'; fi
  problem copy_failed "${reason:-$1}"
}

look() {
  fact arch "$(uname -m)"
  now=$(date +%s%N)
  case $now in *[!0-9]* | '') now=$(date +%s)000000000 ;; esac
  [ ${#now} -ge 19 ] || now=${now}000000000
  fact clock_nanoseconds "$now"
  if command -v k3s >/dev/null 2>&1; then
    version=$(k3s --version 2>/dev/null </dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p' | head -n 1)
    fact k3s_version "$version"
  fi
  tell_k3s
  db=$data_dir/server/db
  database=$(resolved "$db/state.db")
  if [ -d "$db/etcd/member" ]; then problem etcd "$db/etcd"; fi
  if [ ! -d "$data_dir/server" ] && [ -d "$data_dir/agent" ]; then problem agent_only "$data_dir"; fi
  if [ ! -f "$db/state.db" ]; then problem no_database "$db/state.db"; fi
  if [ ! -f "$data_dir/server/token" ]; then fact no_token "$data_dir/server/token"; fi
  if ! command -v sqlite3 >/dev/null 2>&1; then problem no_sqlite3; fi
  for tool in mktemp sha256sum stat; do
    command -v $tool >/dev/null 2>&1 || problem no_tool $tool
  done
  version=$(sqlite3 -version 2>/dev/null </dev/null | cut -d ' ' -f 1)
  fact sqlite_version "$version"
  database_bytes=$(size_of "$database")
  wal_bytes=$(size_of "$database-wal")
  free_bytes=$(free_in "$db")
  fact database_size_bytes "$database_bytes"
  fact wal_size_bytes "$wal_bytes"
  fact free_bytes "$free_bytes"
}
)sh";

constexpr std::string_view kCopy = R"sh(
directory='' child='' watchdog='' beater='' guard=''

# $1: exit status; that of the script when it ends by itself. A signal may come before it is ignored below: it then calls
# this again, which does all of it. An exit there would end the shell with the rest undone.
clean_up() {
  status=${1:-$?}
  trap - EXIT
  trap '' HUP INT TERM
  # The copying process first, so that it makes nothing new in a directory being removed.
  for process in $child $guard $beater $watchdog; do kill "$process" 2>/dev/null; done
  [ -z "$child" ] || wait "$child" 2>/dev/null
  cd /
  [ -z "$directory" ] || rm -rf "$directory"
  exit $status
}

# Ends us when the puller has gone: then stdin ends, however it went.
watch_stdin() {
  while read -r ignored; do :; done
  kill -TERM $$
}

# Says that we are alive while a long step is silent.
beat() {
  pause=''
  trap '[ -z "$pause" ] || kill $pause 2>/dev/null; exit 0' TERM
  while :; do
    sleep "$beat_seconds" >/dev/null 2>&1 &
    pause=$!
    wait $pause
    printf 'alive\n' || exit 0
  done
}

# Ends the copy, which is $1, when it costs the node more than it may; ends with the copy, as a signal that comes before
# the trap is set may be lost.
guard_copy() {
  pause=''
  trap '[ -z "$pause" ] || kill $pause 2>/dev/null; exit 0' TERM
  seconds=0
  while :; do
    sleep 1 >/dev/null 2>&1 &
    pause=$!
    wait $pause
    kill -0 "$1" || exit 0
    seconds=$((seconds + 1))
    look_at_costs
    if [ -s limit ]; then kill "$1"; exit 0; fi
  done
}

look_at_costs() {
  if [ $seconds -ge "$longest_seconds" ]; then echo "read_transaction $longest_seconds" >limit; fi
  if [ $(($(size_of "$database-wal") - wal_bytes)) -gt "$wal_growth_limit" ]; then echo "wal_growth $wal_growth_limit" >limit; fi
}

stop_beating() {
  kill "$beater" 2>/dev/null
  wait "$beater" 2>/dev/null
  beater=''
}

# What a pull left that was killed with the power or by SIGKILL. Its name says whose it was.
remove_leftovers() {
  for left in "$db"/.k3s-drill-*; do
    [ -d "$left" ] && [ ! -L "$left" ] || continue
    owner=${left##*/.k3s-drill-}
    started=${owner#*-} owner=${owner%%-*}
    started=${started%%-*}
    if [ "$(start_of "$owner")" != "$started" ]; then rm -rf "$left"; fi
  done
}

# Copies inside one read transaction: the transaction holds one state of the database however much k3s writes, so that
# .backup, which starts over when its source changes, never has to.
# Read-only when there is a WAL: then SQLite neither checkpoints it nor removes it, also when k3s is stopped and we are
# the last to close. Without a WAL k3s was stopped cleanly, and a read-only connection would leave an empty -wal and
# a -shm behind; an ordinary one takes them away again and has nothing to checkpoint.
copy_database() {
  mode=-readonly
  [ -e "$database-wal" ] || mode=-batch
  sqlite3 -batch -bail -init /dev/null -noheader -list $mode "$database" >measures 2>errors <<'END' &
.timeout 30000
BEGIN;
SELECT count(*) FROM sqlite_master;
SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
PRAGMA page_count;
PRAGMA page_size;
.backup main copy.db
SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
COMMIT;
END
  child=$!
  guard_copy "$child" 2>/dev/null 3<&- &
  guard=$!
  wait "$child"
  status=$?
  child=''
  kill "$guard" 2>/dev/null
  wait "$guard" 2>/dev/null
  guard=''
  seconds=0
  look_at_costs
  if [ -s limit ]; then problem limit "$(cat limit)"; fi
  set -- $(cat measures)
  if [ $status -ne 0 ] || [ -s errors ] || [ $# -ne 5 ]; then copy_failed "sqlite3 ended with $status"; fi
  if [ "$(size_of copy.db)" -ne $(($3 * $4)) ]; then copy_failed 'the copy has another size than the database'; fi
  fact read_transaction_nanoseconds $((($5 - $2) * 1000000))
  fact pages_total "$3"
  fact wal_growth_bytes $(($(size_of "$database-wal") - wal_bytes))
}

# A link that is put there meanwhile is copied as a link, and not taken.
take_config() {
  if [ ! -L "$1" ]; then
    cp -P "$1" "$2" || return
    [ ! -L "$2" ] || rm "$2"
  elif leads_where_root_says "$1"; then
    cp "$1" "$2"
  fi
}

# Copies first: size, hash and bytes must be those of one point in time.
copy_small_files() {
  {
    if [ -f "$data_dir/server/token" ]; then cp "$data_dir/server/token" token || return 1; fi
    if [ -f "$config_file" ]; then take_config "$config_file" config.yaml || return 1; fi
    may_follow "$config_file.d" || return 0
    config_parts "$config_file" | while read -r file; do
      name=$(printf '%s' "${file##*/}" | tr -c 'A-Za-z0-9._-' _)
      while [ -e "config.yaml.d-$name" ]; do name=_$name; done
      take_config "$file" "config.yaml.d-$name" || exit 1
      [ ! -f "config.yaml.d-$name" ] || echo "config.yaml.d-$name" >>parts
    done
  } 2>errors
}

send() {
  hash=$(sha256sum <"$1")
  say "item $1 $(size_of "$1") ${hash%% *}"
  cat "$1" || exit 4
}

pull() {
  trap clean_up EXIT
  trap 'clean_up 129' HUP
  trap 'clean_up 130' INT
  trap 'clean_up 143' TERM
  trap '' PIPE
  exec 3<&0
  watch_stdin <&3 >/dev/null 2>&1 &
  watchdog=$!
  remove_leftovers
  needed_bytes=$((database_bytes + wal_bytes + 16777216))
  if [ "$free_bytes" -lt $needed_bytes ]; then problem no_space "$free_bytes $needed_bytes $db"; fi
  directory=$(mktemp -d "$db/.k3s-drill-$$-$(start_of $$)-XXXXXX") ||
    copy_failed "no directory can be made in $db"
  cd "$directory" || copy_failed "$directory has gone"
  beat 2>/dev/null 3<&- &
  beater=$!
  copy_small_files || copy_failed 'the token or the configuration cannot be read'
  say copying
  copy_database
  database_bytes=$(size_of copy.db)
  # From here on the copy has no name: a slow link keeps no file alive that a crash could leave.
  exec 8<copy.db 9<copy.db
  rm -f copy.db
  sha256sum <&8 >hash &
  child=$!
  wait "$child" || copy_failed 'sha256sum failed'
  child=''
  read -r hash rest <hash
  database_hash=$hash
  stop_beating
  for name in token config.yaml $(cat parts 2>/dev/null); do
    if [ -f "$name" ]; then send "$name"; fi
  done
  cd /
  rm -rf "$directory"
  directory=''
  say "item state.db $database_bytes $database_hash"
  cat <&9 || exit 4
  say end
}

main() {
  say 'k3s-drill 1'
  look
  if [ "$request" = pull ]; then pull; else say end; fi
  exit 0
}
main
)sh";

}  // namespace

std::string remote_script(const Target& target, RequestKind kind) {
  const auto beat = std::max<std::chrono::seconds::rep>(1, target.idle_timeout.count() / 3);
  return fmt::format(
      "data_dir={}\nconfig_file={}\nbeat_seconds={}\nlongest_seconds={}\nwal_growth_limit={}\nrequest={}\n{}{}{}{}{}",
      core::shell_quoted(target.data_dir), core::shell_quoted(target.config_file), beat,
      target.limits.read_transaction.count(), target.limits.wal_growth_bytes,
      kind == RequestKind::pull ? "pull" : "inspect", k3s::kScriptPrologue, k3s::kNodeFunctions, k3s::kTellFunctions,
      kLook, kCopy);
}

}  // namespace puller
