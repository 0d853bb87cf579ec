"""`scripts/bench extremes`: what drill takes for databases far beyond any cluster's, and for values made to hurt.

Each case is the lab's seed with something added. A line says how `drill verify`, `drill diff` (against the seed) and
`drill run` end, after how long, and at which peak of memory (of drill itself: the control plane has a cap of its own).
None may go on for ever, end by a signal, or take more than is allowed here. An image of more than 256 MiB is a mapped file,
which the kernel takes back when memory is short: memory is what it cannot take back (RssAnon).
"""

import base64
import gzip
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

MIB = 1 << 20
MOST_CELL = 1_000_000_000  # SQLite's limit of a row
MOST_READ = 64 * MIB  # drill's, of a cell
ALLOWED_BYTES = 700 * MIB
ALLOWED_SECONDS = 900
UID = "00000000-0000-4000-8000-%012x"


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def protobuf(api_version, kind, *fields, name=b"soak"):
    uid = (UID % (hash(name) & 0xFFFFFFFFFFFF)).encode()
    meta = field(1, name) + field(3, b"default") + field(5, uid) + field(8, b"\x08\x80\xf2\xd0\xc9\x06")
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, field(1, meta) + b"".join(fields)) + b"\x1a\0\x22\0"


def json_object(inside, metadata=""):
    return (f'{{"apiVersion":"soak.io/v1","kind":"Soak","metadata":{{"name":"soak","namespace":"default","uid":"{UID % 1}",'
            f'"creationTimestamp":"2026-11-01T00:00:00Z"{metadata}}}').encode() + b"," + inside + b"}"


def config_map(value):
    return "/registry/configmaps/default/soak", protobuf(b"v1", b"ConfigMap", field(2, field(1, b"a") + field(2, value)))


def custom(inside=b'"spec":{}', metadata=""):
    return "/registry/soak.io/soaks/default/soak", json_object(inside, metadata)


def nested(levels, number, innermost=b""):
    """A protobuf message in itself, `levels` deep. Lengths first, from the inside out."""
    heads, size = [], len(innermost)
    for _ in range(levels):
        heads.append(varint(number << 3 | 2) + varint(size))
        size += len(heads[-1])
    return b"".join(reversed(heads)) + innermost


def crd(levels):
    # CustomResourceDefinition.spec.versions.schema.openAPIV3Schema, whose `not` (30) is one more of it.
    deep = nested(levels, 30)
    version = field(1, b"v1") + field(4, field(1, deep))
    spec = field(1, b"soak.io") + field(3, field(1, b"soaks")) + field(4, b"Namespaced") + field(7, version)
    return ("/registry/apiextensions.k8s.io/customresourcedefinitions/soaks.soak.io",
            protobuf(b"apiextensions.k8s.io/v1", b"CustomResourceDefinition", field(2, spec)))


def cbor_text(text):
    return b"\x78" + bytes([len(text)]) + text


def cbor(levels):
    pairs = {b"apiVersion": cbor_text(b"soak.io/v1"), b"kind": cbor_text(b"Soak"), b"spec": b"\x81" * levels + b"\x80",
             b"metadata": b"\xa3" + cbor_text(b"name") + cbor_text(b"soak") + cbor_text(b"namespace") + cbor_text(b"default")
             + cbor_text(b"uid") + cbor_text((UID % 1).encode())}
    return "/registry/soak.io/soaks/default/soak", b"\xd9\xd9\xf7\xa4" + b"".join(cbor_text(key) + value for key, value in pairs.items())


def helm(unpacked):
    return base64.b64encode(base64.b64encode(gzip.compress(bytes(unpacked))))


def secret(value, name="soak"):
    return f"/registry/secrets/default/{name}", protobuf(b"v1", b"Secret", field(2, field(1, b"release") + field(2, value)),
                                                         field(3, b"helm.sh/release.v1"), name=name.encode())


def releases(number, packed):
    return (secret(packed, f"soak-{index}") for index in range(number))


def managed(fields):
    return custom(metadata=',"managedFields":[{"manager":"soak","operation":"Update","apiVersion":"soak.io/v1",'
                  f'"time":"2026-11-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{fields}}}]')


def many(number, item):
    return ",".join(item % index for index in range(number))


def one(key_and_value):
    return [key_and_value]


def numbered(number, make):
    return (make(index) for index in range(number))


def wrong(index):
    return f"/registry/configmaps/default/wrong-{index}", b"k8s\0" + index.to_bytes(8, "big")


def long_name(index):
    return f"/registry/configmaps/default/{index:04d}" + "n" * MIB, b"{}"


