# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Large transfers each way with nft-made loss of 0, 1 and 10 %, compared by hash: a body that serve
sends, and what a kernel sends to echo and gets back.

The sizes are small, for a test; HC_TRANSFER_BYTES asks for another size in every case, as
scripts/transfer.sh does, HC_TRANSFER_RTO_MIN for another shortest retransmission timeout of both ends
in ms, and HC_TRANSFER_FIGURES names a file that gets a line about each."""

import hashlib
import os
import threading
import time

from faults import lose
from harness import case, expect, expect_equal

LINE = b" abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345\n"
BODY = b"".join(b"%04d" % (number % 10000) + LINE for number in range(1024))
PIECE = 1 << 20
SECONDS = 7200  # run.py ends a case that takes longer; meson's limit is for all.


def size_of(usual):
    return int(os.environ.get("HC_TRANSFER_BYTES", usual))


def hash_of_body(size):
    digest = hashlib.sha256()
    block = BODY * (PIECE // len(BODY))
    for _ in range(size // PIECE):
        digest.update(block)
    digest.update(block[:size % PIECE])
    return digest.hexdigest()


def tell(what, per_mille, size, seconds, counters):
    path = os.environ.get("HC_TRANSFER_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.write("%-28s %4.1f %% lost %11d bytes %8.2f s %8.2f MB/s  %s\n" % (
                what, per_mille / 10, size, seconds, size / seconds / 1e6, counters))


def start(net, per_mille):
    rto_min = os.environ.get("HC_TRANSFER_RTO_MIN", "200")
    server = net.serve("--drain", "60s", "--data-retries", 30, "--response", 64,
                       "--rto-min", rto_min)
    net.run("ip", "route", "change", "10.0.0.0/24", "dev", "hc0", "rto_min", rto_min + "ms")
    # Losses are of packets, and so are the kernel's: no bundles of many that are lost as one.
    net.run("ethtool", "-K", "hc0", "gso", "off", "gro", "off")
    net.set_sysctl("net/ipv4/tcp_early_retrans", "3")
    if per_mille:
        lose(net, per_mille)
    return server


def finish(server, what, per_mille, size, seconds):
    result = server.stop(75)
    result.expect_balanced()
    expect_equal(result.totals["reset"], 0, "reset")
    names = ("rtx_data", "rtx_fast", "rtx_timeouts", "tcp_out_of_order")
    tell(what, per_mille, size, seconds,
         " ".join("%s %d" % (name, result.counters.get(name, 0)) for name in names))
    if per_mille and size >= 1 << 20:  # Of less it may be that nothing is lost.
        expect(result.totals["retransmitted_segments"] > 0, "nothing was sent again")


def hash_of_answer(sock, size):
    """The digest of the last `size` bytes until the FIN, behind an HTTP head."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = sock.recv(65536)
        expect(piece, "the answer ended in its head: %r" % head)
        head += piece
    body = head.partition(b"\r\n\r\n")[2]
    digest = hashlib.sha256(body)
    return digest, size - len(body)


def receive(sock, digest, left):
    room = bytearray(PIECE)
    while True:
        got = sock.recv_into(room)
        if not got:
            return left
        left -= got
        digest.update(memoryview(room)[:got])


def we_send(net, per_mille, usual):
    size = size_of(usual)
    server = start(net, per_mille)
    begin = time.monotonic()
    sock = net.connect(80, seconds=120)
    sock.sendall(b"GET /%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % size)
    digest, left = hash_of_answer(sock, size)
    left = receive(sock, digest, left)
    seconds = time.monotonic() - begin
    expect_equal(left, 0, "bytes missing of %d" % size)
    expect_equal(digest.hexdigest(), hash_of_body(size), "the hash of what came")
    sock.close()
    finish(server, "serve to this kernel", per_mille, size, seconds)


def they_send(net, per_mille, usual):
    size = size_of(usual)
    server = start(net, per_mille)
    sock = net.connect(7, seconds=120)
    block = os.urandom(PIECE - 1)  # What stands still in it moves against every power of two.
    failures = []

    def send():
        left = size
        try:
            while left:
                part = block[:left]
                sock.sendall(part)
                left -= len(part)
            sock.shutdown(1)
        except OSError as error:
            failures.append(error)
    begin = time.monotonic()
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    digest = hashlib.sha256()
    left = receive(sock, digest, size)
    seconds = time.monotonic() - begin
    thread.join(10)
    expect(not failures, "sending met %r" % failures)
    expect_equal(left, 0, "bytes missing of %d" % size)
    want = hashlib.sha256()
    for at in range(0, size, len(block)):
        want.update(block[:size - at])
    expect_equal(digest.hexdigest(), want.hexdigest(), "the hash of what came back")
    sock.close()
    finish(server, "this kernel to echo and back", per_mille, size, seconds)


@case(seconds=SECONDS)
def we_send_and_nothing_is_lost(net):
    we_send(net, 0, 64 << 20)


@case(seconds=SECONDS)
def we_send_and_a_hundredth_is_lost(net):
    we_send(net, 10, 2 << 20)


@case(seconds=SECONDS)
def we_send_and_a_tenth_is_lost(net):
    we_send(net, 100, 60 << 10)


@case(seconds=SECONDS)
def they_send_and_nothing_is_lost(net):
    they_send(net, 0, 32 << 20)


@case(seconds=SECONDS)
def they_send_and_a_hundredth_is_lost(net):
    they_send(net, 10, 1 << 20)


@case(seconds=SECONDS)
def they_send_and_a_tenth_is_lost(net):
    they_send(net, 100, 50 << 10)
