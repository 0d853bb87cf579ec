# shellcheck shell=bash
# What the lab (scenarios/lab) and the container (scenarios/container) have in common: options, the directory on the
# host, the network, the protocol of `up` and `run`, and what k3s is told. Read by `source`, when `self`, the program's
# name, and `repository` are set. Who reads it has the functions usage, bring_up, print_variables and tear_down.

log() { printf '%s: %s\n' "$self" "$*" >&2; }
die() { log "$*"; exit 1; }
die_usage() { log "$*"; usage >&2; exit 2; }

# --- Options -----------------------------------------------------------------------------------

with_k3s=yes start_k3s=yes seed='' k3s=${repository-}/build/k3s-standin k3s_args='' name=lab-node
sudo_allowed=yes with_sqlite3=yes disk_size=50% ready_within=60
command_line=()

# What only one of the two takes: sets `taken` to the number of words that it has read, or fails.
read_own_option() { return 1; }

read_options() {
    local taken
    while (($#)); do
        taken=1
        case $1 in
            --without-k3s) with_k3s=no ;;
            --never-started) start_k3s=no ;;
            --no-sudo) sudo_allowed=no ;;
            --no-sqlite3) with_sqlite3=no ;;
            --seed | --k3s | --k3s-args | --name | --disk | --ready-within)
                (($# > 1)) || die_usage "$1 needs a value"
                case $1 in
                    --seed) seed=$2 ;;
                    --k3s) k3s=$2 ;;
                    --k3s-args) k3s_args=$2 ;;
                    --name) name=$2 ;;
                    --disk) disk_size=$2 ;;
                    --ready-within) ready_within=$2 ;;
                esac
                taken=2
                ;;
            --) shift; command_line=("$@"); break ;;
            *) read_own_option "$@" || die_usage "unknown option $1" ;;
        esac
        shift "$taken"
    done
    [[ $name =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$ ]] || die_usage "not a node name: $name"
    if [[ -n $seed ]]; then
        [[ -d $seed/server ]] || die "no k3s data-dir: $seed"
        seed=$(realpath "$seed")
    fi
}

check_k3s() {
    [[ $with_k3s == yes ]] || return 0
    [[ -x $k3s && -f $k3s ]] || die "no such program: $k3s (give --k3s BINARY or --without-k3s)"
    k3s=$(realpath "$k3s")
}

# --- The directory on the host -----------------------------------------------------------------

lab_dir=''

# Prints when process $1 was started, in clock ticks since boot; fails when there is no such process.
read_start_time() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -ra stat <<<"${stat##*) }"
    printf '%s\n' "${stat[19]}"
}

# True when the process with mark $1 (PID.STARTTIME) lives.
owner_lives() { [[ $(read_start_time "${1%%.*}") == "${1#*.}" ]]; }

# Makes directory $1.PID.STARTTIME under $TMPDIR and prints its path. The name says whose it is, so that a later one can
# tell the directory of the living from one whose owner was killed: those are given to command "${@:2}".
make_owned_directory() {
    local prefix=$1 base=${TMPDIR:-/tmp} stale
    shift
    base=$(realpath "$base")
    for stale in "$base/$prefix".*.*; do
        [[ -d $stale && ! -L $stale && -O $stale ]] || continue
        owner_lives "${stale##*/"$prefix".}" || "$@" "$stale" >&2 || true
    done
    stale=$base/$prefix.$$.$(read_start_time $$)
    mkdir -m 700 "$stale"
    printf '%s\n' "$stale"
}

remove_directory() { rm -rf --one-file-system "$1" 2>/dev/null || true; }  # or another lab does

make_directory() {
    lab_dir=$(make_owned_directory k3s-drill-lab remove_directory)
    mkdir "$lab_dir/root"
    ssh-keygen -q -t ed25519 -N '' -C lab -f "$lab_dir/identity"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$lab_dir/host_key"
}

# --- The network -------------------------------------------------------------------------------

interface='' host_address='' node_address=''

# Takes a free /30 of the benchmark range and joins the node whose first process is $1 and the host by it. The number of
# the /30 is in the interface's name, so that the kernel settles who of two labs gets it.
connect_node() {
    local number attempt
    for ((attempt = 0; attempt < 64; attempt++)); do
        number=$(((($$ * 64) + attempt) % 32768))
        interface=k3sdrill$number
        host_address=198.$((18 + number / 16384)).$((number / 64 % 256)).$((number * 4 % 256 + 1))
        node_address=${host_address%.*}.$((number * 4 % 256 + 2))
        [[ -z $(ip -4 -o addr show to "$node_address/30") ]] || continue
        if ip link add "$interface" type veth peer name eth0 netns "$1" 2>/dev/null; then
            ip addr add "$host_address/30" dev "$interface"
            ip link set "$interface" up
            return
        fi
    done
    interface=''
    die 'found no free network'
}

