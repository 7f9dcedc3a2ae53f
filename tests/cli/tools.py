#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""The command lines beside the program's: scripts, the simulation, the runner of unit tests, the
example.

Usage: tools.py SIM UNIT_PROGRAM ECHO [unittest arguments]
A wrong word gets one sentence and exit code 2, before anything is installed, built or run. Ends with
"N passed, N failed".
"""

import subprocess
import sys
import unittest
from pathlib import Path

import run as cli

TREE = Path(__file__).resolve().parent.parent.parent
SIM = UNIT = ECHO = ""


def run(*argv):
    return cli.Result(subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                     capture_output=True, timeout=cli.SECONDS, check=False))


def script(name, *args):
    return run(TREE / "scripts" / name, *args)


class Tool(cli.Case):
    def refused(self, result, *words):
        self.assert_exit(result, cli.USAGE)
        self.assertEqual(result.out, "", str(result))
        self.assertEqual(len(result.err.splitlines()), 1, str(result))
        for word in words:
            self.assertIn(word, result.err)

    def helps(self, result, *words):
        self.assert_exit(result, cli.MEASURED)
        self.assertIn("usage: ", result.out)
        self.assertEqual(result.err, "")
        for word in words:
            self.assertIn(word, result.out)


class Scripts(Tool):
    def test_faults_says_what_it_takes(self):
        for flag in ("-h", "--help"):
            self.helps(script("faults.sh", flag), "--list", "--sim", "--record", "FAULT")
        names = script("faults.sh", "--list")
        self.assert_exit(names, cli.MEASURED)
        planted = (TREE / "lib/base/faults.def").read_text(encoding="utf-8").count("\nHC_FAULT_DEF(")
        self.assertEqual(len(names.out.splitlines()), planted)

    def test_faults_refuses_what_it_does_not_know(self):
        self.refused(script("faults.sh", "--simulation"), "--simulation", "--sim", "--record")
        self.refused(script("faults.sh", "no_such_fault"), "no_such_fault", "--list")
        self.refused(script("faults.sh", "--sim", "--record"), "--sim", "--record")

    def test_transfer_says_what_it_takes(self):
        self.helps(script("transfer.sh", "--help"), "--rto-min MS", "BYTES",
                   "  we_send_and_a_tenth_is_lost\n", "  they_send_and_nothing_is_lost\n")

    def test_transfer_refuses_what_is_no_size_and_no_case(self):
        for size in ("0", "10X", "1.5M", "7kk", "2048G", "99999999999999", ""):
            self.refused(script("transfer.sh", size), "'%s'" % size, "bytes")
        self.refused(script("transfer.sh", "10M", "we_sing"), "we_sing", "--help")
        self.refused(script("transfer.sh", "--rto-max", "5"), "--rto-max", "--help")
        for time in ("", "0", "soon"):
            self.refused(script("transfer.sh", "--rto-min", time), "--rto-min", "milliseconds")

    def test_soak_says_what_it_takes(self):
        self.helps(script("soak.sh", "--help"), "--minutes M")

    def test_soak_refuses_what_is_no_time(self):
        for time in ("abc", "0", "0.01", "-3", "1e9", ""):
            self.refused(script("soak.sh", "--minutes", time), "--minutes", "minutes")
        self.refused(script("soak.sh", "5"), "5", "--minutes")

    def test_test_sh_says_how_one_test_is_run(self):
        self.helps(script("test.sh", "--help"), "--suite unit", "cookies/", "closing:")
        self.refused(script("test.sh", "cookies/", "parse"), "parse", "SUITE/TEST")

    def test_a_net_case_that_is_none_is_refused(self):
        for name, words in (("closing:never", ("simultaneous_open",)), ("nothing", ("closing", "peers"))):
            self.refused(run(sys.executable, TREE / "tests/net/run.py", "true", name), name, *words)


class Programs(Tool):
    def test_the_simulation_says_what_it_takes(self):
        for flag in ("-h", "--help"):
            self.helps(run(SIM, flag), "-n SEEDS", "-c CONNECTIONS", "-f FIRST", "-s SEED", "-d DIR")

    def test_the_simulation_plays_no_seed_that_is_none(self):
        for option in ("-s", "-f", "-n", "-c"):
            for value in ("abc", "12x", "-1", "0x", "", "18446744073709551616"):
                self.refused(run(SIM, option, value), option, "whole number")
        for option in ("-n", "-c"):
            self.refused(run(SIM, option, "0"), option, "from 1 on")
        self.refused(run(SIM, "-s", "4", "-n", "5"), "-n", "-s")
        self.refused(run(SIM, "-s"), "-s")
        self.refused(run(SIM, "4711"), "4711")
        self.refused(run(SIM, "--frobnicate"), "-h")

    def test_a_seed_may_be_hexadecimal(self):
        for text, seed in (("0x10", 16), ("010", 10)):
            result = run(SIM, "-f", text, "-n", "1")
            self.assert_exit(result, cli.MEASURED)
            self.assertIn("seeds from %d:" % seed, result.out)

    def test_one_unit_test_is_run_by_its_name(self):
        names = run(UNIT, "-l").out.split()
        one = names[1]
        result = run(UNIT, one)
        self.assert_exit(result, cli.MEASURED)
        self.assertRegex(result.out, r"(?m)^ *tests +1 +1 +1 +0 ")
        suite = one.partition("/")[0]
        count = len([name for name in names if name.startswith(suite + "/")])
        self.assertRegex(run(UNIT, suite).out, r"(?m)^ *tests +%d " % count)

    def test_a_unit_test_that_is_none_is_refused(self):
        suite = run(UNIT, "-l").out.partition("/")[0]
        self.refused(run(UNIT, suite + "/no_such_test"), "no test", "-l")
        self.refused(run(UNIT, "no_such_suite"), "no suite", "-l")

    def test_the_example_refuses_what_is_no_port_and_no_address(self):
        for port in ("700000", "65536", "0", "-1", "7x", ""):
            self.refused(run(ECHO, "tap:hc0", "10.0.0.1", port), "usage: echo DEV ADDRESS PORT")
        self.refused(run(ECHO, "tap:hc0", "here", "7"), "usage: echo DEV ADDRESS PORT")
        self.refused(run(ECHO), "usage: echo DEV ADDRESS PORT")


def main():
    global SIM, UNIT, ECHO
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return cli.USAGE
    SIM, UNIT, ECHO = sys.argv.pop(1), sys.argv.pop(1), sys.argv[1]
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
