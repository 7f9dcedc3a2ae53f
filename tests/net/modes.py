# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""The modes of serve that put a client's TCP into states it hardly ever sees: close-first,
never-read and hold, each with either side closing first. The clients are sockets of this kernel,
and handclasp load, which a bridge of this kernel joins to the server."""

import socket
import time

from harness import KERNEL, OURS, case, expect, expect_equal, pattern, read_all, wait_until

LISTEN = "8:close-first,9:never-read,10:hold"
CLIENT = "10.0.0.3"


def wait_for_states(net, ours):
    wait_until(lambda: net.sockets(ours), 5, "a socket of the kernel's in " + ours)


def serve_and_load(net, port, serve_options, load_options, connections=200):
    """Both ends are ours. Returns (server's result, client's result)."""
    for name in ("hc0", "hc1"):
        net.run("ip", "tuntap", "add", "dev", name, "mode", "tap", "multi_queue")
    net.run("ip", "link", "add", "br0", "type", "bridge")
    for name in ("hc0", "hc1"):
        net.run("ip", "link", "set", name, "master", "br0")
        net.run("ip", "link", "set", name, "up")
    net.configure("br0", KERNEL)
    server = net.start("serve", "--port", "tap:hc0", "--local", OURS + "/24", "--listen", LISTEN,
                       *serve_options)
    net.await_ping(server)
    server.ping = lambda: net.await_ping(server)
    load = net.load("--connections", connections, "--concurrency", 10, *load_options,
                    port="tap:hc1", local=CLIENT + "/24", target="%s:%d" % (OURS, port))
    client = load.finish(40)
    return server.stop(), client


def expect_closed_by_us(net, server):
    """Of the one connection the first FIN was ours, and so is its TIME-WAIT."""
    result = server.stop()
    result.expect_orderly(1)
    expect_equal(result.counter("tw_entered"), 1, "TIME-WAITs of ours")
    net.expect_kernel_clean()


@case(seconds=30)
def close_first_answers_unasked_and_closes(net):
    server = net.serve("--response", "5000", listen=LISTEN)
    sock = net.connect(8)
    expect_equal(len(read_all(sock)), 5000, "the answer")
    wait_for_states(net, "close-wait")
    sock.sendall(pattern(20000))  # It reads on after its FIN: no reset.
    sock.close()
    expect_closed_by_us(net, server)


@case(seconds=30)
def close_first_with_more_than_the_send_buffer(net):
    server = net.serve("--response", "1M", "--snd-buf", "16k", listen=LISTEN)
    sock = net.connect(8)
    sock.sendall(b"unasked")
    expect_equal(len(read_all(sock)), 1 << 20, "the answer")
    sock.close()
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def close_first_gives_up_a_client_that_does_not_close(net):
    server = net.serve(listen=LISTEN)
    sock = net.connect(8)
    read_all(sock)
    begin = time.monotonic()
    wait_until(lambda: not net.sockets("close-wait"), 10, "the reset")
    expect(time.monotonic() - begin > 1, "reset after less than a second")
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.counter("tx_rst"), 1, "tx_rst")
    net.expect_kernel_clean(but=("TcpEstabResets",))


@case(seconds=30)
def never_read_closes_the_window_and_keeps_it_closed(net):
    server = net.serve("--rcv-buf", "16k", listen=LISTEN)
    sock = net.connect(9)
    sock.setblocking(False)
    sent = 0
    begin = time.monotonic()
    last = begin
    while time.monotonic() - last < 1.5:
        expect(time.monotonic() - begin < 15, "the window did not close")
        try:
            sent += sock.send(pattern(65536))
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.05)
    expect(sent > 16384, "only %d bytes were taken into the kernel's queue" % sent)
    line = net.run("ss", "-H", "-t", "-n", "-o", "state", "established")
    expect("persist" in line, "the kernel was to probe a window of zero: " + line)
    # The kernel probed meanwhile, and no probe opened anything.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    result = server.stop()
    result.expect_balanced()
    got = result.counter("data_bytes_received")
    expect(16384 - 1460 <= got <= 16384, "%d bytes taken into a window of 16384" % got)
    expect_equal(result.totals["reset"], 1, "reset")


@case(seconds=30)
def never_read_closes_in_order_when_all_fitted(net):
    server = net.serve(listen=LISTEN)
    sock = net.connect(9)
    sock.sendall(pattern(5000))
    sock.shutdown(socket.SHUT_WR)
    expect_equal(read_all(sock), b"", "what never-read answered")
    sock.close()
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def never_read_closes_first_when_told_to(net):
    server = net.serve("--close", "server", listen=LISTEN)
    sock = net.connect(9)
    expect_equal(read_all(sock), b"", "what never-read answered")
    sock.sendall(pattern(5000))
    sock.close()
    expect_closed_by_us(net, server)


@case(seconds=30)
def hold_stays_in_close_wait_for_the_time_set(net):
    server = net.serve("--hold", "1500ms", listen=LISTEN)
    sock = net.connect(10)
    sock.sendall(pattern(3000))
    begin = time.monotonic()
    sock.shutdown(socket.SHUT_WR)
    wait_for_states(net, "fin-wait-2")
    expect_equal(read_all(sock), b"", "what hold answered")
    held = time.monotonic() - begin
    expect(1.4 < held < 6, "held for %.2f s" % held)
    sock.close()
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def hold_stays_established_when_it_closes_first(net):
    server = net.serve("--hold", "1500ms", "--close", "server", listen=LISTEN)
    begin = time.monotonic()
    sock = net.connect(10)
    expect_equal(read_all(sock), b"", "what hold answered")
    held = time.monotonic() - begin
    expect(1.4 < held < 6, "held for %.2f s" % held)
    sock.close()
    expect_closed_by_us(net, server)


@case(seconds=30)
def a_held_connection_may_be_reset(net):
    server = net.serve("--hold", "20s", listen=LISTEN)
    sock = net.connect(10)
    sock.shutdown(socket.SHUT_WR)
    wait_for_states(net, "fin-wait-2")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    other = net.connect(10)  # What held the first is free again.
    other.settimeout(0.3)
    try:
        other.recv(1)
        raise AssertionError("hold said or closed something")
    except socket.timeout:
        pass
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.totals["reset"], 1, "reset")


@case(seconds=60)
def load_at_close_first_that_closes_first(net):
    server, client = serve_and_load(net, 8, ["--response", "3000"], ["--close", "server"])
    server.expect_orderly(200)
    client.expect_orderly(200)
    expect_equal(server.counter("tw_entered"), 200, "TIME-WAITs of the server")
    expect_equal(client.counter("data_bytes_received"), 200 * 3000, "bytes received")


@case(seconds=60)
def load_at_close_first_that_closes_too(net):
    server, client = serve_and_load(net, 8, ["--response", "3000"],
                                    ["--request", "100", "--close", "client"])
    server.expect_orderly(200)
    client.expect_orderly(200)
    expect_equal(server.counter("data_bytes_received"), 200 * 100, "bytes received")
    expect_equal(client.counter("data_bytes_received"), 200 * 3000, "bytes received")


@case(seconds=60)
def load_at_never_read_with_the_client_closing_first(net):
    server, client = serve_and_load(net, 9, [], ["--request", "1000", "--close", "client"])
    server.expect_orderly(200)
    client.expect_orderly(200)
    expect_equal(client.counter("tw_entered"), 200, "TIME-WAITs of the client")


@case(seconds=60)
def load_at_never_read_with_the_server_closing_first(net):
    server, client = serve_and_load(net, 9, ["--close", "server"],
                                    ["--request", "1000", "--close", "server"])
    server.expect_orderly(200)
    client.expect_orderly(200)
    expect_equal(server.counter("tw_entered"), 200, "TIME-WAITs of the server")


@case(seconds=60)
def load_at_hold_with_the_client_closing_first(net):
    begin = time.monotonic()
    server, client = serve_and_load(net, 10, ["--hold", "200ms"], ["--close", "client"], 100)
    expect(time.monotonic() - begin > 2, "ten times ten held for 200 ms take at least 2 s")
    server.expect_orderly(100)
    client.expect_orderly(100)
    expect_equal(client.counter("tw_entered"), 100, "TIME-WAITs of the client")


@case(seconds=60)
def load_at_hold_with_the_server_closing_first(net):
    begin = time.monotonic()
    server, client = serve_and_load(net, 10, ["--hold", "200ms", "--close", "server"],
                                    ["--close", "server"], 100)
    expect(time.monotonic() - begin > 2, "ten times ten held for 200 ms take at least 2 s")
    server.expect_orderly(100)
    client.expect_orderly(100)
    expect_equal(server.counter("tw_entered"), 100, "TIME-WAITs of the server")
