# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""The same stack over other ports than net_tap: af_packet on a veth pair, memif between two
processes of ours."""

import re

from harness import KERNEL, OURS, case, expect, expect_equal, wait_until

# The kernel takes a look at the frames of our end, too, and finds no address of its own in them.
ALSO_SEEN = ("IpInAddrErrors",)


@case(seconds=40)
def af_packet_serves_the_kernel(net):
    net.make_veth(KERNEL)
    server = net.start("serve", "--port", "af_packet:hcv0", "--local", OURS + "/24",
                       "--listen", "80", "--response", "5000")
    net.await_ping(server)
    said = net.run("ab", "-q", "-n", "500", "-c", "8", "http://10.0.0.1/", seconds=30)
    expect("Failed requests:        0" in said, said)
    server.stop().expect_orderly()
    net.expect_kernel_clean(but=ALSO_SEEN)


@case(seconds=40)
def af_packet_loads_nginx(net):
    net.make_veth(OURS)
    net.nginx()
    load = net.load("--connections", 1000, "--concurrency", 20, "--request", "http",
                    port="af_packet:hcv0")
    load.finish(30).expect_orderly(1000)
    net.expect_kernel_clean(but=ALSO_SEEN)


def memif_server(net, path):
    """A server that closes first, and runs. A memif whose other side comes before its own side is
    started can stay without a link, and the server says once a second that it runs."""
    server = net.start("serve", "--port", "memif:%s,server" % path, "--local", OURS + "/24",
                       "--listen", "80", "--close", "server")
    wait_until(lambda: re.search(r"^ +[0-9.]+ +0 ", server.out, re.MULTILINE), 20,
               "the server's first line")
    return server


@case(seconds=60)
def memif_between_two_processes(net):
    path = net.folder / "memif.sock"
    server = memif_server(net, path)
    # The server closes first, so that the last segment is the server's: what lies in the ring of a
    # memif when its other side goes away is lost.
    load = net.load("--connections", 5000, "--concurrency", 50, "--request", "http",
                    "--close", "server", port="memif:%s,client" % path)
    ours = load.finish(50)
    theirs = server.stop()
    ours.expect_orderly(5000)
    theirs.expect_orderly(5000)
    expect_equal(ours.counter("tx_packets"), theirs.counter("rx_packets"), "packets sent, received")
    expect_equal(theirs.counter("tx_packets"), ours.counter("rx_packets"), "packets sent, received")


@case(seconds=60)
def memif_takes_one_client_after_another(net):
    path = net.folder / "memif.sock"
    server = memif_server(net, path)
    # Each client comes with a MAC of its own for the same addresses, and must not go unheard for
    # as long as the server remembers the last one's.
    for _ in range(3):
        load = net.load("--connections", 500, "--concurrency", 50, "--request", "http",
                        "--clients", "10.0.0.64/28", "--close", "server",
                        port="memif:%s,client" % path)
        load.finish(20).expect_orderly(500)
    server.stop().expect_orderly(1500)
