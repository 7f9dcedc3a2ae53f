#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Adds up a run of `meson test`: one row per suite, CUnit's own summary summed over all programs,
and "N passed, N failed" as the last line. Prints the whole output of every program that failed.

A program says how many tests it ran by CUnit's "Run Summary" or by a last line "N passed, N failed"
(perhaps with ", N skipped"); any other program is one test. A program that ends badly although it
counts no failure (a crash, a time-out, a leak found at exit) is one failure more.

Usage: test-summary.py BUILD_DIR. Exit code 0 if nothing failed and something passed.
"""

import json
import re
import subprocess
import sys
from collections import OrderedDict

CUNIT_ROW = re.compile(r"^\s*(suites|tests|asserts)\s+(\d+)\s+(\d+)\s+(\d+|n/a)\s+(\d+)\s+(\d+|n/a)\s*$",
                       re.M)
COUNT_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)
SKIP_LINE = re.compile(r"^skip .*$", re.M)


class Sum:
    """Counts of one suite: programs and tests."""

    def __init__(self):
        self.programs = self.passed = self.failed = self.skipped = self.asserts = 0
        self.seconds = 0.0


def number(text):
    return 0 if text == "n/a" else int(text)


def count_program(log, total, cunit):
    """Adds one program's log to its suite's sum. Returns whether it failed."""
    out = log.get("stdout") or ""
    rows = CUNIT_ROW.findall(out)
    lines = COUNT_LINE.findall(out)
    failed_before = total.failed
    total.programs += 1
    total.seconds += log.get("duration") or 0.0
    for kind, all_, ran, passed, failed, inactive in rows:
        sums = cunit.setdefault(kind, [0] * 5)
        for i, text in enumerate((all_, ran, passed, failed, inactive)):
            sums[i] += number(text)
        if kind == "tests":
            total.passed += number(passed)
            total.failed += number(failed)
        elif kind == "asserts":
            total.asserts += number(ran)
    if lines:
        passed, failed, skipped = lines[-1]
        total.passed += int(passed)
        total.failed += int(failed)
        total.skipped += int(skipped or 0)
    result = log["result"]
    if result == "SKIP":
        total.skipped += 0 if rows or lines else 1
    elif result in ("OK", "EXPECTEDFAIL"):
        total.passed += 0 if rows or lines else 1
    elif total.failed == failed_before:
        total.failed += 1
    return total.failed > failed_before


def print_cunit(cunit):
    if not cunit:
        return
    print("CUnit, all programs:  %8s %8s %8s %8s %8s"
          % ("Total", "Ran", "Passed", "Failed", "Inactive"))
    for kind in ("suites", "tests", "asserts"):
        all_, ran, passed, failed, inactive = cunit[kind]
        print("%20s  %8d %8d %8s %8d %8s"
              % (kind, all_, ran, "n/a" if kind == "suites" else passed, failed,
                 "n/a" if kind == "asserts" else inactive))


def read_logs(build_dir):
    """Yields (suite, name, log) of every program that ran. Meson names the suite in the log only
    when there are several, so it comes from the list of tests."""
    listing = subprocess.run(["meson", "introspect", "--tests", build_dir], check=True,
                             capture_output=True).stdout
    suite_of = {t["name"]: t["suite"][0].rpartition(":")[2] for t in json.loads(listing)}
    with open(build_dir + "/meson-logs/testlog.json", encoding="utf-8") as f:
        for line in f:
            log = json.loads(line)
            head, _, name = log["name"].rpartition(" / ")
            yield head.rpartition(":")[2] or suite_of[name], name, log


def main():
    suites = OrderedDict()
    cunit = {}
    for suite, name, log in read_logs(sys.argv[1]):
        failed = count_program(log, suites.setdefault(suite, Sum()), cunit)
        if failed:
            print("---- %s: %s, its output:" % (name, log["result"]))
            print((log.get("stdout") or "") + (log.get("stderr") or ""))
        for line in SKIP_LINE.findall(log.get("stdout") or ""):
            print(line)

    print("%-8s %8s %8s %8s %8s %10s %8s"
          % ("suite", "programs", "passed", "failed", "skipped", "asserts", "seconds"))
    for suite, s in suites.items():
        print("%-8s %8d %8d %8d %8d %10d %8.1f"
              % (suite, s.programs, s.passed, s.failed, s.skipped, s.asserts, s.seconds))
    print_cunit(cunit)
    passed = sum(s.passed for s in suites.values())
    failed = sum(s.failed for s in suites.values())
    skipped = sum(s.skipped for s in suites.values())
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