# --- What k3s is told --------------------------------------------------------------------------

# Prints config.yaml of the node named $1 at address $2.
print_k3s_config() {
    cat <<END_OF_CONFIG
write-kubeconfig-mode: "0600"
node-name: $1
tls-san:
  - $2
  - $1
disable:
  - traefik
  - servicelb
END_OF_CONFIG
}

# Prints the flags of `k3s server` at address $1, one a line; $2 are more.
print_k3s_flags() {
    local -a flags
    read -ra flags -d '' <<<"--data-dir /var/lib/rancher/k3s --node-ip $1 --disable-cloud-controller
        --disable-helm-controller --disable-network-policy --disable-kube-proxy --flannel-backend=none
        --egress-selector-mode=disabled --write-kubeconfig /etc/rancher/k3s/k3s.yaml $2" || true
    printf '%s\n' "${flags[@]}"
}

# True when /readyz says ok to the certificate in the kubeconfig of the node whose file system is at $1. It is asked
# through command "${@:3}"; the certificate is laid down in directory $2.
k3s_answers() {
    local kubeconfig=$1/etc/rancher/k3s/k3s.yaml credentials=$2 field server
    shift 2
    server=$(sed -n 's/^ *server: *//p' "$kubeconfig" 2>/dev/null) && [[ -n $server ]] || return 1
    mkdir -p "$credentials"
    chmod 700 "$credentials"
    for field in certificate-authority client-certificate client-key; do
        sed -n "s/^ *$field-data: *//p" "$kubeconfig" | base64 -d >"$credentials/$field"
    done
    [[ $("$@" curl -s --max-time 2 --cacert "$credentials/certificate-authority" --cert "$credentials/client-certificate" \
        --key "$credentials/client-key" "$server/readyz") == ok ]]
}

# Waits until command "$@" succeeds, at most $1 seconds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.03
    done
}

# --- Commands ----------------------------------------------------------------------------------

# Prints the variables of a node whose first process is $1, and on which "${@:2}" runs a command as root.
print_node_variables() {
    local words
    printf -v words '%q ' "${@:2}"
    printf '%s\n' \
        "LAB_HOST=$node_address" \
        'LAB_PORT=22' \
        'LAB_USER=ubuntu' \
        "LAB_IDENTITY=$lab_dir/identity" \
        "LAB_KNOWN_HOSTS=$lab_dir/known_hosts" \
        "LAB_INIT_PID=$1" \
        "LAB_DIR=$lab_dir" \
        "LAB_ROOT=/proc/$1/root" \
        'LAB_KUBECONFIG=/etc/rancher/k3s/k3s.yaml' \
        "LAB_EXEC=${words% }"
}

# Leaving by exit on every path makes the EXIT trap the one place that tears down.
trap_signals() {
    trap tear_down EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

run_up() {
    trap_signals
    bring_up
    print_variables
    echo LAB_READY
    # A signal interrupts `read`, and its trap exits.
    while read -r; do :; done
}

# Descriptors that are for us alone.
private_files=()

# Runs "$@" so that a signal to us ends it first, and exits with its exit code. It gets signal $1 when we are killed.
run_and_exit() {
    local status=0 when_killed=$1
    shift
    # In the background, so that we handle a signal while it runs; bash then has it ignore SIGINT, which env undoes.
    {
        local file
        for file in "${private_files[@]}"; do exec {file}>&-; done
        exec setpriv --pdeathsig "$when_killed" env --default-signal=INT,QUIT "$@"
    } <&0 &
    command_process=$!
    trap 'end_command; exit 130' INT
    trap 'end_command; exit 143' TERM HUP
    wait "$command_process" || status=$?
    exit "$status"
}

end_command() {
    kill -TERM "$command_process" 2>/dev/null || true
    wait "$command_process" 2>/dev/null || true
}

run_command() {
    ((${#command_line[@]})) || die_usage "$self run needs -- COMMAND"
    trap_signals
    bring_up
    local variable
    while read -r variable; do export "${variable?}"; done < <(print_variables)
    run_and_exit KILL "${command_line[@]}"
}
