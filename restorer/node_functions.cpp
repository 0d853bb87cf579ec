#include "restorer/node_functions.hpp"

namespace restorer {

// All of a script is read before it runs: its last line calls main. What is said to a drill that has gone is lost, and
// the step ends all the same.
const std::string_view kRestoreFunctions = R"sh(
say() { printf '%s\n' "$*" 2>/dev/null; }
fact() { say "fact $1 $2"; }
refuse() { say "refused $*"; exit 3; }
last_words() { tail -n 1 "$work/said" 2>/dev/null | tr -d '\000-\037\177' | cut -c 1-200; }

naps=0
nap() {
  naps=$((naps + 1))
  [ $((naps % 10)) -ne 0 ] || say alive
  sleep 0.2 2>/dev/null || sleep 1
}

# Runs a command that may be long silent, for at most $1 seconds, with a mask and signals that a k3s may keep; 143 when
# it had not ended by then. One that waits for a dead disk does not heed a signal either: it is left behind.
with_timeout() {
  limit=$1
  shift
  said=$work/said
  { true >"$said"; } 2>/dev/null || said=/dev/null
  (
    umask 022
    trap - PIPE HUP
    "$@" &
    inner=$!
    trap 'kill $inner 2>/dev/null; exit 143' TERM
    wait $inner
  ) >"$said" 2>&1 </dev/null &
  child=$!
  seconds=0
  while sleep 2 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
    say alive
    seconds=$((seconds + 2))
    [ $seconds -lt $limit ] || { echo "it had not ended after $limit seconds" >>"$said"; kill $child; } 2>/dev/null
  done &
  beater=$!
  wait $child
  status=$?
  kill $beater 2>/dev/null
  wait $beater 2>/dev/null
  return $status
}

# The file systems that were written, and no other: one elsewhere on the machine that hangs must not hold us up. Fails
# when one cannot be written; of one that hangs, too, it says that nothing is certain.
flush() {
  case $(sync --help 2>&1) in
    *'-f, '* | *'[-df]'*) ;;
    *) flush_by "all file systems" sync; return ;;
  esac
  flushed=''
  for directory in "$db" "$server" "${kubeconfig%/*}"; do
    disk=$(stat -c %d "$directory/." 2>/dev/null) || continue
    case "$flushed " in *" $disk "*) continue ;; esac
    flushed="$flushed $disk"
    flush_by "$directory" sync -f "$directory/." || return 1
  done
}

unflushed='' hanging=''
flush_by() {
  what=$1
  shift
  case "$hanging;" in *";$what;"*) return 0 ;; esac
  with_timeout "$flush_seconds" "$@" && return 0
  status=$?
  unflushed="${unflushed:+$unflushed, }$what ($(last_words))"
  fact unflushed "$unflushed"
  [ $status -eq 143 ] || return 1
  hanging="$hanging;$what"
}
unwritten() { refuse "nothing can be written in $work: ${unflushed:-no space}; make room there"; }

# The processes that have the database open.
holders() {
  open_database=$(readlink -f "$db/state.db") || open_database=$(cd "$db" 2>/dev/null && pwd -P)/state.db
  ls -l /proc/[0-9]*/fd 2>/dev/null |
    awk -v at=" -> $open_database" '/^\/proc\// { split($0, part, "/") } index($0, at) { print part[3] }' | sort -u |
    tr '\n' ' '
}

service_runs() {
  case $manager in
    systemd)
      case $(systemctl is-active k3s 2>/dev/null) in active | activating | reloading | deactivating) return 0 ;; esac
      return 1 ;;
    openrc) rc-service k3s status >/dev/null 2>&1 ;;
    *) [ -n "$(holders)" ] ;;
  esac
}

until_stopped() {
  tries=0
  while service_runs || [ -n "$(holders)" ]; do
    tries=$((tries + 1))
    [ $tries -lt $((stop_seconds * 5)) ] || return 1
    nap
  done
}
why_not_stopped() {
  open_in=$(holders)
  echo "k3s does not stop${open_in:+: state.db is still open in process $open_in}; it said: $(last_words)"
}

# A living process is named by its number and when it was started, as numbers come again.
lives() { [ -n "$2" ] && [ "$(start_of "$1")" = "$2" ]; }

