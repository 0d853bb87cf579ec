#include "k3s/gather_script.hpp"

namespace k3s {

// `alive` and other lines may come in between. A name with a control character is passed over.
const std::string_view kTellFunctions = R"sh(
told() {
  case $* in *[[:cntrl:]]*) return ;; esac
  printf 'fact told %s\n' "$*" || exit 4
}
# Of what is a file: a pipe would keep us waiting.
text_of() {
  for one; do if [ -f "$one" ]; then cat "$one" 2>/dev/null; fi; done
}
tell_file() {
  case $2 in *[[:cntrl:]]*) return 0 ;; esac
  [ -f "$2" ] && [ "$(stat -L -c %s "$2" 2>/dev/null || echo 9999999)" -le 1048576 ] || return 0
  told "$1 $2"
  base64 <"$2" | sed 's/^/fact told text /'
}

# k3s takes any case of the two endings, hidden files as well, in the order of their bytes.
config_parts() {
  ls -A "$1.d" 2>/dev/null | while read -r name; do
    case $name in *.[yY][aA][mM][lL] | *.[yY][mM][lL]) [ ! -f "$1.d/$name" ] || echo "$1.d/$name" ;; esac
  done
}
# A link among the configs is taken along where nobody but root has a hand in where it leads: else somebody who may
# write there would have any file of the node stored. What k3s is told is told all the same, and stored nowhere.
may_follow() { [ ! -L "$1" ] || leads_where_root_says "$1"; }
# Each link on the way is root's, and so is every directory above it, where nobody else may write.
leads_where_root_says() (
  at=$1 hops=0
  while [ $hops -lt 40 ]; do
    hops=$((hops + 1))
    above=$(readlink -f "${at%/*}/")
    [ -n "$above" ] || exit 1
    at=${above%/}/${at##*/}
    while :; do
      case $(stat -c '%u %A' "${above:-/}") in 0\ d????-??-?*) ;; *) exit 1 ;; esac
      case $above in '' | /) break ;; esac
      above=${above%/*}
    done
    [ -L "$at" ] || exit 0
    [ "$(stat -c %u "$at")" = 0 ] || exit 1
    leads_to=$(readlink "$at")
    case $leads_to in /*) at=$leads_to ;; *) at=${at%/*}/$leads_to ;; esac
  done
  exit 1
)
tell_config() {
  tell_file config "$1"
  config_parts "$1" | while read -r part; do tell_file config "$part"; done
  for link in "$1" "$1.d"; do may_follow "$link" || told foreign "$link"; done
  config_parts "$1" | while read -r link; do may_follow "$link" || told foreign "$link"; done
}

# The unit and its drop-ins in systemd's order; without a systemd that answers, by where it looks for them.
unit_files() {
  if [ -n "$loaded" ]; then
    printf '%s\n' "$loaded" | sed -n 's/^FragmentPath=//p'
    printf '%s\n' "$loaded" | sed -n 's/^DropInPaths=//p' | tr ' ' '\n'
    return
  fi
  places='/etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system'
  for place in $places; do
    if [ -e "$place/k3s.service" ]; then echo "$place/k3s.service"; break; fi
  done
  for place in $places; do
    for file in "$place"/k3s.service.d/*.conf; do [ ! -e "$file" ] || echo "${file##*/} $file"; done
  done | sort -s -k 1,1 | awk '!seen[$1]++ { sub(/^[^ ]* /, ""); print }'
}
environment_files() {
  for file in $units; do
    text_of "$file" | sed -n 's/^[[:space:]]*EnvironmentFile[[:space:]]*=[[:space:]]*-\{0,1\}//p'
  done | sed 's/%[Np]/k3s/g; s/%n/k3s.service/g; s/[[:space:]]*$//' | while read -r pattern; do
    for file in $pattern; do echo "$file"; done
  done | awk '!seen[$0]++'
}

