#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Checks tests/rfc9293.md: every MUST and SHLD of RFC 9293 has one row, every row has a state that
fits what it names, every named test exists, and every named unit test passes.

Usage: check-requirements.py BUILD_DIR

Unit tests (`suite/test`) are looked up in the programs of BUILD_DIR, and their suites are run. Net
cases (`module:case`) need namespaces and minutes; they are looked up in tests/net, and `meson test
--suite net` runs them. Exit code 1 and one line per offence.
"""

import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
TABLE = TREE / "tests/rfc9293.md"
ROW = re.compile(r"^\| ((?:MUST|SHLD)-\d+|RFC \d+[^|]*?) \| ([^|]+) \| ([^|]+) \| ([^|]*) \|$")
UNIT = re.compile(r"`(\w+/\w+)`")
NET = re.compile(r"`(\w+:\w+)`")
CASE = re.compile(r"^@case\(.*\)\ndef (\w+)\(", re.M)
STATES = ("yes", "partly", "no", "n/a")
ITEMS = ["MUST-%d" % n for n in range(1, 70)] + ["SHLD-%d" % n for n in range(1, 32)]


def rows():
    for number, line in enumerate(TABLE.read_text(encoding="utf-8").splitlines(), 1):
        match = ROW.match(line)
        if match:
            yield (number,) + match.groups()
        elif line.startswith("|") and not line.startswith(("| item", "|---")):
            yield number, line, "", "not a row", ""


def unit_tests(build_dir):
    """Every unit test of the build: its name -> its program."""
    found = {}
    for program in sorted((build_dir / "tests").glob("*/unit_*")):
        if not program.is_file() or program.suffix:
            continue
        listing = subprocess.run([str(program), "-l"], check=True, capture_output=True).stdout
        for name in listing.decode().split():
            found.setdefault(name, program)
    return found


def net_cases():
    return {"%s:%s" % (path.stem, name) for path in (TREE / "tests/net").glob("*.py")
            for name in CASE.findall(path.read_text(encoding="utf-8"))}


def run_suites(program, suites):
    """@return the program's output when a test failed, else None"""
    done = subprocess.run([str(program)] + sorted(suites), stdin=subprocess.DEVNULL, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=program.parent)
    return None if done.returncode == 0 else done.stdout.decode(errors="replace")


def offences_of(row, units, cases):
    number, item, _, state, note = row
    if state not in STATES:
        yield "%d: %s: the state is one of %s" % (number, item, ", ".join(STATES))
        return
    named = UNIT.findall(note) + NET.findall(note)
    if state == "partly" and not named:
        yield "%d: %s: names no test" % (number, item)
    if not note.strip():
        yield "%d: %s: says nothing" % (number, item)
    for name in UNIT.findall(note):
        if name not in units:
            yield "%d: %s: there is no unit test %s" % (number, item, name)
    for name in NET.findall(note):
        if name not in cases:
            yield "%d: %s: there is no net case %s" % (number, item, name)


def main():
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    table = list(rows())
    units = unit_tests(Path(sys.argv[1]).resolve())
    cases = net_cases()
    seen = [row[1] for row in table]
    offences = ["no row for %s" % item for item in ITEMS if item not in seen]
    offences += ["more than one row for %s" % item for item in set(seen) if seen.count(item) > 1]
    for row in table:
        offences += offences_of(row, units, cases)
    programs = {}
    for row in table:
        for name in UNIT.findall(row[4]):
            if name in units:
                programs.setdefault(units[name], set()).add(name.split("/")[0])
    for program, suites in sorted(programs.items()):
        output = run_suites(program, suites)
        if output is not None:
            offences.append("%s fails:\n%s" % (program.name, output))
    for line in offences:
        print("tests/rfc9293.md: " + line)
    states = [row[3] for row in table]
    print("%d requirements: %s; %d unit tests and %d net cases named; %d offences"
          % (len(table), ", ".join("%d %s" % (states.count(s), s) for s in STATES),
             len({n for r in table for n in UNIT.findall(r[4])}),
             len({n for r in table for n in NET.findall(r[4])}), len(offences)))
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
