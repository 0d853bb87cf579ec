"""What scripts/bench_figures.py prints about drill run: the whole beside the control plane's own start, the proof, the damaged twin."""

import json
import os
import pathlib
import statistics
import subprocess
import time

ROUNDS = 5
BOOT = ("start", "datastore", "bootstrap", "ready")


def peak_memory(process):
    """The largest VmHWM of the process in bytes, looked at until it ends."""
    peak = 0
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        for line in status.read_text().splitlines() if status.exists() else ():
            if line.startswith("VmHWM:"):
                peak = max(peak, int(line.split()[1]) * 1024)
        time.sleep(0.02)
    return peak


def drill_once(drill, database, token, work, *options):
    """One drill: its report, with the seconds of the whole command and the memory it took."""
    report = work / "run.json"
    config = work / "drill.yaml"
    config.write_text(f"store: {work}/store\ncaps:\n  memory: 8GiB\nengines:\n  standin:\n    path: {os.environ['DRILL_STANDIN']}\nclusters: {{}}\n")
    command = [drill, "--config", config, "--quiet", "run", "--engine", "standin", "--file", database, "--token-file", token,
               "--report", report, *options]
    start = time.monotonic()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        memory = peak_memory(process)
        said = process.stdout.read()
    seconds = time.monotonic() - start
    if process.returncode:
        raise SystemExit(f"bench: drill run failed ({process.returncode}): {said[-2000:]}")
    document = json.loads(report.read_text())
    phases = {phase["name"]: phase["duration_seconds"] for phase in document["phases"]}
    return {"whole": seconds, "ready": sum(phases[name] for name in BOOT), "proof": phases["list"] + phases["prove"],
            "control": phases["control"], "memory": memory, "objects": document["objects"]["matched"]}


def median(rounds, figure):
    return statistics.median(one[figure] for one in rounds)


def verdict(met):
    return "met" if met else "not met"


def print_proof(name, rounds, seconds, memory):
    proof, peak = median(rounds, "proof"), median(rounds, "memory") / 2**20
    goal = f"at most {seconds} s" + (f", {memory} MiB" if memory else "")
    print(f"| {name}: {rounds[0]['objects']:,} objects listed and proven | {proof:.2f} s, {peak:.0f} MiB | {goal} | "
          f"{verdict(proof <= seconds and (not memory or peak <= memory))} |")


def measure(drill, history, larger, work):
    database, token = sorted(path for path in history.iterdir() if path.name.startswith("state.db"))[-1], history / "token"
    quick = ["--alive-for", "0s", "--control", "none"]
    plain = [drill_once(drill, database, token, work, *quick) for _ in range(ROUNDS)]
    deep = [drill_once(drill, database, token, work, *quick, "--deep") for _ in range(ROUNDS)]
    twin = [drill_once(drill, database, token, work, "--alive-for", "0s", "--control", "another-cluster") for _ in range(ROUNDS)]
    watched = [drill_once(drill, database, token, work, "--control", "none") for _ in range(2)]
    both = [drill_once(drill, database, token, work, "--control", "another-cluster") for _ in range(2)]

    print(f"\n### drill: medians of {ROUNDS}, stand-in control plane, database of {database.stat().st_size / 1e6:.1f} MB")
    print("| figure | drill | goal | |\n|---|---|---|---|")
    own, more = median(plain, "ready"), statistics.median(one["whole"] - one["ready"] for one in plain)
    print(f"| the control plane's own start, to /readyz | {own:.2f} s | | |")
    print(f"| the whole command besides: fetch, verify, place, list, proof, teardown | {more:.2f} s | at most 2 s | {verdict(more <= 2)} |")
    print_proof("36 MB", plain, 0.7, None)
    print(f"| the same with `--deep`: every value as well | {median(deep, 'proof'):.2f} s | | |")
    if larger:
        large = [drill_once(drill, larger / "server/db/state.db", larger / "server/token", work, *quick)]
        print_proof(f"{(larger / 'server/db/state.db').stat().st_size / 1e6:.0f} MB", large, 6, 256)
    alone = statistics.median(one["whole"] for one in twin) - median(plain, "whole")
    print(f"| a damaged twin that has to be restored to be caught (`another-cluster`), nothing beside it | {alone:.2f} s more | at most 3 s | {verdict(alone <= 3)} |")
    beside = median(both, "whole") - median(watched, "whole")
    print(f"| the same within the ten seconds of the watch, as every night | {beside:.2f} s more | at most 3 s | {verdict(beside <= 3)} |")
