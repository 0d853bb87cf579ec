"""`scripts/lint embedded`: shellcheck for the shell text that C++ sources carry, each R"sh(...)sh" literal.

    lint_shell_in_cpp.py SOURCE...

Prints what is found as SOURCE:LINE: CODE: words; ends with 1 when there is any, or no literal to look at.
Each literal is looked at by itself, though a script is made of several. Of one that fmt::format fills in, {{ and }} become
single braces, and a field such as {} or {name} the word `field`; one that begins a line which goes on is of whole lines,
and becomes nothing.
"""

import json
import pathlib
import re
import subprocess
import sys

# Left out everywhere, each for one reason.
NOT_ASKED = {
    "SC2034": "what one literal assigns, another of the same script reads",
    "SC2154": "and the other way round",
    "SC2317": "a function that a trap calls, or another literal, is not unreachable",
    "SC2015": "after `a && b || refuse` nothing is to go on, whichever of the two failed",
    "SC2012": "ls -l of /proc/PID/fd and ls -A of a directory are what coreutils and busybox share; names with a control"
              " character are passed over",
    "SC2238": "`>hash` is a file; that there is a command of this name does not matter",
    "SC2094": "the same two redirections, taken for one file",
    "SC3013": "-ef is not of POSIX, but of dash, bash and busybox, for which these scripts are",
}

# Meant as they are, in one line each.
MEANT = {
    ("SC2086", "kill $child; }"): "a number",
    ("SC2086", "set -- ${stat_line##*) }"): "the fields of a line",
    ("SC2086", "text_of $service_files | tr"): "a list of names",
    ("SC2086", "text_of $service_files; }"): "a list of names",
    ("SC2086", "exit $status"): "a number",
    ("SC2046", "set -- $(cat measures)"): "five numbers",
}

LITERAL = re.compile(r'(?:\b(\w+)\s*=\s*|(\bfmt::format\(\s*))?R"sh\((.*?)\)sh"', re.DOTALL)
BRACES = re.compile(r"\{\{|\}\}|(^\{\w*\}(?=[^\s]))|\{\w*\}", re.MULTILINE)


def filled_in(text):
    def replacement(found):
        if found[0] in ("{{", "}}"):
            return found[0][0]
        return "" if found[1] else "field"
    return BRACES.sub(replacement, text)


def literals(source):
    """Of each literal: the line on which it begins, and its text as a shell gets it."""
    for found in LITERAL.finditer(source):
        name, formatted, text = found.groups()
        if formatted or (name and re.search(rf"\bfmt::format\(\s*{name}\b", source)):
            text = filled_in(text)
        yield source.count("\n", 0, found.start(3)) + 1, text


def findings(text):
    command = ["shellcheck", "--shell=sh", "--format=json1", "--exclude=" + ",".join(NOT_ASKED), "-"]
    ran = subprocess.run(command, input=text + "\n", stdout=subprocess.PIPE, text=True)
    if ran.returncode > 1:
        raise SystemExit(f"lint: shellcheck ended with {ran.returncode}")
    return json.loads(ran.stdout)["comments"]


def main(*sources):
    looked_at, problems = 0, []
    for path in sources:
        for first, text in literals(pathlib.Path(path).read_text()):
            looked_at += 1
            lines = text.split("\n")
            for found in findings(text):
                code, line = f"SC{found['code']}", found["line"]
                if not any(code == meant and words in lines[line - 1] for meant, words in MEANT):
                    problems.append(f"{path}:{first + line - 1}: {code}: {found['message']}")
    for problem in problems:
        print(problem)
    if not looked_at:
        print("lint: no shell text in C++ sources, where some was expected")
    return 1 if problems or not looked_at else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
