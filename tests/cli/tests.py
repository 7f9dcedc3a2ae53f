#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""`handclasp test`: its command line, and short searches over the wire in memory.

Usage: tests.py HANDCLASP [unittest arguments]
Needs no root, no hugepages and no port. The devices that are searched are our own server with known
limits, low ones, so that a busy machine keeps up with what is asked. Ends with "N passed, N failed".
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import run as cli

KINDS = ("establishment-rate", "teardown-rate", "concurrent-capacity", "transaction-rate",
         "http-latency", "syn-flood")
TIMES = ("minimum", "maximum", "average", "aggregate")

# Generous, as a machine that does other things in between is no fault of the device.
PATIENT = ["--grace", "50ms", "--hugepages", "off"]


def test(kind, *args, port="ring"):
    return cli.run("test", kind, "--port", port, "--json", "-", *PATIENT, *args)


class CommandLine(cli.Case):
    def test_help_lists_the_tests_and_their_options(self):
        result = cli.run("test", "--help")
        self.assert_exit(result, cli.MEASURED)
        for kind in KINDS:
            self.assertIn(kind, result.out)
            options = cli.run("test", kind, "--help")
            self.assert_exit(options, cli.MEASURED)
            for option in ("--min", "--max", "--granularity", "--criterion", "--self-check",
                           "--server-limit-open-rate", "--target"):
                self.assertIn(option + " ", options.out + " ")
            for option in ("--rate", "--duration", "--concurrency", "--stage", "--listen"):
                self.assertNotIn(option + " ", options.out)

    def test_without_a_test_usage_goes_to_stderr(self):
        result = cli.run("test")
        self.assert_exit(result, cli.USAGE)
        self.assertEqual(result.out, "")
        self.assertIn(KINDS[0], result.err)

    def test_an_unknown_test_is_refused(self):
        self.assert_refused(cli.run("test", "speed", "--port", "ring"), "speed", "--help")

    def test_a_port_has_to_be_named(self):
        self.assert_refused(cli.run("test", KINDS[0]), "--port", "ring")

    def test_what_a_test_decides_itself_is_no_option(self):
        self.assert_refused(test(KINDS[0], "--rate", "1k"), "--rate", "not an option")

    def test_an_empty_range_is_refused(self):
        self.assert_refused(test(KINDS[0], "--min", "2k", "--max", "1k"), "--min", "--max")

    def test_a_core_without_a_connection_is_refused(self):
        self.assert_refused(test(KINDS[0], "--cores", "2", "--min", "1"), "--min", "--cores")

    def test_an_iteration_of_less_than_a_connection_a_core_is_refused(self):
        # The fewest: --min times --sustain.
        for kind, args in (("transaction-rate", ("--requests", "5001", "--min", "5k")),
                           ("http-latency", ("--requests", "2501", "--min", "5k", "--cores", "2")),
                           (KINDS[0], ("--min", "2", "--cores", "2"))):
            least = ("--sustain", "500ms" if kind == KINDS[0] else "1s", "--max", "10k", "--dry-run")
            self.assert_refused(test(kind, *args, *least), "--min", "--sustain", "--cores",
                                "--requests")
        self.assert_exit(test("transaction-rate", "--requests", "2500", "--min", "5k", "--max", "10k",
                              "--cores", "2", "--sustain", "1s", "--dry-run"), cli.MEASURED)

    def test_fast_open_is_refused(self):
        self.assert_refused(test(KINDS[0], "--fast-open", "on"), "--fast-open")

    def test_a_beginning_outside_the_range_is_refused(self):
        self.assert_refused(test(KINDS[0], "--max", "2k", "--initial", "3k"), "--initial")

    def test_an_unknown_criterion_is_refused(self):
        for wrong in ("all", "0%", "100%", "7"):
            self.assert_refused(test(KINDS[0], "--criterion", wrong), "--criterion", wrong)

    def test_a_close_that_is_no_close_direction_is_refused(self):
        for wrong in ("both", "rst"):
            self.assert_refused(test(KINDS[0], "--close", wrong), "--close", "client", "server")

    def test_capacity_needs_http(self):
        self.assert_refused(test("concurrent-capacity", "--request", "64"), "--request", "http")

    def test_requests_are_of_transactions_alone_and_of_one_size(self):
        for kind in KINDS:
            several = test(kind, "--requests", "3", "--dry-run", "--max", "20k")
            if kind in ("transaction-rate", "http-latency"):
                self.assert_exit(several, cli.MEASURED)
                self.assertEqual(several.json["config"]["requests"], 3)
            else:
                self.assert_refused(several, "--requests", kind)
        self.assert_refused(test("http-latency", "--requests", "3", "--response", "1k:1,2k:1"),
                            "--response", "--requests")

    def test_teardown_has_no_request_of_its_own(self):
        self.assert_refused(test("teardown-rate", "--request", "http"), "--request")

    def test_both_ends_here_need_no_target(self):
        self.assert_refused(test(KINDS[0], "--target", "10.0.0.1:80"), "--target", "ring")

    def test_a_foreign_server_is_not_ours_to_limit(self):
        self.assert_refused(
            test(KINDS[0], "--local", "10.0.0.2/24", "--target", "10.0.0.1:80",
                 "--server-max-connections", "10", port="tap:hc0"), "--server", "tap:hc0")

    def test_only_syn_flood_has_an_attack(self):
        for option, value in (("--attack-rate", "1k"), ("--attack-sources", "198.18.0.0/15"),
                              ("--attack-lead", "1s")):
            for kind in KINDS[:-1]:
                self.assert_refused(test(kind, option, value), "--attack", kind, "syn-flood")

    def test_an_attack_comes_from_nobodys_addresses(self):
        self.assert_refused(test("syn-flood", "--attack-sources", "10.0.0.0/24"), "10.0.0.0/24",
                            "10.0.0.2")
        self.assert_refused(
            test("syn-flood", "--local", "198.18.0.2/24", "--target", "198.18.0.1:80",
                 port="tap:hc0"), "--attack-sources 198.18.0.0/15", "--local")

    def test_a_port_that_leads_out_needs_a_target(self):
        self.assert_refused(test(KINDS[0], "--local", "10.0.0.2/24", port="tap:hc0"), "--target")


    def test_what_a_kind_of_test_does_not_use_is_refused(self):
        for kind, args, word in (
                ("establishment-rate", ["--attempt-rate", "1k"], "--attempt-rate"),
                ("transaction-rate", ["--attempt-rate", "1k"], "--attempt-rate"),
                ("concurrent-capacity", ["--close", "server"], "--close"),
                ("concurrent-capacity", ["--close-method", "three-way"], "--close-method"),
                ("teardown-rate", ["--path", "/a"], "--path"),
                ("establishment-rate", ["--promiscuous", "on"], "--promiscuous")):
            with self.subTest(kind=kind, args=args):
                self.assert_refused(test(kind, *args), word)

    def test_what_is_gathered_is_asked_for_one_size(self):
        for args in (["concurrent-capacity"], ["teardown-rate", "--close", "server"]):
            self.assert_refused(test(*args, "--response", "1k:1,2k:1"), "--response", "one size")

    def test_a_tester_without_enough_tuples_is_refused_or_searches_lower(self):
        place = ["--local", "10.0.0.2/24", "--target", "10.0.0.1:80"]
        few = [*place, "--source-ports", "2000-2999"]
        for kind, value in (("concurrent-capacity", "2k"), ("establishment-rate", "9k")):
            self.assert_refused(test(kind, *few, "--max", value, port="tap:hc0"), "--max", value[0],
                                "tuples", "--clients")
        self.assert_refused(test("establishment-rate", *few, "--min", "5k", port="tap:hc0"), "--min",
                            "tuples")
        result = test("concurrent-capacity", *few, "--dry-run", port="tap:hc0")
        self.assert_exit(result, cli.MEASURED)
        self.assertEqual(result.json["config"]["max"], 1000)


