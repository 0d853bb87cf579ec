"""`scripts/bench before`: this drill and another one, DRILL_BEFORE, at pull, verify and drill; medians, and their ratio.

Both take turns, another one first each round. Each has a store of its own, and pulls the same hourly images of one node.
Ends with 1 when a figure is worse by more than 2 %.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import bench_drill
import bench_figures

HISTORY, IMAGES = bench_figures.HISTORY, bench_figures.IMAGES
GOAL = 1.02


def pull(program, work, config):
    # One node for both, and each wants its own drill-node there: it is sent before the clock starts.
    subprocess.run([program, "--config", config, "-q", "doctor"], capture_output=True)
    said = subprocess.run([program, "--config", config, "--json", "pull"], check=True, capture_output=True).stdout
    pulled = json.loads(said)["pulls"][0]
    return {"pull: seconds": pulled["duration_seconds"], "pull: bytes": pulled["bytes_received"] + pulled["bytes_sent"],
            "pull: read transaction": pulled["read_transaction_seconds"]}


def verify(program, work, number):
    command = [program, "--json", "-q", "verify", "--file", IMAGES[number + 1], "--token-file", HISTORY / "token", "--previous", IMAGES[number]]
    with open(work / "verify.json", "w+b") as output:
        with subprocess.Popen([str(word) for word in command], stdout=output) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return {"verify: seconds": json.load(output)["duration_seconds"], "verify: peak memory": usage.ru_maxrss * 1024,
                "verify: processor": usage.ru_utime + usage.ru_stime}


def drill(program, work):
    one = bench_drill.drill_once(program, IMAGES[-1], HISTORY / "token", work, "--alive-for", "0s", "--control", "none")
    return {"drill: without the control plane's start": one["whole"] - one["ready"], "drill: list and proof": one["proof"],
            "drill: peak memory": one["memory"]}


def measure(programs, rounds, work):
    """Per program, a list of figures for each round; beside a node."""
    configs = {}
    for name in programs:
        (work / name).mkdir()
        configs[name] = bench_figures.write_config(work / name, work / name / "store")
    measured = {name: [] for name in programs}
    for number in range(rounds + 1):
        order = list(programs)[::1 if number % 2 else -1]
        bench_figures.serve(IMAGES[number % len(IMAGES)])
        time.sleep(1.1)  # a snapshot's name is the second it was taken in
        one = {name: pull(programs[name], work, configs[name]) for name in order}
        for name in order:
            one[name] |= verify(programs[name], work, number % (len(IMAGES) - 1))
        for name in order:
            one[name] |= drill(programs[name], work)
        print(f"bench: round {number} of {rounds}{', not counted' if not number else ''}", file=sys.stderr, flush=True)
        for name in programs if number else ():  # the first pull is of a whole database
            measured[name].append(one[name])
    return measured


def print_table(measured, rounds):
    print(f"### before and now: medians of {rounds}, taking turns\n| figure | before | now | ratio | at most {GOAL} |\n|---|---|---|---|---|")
    met = True
    for figure in measured["now"][0]:
        before, now = (statistics.median(one[figure] for one in measured[name]) for name in ("before", "now"))
        ratios = [after[figure] / first[figure] for first, after in zip(measured["before"], measured["now"]) if first[figure]]
        ratio = statistics.median(ratios) if ratios else 1
        met = met and ratio <= GOAL
        print(f"| {figure} | {before:.4g} | {now:.4g} | {ratio:.3f} | {'met' if ratio <= GOAL else 'not met'} |")
    return met


def main(arguments):
    rounds = int(arguments[-1]) if arguments and arguments[-1].isdigit() else 15
    with tempfile.TemporaryDirectory(prefix="k3s-drill-bench.") as directory:
        work = pathlib.Path(directory)
        if arguments[:1] == ["--beside"]:
            programs = {name: shutil.copy(os.environ[variable], work / f"drill-{name}")
                        for name, variable in (("before", "DRILL_BEFORE"), ("now", "DRILL_PROGRAM"))}
            for name, program in programs.items():
                print(f"bench: {name}: {bench_figures.run(program, '--version').strip()}, load average {os.getloadavg()[0]:.1f}")
            return 0 if print_table(measure(programs, rounds, work), rounds) else 1
    if not os.access(os.environ.get("DRILL_BEFORE", ""), os.X_OK):
        print("bench: DRILL_BEFORE is to be the other drill program", file=sys.stderr)
        return 2
    return subprocess.run([bench_figures.REPOSITORY / "scenarios/lab/lab", "run", "--without-k3s", "--",
                           sys.executable, __file__, "--beside", str(rounds)]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
