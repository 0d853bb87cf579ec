"""`scripts/soak kills` beside a lab node: kills at random times, and what must hold after each.

A restore loses drill, its connection, or both. Then the node is as before or restored, or becomes so by one step that
drill or its documentation names, and its k3s gets ready. Any other command loses drill, or drill and all it started.
Then the same command succeeds, nothing is left of the one that was killed, every snapshot is there, and all verify.
The first thing that does not hold ends the run, with what drill said.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
E = os.environ
DB = "/var/lib/rancher/k3s/server/db"
SCRIPT = f"{DB}/.drill-restore/rollback.sh"
KEPT = 4


def eventually(holds, seconds=30):
    """Waits until `holds()` is true; its last value."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def wrong(what, said=""):
    raise SystemExit(f"soak: {what}\n{said}")


class Desk:
    """A store, a config with the lab node as `edge`, and a TMPDIR of its own."""

    def __init__(self, work):
        self.work, self.store, self.tmp = work, work / "store", work / "tmp"
        self.tmp.mkdir()
        self.config = self.write_config("config.yaml", KEPT)
        self.environment = dict(E, TMPDIR=str(self.tmp), PATH=f"{work}:{E['PATH']}")

    def write_config(self, name, keep_last, *others):
        lines = "".join(f"    {key}: {E['LAB_' + key.upper()]}\n" for key in ("host", "port", "user", "identity", "known_hosts"))
        lines += "".join(f"  {other}:\n    host: 192.0.2.1\n" for other in others)
        config = self.work / name
        config.write_text(f"store: {self.store}\nkeep_last: {keep_last}\nengines:\n  standin:\n    path: {E['DRILL_STANDIN']}\n"
                          f"clusters:\n  edge:\n{lines}")
        return config

    def start(self, *arguments, config=None):
        said = tempfile.TemporaryFile("w+")
        process = subprocess.Popen([E["DRILL_PROGRAM"], "--config", config or self.config, *arguments], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, text=True)
        process.said = lambda: said.seek(0) or said.read()
        return process

    def drill(self, *arguments, config=None):
        process = self.start(*arguments, config=config)
        return process.wait(), process.said()

    def must(self, *arguments, config=None):
        code, said = self.drill(*arguments, config=config)
        if code:
            wrong(f"drill {' '.join(map(str, arguments))} ended with {code}", said)
        return said

    def snapshots(self):
        listed = json.loads(subprocess.run([E["DRILL_PROGRAM"], "--config", self.config, "--json", "list"], check=True,
                                           capture_output=True, env=self.environment).stdout)
        return [entry["snapshot"] for entry in listed["snapshots"]]

    def pull(self):
        # A snapshot's name is the second it was taken in.
        time.sleep(1.1)
        self.must("-q", "pull", "edge")


