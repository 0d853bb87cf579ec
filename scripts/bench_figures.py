"""The figures of scripts/bench, which prepares everything and then runs this.

One function per figure and side: ours, or a peer. What needs a node runs again beside a lab node, as `--beside PART`,
and hands its numbers back in a JSON file. Every number is measured in this run; peers and ours take turns.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import bench_drill
import bench_verify

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
DRILL = os.environ["DRILL_PROGRAM"]  # in main() a copy, so that a build in between does not change what is measured
HISTORY = pathlib.Path(os.environ["DRILL_HISTORY"])
IMAGES = sorted(HISTORY.glob("state.db.*Z"))
PAGE = 4096
MB = 1e6
SERVER = "/var/lib/rancher/k3s/server"
DATABASE = f"{SERVER}/db/state.db"

PULL_REPEATS = 9
RATE = 300
WINDOW_SECONDS = 8
ROUNDS = 4
PULL_EVERY_SECONDS = 2
EXPLORE_REPEATS = 5


def run(*command, **options):
    """Runs a command that must succeed and returns what it said."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if result.returncode:
        raise SystemExit(f"bench: {command[0]} failed ({result.returncode}): {result.stderr[-2000:]}")
    return result.stdout


def timed(*command, **options):
    start = time.perf_counter()
    output = run(*command, **options)
    return time.perf_counter() - start, output


