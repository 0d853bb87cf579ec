#!/usr/bin/env python3
"""Writes the schema of every message Kubernetes stores: verifier/objects/kubernetes_schema.py >verifier/objects/kubernetes.schema

It reads generated.proto and generated.pb.go of the modules below from Go's module cache and joins what they say, so that
an object written by any of these versions fits. What a missing module would have said is fetched with
`go mod download MODULE@VERSION`. The marshallers in generated.pb.go are the authority on what is always written; on the
way it is checked that each writes its fields in ascending order and its maps sorted by key.
"""
import pathlib
import re
import subprocess
import sys

MINORS = [f"v0.{minor}.0" for minor in range(17, 37)] + ["v0.37.2"]
MODULES = {
    # The first two are Kubernetes 1.13 and 1.14, from before there were versions.
    "api": ["v0.0.0-20181213150558-05914d821849", "v0.0.0-20190409021203-6e4e0e4f393b"] + MINORS,
    "apimachinery": ["v0.0.0-20181127025237-2b1284ed4c93", "v0.0.0-20190404173353-6a84e37a896d"] + MINORS,
    "apiextensions-apiserver": ["v0.0.0-20190409022649-727a075fdec8"] + MINORS,
    "kube-aggregator": MINORS,
}
SCALARS = {"string": "s", "bytes": "y", "bool": "b", "int32": "i", "int64": "l", "uint32": "u", "uint64": "u", "double": "d", "float": "f"}
HEADER = """# Every message that Kubernetes 1.13 to 1.37 stores, written by verifier/objects/kubernetes_schema.py from generated.proto and
# generated.pb.go of k8s.io/{api,apimachinery,apiextensions-apiserver,kube-aggregator}. MESSAGE APIVERSION FIELD...: the
# apiVersion of a kind of object, - for other messages; FIELD is NAME=NUMBER FLAGS TYPE, without blanks. Flags: ! written
# even when empty, * repeated, % a map from strings. Types: s string, y bytes, b bool, i int32, l int64, u unsigned,
# d double, f float, ? unknown or not the same in every version, .MESSAGE."""


def fail(text):
    sys.exit(f"kubernetes_schema.py: {text}")


def short(package):
    """k8s.io.api.apps.v1 -> apps/v1, k8s.io.apimachinery.pkg.util.intstr -> intstr."""
    parts = package.split(".")
    return "/".join(parts[-2:]) if re.fullmatch(r"v\d+((alpha|beta)\d+)?", parts[-1]) else parts[-1]


