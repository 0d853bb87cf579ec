"""`scripts/soak together` beside a lab node: everything at once on the snapshots of one cluster, by root and by the store's owner.

Each worker types its command again and again. It succeeds, or ends with code 3 and one line of drill's own; those lines are
printed at the end, with how often they came. A verdict against a snapshot, a signal, a command that does not come back, or
a snapshot that a pull had taken and retention does not explain, ends the run.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from soak_kills import E, Desk, eventually, wrong

OWNER = 65534  # nobody: it has no home, and may read nothing of root's
KEPT = 6
COMES_BACK_SECONDS = 180


def own(path, mode=0o700):
    os.chown(path, OWNER, OWNER)
    path.chmod(mode)



class Together:
    def __init__(self, work, minutes):
        self.work, self.end = work, time.monotonic() + minutes * 60
        work.chmod(0o755)
        self.root = Desk(work)
        self.root.store.mkdir()
        own(self.root.store)
        self.owner_tmp = work / "owner-tmp"
        self.owner_tmp.mkdir()
        own(self.owner_tmp)
        for name in ("identity", "known_hosts"):
            shutil.copy(E[f"LAB_{name.upper()}"], work / name)
            own(work / name, 0o600)
        self.program = work / "drill"
        shutil.copy(E["DRILL_PROGRAM"], self.program)
        self.config = self.root.write_config("config.yaml", KEPT)
        self.owner_config = work / "owner.yaml"
        text = self.config.read_text().replace(E["LAB_IDENTITY"], str(work / "identity"))
        self.owner_config.write_text(text.replace(E["LAB_KNOWN_HOSTS"], str(work / "known_hosts")))
        self.pulled, self.said, self.counts = [], collections.Counter(), collections.Counter()
        self.problems = []

    def command(self, user, *arguments):
        if user == "root":
            return [self.program, "--config", self.config, *arguments], dict(self.root.environment)
        environment = {"PATH": E["PATH"], "TMPDIR": str(self.owner_tmp), "HOME": str(self.owner_tmp)}
        return ["setpriv", "--reuid", str(OWNER), "--regid", str(OWNER), "--clear-groups", self.program, "--config",
                self.owner_config, *arguments], environment

    def type(self, user, *arguments):
        words, environment = self.command(user, *arguments)
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=COMES_BACK_SECONDS, stdin=subprocess.DEVNULL)
        name = f"{user}: {arguments[1] if arguments[0].startswith('-') else arguments[0]}"
        self.counts[name] += 1
        if done.returncode == 0:
            return done.stdout
        errors = [line for line in (done.stdout + done.stderr).splitlines() if "error" in line or "could not" in line or "refused" in line]
        message = re.sub(r"\d{8}T\d{6}Z", "TIME", (errors or (done.stdout + done.stderr).splitlines() or [""])[-1])
        self.said[f"{name} ended with {done.returncode}: {re.sub('[0-9]+', 'N', message)[:200]}"] += 1
        if done.returncode != 3:
            self.problems.append(f"{name} ended with {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        return ""

    def work_on(self, user, *arguments):
        number = 0
        while time.monotonic() < self.end and not self.problems:
            number += 1
            out = (self.work if user == "root" else self.owner_tmp) / f"out-{threading.get_native_id()}-{number}"
            try:
                said = self.type(user, *(str(out) if word == "OUT" else word for word in arguments))
            except subprocess.TimeoutExpired:
                self.problems.append(f"{user}: {arguments} did not come back within {COMES_BACK_SECONDS} s")
                return
            out.unlink(missing_ok=True)
            if "pull" in arguments and said:
                self.pulled += [pull["snapshot"] for pull in json.loads(said)["pulls"]]

    def run(self):
        self.type("owner", "--json", "pull", "edge")
        jobs = [(user, *words) for user in ("root", "owner") for words in (
            ("--json", "pull", "edge"), ("-q", "prune"), ("-q", "verify", "--all"), ("-q", "list"), ("-q", "verify", "edge/latest"),
            ("-q", "extract", "edge/latest", "--out", "OUT"), ("-q", "log", "namespaces/kube-system"))]
        jobs.append(("root", "-q", "run", "edge", "--engine", "standin", "--alive-for", "0s", "--control", "none"))
        threads = [threading.Thread(target=self.work_on, args=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def check(self):
        if self.problems:
            wrong("\n".join(self.problems))
        self.type("owner", "-q", "prune")
        code, said = self.root.drill("-q", "verify", "--all")
        if code:
            wrong(f"verify --all ended with {code}", said)
        left = self.root.snapshots()
        names = [name if "/" in name else f"edge/{name}" for name in sorted(self.pulled)]
        if missing := set(names[-KEPT:]) - set(left):
            wrong(f"lost: {missing}; there are {left}")
        if strangers := [path for path in self.root.store.rglob("*") if path.lstat().st_uid != OWNER]:
            wrong(f"not the owner's: {strangers}")
        rest = [path for path in self.root.store.rglob("*") if path.name != ".lock" and (path.name[0] == "." or path.suffix == ".tmp")]
        rest += [*self.root.tmp.iterdir(), *(path for path in self.owner_tmp.iterdir() if path.name.startswith("k3s-drill"))]
        if rest and not eventually(lambda: not [path for path in rest if path.exists()], 10):
            wrong(f"left: {rest}")


def main(minutes):
    with tempfile.TemporaryDirectory(prefix="soak-together-") as directory:
        together = Together(pathlib.Path(directory), minutes)
        together.run()
        for what, number in sorted(together.said.items()):
            print(f"soak: {number} times {what}")
        together.check()
        print(f"soak: {minutes} minutes, {len(together.pulled)} pulls, {sum(together.counts.values())} commands: nothing lost, nothing left; " +
              ", ".join(f"{number} of {name}" for name, number in sorted(together.counts.items())))


if __name__ == "__main__":
    main(float(sys.argv[1]))