class Files(cli.Case):
    """A test's plan, and its file as a configuration."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "c.json")

    def keep(self, result):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(result.out)
        return self.path

    def test_a_dry_run_shows_the_plan_of_the_largest_iteration(self):
        for kind in KINDS:
            result = test(kind, "--dry-run", "--max", "20k")
            self.assert_exit(result, cli.MEASURED)
            out = result.json
            self.assertEqual((out["schema"], out["command"], out["test"]),
                             ("handclasp.plan.v1", "test", kind))
            self.assertEqual(out["config"]["max"], 20000)
            self.assertIs(out["plan"]["is_sustainable"], True)
        told = cli.run("test", KINDS[0], "--port", "ring", "--dry-run", *PATIENT)
        self.assert_exit(told, cli.MEASURED)
        self.assertIn("plan: ", told.out)

    def test_a_result_of_each_kind_is_a_configuration(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                first = test(kind, "--min", "100", "--max", "200", "--granularity", "100", "--repeat",
                             "1", "--sustain", "50ms", "--server-limit-open-rate", "5M", "--fail-if",
                             "p99_connect>1h", "--grace", "500ms")
                self.assert_exit(first, cli.MEASURED)
                again = cli.run("test", kind, "-c", self.keep(first), "--dry-run", "--json", "-")
                self.assert_exit(again, cli.MEASURED)
                self.assertEqual(again.json["config"], first.json["config"])

    def test_a_plan_is_a_configuration_of_its_own_test(self):
        for kind in KINDS:
            first = test(kind, "--dry-run", "--max", "20k", "--seed", "7", "--fail-if", "failed>3")
            again = cli.run("test", kind, "-c", self.keep(first), "--dry-run", "--json", "-")
            self.assert_exit(again, cli.MEASURED)
            self.assertEqual(again.json, first.json)

    def test_a_result_runs_its_own_test_again(self):
        first = test("teardown-rate", "--server-limit-close-rate", "2k", "--close", "server", "--min",
                     "1k", "--max", "4k", "--granularity", "1k", "--sustain", "200ms", "--repeat", "1")
        self.assert_exit(first, cli.MEASURED)
        again = cli.run("test", "teardown-rate", "-c", self.keep(first), "--json", "-")
        self.assert_exit(again, cli.MEASURED)
        self.assertEqual(again.json["config"], first.json["config"])
        self.assertEqual(again.json["iterations"][0]["seed"], first.json["iterations"][0]["seed"])

    def test_a_file_of_another_test_is_refused(self):
        path = self.keep(test("http-latency", "--dry-run"))
        self.assert_refused(cli.run("test", "teardown-rate", "-c", path), "http-latency", "--config")
        self.assert_refused(cli.run("bench", "-c", path), "handclasp test")

    def test_every_iteration_has_a_seed_of_its_own(self):
        args = ("concurrent-capacity", "--max", "40", "--server-max-connections", "20")
        first, again = (test(*args, "--seed", "9").json for _ in range(2))
        seeds = [row["seed"] for row in first["iterations"]]
        self.assertEqual(len(set(seeds)), len(seeds))
        self.assertEqual(seeds, [row["seed"] for row in again["iterations"]][:len(seeds)])
        drawn = test(*args).json
        self.assertNotEqual(drawn["config"]["seed"], 0)
        self.assertNotEqual(drawn["iterations"][0]["seed"], seeds[0])

    def interrupted(self, kind, *args):
        """What a test prints from its first confirmation on, which a signal ends."""
        argv = [cli.HANDCLASP, "test", kind, "--port", "ring", *PATIENT, "--repeat", "1000", *args]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE) as process:
            while "pass again" not in process.stdout.readline():
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=cli.SECONDS)[0]
        self.assertEqual(process.returncode, cli.INTERRUPTED)
        return rest

    def test_what_was_measured_until_an_interruption_is_kept(self):
        rest = self.interrupted("concurrent-capacity", "--max", "100", "--min", "100",
                                "--json", self.path)
        self.assertIn("result: maximum concurrent connections 100 ", rest)
        self.assertIn("cut short", rest)
        with open(self.path, encoding="utf-8") as file:
            out = json.load(file)
        self.assertIs(out["is_cut_short"], True)
        self.assertEqual(out["result"]["outcome"], "confirming")
        self.assertGreaterEqual(len(out["iterations"]), 2)
        self.assertEqual({row["passes"] for row in out["iterations"]}, {True})

    def test_a_flood_that_was_cut_short_claims_nothing(self):
        rest = self.interrupted("syn-flood", "--max", "1000", "--min", "1000", "--sustain", "100ms",
                                "--attack-rate", "1k")
        self.assertRegex(rest, "result: highest connection rate under a SYN attack not found, without "
                               "it 1000 -- cut short: nothing passed under the attack so far")

    def test_an_interruption_before_anything_is_measured_says_so(self):
        argv = [cli.HANDCLASP, "test", "establishment-rate", "--port", "ring", *PATIENT, "--min", "100",
                "--max", "1000", "--sustain", "60s"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE) as process:
            while not cli.catches(process.pid, signal.SIGINT):
                self.assertIsNone(process.poll())
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=cli.SECONDS)[1]
        self.assertEqual(process.returncode, cli.INTERRUPTED)
        self.assertIn("nothing is measured", said)


class Limits(cli.Case):
    """Cases that find a limit by time: on a machine that others use too a search may end "flaky",
    so each has three attempts, of which the last is the one that counts when all fail."""

    def run(self, result=None):
        for _ in range(2):
            attempt = unittest.TestResult()
            super().run(attempt)
            if attempt.wasSuccessful() and not attempt.skipped:
                result.startTest(self)
                result.addSuccess(self)
                result.stopTest(self)
                return result
        return super().run(result)


class Searches(Limits):
    def assert_found(self, result, key, limit, granularity, above):
        """Within the granularity below the limit, and above it no more than a bucket holds."""
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertEqual(out["schema"], "handclasp.test.v1")
        self.assertEqual(out["result"]["outcome"], "found", json.dumps(out["iterations"], indent=1))
        value = out["result"][key]
        self.assertGreaterEqual(value, limit - granularity)
        self.assertLessEqual(value, limit + above)
        self.assertLessEqual(out["result"]["lowest_failed"] - value, granularity)
        last = out["iterations"][-1]
        self.assertEqual((last["value"], last["passes"], last["phase"]),
                         (value, True, "confirmation"))
        return out

    def assert_rows(self, out, times):
        for row in out["iterations"]:
            self.assertEqual(row["passes"], row["why"] is None)
            self.assertLessEqual(row["total_completed"], row["total_attempted"])
            if row["passes"]:
                self.assertEqual(row["total_completed"], row["total_attempted"])
        for name in TIMES:
            self.assertGreater(out["result"]["%s_%s_us" % (name, times)], 0)
            self.assertIn("%s_%s_us" % (name, times), out["iterations"][0])

    def test_the_rate_at_which_a_device_opens_is_found(self):
        result = test("establishment-rate", "--server-limit-open-rate", "4k", "--min", "1k",
                      "--max", "8k", "--granularity", "200", "--sustain", "500ms", "--repeat", "2")
        out = self.assert_found(result, "highest_connection_rate", 4000, 200, 120)
        self.assert_rows(out, "connection_establishment_time")
        setup = out["setup"]
        self.assertEqual(setup["validation_method"], "HTTP/1.1 GET")
        self.assertEqual(setup["object_size_bytes"], 64)
        self.assertEqual(setup["requests_per_connection"], 1)
        self.assertEqual((setup["http_version_of_clients"], setup["http_version_of_servers"]),
                         ("1.1", "1.1"))
        self.assertEqual(setup["close_direction"], "client")
        self.assertIs(setup["is_nat_enabled"], False)
        self.assertEqual(out["result"]["number_of_completed_responses"],
                         setup["number_of_connections"])
        self.assertEqual(out["config"]["criterion"], "none")
        self.assertEqual(out["config"]["syn_retries"], 0)

    def test_the_rate_at_which_a_device_closes_is_found(self):
        for side in ("client", "server"):
            # What waits behind the limit comes in --grace, which is long here, and at its rate.
            result = test("teardown-rate", "--server-limit-close-rate", "4k", "--min", "1k",
                          "--max", "8k", "--granularity", "200", "--sustain", "1s", "--close",
                          side, "--repeat", "2")
            out = self.assert_found(result, "highest_connection_tear_down_rate", 4000, 200, 200)
            self.assert_rows(out, "connection_tear_down_time")
            self.assertEqual(out["setup"]["close_direction"], side)
            failed = [r for r in out["iterations"] if not r["passes"]]
            self.assertRegex(failed[-1]["why"], "late|falls behind")
            self.assertLess(failed[-1]["achieved_per_s"], 4100)

    def test_the_rate_of_transactions_is_found(self):
        result = test("transaction-rate", "--server-limit-open-rate", "4k", "--min", "1k", "--max",
                      "8k", "--granularity", "400", "--sustain", "500ms", "--repeat", "2")
        out = self.assert_found(result, "maximum_transaction_rate", 4000, 400, 120)
        self.assert_rows(out, "transaction_time")

    def test_several_requests_of_a_connection_are_as_many_transactions(self):
        for close in ("client", "server"):
            result = test("transaction-rate", "--requests", "5", "--close", close, "--min", "5k",
                          "--max", "40k", "--initial", "20k", "--server-limit-open-rate", "4k",
                          "--granularity", "2k", "--sustain", "500ms", "--repeat", "1")
            self.assert_exit(result, cli.MEASURED)
            out = result.json
            # 4 000 connections, each with 5; the device has room for a few more.
            self.assertGreaterEqual(out["result"]["maximum_transaction_rate"], 18000)
            self.assertLessEqual(out["result"]["maximum_transaction_rate"], 20700)
            self.assertEqual(out["setup"]["requests_per_connection"], 5)
            self.assertEqual(out["setup"]["number_of_connections"] * 5,
                             out["result"]["number_of_completed_responses"])
            for row in out["iterations"]:
                self.assertAlmostEqual(row["connection_attempt_rate_per_s"], row["value"] / 5)
                self.assertAlmostEqual(row["asked_per_s"], row["value"])
                self.assertEqual(row["total_attempted"] % 5, 0)
                self.assertLess(abs(row["total_attempted"] - row["value"] / 2), 5.1)
                if row["passes"]:
                    self.assertEqual(row["connections_established"] * 5, row["objects_returned"])
                    self.assertEqual(row["percentage_completed"], 100)
            self.assertEqual(out["latency_us"]["response"]["count"],
                             out["result"]["number_of_completed_responses"])

    def test_what_a_pause_of_the_testers_spoils_is_tried_again(self):
        # Once without enough control blocks for what is due after it, and once with. Shorter pauses,
        # of a machine that others use, do no harm.
        for caps in (["--conn-cap", "3000"], []):
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "r.json")
                argv = [cli.HANDCLASP, "test", "establishment-rate", "--port", "ring", *PATIENT,
                        "--grace", "500ms", "--min", "5k", "--max", "5k", "--granularity", "5k",
                        "--sustain", "2s", "--repeat", "2", *caps, "--json", path]
                with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                      stderr=subprocess.PIPE) as process:
                    while "pass" not in process.stdout.readline():
                        self.assertIsNone(process.poll())
                    time.sleep(0.5)  # Into the iteration behind it.
                    process.send_signal(signal.SIGSTOP)
                    time.sleep(1.5)
                    process.send_signal(signal.SIGCONT)
                    rest, err = process.communicate(timeout=cli.SECONDS)
                self.assertEqual(process.returncode, cli.MEASURED, rest + err)
                with open(path, encoding="utf-8") as file:
                    rows = json.load(file)["iterations"]
            spoilt = [r for r in rows if r["is_disturbed"]]
            self.assertGreater(len(spoilt), 0)
            self.assertEqual({r["passes"] for r in spoilt}, {False})
            self.assertGreater(max(r["longest_gap_ms"] for r in spoilt), 1000)
            self.assertIn("the tester stood still for", rest)
            self.assertIs(rows[-1]["passes"], True)

    def test_by_rfc_9411_a_device_closes_as_fast_as_it_opens(self):
        args = ("establishment-rate", "--server-limit-close-rate", "2k", "--min", "1k", "--max", "4k",
                "--granularity", "500", "--sustain", "1s", "--repeat", "1")
        result = test(*args, "--criterion", "9411")
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertEqual(out["result"]["outcome"], "found")
        self.assertGreaterEqual(out["result"]["highest_connection_rate"], 1500)
        self.assertLess(out["result"]["highest_connection_rate"], 2500)
        failed = [r for r in out["iterations"] if not r["passes"]]
        self.assertIn("open at once", failed[-1]["why"])
        self.assertGreater(abs(failed[-1]["concurrent_connections_farthest"] -
                               failed[-1]["concurrent_connections_mean"]), 100)
        self.assertEqual(failed[-1]["total_completed"], failed[-1]["total_attempted"])
        self.assertEqual(test(*args).json["result"]["outcome"], "at_max")

    def test_times_beside_the_throughput_level_are_delay(self):
        for limits, is_latency in ((["--max", "2k"], False),
                                   (["--max", "4k", "--server-limit-open-rate", "3k"], True)):
            result = test("http-latency", "--min", "2k", "--granularity", "500", "--sustain",
                          "300ms", "--repeat", "1", *limits)
            self.assert_exit(result, cli.MEASURED)
            out = result.json["result"]
            self.assertIs(out["is_latency"], is_latency)
            points = list(out["delay_distribution_us"].values())
            self.assertEqual(points, sorted(points))
            self.assertEqual(result.json["latency_us"]["response"]["p99"],
                             out["delay_distribution_us"]["p99"])
            self.assertEqual(result.json["latency_us"]["response"]["max"], out["maximum_delay_us"])
            buckets = result.json["histograms"]["response"]["buckets"]
            self.assertEqual(sum(buckets[1::2]), out["number_of_completed_responses"])
            self.assertLessEqual(out["minimum_delay_us"], points[0])
            self.assertLessEqual(points[-1], out["maximum_delay_us"])

    def test_the_connections_a_device_holds_are_counted_exactly(self):
        result = test("concurrent-capacity", "--server-max-connections", "777", "--max", "2000",
                      "--initial", "777", "--repeat", "2")
        out = self.assert_found(result, "maximum_concurrent_connections", 777, 1, 0)
        self.assertEqual(out["result"]["lowest_failed"], 778)
        self.assertEqual(out["result"]["number_of_completed_responses"], 777)

    def test_a_device_without_a_limit_is_said_to_be_above(self):
        result = test("concurrent-capacity", "--max", "300", "--repeat", "1")
        self.assert_exit(result, cli.MEASURED)
        self.assertEqual(result.json["result"]["outcome"], "at_max")
        self.assertEqual(result.json["result"]["maximum_concurrent_connections"], 300)

    def test_a_device_below_min_fails_the_run(self):
        result = test("concurrent-capacity", "--server-max-connections", "5", "--min", "10",
                      "--max", "20")
        self.assert_exit(result, cli.RUN_FAILED)
        self.assertIn("--min 10", result.err)
        self.assertEqual(result.json["result"]["outcome"], "below_min")
        self.assertIsNone(result.json["result"]["maximum_concurrent_connections"])

    def test_a_share_that_may_be_lost_is_allowed_for(self):
        result = test("concurrent-capacity", "--server-max-connections", "90", "--max", "200",
                      "--criterion", "10%", "--repeat", "1")
        self.assert_exit(result, cli.MEASURED)
        self.assertEqual(result.json["result"]["maximum_concurrent_connections"], 100)

    def test_a_device_that_resets_has_no_sharp_limit(self):
        # With 1 of 500 reset, an iteration of 50 passes mostly, and not always.
        result = test("concurrent-capacity", "--server-reset", "0.2%", "--min", "1", "--max", "400",
                      "--repeat", "8", "--seed", "3")
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertIn(out["result"]["outcome"], ("flaky", "found"))
        failed = [r for r in out["iterations"] if not r["passes"]]
        self.assertGreater(len(failed), 0)
        self.assertEqual(out["result"]["lowest_failed"], min(r["value"] for r in failed))

    def test_the_tester_is_held_against_itself(self):
        result = test("concurrent-capacity", "--self-check", "--server-max-connections", "50",
                      "--max", "100", "--repeat", "1")
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertEqual(out["self_check"]["maximum_concurrent_connections"], 100)
        self.assertEqual(out["self_check"]["outcome"], "at_max")
        self.assertIs(out["self_check"]["is_near"], False)
        self.assertEqual(out["result"]["maximum_concurrent_connections"], 50)
        self.assertEqual(out["iterations"][0]["phase"], "self_check")

    def test_a_tester_that_does_not_reach_min_is_told(self):
        result = cli.run("test", "concurrent-capacity", "--port", "ring", *PATIENT, "--self-check",
                         "--conn-cap", "50", "--min", "200", "--max", "400")
        self.assert_exit(result, cli.ENVIRONMENT)
        self.assertIn("the tester that ran out of control blocks", result.err)

    def test_a_population_is_held_for_the_sustain_time(self):
        result = test("concurrent-capacity", "--min", "50", "--max", "50", "--repeat", "1",
                      "--sustain", "300ms")
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertGreater(out["iterations"][0]["elapsed_s"], 0.3)
        self.assertEqual((out["setup"]["close_method"], out["setup"]["close_direction"]), (None, None))

    def test_set_up_is_of_the_iteration_that_is_told(self):
        # The last one tried is the one above, with other addresses.
        result = test("concurrent-capacity", "--server-max-connections", "900", "--initial", "900",
                      "--max", "100k", "--min", "900", "--granularity", "100k", "--repeat", "1")
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertEqual(out["iterations"][-1]["value"], 100000)
        self.assertEqual(out["setup"]["number_of_connections"], 900)
        self.assertEqual(out["setup"]["virtual_clients"], 1)

    def test_a_failure_that_no_pause_explains_is_not_tried_again(self):
        result = test("establishment-rate", "--server-limit-open-rate", "2k", "--min", "1k", "--max",
                      "8k", "--initial", "8k", "--granularity", "1k", "--repeat", "1", "--sustain",
                      "300ms", "--grace", "1ms")
        self.assert_exit(result, cli.MEASURED)
        self.assertEqual([r["value"] for r in result.json["iterations"]].count(8000), 1)

    def test_a_criterion_of_the_result_decides_the_exit_code(self):
        args = ("concurrent-capacity", "--max", "50", "--repeat", "1", "--fail-if")
        crossed = test(*args, "max_connect>1ns")
        self.assert_exit(crossed, cli.CROSSED)
        self.assertIs(crossed.json["verdict"]["passes"], False)
        self.assert_exit(test(*args, "failed>0"), cli.MEASURED)

    def test_what_was_asked_is_in_the_file(self):
        result = test("concurrent-capacity", "--min", "2", "--max", "40", "--initial", "30",
                      "--granularity", "20", "--criterion", "9411", "--sustain", "30ms", "--aging",
                      "10ms", "--repeat", "2", "--attempt-rate", "50k", "--ttl", "9")
        self.assert_exit(result, cli.MEASURED)
        config = result.json["config"]
        for key, value in (("min", 2), ("max", 40), ("initial", 30), ("granularity", 20),
                           ("criterion", "9411"), ("sustain_s", 0.03), ("aging_s", 0.01),
                           ("repeat", 2), ("attempt_rate_per_s", 50000), ("ttl", 9),
                           ("grace_s", 0.05), ("self_check", False), ("port", "ring")):
            self.assertEqual(config[key], value, key)

    def test_a_test_that_cannot_begin_leaves_the_file_as_it_was(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write("old")
            result = cli.run("test", KINDS[0], *PATIENT, "--port", "0000:ff:1f.7", "--local", "10.0.0.2/24",
                             "--target", "10.0.0.1:80", "--json", path)
            self.assert_exit(result, cli.ENVIRONMENT)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), "old")

    def test_rows_come_as_iterations_end_and_agree_with_the_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.json")
            result = cli.run("test", "concurrent-capacity", "--port", "ring", *PATIENT,
                             "--server-max-connections", "60", "--max", "100", "--json", path)
            self.assert_exit(result, cli.MEASURED)
            with open(path, encoding="utf-8") as file:
                out = json.load(file)
        lines = result.out.splitlines()
        self.assertIn("RFC 3511 5.2", lines[0])
        rows = [line.split() for line in lines[2:2 + len(out["iterations"])]]
        for number, (line, row) in enumerate(zip(rows, out["iterations"]), 1):
            self.assertEqual([int(x) for x in line[:4]],
                             [number, row["value"], row["total_attempted"], row["total_completed"]])
        self.assertTrue(any(line.startswith("result: maximum concurrent connections 60 ")
                            for line in lines))


class SynFlood(Limits):
    """The search without the attack, and under it."""

    QUICK = ("--attack-lead", "50ms", "--sustain", "500ms")

    def phases(self, out):
        """Rows of the baseline come first, and only the others have an attack."""
        rows = out["iterations"]
        first = [r["phase"] for r in rows].index("search")
        self.assertEqual({r["phase"] for r in rows[:first]}, {"baseline"})
        self.assertLessEqual({r["phase"] for r in rows[first:]}, {"search", "confirmation"})
        for r in rows[:first]:
            self.assertEqual(r["syn_attack_rate_per_s"], 0)
            self.assertEqual(r["number_of_tcp_syn_attack_packets_transmitted"], 0)
        for r in rows[first:]:
            self.assertEqual(r["syn_attack_rate_per_s"], out["setup"]["syn_attack_rate_per_s"])
            self.assertGreater(r["number_of_tcp_syn_attack_packets_transmitted"], 0)
        return rows[:first], rows[first:]

    def test_an_attack_takes_its_part_of_what_a_device_can_do(self):
        # It answers 6000 SYNs a second, whoever sends them, and a bucket of 10 ms more.
        result = test("syn-flood", "--server-limit-open-rate", "6k", "--attack-rate", "3k", "--min",
                      "1k", "--max", "9k", "--granularity", "300", "--repeat", "2", *self.QUICK)
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        found, without = out["result"], out["result"]["without_attack"]
        rows = json.dumps(out["iterations"], indent=1)
        self.assertEqual((found["outcome"], without["outcome"]), ("found", "found"), rows)
        for value, limit in ((found, 3000), (without, 6000)):
            self.assertGreaterEqual(value["highest_connection_rate"], limit - 300, rows)
            self.assertLessEqual(value["highest_connection_rate"], limit + 120, rows)
            for name in TIMES:
                self.assertGreater(value["%s_connection_establishment_time_us" % name], 0)
        self.assertAlmostEqual(found["share_of_rate_without_attack"],
                               found["highest_connection_rate"] / without["highest_connection_rate"])
        _, attacked = self.phases(out)
        self.assertEqual(attacked[0]["value"], without["highest_connection_rate"])
        best = [r for r in attacked if r["passes"]][-1]
        for name in ("number_of_tcp_syn_attack_packets_transmitted", "syn_attack_answers",
                     "number_of_tcp_syn_attack_packets_forwarded", "syn_attack_packets_missed"):
            self.assertEqual(found[name], best[name])
        sent = found["number_of_tcp_syn_attack_packets_transmitted"]
        self.assertGreaterEqual(sent + found["syn_attack_packets_missed"], 0.55 * 3000 - 1)
        self.assertEqual(found["number_of_tcp_syn_attack_packets_forwarded"], sent)
        self.assertEqual(found["syn_attack_rate_per_s"], 3000)
        setup = out["setup"]
        self.assertEqual((setup["syn_attack_sources"], setup["syn_attack_lead_s"]),
                         ("198.18.0.0/15", 0.05))
        self.assertEqual(setup["validation_method"], "HTTP/1.1 GET")
        self.assertEqual(out["section"], "RFC 3511 5.5")

    def test_cookies_keep_the_rate_up(self):
        result = test("syn-flood", "--min", "2k", "--max", "4k", "--granularity", "1k", "--attack-rate",
                      "20k", "--syn-cap", "500", "--repeat", "1", *self.QUICK)
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertEqual(out["result"]["highest_connection_rate"], 4000)
        self.assertEqual(out["result"]["outcome"], "at_max")
        self.assertEqual(out["result"]["without_attack"]["highest_connection_rate"], 4000)
        self.assertEqual(out["result"]["share_of_rate_without_attack"], 1)
        self.assertIs(out["setup"]["has_syn_attack_mechanisms"], True)
        self.assertIn("SYN cookies", out["setup"]["syn_attack_mechanisms"])
        self.phases(out)

    def test_that_an_attack_shuts_all_out_is_a_result_too(self):
        args = ("syn-flood", "--min", "1k", "--max", "2k", "--granularity", "1k", "--attack-rate", "20k",
                "--syn-cap", "500", "--syn-cookies", "never", "--repeat", "1", *self.QUICK)
        result = test(*args)
        self.assert_exit(result, cli.MEASURED)
        out = result.json
        self.assertIsNone(out["result"]["highest_connection_rate"])
        self.assertIsNone(out["result"]["share_of_rate_without_attack"])
        self.assertEqual(out["result"]["outcome"], "below_min")
        self.assertEqual(out["result"]["without_attack"]["highest_connection_rate"], 2000)
        self.assertIs(out["setup"]["has_syn_attack_mechanisms"], False)
        self.assertGreater(out["result"]["number_of_tcp_syn_attack_packets_transmitted"], 10000)
        self.assertIsNotNone(out["environment"])
        self.assert_exit(test(*args, "--fail-if", "failed>0"), cli.CROSSED)

    def test_a_device_that_is_below_min_anyway_fails_the_run(self):
        result = test("syn-flood", "--server-limit-open-rate", "1k", "--min", "4k", "--max", "8k",
                      *self.QUICK)
        self.assert_exit(result, cli.RUN_FAILED)
        self.assertIn("--min 4000", result.err)
        out = result.json
        self.assertEqual(out["result"]["without_attack"]["outcome"], "below_min")
        self.assertEqual({r["phase"] for r in out["iterations"]}, {"baseline"})

    def test_an_attack_that_fell_short_does_not_count(self):
        # No machine sends a thousand million SYNs a second.
        result = test("syn-flood", "--min", "1k", "--max", "1k", "--attack-rate", "1G", *self.QUICK)
        self.assert_exit(result, cli.MEASURED)
        _, attacked = self.phases(result.json)
        self.assertFalse([r for r in attacked if r["passes"]])
        self.assertGreater(attacked[-1]["syn_attack_packets_missed"],
                           attacked[-1]["number_of_tcp_syn_attack_packets_transmitted"])

    def test_a_pause_in_which_some_of_the_attack_was_missed_does_not_count(self):
        # Nobody fails: it is 3 % of the attack's SYNs alone that are not there.
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "r.json")
            argv = [cli.HANDCLASP, "test", "syn-flood", "--port", "ring", *PATIENT, "--grace", "500ms",
                    "--min", "1k", "--max", "1k", "--granularity", "1k", "--attack-rate", "3k",
                    "--attack-lead", "50ms", "--sustain", "2s", "--repeat", "1", "--json", path]
            with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.PIPE) as process:
                while "no attack: pass" not in process.stdout.readline():
                    self.assertIsNone(process.poll())
                time.sleep(0.5)  # Into the iteration behind it.
                process.send_signal(signal.SIGSTOP)
                time.sleep(0.16)
                process.send_signal(signal.SIGCONT)
                rest, err = process.communicate(timeout=cli.SECONDS)
            self.assertEqual(process.returncode, cli.MEASURED, rest + err)
            with open(path, encoding="utf-8") as file:
                rows = json.load(file)["iterations"]
        spoilt = rows[1]
        self.assertGreater(spoilt["longest_gap_ms"], 150, rest)
        self.assertEqual((spoilt["passes"], spoilt["is_disturbed"]), (False, True), rest)
        self.assertEqual(spoilt["total_completed"], spoilt["total_attempted"], rest)
        self.assertRegex(rest, r"disturbed: \d+ of the attack's \d+ SYNs were not sent in time "
                         r"\(1 % allowed\); the tester stood still for \d")
        self.assertIs(rows[-1]["passes"], True, rest)
        self.assertEqual(rows[-1]["value"], 1000)

    def test_the_first_line_tells_both_rates(self):
        result = cli.run("test", "syn-flood", "--port", "ring", *PATIENT, "--min", "1k", "--max", "1k",
                         "--attack-rate", "20k", "--repeat", "1", *self.QUICK)
        self.assert_exit(result, cli.MEASURED)
        self.assertIn("SYN attack of 20000/s from 198.18.0.0/15", result.out.splitlines()[0])
        self.assertRegex(result.out, r"(?m)^ +1 .* no attack: pass$")
        self.assertRegex(result.out, r"(?m)^result: highest connection rate under a SYN attack 1000 "
                         r"connections/s, without it 1000 \(100 %\)")
        self.assertRegex(result.out, r"(?m)^  SYN attack   20000/s, \d+ transmitted, \d+ received by the "
                         r"server, \d+ answers, \d+ not sent in time$")


if __name__ == "__main__":
    sys.exit(cli.main())
