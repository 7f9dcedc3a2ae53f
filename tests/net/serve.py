# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""handclasp serve over net_tap; the clients are curl, ab, wrk, ping and Python, in this kernel."""

import selectors
import socket
import time

from harness import (KERNEL, OURS, case, expect, expect_equal, pattern, read_all, wait_until)


@case(seconds=30)
def curl_gets_a_page(net):
    server = net.serve("--response", "1000")
    page = net.run("curl", "-sS", "-i", "http://10.0.0.1/")
    head, _, body = page.partition("\r\n\r\n")
    expect(head.startswith("HTTP/1.1 200 OK\r\n"), "status line: " + head)
    expect("content-length: 1000" in head.lower(), "header: " + head)
    expect_equal(len(body), 1000, "body")
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def curl_reuses_a_connection(net):
    server = net.serve()
    said = net.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n",
                   "http://10.0.0.1/a", "-o", "/dev/null", "http://10.0.0.1/b",
                   "-o", "/dev/null", "http://10.0.0.1/c")
    expect_equal(said.split(), ["200", "1", "200", "0", "200", "0"], "status and connects")
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def curl_asks_for_the_head_only(net):
    server = net.serve("--response", "777")
    head = net.run("curl", "-sS", "-I", "http://10.0.0.1/")
    expect(head.startswith("HTTP/1.1 200 OK\r\n"), "status line: " + head)
    expect("content-length: 777" in head.lower(), "header: " + head)
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def a_body_of_64_kib_arrives_whole(net):
    server = net.serve("--response", "65536")
    for _ in range(5):
        said = net.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                       "http://10.0.0.1/")
        expect_equal(said, "200 65536", "status and length")
    server.stop().expect_orderly(5)
    net.expect_kernel_clean()


@case(seconds=30)
def a_bad_request_is_answered_with_400(net):
    server = net.serve()
    for request in (b"FOO BAR\r\n\r\n", b"GET\r\n\r\n", b"\x00\x01\x02\x03\r\n\r\n"):
        sock = net.connect(80)
        sock.sendall(request)
        answer = read_all(sock)
        expect(answer.startswith(b"HTTP/1.1 400 "), "answer to %r: %r" % (request, answer[:60]))
        sock.close()
    result = server.stop()
    result.expect_orderly(3)
    expect_equal((result.totals["requests"], result.totals["bad_requests"]), (0, 3),
                 "requests, bad requests")
    # The server turned idly before the first connection; that is no cost of these three.
    cost = result.json["cost"]
    expect(0 < cost["cpu_ns_per_connection"] <= 1.01 * cost["ns_per_connection"],
           "CPU time within the measured part: %s" % cost)
    net.expect_kernel_clean()


@case(seconds=30)
def a_request_in_single_bytes_is_understood(net):
    server = net.serve("--response", "10")
    sock = net.connect(80)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        sock.sendall(bytes([byte]))
    answer = read_all(sock)
    expect(answer.startswith(b"HTTP/1.1 200 "), "answer: %r" % answer[:60])
    expect_equal(len(answer.partition(b"\r\n\r\n")[2]), 10, "body")
    sock.close()
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=60)
def ab_with_a_connection_for_each_request(net):
    server = net.serve()
    said = net.run("ab", "-q", "-n", "3000", "-c", "32", "http://10.0.0.1/", seconds=50)
    expect("Complete requests:      3000" in said, said)
    expect("Failed requests:        0" in said, said)
    expect("Non-2xx" not in said, said)
    result = server.stop()
    result.expect_orderly()
    expect(3000 <= result.totals["opened"] <= 3032, "opened %d" % result.totals["opened"])
    net.expect_kernel_clean()


@case(seconds=60)
def ab_with_keep_alive(net):
    server = net.serve()
    said = net.run("ab", "-q", "-k", "-n", "5000", "-c", "16", "http://10.0.0.1/", seconds=50)
    expect("Complete requests:      5000" in said, said)
    expect("Failed requests:        0" in said, said)
    expect("Keep-Alive requests:    5000" in said, said)
    result = server.stop()
    # ab abandons the connections it has opened ahead at the end; how, is its own business.
    result.expect_balanced()
    expect_equal(result.totals["retransmitted_segments"], 0, "retransmitted")
    net.expect_kernel_clean(but=("TcpOutRsts", "TcpEstabResets", "TcpExtTCPAbortOnData",
                                 "TcpExtTCPAbortOnClose"))


