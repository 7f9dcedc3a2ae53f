#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Tests of what a run writes: lines, rows, result, percentiles and histograms tell the same.

Usage: outputs.py HANDCLASP [unittest arguments]
One run of bench with everything asked for; the files are read by means of their own: the encoding
of histograms by a decoder written here from its description, and where npm can fetch
hdr-histogram-js by that as well. Ends with "N passed, N failed".
"""

import base64
import csv
import importlib
import json
import math
import os
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib
from pathlib import Path

import run as cli

SECONDS = 60
CONNECTIONS = 30000
HERE = Path(__file__).resolve().parent

KINDS = ("connect", "connect_corrected", "establishment", "establishment_corrected", "close", "teardown",
         "first_byte", "first_byte_corrected", "response", "response_corrected")
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
UNIT_SHIFT, SUB_BITS = 6, 11  # Of the buckets: 64 ns, 2 048 of them.


def run(*args):
    argv = [cli.HANDCLASP] + [str(a) for a in args]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
                          check=False, text=True)


# ---------------------------------------------------------------------- HdrHistogram, by the book

def value_of(index):
    """The lowest value of a bucket."""
    half = 1 << (SUB_BITS - 1)
    bucket, sub = index // half - 1, index % half + half
    return index << UNIT_SHIFT if bucket < 0 else sub << (UNIT_SHIFT + bucket)


def width_of(index):
    return 1 << (UNIT_SHIFT + max(index // (1 << (SUB_BITS - 1)) - 1, 0))


def zigzags(data):
    """The numbers of a row of ZigZag LEB128, of at most nine bytes each."""
    at = 0
    while at < len(data):
        number, shift = 0, 0
        while True:
            byte = data[at]
            at += 1
            if shift == 56:  # The ninth byte is whole.
                number |= byte << shift
                break
            number |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        yield (number >> 1) ^ -(number & 1)


def decode(text):
    """V2, compressed, in base64: the head, and the count of every bucket that has one."""
    raw = base64.b64decode(text, validate=True)
    cookie, length = struct.unpack_from(">II", raw)
    assert cookie == 0x1c849314 and length == len(raw) - 8, (hex(cookie), length)
    plain = zlib.decompress(raw[8:])
    head = struct.unpack_from(">IIIIQQd", plain)
    assert head[0] == 0x1c849313 and head[1] == len(plain) - 40, head
    counts, index = {}, 0
    for n in zigzags(plain[40:]):
        if n > 0:
            counts[index] = n
        index += 1 if n >= 0 else -n
    return {"offset": head[2], "digits": head[3], "lowest": head[4], "highest": head[5],
            "ratio": head[6], "counts": counts}


def quantile_ns(counts, q, max_ns):
    """The highest value of the bucket that the quantile falls into."""
    total = sum(counts.values())
    rank, below = max(math.ceil(q * total - 1e-9), 1), 0
    for index in sorted(counts):
        below += counts[index]
        if below >= rank:
            return min(value_of(index) + width_of(index) - 1, max_ns)
    raise AssertionError("a rank beyond the last value")


def table_of(text):
    """The lines of a .hgrm: value, percentile, count."""
    rows = []
    for line in text.splitlines():
        words = line.split()
        if words and re.fullmatch(r"[0-9.]+", words[0]):
            rows.append((float(words[0]), float(words[1]), int(words[2])))
    return rows


# --------------------------------------------------------------------------------------- the tests

class Outputs(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.dir = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        done = run("bench", "--connections", CONNECTIONS, "--rate", "20k", "--ramp", "0.3s",
                   "--request", "http", "--hugepages", "off", "--json", cls.dir / "r.json",
                   "--csv", cls.dir / "r.csv", "--hgrm", cls.dir / "percentiles",
                   "--hlog", cls.dir / "r.hlog")
        assert done.returncode == 0, done
        cls.lines = done.stdout.splitlines()
        cls.result = json.loads((cls.dir / "r.json").read_text())
        with (cls.dir / "r.csv").open(newline="") as rows:
            cls.rows = list(csv.DictReader(rows))

    # ------------------------------------------------------------------------------- intervals

    def test_a_row_of_the_csv_is_an_interval_of_the_result_to_the_last_digit(self):
        self.assertEqual(len(self.rows), len(self.result["intervals"]))
        self.assertGreaterEqual(len(self.rows), 2)
        for row, interval in zip(self.rows, self.result["intervals"]):
            self.assertEqual(list(row), list(interval))
            for name, value in interval.items():
                if value is None:
                    self.assertEqual(row[name], "")
                elif isinstance(value, str):
                    self.assertEqual(row[name], value)
                else:
                    self.assertEqual(float(row[name]), value, name)

    def test_a_line_is_its_interval_rounded(self):
        first = next(i for i, line in enumerate(self.lines) if line.split()[:1] == ["time"]) + 1
        told = [i for i, b in zip(self.result["intervals"], [None] + self.result["intervals"])
                if b is None or i["t_s"] - b["t_s"] >= 0.1]
        for line, i in zip(self.lines[first:], told):
            times = ["%.1f" % i[name] if i[name] is not None else "-"
                     for name in ("connect_p50_us", "connect_p99_us")]
            self.assertEqual(line.split(),
                             ["%.2f" % i["t_s"], "%d" % (i["opened_per_s"] + 0.5),
                              "%d" % (i["closed_per_s"] + 0.5), "%d" % i["live"],
                              "%d" % i["failed"], "%d" % i["retransmitted"]] + times)
        self.assertEqual(self.lines[first + len(told)], "")

    def test_intervals_and_sections_add_up_to_the_totals(self):
        rates = self.result["rates"]
        sections = [rates[name] for name in ("ramp", "sustain", "drain")]
        for name in ("opened", "established", "closed", "failed", "reset"):
            total = self.result["totals"][name]
            self.assertEqual(sum(int(row[name]) for row in self.rows), total, name)
            self.assertEqual(sum(s[name] for s in sections), total, name)
        self.assertEqual(sum(int(row["responses"]) for row in self.rows),
                         self.result["totals"]["responses"])
        self.assertEqual(self.result["totals"]["opened"], CONNECTIONS)
        for before, after in zip(sections, sections[1:]):
            self.assertEqual(before["to_s"], after["from_s"])
        self.assertGreater(sections[0]["opened"], 0)
        for name in ("opened_per_s", "established_per_s", "closed_per_s"):
            self.assertEqual(rates["sustain"][name], rates[name])

    def test_intervals_follow_each_other_and_tell_their_phase(self):
        for before, after in zip(self.rows, self.rows[1:]):
            self.assertEqual(before["t_s"], after["from_s"])
            self.assertEqual(before["phase"].split(">")[-1], after["phase"].split(">")[0])
        self.assertEqual(self.rows[0]["phase"].split(">")[0], "fill")
        self.assertEqual(self.rows[-1]["phase"].split(">")[-1], "drain")

    # --------------------------------------------------------------------------------- summary

    def test_the_summary_is_the_result_rounded(self):
        def rounded(x):
            return "{:,}".format(int(x + 0.5))

        text = "\n".join(self.lines)
        rates = self.result["rates"]
        self.assertIn("opened %s/s, closed %s/s, from %.2f s to %.2f s of %.2f s" % (
            rounded(rates["opened_per_s"]), rounded(rates["closed_per_s"]),
            rates["steady_from_s"], rates["steady_to_s"], rates["elapsed_s"]), text)
        self.assertIn("%s opened, %s closed, from 0.00 s to %.2f s" % (
            rounded(rates["ramp"]["opened"]), rounded(rates["ramp"]["closed"]),
            rates["ramp"]["to_s"]), text)
        for kind in KINDS:
            t = self.result["latency_us"][kind]
            self.assertIn("min %.1f, mean %.1f, p50 %.1f, p90 %.1f, p99 %.1f, p99.9 %.1f, "
                          "p99.99 %.1f, max %.1f us of %d" % (
                              t["min"], t["mean"], t["p50"], t["p90"], t["p99"], t["p999"],
                              t["p9999"], t["max"], t["count"]), text)

    def test_the_clock_is_told(self):
        e = self.result["environment"]
        self.assertGreater(e["tsc_hz"], 1e6)
        self.assertTrue(0 < e["clock_resolution_ns"] < 1e6)
        self.assertLess(abs(e["tsc_drift_ppm"]), 10000)
        self.assertTrue(any(line.split()[:2] == ["clock", "TSC"] for line in self.lines))

    # ------------------------------------------------------------------------------ histograms

    def buckets(self, kind):
        flat = self.result["histograms"][kind]["buckets"]
        return dict(zip(flat[::2], flat[1::2]))

    def test_the_encoding_holds_every_bucket(self):
        self.assertEqual(tuple(self.result["histograms"]), KINDS)
        for kind in KINDS:
            h = self.result["histograms"][kind]
            found = decode(h["hdr_v2"])
            self.assertEqual((found["offset"], found["digits"], found["ratio"]), (0, 3, 1.0))
            self.assertEqual((found["lowest"], found["highest"]), (h["unit_ns"], h["top_ns"]))
            self.assertEqual({value_of(i): n for i, n in found["counts"].items()},
                             self.buckets(kind))
            self.assertEqual(sum(found["counts"].values()), h["count"])

    def test_percentiles_are_those_of_the_buckets(self):
        for kind in KINDS:
            h, times = self.result["histograms"][kind], self.result["latency_us"][kind]
            counts = decode(h["hdr_v2"])["counts"]
            for name, q in QUANTILES.items():
                self.assertEqual(times[name], quantile_ns(counts, q, h["max_ns"]) / 1e3,
                                 "%s %s" % (kind, name))
            self.assertEqual(times["min"], h["min_ns"] / 1e3)
            self.assertEqual(times["max"], h["max_ns"] / 1e3)
            self.assertAlmostEqual(times["mean"], h["sum_ns"] / h["count"] / 1e3, places=6)
            self.assertEqual((times["count"], times["overflow"]), (h["count"], h["overflow"]))

    def test_the_log_has_the_same_histograms(self):
        lines = (self.dir / "r.hlog").read_text().splitlines()
        self.assertEqual(lines[0], "#[Histogram log format version 1.3]")
        rates = self.result["rates"]
        for line, kind in zip(lines[3:], KINDS):
            h = self.result["histograms"][kind]
            self.assertEqual(line, "Tag=%s,%.3f,%.3f,%.3f,%s" % (
                kind, rates["steady_from_s"], rates["steady_to_s"] - rates["steady_from_s"],
                h["max_ns"] / 1e6, h["hdr_v2"]))
        self.assertEqual(len(lines), 3 + len(KINDS))

    def test_the_tables_of_percentiles_are_those_of_the_buckets(self):
        for kind in KINDS:
            h = self.result["histograms"][kind]
            counts = decode(h["hdr_v2"])["counts"]
            text = (self.dir / "percentiles" / (kind + ".hgrm")).read_text()
            rows = table_of(text)
            self.assertGreater(len(rows), 10)
            for value_us, part, count in rows:
                self.assertEqual(count, sum(n for i, n in counts.items()
                                            if value_of(i) <= value_us * 1e3 + 0.5))
                self.assertLessEqual(part, count / h["count"] + 1e-12)
            self.assertEqual(rows[-1][1:], (1.0, h["count"]))
            self.assertIn("Total count    = %12d]" % h["count"], text)
            self.assertIn("#[Max     = %12.3f" % (h["max_ns"] / 1e3), text)

    def test_hdr_histogram_js_reads_the_same(self):
        module = self.fetch_module()
        done = subprocess.run(["node", HERE / "hdr_decode.js", module, self.dir / "r.hlog"],
                              capture_output=True, timeout=SECONDS, check=True, text=True)
        found = json.loads(done.stdout)
        self.assertEqual(tuple(found), KINDS)
        for kind in KINDS:
            h, js = self.result["histograms"][kind], found[kind]
            self.assertEqual(dict(js["counts"]), self.buckets(kind))
            self.assertEqual((js["total"], js["digits"], js["lowest"], js["highest"]),
                             (h["count"], 3, h["unit_ns"], h["top_ns"]))
            for name, q in QUANTILES.items():
                # Ours know the longest time exactly, theirs by its bucket.
                theirs = js["percentiles"]["%.9g" % (100 * q)]
                self.assertEqual(self.result["latency_us"][kind][name],
                                 min(theirs, h["max_ns"]) / 1e3)
            ours = table_of((self.dir / "percentiles" / (kind + ".hgrm")).read_text())
            theirs = [(min(value, h["max_ns"] / 1e3), part, count)
                      for value, part, count in table_of(js["table"])]
            self.assertEqual([(value, count) for value, _, count in ours],
                             [(value, count) for value, _, count in theirs])
            for (_, our_part, _), (_, their_part, _) in zip(ours, theirs):
                self.assertAlmostEqual(our_part, their_part, delta=2e-12)  # They round halves up.

    def fetch_module(self):
        if not shutil.which("npm") or not shutil.which("node"):
            self.skipTest("there is no npm to fetch hdr-histogram-js with")
        place = self.dir / "npm"
        place.mkdir()
        try:
            done = subprocess.run(["npm", "install", "--prefix", str(place), "--ignore-scripts",
                                   "--no-audit", "--no-fund", "--fetch-retries", "1",
                                   "hdr-histogram-js@3.0.1"], stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            done = None
        if done is None or done.returncode != 0:
            self.skipTest("npm cannot fetch hdr-histogram-js from here")
        return place / "node_modules" / "hdr-histogram-js"


class Refusals(unittest.TestCase):
    def assert_refused(self, *args, words):
        done = run("bench", "--connections", 10, "--hugepages", "off", *args)
        self.assertEqual(done.returncode, cli.USAGE, done)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_what_cannot_be_written_is_refused_before_the_run(self):
        for option in ("--csv", "--hlog"):
            self.assert_refused(option, "/nowhere/file", words=(option, "cannot be written"))
            self.assert_refused(option, "-", words=(option, "--json alone", "give a file"))
        self.assert_refused("--hgrm", "/nowhere/percentiles", words=("--hgrm", "cannot be made"))
        self.assert_refused("--hgrm", "/dev/null", words=("--hgrm", "no directory"))

    def test_a_full_disk_is_told(self):
        done = run("bench", "--connections", 100, "--hugepages", "off", "--hlog", "/dev/full")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is there room", done.stderr)
        self.assert_refused("--csv", "/dev/full", words=("--csv", "is there room"))

    def test_rows_that_could_not_be_written_are_no_success(self):
        # Room for the heading, and not for the row behind it.
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        with tempfile.TemporaryDirectory() as place:
            path = os.path.join(place, "r.csv")
            args = ("bench", "--connections", 100, "--hugepages", "off", "--csv", path)
            self.assertEqual(run(*args).returncode, cli.MEASURED)
            with open(path, encoding="ascii") as rows:
                size = len(rows.readline()) + 10
            done = cli.run(*args, preexec_fn=limit)
        self.assertEqual(done.code, cli.ENVIRONMENT, str(done))
        self.assertIn("--csv", done.err)

    def test_without_connections_there_are_no_times(self):
        with tempfile.TemporaryDirectory() as place:
            done = run("bench", "--rate", "0.001", "--duration", "0.3s", "--hugepages", "off",
                       "--csv", place + "/r.csv", "--hgrm", place + "/p", "--json", "-")
            self.assertEqual(json.loads(done.stdout)["histograms"], {})
            self.assertEqual(os.listdir(place + "/p"), [])
            with open(place + "/r.csv", newline="", encoding="ascii") as rows:
                self.assertEqual({row["connect_p50_us"] for row in csv.DictReader(rows)}, {""})


class Standstill(unittest.TestCase):
    """A program that stands still repeats what was on its way, and scripts/soak.py knows why."""

    def setUp(self):
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(HERE.parents[1] / "scripts"))
        self.soak = importlib.import_module("soak")

    def offences(self, result):
        """All but how much was repeated, which a busy machine decides."""
        return [offence for offence in self.soak.offences_of(result["totals"], result["server"])
                if "segments sent again over" not in offence]

    def test_what_it_repeats_is_no_offence_and_any_other_drop_is_one(self):
        argv = [cli.HANDCLASP, "bench", "--duration", "2s", "--hugepages", "off", "--json", "-"]
        argv += self.soak.ONE_ADDRESS + ["--rto-min", "20"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as bench:
            for _ in range(5):
                time.sleep(0.3)
                bench.send_signal(signal.SIGSTOP)
                time.sleep(0.1)  # Five timeouts, for the program.
                bench.send_signal(signal.SIGCONT)
            result = json.loads(bench.communicate(timeout=SECONDS)[0])
        totals = result["totals"]
        self.assertGreater(totals["retransmitted_segments"], 0)
        self.assertGreater(totals["drops"].get("tcp_time_wait_old", 0), 0)
        self.assertEqual(self.offences(result), [])
        limit = int(totals["opened"] * self.soak.REPEATED_SHARE)
        for repeated, is_too_much in ((limit, False), (limit + 1, True)):
            said = list(self.soak.offences_of({**totals, "drops": {}, "retransmitted_segments": repeated},
                                              result["server"]))
            self.assertEqual(len(said), is_too_much, said)
        totals["drops"]["tcp_bad_checksum"] = 1
        self.assertEqual(len(self.offences(result)), 1)
        del totals["drops"]["tcp_bad_checksum"]
        totals["drops"]["tcp_no_connection"] = 2 * totals["retransmitted_segments"] + 1
        self.assertEqual(len(self.offences(result)), 1)


if __name__ == "__main__":
    sys.exit(cli.main())
