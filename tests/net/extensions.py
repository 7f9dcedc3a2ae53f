# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""What is off by default, with a kernel that has it: ECN (RFC 3168), Fast Open (RFC 7413), and
segments that the port cuts."""

import hashlib
import socket
import threading

from harness import OURS, case, expect, expect_equal, pattern, read_all

BODY = 8 << 20
MSG_FASTOPEN = 0x20000000
TCP_FASTOPEN = 23


def echo(sock, length):
    """What comes back of so many bytes, sent while it is read."""
    data = pattern(length)
    sender = threading.Thread(target=lambda: (sock.sendall(data), sock.shutdown(socket.SHUT_WR)))
    sender.start()
    expect_equal(hashlib.sha256(read_all(sock)).hexdigest(), hashlib.sha256(data).hexdigest(),
                 "the hash of what came back")
    sender.join()


@case(seconds=60)
def the_kernel_agrees_on_ecn(net):
    net.set_sysctl("net/ipv4/tcp_ecn", "1")
    server = net.serve("--ecn", "on", listen="7:echo")
    sock = net.connect(7, seconds=30)
    echo(sock, 1 << 20)
    sock.close()
    result = server.stop()
    result.expect_orderly(1)
    expect_equal(result.counter("ecn_negotiated"), 1, "connections with ECN")
    expect(net.kernel()["IpExtInECT0Pkts"] > 500, "our data did not come as ECT(0)")
    net.expect_kernel_clean()


@case(seconds=60)
def a_client_asks_the_kernel_for_ecn(net):
    net.make_tap(OURS)
    net.set_sysctl("net/ipv4/tcp_ecn", "1")
    net.nginx()
    result = net.load("--connections", 50, "--request", "http", "--close", "server", "--ecn",
                      "on").finish(30)
    result.expect_orderly(50)
    expect_equal(result.counter("ecn_negotiated"), 50, "connections with ECN")
    expect(net.kernel()["IpExtInECT0Pkts"] >= 50, "our requests did not come as ECT(0)")
    net.expect_kernel_clean()


@case(seconds=60)
def the_kernel_opens_with_data_on_its_syn(net):
    net.set_sysctl("net/ipv4/tcp_fastopen", "1")
    server = net.serve("--fast-open", "on", listen="7:echo")
    for i in range(4):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.sendto(b"hello", MSG_FASTOPEN, (OURS, 7))
        sock.settimeout(10)
        sock.shutdown(socket.SHUT_WR)
        expect_equal(read_all(sock), b"hello", "echo %d" % i)
        sock.close()
    result = server.stop()
    result.expect_orderly(4)
    # The first one asks for the cookie.
    expect_equal((result.counter("fastopen_cookies_sent"), result.counter("fastopen_accepted")),
                 (1, 3), "cookies given, and taken")
    expect_equal(net.kernel()["TcpExtTCPFastOpenActive"], 3, "what the kernel says of it")
    net.expect_kernel_clean()


@case(seconds=60)
def a_client_opens_with_its_request_on_the_syn(net):
    net.make_tap(OURS)
    net.set_sysctl("net/ipv4/tcp_fastopen", "2")
    sock = net.listener()
    sock.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)

    def answer():
        for _ in range(10):
            peer, _ = sock.accept()
            expect_equal(len(peer.recv(1000)), 100, "the request")
            peer.sendall(pattern(50))
            peer.close()

    server = threading.Thread(target=answer, daemon=True)
    server.start()
    result = net.load("--connections", 10, "--concurrency", 1, "--request", 100, "--response", 50,
                      "--close", "server", "--fast-open", "on").finish(30)
    server.join(10)
    result.expect_orderly(10)
    expect_equal((result.counter("fastopen_syn_data"), result.counter("fastopen_taken")), (9, 9),
                 "SYNs with data, and those taken")
    expect_equal(net.kernel()["TcpExtTCPFastOpenPassive"], 9, "what the kernel says of it")
    net.expect_kernel_clean()


@case(seconds=90)
def bulk_data_is_the_same_when_the_port_cuts_it(net):
    hashes = {}
    server = net.serve("--response", BODY, "--snd-buf", "1M")
    for tso in ("on", "off"):
        if tso == "off":
            server = net.serve("--response", BODY, "--snd-buf", "1M", "--tso", "off")
        page = net.run("curl", "-sS", "-o", str(net.folder / tso), "-w",
                       "%{http_code} %{size_download}", "http://10.0.0.1/", seconds=60)
        expect_equal(page, "200 %d" % BODY, "status and length")
        hashes[tso] = hashlib.sha256((net.folder / tso).read_bytes()).hexdigest()
        result = server.stop()
        result.expect_orderly(1)
        port = result.json["environment"]["ports"][0]
        expect_equal((port["has_tso"], result.counter("tx_cut") > 100), (tso == "on", tso == "on"),
                     "whether the port cuts")
        # Segments are counted, not frames.
        expect(result.counter("tx_packets") >= BODY // 1460, "%d packets sent" %
               result.counter("tx_packets"))
    expect_equal(hashes["on"], hashes["off"], "hash")
    net.expect_kernel_clean()