def read_proto(text):
    """{message: {number: (name, repeated, map, type)}} with full type names, and the reserved numbers."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    package = re.search(r"^package ([\w.]+);", text, re.M).group(1)
    messages = {}
    for name, body in re.findall(r"^message (\w+) \{(.*?)^\}", text, re.S | re.M):
        fields = {}
        for statement in filter(None, (part.strip() for part in body.split(";"))):
            match = re.fullmatch(r"(?:(optional|repeated) )?(map<string, ([\w.]+)>|[\w.]+) (\w+) = (\d+)", statement)
            if match:
                label, whole, value, field, number = match.groups()
                kind = value or whole
                if kind not in SCALARS:
                    full = kind.lstrip(".") if kind.startswith(".k8s") else kind if kind.startswith("k8s.io") else f"{package}.{kind}"
                    owner, _, message = full.rpartition(".")
                    kind = f".{short(owner)}.{message}"
                else:
                    kind = SCALARS[kind]
                fields[int(number)] = (field, label == "repeated", value is not None, kind)
            elif statement.startswith("reserved"):
                for number in re.findall(r"\b\d+\b", statement):
                    fields[int(number)] = ("reserved", False, False, "?")
            else:
                fail(f"{package}.{name}: what is {statement!r}?")
        messages[f"{short(package)}.{name}"] = fields
    return messages


def tags(data):
    """Field numbers of a run of tag bytes."""
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value >> 3)
            value, shift = 0, 0
    return numbers


def read_marshallers(text, where):
    """{message: numbers of the fields that are always written}; fails when one writes in another order than ascending."""
    always = {}
    name = "MarshalToSizedBuffer" if "MarshalToSizedBuffer(" in text else "MarshalTo"
    backwards = name == "MarshalToSizedBuffer"
    for message, body in re.findall(r"^func \(m \*?(\w+)\) " + name + r"\(dAtA \[\]byte\) \(int, error\) \{\n(.*?)^\}", text, re.S | re.M):
        step = -1 if backwards else 1
        always[message] = set(tags([int(byte, 16) for byte in re.findall(r"^\tdAtA\[i\] = (0x\w+)", body, re.M)][::step]))
        # What lies between the brackets of a map entry are the entry's own tags.
        entry = r"baseI := i.*?uint64\(baseI-i\)" if backwards else r"uint64\((?:mapSize|m\w*[sS]ize)\)\).*?\n\t\t\}\n"
        outer = re.sub(entry, "", body, flags=re.S)
        order = tags([int(byte, 16) for byte in re.findall(r"dAtA\[i\] = (0x\w+)", outer)][::step])
        if order != sorted(order):
            fail(f"{where}: {message} is not written in ascending order: {order}")
        if body.count("for k := range") > len(re.findall(r"sort\.Strings|sortkeys\.Strings", body)):
            fail(f"{where}: {message} writes a map without sorting it")
    return always


def group_of(directory):
    register = directory / "register.go"
    match = register.exists() and re.search(r'GroupName\s*=\s*"([^"]*)"', register.read_text())
    return match.group(1) if match else None


def join(known, number, new, heirs):
    """Adds what one version says of a field. A message that took over from another is noted in `heirs`."""
    old = known.get(number)
    if old is None or old[0] == "reserved":
        known[number] = new
    elif new[0] != "reserved":
        kind = new[3]
        if old[3] != kind and old[3].startswith(".") and kind.startswith("."):
            heirs.setdefault(kind[1:], set()).add(old[3][1:])
        elif (old[2], old[3]) != (new[2], new[3]):
            kind = "?"
        known[number] = (new[0], old[1] or new[1] or kind == "?", new[2] and kind != "?", kind)


def inherit(fields, always, heirs):
    """An heir must fit whatever was written while its field still had the other message."""
    for heir, forebears in sorted(heirs.items()):
        for forebear in sorted(forebears):
            print(f"{heir} took over from {forebear}", file=sys.stderr)
            for number, field in fields[forebear].items():
                join(fields[heir], number, fields[heir].get(number, field), {})
            always[heir] &= always[forebear]


def main():
    cache = pathlib.Path(subprocess.check_output(["go", "env", "GOMODCACHE"], text=True).strip())
    fields, always, versions, heirs = {}, {}, {}, {}
    for module, needed in MODULES.items():
        for version in needed:
            root = cache / f"k8s.io/{module}@{version}"
            if not root.is_dir():
                subprocess.run(["go", "mod", "download", f"k8s.io/{module}@{version}"], check=True)
            for proto in sorted(root.rglob("generated.proto")):
                if {"testapigroup", "examples", "testing"} & set(proto.parts):
                    continue
                messages = read_proto(proto.read_text())
                written = read_marshallers((proto.parent / "generated.pb.go").read_text(), proto.parent)
                group = group_of(proto.parent)
                for message, numbers in messages.items():
                    for number, field in numbers.items():
                        join(fields.setdefault(message, {}), number, field, heirs)
                    fields.setdefault(message, {})
                    short_name = message.rpartition(".")[2]
                    here = written.get(short_name, {1} if message == "resource.Quantity" else set())
                    always[message] = always.get(message, here) & here
                    metadata = numbers.get(1)
                    if group is not None and metadata and metadata[3] == ".meta/v1.ObjectMeta":
                        api = proto.parent.name
                        versions[message] = f"{group}/{api}" if group else api
    inherit(fields, always, heirs)
    emit(fields, always, versions)


def emit(fields, always, versions):
    needed, queue = set(), list(versions) + ["meta/v1.Timestamp", "runtime.TypeMeta", "runtime.Unknown"]
    while queue:  # only what a stored object can hold
        message = queue.pop()
        if message in needed:
            continue
        needed.add(message)
        queue += [field[3][1:] for field in fields[message].values() if field[3].startswith(".")]
    print(HEADER)
    for message in sorted(needed):
        words = [message, versions.get(message, "-")]
        for number, (name, repeated, mapped, kind) in sorted(fields[message].items()):
            flags = "!" * (number in always[message]) + "*" * repeated + "%" * mapped
            words.append(f"{name}={number}{flags}{kind}")
        print(*words)


main()
