# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""A hundred thousand connections with nginx, opened and closed without one failure."""

from harness import OURS, case, expect_equal

COUNT = 100000


# At both ends nothing is sent again within RFC 6298's least second: on a machine that has other
# things to do either end stands still for longer than 200 ms, and what is sent again then comes to a
# connection that is gone.
def start(net, *options):
    return net.load("--connections", COUNT, "--concurrency", 100, "--clients", "10.1.0.0/24",
                    "--rto-min", 1000, *options)


def judge(net, load):
    result = load.finish(250)
    t = result.totals
    result.expect_balanced()
    expect_equal((t["opened"], t["established"], t["closed"]), (COUNT, COUNT, COUNT),
                 "opened, established, closed")
    expect_equal((t["failed"], t["reset"], result.counter("tx_rst")), (0, 0, 0),
                 "failed, reset, RSTs sent")
    kernel = net.kernel()
    for name in ("TcpOutRsts", "TcpEstabResets", "TcpAttemptFails", "TcpInErrs",
                 "TcpExtListenOverflows", "TcpExtListenDrops"):
        expect_equal(kernel[name], 0, name)
    expect_equal(kernel["TcpPassiveOpens"], COUNT, "connections the kernel accepted")


@case(seconds=270)
def a_hundred_thousand_closed_by_us(net):
    net.make_tap(OURS)
    net.run("ip", "route", "add", "10.1.0.0/24", "dev", "hc0", "rto_min", "1s")
    net.nginx()
    judge(net, start(net, "--close", "client"))


@case(seconds=270)
def a_hundred_thousand_requests_closed_by_nginx(net):
    # As a user does it: the program first, which makes the TAP, then the kernel's side.
    net.nginx(address="0.0.0.0")
    load = start(net, "--request", "http", "--close", "server")
    net.await_interface("hc0", load)
    # The route before the address: with the address the kernel answers ARP, and a SYN that came
    # before the way back is known would be a ListenDrop.
    net.run("ip", "link", "set", "hc0", "up")
    net.run("ip", "route", "add", "10.1.0.0/24", "dev", "hc0", "rto_min", "1s")
    net.configure("hc0", OURS)
    judge(net, load)