# A drill that is at work here holds on to a process; one that has just begun has not yet written down which.
refuse_while_owned() {
  tries=0
  while [ -d "$work" ] && [ ! -s "$work/owner" ] && [ $tries -lt 10 ]; do tries=$((tries + 1)); nap; done
  { read -r owner since <"$work/owner"; } 2>/dev/null || return 0
  lives "$owner" "$since" || return 0
  refuse "a drill restore is at work here; wait for its end, or, if its drill is gone and only the connection hangs, end it; type on the node: sudo kill $owner"
}

# Only one at a time puts things back. Turns go up; the turn of one that died is never taken again. Fails when there is
# nothing left to be done.
take_turn() {
  turn=1 tries=0
  while [ -d "$work" ]; do
    ln -s "$$-$(start_of $$)" "$work/turn-$turn" 2>/dev/null && return 0
    if other=$(readlink "$work/turn-$turn"); then
      if lives "${other%-*}" "${other#*-}"; then nap; else turn=$((turn + 1)); fi
    else
      tries=$((tries + 1))
      [ $tries -lt 50 ] || refuse "no space in $work; make room there"
      nap
    fi
  done
  return 1
}

# For one who is not the drill whose restore it is: that drill may come back to it at any time.
take_turn_unowned() {
  refuse_while_owned
  take_turn || return 1
  refuse_while_owned
}

# The work directory is that of this restore.
ours() { grep -qs "^timestamp='$timestamp'\$" "$work/rollback.sh"; }

# Left alone by its drill, a step goes on to its end.
wait_for_step() {
  { read -r owner since <"$work/step"; } 2>/dev/null || return 0
  while lives "$owner" "$since"; do nap; done
}

# Everything of the server that is not the same after a restore, beside the database. k3s makes tls and cred anew out of
# database and token.
things='token node-token agent-token tls cred kubeconfig'
place_of() {
  case $1 in
    state.db*) echo "$db/$1" ;;
    kubeconfig) echo "$kubeconfig" ;;
    *) echo "$server/$1" ;;
  esac
}
there() { [ -e "$1" ] || [ -L "$1" ]; }