@case(seconds=30)
def wrk_meets_no_error(net):
    # The kernel's side may stand still for longer than our least time-out on a busy machine.
    server = net.serve("--rto-min", "10s", "--rto-init", "10s")
    said = net.run("wrk", "-t", "1", "-c", "16", "-d", "2s", "http://10.0.0.1:80/")
    expect("Socket errors" not in said, said)
    expect("Non-2xx" not in said, said)
    result = server.stop()
    # When its time is up wrk leaves in the middle of responses, so its last connections are reset.
    result.expect_balanced()
    expect_equal(result.totals["retransmitted_segments"], 0, "retransmitted")
    net.expect_kernel_clean(but=("TcpOutRsts", "TcpEstabResets", "TcpExtTCPAbortOnData",
                                 "TcpExtTCPAbortOnClose"))


@case(seconds=30)
def echo_gives_back_what_it_gets(net):
    server = net.serve()
    lengths = (1, 2, 535, 536, 1459, 1460, 1461, 4096, 65535, 65536)
    for length in lengths:
        data = pattern(length)
        sock = net.connect(7)
        sock.sendall(data)
        got = bytearray()
        while len(got) < length:
            piece = sock.recv(65536)
            expect(piece, "echo ended after %d of %d bytes" % (len(got), length))
            got += piece
        expect(bytes(got) == data, "echo of %d bytes differs" % length)
        sock.close()
    server.stop().expect_orderly(len(lengths))
    net.expect_kernel_clean()


@case(seconds=60)
def echo_of_a_megabyte_to_a_slow_reader(net):
    server = net.serve()
    data = pattern(1 << 20)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.settimeout(20)
    sock.connect((OURS, 7))
    sock.setblocking(False)
    sent, got = 0, bytearray()
    poll = selectors.DefaultSelector()
    poll.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
    begin = time.monotonic()
    while len(got) < len(data):
        expect(time.monotonic() - begin < 40, "%d of %d bytes after 40 s" % (len(got), len(data)))
        for _, ready in poll.select(5):
            if ready & selectors.EVENT_WRITE:
                sent += sock.send(data[sent:sent + 65536])
            if ready & selectors.EVENT_READ:
                got += sock.recv(4096)
        if sent == len(data):
            poll.modify(sock, selectors.EVENT_READ)
    expect(bytes(got) == data, "echo differs")
    sock.close()
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.totals["reset"], 0, "reset")
    expect_equal(result.totals["closed"], 1, "closed")


@case(seconds=30)
def discard_swallows_a_megabyte(net):
    server = net.serve()
    sock = net.connect(9)
    sock.sendall(bytes(1 << 20))
    sock.shutdown(socket.SHUT_WR)
    expect_equal(read_all(sock), b"", "what discard answered")
    result = server.stop()
    result.expect_orderly(1)
    expect_equal(result.counter("data_bytes_received"), 1 << 20, "bytes received")
    net.expect_kernel_clean()


@case(seconds=30)
def accept_says_nothing_and_closes_when_the_peer_does(net):
    server = net.serve()
    sock = net.connect(5001)
    sock.settimeout(0.3)
    try:
        sock.recv(1)
        raise AssertionError("accept mode said or closed something")
    except socket.timeout:
        pass
    sock.settimeout(10)
    sock.shutdown(socket.SHUT_WR)
    expect_equal(read_all(sock), b"", "what accept answered")
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=60)
def five_hundred_connections_at_once(net):
    server = net.serve()
    socks = [net.connect(5001) for _ in range(500)]
    expect_equal(len(net.sockets("established")), 500, "established in the kernel")
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        expect_equal(read_all(sock), b"", "what accept answered")
        sock.close()
    server.stop().expect_orderly(500)
    net.expect_kernel_clean()