def said(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def can(command):
    """Whether this drill has the command."""
    return any(line.split()[:1] == [command] for line in run(DRILL, "--help").splitlines())


def size_of(directory):
    return int(run("du", "--apparent-size", "--bytes", "--summarize", directory).split()[0])


# --- The node ----------------------------------------------------------------------------------


def on_node(*command):
    """Runs a command on the node as root, not over ssh."""
    return [str(REPOSITORY / "scenarios/lab/lab"), "exec", os.environ["LAB_INIT_PID"], "--", *command]


def serve(image):
    """Makes an image the node's database. No k3s is there to be stopped."""
    target = pathlib.Path(os.environ["LAB_ROOT"] + DATABASE)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copy(HISTORY / "token", target.parent.parent / "token")
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (target.parent / name).unlink(missing_ok=True)
    shutil.copy(image, target)
    target.chmod(0o600)


def ssh_words():
    e = os.environ
    return ["ssh", "-i", e["LAB_IDENTITY"], "-o", f"UserKnownHostsFile={e['LAB_KNOWN_HOSTS']}", "-o", "BatchMode=yes",
            "-p", e["LAB_PORT"]]


def node_address():
    return f"{os.environ['LAB_USER']}@{os.environ['LAB_HOST']}"


# --- One pull ----------------------------------------------------------------------------------


def classic_pull(work, copy):
    """The script that people have: sqlite3's .backup on the node, then rsync -az of that."""
    start = time.perf_counter()
    run(*ssh_words(), node_address(), "sudo", "sqlite3", DATABASE, "'.backup /tmp/state.db'")
    stats = run("rsync", "-az", "--stats", "-e", " ".join(ssh_words()), f"{node_address()}:/tmp/state.db", work / copy)
    seconds = time.perf_counter() - start
    moved = 0
    for line in stats.splitlines():
        if line.startswith(("Total bytes sent", "Total bytes received")):
            moved += int(line.split(":")[1].replace(",", ""))
    return {"seconds": seconds, "bytes": moved}


def write_config(work, store):
    """A config with one cluster: the lab node, or where there is none one that is never asked."""
    keys = ("host", "port", "user", "identity", "known_hosts")
    node = {key: os.environ.get(f"LAB_{key.upper()}") for key in keys} if "LAB_HOST" in os.environ else {"host": "192.0.2.1"}
    lines = "".join(f"    {key}: {value}\n" for key, value in node.items())
    config = work / "config.yaml"
    config.write_text(f"store: {store}\nclusters:\n  bench:\n{lines}")
    return config


last_pull = 0.0


def our_pull(work, *prefix):
    # A snapshot's name is the second it was taken in; two of one second cannot be.
    global last_pull
    time.sleep(max(0, last_pull + 1 - time.time()))
    seconds, output = timed(*prefix, DRILL, "--config", write_config(work, work / "store"), "--json", "pull")
    last_pull = time.time()
    pull = json.loads(output)["pulls"][0]
    return {"seconds": seconds, "bytes": pull["bytes_received"] + pull["bytes_sent"], "method": pull["method"],
            "read_transaction": pull["read_transaction_seconds"]}


def take_turns(number, sides):
    """Calls each side once, another one first each time."""
    names = list(sides)
    turn = number % len(names)
    return {name: sides[name]() for name in names[turn:] + names[:turn]}


def beside_pulls(work, figures):
    """The first image is pulled by every side and not counted; then more, an hour apart; then the last one again."""
    count = len(IMAGES) - 1 if "wire" in figures else PULL_REPEATS
    said(f"{count} hourly pulls by drill and by the classic script, taking turns")
    (work / "new").mkdir()
    sides = {
        "onto the last": lambda: classic_pull(work, "state.db"),
        "as a new file": lambda: classic_pull(work, f"new/state.db.{time.time_ns()}"),
        "ours": lambda: our_pull(work),
    }
    pulls = []
    for number, image in enumerate(IMAGES[: count + 1]):
        serve(image)
        pulls.append(take_turns(number, sides))
    # rsync looks at the time of a file; an hour later it is another.
    time.sleep(1.1)
    return {"pulls": pulls[1:], "unchanged": take_turns(0, sides)}


def changed_pages():
    """Bytes of the changed pages of each image after the first, compressed by zstd -3; computed, nothing is sent."""
    sizes, counts = [], []
    before = IMAGES[0].read_bytes()
    for image in IMAGES[1:]:
        after = image.read_bytes()
        pages = [after[at:at + PAGE] for at in range(0, len(after), PAGE) if after[at:at + PAGE] != before[at:at + PAGE]]
        packed = subprocess.run(["zstd", "-3", "-c", "-q"], input=b"".join(pages), capture_output=True, check=True).stdout
        sizes.append(len(packed))
        counts.append(len(pages))
        before = after
    return sizes, counts


# --- A pull under load -------------------------------------------------------------------------


def load_window(during):
    """One window of load through the API, `during` going on beside it; what the load saw, and what `during` gives."""
    load = subprocess.Popen(
        on_node("k3s", "workload", "--kubeconfig", os.environ["LAB_KUBECONFIG"], "--rate", str(RATE),
                "--duration", f"{WINDOW_SECONDS}s"), stdout=subprocess.PIPE, text=True)
    done = during(load)
    line = load.communicate()[0]
    if load.returncode:
        raise SystemExit("bench: the load failed")
    return json.loads(line.splitlines()[-1]), done


def nothing(load):
    return []


def our_pulls(work, *prefix):
    def during(load):
        time.sleep(1)
        pulls = []
        for _ in range(int((WINDOW_SECONDS - 2) / PULL_EVERY_SECONDS)):
            start = time.perf_counter()
            pulls.append(our_pull(work, *prefix))
            time.sleep(max(0, PULL_EVERY_SECONDS - (time.perf_counter() - start)))
        return pulls
    return during


def sqlite_backup(load):
    """sqlite3's .backup, over ssh as the classic script calls it; it starts over whenever someone has written."""
    time.sleep(1)
    start = time.perf_counter()
    run(*ssh_words(), node_address(), "sudo", "sqlite3", DATABASE, "'.timeout 60000' '.backup /tmp/state.db'")
    ended = time.perf_counter()
    return [{"seconds": ended - start, "outlasted_load": load.poll() is not None}]


def beside_load(work, figures):
    # On a machine of its own drill takes no processor from the API; here it does, unless it gives way.
    windows = {"quiet": nothing, "ours": our_pulls(work), "ours, giving way": our_pulls(work, "nice", "-n", "19"), "quiet again": nothing, "sqlite3 .backup": sqlite_backup}
    our_pull(work)
    load_window(nothing)  # warms the API up
    rounds = []
    for number in range(ROUNDS):
        said(f"load, round {number + 1} of {ROUNDS}")
        rounds.append({name: load_window(during) for name, during in windows.items()})
        # An hour of churn with its compactions gives back what the load has left.
        run(*on_node("k3s", "workload", "--kubeconfig", os.environ["LAB_KUBECONFIG"], "--hours", "1",
                     "--compact", f"{SERVER}/kine.sock"))
    return {"rounds": rounds}


# --- Keeping 26 snapshots ----------------------------------------------------------------------


def check_back_out(got, image):
    if subprocess.run(["cmp", "-s", got, image]).returncode:
        raise SystemExit(f"bench: {got} is not {image}")
    got.unlink()


def kept(work, name, keep, back_out):
    """Keeps all images, then brings each back: bytes kept, seconds of each step."""
    said(f"{len(IMAGES)} snapshots kept by {name}")
    directory = work / name.split()[0]
    directory.mkdir()
    start = time.perf_counter()
    keep(directory)
    keeping = time.perf_counter() - start
    size = size_of(directory)
    seconds = []
    for image in IMAGES:
        start = time.perf_counter()
        got = back_out(directory, image)
        seconds.append(time.perf_counter() - start)
        check_back_out(got, image)
    return {"bytes": size, "keep_seconds": keeping, "out_seconds": seconds}


def restic(work):
    source = work / "source" / "state.db"
    source.parent.mkdir()
    environment = dict(os.environ, RESTIC_PASSWORD="bench", RESTIC_CACHE_DIR=str(work / "cache-restic"))

    def call(directory, *words):
        return run("restic", "--repo", directory, *words, env=environment)

    def keep(directory):
        call(directory, "init")
        for image in IMAGES:
            shutil.copy2(image, source)
            call(directory, "backup", "--quiet", "--tag", image.name, source)

    def back_out(directory, image):
        target = work / "out-restic"
        call(directory, "restore", "latest", "--tag", image.name, "--target", target)
        return pathlib.Path(f"{target}{source}")

    return kept(work, "restic", keep, back_out)


def borg(work):
    source = work / "state.db"
    environment = dict(os.environ, BORG_BASE_DIR=str(work / "base-borg"), BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")

    def keep(directory):
        run("borg", "init", "--encryption", "none", directory, env=environment)
        for image in IMAGES:
            shutil.copy2(image, source)
            run("borg", "create", "--chunker-params", "fixed,4096", "--compression", "zstd", f"{directory}::{image.name}",
                "state.db", env=environment, cwd=work)
        source.unlink()

    def back_out(directory, image):
        target = work / "out-borg"
        target.mkdir(exist_ok=True)
        run("borg", "extract", f"{directory}::{image.name}", env=environment, cwd=target)
        return target / "state.db"

    return kept(work, "borg", keep, back_out)


def day_of(image):
    return image.name.split(".")[-1][:8]


def zstd_patches(work):
    """One keyframe a day, and zstd -9 --patch-from it for the rest of the day."""
    keyframes = {}
    for image in IMAGES:
        keyframes.setdefault(day_of(image), image)

    def keep(directory):
        for image in IMAGES:
            keyframe = keyframes[day_of(image)]
            base = [] if image == keyframe else [f"--patch-from={keyframe}"]
            run("zstd", "-9", "-q", *base, image, "-o", directory / f"{image.name}.zst")

    def back_out(directory, image):
        keyframe, got = keyframes[day_of(image)], work / "out-zstd"
        if image == keyframe:
            run("zstd", "-d", "-q", "-f", directory / f"{image.name}.zst", "-o", got)
            return got
        base = work / "base-zstd"
        run("zstd", "-d", "-q", "-f", directory / f"{keyframe.name}.zst", "-o", base)
        # The window is as large as the file, and zstd wants that said.
        run("zstd", "-d", "-q", "-f", "--long=27", f"--patch-from={base}", directory / f"{image.name}.zst", "-o", got)
        return got

    return kept(work, "zstd", keep, back_out)


def our_store(work):
    if not (can("import") and can("extract")):
        return None

    def keep(directory):
        config = write_config(work, directory)
        run(DRILL, "--config", config, "--quiet", "import", "--cluster", "bench", *IMAGES)

    def back_out(directory, image):
        got = work / "out-drill"
        run(DRILL, "--config", work / "config.yaml", "--quiet", "extract", f"bench/{image.name.split('.')[-1]}", "--out", got)
        return got

    return kept(work, "drill", keep, back_out)


# --- Printing ----------------------------------------------------------------------------------


def megabytes(count):
    return f"{count / MB:.2f} MB" if count < 10 * MB else f"{count / MB:.1f} MB"


def row(figure, peer_name, peer, ours, text, goal="none", met=None):
    """One line of the table. Ratio is ours to the peer's, so less is better."""
    verdict = ""
    if ours is None:
        ours_text, ratio = "not built yet", "-"
    else:
        ours_text, ratio = text(ours), f"{ours / peer:.3f}" if peer else "-"
        if met:
            verdict = "met" if met(ours, peer) else "not met"
    print(f"| {figure} | {peer_name}: {text(peer) if peer is not None else '-'} | {ours_text} | {ratio} | {goal} | {verdict} |")


def head(title):
    print(f"\n### {title}\n| figure | peer | drill | ratio | goal | |\n|---|---|---|---|---|---|")


def seconds_text(value):
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.0f} ms"


CLASSIC = {"as a new file": "sqlite3 .backup + rsync -az, a new file", "onto the last": "sqlite3 .backup + rsync -az onto the last copy"}


def methods(pulls):
    """How ours were pulled; more than one in a run would be worth knowing."""
    return " and ".join(sorted({pull["method"] for pull in pulls}))


def print_wire(measured):
    pulls, unchanged = measured["pulls"], measured["unchanged"]
    ours = statistics.mean(pull["ours"]["bytes"] for pull in pulls)
    packed, counts = changed_pages()
    size = IMAGES[-1].stat().st_size
    head(f"wire: mean of {len(pulls)} hourly pulls of {megabytes(size)}, by method {methods(pull['ours'] for pull in pulls)}")
    peers = {text: statistics.mean(pull[name]["bytes"] for pull in pulls) for name, text in CLASSIC.items()}
    peers[f"{statistics.mean(counts):.0f} changed pages, zstd -3 (computed)"] = statistics.mean(packed)
    for name, peer in peers.items():
        row("bytes on the wire", name, peer, ours, megabytes, "at most 0.35 MB", lambda mine, _: mine <= 0.35 * MB)

    def part(count):
        return f"{100 * count / size:.3f} % of the size"

    peers = {"20 bytes of hash a page, as sqlite3_rsync v1 (computed)": 20 * size / PAGE,
             CLASSIC["onto the last"]: unchanged["onto the last"]["bytes"]}
    for name, peer in peers.items():
        row("the same, unchanged database", name, peer, unchanged["ours"]["bytes"], part, "at most 0.05 %",
            lambda mine, _: mine <= 0.0005 * size)


def print_pull(measured):
    pulls = measured["pulls"]

    def median(name):
        return statistics.median(pull[name]["seconds"] for pull in pulls)

    head(f"pull: median of {len(pulls)} on loopback, by method {methods(pull['ours'] for pull in pulls)}")
    for name, text in CLASSIC.items():
        row("time of one pull", text, median(name), median("ours"), seconds_text, "at most half", lambda mine, peer: mine <= peer / 2)


def print_load(measured):
    rounds = measured["rounds"]

    def p99(name):
        return statistics.median(one[name][0]["p99_ms"] for one in rounds)

    def ms(value):
        return f"{value:.1f} ms"

    rate = statistics.median(one["quiet"][0]["rate_achieved"] for one in rounds)
    failed = sum(window[0]["failed"] for one in rounds for window in one.values())
    pulls = [pull for one in rounds for pull in one["ours"][1]]
    backups = [backup for one in rounds for backup in one["sqlite3 .backup"][1]]
    outlasted = sum(backup["outlasted_load"] for backup in backups)
    if rate < 0.9 * RATE:
        print(f"\nThe API took {rate:.0f} writes/s, not {RATE}: the goals below are for a load that this machine did not reach now.")
    head(f"load: {rate:.0f} writes/s reached of {RATE}, {failed} failed; medians of {ROUNDS} windows of {WINDOW_SECONDS} s, by method {methods(pulls)}")
    row("one pull", f"sqlite3 .backup alone, {outlasted} of {len(backups)} outlasted the load",
        statistics.median(backup["seconds"] for backup in backups), statistics.median(pull["seconds"] for pull in pulls),
        seconds_text, "under 1 s", lambda mine, _: mine < 1)
    row("API p99 with pulls", "no pull", p99("quiet"), p99("ours"), ms, "within 5 %", lambda mine, peer: mine <= 1.05 * peer)
    row("API p99 with pulls, drill at nice 19", "no pull", p99("quiet"), p99("ours, giving way"), ms, "within 5 %",
        lambda mine, peer: mine <= 1.05 * peer)
    print(f"| API p99, no pull, measured again | no pull: {ms(p99('quiet'))} | | {p99('quiet again') / p99('quiet'):.3f} | shows the noise | |")
    print(f"| API p99 with sqlite3 .backup | no pull: {ms(p99('quiet'))} | | {p99('sqlite3 .backup') / p99('quiet'):.3f} | a peer | |")


def print_store(measured):
    plain = sum(image.stat().st_size for image in IMAGES)
    peers = {"plain": plain, "restic": measured["restic"]["bytes"], "borg, 4 KiB chunks, zstd": measured["borg"]["bytes"],
             "a keyframe a day, zstd -9 patches": measured["zstd"]["bytes"]}
    ours = measured["ours"]
    head(f"store: {len(IMAGES)} snapshots")
    for name, size in peers.items():
        row("kept", name, size, ours and ours["bytes"], megabytes, "at most 30 MB", lambda mine, _: mine <= 30 * MB)
    out = ours and statistics.median(ours["out_seconds"])
    for name in ("restic", "borg", "zstd"):
        row("one back out, checked (median)", name, statistics.median(measured[name]["out_seconds"]), out, seconds_text,
            "under 0.5 s", lambda mine, _: mine < 0.5)
    keep = ours and ours["keep_seconds"]
    for name in ("restic", "borg", "zstd"):
        row("time to keep all", name, measured[name]["keep_seconds"], keep, seconds_text)


# --- Looking into a snapshot ---------------------------------------------------------------------


def explore_once(work):
    """Seconds from the start of drill explore to the API's readiness, to kubectl's first answer, and of kubectl alone."""
    programs = work / "programs"
    if not programs.exists():
        programs.mkdir()
        client = pathlib.Path(os.environ.get("DRILL_CLIENT") or REPOSITORY / "build/k3s-client")
        (programs / "kubectl").symlink_to(client if client.exists() else shutil.which("kubectl"))
    standin = pathlib.Path(os.environ["DRILL_STANDIN"]).parent
    script = "for i in 1 2; do kubectl get ns >/dev/null && date +%s.%N; done"
    start = time.time()
    result = subprocess.run([DRILL, "-v", "explore", "--file", IMAGES[-1], "--token-file", HISTORY / "token", "--engine", "standin",
                             "--", "sh", "-c", script], capture_output=True, text=True,
                            env=os.environ | {"PATH": f"{programs}:{standin}:{os.environ['PATH']}"})
    answers = [float(line) for line in result.stdout.split()]
    ready = re.search(r"ready after ([0-9.]+) s", result.stderr)
    if len(answers) != 2 or not ready:
        raise SystemExit(f"bench: drill explore failed ({result.returncode}): {result.stderr[-2000:]}")
    return {"ready": float(ready[1]), "answer": answers[0] - start, "kubectl": answers[1] - answers[0]}


def print_explore(work):
    rounds = [explore_once(work) for _ in range(EXPLORE_REPEATS)]
    after = statistics.median(one["answer"] - one["ready"] for one in rounds)
    head(f"explore: medians of {EXPLORE_REPEATS}, database of {megabytes(IMAGES[-1].stat().st_size)}, stand-in control plane")
    row("to the first answer of kubectl get ns", "to /readyz of the same", statistics.median(one["ready"] for one in rounds),
        statistics.median(one["answer"] for one in rounds), seconds_text)
    print(f"| of that, after /readyz | kubectl alone: {seconds_text(statistics.median(one['kubectl'] for one in rounds))} | "
          f"{seconds_text(after)} | | at most 0.50 s | {'met' if after <= 0.5 else 'not met'} |")


# --- The order ---------------------------------------------------------------------------------


def beside_node(part, work, figures, *options):
    """Runs a part of this program beside a lab node."""
    result = work / f"{part}.json"
    command = [REPOSITORY / "scenarios/lab/lab", "run", *options, "--", sys.executable, __file__, "--beside", part, result, *figures]
    if subprocess.run([str(word) for word in command]).returncode:
        raise SystemExit(f"bench: no {part} were measured")
    return json.loads(result.read_text())


def measure(figures, work):
    if {"wire", "pull"} & figures:
        measured = beside_node("pulls", work, figures, "--without-k3s")
        if "wire" in figures:
            print_wire(measured)
        if "pull" in figures:
            print_pull(measured)
    if "load" in figures:
        quiet = "--disable-scheduler --disable-controller-manager"
        print_load(beside_node("load", work, figures, "--seed", os.environ["DRILL_SEED"], "--k3s-args", quiet))
    if "explore" in figures:
        print_explore(work)
    if "drill" in figures:
        larger = os.environ.get("DRILL_LARGER")
        bench_drill.measure(DRILL, HISTORY, pathlib.Path(larger) if larger else None, work)
    if "store" in figures:
        print_store({"restic": restic(work), "borg": borg(work), "zstd": zstd_patches(work), "ours": our_store(work)})
    if {"verify", "verify-large"} & figures:
        bench_verify.measure(DRILL, HISTORY, os.environ.get("DRILL_LARGE"), work)


def pin_drill(work):
    global DRILL
    DRILL = os.environ["DRILL_PROGRAM"] = str(shutil.copy(DRILL, work / "drill-program"))
    print(f"{run(DRILL, '--version').strip()}, SHA-256 {run('sha256sum', DRILL)[:12]}")


def main(arguments):
    with tempfile.TemporaryDirectory(prefix="k3s-drill-bench.") as directory:
        work = pathlib.Path(directory)
        if arguments[0] == "--beside":
            part = {"pulls": beside_pulls, "load": beside_load}[arguments[1]]
            pathlib.Path(arguments[2]).write_text(json.dumps(part(work, set(arguments[3:]))))
            return
        figures = {"wire", "pull", "load", "store", "verify", "explore", "drill"} if "all" in arguments else set(arguments)
        pin_drill(work)
        host = os.uname()
        print(f"{os.cpu_count()} cores, Linux {host.release} {host.machine}, load average {os.getloadavg()[0]:.1f} at the start", flush=True)
        if os.getloadavg()[0] > os.cpu_count() / 2:
            print("This machine is busy: what is measured in seconds is worth little, what is measured in bytes is not touched.", flush=True)
        start = time.perf_counter()
        measure(figures, work)
        print(f"\nmeasured in {time.perf_counter() - start:.0f} s, load average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main(sys.argv[1:])
