# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Peers that look at a TCP more closely than a browser does: httperf, and nmap, which judges how
well sequence numbers can be guessed."""

import re

from harness import PATIENT, case, expect, expect_equal


@case(seconds=60)
def httperf_by_schedule_meets_no_error(net):
    server = net.serve("--response", "512", *PATIENT)
    said = net.run("httperf", "--hog", "--server", "10.0.0.1", "--port", "80", "--uri", "/",
                   "--num-conns", "2000", "--rate", "1000", "--num-calls", "2", "--timeout", "5",
                   seconds=50)
    expect("replies 4000 test-duration" in said, said)
    expect(re.search(r"Errors: total 0 ", said), said)
    expect(re.search(r"Reply status: 1xx=0 2xx=4000 3xx=0 4xx=0 5xx=0", said), said)
    result = server.stop()
    result.expect_balanced()
    expect_equal((result.totals["established"], result.totals["retransmitted_segments"]),
                 (2000, 0), "established, retransmitted")


@case(seconds=90)
def nmap_finds_sequence_numbers_hard_to_guess(net):
    server = net.serve(listen="80")
    said = net.run("nmap", "-n", "-Pn", "-v", "-O", "--max-os-tries", "1", "-p", "80,81",
                   "10.0.0.1", seconds=80)
    expect(re.search(r"^80/tcp +open", said, re.M), said)
    expect(re.search(r"^81/tcp +closed", said, re.M), said)
    verdict = re.search(r"TCP Sequence Prediction: Difficulty=(\d+) \(Good luck!\)", said)
    expect(verdict and int(verdict[1]) >= 200, said)
    server.stop().expect_balanced()
