#!/usr/bin/env python3
"""Times the commands on a store with many snapshots of one cluster: scripts/bench many [SNAPSHOTS]. 5000 when left out.

Each is a copy of the lab's seed, stored whole; what is timed is what a command does beside its work on one database.
"""
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

NAME = "%Y%m%dT%H%M%SZ"


def drill(config, *arguments):
    began = time.monotonic()
    done = subprocess.run([os.environ["DRILL_PROGRAM"], "--config", str(config), *arguments],
                          capture_output=True, text=True)
    return time.monotonic() - began, done


def multiply(cluster, count):
    """Makes `count` snapshots of the one that is there, an hour apart, the newest last."""
    [first] = [entry for entry in cluster.iterdir() if entry.is_dir() and entry.name[0] != "."]
    manifest = json.loads((first / "manifest.json").read_text())
    timestamp = datetime.datetime.strptime(first.name, NAME)
    for number in range(1, count):
        taken = timestamp - datetime.timedelta(hours=count - number)
        directory = cluster / taken.strftime(NAME)
        directory.mkdir(mode=0o700)
        for file in first.iterdir():
            if file.name != "manifest.json":
                os.link(file, directory / file.name)
        manifest |= {"name": directory.name, "taken_at": taken.strftime("%Y-%m-%dT%H:%M:%SZ"), "sequence": number}
        (directory / "manifest.json").write_text(json.dumps(manifest, indent=2))
    manifest |= {"name": first.name, "taken_at": timestamp.strftime("%Y-%m-%dT%H:%M:%SZ"), "sequence": count}
    (first / "manifest.json").write_text(json.dumps(manifest, indent=2))


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    seed = pathlib.Path(os.environ["DRILL_SEED"])
    with tempfile.TemporaryDirectory(prefix="drill-many-") as scratch:
        scratch = pathlib.Path(scratch)
        now = datetime.datetime.now(datetime.timezone.utc)
        source = scratch / f"state.db.{now.strftime(NAME)}"
        source.write_bytes((seed / "server/db/state.db").read_bytes())
        later = scratch / f"state.db.{(now + datetime.timedelta(seconds=1)).strftime(NAME)}"
        later.write_bytes(source.read_bytes())
        config = scratch / "config.yaml"
        config.write_text(f"store: {scratch}/store\nkeep_last: 100000\nclusters: {{edge: {{host: 127.0.0.1}}}}\n")
        token = ["--token-file", str(seed / "server/token")] if (seed / "server/token").exists() else []
        _, done = drill(config, "import", "--ignore-mtime", "--cluster", "edge", *token, str(source))
        if done.returncode != 0:
            sys.exit(done.stderr)
        multiply(scratch / "store/edge", count)
        print(f"{count} snapshots of one cluster")
        for arguments in (["list"], ["--json", "list"], ["show", "edge/latest"], ["prune", "--dry-run"], ["doctor"],
                          ["verify", "edge/latest"], ["extract", "edge/latest", "--out", str(scratch / "out.db")],
                          ["import", "--ignore-mtime", "--cluster", "edge", str(later)], ["report", "history"]):
            seconds, done = drill(config, *arguments)
            print(f"{seconds:7.2f} s  drill {' '.join(a for a in arguments if not a.startswith('/'))}"
                  f"  (exit code {done.returncode})", flush=True)


main()