service_files=''
tell_service() {
  loaded=$(systemctl show k3s.service -p FragmentPath -p DropInPaths -p ActiveState 2>/dev/null) || loaded=''
  units=$(unit_files | grep '^/')
  if [ -n "$units" ]; then
    for file in $units; do tell_file unit "$file"; done
    service_files=$(environment_files)
    for file in $service_files; do tell_file environment "$file"; done
    service_files="$units $service_files"
  elif [ -f /etc/init.d/k3s ]; then
    tell_file openrc /etc/init.d/k3s
    for file in /etc/conf.d/k3s /etc/environment /etc/rancher/k3s/k3s.env; do tell_file sourced "$file"; done
    service_files='/etc/init.d/k3s /etc/conf.d/k3s /etc/environment /etc/rancher/k3s/k3s.env'
  else
    service_files='/etc/systemd/system/k3s.service.env /etc/default/k3s /etc/sysconfig/k3s /etc/rancher/k3s/k3s.env'
    for file in $service_files; do tell_file environment "$file"; done
  fi
}

# Also the configs that the service may name.
tell_configs() {
  tell_config "$config_file"
  text_of $service_files | tr -d '\000' | grep -o '/[^][:space:]"'\'',;?={}[]*\.ya\{0,1\}ml' |
    awk '!seen[$0]++ && count++ < 10' | while read -r file; do
      [ "$file" = "$config_file" ] || tell_config "$file"
    done
}

# A database is what a process of k3s has open together with its WAL. What runs in a container is another machine's, and
# what runs while the service is stopped is another service's.
tell_open() {
  case $loaded in *ActiveState=inactive* | *ActiveState=failed*) [ -z "$units" ] || told stopped ;; esac
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    case $name in k3s | k3s-server) ;; *) continue ;; esac
    [ "$process/ns/mnt" -ef /proc/self/ns/mnt ] || continue
    ls -l "$process/fd" 2>/dev/null | awk '
      (at = index($0, " -> /")) { n = split(substr($0, 1, at - 1), words, " "); fd[substr($0, at + 4)] = words[n] }
      END {
        for (path in fd) {
          plain = path
          sub(/ \(deleted\)$/, "", plain)
          if ((plain "-wal") in fd || (plain "-wal (deleted)") in fd) print fd[path], path
        }
      }' | while read -r fd path; do
      told "open ${process#/proc/} $(stat -L -c %d:%i "$process/fd/$fd" 2>/dev/null || echo '?') $path"
    done
  done
}

config_texts() {
  { echo "$config_file"; config_parts "$config_file"; } | while read -r file; do
    text_of "$file"
  done
}

# Which of the paths that any of these files names are the same file as another.
tell_inodes() {
  (
    named=$({ config_texts; text_of $service_files; } | tr -d '\000' |
      grep -o '/[^][:space:]"'\'',;?={}[]*' | sed 's,/*$,,' |
      awk 'length($0) > 1 && !seen[$0]++ && count++ < 200 { print; print $0 "/server/db/state.db" }')
    set -f
    # What looks like a path may be part of a token: only what is there becomes an argument that others can see.
    for path in /var/lib/rancher/k3s $named; do [ ! -e "$path" ] || set -- "$@" "$path"; done
    stat -L -c 'fact told inode %d:%i %n' "$data_dir" "$data_dir/server/db/state.db" "$@" 2>/dev/null
  )
}

# Without base64 no text would arrive, and a file without one says something else than none.
tell_k3s() {
  command -v base64 >/dev/null 2>&1 || return 0
  tell_service
  tell_configs
  tell_open
  tell_inodes /var/lib/rancher/k3s/server/db/state.db
  told whole
}
)sh";
const std::string_view kNodeFunctions = R"sh(
size_of() { stat -c %s "$1" 2>/dev/null || echo 0; }
# Not df: that of busybox looks at every mount, and a dead one hangs.
free_in() { stat -f -c '%a %S' "$1" | { read -r blocks block_bytes; echo $((blocks * block_bytes)); }; }

# Where a path leads to, which need not be there yet.
resolved() {
  path=$1 links=0
  while [ -L "$path" ] && [ $links -lt 40 ]; do
    links=$((links + 1))
    link=$(readlink "$path")
    case $link in /*) path=$link ;; *) path=${path%/*}/$link ;; esac
  done
  echo "$path"
}

# When a process was started, in clock ticks since boot; fails when there is none.
start_of() {
  { read -r stat_line <"/proc/$1/stat"; } 2>/dev/null || return 1
  set -- ${stat_line##*) }
  shift 19
  echo "$1"
}
)sh";

}  // namespace k3s
