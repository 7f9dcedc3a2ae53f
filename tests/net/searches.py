# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""`handclasp test` through a port: against our own server with limits, in a second process behind the
kernel's bridge, and against the kernel itself."""

import json

from harness import OURS, case, expect, expect_equal

TESTER = "10.0.0.3"

# A TAP is no fast wire and the machine may be busy: few connections, and time for each.
PATIENT = ["--grace", "100ms", "--aging", "100ms", "--repeat", "2", "--rto-init", "300ms"]


def bridge(net):
    """A bridge between two TAPs, that of the server and that of the tester."""
    net.run("ip", "link", "add", "br0", "type", "bridge")
    net.run("ip", "link", "set", "br0", "up")
    for name in ("hc0", "hc1"):
        net.run("ip", "tuntap", "add", "dev", name, "mode", "tap", "multi_queue")
        net.run("ip", "link", "set", name, "master", "br0")
        net.run("ip", "link", "set", name, "up")


def limited_server(net, *limits):
    """Our server behind the bridge, once it answers the kernel."""
    bridge(net)
    net.configure("br0", "10.0.0.2")
    serve = net.start("serve", "--port", "tap:hc0", "--local", OURS + "/24", *limits)
    net.await_ping(serve)
    return serve


def search(net, kind, *options, port="tap:hc1", target=OURS + ":80"):
    """Runs a test to its end and returns its file."""
    path = net.folder / "test.json"
    net.run(net.handclasp, "test", kind, "--port", port, "--local", TESTER + "/24", "--target", target,
            *PATIENT, *options, "--json", path, seconds=80)
    return json.loads(path.read_text())


def expect_found(out, key, limit, below, above):
    expect_equal(out["result"]["outcome"], "found", json.dumps(out["iterations"], indent=1))
    value = out["result"][key]
    expect(limit - below <= value <= limit + above, "%s %d of %d" % (key, value, limit))
    for row in out["iterations"]:
        expect_equal(row["passes"], row["why"] is None, "why")


@case(seconds=120)
def a_rate_below_that_of_a_limited_server_is_found(net):
    serve = limited_server(net, "--limit-open-rate", "1k")
    # Two programs that poll, on a machine that may have two CPUs, stand still for a hundred ms, and
    # what comes at once after that is more than the server's bucket holds. So a tenth may be lost,
    # and what is tried is far from the limit on both sides.
    out = search(net, "establishment-rate", "--min", 200, "--initial", 200, "--max", 4000,
                 "--granularity", 4000, "--sustain", "2s", "--criterion", "10%")
    expect_found(out, "highest_connection_rate", 200, 0, 0)
    expect_equal(out["result"]["lowest_failed"], 4000, "lowest that failed")
    expect_equal(out["result"]["minimum_connection_establishment_time_us"], None,
                 "what only both ends could tell")
    expect_equal(out["setup"]["is_nat_enabled"], None, "what only the device knows")
    expect(out["result"]["minimum_client_connect_time_us"] > 0, "connect times")
    result = serve.stop()
    expect(result.json["server_limits"]["syns_over_rate"] > 0, "SYNs dropped over the rate")


@case(seconds=120)
def the_connections_of_a_limited_server_are_counted(net):
    limited_server(net, "--max-connections", 300)
    out = search(net, "concurrent-capacity", "--max", 500, "--initial", 300, "--attempt-rate", "5k")
    expect_found(out, "maximum_concurrent_connections", 300, 0, 0)
    expect_equal(out["result"]["lowest_failed"], 301, "lowest that failed")
    expect_equal(out["setup"]["virtual_clients"], 1, "virtual clients")
    expect_equal(out["config"]["port"], "tap:hc1", "port")


@case(seconds=120)
def servers_take_turns(net):
    # There is room for 200 of both ports together, and each gets half of what is attempted.
    limited_server(net, "--listen", "80-81", "--max-connections", 200)
    out = search(net, "concurrent-capacity", "--max", 300, "--initial", 200, "--attempt-rate", "5k",
                 "--self-check", target=OURS + ":80-81")
    expect_found(out, "maximum_concurrent_connections", 200, 0, 0)
    expect_equal(out["setup"]["virtual_servers"], 2, "virtual servers")
    expect_equal(out["self_check"]["outcome"], "at_max", "the tester against itself, which has one")
    expect_equal([(t["established"], t["closed"]) for t in out["targets"]], [(100, 0)] * 2, "targets")


@case(seconds=120)
def nginx_is_searched_through_a_port(net):
    net.make_tap(OURS)
    net.nginx(body="x" * 200)
    out = search(net, "transaction-rate", "--min", 200, "--max", 400, "--granularity", 200,
                 "--sustain", "500ms", port="tap:hc0")
    expect_equal(out["result"]["outcome"], "at_max", json.dumps(out["iterations"], indent=1))
    expect_equal(out["setup"]["object_size_bytes"], 200, "object size")
    expect_equal(out["result"]["number_of_completed_responses"], 200, "responses")
