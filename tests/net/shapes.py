# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Shapes of load over net_tap: several requests a connection, several targets, so many alive; and a
server with limits, whose client is this kernel."""

import socket
import time

from harness import OURS, case, expect, expect_equal, read_all
from load import serve_sockets


@case(seconds=60)
def nginx_answers_several_requests_a_connection(net):
    net.make_tap(OURS)
    net.nginx(body="z" * 3000, keepalive_s=30)
    for side in ("client", "server"):
        load = net.load("--connections", 100, "--concurrency", 10, "--request", "http", "--requests",
                        7, "--think", "2ms", "--response", 3000, "--close", side)
        result = load.finish(30)
        result.expect_orderly(100)
        expect_equal(result.totals["responses"], 700, "responses")
        expect_equal(result.totals["body_bytes"], 700 * 3000, "bytes of body")
    net.expect_kernel_clean()


@case(seconds=60)
def targets_take_turns(net):
    net.make_tap(OURS)
    threads = [serve_sockets(net.listener(port=port), 20, read_all) for port in (81, 82, 83)]
    load = net.load("--connections", 60, "--concurrency", 6, target=OURS + ":81-83")
    result = load.finish(30)
    result.expect_orderly(60)
    for thread, failures in threads:
        thread.join(5)
        expect(not failures, "a server met %r" % failures)
    expect_equal([(t["target"], t["opened"], t["closed"]) for t in result.totals["targets"]],
                 [("%s:%d" % (OURS, port), 20, 20) for port in (81, 82, 83)], "targets")
    net.expect_kernel_clean()


@case(seconds=60)
def so_many_stay_alive(net):
    net.make_tap(OURS)
    net.nginx(keepalive_s=30)
    load = net.load("--hold-live", 200, "--rate", 400, "--duration", "2s", "--request", "http",
                    "--think", "20ms")
    result = load.finish(30)
    result.expect_orderly(200)
    expect_equal(result.totals["hold_live"], {"asked": 200, "least": 200, "most": 200}, "alive")
    expect(result.totals["responses"] > 3000, "responses %d" % result.totals["responses"])
    net.expect_kernel_clean()


@case(seconds=60)
def a_server_at_its_limit_drops_syns(net):
    serve = net.serve("--max-connections", 3)
    socks = [net.connect(80) for _ in range(3)]
    late = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    late.settimeout(0.5)
    try:
        late.connect((OURS, 80))
        raise AssertionError("a fourth connection was taken")
    except TimeoutError:
        pass
    late.close()
    for sock in socks:
        sock.close()
    time.sleep(0.2)
    net.connect(80).close()
    result = serve.stop()
    expect(result.json["server_limits"]["syns_over_connections"] >= 1, "SYNs dropped")
    expect_equal(result.totals["established"], 4, "established")


@case(seconds=60)
def a_server_that_refuses_sends_resets(net):
    serve = net.serve("--refuse", "100%")
    try:
        net.connect(80)
        raise AssertionError("a connection was taken")
    except ConnectionRefusedError:
        pass
    expect(serve.stop().json["server_limits"]["syns_refused"] >= 1, "SYNs refused")