@case(seconds=30)
def connections_still_open_at_the_end_are_told_apart(net):
    server = net.serve("--drain", "0.1s")
    socks = [net.connect(5001) for _ in range(10)]
    for sock in socks[:4]:
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
    result = server.stop()
    result.expect_balanced()
    t = result.totals
    expect_equal((t["established"], t["closed"], t["live_at_end"]), (10, 4, 6),
                 "established, closed, live at the end")


@case(seconds=30)
def many_ports_and_an_end_by_duration(net):
    server = net.serve("--duration", "4s", listen="1000-1099:accept,80")
    for port in (80, 1000, 1050, 1099):
        sock = net.connect(port)
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)
        sock.close()
    server.finish().expect_orderly(4)
    net.expect_kernel_clean()


@case(seconds=60)
def two_workers_share_a_port_without_rss(net):
    server = net.serve("--cores", 2)
    said = net.run("ab", "-q", "-n", "1000", "-c", "16", "http://10.0.0.1/", seconds=50)
    expect("Failed requests:        0" in said, said)
    result = server.stop()
    result.expect_balanced()
    t = result.totals
    expect(t["established"] >= 1000, "established %d" % t["established"])
    expect_equal((t["closed"], t["reset"], t["retransmitted_segments"]), (t["established"], 0, 0),
                 "closed, reset, retransmitted")
    expect(result.counter("rx_redirected") > 100, "frames redirected")
    expect(result.counter("rx_from_workers") >= result.counter("rx_redirected"),
           "frames redirected, and copies of ARP, taken from the other worker")
    # A TAP learns the queue of a flow only after the kernel has answered our SYN-ACK. That ACK takes
    # the other queue and may be overtaken by the whole connection: it is then an old duplicate,
    # answered as such, and what it is answered with may find the kernel's socket gone. For the
    # same reason one of those that ab opens ahead and never uses may not come to be established.
    net.expect_kernel_clean(but=("TcpOutRsts",))


@case(seconds=30)
def ping_is_answered_at_every_size(net):
    server = net.serve()
    for size in (0, 1, 8, 56, 57, 1000, 1471, 1472):
        # Until three are answered, or ten seconds: with -W it would wait for two round trips only.
        said = net.run("ping", "-n", "-c", "3", "-i", "0.01", "-w", "10", "-s", size, OURS)
        expect(" 3 received" in said, said)
        expect("wrong data" not in said, said)
    result = server.stop()
    result.expect_balanced()
    expect(result.counter("icmp_echo_replies") >= 24, "echo replies counted")
    net.expect_kernel_clean()


@case(seconds=30)
def a_new_syn_ends_our_time_wait(net):
    server = net.serve("--time-wait", "60000")
    for _ in range(20):
        # The server closes first, so that TIME-WAIT is ours and the kernel may use the port again.
        sock = net.connect(80, source=34567)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        expect(read_all(sock).startswith(b"HTTP/1.1 200 "), "answer")
        sock.close()
        wait_until(lambda: not net.sockets("last-ack"), 5, "the last ACK")
    result = server.stop()
    result.expect_orderly(20)
    expect_equal(result.counter("tw_reused"), 19, "TIME-WAITs reused")
    net.expect_kernel_clean()


@case(seconds=30)
def addresses_are_announced_and_answered_in_arp(net):
    server = net.serve()
    neighbours = net.run("ip", "neigh", "show", "dev", "hc0")
    expect(OURS in neighbours and "lladdr" in neighbours, neighbours)
    net.run("ip", "neigh", "flush", "dev", "hc0")
    net.run("ping", "-n", "-c", "1", "-W", "2", OURS)
    # Nobody else's address is answered for.
    net.run("ping", "-n", "-c", "1", "-W", "1", "10.0.0.77", code=1)
    result = server.stop()
    result.expect_balanced()
    expect(result.counter("arp_replies_sent") >= 1, "ARP replies counted")
    expect(result.counter("arp_requests_sent") >= 1, "the announcement at start")
    expect_equal(KERNEL, "10.0.0.2", "the kernel's address")