def on_node(*command, check=True):
    """Runs a command on the node as root, not over ssh; its output."""
    done = subprocess.run([REPOSITORY / "scenarios/lab/lab", "exec", E["LAB_INIT_PID"], "--", *command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if check and done.returncode:
        wrong(f"on the node: {' '.join(command)}", done.stdout)
    return done.stdout if check else done


def kubectl(*arguments):
    return subprocess.run(["nsenter", "--target", E["LAB_INIT_PID"], "--net", E["DRILL_CLIENT"], "kubectl", "--request-timeout=5s",
                           "--kubeconfig", f"{E['LAB_ROOT']}/etc/rancher/k3s/k3s.yaml", *arguments], capture_output=True, text=True)


def cut_connections():
    on_node("pkill", "-KILL", "-f", "^sshd: [u]buntu", check=False)


# --- A restore ---------------------------------------------------------------------------------


class Restores:
    """Before each restore the node's API is given an object that the snapshot has not: it tells which of the two is there."""

    def __init__(self, desk, chance):
        self.desk, self.chance, self.tally = desk, chance, {}
        desk.pull()
        self.snapshot = desk.snapshots()[-1]
        self.words = ("-q", "restore", self.snapshot, "--to", "edge", "--yes")
        self.marker = ""
        self.mark(0)
        began = time.monotonic()
        desk.must(*self.words)
        self.length = time.monotonic() - began
        self.tidy()
        print(f"soak: a restore takes {self.length:.1f} s", flush=True)

    def mark(self, number):
        self.marker = f"soak-{number}"
        made = eventually(lambda: kubectl("create", "configmap", self.marker, "-n", "default").returncode == 0, 60)
        if not made:
            wrong(f"the node's API does not take {self.marker}", kubectl("get", "--raw", "/readyz?verbose").stderr)

    def tidy(self):
        on_node("sh", "-c", f"rm -rf {DB}/before-restore-* {DB}/rolled-back-*")

    def state(self):
        """What the node's k3s serves, once it is ready."""
        if not eventually(lambda: kubectl("get", "--raw", "/readyz").returncode == 0, 90):
            wrong("the node's k3s does not get ready", on_node("tail", "-n", "30", "/var/log/k3s.log", check=False).stdout)
        found = kubectl("get", "configmap", self.marker, "-n", "default", "-o", "name")
        if found.returncode and "NotFound" not in found.stderr:
            wrong("the node's API does not tell", found.stderr)
        return "as before" if found.returncode == 0 else "restored"

    def way_out(self):
        """Takes one of the documented ways out; its name, and the states that it may end in."""
        way = self.chance.choice(["by hand", "the same again", "--rollback", "--finish"])
        if way == "by hand":
            if on_node("sh", "-c", f"[ -e {SCRIPT} ]", check=False).returncode:
                return "nothing to do", ("as before", "restored")
            ran = eventually(lambda: (done := on_node("sh", SCRIPT, check=False)).returncode == 0 and done)
            if not ran:
                wrong("rollback.sh fails", on_node("sh", SCRIPT, check=False).stdout)
            return way, ("as before", "restored")
        code, said = self.desk.drill(*self.words)
        if code == 0:
            return "the same again", ("restored",)
        if code != 3 or "--finish" not in said or "--rollback" not in said:
            wrong(f"the next restore ended with {code}", said)
        way = way if way.startswith("--") else self.chance.choice(["--rollback", "--finish"])
        self.desk.must("-q", "restore", "edge", "--to", "edge", "--yes", way)
        return way, ("as before",) if way == "--rollback" else ("restored",)

    def kill(self, number):
        self.mark(number)
        delay = self.chance.uniform(0, self.length if self.chance.random() < 0.4 else max(1, self.length - 10))
        victim = self.chance.choice(["drill", "connection", "both"])
        process = self.desk.start("restore", self.snapshot, "--to", "edge", "--yes")
        time.sleep(delay)
        if victim != "connection":
            process.kill()
        if victim != "drill":
            cut_connections()
        code = process.wait(timeout=900)
        said = process.said()
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "nothing said")
        if victim == "connection" and code not in (0, 1, 3):
            wrong(f"a restore that lost its connection ended with {code}", said)
        left = on_node("sh", "-c", f"[ -e {SCRIPT} ]", check=False).returncode == 0
        if victim == "connection" and not left:
            way, allowed = f"by itself, code {code}", ("restored",) if code == 0 else ("as before",)
        else:
            if victim == "connection" and SCRIPT not in said and "--rollback" not in said:
                wrong("a restore that could not roll back does not say what to type", said)
            way, allowed = self.way_out()
        state = self.state()
        if state not in allowed:
            wrong(f"{way} leaves the node {state}", said)
        if rest := on_node("sh", "-c", f"ls -dA {DB}/.drill* 2>/dev/null || true").strip():
            wrong(f"left on the node after {way}: {rest}", said)
        self.tidy()
        self.tally[state] = self.tally.get(state, 0) + 1
        return f"{victim} after {delay:.2f} s ({last.strip()[:60]}); {way}: {state}"


# --- All else ----------------------------------------------------------------------------------


def descendants(pid):
    """The process and all below it, by the kernel's own lists."""
    found = [pid]
    for parent in found:
        for children in pathlib.Path("/proc", str(parent), "task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:
                pass
    return found


def kill_all(pid):
    for victim in descendants(pid):
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Others:
    def __init__(self, desk, chance):
        self.desk, self.chance, self.tally = desk, chance, {}
        (desk.work / "kubectl").write_text('#!/bin/sh\nexec "$DRILL_CLIENT" kubectl "$@"\n')
        (desk.work / "kubectl").chmod(0o755)
        self.images = sorted(pathlib.Path(E["DRILL_HISTORY"]).glob("state.db.*Z"))
        for _ in range(KEPT):
            desk.pull()
        self.fewer = desk.write_config("fewer.yaml", 2)
        self.lengths = {}
        for name in self.commands():
            began = time.monotonic()
            self.run(name, f"first-{name.split()[0]}")
            self.lengths[name] = time.monotonic() - began
        print("soak: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.lengths.items()), flush=True)

    @staticmethod
    def commands():
        return ("pull", "verify", "verify --all", "run", "prune", "import", "extract", "explore", "export", "diff", "log")

    def words(self, name, mark):
        newest, before = self.desk.snapshots()[-1], self.desk.snapshots()[-2]
        engine = ("--engine", "standin")
        return {
            "pull": ("pull", "edge"),
            "verify": ("verify", newest),
            "verify --all": ("verify", "--all"),
            "run": ("run", newest, *engine, "--alive-for", "1s"),
            "prune": ("prune",),
            "import": ("import", "--cluster", f"past-{mark}", *self.images[:2]),
            "extract": ("extract", newest, "--out", self.desk.work / f"out-{mark}/state.db"),
            "explore": ("explore", newest, *engine, "--", "kubectl", "get", "nodes"),
            "export": ("explore", newest, *engine, "--export", self.desk.work / f"out-{mark}/objects"),
            "diff": ("diff", before, newest),
            "log": ("log", "namespaces/kube-system", "--cluster", "edge"),
        }[name]

    def start(self, name, mark):
        if name in ("pull", "prune"):
            time.sleep(1.1)
        config = {"prune": self.fewer}.get(name)
        if name == "import":
            config = self.desk.write_config("past.yaml", KEPT, f"past-{mark}")
        if name in ("extract", "export"):
            (self.desk.work / f"out-{mark}").mkdir(exist_ok=True)
        return self.desk.start(*self.words(name, mark), config=config)

    def run(self, name, mark):
        process = self.start(name, mark)
        if process.wait():
            wrong(f"{name} ended with {process.returncode}", process.said())
        self.check_gone(name, mark)

    def refill(self):
        while len(self.of_edge()) < KEPT:
            self.desk.pull()

    def of_edge(self):
        return [name for name in self.desk.snapshots() if name.startswith("edge/")]

    def traces(self):
        """What a drill leaves where anybody can see it."""
        found = [f"file {path}" for path in self.desk.tmp.iterdir()]
        found += [f"file {path}" for path in self.desk.store.rglob("*")
                  if path.name != ".lock" and (path.name.startswith(".") or path.name.endswith(".tmp"))]
        found += [f"mount {line}" for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if line.startswith("k3s-drill")]
        found += [f"cgroup {path}" for depth in ("*", "*/*") for path in pathlib.Path("/sys/fs/cgroup").glob(depth)
                  if path.name.startswith("k3s-drill.")]
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if b"--write-kubeconfig=/tmp/kubeconfig.yaml" in (process / "cmdline").read_bytes() or \
                        f"TMPDIR={self.desk.tmp}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(f"process {process.name}")
            except OSError:
                pass
        running = on_node("sh", "-c", "pgrep -a drill-node || true").strip()
        return found + ([f"on the node: {running}"] if running else [])

    def check_gone(self, name, mark):
        out = self.desk.work / f"out-{mark}"
        if out.exists():
            if {path.name for path in out.iterdir()} - {"state.db", "objects"}:
                wrong(f"{name} left beside its output", "\n".join(map(str, out.iterdir())))
            shutil.rmtree(out)
        if not eventually(lambda: not self.traces()):
            wrong(f"left of {name}", "\n".join(self.traces()))
        shutil.rmtree(self.desk.store / f"past-{mark}", ignore_errors=True)

    def kill(self, number):
        name = self.commands()[number % len(self.commands())]
        self.refill()
        kept = self.of_edge()[-2 if name == "prune" else -(KEPT - 1):]
        delay = self.chance.uniform(0, self.lengths[name])
        process = self.start(name, str(number))
        time.sleep(delay)
        alone = self.chance.random() < 0.5
        process.kill() if alone else kill_all(process.pid)
        process.wait()
        out = self.desk.work / f"out-{number}"
        for whole in (out / "state.db", out / "objects"):
            if whole.is_dir():
                shutil.rmtree(whole)
            whole.unlink(missing_ok=True)
        self.run(name, str(number))
        if missing := set(kept) - set(self.of_edge()):
            wrong(f"lost with {name}: {missing}", process.said())
        self.desk.must("-q", "verify", "--all")
        self.tally[name] = self.tally.get(name, 0) + 1
        return f"{name}, {'drill' if alone else 'drill and all it started'} after {delay:.2f} s: nothing lost, nothing left"


def main(kind, kills, seed):
    with tempfile.TemporaryDirectory(prefix="soak-kills-") as directory:
        desk = Desk(pathlib.Path(directory))
        chance = random.Random(f"{kind} {seed}")
        work = {"restore": Restores, "others": Others}[kind](desk, chance)
        first = chance.randrange(len(Others.commands())) if kind == "others" else 1
        for number in range(first, first + kills):
            print(f"soak: {kind} {number - first + 1} of {kills}: {work.kill(number)}", flush=True)
        print(f"soak: {kills} kills of {kind}, seed {seed}: " + ", ".join(f"{n} {what}" for what, n in work.tally.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
