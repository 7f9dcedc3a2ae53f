# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Every way a connection opens and ends, over net_tap: with this kernel where it can be brought to
it, with segments by hand (rawpeer.py) where it cannot."""

import errno
import socket
import time

from harness import (OURS, case, expect, expect_equal, pattern, read_all, wait_until)
from load import serve_sockets
from rawpeer import ACK, FIN, RST, SYN, RawConnection, RawPeer

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@case(seconds=30)
def the_kernel_closes_its_half_and_reads_on(net):
    server = net.serve()
    data = pattern(48000)
    sock = net.connect(7)
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    expect(read_all(sock) == data, "what came back after our half close differs")
    sock.close()
    server.stop().expect_orderly(1)
    net.expect_kernel_clean()


@case(seconds=30)
def we_close_our_half_and_the_kernel_writes_on(net):
    server = net.serve()
    # After a request it cannot understand the server sends its FIN and reads on.
    bad = b"\0\r\n\r\n"
    sock = net.connect(80)
    sock.sendall(bad)
    expect(read_all(sock).startswith(b"HTTP/1.1 400 "), "answer")
    expect(net.sockets("close-wait"), "the kernel was to be in CLOSE-WAIT")
    for _ in range(3):
        sock.sendall(pattern(10000))
        time.sleep(0.1)
    sock.close()
    wait_until(lambda: not net.sockets("last-ack"), 5, "the ACK of the kernel's FIN")
    result = server.stop()
    result.expect_orderly(1)
    expect_equal(result.counter("data_bytes_received"), len(bad) + 30000, "bytes received")
    net.expect_kernel_clean()


@case(seconds=30)
def data_for_a_client_that_has_closed_is_reset(net):
    net.make_tap(OURS)
    listener = net.listener()

    def handle(sock):
        read_all(sock)
        sock.sendall(b"too late")
        # RFC 9293 3.6.1: the client's application has closed, so nobody would read this.
        wait_until(lambda: not net.sockets("close-wait"), 5, "the RST")
    thread, failures = serve_sockets(listener, 1, handle)
    load = net.load("--connections", 1, "--close", "client")
    result = load.finish(code=None)
    thread.join(5)
    expect(not failures, "the server met %r" % failures)
    result.expect_balanced()
    expect_equal((result.counter("tcp_data_after_close"), result.counter("tx_rst")), (1, 1),
                 "segments with data after close, RSTs")


@case(seconds=30)
def close_wait_is_held_while_data_waits(net):
    server = net.serve()
    data = pattern(60000)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(10)
    sock.connect((OURS, 7))
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
    # The echo does not fit into the peer's window, so the server stays in CLOSE-WAIT.
    wait_until(lambda: net.sockets("fin-wait-2"), 5, "the ACK of the kernel's FIN")
    time.sleep(1)
    expect(net.sockets("fin-wait-2"), "the server closed before its data was read")
    expect(read_all(sock) == data, "what came back differs")
    sock.close()
    result = server.stop()
    result.expect_balanced()
    expect_equal((result.totals["closed"], result.totals["reset"]), (1, 0), "closed, reset")
    net.expect_kernel_clean()


@case(seconds=30)
def fin_wait_2_ends_when_the_peer_never_closes(net):
    net.make_tap(OURS)
    listener = net.listener()

    def handle(sock):
        read_all(sock)
        time.sleep(2)
    serve_sockets(listener, 1, handle)
    load = net.load("--connections", 1, "--close", "client", "--fin-wait2", 500)
    result = load.finish(code=None)
    result.expect_balanced()
    expect_equal(result.counter("conn_fin_wait2_expired"), 1, "FIN-WAIT-2 expired")


@case(seconds=30)
def both_close_at_once_with_the_kernel(net):
    server = net.serve("--response", "10")
    net.run("nft", "add table ip t; add chain ip t in { type filter hook input priority 0; }; "
            "add rule ip t in tcp sport 80 tcp flags & fin == fin drop")
    sock = net.connect(80)
    sock.sendall(GET)
    time.sleep(0.1)
    # The server's FIN is lost on its way; this one reaches it in FIN-WAIT-1.
    sock.shutdown(socket.SHUT_WR)
    time.sleep(0.1)
    net.run("nft", "flush", "chain", "ip", "t", "in")
    expect(read_all(sock).startswith(b"HTTP/1.1 200 "), "answer")
    sock.close()
    wait_until(lambda: not net.sockets("closing") and not net.sockets("fin-wait-1"), 5,
               "the kernel's end")
    result = server.stop()
    result.expect_balanced()
    expect_equal((result.totals["closed"], result.totals["reset"]), (1, 0), "closed, reset")
    expect_equal(result.counter("tw_entered"), 1, "TIME-WAITs: CLOSING leads there")
    net.expect_kernel_clean(but=("TcpExtTCPTimeouts", "TcpRetransSegs", "TcpExtTCPACKSkippedFinWait2",
                                 "TcpExtTCPACKSkippedTimeWait"))


@case(seconds=30)
def both_close_at_once_segment_by_segment(net):
    server = net.serve("--response", "10")
    conn = RawConnection(RawPeer().resolve(), 40000, 80).open()
    conn.send(ACK, GET)
    data = b""
    while True:
        segment = conn.peer.receive()
        expect(segment is not None, "no response")
        data += segment.payload
        if segment.flags & FIN:
            break
    conn.rcv_nxt = segment.seq + len(segment.payload)
    expect(data.startswith(b"HTTP/1.1 200 "), "answer %r" % data)
    # The FINs cross: ours acknowledges the data alone.
    conn.send(FIN | ACK)
    conn.expect(ACK, seq=conn.rcv_nxt + 1)
    conn.send(ACK, ack=conn.rcv_nxt)
    result = server.stop()
    result.expect_balanced()
    expect_equal((result.totals["closed"], result.counter("tw_entered")), (1, 1),
                 "closed, TIME-WAITs")
    expect_equal(result.counter("tx_rst"), 0, "tx_rst")


@case(seconds=30)
def four_segments_and_three(net):
    server = net.serve()
    conn = RawConnection(RawPeer().resolve(), 40001, 5001).open()
    conn.send(FIN | ACK)
    conn.expect(ACK)
    conn.expect(FIN | ACK)
    conn.send(ACK)
    server.stop().expect_orderly(1)

    server = net.start("serve", "--port", "tap:hc1", "--local", "10.0.1.1/24", "--listen",
                       "5001:accept", "--close-method", "three-way")
    net.await_interface("hc1", server)
    net.configure("hc1", "10.0.1.2")
    peer = RawPeer("hc1", "10.0.1.77", "10.0.1.1").resolve()
    conn = RawConnection(peer, 40002, 5001).open()
    conn.send(FIN | ACK)
    conn.expect(FIN | ACK)
    conn.send(ACK)
    server.stop().expect_orderly(1)


@case(seconds=30)
def simultaneous_open(net):
    net.make_tap("10.0.0.3")
    peer = RawPeer(ours="10.0.0.2")
    load = net.load("--connections", 1, "--close", "client", target="10.0.0.77:80")
    syn = peer.expect(SYN, seconds=15)
    conn = RawConnection(peer, 80, syn.sport, iss=1000)
    # Our SYN crosses theirs; the SYN-ACK acknowledges it with the first sequence number again.
    conn.send(SYN)
    conn.expect(SYN | ACK, seq=syn.seq)
    conn.send(SYN | ACK, seq=1000)
    conn.send(ACK)
    # ESTABLISHED at both ends: it closes.
    segment = peer.receive()
    while segment is not None and segment.flags == ACK:
        segment = peer.receive()
    expect(segment is not None and segment.flags & FIN, "expected a FIN, got %s" % (segment,))
    conn.rcv_nxt = segment.seq + 1
    conn.send(FIN | ACK)
    conn.expect(ACK)
    load.finish().expect_orderly(1)


@case(seconds=30)
def an_old_duplicate_in_syn_sent_is_answered_with_rst(net):
    net.make_tap("10.0.0.3")
    peer = RawPeer(ours="10.0.0.2")
    load = net.load("--connections", 1, "--close", "client", target="10.0.0.77:80")
    syn = peer.expect(SYN, seconds=15)
    conn = RawConnection(peer, 80, syn.sport, iss=5000)
    # RFC 9293 3.5, figure 8: an ACK of something else is reset, and the SYN stands.
    conn.send(ACK, ack=syn.seq + 1000)
    peer.expect(RST, seq=syn.seq + 1000)
    conn.rcv_nxt = syn.seq + 1
    conn.send(SYN | ACK)
    conn.expect(ACK)
    conn.expect(FIN | ACK)
    conn.send(FIN | ACK)
    conn.expect(ACK)
    result = load.finish()
    result.expect_balanced()
    expect_equal(result.totals["closed"], 1, "closed")


@case(seconds=30)
def a_refused_port_of_ours(net):
    server = net.serve()
    for port in (81, 82, 65535):
        try:
            net.connect(port)
            raise AssertionError("port %d accepted" % port)
        except OSError as error:
            expect_equal(error.errno, errno.ECONNREFUSED, "port %d" % port)
    result = server.stop()
    result.expect_balanced()
    expect_equal((result.counter("tcp_no_connection"), result.counter("tx_rst")), (3, 3),
                 "segments for no connection, RSTs")


@case(seconds=30)
def a_refused_port_of_the_kernel(net):
    net.make_tap(OURS)
    load = net.load("--connections", 20, "--concurrency", 5, target=OURS + ":81")
    result = load.finish(code=1)
    result.expect_balanced()
    t = result.totals
    expect_equal((t["opened"], t["failed"], t["failed_by"]["refused"]), (20, 20, 20),
                 "opened, failed, refused")


@case(seconds=30)
def the_peer_resets_an_established_connection(net):
    server = net.serve()
    sock = net.connect(5001)
    # Linger of 0: close() sends RST.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()
    result = server.stop()
    result.expect_balanced()
    t = result.totals
    expect_equal((t["established"], t["reset"], t["closed"]), (1, 1, 0),
                 "established, reset, closed")
    expect_equal(result.counter("conn_reset_in"), 1, "resets taken in")


@case(seconds=30)
def rst_and_syn_in_the_window_are_challenged(net):
    server = net.serve()
    conn = RawConnection(RawPeer().resolve(), 40003, 5001).open()
    # RFC 5961 3.2: in the window, not at its edge.
    conn.send(RST, seq=conn.snd_nxt + 10)
    conn.expect(ACK)
    # Outside: ignored.
    conn.send(RST, seq=conn.snd_nxt - 10)
    conn.peer.expect_silence()
    # RFC 5961 4.2.
    conn.send(SYN, seq=conn.snd_nxt + 10)
    conn.expect(ACK)
    # Right at the edge: taken.
    conn.send(RST)
    conn.peer.expect_silence()
    result = server.stop()
    result.expect_balanced()
    expect_equal([result.counter(n) for n in ("tcp_rst_challenged", "tcp_rst_out_of_window",
                                              "tcp_syn_challenged", "conn_reset_in")],
                 [1, 1, 1, 1], "challenged RST, RST outside, challenged SYN, reset")


@case(seconds=30)
def time_wait_answers_an_old_fin_again(net):
    server = net.serve("--response", "10")
    conn = RawConnection(RawPeer().resolve(), 40004, 80).open()
    conn.send(ACK, GET)
    segment = conn.peer.receive()
    while segment is not None and not segment.flags & FIN:
        segment = conn.peer.receive()
    expect(segment is not None, "no FIN")
    conn.rcv_nxt = segment.seq + len(segment.payload) + 1
    fin = conn.snd_nxt
    conn.send(FIN | ACK)
    conn.expect(ACK)
    # Our FIN again, as if the ACK was lost; then a RST, which RFC 1337 has TIME-WAIT ignore.
    conn.send(FIN | ACK, seq=fin)
    conn.expect(ACK)
    conn.send(RST, seq=conn.snd_nxt)
    conn.peer.expect_silence()
    conn.send(FIN | ACK, seq=fin)
    conn.expect(ACK)
    result = server.stop()
    result.expect_orderly(1)
    expect_equal((result.counter("tw_restarted"), result.counter("tcp_time_wait_old")), (2, 1),
                 "TIME-WAITs begun anew, RSTs ignored")
