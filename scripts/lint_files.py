"""`scripts/lint files`: what no compiler reads. Run in the repository's root; prints what is wrong and ends with 1.

- Text files end in a newline, and no line in a blank (.editorconfig). Inputs of the fuzz targets are bytes.
- YAML and JSON parse, and no key is there twice.
- Workflows name scripts and presets that are there, and pin what they use to a version.
- Issue forms have what GitHub asks of one.
- CONTRIBUTING.md, CHANGELOG.md, issue forms and the template of pull requests have lines of 120 characters at most; a
  file, a preset or a test of ours that they name is there, and a command of a `sh` block is a program.
"""

import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import yaml

ROOT = pathlib.Path.cwd()
PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", ".github/pull_request_template.md")
OURS = r"(?:scripts|scenarios|tests|docs|cli|core|drill|history|k3s|puller|reports|restorer|store|verifier|cmake)"
PATH = re.compile(rf"(?<![\w./-])({OURS}/[\w./-]*\w|[A-Z]+\.md|CMake[\w.]+)(?![\w*/{{}}<-])")
KINDS_OF_PRESET = {"--workflow": "workflowPresets", "--build": "buildPresets", "ctest": "testPresets"}

problems = []


def problem(where, words):
    problems.append(f"{where}: {words}")


def files():
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(git, capture_output=True, text=True)
    if listed.returncode == 0:
        found = listed.stdout.split("\0")
    else:
        found = (str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.relative_to(ROOT).parts[0] != "build")
    return sorted(name for name in found if name and (ROOT / name).is_file())


class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in set(map(str, keys)):
            if list(map(str, keys)).count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


def once(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"{max(keys, key=keys.count)} is there twice")
    return dict(pairs)


def parsed(name):
    """What a YAML or JSON file holds; None when it does not parse."""
    text = (ROOT / name).read_text()
    try:
        if name.endswith(".json"):
            return json.loads(text, object_pairs_hook=once)
        documents = list(yaml.load_all(text, Loader))
        return documents[0] if len(documents) == 1 else documents
    except (yaml.YAMLError, ValueError) as error:
        problem(name, f"does not parse: {' '.join(str(error).split())}")
        return None


def look_at_text(name):
    content = (ROOT / name).read_bytes()
    if b"\0" in content or "fuzz/corpus/" in name:
        return
    if content and not content.endswith(b"\n"):
        problem(name, "does not end in a newline")
    for number, line in enumerate(content.split(b"\n"), 1):
        if line != line.rstrip():
            problem(f"{name}:{number}", "ends in a blank or a carriage return")


def look_at_commands(where, text):
    """What shell text names of ours: scripts, presets."""
    for word in PATH.findall(text):
        if not (ROOT / word).exists():
            problem(where, f"there is no {word}")
    presets = json.loads((ROOT / "CMakePresets.json").read_text()) if (ROOT / "CMakePresets.json").exists() else {}
    for line in text.splitlines():
        for part in re.split(r"&&|;|\|", line):
            if not (named := re.search(r"--preset[ =](\w+)", part)):
                continue
            kind = next((kind for word, kind in KINDS_OF_PRESET.items() if word in part), "configurePresets")
            if named[1] not in (preset["name"] for preset in presets.get(kind, ())):
                problem(where, f"there is no preset {named[1]} among {kind}")


def look_at_workflow(name, workflow):
    for job, content in workflow.get("jobs", {}).items():
        for step in content.get("steps", ()):
            where = f"{name}: {job}"
            if used := step.get("uses"):
                if not re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+(\.\d+)*|[0-9a-f]{40})", used):
                    problem(where, f"{used} is not pinned to a version")
            elif "run" not in step:
                problem(where, "a step that does nothing")
            look_at_commands(where, step.get("run", ""))
    if "permissions" not in workflow:
        problem(name, "does not say what it may (permissions)")


def look_at_form(name, form):
    for key in ("name", "description", "body"):
        if not form.get(key):
            problem(name, f"a form needs {key}")
    seen = set()
    for element in form.get("body") or ():
        kind, attributes = element.get("type"), element.get("attributes", {})
        if kind not in ("markdown", "input", "textarea", "dropdown", "checkboxes"):
            problem(name, f"{kind} is no type of an element")
        elif not attributes.get("value" if kind == "markdown" else "label"):
            problem(name, f"an element of type {kind} without words")
        if kind != "markdown" and (not element.get("id") or element["id"] in seen):
            problem(name, f"an element of type {kind} needs an id of its own")
        seen.add(element.get("id"))


def names_of_tests():
    """All sources of the tests as one text; None where there are none."""
    return "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*")
                     if path.suffix in (".cpp", ".txt")) if (ROOT / "tests").is_dir() else None


def look_at_page(name):
    text = (ROOT / name).read_text()
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > 120 and "](" not in line:
            problem(f"{name}:{number}", "is longer than 120 characters")
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        if not (ROOT / name).parent.joinpath(link).exists():
            problem(name, f"links to {link}, which is not there")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    prose = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))
    for part in itertools.chain(blocks, prose):
        look_at_commands(name, part)
    tests = names_of_tests()
    for line in "".join(blocks).splitlines():
        words = re.sub(r"^(?:\w+=\S* )+|\s+#.*", "", line)
        program = words.split(" ")[0] if words else ""
        if program and not program.startswith("build/") and not shutil.which(program) and not os.access(ROOT / program, os.X_OK):
            problem(name, f"{program} of `{words}` is no program")
        if tests is not None and (wanted := re.search(r"-R '([^']+)'", words)) and wanted[1] not in tests:
            problem(name, f"no test has the name of `{words}`")


def main():
    for name in files():
        look_at_text(name)
        if name in PAGES:
            look_at_page(name)
        if not name.endswith((".yml", ".yaml", ".json")) and name not in (".clang-tidy", ".clang-format"):
            continue
        content = parsed(name)
        if content is None:
            continue
        if name.startswith(".github/workflows/"):
            look_at_workflow(name, content)
        if name.startswith(".github/ISSUE_TEMPLATE/") and not name.endswith("/config.yml"):
            look_at_form(name, content)
    for words in problems:
        print(words)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
