#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Runs cases of tests/net: handclasp against this machine's kernel.

Each case runs in user, network and process namespaces of its own, as root or as an ordinary user:
addresses are fixed, cases can run side by side, and when a case ends or its time is up everything it
started ends with it.

Usage: run.py HANDCLASP MODULE[:CASE]...
       run.py HANDCLASP            (every module)
Prints a line for each case and "N passed, N failed" at the end; 77 if nothing could run.
"""

import importlib
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import harness  # noqa: E402

MODULES = ("serve", "load", "closing", "faults", "frames", "links", "capture", "modes",
           "extensions", "peers", "shapes", "attack", "transfer", "volume", "searches")
SKIPPED = 77


def namespaces():
    """The unshare command that works here, or (None, why)."""
    tail = ["--net", "--pid", "--fork", "--kill-child"]
    choices = [["unshare", "--map-root-user"] + tail]
    if os.geteuid() == 0:
        choices.append(["unshare"] + tail)
    why = ""
    for choice in choices:
        done = subprocess.run(choice + ["ip", "tuntap", "add", "dev", "hc0", "mode", "tap"],
                              capture_output=True, check=False)
        if done.returncode == 0:
            return choice, ""
        why = done.stderr.decode(errors="replace").strip()
    return None, "no network namespace with a TAP in it here (%s)" % why


def cases_of(name):
    module, _, wanted = name.partition(":")
    importlib.import_module(module)
    return [c for c in harness.CASES[module] if not wanted or c.__name__ == wanted]


def run_inside(handclasp, module, name):
    """In the namespaces: runs one case. Exit code 0, 1 or 77, the story on stdout."""
    net = harness.Net(handclasp)
    try:
        cases_of("%s:%s" % (module, name))[0](net)
    except harness.Skip as reason:
        print(reason)
        return SKIPPED
    except Exception as error:  # whatever it is, it is this case's failure
        if isinstance(error, AssertionError):
            print(error)
        else:
            traceback.print_exc(file=sys.stdout)
        frames = traceback.extract_tb(error.__traceback__)
        print("at " + " < ".join("%s:%d" % (Path(f.filename).name, f.lineno)
                                 for f in reversed(frames)))
        print(net.report())
        return 1
    finally:
        for program in net.programs:
            if program.is_running():
                program.process.kill()
        subprocess.run(["rm", "-rf", str(net.folder)], check=False)
    return 0


def run_case(unshare, handclasp, module, function):
    """From outside: runs one case in its own world. Returns (code, story)."""
    argv = unshare + [sys.executable, __file__, "--inside", handclasp, module, function.__name__]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            story = process.communicate(timeout=function.seconds)[0]
            return process.returncode, story.decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            story = process.communicate()[0]
            return 1, "killed after %d s\n%s" % (function.seconds, story.decode(errors="replace"))


def unknown(names):
    """What is wrong with the first name that is no case's, in a sentence; or None."""
    for name in names:
        module = name.partition(":")[0]
        if module not in MODULES:
            return "no module is called %s; there are %s" % (module, ", ".join(MODULES))
        if not cases_of(name):
            return "%s has no such case; it has %s" % (
                name, ", ".join(case.__name__ for case in harness.CASES[module]))
    return None


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, file=sys.stderr if len(sys.argv) < 2 else sys.stdout)
        return 2 if len(sys.argv) < 2 else 0
    if sys.argv[1] == "--inside":
        return run_inside(*sys.argv[2:])
    handclasp = str(Path(sys.argv[1]).resolve())
    modules = sys.argv[2:] or MODULES
    what = unknown(modules)
    if what:
        print("run.py: " + what, file=sys.stderr)
        return 2
    passed = failed = skipped = 0
    unshare, why = namespaces()
    for name in modules:
        module = name.partition(":")[0]
        for function in cases_of(name):
            title = "%s: %s" % (module, function.__name__.replace("_", " "))
            if not unshare:
                skipped += 1
                print("skip %s: %s" % (title, why))
                continue
            start = time.monotonic()
            code, story = run_case(unshare, handclasp, module, function)
            if code == 0:
                passed += 1
                print("ok   %s (%.1f s)" % (title, time.monotonic() - start))
            elif code == SKIPPED:
                skipped += 1
                print("skip %s: %s" % (title, story.strip()))
            else:
                failed += 1
                print("FAIL %s (%.1f s)\n%s" % (title, time.monotonic() - start, story))
            sys.stdout.flush()
    tail = ", %d skipped" % skipped if skipped else ""
    print("%d passed, %d failed%s" % (passed, failed, tail))
    if failed:
        return 1
    return 0 if passed else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
