#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Checks what no compiler sees, over the files git knows:

licence   every source starts with the SPDX line and the copyright line
exports   lib/handclasp.map names exactly the functions of the public headers
counters  every counter of counters.def is moved in lib/ and named by a test
rfcs      every RFC that lib/ or include/ cites stands in README.md's table
words     no path of somebody's machine, no unfinished business

Usage: check-tree.py [CHECK...]. Without arguments all. Exit code 1 and one line per offence.
"""

import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
COPYRIGHT = "Copyright (c) 2026 The handclasp authors"
SOURCES = {".c", ".h", ".def", ".py", ".sh", ".build", ".map", ".lua"}
# Spelt in pieces, so that this file passes its own check.
WORDS = re.compile(r"/wo" r"rk/|/ho" r"me/[a-z]|\bTO" r"DO\b|\bFIX" r"ME\b|\bXX" r"X\b")
COUNTER = re.compile(r"^HC_COUNTER_DEF\((\w+),", re.M)
FUNCTION = re.compile(r"^(?!\s*\*|\s*//|#|static ).*?\b(hc_\w+)\(", re.M)
TABLE = re.compile(r"^extern const struct \w+ (hc_\w+)\[", re.M)
EXPORT = re.compile(r"^\t(hc_\w+);$", re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
RFC = re.compile(r"\bRFC (\d{3,4})\b")


def files(*tops):
    """Paths that git tracks, or would, below the given folders."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
               "--exclude-standard", "--", *tops]
    listing = subprocess.run(command, cwd=TREE, check=True, capture_output=True).stdout.decode()
    paths = [TREE / name for name in sorted(set(listing.split("\0"))) if name]
    return [path for path in paths if path.is_file()]


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def is_source(path):
    return path.suffix in SOURCES or path.name in ("meson_options.txt", "run")


def check_licence():
    for path in files():
        if not is_source(path):
            continue
        head = text(path).splitlines()[:3]
        if head and head[0].startswith("#!"):
            head = head[1:]
        if len(head) < 2 or SPDX not in head[0] or COPYRIGHT not in head[1]:
            yield path, 1, "does not start with '%s' and '%s'" % (SPDX, COPYRIGHT)


def check_counters():
    definition = TREE / "include/handclasp/counters.def"
    lib = "\n".join(text(p) for p in files("lib"))
    tests = "\n".join(text(p) for p in files("tests"))
    words = {"lib": set(re.findall(r"\w+", lib)), "tests": set(re.findall(r"\w+", tests))}
    for number, line in enumerate(text(definition).splitlines(), 1):
        match = COUNTER.match(line)
        if not match:
            continue
        for top, what in (("lib", "nothing in lib/ moves it"), ("tests", "no test names it")):
            if not {match[1], "HC_CTR_" + match[1]} & words[top]:
                yield definition, number, "counter %s: %s" % (match[1], what)


def check_exports():
    mapped = TREE / "lib/handclasp.map"
    headers = "\n".join(COMMENT.sub("", text(p)) for p in files("include") if p.suffix == ".h")
    declared = set(FUNCTION.findall(headers)) | set(TABLE.findall(headers))
    exported = EXPORT.findall(text(mapped))
    for name in sorted(declared - set(exported)):
        yield mapped, 1, "%s is declared in include/ and not exported" % name
    for name in sorted(set(exported) - declared):
        yield mapped, 1, "%s is exported and not declared in include/" % name
    if exported != sorted(exported):
        yield mapped, 1, "names are not sorted"


def check_rfcs():
    known = set(RFC.findall(text(TREE / "README.md"))) if (TREE / "README.md").exists() else set()
    for path in files("lib", "include"):
        for number, line in enumerate(text(path).splitlines(), 1):
            for rfc in RFC.findall(line):
                if rfc not in known:
                    yield path, number, "RFC %s is not in README.md" % rfc


def check_words():
    for path in files():
        for number, line in enumerate(text(path).splitlines(), 1):
            match = WORDS.search(line)
            if match:
                yield path, number, "'%s' does not belong in the tree" % match[0]


CHECKS = {"licence": check_licence, "exports": check_exports, "counters": check_counters,
          "rfcs": check_rfcs, "words": check_words}


def main():
    offences = 0
    names = sys.argv[1:] or list(CHECKS)
    for name in names:
        if name not in CHECKS:
            print("check-tree: no check '%s'; there are %s" % (name, ", ".join(CHECKS)))
            return 2
        for path, number, why in CHECKS[name]():
            offences += 1
            print("%s:%d: %s" % (path.relative_to(TREE), number, why))
    print("check-tree: %s: %d offences" % (", ".join(names), offences))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