CASES = {
    "a value of 1 GB, of one letter": lambda: one(config_map(b"a" * (MOST_CELL - 2000))),
    "a value of 64 MiB, of one letter": lambda: one(config_map(b"a" * (MOST_READ - 2000))),
    "a value of 64 MiB, of noise, in base64 of base64": lambda: one(secret(base64.b64encode(base64.b64encode(os.urandom(35 * MIB))))),
    "a helm release that unpacks to 1 GB": lambda: one(secret(helm(10**9))),
    "1000 helm releases that unpack to 200 MB": lambda: releases(1000, helm(2 * 10**8)),
    "a sealed row of 64 MiB": lambda: one(("/registry/secrets/default/soak", b"k8s:enc:aescbc:v1:key:" + os.urandom(MOST_READ - 2000))),
    "JSON, a million arrays deep": lambda: one(custom(b'"spec":' + b"[" * 10**6 + b"]" * 10**6)),
    "JSON, a million objects deep": lambda: one(custom(b'"spec":' + b'{"a":' * 10**6 + b"1" + b"}" * 10**6)),
    "JSON, 30 million values": lambda: one(custom(b'"spec":[' + b"1," * (30 * 10**6) + b"1]")),
    "CBOR, a million arrays deep": lambda: one(cbor(10**6)),
    "protobuf, a million messages deep": lambda: one(crd(10**6)),
    "managedFields, a million fields deep": lambda: one(managed('{"f:a":' * 10**6 + "{}" + "}" * 10**6)),
    "managedFields, 4 million fields": lambda: one(managed("{" + many(4 * 10**6, '"f:%07d":{}') + "}")),
    "managedFields, 250,000 managers": lambda: one(custom(metadata=',"managedFields":[' + many(
        250_000, '{"manager":"m%06d","operation":"Update","apiVersion":"v1","time":"2026-11-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{}}') + "]")),
    "500,000 owners of one object": lambda: one(custom(metadata=',"ownerReferences":[' + many(
        500_000, '{"apiVersion":"v1","kind":"Pod","name":"a","uid":"00000000-0000-4000-8000-%012x"}') + "]")),
    "2 million labels": lambda: one(custom(metadata=',"labels":{' + many(2 * 10**6, '"l%07d":"a"') + "}")),
    "300 names of 1 MiB": lambda: numbered(300, long_name),
    "a million wrong values": lambda: numbered(10**6, wrong),
}


def made(seed, rows, path):
    shutil.copyfile(seed / "server/db/state.db", path)
    database = sqlite3.connect(path)
    for pragma in ("synchronous=OFF", "journal_mode=OFF"):
        database.execute(f"PRAGMA {pragma}")
    database.executemany("INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) "
                         "VALUES (?, 1, 0, 0, 0, 0, ?, NULL)", rows)
    database.commit()
    database.close()


def first_problem(document):
    for check in document.get("checks", ()):
        for finding in check["findings"] if check["verdict"] in ("fail", "could_not_run") else ():
            if finding["severity"] != "note":
                return f"{check['name']}: {finding['message']}"
    return ""


def peak_anonymous(process):
    peak = 0
    status = pathlib.Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        for line_of_status in status.read_text().splitlines() if status.exists() else ():
            if line_of_status.startswith("RssAnon:"):
                peak = max(peak, int(line_of_status.split()[1]) * 1024)
        time.sleep(0.01)
    return peak


def measured(command, work):
    """Seconds, peak of drill's own memory, exit code, and what it said on stdout; killed when it takes too long."""
    with open(work / "said", "w+b") as output:
        start = time.monotonic()
        with subprocess.Popen([str(word) for word in command], stdout=output, stderr=subprocess.STDOUT) as process:
            late = threading.Timer(ALLOWED_SECONDS, process.kill)
            late.start()
            memory = peak_anonymous(process)
            late.cancel()
        seconds = time.monotonic() - start
        output.seek(0)
        return seconds, memory, process.returncode, output.read()


def line(case, what, command, work):
    seconds, memory, code, said = measured(command, work)
    document = json.loads(said) if said.startswith(b"{") else {}
    problem = first_problem(document) if document else (said.decode(errors="replace").strip().splitlines() or [""])[-1]
    met = 0 <= code <= 3 and memory <= ALLOWED_BYTES
    print(f"| {case} | `{what}` | {seconds:.1f} s | {memory / MIB:.0f} MiB | {document.get('verdict') or f'exit code {code}'} "
          f"{problem[:100]} |{'' if met else ' NOT MET'}", flush=True)
    return met


def measure(drill, seed, wanted, work):
    """Every case whose name has `wanted` in it. True when all ended well."""
    print("| case | command | time | peak memory | ends with |\n|---|---|---|---|---|", flush=True)
    config = work / "config.yaml"
    config.write_text(f"store: {work}/store\nengines:\n  standin:\n    path: {os.environ['DRILL_STANDIN']}\nclusters:\n  edge: {{host: 192.0.2.1}}\n")
    plain, token = seed / "server/db/state.db", seed / "server/token"
    head = [drill, "--config", config, "--quiet"]
    met = True
    for case, rows in CASES.items():
        if wanted not in case:
            continue
        database = work / "images" / "state.db.20261101T000000Z"
        database.parent.mkdir(exist_ok=True)
        made(seed, rows(), database)
        name = rows_name(database)
        for what, command in {
            "verify": ["--json", "verify", "--file", database, "--token-file", token],
            "diff": ["diff", "--file", plain, "--file", database],
            "run": ["--json", "run", "--engine", "standin", "--file", database, "--token-file", token, "--alive-for", "0s", "--control", "none"],
            "import": ["import", "--ignore-mtime", "--cluster", "edge", database.parent],
            "log": ["log", name, "--cluster", "edge"],
            "extract": ["extract", "edge/latest", "--out", work / "out.db"],
        }.items():
            met = line(case, what, [*head, *command], work) and met
        for left in (database, work / "out.db"):
            left.unlink(missing_ok=True)
        shutil.rmtree(work / "store", ignore_errors=True)
    return met


def rows_name(database):
    """The last row's key, unless no command line takes it."""
    opened = sqlite3.connect(database)
    name = opened.execute("SELECT name FROM kine ORDER BY id DESC LIMIT 1").fetchone()[0]
    opened.close()
    return name if len(name) < 1000 else "/registry/namespaces/kube-system"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-extremes-") as directory:
        good = measure(os.environ["DRILL_PROGRAM"], pathlib.Path(os.environ["DRILL_SEED"]), " ".join(sys.argv[1:]), pathlib.Path(directory))
    sys.exit(0 if good else 1)
