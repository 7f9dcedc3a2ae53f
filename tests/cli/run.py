#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Tests of handclasp's command line: options, sentences, exit codes, output, result file.

Usage: run.py HANDCLASP [unittest arguments]
Needs no root, no hugepages and no port: real runs are of bench, short, and of a number of
connections, so that they end when their work is done. Ends with "N passed, N failed".
"""

import itertools
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

MEASURED, RUN_FAILED, USAGE, ENVIRONMENT, CROSSED, INTERRUPTED = 0, 1, 2, 3, 99, 130
COMMANDS = ("bench", "load", "serve")
SECONDS = 60  # A run that takes longer hangs.

HANDCLASP = ""

# What a sub-command needs before an option of interest can be looked at.
BASE = {
    "bench": [],
    "load": ["--port", "tap:hc0", "--local", "10.0.0.2/24", "--target", "10.0.0.1:80"],
    "serve": ["--port", "tap:hc0", "--local", "10.0.0.1/24"],
}


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return "exit %d\n%s\n%s" % (self.code, self.out, self.err)


def run(*args, **more):
    argv = [HANDCLASP] + [str(a) for a in args]
    return Result(subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                                 timeout=SECONDS, check=False, **more))


def plan(command, *args):
    """A dry run: the effective configuration and the plan."""
    return run(command, *BASE[command], *args, "--dry-run", "--json", "-")


def bench(*args, connections=2000):
    """A short bench, whose result is checked for what every result has to keep."""
    return run("bench", "--connections", connections, "--hugepages", "off", "--json", "-", *args)


def catches(pid, number):
    """Whether a process has a handler for a signal by now."""
    status = Path("/proc/%d/status" % pid).read_text()
    return int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16) >> (number - 1) & 1


class Case(unittest.TestCase):
    maxDiff = None

    def assert_exit(self, result, code):
        self.assertEqual(result.code, code, str(result))

    def assert_refused(self, result, *words, code=USAGE):
        """One sentence on stderr that holds all words, and the exit code."""
        self.assert_exit(result, code)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, str(result))
        self.assertRegex(lines[0], r"^handclasp( \w+)?: ")
        for word in words:
            self.assertIn(word, lines[0])

    def assert_value(self, command, option, value, key, expected):
        result = plan(command, option, value)
        self.assert_exit(result, MEASURED)
        self.assertEqual(result.json["config"][key], expected, "%s %s" % (option, value))


class Commands(Case):
    def test_no_command_prints_usage_on_stderr(self):
        result = run()
        self.assert_exit(result, USAGE)
        self.assertEqual(result.out, "")
        for command in COMMANDS:
            self.assertIn(command, result.err)

    def test_help_prints_usage_on_stdout(self):
        for flag in ("--help", "-h"):
            result = run(flag)
            self.assert_exit(result, MEASURED)
            self.assertIn("usage: handclasp", result.out)
            self.assertEqual(result.err, "")

    def test_version_is_a_number(self):
        result = run("--version")
        self.assert_exit(result, MEASURED)
        self.assertRegex(result.out, r"^handclasp \d+\.\d+\.\d+\n$")

    def test_an_unknown_command_is_refused(self):
        self.assert_refused(run("frobnicate"), "frobnicate", "bench", "load", "serve")


def options_of(command):
    """The options of a sub-command, as --help lists them: (name, argument or None)."""
    text = run(command, "--help").out
    return re.findall(r"^  --([a-z0-9-]+)(?: (\S+))?(?:  |$)", text, re.MULTILINE)


class Options(Case):
    # A right value of each option, and what it comes to in the configuration.
    RIGHT = {
        "duration": ("1.5s", "duration_s", 1.5),
        "connections": ("10k", "connections", 10000),
        "concurrency": ("2k", "concurrency", 2000),
        "rate": ("50k", "rate_per_s", 50000),
        "stage": ("1.5s:0-20k,10s:20k", "load_stages", ["1.5s:0-20000", "10s:20000-20000"]),
        "arrivals": ("poisson", "arrivals", "poisson"),
        "open-rate": ("20k", "open_rate_per_s", 20000),
        "close-rate": ("15k", "close_rate_per_s", 15000),
        "ramp": ("500ms", "ramp_s", 0.5),
        "hold": ("20ms", "hold_s", 0.02),
        "live": ("1k", "live_connections", 1000),
        "drain": ("2s", "drain_s", 2),
        "request": ("512", "request", "512"),
        "requests": ("12", "requests", 12),
        "think": ("20ms", "think_s", 0.02),
        "hold-live": ("2k", "hold_live", 2000),
        "path": ("/index.html", "path", "/index.html"),
        "close": ("server", "close", "server"),
        "close-method": ("four-way", "close_method", "four-way"),
        "limit-open-rate": ("20k", "limit_open_rate_per_s", 20000),
        "limit-close-rate": ("15k", "limit_close_rate_per_s", 15000),
        "max-connections": ("5k", "max_connections", 5000),
        "stall": ("200ms@5s", "stall", "0.2s@5s"),
        "refuse": ("1%", "refuse", "1%"),
        "reset": ("0.1%", "reset", "0.1%"),
        "server-limit-open-rate": ("20k", "server_limit_open_rate_per_s", 20000),
        "server-limit-close-rate": ("15k", "server_limit_close_rate_per_s", 15000),
        "server-max-connections": ("5k", "server_max_connections", 5000),
        "server-stall": ("200ms@5s", "server_stall", "0.2s@5s"),
        "server-refuse": ("1%", "server_refuse", "1%"),
        "server-reset": ("0.1%", "server_reset", "0.1%"),
        "attack-rate": ("20k", "attack_rate_per_s", 20000),
        "attack-sources": ("198.19.0.0/24", "attack_sources", "198.19.0.0/24"),
        "attack-lead": ("250ms", "attack_lead_s", 0.25),
        "count-syns-from": ("198.18.0.0/15", "count_syns_from", "198.18.0.0/15"),
        "port": ("af_packet:eth9", "port", "af_packet:eth9"),
        "local": ("10.0.9.2/16", "local", "10.0.9.2/16"),
        "gateway": ("10.0.0.254", "gateway", "10.0.0.254"),
        "target": ("10.0.0.9:8080", "target", "10.0.0.9:8080"),
        "stagger": ("2s", "stagger_s", 2),
        "listen": ("80,7:echo,9000-9001:discard", "listen",
                   ["80:http", "7:echo", "9000:discard", "9001:discard"]),
        "clients": ("10.2.0.0/28", "clients", "10.2.0.0/28"),
        "source-ports": ("2000-3000", "source_ports", "2000-3000"),
        "mtu": ("1400", "mtu", 1400),
        "ttl": ("3", "ttl", 3),
        "dscp": ("46", "dscp", 46),
        "cores": ("2", "cores", 2),
        "split": (None, "split", True),
        "burst": ("16", "burst_pkts", 16),
        "descriptors": ("2048", "descriptors", 2048),
        "buffers": ("20k", "buffers", 20000),
        "memory": ("64M", "memory_bytes", 64 << 20),
        "hugepages": ("off", "hugepages", False),
        "offload": ("off", "offload", False),
        "tso": ("off", "tso", False),
        "promiscuous": ("on", "promiscuous", True),
        "seed": ("42", "seed", 42),
        "time-wait": ("2s", "time_wait_ms", 2000),
        "timestamps": ("off", "timestamps", False),
        "window-scale": ("off", "window_scale", False),
        "sack": ("off", "sack", False),
        "nodelay": ("off", "nodelay", False),
        "ecn": ("on", "ecn", True),
        "fast-open": ("on", "fast_open", True),
        "fast-open-cap": ("16", "fast_open_cap", 16),
        "rto-init": ("500", "rto_init_ms", 500),
        "rto-min": ("100", "rto_min_ms", 100),
        "rto-max": ("30s", "rto_max_ms", 30000),
        "syn-retries": ("3", "syn_retries", 3),
        "synack-retries": ("3", "synack_retries", 3),
        "syn-cookies": ("always", "syn_cookies", "always"),
        "r1-retries": ("4", "r1_retries", 4),
        "keepalive": ("on", "keepalive", True),
        "data-retries": ("3", "data_retries", 3),
        "congestion": ("newreno", "congestion", "newreno"),
        "fin-wait2": ("5s", "fin_wait2_ms", 5000),
        "delayed-ack": ("200", "delayed_ack_ms", 200),
        "reasm-time": ("30s", "reasm_ms", 30000),
        "arp-ttl": ("30s", "arp_ttl_ms", 30000),
        "arp-probe": ("on", "arp_probe", True),
        "conn-cap": ("5k", "conn_cap", 5000),
        "syn-cap": ("5k", "syn_cap", 5000),
        "time-wait-cap": ("8k", "time_wait_cap", 8000),
        "tuple-cap": ("9k", "tuple_cap", 9000),
        "server-conn-cap": ("6k", "server_conn_cap", 6000),
        "server-time-wait-cap": ("7k", "server_time_wait_cap", 7000),
        "neigh-cap": ("64", "neigh_cap", 64),
        "neigh-queue-cap": ("32", "neigh_queue_cap", 32),
        "listener-cap": ("300", "listener_cap", 300),
        "scoreboard-cap": ("500", "scoreboard_cap", 500),
        "span-cap": ("1k", "span_cap", 1000),
        "held-cap": ("2k", "held_cap", 2000),
        "reasm-cap": ("32", "reasm_cap", 32),
        "reasm-size": ("9k", "reasm_bytes", 9216),
        "rcv-buf": ("32k", "rcv_buf_bytes", 32768),
        "snd-buf": ("32k", "snd_buf_bytes", 32768),
        "fail-if": ("p99_connect > 500us,failed>0.001%", "fail_if",
                    ["p99_connect>500us", "failed>0.001%"]),
        "stages": (None, "stages", True),
    }
    # What would be refused beside the base options is given with what it needs.
    COMPANIONS = {"attack-sources": ["--attack-rate", "1k"], "attack-lead": ["--attack-rate", "1k"],
                  "ramp": ["--duration", "10s"], "arrivals": ["--rate", "10k"],
                  "stagger": ["--target", "10.0.0.1:80-81"],
                  "requests": ["--request", "http"], "hold-live": ["--rate", "10k"],
                  "path": ["--request", "http"],
                  "think": ["--request", "http", "--requests", "3"]}
    NOT_IN_CONFIG = {"config", "json", "csv", "hgrm", "hlog", "dry-run", "verbose", "help"}
    # A wrong value of each kind of argument, and words of the sentence that refuses it.
    WRONG = {
        "T": ("soon", "10s"), "N": ("many", "whole number"), "R": ("fast", "number"),
        "BYTES": ("big", "number of bytes"), "http|BYTES[:W,...]": ("ftp", "http"),
        "BYTES[:W,...]": ("big", "number of bytes"), "PATH": ("x", "/"),
        "MS": ("1.5", "milliseconds"), "ADDR": ("here", "IPv4 address"),
        "ADDR/LEN": ("10.0.0.1", "10.0.0.2/24"), "ADDR:PORT[-PORT],...": ("10.0.0.1", "10.0.0.1:80"),
        "PREFIX": ("10.0.0.1/24", "10.1.0.0/16"), "LO-HI": ("9-8", "1024-65535"),
        "PORTS": ("80:ftp", "echo"), "T:R[-R]": ("10s", "10s:0-200k"),
        "SHARE": ("0.1", "0.1%"), "T@EVERY": ("5s@200ms", "200ms@5s"),
        "DIR": ("/dev/null", "no directory"),
        "MEASURE>LIMIT": ("p99>5us", "p99_connect>500us"), "on|off": ("yes", "off or on"),
    }

    def test_no_heading_of_help_is_empty(self):
        for command in COMMANDS + ("test syn-flood", "test teardown-rate"):
            text = run(*command.split(), "--help").out
            headings = re.findall(r"\n\n([A-Z][\w ]+)\n(.*)", text)
            self.assertGreater(len(headings), 5, text)
            for title, below in headings:
                self.assertTrue(below.startswith("  --"), "%s: %s" % (command, title))

    def test_help_lists_every_option_and_the_table_above_knows_it(self):
        for command in COMMANDS:
            names = {name for name, _ in options_of(command)}
            self.assertGreater(len(names), 30)
            for name in names - self.NOT_IN_CONFIG - {"response"}:
                self.assertIn(name, self.RIGHT, command)

    def test_every_option_takes_its_value_both_ways(self):
        for command in COMMANDS:
            for name, _ in options_of(command):
                if name in self.NOT_IN_CONFIG or name == "response":
                    continue
                with self.subTest(command=command, option=name):
                    value, key, expected = self.RIGHT[name]
                    
                    ways = [["--" + name]] if value is None else [
                        ["--" + name, value], ["--%s=%s" % (name, value)]]
                    for way in ways:
                        result = plan(command, *self.COMPANIONS.get(name, []), *way)
                        self.assert_exit(result, MEASURED)
                        self.assertEqual(result.json["config"][key], expected)

    def test_every_option_refuses_a_wrong_value(self):
        for command in COMMANDS:
            for name, arg in options_of(command):
                if not arg or arg in ("DEV", "FILE", "FILE|-"):
                    continue
                with self.subTest(command=command, option=name):
                    value, word = self.WRONG.get(arg, ("x", "or"))
                    needs = self.COMPANIONS[name] if name == "path" else []
                    result = run(command, *BASE[command], *needs, "--" + name, value)
                    self.assert_refused(result, "--" + name, value, word)

    def test_every_option_that_takes_a_value_misses_it(self):
        for command in COMMANDS:
            for name, arg in options_of(command):
                with self.subTest(command=command, option=name):
                    if arg:
                        self.assert_refused(run(command, "--" + name), "--" + name, "needs a value")
                        self.assert_refused(run(command, "--" + name, "--", "x"), "needs a value")
                        self.assert_refused(run(command, "--" + name, "--verbose"), "needs a value")
                    else:
                        self.assert_refused(run(command, "--%s=1" % name), "takes no value")

    def test_numbers_out_of_range_are_refused_with_the_range(self):
        for option, value in (("burst", "0"), ("burst", "129"), ("mtu", "100"), ("mtu", "64k"),
                              ("cores", "0"), ("cores", "1000"), ("conn-cap", "100G"),
                              ("time-wait", "48h"), ("syn-retries", "31"), ("duration", "0"),
                              ("connections", "0"), ("concurrency", "0"), ("rate", "0"),
                              ("rate", "10G"), ("rcv-buf", "1"), ("response", "2G")):
            with self.subTest(option=option, value=value):
                self.assert_refused(run("bench", "--" + option, value), "--" + option, value,
                                    "out of range", " to " if option != "rate" else " at most ")

    def test_unknown_options_are_refused_and_near_ones_named(self):
        self.assert_refused(run("bench", "--frobnicate"), "--frobnicate", "--help")
        self.assert_refused(run("bench", "--durations", "3s"), "--durations", "--duration")
        self.assert_refused(run("bench", "--durat=3s"), "--durat;", "--duration")

    def test_options_of_another_command_are_refused(self):
        self.assert_refused(run("bench", "--target", "10.0.0.1:80"), "--target", "bench")
        self.assert_refused(run("load", "--live", "5"), "--live", "load")
        self.assert_refused(run("serve", "--rate", "5"), "--rate", "serve")

    def test_words_that_are_no_options_are_refused(self):
        for word in ("fast", "-d", "-", ""):
            self.assert_refused(run("bench", word), "'%s'" % word, "--help")

    def test_the_last_of_several_wins(self):
        result = plan("bench", "--duration", "1s", "--duration", "2s")
        self.assertEqual(result.json["config"]["duration_s"], 2)

    def test_help_of_each_command_goes_to_stdout(self):
        for command in COMMANDS:
            result = run(command, "--burst", "7", "--help", "--what")
            self.assert_exit(result, MEASURED)
            self.assertIn("usage: handclasp %s" % command, result.out)
            self.assertEqual(result.err, "")

    def test_help_of_a_test_names_it(self):
        for kind in ("establishment-rate", "syn-flood"):
            result = run("test", kind, "--help")
            self.assert_exit(result, MEASURED)
            self.assertIn("usage: handclasp test %s [options]" % kind, result.out)

    def test_sizes_take_small_letters_too(self):
        for text in ("4m", "4M", "4MiB", "4096k"):
            self.assertEqual(plan("bench", "--rcv-buf", text).json["config"]["rcv_buf_bytes"], 4 << 20)
        self.assertEqual(plan("bench", "--request", "1g").json["config"]["request"],
                         plan("bench", "--request", "1G").json["config"]["request"])

    def test_only_json_is_written_to_a_dash(self):
        for option in ("--csv", "--hlog"):
            self.assert_refused(run("bench", "--connections", 1, option, "-"), option, "give a file")

    def test_what_follows_two_dashes_is_for_eal(self):
        result = plan("bench", "--duration", "1s")
        self.assertEqual(result.json["config"]["eal_args"], [])
        result = run("bench", "--dry-run", "--json", "-", "--", "--log-level", "8", "--burst")
        self.assert_exit(result, MEASURED)
        self.assertEqual(result.json["config"]["eal_args"], ["--log-level", "8", "--burst"])


class ConfigFile(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "c.json"

    def given(self, text):
        self.path.write_text(text if isinstance(text, str) else json.dumps(text))
        return self.path

    def test_every_key_is_read_as_the_result_writes_it(self):
        for command in COMMANDS:
            for name, _ in options_of(command):
                if name in Options.NOT_IN_CONFIG or name == "response":
                    continue
                with self.subTest(command=command, option=name):
                    _, key, expected = Options.RIGHT[name]
                    base = plan(command, *Options.COMPANIONS.get(name, [])).json
                    if key in ("rate_per_s", "concurrency", "load_stages"):
                        base["config"].update({"rate_per_s": None, "concurrency": 0,
                                               "duration_s": 0})
                    # The sizes of the plan are those of the base, and need not suit the change.
                    for size in ("conn_cap", "syn_cap", "time_wait_cap", "tuple_cap", "span_cap",
                                 "clients", "descriptors", "buffers", "server_conn_cap",
                                 "server_time_wait_cap"):
                        base["config"].pop(size, None)
                    base["config"][key] = expected
                    result = run(command, "-c", self.given(base), "--dry-run", "--json", "-")
                    self.assert_exit(result, MEASURED)
                    self.assertEqual(result.json["config"][key], expected)

    def test_a_result_runs_its_own_test_again(self):
        for args in (["--request", "http", "--close", "server"], ["--rate", "20k"], ["--rate", "20k", "--attack-rate", "1k"],
                     ["--request", "16:1,99:9", "--response", "1k:2,2k:1", "--requests", "3"],
                     ["--server-stall", "1ms@1s", "--server-refuse", "0%", "--open-rate", "1M"],
                     ["--hold", "1ms", "--seed", 2**63 + 5], ["--", "--log-level", "8"]):
            with self.subTest(args=args):
                first = bench(*args, connections=300)
                self.assert_exit(first, MEASURED)
                again = run("bench", "--config", self.given(first.out), "--json", "-")
                self.assert_exit(again, MEASURED)
                self.assertEqual(again.json["config"], first.json["config"])
                self.assertEqual(again.json["plan"], first.json["plan"])
                self.assertEqual(again.json["totals"]["opened"], 300)

    def test_a_held_population_runs_again(self):
        first = run("bench", "--hold-live", 50, "--rate", 500, "--duration", "300ms", "--hugepages",
                    "off", "--json", "-")
        again = run("bench", "-c", self.given(first.out), "--json", "-")
        self.assert_exit(again, MEASURED)
        self.assertEqual(again.json["config"], first.json["config"])
        self.assertEqual(again.json["totals"]["opened"], 50)

    def test_another_population_may_be_asked_of_a_result(self):
        first = run("bench", "--hold-live", 50, "--rate", 500, "--duration", "300ms", "--hugepages",
                    "off", "--dry-run", "--json", "-")
        again = run("bench", "-c", self.given(first.out), "--hold-live", 60, "--dry-run", "--json", "-")
        self.assert_exit(again, MEASURED)
        self.assertEqual(again.json["config"]["hold_live"], 60)
        self.assertEqual(again.json["config"]["concurrency"], 60)
        self.assert_refused(run("bench", "-c", self.path, "--concurrency", 70), "--hold-live")

    def test_the_keys_alone_will_do_and_null_leaves_a_default(self):
        config = {"concurrency": 7, "sack": False, "duration_s": 2, "hold_s": 0.25, "burst_pkts": None}
        result = run("bench", "--config=%s" % self.given(config), "--dry-run", "--json", "-")
        self.assert_exit(result, MEASURED)
        default = run("bench", "--dry-run", "--json", "-").json["config"]
        for key, value in config.items():
            self.assertEqual(result.json["config"][key], default[key] if value is None else value)

    def test_values_may_be_written_as_on_the_command_line(self):
        config = {"concurrency": "2k", "time_wait_ms": "2s", "sack": "off", "request": "http"}
        result = run("bench", "-c", self.given(config), "--dry-run", "--json", "-")
        self.assert_exit(result, MEASURED)
        self.assertEqual([result.json["config"][key] for key in config], [2000, 2000, False, "http"])

    def test_the_command_line_wins_wherever_it_names_the_file(self):
        path = self.given({"concurrency": 7, "burst_pkts": 8, "eal_args": ["--a"]})
        for args in (["--concurrency", 9, "-c", path], ["-c", path, "--concurrency", 9]):
            config = run("bench", *args, "--dry-run", "--json", "-").json["config"]
            self.assertEqual((config["concurrency"], config["burst_pkts"], config["eal_args"]),
                             (9, 8, ["--a"]))
        config = run("bench", "-c", path, "--dry-run", "--json", "-", "--", "--b").json["config"]
        self.assertEqual(config["eal_args"], ["--b"])

    def test_what_is_wrong_is_named_with_line_and_key(self):
        for text, words in (
                ('{\n "tome_wait_ms": 5\n}', (":2: \"tome_wait_ms\"", "\"time_wait_ms\"")),
                ('{\n\n "time-wait": 5\n}', (":3: \"time-wait\"", "\"time_wait_ms\"")),
                ('{"zzz": 5}', (":1: \"zzz\" is not a key", "--dry-run")),
                ('{"sack": "maybe"}', (":1: \"sack\" \"maybe\"", "off or on")),
                ('{"sack": 1}', (":1: \"sack\" 1", "off or on")),
                ('{"close":\n "left"}', (":1: \"close\" \"left\"", "client, server, both or rst")),
                ('{"hold_s": [1]}', ("\"hold_s\" [1]", "10s")),
                ('{"hold_s": {}}', ("\"hold_s\" {}", "10s")),
                ('{"cores": 99}', ("\"cores\" 99", "out of range", "1 to 32")),
                ('{"cores": -1}', ("\"cores\" -1", "whole number")),
                ('{"cores": 1.5}', ("\"cores\" 1.5", "whole number")),
                ('{"rate_per_s": 0}', ("\"rate_per_s\" 0", "more than 0")),
                ('{"split": "on"}', ("\"split\" \"on\"", "true or false")),
                ('{"path": 5}', ("\"path\" 5", "takes")),
                ('{"path": ""}', ("\"path\" is empty", "PATH")),
                ('{"eal_args": "-l"}', (":1: \"eal_args\"", "array of strings")),
                ('{"eal_args": [1]}', (":1: \"eal_args\"", "array of strings")),
                ('{"listen": ["80"]}', ("\"listen\" is not a key of bench",)),
                # Keys elsewhere, and in strings, are not the key meant.
                ('{"plan": {"cores": 99,\n"x": "\\"cores\\": {["},\n"config": {"a": 0,\n"cores": 99}}',
                 (":3: \"a\"",)),
                ('{"plan": {"cores": 99,\n"x": "\\"cores\\": {["},\n"config": {\n"cores": 99}}',
                 (":4: \"cores\"",)),
                ('{"cor\\u0065s": 99}', ("\"cores\" 99", "1 to 32")),
                ('{\n"cores": 1,\n"cores": 2}', (":3: not JSON", "duplicate")),
                ('{\n"cores": ', (":2: not JSON",)),
                ("", (":1: not JSON",)), ("[1]", ("not a configuration",)), ("\0", ("not JSON",)),
                ('{"config": 5}', ("not a configuration",)),
                ('{"command": "serve", "config": {}}', ("is of handclasp serve",)),
                ('{"command": "test", "test": "syn-flood", "config": {}}',
                 ("run handclasp test syn-flood --config",))):
            with self.subTest(text=text):
                result = run("bench", "-c", self.given(text))
                self.assert_refused(result, str(self.path), *words)

    def test_stages_of_the_command_line_take_the_place_of_the_files(self):
        path = self.given({"load_stages": ["1s:0-20k", "2s:20k"]})
        config = run("bench", "-c", path, "--dry-run", "--json", "-").json["config"]
        self.assertEqual(config["load_stages"], ["1s:0-20000", "2s:20000-20000"])
        self.assertEqual(config["duration_s"], 3)
        config = run("bench", "--stage", "5s:1k", "-c", path, "--dry-run", "--json", "-").json["config"]
        self.assertEqual(config["load_stages"], ["5s:1000-1000"])

    def test_lists_are_read(self):
        config = {"listen": ["80:http", "7:echo"], "port": "tap:hc0", "local": "10.0.0.1/24"}
        result = run("serve", "-c", self.given(config), "--dry-run", "--json", "-")
        self.assertEqual(result.json["config"]["listen"], config["listen"])
        config["listen"] = ["80:http", 7]
        self.assert_refused(run("serve", "-c", self.given(config)), "\"listen\"", "PORT")
        config["listen"] = ["80:http", "80"]
        self.assert_refused(run("serve", "-c", self.given(config)), "\"listen\"", "each once")

    def test_a_file_that_is_not_there_is_refused(self):
        self.assert_refused(run("bench", "-c", self.path), str(self.path), "cannot be read")
        self.assert_refused(run("bench", "-c", self.path.parent), "cannot be read")


class Rules(Case):
    def test_load_and_serve_need_a_port_an_address_and_a_target(self):
        self.assert_refused(run("load"), "--port")
        self.assert_refused(run("load", "--port", "tap:a"), "--local")
        self.assert_refused(run("load", "--port", "tap:a", "--local", "10.0.0.2/24"), "--target")
        self.assert_refused(run("serve", "--port", "tap:a"), "--local")

    def test_a_core_without_a_connection_is_refused(self):
        self.assert_refused(run("bench", "--cores", "2", "--connections", "1"), "--connections",
                            "--cores")

    def test_a_population_that_nobody_closes_is_refused(self):
        self.assert_refused(run("bench", "--hold-live", "10", "--rate", "1k", "--duration", "2s",
                                "--close", "server"), "--hold-live", "--request")

    def test_a_ring_is_for_bench(self):
        self.assert_refused(run("serve", "--port", "ring", "--local", "10.0.0.1/24"), "bench")

    def test_a_host_name_is_refused_with_its_reason(self):
        for name in ("example.com:80", "localhost:80"):
            self.assert_refused(run("load", "--port", "tap:a", "--local", "10.0.0.2/24",
                                    "--target", name), name, "names are not resolved")

    def test_several_targets(self):
        out = plan("load", "--target", "10.0.0.1:80-82,10.0.0.9:8080", "--stagger", "1s").json
        self.assertEqual(out["config"]["target"], ["10.0.0.1:80", "10.0.0.1:81", "10.0.0.1:82",
                                                   "10.0.0.9:8080"])
        for target in ("10.0.0.1:80,", "10.0.0.1:1-65", "10.0.0.1:82-80", ",10.0.0.1:80",
                       "10.0.0.1:80,10.0.0.1"):
            self.assert_refused(run("load", *BASE["load"], "--target", target), "--target", "several")
        self.assert_refused(run("load", *BASE["load"], "--target", "10.0.0.1:80,10.0.1.1:80"),
                            "--target", "--gateway")
        self.assert_refused(run("load", *BASE["load"], "--target", "10.0.0.1:80,example.com:80"),
                            "names are not resolved")
        self.assert_refused(run("load", *BASE["load"], "--stagger", "1s"), "--stagger", "--target")

    def test_a_target_that_no_frame_could_reach_is_refused(self):
        base = ["load", "--port", "tap:a", "--local", "10.0.0.2/24", "--dry-run", "--target"]
        self.assert_refused(run(*base, "10.0.1.1:80"), "--target", "--gateway")
        self.assert_refused(run(*base, "10.0.0.2:80"), "--target", "--local")
        self.assert_exit(run(*base, "10.0.1.1:80", "--gateway", "10.0.0.1"), MEASURED)
        for group in ("10.0.0.255", "255.255.255.255", "224.0.0.1", "127.0.0.1"):
            self.assert_refused(run(*base, group + ":80"), "--target", "broadcast")
        self.assert_exit(run(*base, "10.0.1.1:80", "--local", "10.0.0.2/23"), MEASURED)

    def test_options_that_exclude_each_other_are_refused(self):
        for args, words in (
                (["--rate", "5", "--concurrency", "5"], ["--rate", "--concurrency"]),
                (["--duration", "1s", "--ramp", "1s"], ["--ramp", "--duration"]),
                (["--stage", "1s:5", "--rate", "5"], ["--stage", "--rate"]),
                (["--stage", "1s:5", "--concurrency", "5"], ["--stage", "--concurrency"]),
                (["--stage", "1s:5", "--ramp", "100ms"], ["--stage", "--ramp"]),
                (["--stage", "1s:5", "--duration", "2s"], ["--duration", "stages", "2s", "1s"]),
                (["--stage", "1s:0", "--stage", "1s:0"], ["--stage", "above 0"]),
                (["--arrivals", "poisson"], ["--arrivals", "--rate"]),
                (["--arrivals", "poisson", "--concurrency", "5"], ["--arrivals", "--rate"]),
                (["--hold", "1s", "--close", "server"], ["--hold", "--close"]),
                (["--hold", "1s", "--close", "both"], ["--hold", "--close"]),
                (["--response", "5"], ["--response", "--request"]),
                (["--concurrency", "1", "--cores", "2"], ["--concurrency", "--cores"]),
                (["--server-limit-open-rate", "1", "--cores", "2"],
                 ["--server-limit-open-rate 1", "--cores"]),
                (["--server-limit-close-rate", "1", "--cores", "2"],
                 ["--server-limit-close-rate 1", "--cores"]),
                (["--server-max-connections", "2", "--cores", "3"],
                 ["--server-max-connections 2", "--cores"]),
                (["--open-rate", "1", "--cores", "2"], ["--open-rate 1", "--cores"]),
                (["--close-rate", "1", "--cores", "2"], ["--close-rate 1", "--cores"]),
                (["--close-rate", "5", "--close", "rst"], ["--close-rate", "--close rst"]),
                (["--requests", "5"], ["--requests", "--request http"]),
                (["--think", "5ms", "--requests", "5"], ["--think", "--request http"]),
                (["--think", "5ms", "--request", "http"], ["--think", "--requests"]),
                (["--hold", "5ms", "--request", "http", "--requests", "2"], ["--hold", "--think"]),
                (["--request", "5", "--requests", "2", "--close", "server"],
                 ["--requests", "--close client"]),
                (["--request", "5", "--requests", "2", "--close", "both"], ["--requests", "http"]),
                (["--request", "5", "--requests", "2", "--response", "0"], ["--requests", "--response"]),
                (["--request", "16", "--requests", "2", "--response", "0:1,9:9"], ["--response 1"]),
                (["--request", "http", "--response", "1:1,2:2", "--path", "/x"], ["--path", "--response"]),
                (["--request", "15", "--response", "1:1,2:2"], ["--request 15", "16 bytes"]),
                (["--request", "16:5,9:5"], ["--request 9", "16 bytes"]),
                (["--hold-live", "50"], ["--hold-live", "--rate"]),
                (["--hold-live", "50", "--rate", "1", "--cores", "2"], ["--hold-live", "--rate"]),
                (["--hold-live", "50", "--rate", "9", "--concurrency", "5"], ["--hold-live"]),
                (["--hold-live", "50", "--rate", "9", "--hold", "5s"], ["--hold-live", "--hold"]),
                (["--hold-live", "50", "--rate", "9", "--ramp", "1s"], ["--hold-live", "--ramp"]),
                (["--hold-live", "50", "--rate", "9", "--live", "5"], ["--hold-live", "--live"]),
                (["--hold-live", "50", "--rate", "9", "--connections", "5"], ["--hold-live"]),
                (["--hold-live", "50", "--rate", "9", "--stage", "5s:5"], ["--hold-live", "--stage"]),
                (["--hold-live", "50", "--rate", "10", "--duration", "5s"], ["--duration", "5s"]),
                (["--rto-min", "200", "--rto-max", "100"], ["--rto-max"]),
                (["--clients", "10.1.0.0/32", "--cores", "2"], ["--clients"]),
                (["--listener-cap", "1", "--live", "1"], ["--listener-cap"])):
            with self.subTest(args=args):
                self.assert_refused(run("bench", *args), *words)

    def test_the_server_closes_only_for_itself(self):
        base = BASE["serve"]
        self.assert_refused(run("serve", *base, "--close", "rst"), "--close")
        self.assert_refused(run("serve", *base, "--close", "both"), "--close")
        self.assert_refused(run("serve", *base, "--request", "http"), "--request", "--listen")

    def test_load_cannot_choose_how_the_target_closes(self):
        self.assert_refused(run("load", *BASE["load"], "--close-method", "three-way"),
                            "--close-method", "--close server")

    def test_stages_are_a_time_and_one_or_two_rates(self):
        for stage in ("1s", "1s:", ":5", "0:5", "1s:5-", "1s:-5", "1s:5-6-7", "1s:2G", "1s:x", "x:5",
                      "1s:5,", "400000h:5", ",".join(["1s:5"] * 65)):
            with self.subTest(stage=stage):
                self.assert_refused(run("bench", "--stage", stage), "--stage", "10s:0-200k")
        out = plan("bench", "--stage", "1s:0-2k", "--stage", "2s:2k", "--stage=500ms:2k-0").json
        self.assertEqual(out["config"]["load_stages"],
                         ["1s:0-2000", "2s:2000-2000", "0.5s:2000-0"])
        self.assertEqual(out["config"]["duration_s"], 3.5)
        self.assertEqual(out["plan"]["rate_per_s"], 2000)

    def test_listen_takes_each_port_once_and_at_most_256(self):
        base = BASE["serve"]
        for listen in ("80,80", "1-257", "80:", ":echo", "80,,81", "80-79", "0", "65536", ","):
            with self.subTest(listen=listen):
                self.assert_refused(run("serve", *base, "--listen", listen), "--listen")
        self.assertEqual(len(plan("serve", "--listen", "1-256").json["config"]["listen"]), 256)

    def test_listen_takes_every_mode_and_hold_its_time(self):
        listen = ["%d:%s" % (port, mode) for port, mode in enumerate(
            ("http", "echo", "discard", "accept", "respond", "close-first", "never-read", "hold"),
            start=80)]
        config = plan("serve", "--listen", ",".join(listen), "--hold", "250ms").json["config"]
        self.assertEqual((config["listen"], config["hold_s"]), (listen, 0.25))
        self.assertEqual(plan("serve", "--listen", "80:hold").json["config"]["hold_s"], 1)
        for mode in ("close", "never-reads", "Hold", "hold "):
            with self.subTest(mode=mode):
                self.assert_refused(run("serve", *BASE["serve"], "--listen", "80:" + mode),
                                    "close-first", "never-read", "hold")

    def test_response_is_the_servers_and_needs_a_request_to_answer(self):
        self.assertEqual(plan("serve", "--response", "1k").json["config"]["response_bytes"], 1024)
        for command in ("bench", "load"):
            out = plan(command, "--request", "http", "--response", "1k").json
            self.assertEqual(out["config"]["response_bytes"], 1024)
            self.assert_refused(run(command, *BASE[command], "--response", "x"), "--response x")

    def test_sizes_that_do_not_say_what_is_to_come_are_refused(self):
        self.assert_refused(run("load", *BASE["load"], "--request", "16:1,99:9"), "--response")
        self.assert_exit(plan("load", "--request", "16:1,99:9", "--response", "64"), MEASURED)

    def test_a_path_that_nobody_asks_for_is_refused(self):
        for more in ([], ["--request", "64"]):
            self.assert_refused(run("bench", "--path", "/a", *more), "--path", "--request http")

    def test_sizes_with_shares(self):
        for option in ("--request", "--response"):
            for sizes in ("16:", ":5", "16:0", "16:5,", "16:5,20", "x:5", "2G:5", "16:x", "16:2G",
                          ",".join(["16:1"] * 9)):
                with self.subTest(option=option, sizes=sizes):
                    self.assert_refused(run("bench", "--request", "http", option, sizes), option, "8 of them")
        out = plan("bench", "--request", "100:1k,2k:1", "--response", "1k:50,16k:30,64k:20").json
        self.assertEqual(out["config"]["request"], ["100:1000", "2048:1"])
        self.assertEqual(out["config"]["response_bytes"], ["1024:50", "16384:30", "65536:20"])
        self.assert_refused(run("load", *BASE["load"], "--request", "5", "--requests", "2"),
                            "--requests", "--response")
        self.assert_refused(run("serve", *BASE["serve"], "--request", "15", "--response", "1:1,2:2"),
                            "--request 15")

    def test_shares_and_stalls_that_are_none_are_refused(self):
        for share in ("101%", "1", "-1%", "%", "1%%", "100.1%"):
            self.assert_refused(run("bench", "--server-refuse", share), "--server-refuse", "0.1%")
        for stall in ("200ms", "@5s", "0@5s", "5s@5s", "200ms@", "1s@x", "x@1s", "1" * 40 + "@5s"):
            self.assert_refused(run("bench", "--server-stall", stall), "--server-stall", "200ms@5s")

    def test_an_empty_text_is_refused(self):
        self.assert_refused(run("bench", "--json", ""), "--json", "empty")


class SynAttack(Case):
    def test_it_needs_a_rate(self):
        for option, value in (("--attack-sources", "198.18.0.0/15"), ("--attack-lead", "1s")):
            self.assert_refused(run("bench", option, value), option, "--attack-rate")

    def test_its_sources_are_nobodys(self):
        for command, prefix, word in (
                ("bench", "10.0.0.0/24", "10.0.0.2"), ("bench", "10.0.0.1", "10.0.0.1"),
                ("bench", "10.1.0.0/24", "--clients"), ("load", "10.0.0.2", "--local"),
                ("load", "10.0.0.1", "--target"), ("load", "128.0.0.0/4", "8 to 32"),
                ("load", "127.1.0.0/16", "hosts"), ("load", "224.0.0.0/8", "hosts")):
            self.assert_refused(run(command, *BASE[command], "--attack-rate", "1k",
                                    "--attack-sources", prefix), "--attack-sources", prefix, word)
        self.assert_refused(
            run("load", "--port", "tap:hc0", "--local", "10.0.0.2/24", "--target", "10.9.0.1:80",
                "--gateway", "10.0.0.1", "--attack-rate", "1k", "--attack-sources", "10.0.0.1/32"),
            "--gateway")

    def test_each_core_has_its_share(self):
        self.assert_refused(run("bench", "--cores", 2, "--attack-rate", 1), "--attack-rate 1",
                            "--cores 2")

    def test_it_has_one_target(self):
        self.assert_refused(run("load", "--port", "tap:hc0", "--local", "10.0.0.2/24", "--target",
                                "10.0.0.1:80-81", "--attack-rate", "1k"), "--target")

    def test_without_a_word_its_sources_are_those_of_rfc_2544(self):
        config = plan("bench", "--attack-rate", "1k").json["config"]
        self.assertEqual(config["attack_sources"], "198.18.0.0/15")
        self.assertIsNone(plan("bench").json["config"]["attack_sources"])

    def attacked(self, *args, code=MEASURED):
        result = run("bench", "--hugepages", "off", "--json", "-", "--rate", "2k", "--duration",
                     "500ms", "--attack-rate", "20k", *args)
        self.assert_exit(result, code)
        return result.json

    def test_it_goes_on_beside_the_connections(self):
        out = self.attacked("--attack-lead", "200ms")
        attack, totals = out["syn_attack"], out["totals"]
        self.assertTrue(totals["ledger_balanced"])
        self.assertEqual(totals["opened"] + totals["missed"], 1000)
        self.assertEqual(totals["closed"], totals["opened"])
        # Of the lead and the load; a machine that is busy lets it go on a little longer.
        self.assertGreaterEqual(attack["sent"] + attack["missed"], 14000 - 2)
        self.assertEqual(attack["received"], attack["sent"])
        self.assertGreaterEqual(attack["answers"], attack["sent"])  # Some of them twice.
        self.assertEqual(totals["rst_sent"], 0)
        self.assertEqual(totals["drops"], {"flood_answers": attack["answers"]})
        self.assertIn("SYN attack of 20000/s", out["remarks"][0])
        self.assertFalse([r for r in out["remarks"] if "dropped" in r])
        self.assertEqual(out["client_counters"]["flood_syns_sent"], attack["sent"])
        self.assertEqual(out["server_counters"]["flood_syns_received"], attack["sent"])

    def test_what_it_comes_to_is_in_the_summary(self):
        text = run("bench", "--hugepages", "off", "--connections", 2000, "--attack-rate", "100k").out
        self.assertRegex(text, r"(?m)^  SYN attack   [0-9,]+ sent, [0-9,]+ answers, [0-9,]+ received")
        self.assertNotIn("SYN attack", run("bench", "--hugepages", "off", "--connections", 100).out)
        self.assertIsNone(bench(connections=100).json["syn_attack"])

    def test_only_cookies_keep_a_server_open_under_it(self):
        none = self.attacked("--attack-lead", "200ms", "--syn-cap", 1000, "--syn-cookies", "never",
                             "--syn-retries", 0, "--drain", "0", code=RUN_FAILED)
        self.assertEqual(none["totals"]["established"], 0)
        self.assertGreater(none["totals"]["drops"]["tcp_syn_backlog"], 1000)
        cookies = self.attacked("--attack-lead", "200ms", "--syn-cap", 1000)
        self.assertEqual(cookies["totals"]["closed"], cookies["totals"]["opened"])
        self.assertGreater(cookies["server_counters"]["syn_cookies_accepted"], 900)


class Plans(Case):
    def test_defaults_of_each_command(self):
        config = plan("bench").json["config"]
        self.assertEqual((config["duration_s"], config["concurrency"], config["time_wait_ms"]),
                         (10, 1000, 1000))
        self.assertEqual((config["close"], config["close_method"]), ("client", "four-way"))
        config = plan("load").json["config"]
        self.assertEqual((config["duration_s"], config["time_wait_ms"]), (10, 60000))
        config = plan("serve").json["config"]
        self.assertEqual((config["duration_s"], config["time_wait_ms"]), (0, 60000))
        self.assertEqual(config["listen"], ["80:http"])

    def test_a_number_of_connections_has_no_default_duration(self):
        self.assertEqual(plan("bench", "--connections", 5).json["config"]["duration_s"], 0)

    def test_bench_plans_tuples_for_its_time_wait_at_full_rate(self):
        made = plan("bench").json["plan"]
        self.assertTrue(made["is_sustainable"])
        self.assertGreaterEqual(made["sustained_per_s"], 4.5e6)
        self.assertEqual(made["warnings"], [])

    def test_an_end_without_room_for_the_plan_is_warned_of(self):
        for args, words in (
                (("--server-conn-cap", 999), ("--server-conn-cap 999 ", " 1000 connections")),
                (("--conn-cap", 999), ("--conn-cap 999 ", " 1000 connections")),
                (("--cores", 2, "--server-conn-cap", 499), ("--server-conn-cap 499 ", " 500 ")),
                (("--live", 500, "--server-conn-cap", 1200), ("--server-conn-cap 1200 ", " 1500 ")),
                (("--rate", "1k", "--hold", "1s", "--server-conn-cap", 900),
                 ("--server-conn-cap 900 ", " 1000 "))):
            warnings = plan("bench", *args).json["plan"]["warnings"]
            self.assertEqual(len(warnings), 1, warnings)
            for word in words:
                self.assertIn(word, warnings[0])
            self.assertIn("\nwarning: " + warnings[0] + "\n", run("bench", *args, "--dry-run").out)
        for args in (("--server-conn-cap", 1000), ("--rate", "1k", "--server-conn-cap", 10),
                     ("--connections", 10, "--server-conn-cap", 10)):
            self.assertEqual(plan("bench", *args).json["plan"]["warnings"], [], args)

    def test_the_exchange_that_others_publish_closes_in_three_segments(self):
        self.assertEqual(plan("bench", "--request", "http", "--close", "server")
                         .json["config"]["close_method"], "three-way")
        self.assertEqual(plan("bench", "--request", "http", "--close", "server",
                              "--close-method", "four-way").json["config"]["close_method"],
                         "four-way")
        text = run("bench", "--request", "http", "--close", "server", "--dry-run").out
        self.assertIn("three-way", text)

    def test_the_arithmetic_of_tuples_is_said(self):
        result = run("load", *BASE["load"], "--rate", "50k", "--dry-run")
        self.assertIn("this plan has 64512 tuples", result.out)
        self.assertIn("at 50000/s each returns after 1.29 s", result.out)
        self.assertIn("with time_wait_ms=60000 at most 1075/s can be sustained", result.out)
        self.assertIn("warning: 50000/s cannot be sustained", result.out)

    def test_addresses_that_are_nobodys_are_not_counted_as_sources(self):
        for clients, count in (("10.1.0.0/30", 2), ("10.1.0.0/31", 2), ("10.1.0.0/32", 1)):
            with self.subTest(clients=clients):
                out = plan("load", "--clients", clients).json["plan"]
                self.assertEqual(out["source_addresses"], count)
                self.assertEqual(out["tuples"], count * 64512)

    def test_a_plan_that_can_be_sustained_has_no_warning(self):
        self.assertEqual(plan("load", "--rate", "1k").json["plan"]["warnings"], [])
        self.assertEqual(plan("load", "--connections", "50k").json["plan"]["warnings"], [])
        self.assertEqual(len(plan("load", "--connections", "70k").json["plan"]["warnings"]), 1)
        self.assertEqual(plan("load", "--rate", "50k", "--clients", "10.1.0.0/16",
                              "--time-wait", "1s").json["plan"]["warnings"], [])

    def test_tuples_that_are_held_sustain_nothing(self):
        churn = plan("bench").json["plan"]
        live = plan("bench", "--live", "1M").json["plan"]
        self.assertEqual((churn["tuples_held"], live["tuples_held"]), (0, 1000000))
        self.assertAlmostEqual(live["tuples"] - churn["tuples"], 1000000, delta=1000)
        self.assertTrue(live["is_sustainable"])
        # TIME-WAIT is 1 s: the others can be used once a second.
        self.assertEqual(live["sustained_per_s"], live["tuples"] - 1000000)
        self.assertAlmostEqual(live["reuse_s"], (live["tuples"] - 1e6) / live["rate_per_s"])
        self.assertIn("tuples, 1000000 of them held",
                      run("bench", "--live", "1M", "--dry-run").out.replace(
                          "(126 source addresses, ports 1024-65535)", "").replace(" ,", ","))

    def test_a_connection_that_is_held_keeps_its_tuple(self):
        paced = plan("load", "--rate", "1k", "--hold", "30s", "--time-wait", "10s").json["plan"]
        self.assertAlmostEqual(paced["sustained_per_s"], paced["tuples"] / 40)
        self.assertTrue(paced["is_sustainable"])
        loop = plan("load", "--concurrency", "10k", "--hold", "10s",
                    "--time-wait", "10s").json["plan"]
        self.assertEqual((loop["tuples_held"], loop["rate_per_s"]), (10000, 1000))
        self.assertTrue(loop["is_sustainable"])
        self.assertFalse(plan("load", "--concurrency", "60k", "--hold", "10s",
                              "--time-wait", "10s").json["plan"]["is_sustainable"])

    def test_room_for_those_held_is_refused_beforehand(self):
        for args in (["--clients", "10.1.0.1/32", "--live", "100k"],
                     ["--tuple-cap", 1000, "--live", 2000], ["--cores", 2, "--live", "300k",
                                                             "--clients", "10.1.0.0/31"]):
            with self.subTest(args=args):
                self.assert_refused(plan("bench", *args), "--live", "--clients")
        self.assert_refused(plan("bench", "--conn-cap", 1000, "--live", 2000), "--conn-cap")
        self.assert_exit(plan("bench", "--conn-cap", 2001, "--live", 2000), MEASURED)

    def test_thinking_takes_room_and_tuples(self):
        base = ["--rate", "1k", "--request", "http", "--requests", "11", "--time-wait", "10s"]
        quick, slow = plan("load", *base).json, plan("load", *base, "--think", "3s").json
        self.assertGreater(slow["config"]["conn_cap"], quick["config"]["conn_cap"] + 28000)
        self.assertAlmostEqual(slow["plan"]["sustained_per_s"], slow["plan"]["tuples"] / 40)
        loop = plan("load", "--concurrency", "10k", "--request", "http", "--requests", "11",
                    "--think", "1s").json["plan"]
        self.assertEqual((loop["tuples_held"], loop["rate_per_s"]), (10000, 1000))
        long = plan("load", "--rate", "1", "--request", "http", "--requests", "1G", "--think", "8760h")
        self.assert_exit(long, MEASURED)

    def test_a_rate_that_the_options_forbid_is_told(self):
        for args in (["--server-limit-open-rate", "20k"], ["--open-rate", "20k"], ["--close-rate", "20k"]):
            with self.subTest(args=args):
                warnings = plan("bench", "--rate", "30k", *args).json["plan"]["warnings"]
                self.assertEqual(len(warnings), 1)
                self.assertIn("20000", warnings[0])
                self.assertEqual(plan("bench", "--rate", "10k", *args).json["plan"]["warnings"], [])

    def test_memory_limits_what_the_plan_takes(self):
        small = plan("bench", "--time-wait", "60s", "--memory", "100M").json["plan"]
        large = plan("bench", "--time-wait", "60s", "--memory", "1G").json["plan"]
        self.assertLess(small["memory_bytes"], 200e6)
        self.assertGreater(large["tuples"], small["tuples"])
        self.assertFalse(small["is_sustainable"])

    def test_workers_of_one_port_share_its_tuples(self):
        one = plan("load", "--connections", "20k", "--clients", "10.1.0.0/24").json
        four = plan("load", "--connections", "20k", "--clients", "10.1.0.0/24", "--cores", 4).json
        for out in (one, four):
            self.assertGreaterEqual(out["plan"]["tuples"], 20000)
            self.assertLess(out["plan"]["tuples"], 40000)
        self.assertLess(four["config"]["time_wait_cap"], one["config"]["time_wait_cap"])

    def test_a_seed_is_drawn_once_and_told(self):
        seeds = {plan("load", "--cores", 2).json["config"]["seed"] for _ in range(3)}
        self.assertEqual(len(seeds), 3)
        self.assertNotIn(0, seeds)

    def test_no_time_wait_is_told_beforehand(self):
        self.assertIn("TIME-WAIT is skipped", run("bench", "--time-wait", "0", "--dry-run").out)

    def test_a_dry_run_starts_nothing(self):
        result = run("serve", "--port", "tap:hc0", "--local", "10.0.0.1/24", "--dry-run")
        self.assert_exit(result, MEASURED)
        self.assertEqual(result.err, "")


class Results(Case):
    # Section by section, the keys that must be there (a result may have more) and their kinds.
    NUMBER = (int, float)
    KNOWN = (int, float, type(None))
    SCHEMA = {
        "environment": {"cpu": str, "kernel": str, "dpdk": str, "port": str, "hugepages": bool,
                        "lcores": list, "core_to_core_ns": KNOWN,
                        "involuntary_switches": int, "steal_ms": int, "warnings": list},
        "totals": {"opened": int, "established": int, "closed": int, "failed": int,
                   "failed_by": dict, "reset": int, "live_at_end": int,
                   "retransmitted_segments": int, "rx_packets": int, "tx_packets": int,
                   "drops": dict, "ledger_balanced": bool},
        "rates": {"opened_per_s": NUMBER, "established_per_s": NUMBER, "closed_per_s": NUMBER,
                  "steady_from_s": NUMBER, "steady_to_s": NUMBER},
        "cost": {"ns_per_connection": KNOWN, "packets_per_connection": KNOWN,
                 "bytes_per_live_connection": int, "bytes_per_time_wait": int},
    }
    LATENCIES = ("connect", "connect_corrected", "establishment", "establishment_corrected", "close",
                 "teardown", "first_byte", "first_byte_corrected", "response", "response_corrected")
    LATENCY_KEYS = ("min", "mean", "p50", "p90", "p99", "p999", "max", "count")
    INTERVAL_KEYS = ("t_s", "opened", "established", "closed", "failed", "live")

    def check(self, result, connections=2000, live=0):
        """What holds for every bench that ran to its end."""
        self.assert_exit(result, MEASURED)
        self.assertEqual(result.err, "")
        out = result.json
        self.assertEqual(out["schema"], "handclasp.result.v1")
        self.assertEqual(out["command"], "bench")
        for section, keys in self.SCHEMA.items():
            for key, kind in keys.items():
                self.assertIsInstance(out[section][key], kind, "%s.%s" % (section, key))
        totals = out["totals"]
        self.assertTrue(totals["ledger_balanced"], totals["ledger_faults"])
        self.assertEqual(totals["opened"], connections + live)
        self.assertEqual(totals["established"], connections + live)
        self.assertEqual(totals["failed"], 0)
        self.assertEqual(sum(totals["failed_by"].values()), 0)
        self.assertEqual(totals["live_at_end"], live)
        self.assertEqual(totals["drops"], {})
        self.assertEqual(totals["rx_packets"], totals["tx_packets"])
        for name in self.LATENCIES:
            for key in self.LATENCY_KEYS:
                self.assertIn(key, out["latency_us"][name])
        for interval in out["intervals"]:
            for key in self.INTERVAL_KEYS:
                self.assertIn(key, interval)
        for key in ("opened", "established", "closed", "failed"):
            self.assertEqual(sum(i[key] for i in out["intervals"]), totals[key], key)
        return out

    def check_orderly(self, result, connections=2000, live=0):
        """The same, and every connection closed by FIN both ways."""
        out = self.check(result, connections, live)
        totals = out["totals"]
        self.assertEqual(totals["closed"], connections)
        self.assertEqual(totals["reset"], 0)
        self.assertEqual(totals["rst_sent"], 0)
        self.assertEqual(out["server"]["closed"], connections)
        return out

    def packets(self, out):
        return out["cost"]["packets_per_connection"]

    def check_both_ends(self, out):
        """Times that need both ends: none is shorter than what one end sees of it."""
        times = out["latency_us"]
        for part, whole in (("connect", "establishment"), ("close", "teardown")):
            self.assertEqual(times[whole]["count"], 2000, whole)
            self.assertEqual(times[part]["count"], 2000, part)
            self.assertGreaterEqual(times[whole]["min"], times[part]["min"])
            self.assertGreaterEqual(times[whole]["mean"], times[part]["mean"])
            self.assertEqual(times[whole]["overflow"], 0)

    def test_client_closes_first_in_seven_segments(self):
        out = self.check_orderly(bench())
        self.check_both_ends(out)
        self.assertAlmostEqual(self.packets(out), 7, delta=0.1)
        self.assertEqual(out["latency_us"]["connect"]["count"], 2000)
        self.assertEqual(out["latency_us"]["close"]["count"], 2000)
        self.assertEqual(out["latency_us"]["response"]["count"], 0)
        self.assertIsNone(out["latency_us"]["response"]["p50"])
        self.assertEqual(out["client_counters"]["tw_entered"], 2000)

    def test_server_closes_first_in_seven_segments(self):
        out = self.check_orderly(bench("--close", "server"))
        self.check_both_ends(out)
        self.assertAlmostEqual(self.packets(out), 7, delta=0.1)
        self.assertEqual(out["server_counters"]["tw_entered"], 2000)
        self.assertNotIn("tw_entered", out["client_counters"])

    def test_three_way_close_is_a_segment_less_on_either_side(self):
        for side in ("client", "server"):
            out = self.check_orderly(bench("--close", side, "--close-method", "three-way"))
            self.check_both_ends(out)
            self.assertAlmostEqual(self.packets(out), 6, delta=0.1)

    def test_both_close_at_once(self):
        self.check_both_ends(self.check_orderly(bench("--close", "both")))

    def test_rst_is_by_plan_and_told(self):
        out = self.check(bench("--close", "rst"))
        self.assertEqual(out["totals"]["closed"], 0)
        self.assertEqual(out["totals"]["reset"], 2000)
        self.assertEqual(out["totals"]["reset_by"]["plan"], 2000)
        self.assertEqual(out["latency_us"]["establishment"]["count"], 2000)
        self.assertEqual(out["latency_us"]["teardown"]["count"], 0)
        self.assertEqual(out["server"]["reset"], 2000)
        self.assertTrue(any("RST" in r for r in out["remarks"]), out["remarks"])

    def test_http_is_answered_and_checked(self):
        out = self.check_orderly(bench("--request", "http"))
        self.assertEqual(out["totals"]["responses"], 2000)
        self.assertEqual(out["totals"]["bad_responses"], 0)
        self.assertEqual(out["totals"]["body_bytes"], 2000 * 64)
        self.assertEqual(out["latency_us"]["response"]["count"], 2000)
        self.assertEqual(out["latency_us"]["first_byte"], out["latency_us"]["response"])
        self.assertEqual(out["server"]["requests"], 2000)

    def test_the_first_byte_comes_before_the_last(self):
        out = self.check_orderly(bench("--request", "http", "--response", "200k",
                                       "--connections", "100"), 100)
        first, last = out["latency_us"]["first_byte"], out["latency_us"]["response"]
        self.assertEqual([first["count"], last["count"]], [100, 100])
        for key in ("min", "mean", "p50", "max"):
            self.assertLess(first[key], last[key])

    def test_http_with_the_response_in_the_fin_takes_six_segments(self):
        out = self.check_orderly(bench("--request", "http", "--close", "server"))
        self.assertAlmostEqual(self.packets(out), 6, delta=0.1)
        self.assertEqual(out["totals"]["responses"], 2000)

    def test_http_of_many_sizes_and_closes(self):
        sides = itertools.cycle(("client", "server", "both"))
        for size in (0, 1, 1448, 1449, 65536, 65537, 1000000):
            side = next(sides)
            with self.subTest(size=size, side=side):
                out = self.check_orderly(bench("--request", "http", "--response", size,
                                               "--close", side, "--concurrency", 4,
                                               connections=20), 20)
                self.assertEqual(out["totals"]["responses"], 20)
                self.assertEqual(out["totals"]["body_bytes"], 20 * size)

    def test_path_asks_for_a_size(self):
        out = self.check_orderly(bench("--request", "http", "--path", "/bytes/5000",
                                       "--response", "5000", connections=50), 50)
        self.assertEqual(out["totals"]["body_bytes"], 50 * 5000)

    def test_wrong_responses_are_counted_and_told(self):
        out = self.check_orderly(bench("--request", "http", "--path", "/100", connections=50), 50)
        self.assertEqual(out["totals"]["bad_responses_by"], {"status": 0, "length": 50})
        self.assertIn("50 responses were wrong", out["remarks"])
        one = bench("--request", "http", "--path", "/100", connections=1).json
        self.assertIn("1 response was wrong", one["remarks"])
        out = self.check(bench("--request", "http", "--path", "/99999999999",
                               "--response", "0", connections=50), 50)
        self.assertEqual(out["totals"]["bad_responses_by"], {"status": 50, "length": 0})

    def test_plain_requests_of_many_sizes(self):
        sides = itertools.cycle(("client", "server"))
        for request, response in ((1, 0), (1, 1), (1449, 100), (20000, 20000), (100, 200000)):
            side = next(sides)
            with self.subTest(request=request, response=response, side=side):
                out = self.check_orderly(bench("--request", request, "--response", response,
                                               "--close", side, "--concurrency", 4,
                                               connections=20), 20)
                self.assertEqual(out["totals"]["responses"], 20)
                self.assertEqual(out["totals"]["body_bytes"], 20 * response)

    def test_hold_keeps_connections_open(self):
        start = time.monotonic()
        out = self.check_orderly(bench("--hold", "300ms", "--concurrency", 100, connections=300),
                                 300)
        self.assertGreater(time.monotonic() - start, 0.9)
        self.assertGreater(out["rates"]["steady_to_s"], 0.9)
        out = self.check_orderly(bench("--hold", "100ms", "--request", "http", connections=50), 50)
        self.assertEqual(out["totals"]["responses"], 50)

    def test_what_is_held_when_the_time_is_up_is_closed_at_once(self):
        start = time.monotonic()
        result = run("bench", "--hugepages", "off", "--duration", "300ms", "--hold", "50s",
                     "--concurrency", "50", "--json", "-")
        self.assertLess(time.monotonic() - start, 20)
        self.check_orderly(result, 50)

    def test_live_connections_are_held_beside_the_churn(self):
        out = self.check_orderly(bench("--live", 1000), live=1000)
        self.assertEqual(out["server"]["live_at_end"], 1000)
        self.assertGreater(out["cost"]["fill_s"], 0)
        self.assertIn("live_connections", out["config"])

    def test_open_loop_keeps_its_schedule(self):
        result = run("bench", "--hugepages", "off", "--duration", "2s", "--rate", "2k", "--json", "-")
        out = self.check_orderly(result, result.json["totals"]["opened"])
        due = out["totals"]["opened"] + out["totals"]["missed"]
        self.assertAlmostEqual(due, 4000, delta=1)

    def test_stages_open_what_they_say_and_the_flat_one_is_measured(self):
        result = run("bench", "--hugepages", "off", "--json", "-", "--arrivals", "constant", "--stage",
                     "400ms:0-10k", "--stage", "1s:10k", "--stage", "400ms:10k-0")
        self.assert_exit(result, MEASURED)
        totals, rates = result.json["totals"], result.json["rates"]
        self.assertAlmostEqual(totals["opened"] + totals["missed"], 14000, delta=2)
        self.assertGreaterEqual(rates["steady_from_s"], 0.4)
        self.assertLess(rates["steady_to_s"], 1.8)
        corrected = result.json["latency_us"]["connect_corrected"]
        self.assertEqual(corrected["count"], result.json["latency_us"]["connect"]["count"])
        self.assertGreaterEqual(corrected["max"], result.json["latency_us"]["connect"]["min"])
        raw, corrected = (result.json["latency_us"][k] for k in ("establishment", "establishment_corrected"))
        self.assertEqual(corrected["count"], raw["count"])
        for key in ("min", "mean", "max"):
            self.assertGreaterEqual(corrected[key], raw[key], key)

    def test_several_requests_of_several_sizes(self):
        for args in (["--request", "http"], ["--request", "http", "--close", "server"],
                     ["--request", "16:1,3000:2", "--think", "1ms"]):
            with self.subTest(args=args):
                out = self.check_orderly(bench(*args, "--requests", 5, "--response",
                                               "1k:50,16k:30,64k:20", "--seed", 5,
                                               "--concurrency", 10, connections=100), 100)
                self.assertEqual((out["totals"]["responses"], out["server"]["requests"]), (500, 500))
                self.assertEqual(out["totals"]["bad_responses"], 0)
                self.assertGreater(out["totals"]["body_bytes"], 500 * 10000)
                self.assertEqual(out["latency_us"]["response"]["count"], 500)

    def test_so_many_are_kept_alive(self):
        out = run("bench", "--hugepages", "off", "--json", "-", "--hold-live", 300, "--rate", "1k",
                  "--duration", "1s", "--request", "http", "--think", "5ms").json
        self.assertEqual(out["totals"]["hold_live"], {"asked": 300, "least": 300, "most": 300})
        self.assertEqual((out["totals"]["opened"], out["totals"]["closed"]), (300, 300))
        self.assertGreater(out["totals"]["responses"], 3000)
        self.assertGreater(out["rates"]["steady_from_s"], 0.3)
        self.assertIsNone(bench(connections=10).json["totals"]["hold_live"])

    def test_a_server_with_limits_keeps_to_them_and_the_result_says_so(self):
        result = run("bench", "--hugepages", "off", "--json", "-", "--duration", "500ms",
                     "--concurrency", 200, "--hold", "50s", "--server-max-connections", 150,
                     "--syn-retries", 0, "--rto-init", "100ms")
        self.assert_exit(result, MEASURED)
        out = result.json
        self.assertEqual(out["totals"]["established"], 150)
        self.assertGreaterEqual(out["totals"]["failed"], 50)
        self.assertEqual(out["server_limits"]["syns_over_connections"],
                         out["totals"]["drops"]["tcp_over_conns"])
        self.assertIn("limits", out["remarks"][0])
        out = bench("--server-limit-close-rate", "10k", connections=1000).json
        self.assertEqual(out["totals"]["closed"], 1000)
        self.assertGreater(out["rates"]["steady_to_s"], 0.08)
        self.assertGreater(out["server_limits"]["closes_waited"], 100)
        out = bench("--server-reset", "100%", connections=100).json
        self.assertEqual((out["totals"]["reset"], out["server_limits"]["resets"]), (100, 100))
        out = bench("--server-refuse", "100%", connections=100).json
        self.assertEqual(out["totals"]["failed_by"]["refused"], 100)
        self.assertIsNone(bench(connections=10).json["server_limits"])
        text = run("bench", "--connections", 100, "--hugepages", "off", "--server-refuse", "50%").out
        self.assertRegex(text, r"(?m)^  limits  .* SYNs refused")

    def test_a_closed_loop_has_no_corrected_times(self):
        for kind in ("connect_corrected", "establishment_corrected", "response_corrected"):
            self.assertEqual(bench().json["latency_us"][kind]["count"], 0)

    def test_ramp_grows_to_the_rate(self):
        result = run("bench", "--hugepages", "off", "--duration", "2s", "--ramp", "1s",
                     "--rate", "2k", "--json", "-")
        out = self.check_orderly(result, result.json["totals"]["opened"])
        self.assertAlmostEqual(out["totals"]["opened"] + out["totals"]["missed"], 3000, delta=1)
        self.assertGreaterEqual(out["rates"]["steady_from_s"], 1)

    def test_what_was_due_while_the_process_slept_is_missed(self):
        # Asleep from after the first second until after the end of the second.
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "r.json"
            with subprocess.Popen([HANDCLASP, "bench", "--hugepages", "off", "--duration", "2s",
                                   "--rate", "2k", "--json", path], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE) as process:
                try:
                    for line in process.stdout:
                        if re.match(rb"\s+1\.\d+ ", line):
                            break
                    process.send_signal(signal.SIGSTOP)
                    time.sleep(1.5)
                    process.send_signal(signal.SIGCONT)
                    process.communicate(timeout=SECONDS)
                except BaseException:
                    process.kill()
                    raise
            totals = json.loads(path.read_text())["totals"]
        self.assertAlmostEqual(totals["opened"] + totals["missed"], 4000, delta=1)
        self.assertGreater(totals["missed"], 500)
        self.assertEqual(totals["missed_by"]["behind"], totals["missed"])

    def test_an_open_loop_that_has_no_room_says_what_to_give(self):
        # Of every second SYN nobody hears, and its retransmission comes after the end.
        result = run("bench", "--hugepages", "off", "--duration", "1s", "--rate", "20k", "--drain", "10ms",
                     "--server-limit-open-rate", "5k", "--descriptors", "4096", "--json", "-")
        self.assertGreater(result.json["totals"]["missed_by"]["no_room"], 1000)
        self.assertEqual(result.json["totals"]["missed_by"]["no_room"], result.json["totals"]["missed"])
        self.assertTrue([r for r in result.json["remarks"] if "give a larger --descriptors" in r])

    def test_two_pairs_share_the_connections(self):
        out = self.check_orderly(bench("--cores", 2, connections=2001), 2001)
        self.assertEqual(len(out["environment"]["lcores"]), 2)
        self.assertEqual(len(out["environment"]["ports"]), 4)

    def test_client_and_server_on_cores_of_their_own(self):
        out = self.check_orderly(bench("--split"))
        self.check_both_ends(out)
        self.assertEqual(len(out["environment"]["lcores"]), 2)

    def test_stages_are_told_for_both_ends(self):
        out = self.check_orderly(bench("--stages"))
        for end in ("client", "server"):
            stages = out["cost"][end + "_stage_ns"]
            self.assertGreater(stages["run"], 0)
            self.assertAlmostEqual(sum(stages.values()), out["cost"][end + "_ns_per_connection"],
                                   delta=0.01 * sum(stages.values()))

    def test_no_time_wait_is_told_first(self):
        out = self.check_orderly(bench("--time-wait", 0))
        self.assertIn("TIME-WAIT was skipped", out["remarks"][0])
        self.assertEqual(out["client_counters"]["tw_skipped"], 2000)
        text = run("bench", "--connections", 100, "--hugepages", "off", "--time-wait", 0).out
        self.assertRegex(text, r"(?m)^result: .* TIME-WAIT was skipped")

    def test_the_end_that_is_full_is_named(self):
        for close, more, option, counters in (
                ("server", ("--server-time-wait-cap", 100), "--server-time-wait-cap", "server_counters"),
                ("client", ("--time-wait-cap", 100), "--time-wait-cap", "client_counters")):
            out = self.check_orderly(bench("--close", close, *more), 2000)
            told = [r for r in out["remarks"] if "skipped TIME-WAIT" in r]
            self.assertEqual(told, ["%d connections skipped TIME-WAIT for want of memory: give a larger %s"
                                    % (out[counters]["tw_no_memory"], option)])
            self.assertGreater(out[counters]["tw_no_memory"], 0)

    def test_a_server_without_room_and_what_it_left_open_is_told(self):
        result = run("bench", "--connections", 2000, "--server-conn-cap", 10, "--hugepages", "off",
                     "--drain", "100ms")
        self.assert_exit(result, MEASURED)
        first = next(line for line in result.out.splitlines() if line.startswith("result: "))
        self.assertRegex(first, r"; \d+ connections were still open at the end")
        self.assertRegex(first, r"the end of a handshake found no control block at the server \d+ times: "
                                r"give a larger --server-conn-cap")
        held = bench("--live", 100, connections=500).json
        self.assertEqual(held["totals"]["live_at_end"], 100)
        self.assertEqual(held["remarks"], [])

    def test_what_became_of_fast_open_is_told(self):
        http = ("--fast-open", "on", "--request", "http", "--concurrency", 50)
        out = self.check_orderly(bench(*http), 2000)
        told = out["fast_open"]
        self.assertEqual((told["syns_with_data"], told["taken"], told["not_taken"]), (1999, 1999, 0))
        self.assertEqual((told["opened_by_cookie"], told["over_cap"], told["wrong_cookies"]), (1999, 0, 0))
        self.assertEqual(out["remarks"], [])
        self.assertIsNone(bench("--request", "http").json["fast_open"])

    def test_that_fast_open_did_not_happen_is_told(self):
        http = ("--fast-open", "on", "--request", "http", "--concurrency", 50)
        out = self.check_orderly(bench(*http, "--fast-open-cap", 0), 2000)
        told = out["fast_open"]
        self.assertEqual((told["syns_with_data"], told["taken"], told["not_taken"]), (1999, 0, 1999))
        self.assertEqual((told["opened_by_cookie"], told["over_cap"]), (0, 1999))
        self.assertEqual(out["remarks"], ["the data of 1999 of 1999 SYNs was not taken, and was sent "
                                          "again: give a larger --fast-open-cap"])
        for args, warned in ((("--syn-cookies", "always", *http[2:]), None),
                             ((), "--request"), ((*http[2:], "--requests", 3), "--requests")):
            out = self.check_orderly(bench("--fast-open", "on", *args), 2000)
            self.assertEqual(out["fast_open"]["syns_with_data"], 0)
            self.assertIn("no SYN had data, though --fast-open is on", out["remarks"])
            warnings = [w for w in out["plan"]["warnings"] if "--fast-open on" in w]
            self.assertEqual(len(warnings), warned is not None, args)
            self.assertIn(warned or "", "".join(warnings))
        text = run("bench", "--connections", 100, "--hugepages", "off", *http, "--fast-open-cap", 0).out
        self.assertRegex(text, r"(?m)^  fast open    99 SYNs with data, 99 not taken; server: 0 opened by a "
                               r"SYN's cookie, 100 cookies given, 99 over --fast-open-cap$")

    def test_those_held_do_not_stop_those_that_come_and_go(self):
        # More than three turns through all the tuples, of which half are held side by side.
        out = self.check_orderly(bench("--live", 20000, "--tuple-cap", 40000, "--time-wait", 0,
                                       "--clients", "10.1.0.1/32", connections=80000), 80000,
                                 live=20000)
        self.assertNotIn("connect_no_port", out["client_counters"])
        self.assertFalse(any("tuples" in r for r in out["remarks"]), out["remarks"])

    def test_too_few_tuples_slow_the_closed_loop_down_and_are_told(self):
        out = self.check_orderly(bench("--clients", "10.1.0.0/32", "--source-ports", "1024-1123",
                                       "--time-wait", "50ms", "--concurrency", 50,
                                       connections=300), 300)
        self.assertTrue(any("tuples ran out" in r for r in out["remarks"]), out["remarks"])
        # Twice all tuples are in TIME-WAIT, whose clock ticks in milliseconds.
        self.assertGreater(out["rates"]["steady_to_s"], 0.09)

    def test_stack_and_machine_options_do_not_change_the_outcome(self):
        for args in (["--timestamps", "off"], ["--window-scale", "off"], ["--sack", "off"], ["--burst", 1],
                     ["--burst", 128], ["--mtu", 576], ["--mtu", 9000], ["--seed", 7],
                     ["--concurrency", 1], ["--offload", "off"], ["--arp-ttl", 1]):
            with self.subTest(args=args):
                out = self.check_orderly(bench("--request", "http", "--response", 3000,
                                               "--concurrency", 20, *args, connections=200), 200)
                self.assertEqual(out["totals"]["responses"], 200)


class Output(Case):
    def test_text_has_plan_heading_intervals_result_and_ledger(self):
        result = run("bench", "--hugepages", "off", "--duration", "1200ms")
        self.assert_exit(result, MEASURED)
        lines = result.out.splitlines()
        self.assertTrue(lines[0].startswith("bench: "), lines[0])
        self.assertTrue(any(line.startswith("plan: this plan has ") for line in lines))
        heading = next(i for i, line in enumerate(lines) if line.split()[:2] == ["time", "s"])
        self.assertEqual(lines[heading].split(), ["time", "s", "opened/s", "closed/s", "live",
                                                  "failed", "retrans", "p50", "us", "p99", "us"])
        self.assertEqual(len(lines[heading + 1].split()), 8)
        self.assertTrue(any(line.startswith("result: ") for line in lines))
        self.assertTrue(any(line.split() == ["ledger", "balanced"] for line in lines))

    def test_json_to_a_file_leaves_the_text(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "r.json"
            path.write_text("x" * 100000)
            result = run("bench", "--connections", 100, "--hugepages", "off", "--json", path)
            self.assert_exit(result, MEASURED)
            self.assertIn("result: ", result.out)
            self.assertEqual(json.loads(path.read_text())["totals"]["opened"], 100)

    def test_text_and_json_agree(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "r.json"
            text = run("bench", "--connections", 1234, "--hugepages", "off", "--json", path).out
            out = json.loads(path.read_text())
        self.assertIn("1,234 opened, 1,234 established, 1,234 closed", text)
        rate = re.search(r"^result: ([\d,]+) ", text, re.MULTILINE).group(1)
        self.assertEqual(int(rate.replace(",", "")), round(out["rates"]["closed_per_s"]))
        self.assertIn("%.1f ns of a core" % out["cost"]["ns_per_connection"], text)

    def test_json_that_cannot_be_written_is_refused_before_the_run(self):
        self.assert_refused(run("bench", "--json", "/nonexistent/r.json"), "/nonexistent/r.json")
        self.assert_refused(run("bench", "--json", "/"), "--json /")

    def test_a_full_disk_is_told(self):
        if not Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        result = run("bench", "--connections", 10, "--hugepages", "off", "--json", "/dev/full")
        self.assert_exit(result, ENVIRONMENT)
        self.assertIn("/dev/full", result.err)


class Verdict(Case):
    # What never holds of a run without a loss, and what always does.
    CROSSED = ("p50_connect>0.001us", "min_connect>=0us", "closed_rate<1G", "opened_rate<=1G",
               "established_rate<900M", "failed<1", "failed<=0%", "reset<=0", "retransmitted<=0",
               "max_close<1h", "mean_close < 1h", "p999_close<1h", "p9999_connect<1h", "p90_connect<1h",
               "missed<1%")
    KEPT = ("p99_connect>1h", "closed_rate<1", "failed>0.001%", "reset>0", "retransmitted>0%",
            "missed>0", "max_connect>1h")

    def test_nothing_crossed_is_0_and_said(self):
        result = bench(*(word for c in self.KEPT for word in ("--fail-if", c)))
        self.assert_exit(result, MEASURED)
        self.assertTrue(result.json["verdict"]["passes"])
        self.assertEqual([c["criterion"] for c in result.json["verdict"]["criteria"]], list(self.KEPT))

    def test_each_crossed_is_99_and_said_in_words(self):
        for criterion in self.CROSSED:
            with self.subTest(criterion=criterion):
                result = bench("--fail-if", self.KEPT[0], "--fail-if", criterion)
                self.assert_exit(result, CROSSED)
                verdict = result.json["verdict"]
                self.assertFalse(verdict["passes"])
                self.assertEqual([c["passes"] for c in verdict["criteria"]], [True, False])
                name, op, limit = re.fullmatch(r"(\w+) ?([<>]=?) ?(.*)", criterion).groups()
                fails = {">": "above", "<": "below", ">=": "from", "<=": "up to"}[op]
                self.assertRegex(verdict["criteria"][1]["words"],
                                 f"^FAIL: {name} [0-9.e+]+[A-Za-z/% ]*, fails {fails} {limit}$")

    def test_the_summary_says_the_same(self):
        result = run("bench", "--connections", 500, "--hugepages", "off", "--fail-if", "failed>0,reset<1")
        self.assert_exit(result, CROSSED)
        self.assertIn("verdict      pass: failed 0, fails above 0", result.out)
        self.assertIn("verdict      FAIL: reset 0, fails below 1", result.out)

    def test_what_was_not_measured_does_not_pass(self):
        for criterion in ("p99_response>1h", "bad_responses>1k", "p50_connect_corrected>1h"):
            result = bench("--fail-if", criterion)
            self.assert_exit(result, CROSSED)
            self.assertIsNone(result.json["verdict"]["criteria"][0]["value"])
            self.assertIn("was not measured, fails above", result.json["verdict"]["criteria"][0]["words"])
        self.assert_exit(bench("--fail-if", "p99_response>1h", "--fail-if", "bad_responses>0",
                               "--request", "http"), MEASURED)
        self.assert_exit(bench("--fail-if", "p50_response_corrected>1h,p50_connect_corrected>1h",
                               "--request", "http", "--rate", "20k"), MEASURED)

    def test_the_value_is_that_of_the_result(self):
        out = bench("--fail-if", "p99_connect>1h,closed_rate<1,failed>1,mean_close>1h").json
        self.assertEqual([c["value"] for c in out["verdict"]["criteria"]],
                         [out["latency_us"]["connect"]["p99"], out["rates"]["closed_per_s"],
                          out["totals"]["failed"], out["latency_us"]["close"]["mean"]])

    def test_what_is_no_criterion_is_refused(self):
        for text in ("", "p99", "p99_connect", "p99_connect>", ">5", "p99_connect=5us", "p98_connect>5us",
                     "connect>5us", "p99_failed>5us", "failed>5us", "failed>101%", "failed>-1",
                     "closed_rate<5%", "p99_connect>5%", "p99_connect>>5us", "failed>0,",
                     "f" * 70 + ">1", ",".join(["failed>0"] * 17)):
            with self.subTest(text=text):
                self.assert_refused(run("bench", "--fail-if", text), "--fail-if", "p99_connect>500us")


class Failures(Case):
    def test_no_connection_completed(self):
        result = run("bench", "--hugepages", "off", "--rate", "0.1", "--duration", "200ms",
                     "--json", "-")
        self.assert_exit(result, RUN_FAILED)
        self.assertIn("no connection completed", result.err)
        self.assertEqual(result.json["totals"]["opened"], 0)
        self.assertTrue(result.json["totals"]["ledger_balanced"])

    SILENT = ("load", "--port", "net_null0,no-rx=1", "--local", "10.0.0.2/24", "--hugepages", "off",
              "--connections", 1, "--duration", "1s", "--drain", "100ms")

    def test_a_next_hop_that_never_answers_is_named(self):
        for more, hop in ((["--target", "10.0.0.9:80"], "10.0.0.9"),
                          (["--target", "10.9.0.9:80", "--gateway", "10.0.0.7"], "10.0.0.7")):
            result = run(*self.SILENT, *more)
            self.assert_exit(result, RUN_FAILED)
            self.assertIn("no ARP answer from %s, is it up" % hop, result.err)
            self.assertIn("no ARP answer from %s, is it up?" % hop, result.out)

    def test_addresses_are_probed_for_before_the_run(self):
        begin = time.monotonic()
        result = run(*self.SILENT, "--target", "10.0.0.9:80", "--arp-probe", "on", "--json", "-")
        self.assert_exit(result, RUN_FAILED)
        self.assertGreater(time.monotonic() - begin, 4)  # RFC 5227 1.1: 1 + 1 + 2 s at least.
        # Three probes, an announcement or two, and at least one question for the target.
        self.assertGreaterEqual(result.json["client_counters"]["arp_requests_sent"], 5)
        self.assertNotIn("connect_unclaimed", result.json["client_counters"])

    def test_probing_ends_when_it_is_told_to(self):
        argv = [HANDCLASP] + [str(a) for a in self.SILENT] + ["--target", "10.0.0.9:80",
                                                              "--arp-probe", "on"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        with process:
            # Signals are caught just before the probes begin, which take 4 s.
            while not catches(process.pid, signal.SIGINT):
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, INTERRUPTED)

    def test_devices_that_are_none(self):
        base = ["--local", "10.0.0.2/24", "--target", "10.0.0.1:80"]
        for device, code in (("nonsense", USAGE), ("af_packet:nosuchif0", ENVIRONMENT),
                             ("tap:", USAGE), ("0000:ff:1f.7", ENVIRONMENT)):
            with self.subTest(device=device):
                result = run("load", "--port", device, *base)
                self.assert_refused(result, device.split(":")[-1], code=code)

    def test_a_port_that_is_none_is_refused_before_the_plan(self):
        for device in ("nonsense", "tap:", "memif:a,master"):
            for more in ([], ["--dry-run"]):
                result = run("serve", "--port", device, "--local", "10.0.0.1/24", *more)
                self.assert_refused(result, device)
                self.assertNotIn("plan", result.out)

    def test_eal_arguments_that_eal_refuses(self):
        result = run("bench", "--connections", 10, "--", "--frobnicate")
        self.assertIn(result.code, (USAGE, ENVIRONMENT), str(result))
        self.assertEqual(len(result.err.splitlines()), 1, str(result))
        self.assertIn("--frobnicate", result.err)

    def test_configurations_that_the_stack_refuses(self):
        self.assert_refused(run("bench", "--hugepages", "off", "--connections", 10,
                                "--clients", "10.0.0.0/24"), "client prefix")

    def test_too_little_memory(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

        result = run("bench", "--connections", 10, "--live", 2000000, preexec_fn=limit)
        if "AddressSanitizer" in result.err:
            self.skipTest("the sanitizer takes more address space than that")
        self.assert_refused(result, "memory", code=ENVIRONMENT)

    def test_more_memory_than_there_is_is_not_begun_with(self):
        with open("/proc/meminfo", encoding="ascii") as file:
            kb = int(re.search(r"MemAvailable: *(\d+)", file.read()).group(1))
        if kb > 45 << 20:
            self.skipTest("this machine has it")
        self.assert_refused(run("bench", "--hugepages", "off", "--duration", "1s", "--live", "60M"),
                            "memory", "plan for fewer", code=ENVIRONMENT)

    def test_a_server_to_whom_nobody_came_says_so(self):
        result = run("serve", "--port", "net_null0,no-rx=1", "--local", "10.0.0.1/24", "--hugepages", "off",
                     "--duration", "100ms")
        self.assert_exit(result, RUN_FAILED)
        self.assertIn("nobody came to --listen", result.err)

    def test_the_cause_stands_beside_what_failed(self):
        result = run("bench", "--hugepages", "off", "--connections", 100, "--server-refuse", "100%")
        self.assert_exit(result, RUN_FAILED)
        self.assertIn("100 failed (refused 100)", result.out)

    def interrupted(self, number, *args):
        argv = [HANDCLASP, "bench", "--hugepages", "off", "--duration", "50s"] + list(args)
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            try:
                time.sleep(0.2)
                # The first line a second tells that it runs.
                for line in process.stdout:
                    if re.match(rb"\s+1\.\d+ ", line):
                        break
                process.send_signal(number)
                out, err = process.communicate(timeout=SECONDS)
            except BaseException:
                process.kill()
                raise
        return process.returncode, out.decode(), err.decode()

    def test_signals_end_the_run_in_order_with_results(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "r.json"
                code, out, err = self.interrupted(number, "--json", str(path))
                self.assertEqual(code, INTERRUPTED, out + err)
                self.assertRegex(out, "result: .* -- interrupted: that is what was measured")
                result = json.loads(path.read_text())
                self.assertTrue(result["is_interrupted"])
                self.assertIn("interrupted: that is what was measured until then", result["remarks"])
                self.assertTrue(result["totals"]["ledger_balanced"])
                self.assertGreater(result["totals"]["closed"], 0)


class Tally(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    global HANDCLASP
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return USAGE
    HANDCLASP = os.path.abspath(sys.argv[1])
    runner = unittest.TextTestRunner(resultclass=Tally, stream=sys.stdout, verbosity=2)
    program = unittest.main(argv=[sys.argv[0]] + sys.argv[2:], testRunner=runner, exit=False)
    result = program.result
    failed = len({str(test).split(" ", 1)[0] for test, _ in result.failures + result.errors})
    skipped = ", %d skipped" % len(result.skipped) if result.skipped else ""
    print("%d passed, %d failed%s" % (result.passed, failed, skipped))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
