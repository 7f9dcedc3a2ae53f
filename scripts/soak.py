#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Soaks the stack: mixed load at 80 % of the maximum, both ends over the in-memory wire, and then
the simulation.

Usage: soak.py HANDCLASP SIM [--minutes M]        (30 by default)

Several kinds of connections take turns (PARTS). Before each, a closed loop of a few seconds finds
the maximum; then 80 % of it run by schedule. The client has one source address, so 64 k tuples,
where the server closes first: TIME-WAIT is the server's, lasts 60 s, and a tuple comes back while
its last TIME-WAIT is still there, by RFC 6191 and not by cutting it short. Where the client closes
first every tuple waits out its TIME-WAIT of 1 s.

The simulation (SIM, tests/sim) plays 100 000 connections for every minute, of seeds that the test
run has not, on every core.

Passes when in every part all that was opened was closed, nothing failed, no packet was dropped, the
ledger balances (that includes the packet buffers of both ends), and the port space was wrapped at
least 100 times in all, and every seed of the simulation passed. Exit code 0 then, else 1.

A machine that has other things to do may let the program stand still for longer than a
retransmission timeout. Then what was on its way is sent again, once, though nothing was lost, and
the second copy and the answer to it are dropped, by names that say so. That many drops, and no
other, are none against the stack, as long as it is one segment in a hundred connections at most.
The least timeout is the 1 s of RFC 6298 2.4, so that it takes a long while.
"""

import json
import os
import subprocess
import sys

BY_THE_BOOK = ["--rto-min", "1000"]
ONE_ADDRESS = ["--clients", "10.1.0.1/32", "--time-wait", "60000", "--close", "server"]
PARTS = (
    ("server closes, no payload", ONE_ADDRESS),
    ("server closes, three segments", ONE_ADDRESS + ["--close-method", "three-way"]),
    ("server closes, one HTTP exchange", ONE_ADDRESS + ["--request", "http"]),
    ("client closes, no payload", ["--close", "client", "--time-wait", "1000"]),
    ("client closes, 4 KiB each way", ["--close", "client", "--time-wait", "1000", "--request",
                                       "4096", "--response", "4096"]),
)
SHARE = 0.8
REPEATED_SHARE = 0.01
DROPS_OF_REPEATED = ("tcp_listen_bad", "tcp_no_connection", "tcp_out_of_window", "tcp_time_wait_old")
WRAPS_MIN = 100
PROBE_SECONDS = 2
SIM_CONNECTIONS = 100000  # A minute.
SIM_FIRST_SEED = 1000000
SIM_SEEDS_APART = 100000000


def bench(handclasp, arguments, seconds):
    argv = [handclasp, "bench", "--duration", "%.1fs" % seconds, "--json", "-"]
    argv += BY_THE_BOOK + arguments
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=seconds + 120)
    try:
        return json.loads(done.stdout)
    except ValueError:
        sys.exit("soak: %s\n%s" % (" ".join(argv), done.stderr.decode(errors="replace")))


def offences_of(totals, server):
    if not totals["ledger_balanced"]:
        yield "the ledger does not balance: %s" % "; ".join(map(str, totals["ledger_faults"]))
    if not totals["opened"] == totals["established"] == totals["closed"] == server["closed"]:
        yield "opened %d, established %d, closed %d, closed by the server %d" % (
            totals["opened"], totals["established"], totals["closed"], server["closed"])
    for what in ("failed", "reset", "live_at_end", "opening_at_end", "bad_responses"):
        if totals[what]:
            yield "%s: %d" % (what, totals[what])
    repeated = totals["retransmitted_segments"]
    if repeated > totals["opened"] * REPEATED_SHARE:
        yield "%d segments sent again over a wire that loses nothing" % repeated
    explained = sum(totals["drops"].get(name, 0) for name in DROPS_OF_REPEATED)
    if explained > 2 * repeated or set(totals["drops"]) - set(DROPS_OF_REPEATED):
        yield "dropped: %s, with %d segments sent again" % (totals["drops"], repeated)


def simulate(sim, connections):
    """The simulation on every core, each with seeds of its own. @return how many of them failed."""
    cores = len(os.sched_getaffinity(0))
    runs = [subprocess.Popen([sim, "-f", str(SIM_FIRST_SEED + n * SIM_SEEDS_APART),
                              "-c", str(-(-connections // cores))], stdin=subprocess.DEVNULL)
            for n in range(cores)]
    return sum(run.wait() != 0 for run in runs)


def minutes_of(words):
    """Of what stands behind the programs: [] or --minutes M. @return None when it is not understood."""
    try:
        minutes = float(words[1]) if words else 30.0
    except (ValueError, IndexError):
        return None
    return minutes if words[:1] in ([], ["--minutes"]) and len(words) < 3 and 0 < minutes < 1e5 else None


def main():
    minutes = minutes_of(sys.argv[3:])
    if len(sys.argv) < 3 or minutes is None:
        print(__doc__, file=sys.stderr)
        return 2
    handclasp, sim = sys.argv[1:3]
    seconds = max(minutes * 60 / len(PARTS) - PROBE_SECONDS, 3)
    wraps = 0.0
    bad = 0
    for name, arguments in PARTS:
        most = bench(handclasp, arguments, PROBE_SECONDS)["rates"]["closed_per_s"]
        rate = int(most * SHARE)
        result = bench(handclasp, arguments + ["--rate", str(rate)], seconds)
        totals = result["totals"]
        turns = totals["opened"] / result["plan"]["tuples"]
        wraps += turns
        print("%-34s %9d/s asked, %9.0f/s closed, %10d connections, %7.1f turns of %d tuples, "
              "%d retransmitted, %d missed"
              % (name, rate, result["rates"]["closed_per_s"], totals["closed"], turns,
                 result["plan"]["tuples"], totals["retransmitted_segments"], totals["missed"]),
              flush=True)
        for what in offences_of(totals, result["server"]):
            bad += 1
            print("  FAILED: " + what, flush=True)
    if wraps < WRAPS_MIN:
        bad += 1
        print("FAILED: the port space was wrapped %.1f times, not %d" % (wraps, WRAPS_MIN))
    bad += simulate(sim, int(minutes * SIM_CONNECTIONS))
    print("soak: %.0f s of load, port space wrapped %.0f times, %d failures"
          % (seconds * len(PARTS), wraps, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
