"""The figure "verify" of scripts/bench: every check of drill beside the one that others stop at.

The peer is `PRAGMA integrity_check` of the sqlite3 tool, on the same file, in turns. Ours is the duration that drill
reports (copying the file to scratch comes before it and is printed apart), with token and the snapshot before.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

REPEATS = 9


def run_measured(*command):
    """Runs a command; returns wall seconds, peak memory in bytes, and what it said. Any exit code is taken."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - start, usage.ru_maxrss * 1024, output


def verify(drill, database, token, previous):
    command = [drill, "--json", "-q", "verify", "--file", database, "--token-file", token]
    if previous:
        command += ["--previous", previous]
    seconds, memory, output = run_measured(*command)
    document = json.loads(output)
    if document["verdict"] != "pass":
        raise SystemExit(f"bench: {database} does not pass: {document['verdict']}")
    skipped = [check["name"] for check in document["checks"] if check["verdict"] == "skipped"]
    return {"checks": document["duration_seconds"], "whole": seconds, "memory": memory, "skipped": skipped,
            "objects": document["objects"]["total"], "rows": document["rows"]["total"]}


def beside_integrity_check(drill, database, token, previous, repeats):
    peer, ours = [], []
    for _ in range(repeats):
        seconds, memory, output = run_measured("sqlite3", "-readonly", database, "PRAGMA integrity_check")
        if output.strip() != b"ok":
            raise SystemExit(f"bench: integrity_check of {database} says {output[:200]}")
        peer.append({"seconds": seconds, "memory": memory})
        ours.append(verify(drill, database, token, previous))
    return {"size": os.stat(database).st_size, "peer": peer, "ours": ours}


def all_in_store(drill, work, images):
    """A store of hourly images, verified snapshot by snapshot and with --all."""
    source = work / "images"
    source.mkdir()
    for image in images:
        os.link(image, source / image.name) if os.stat(image).st_dev == os.stat(source).st_dev else shutil.copy2(image, source)
    config = work / "config.yaml"
    config.write_text(f"store: {work / 'store'}\nclusters:\n  edge:\n    host: 192.0.2.1\n")
    subprocess.run([drill, "--config", config, "-q", "import", "--cluster", "edge", source], check=True, stdout=subprocess.DEVNULL)
    listed = json.loads(subprocess.run([drill, "--config", config, "--json", "list"], check=True, capture_output=True).stdout)
    names = [entry["snapshot"] for entry in listed["snapshots"]]
    one_by_one = sum(run_measured(drill, "--config", config, "-q", "verify", name)[0] for name in names)
    together, memory, _ = run_measured(drill, "--config", config, "-q", "verify", "--all")
    return {"number": len(names), "one_by_one": one_by_one, "together": together, "memory": memory}


def median(values):
    return statistics.median(values)


def print_side(figure, measured, goal):
    peer = median([one["seconds"] for one in measured["peer"]])
    ours = median([one["checks"] for one in measured["ours"]])
    last = measured["ours"][-1]
    met = "met" if ours <= goal * peer else "NOT met"
    print(f"{figure}: {measured['size'] / 1e6:.0f} MB, {last['rows']} rows, {last['objects']} objects, median of {len(measured['ours'])}")
    print(f"  integrity_check, sqlite3 tool   {peer:8.3f} s   {max(one['memory'] for one in measured['peer']) / 2**20:6.0f} MiB")
    print(f"  all checks of drill             {ours:8.3f} s   {max(one['memory'] for one in measured['ours']) / 2**20:6.0f} MiB"
          f"   {ours / peer:.2f} times (goal {goal}: {met})")
    print(f"  the whole command               {median([one['whole'] for one in measured['ours']]):8.3f} s   skipped: {', '.join(last['skipped']) or 'nothing'}")


def measure(drill, history, large, work):
    images = sorted(history.glob("state.db.*Z"))
    print_side("hourly snapshot", beside_integrity_check(drill, images[11], history / "token", images[10], REPEATS), 3)
    if large:
        server = pathlib.Path(large) / "server"
        print_side("large snapshot", beside_integrity_check(drill, server / "db/state.db", server / "token", None, 3), 2)
    store = all_in_store(drill, work, images)
    print(f"{store['number']} stored snapshots: one by one {store['one_by_one']:.1f} s, with --all {store['together']:.1f} s "
          f"({store['one_by_one'] / store['together']:.2f} times faster on {os.cpu_count()} cores, {store['memory'] / 2**20:.0f} MiB)")
