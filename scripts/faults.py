#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Proves that the tests bite: turns the planted faults of lib/base/faults.def on, one after the
other, and looks for the test that catches each.

Usage: faults.py BUILD_DIR [--sim | --record] [FAULT...]
       faults.py --check [--sim | --record] [FAULT...]     only whether that is right; exit code 2 if not
       faults.py --list                                    the faults, and what each does

BUILD_DIR was built with -Dfaults=true. Without a fault every program has to pass; with one, at
least one test has to fail: first the suite that tests/faults.txt has from the last time, then, should
that pass, the unit tests of each layer and the simulation. Prints a table of fault and catching test,
and the count. Exit code 0 when all were caught. --record asks everything and writes tests/faults.txt.

--sim asks how far the simulation gets by itself, with more seeds: it cannot see everything (another
host's MAC, say), so faults that it misses are no failure then.
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
RECORD = TREE / "tests/faults.txt"
OPTIONS = ("--sim", "--record")
CAUGHT = re.compile(r"^(\w+) +(\w+): (\w+)/", re.M)
PROGRAMS = (("unit_tcp", ["tests/unit/unit_tcp"]), ("unit_wire", ["tests/unit/unit_wire"]),
            ("unit_stack", ["tests/unit/unit_stack"]),
            ("unit_socket", ["tests/unit/unit_socket"]),
            ("unit_scripts", ["tests/packet_scripts/unit_scripts"]), ("sim", ["tests/sim/sim", "-n", "400"]))
SIM_ALONE = (("sim", ["tests/sim/sim", "-n", "1000"]),)
SECONDS_MAX = 30  # Of one program: a fault may make it go round for ever.
SECONDS_MAX_WITHOUT = 120
DEF = re.compile(r"HC_FAULT_DEF\((\w+),\s*\"([^\"]*)\"\)")
USE = re.compile(r"HC_FAULT\((\w+)\)")
TEST = re.compile(r"^Suite (\w+), Test (\w+) had (?:failures|a failure: (signal \d+))", re.M)
SEED = re.compile(r"^seed (\d+): (.*) \(|^sim: (signal \d+) in seed (\d+)", re.M)


def planted():
    faults = DEF.findall((TREE / "lib/base/faults.def").read_text(encoding="utf-8"))
    used = set()
    for path in (TREE / "lib").rglob("*.[ch]"):
        if path.name != "fault.h":
            used |= set(USE.findall(path.read_text(encoding="utf-8")))
    lost = {name for name, _ in faults} ^ used
    if lost:
        sys.exit("faults: listed and not planted, or the other way: " + ", ".join(sorted(lost)))
    return faults


def what_failed(out):
    """The first test or seed of which a program says that it failed."""
    test = TEST.search(out)
    seed = SEED.search(out)
    if test:
        return "%s/%s%s" % (test[1], test[2], ", " + test[3] if test[3] else "")
    if seed:
        return "seed %s, %s" % ((seed[1], seed[2]) if seed[1] else (seed[4], seed[3]))
    return ""


def run(build_dir, program, fault):
    """@return (whether it passed, what failed)"""
    name, command = program
    env = dict(os.environ, HC_FAULT=fault)
    if not fault:
        del env["HC_FAULT"]
    with tempfile.TemporaryDirectory() as folder:
        limit = str(SECONDS_MAX if fault else SECONDS_MAX_WITHOUT)
        done = subprocess.run(["timeout", "-k", "5", limit, str(build_dir / command[0])]
                              + command[1:], env=env, cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    out = done.stdout.decode(errors="replace")
    if done.returncode == 0:
        return True, ""
    if done.returncode == 2 and "no suite is called" in out:
        return True, ""  # Recorded, and renamed since.
    if done.returncode == 2:
        sys.exit("faults: %s with HC_FAULT=%s: %s" % (name, fault, out))
    what = what_failed(out) or "exit code %d" % done.returncode
    if done.returncode == 124:
        what = "%s, never ended" % what.partition(",")[0]
    return False, "%s: %s" % (name, what)


def recorded(programs):
    """Fault -> the program, with the suite alone, that caught it last."""
    paths = dict(programs)
    text = RECORD.read_text(encoding="utf-8") if RECORD.exists() else ""
    return {fault: (name, paths[name] + [suite]) for fault, name, suite in CAUGHT.findall(text)
            if name in paths}


def catch(build_dir, programs, hints, fault):
    for program in ([hints[fault]] if fault in hints else []) + list(programs):
        passed, what = run(build_dir, program, fault)
        if not passed:
            return what
    return ""


def wrong(words):
    """The first word that is neither an option nor a fault, in a sentence; or None."""
    names = {name for name, _ in planted()}
    for word in words:
        if word.startswith("-") and word not in OPTIONS:
            return "there is no option %s: %s, or names of faults, which --list lists" % (
                word, " or ".join(OPTIONS))
        if not word.startswith("-") and word not in names:
            return "no fault is called %s; --list lists them" % word
    if set(OPTIONS) <= set(words):
        return "--sim asks the simulation alone, and --record all tests: give one of the two"
    return None


def check(words):
    what = wrong(words)
    if what:
        print("faults: " + what, file=sys.stderr)
    return 2 if what else 0


def main():
    if sys.argv[1:2] == ["--list"]:
        for fault in planted():
            print("%-36s %s" % fault)
        return 0
    if sys.argv[1:2] == ["--check"]:
        return check(sys.argv[2:])
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if check(sys.argv[2:]):
        return 2
    build_dir = Path(sys.argv[1]).resolve()
    faults = planted()
    options = set(sys.argv[2:]) & set(OPTIONS)
    is_sim_alone = "--sim" in options
    programs = SIM_ALONE if is_sim_alone else PROGRAMS
    hints = recorded(programs) if not options else {}
    wanted = [name for name in sys.argv[2:] if name not in options]
    names = [name for name, _ in faults if not wanted or name in wanted]
    caught = 0
    table = ""
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for passed, what in pool.map(lambda program: run(build_dir, program, ""), programs):
            if not passed:
                print("without any fault: %s fails" % what)
                return 1
        for name, what in zip(names, pool.map(lambda fault: catch(build_dir, programs, hints, fault),
                                              names)):
            caught += bool(what)
            line = "%-36s %s" % (name, what or "MISSED")
            table += line + "\n"
            print(line, flush=True)
    print("%d faults planted: %d caught, %d missed" % (len(names), caught, len(names) - caught))
    if "--record" in options and not wanted:
        RECORD.write_text(table, encoding="utf-8")
    return 0 if caught == len(names) or is_sim_alone else 1


if __name__ == "__main__":
    sys.exit(main())