# Each of the two is whole at any time, or not there; one of them is.
move() {
  if [ "$(stat -c %d "$1")" = "$(stat -c %d "${2%/*}")" ]; then mv -f "$1" "$2"; return; fi
  rm -rf "${2%/*}/.drill-moving" "${1%/*}/.drill-moved"
  cp -pPR "$1" "${2%/*}/.drill-moving" || return 1
  flush
  mv -f "${2%/*}/.drill-moving" "$2" || return 1
  flush
  mv -f "$1" "${1%/*}/.drill-moved" && rm -rf "${1%/*}/.drill-moved"
}
sweep() {
  for place in "$server" "${kubeconfig%/*}" "$aside"; do rm -rf "$place/.drill-moving" "$place/.drill-moved"; done
}

# From directory $1 to $2, with -wal and -shm. The power may go in the midst of it and k3s start by itself: so the files
# have both names before the first loses one; state.db comes last and goes first, as SQLite takes a WAL for rubbish where
# there is no database.
move_database() {
  for file in state.db-shm state.db-wal state.db; do
    if there "$1/$file" && ! [ "$1/$file" -ef "$2/$file" ]; then ln "$1/$file" "$2/$file" || return 1; fi
  done
  flush
  rm -f "$1/state.db" && rm -f "$1/state.db-wal" "$1/state.db-shm"
}

# The database in place is another than what was there before.
replaced() {
  ! grep -qs '^had state.db$' "$work/had" ||
    { there "$aside/state.db" && ! [ "$aside/state.db" -ef "$db/state.db" ]; }
}

hash_of() { sha256sum <"$1" | cut -c 1-64; }

# k3s was started on what was placed, or on nothing: by us, or by itself after a power cut.
served() {
  [ ! -e "$work/started" ] || return 0
  replaced && there "$db/state.db" || return 1
  there "$db/state.db-wal" || [ "$(hash_of "$db/state.db")" != "$(cat "$work/placed" 2>/dev/null)" ]
}

# What is in place goes to $kept, so that nothing that may have served is lost here.
put_back() {
  mkdir -p "$kept" || refuse "$kept cannot be made; make room there"
  if replaced; then
    move_database "$db" "$kept" && move_database "$aside" "$db" || refuse "state.db cannot be moved back from $aside"
  fi
  rm -f "$aside/state.db" "$aside/state.db-wal" "$aside/state.db-shm"
  while read -r was thing; do
    place=$(place_of "$thing")
    case $thing in state.db*) continue ;; esac
    [ "$was" = not ] || there "$aside/$thing" || continue
    ! there "$place" || move "$place" "$kept/$thing" || refuse "$place cannot be moved to $kept"
    [ "$was" = not ] || move "$aside/$thing" "$place" || refuse "$aside/$thing cannot be moved back to $place"
  done <"$work/had"
  sweep
}

# What was sent is where k3s looks for it, and no rollback has begun to take it away.
placed() {
  [ -e "$work/placed" ] && ! there "$work/state.db" && ! there "$work/token" && there "$db/state.db" &&
    [ ! -d "$db/rolled-back-$(sed -n "s/^timestamp='\(.*\)'\$/\1/p" "$work/rollback.sh" 2>/dev/null)" ]
}
)sh";

const std::string_view kLook = R"sh(
look_at_service() {
  manager=none
  if [ -n "$stop_command" ]; then
    manager=commands
  elif command -v systemctl >/dev/null 2>&1 && systemctl cat k3s.service >/dev/null 2>&1; then
    manager=systemd
  elif command -v rc-service >/dev/null 2>&1 && [ -e /etc/init.d/k3s ]; then
    manager=openrc
  fi
  fact manager $manager
  if [ $manager != none ] && service_runs; then fact service running; else fact service stopped; fi
}

look_at_cluster() {
  if [ -s "$db/state.db" ]; then fact database_size_bytes $(($(size_of "$db/state.db") + $(size_of "$db/state.db-wal"))); fi
  if [ -s "$server/tls/server-ca.crt" ]; then
    fact ca_sha256 "$(hash_of "$server/tls/server-ca.crt")"
  fi
  if [ -L "$server/db/state.db" ]; then
    fact database_link "$database"
    [ -d "${database%/*}" ] || fact database_link_lost yes
  fi
  if [ -s "$server/token" ]; then
    fact token_ca "$(sed -n 's/^K10\([0-9a-f]\{64\}\)::.*/\1/p' "$server/token")"
    fact token_sha256 "$(sed 's/^K10[0-9a-f]*::[^:]*://' "$server/token" | tr -d '\n' | sha256sum | cut -c 1-64)"
  fi
}

# The restore that was cut off, or is at work: a living process of it holds the directory.
look_at_work() {
  [ -d "$work" ] || return 0
  fact unfinished "$(sed -n "s/^snapshot='\(.*\)'\$/\1/p; s/^timestamp='\(.*\)'\$/of \1/p" "$work/rollback.sh" 2>/dev/null | tr '\n' ' ' | sed 's/ $//')"
  if [ ! -s "$work/rollback.sh" ]; then
    fact stage claimed
  elif placed && { [ -e "$work/started" ] || service_runs; }; then
    fact stage started
  elif [ -e "$work/stopping" ] || [ -e "$work/had" ]; then
    fact stage changed
  else
    fact stage claimed
  fi
  { read -r owner since <"$work/owner"; } 2>/dev/null || return 0
  if lives "$owner" "$since"; then fact owner "$owner"; fi
}

# A server that was begun and taken back leaves the directory of its agent, too.
is_agent() {
  [ ! -d "$server" ] && [ -d "$data_dir/agent" ] || return 1
  [ ! -e /etc/systemd/system/k3s-agent.service ] && [ ! -e /etc/init.d/k3s-agent ] || return 0
  [ $manager = none ]
}

look() {
  for tool in awk base64 sha256sum stat head readlink; do command -v $tool >/dev/null 2>&1 || refuse "no $tool on the node; install it there"; done
  fact name "$(uname -n)"
  if command -v k3s >/dev/null 2>&1; then
    fact k3s_version "$(k3s --version 2>/dev/null </dev/null | sed -n 's/^k3s version \([^ ]*\).*/\1/p' | head -n 1)"
  fi
  if [ -d "$server/db/etcd/member" ]; then say "problem etcd $server/db/etcd"; exit 3; fi
  tell_k3s
  look_at_service
  if is_agent; then say "problem agent_only $data_dir"; exit 3; fi
  [ ! -d "$server" ] || fact server present
  near=$db
  while [ ! -d "$near" ]; do near=${near%/*} near=${near:-/}; done
  fact free_bytes "$(free_in "$near")"
  if [ -f "$config_file" ]; then
    fact config_sha256 "$(hash_of "$config_file")"
  fi
  look_at_work
  look_at_cluster
}
look
)sh";

}  // namespace restorer
