# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""handclasp load over net_tap; the servers are nginx and Python sockets, in this kernel."""

import re
import socket
import threading
import time

from harness import OURS, case, expect, expect_equal, read_all


def serve_sockets(listener, count, handle):
    """Accepts `count` connections in a thread of its own and runs handle(socket) on each. Returns
    (thread, failures)."""
    failures = []

    def loop():
        for _ in range(count):
            sock = None
            try:
                sock = listener.accept()[0]
                sock.settimeout(10)
                handle(sock)
            except (OSError, AssertionError) as error:
                failures.append(error)
            finally:
                if sock:
                    sock.close()
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    return thread, failures


@case(seconds=60)
def nginx_and_the_client_closes_first(net):
    net.make_tap(OURS)
    net.nginx()
    load = net.load("--connections", 2000, "--concurrency", 50, "--close", "client")
    load.finish(40).expect_orderly(2000)
    net.expect_kernel_clean()
    expect(not net.sockets("time-wait"), "TIME-WAIT was to be ours")


@case(seconds=60)
def nginx_and_the_server_closes_first(net):
    net.make_tap(OURS)
    net.nginx(body="x" * 1234)
    load = net.load("--connections", 2000, "--concurrency", 50, "--request", "http",
                    "--close", "server")
    result = load.finish(40)
    result.expect_orderly(2000)
    expect_equal(result.counter("tw_entered"), 0, "TIME-WAITs of ours")
    expect(result.json["latency_us"]["response"]["count"] == 2000, "responses timed")
    net.expect_kernel_clean()


@case(seconds=60)
def nginx_keeps_alive_and_the_client_closes_first(net):
    net.make_tap(OURS)
    net.nginx(body="y" * 5000, keepalive_s=30)
    load = net.load("--connections", 1000, "--concurrency", 20, "--request", "http",
                    "--close", "client")
    load.finish(40).expect_orderly(1000)
    net.expect_kernel_clean()


@case(seconds=60)
def three_way_close(net):
    net.make_tap(OURS)
    net.nginx()
    load = net.load("--connections", 500, "--concurrency", 10, "--request", "http",
                    "--close", "server", "--close-method", "three-way")
    load.finish(40).expect_orderly(500)
    net.expect_kernel_clean()


@case(seconds=60)
def close_by_rst_is_counted_as_such(net):
    net.make_tap(OURS)
    net.nginx()
    load = net.load("--connections", 200, "--concurrency", 10, "--close", "rst")
    result = load.finish(40)
    result.expect_balanced()
    t = result.totals
    expect_equal((t["opened"], t["established"], t["reset"], t["closed"], t["failed"]),
                 (200, 200, 200, 0, 0), "opened, established, reset, closed, failed")
    expect_equal(result.counter("tx_rst"), 200, "tx_rst")
    net.expect_kernel_clean(but=("TcpEstabResets",))


@case(seconds=60)
def a_python_server_echoes_the_request(net):
    net.make_tap(OURS)
    listener = net.listener()

    def handle(sock):
        got = bytearray()
        while len(got) < 3000:
            piece = sock.recv(3000 - len(got))
            expect(piece, "the request ended early")
            got += piece
        sock.sendall(bytes(20000))
        expect_equal(read_all(sock), b"", "after the response")
    thread, failures = serve_sockets(listener, 50, handle)
    load = net.load("--connections", 50, "--concurrency", 1, "--request", 3000,
                    "--response", 20000, "--close", "client")
    result = load.finish(40)
    thread.join(5)
    expect(not failures, "the server met %r" % failures)
    result.expect_orderly(50)
    expect_equal(result.counter("data_bytes_received"), 50 * 20000, "bytes received")
    net.expect_kernel_clean()


@case(seconds=60)
def connections_are_held(net):
    net.make_tap(OURS)
    net.nginx()
    begin = time.monotonic()
    load = net.load("--connections", 20, "--concurrency", 20, "--hold", "1s")
    result = load.finish(40)
    expect(time.monotonic() - begin > 1.0, "held for less than 1 s")
    result.expect_orderly(20)
    net.expect_kernel_clean()


@case(seconds=60)
def an_open_loop_keeps_its_rate(net):
    net.make_tap(OURS)
    net.nginx()
    load = net.load("--rate", 500, "--duration", "3s")
    result = load.finish(40)
    result.expect_orderly()
    opened = result.totals["opened"]
    expect(1450 <= opened <= 1501, "opened %d in 3 s at 500/s" % opened)
    net.expect_kernel_clean()


@case(seconds=60)
def source_addresses_come_from_a_prefix(net):
    net.make_tap(OURS)
    net.run("ip", "route", "add", "10.1.0.0/28", "dev", "hc0")
    listener = net.listener()
    sources = set()

    def handle(sock):
        sources.add(sock.getpeername()[0])
        read_all(sock)
    thread, failures = serve_sockets(listener, 64, handle)
    load = net.load("--connections", 64, "--concurrency", 1, "--clients", "10.1.0.0/28")
    load.finish(40).expect_orderly(64)
    thread.join(5)
    expect(not failures, "the server met %r" % failures)
    expect(len(sources) > 8, "only %s connected" % sorted(sources))
    expect(all(re.match(r"10\.1\.0\.\d+$", s) for s in sources), "sources %s" % sorted(sources))
    net.expect_kernel_clean()


@case(seconds=60)
def two_workers_share_a_port_without_rss(net):
    net.make_tap(OURS)
    net.nginx()
    load = net.load("--connections", 1000, "--concurrency", 20, "--cores", 2)
    result = load.finish(40)
    result.expect_orderly(1000)
    expect(result.counter("rx_redirected") > 100, "frames redirected")
    expect_equal(result.counter("arp_unsolicited"), 0, "ARP replies nobody asked for")
    net.expect_kernel_clean()


@case(seconds=60)
def a_gateway_leads_to_another_network(net):
    net.make_tap(OURS)
    net.run("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
    net.nginx(address="192.0.2.1")
    load = net.load("--connections", 100, "--concurrency", 10, "--gateway", OURS,
                    target="192.0.2.1:80")
    load.finish(40).expect_orderly(100)
    net.expect_kernel_clean()


@case(seconds=60)
def a_wrong_answer_is_noticed(net):
    net.make_tap(OURS)
    listener = net.listener()

    def handle(sock):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    serve_sockets(listener, 5, handle)
    load = net.load("--connections", 5, "--concurrency", 1, "--request", "http",
                    "--close", "server")
    result = load.finish(40, code=None)
    result.expect_balanced()
    expect_equal(result.totals["bad_responses"], 5, "bad responses")


@case(seconds=60)
def timestamps_can_be_refused_by_either_side(net):
    net.make_tap(OURS)
    net.nginx()
    net.load("--connections", 100, "--timestamps", "off").finish(40).expect_orderly(100)
    for name in ("tcp_timestamps", "tcp_window_scaling", "tcp_sack"):
        net.set_sysctl("net/ipv4/" + name, "0")
    net.load("--connections", 100).finish(40).expect_orderly(100)
    net.expect_kernel_clean()
