# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Frames a kernel would not send, over net_tap: each is dropped under its own name, answered if it
must be, and the server goes on as if nothing had happened. (Every field of every header is lied
about in the unit tests; here it is the way through a real port.)"""


import json
import re
import struct

from harness import KERNEL, OURS, case, expect, expect_equal, read_all
from rawpeer import ACK, BROADCAST, FIN, RST, SYN, RawConnection, RawPeer

OTHER_MAC = bytes.fromhex("020000000099")


def bad_frames(peer):
    """(counter, ethertype, payload, keywords of send_frame)."""
    syn = peer.tcp(41000, 80, SYN, seq=1)
    ip = peer.ip

    def arp(*args, **kwargs):
        return peer.arp(*args, **kwargs)
    yield "eth_not_for_us", 0x0800, ip(6, syn), {"dst": OTHER_MAC}
    yield "eth_bad_source", 0x0800, ip(6, syn), {"src": BROADCAST}
    yield "eth_unknown_type", 0x86dd, bytes(40), {}
    yield "eth_vlan", 0x8100, bytes(40), {}
    yield "arp_malformed", 0x0806, arp(1)[:27], {}
    yield "arp_malformed", 0x0806, arp(1, head=(1, 0x86dd, 6, 4)), {}
    yield "arp_malformed", 0x0806, arp(3), {}
    yield "arp_bad_sender", 0x0806, arp(1, sha=BROADCAST), {}
    yield "arp_not_for_us", 0x0806, arp(1, sha=OTHER_MAC, spa="10.0.0.98", tpa="10.0.0.99"), \
        {"dst": BROADCAST}
    yield "arp_conflict", 0x0806, arp(1, spa=OURS, tpa=OURS), {"dst": BROADCAST}
    yield "arp_unsolicited", 0x0806, arp(2, sha=OTHER_MAC, spa="10.0.0.97"), {}
    yield "ip_truncated", 0x0800, ip(6, syn)[:19], {}
    yield "ip_bad_version", 0x0800, ip(6, syn, version_ihl=0x65), {}
    yield "ip_bad_ihl", 0x0800, ip(6, syn, version_ihl=0x44), {}
    yield "ip_bad_ihl", 0x0800, ip(6, syn, version_ihl=0x4f), {}
    yield "ip_bad_length", 0x0800, ip(6, syn, total_len=19), {}
    yield "ip_bad_length", 0x0800, ip(6, syn, total_len=41), {}
    yield "ip_bad_csum", 0x0800, ip(6, syn, bad_checksum=True), {}
    for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "10.0.0.255", OURS):
        yield "ip_bad_source", 0x0800, \
            ip(6, peer.tcp(41000, 80, SYN, src=source), src=source), {}
    yield "ip_not_for_us", 0x0800, ip(6, peer.tcp(1, 80, SYN, dst="10.0.0.5"), dst="10.0.0.5"), {}
    yield "ip_fragment", 0x0800, ip(1, bytes(16), fragment=0x2000, dst="10.0.0.255"), \
        {"dst": BROADCAST}
    yield "ip_fragment_bad", 0x0800, ip(6, syn + bytes(3), fragment=0x2000), {}
    yield "ip_fragment_tiny", 0x0800, ip(6, syn[:16], fragment=0x2000), {}
    yield "ip_fragment_tiny", 0x0800, ip(6, syn, fragment=0x0001), {}
    yield "ip_unknown_proto", 0x0800, ip(17, bytes(8)), {}
    yield "icmp_truncated", 0x0800, ip(1, bytes(7)), {}
    yield "icmp_bad_csum", 0x0800, ip(1, peer.icmp(8, 0, bytes(12), bad_checksum=True)), {}
    yield "icmp_unknown", 0x0800, ip(1, peer.icmp(13, 0, bytes(16))), {}
    yield "icmp_source_quench", 0x0800, ip(1, peer.icmp(4, 0, bytes(32))), {}
    yield "icmp_no_connection", 0x0800, \
        ip(1, peer.icmp(3, 1, bytes(4) + ip(6, peer.tcp(80, 41000, SYN), src=OURS,
                                           dst=peer.address)[:28])), {}
    yield "icmp_not_unicast", 0x0800, \
        ip(1, peer.icmp(8, 0, bytes(12)), dst="10.0.0.255"), {"dst": BROADCAST}
    yield "tcp_truncated", 0x0800, ip(6, syn[:19]), {}
    yield "tcp_bad_offset", 0x0800, ip(6, peer.tcp(41000, 80, SYN, offset=4)), {}
    yield "tcp_bad_offset", 0x0800, ip(6, peer.tcp(41000, 80, SYN, offset=6)), {}
    yield "tcp_bad_csum", 0x0800, ip(6, peer.tcp(41000, 80, SYN, bad_checksum=True)), {}
    yield "tcp_bad_port", 0x0800, ip(6, peer.tcp(0, 80, SYN)), {}
    yield "tcp_bad_port", 0x0800, ip(6, peer.tcp(41000, 0, SYN)), {}
    yield "tcp_not_unicast", 0x0800, \
        ip(6, peer.tcp(41000, 80, SYN, dst="10.0.0.255"), dst="10.0.0.255"), {"dst": BROADCAST}
    yield "tcp_stray_rst", 0x0800, ip(6, peer.tcp(41000, 81, RST)), {}
    yield "tcp_listen_bad", 0x0800, ip(6, peer.tcp(41000, 80, 0)), {}


@case(seconds=30)
def each_bad_frame_is_dropped_by_name(net):
    server = net.serve()
    peer = RawPeer().resolve()
    expected = {}
    for counter, ethertype, payload, how in bad_frames(peer):
        expected[counter] = expected.get(counter, 0) + 1
        peer.send_frame(payload, ethertype, **how)
    # None of them is answered, with a SYN-ACK least of all, and a good SYN behind them is.
    peer.expect_silence()
    RawConnection(peer, 41001, 5001).open().send(RST)
    result = server.stop()
    result.expect_balanced()
    expect_equal({name: result.counter(name) for name in expected}, expected, "drops")
    expect_equal(result.counter("tx_rst"), 0, "RSTs sent")


@case(seconds=30)
def ip_options_are_skipped(net):
    server = net.serve()
    peer = RawPeer().resolve()
    for i, options in enumerate((b"\x01" * 4, b"\x07\x27\x04" + bytes(36) + b"\0",
                                 b"\x94\x04\0\0", b"\x44\xff\xff\xff")):
        sport = 42000 + i
        peer.send_frame(peer.ip(6, peer.tcp(sport, 5001, SYN, seq=7), options=options))
        peer.expect(SYN | ACK, dport=sport, ack=8)
        peer.send_tcp(sport, 5001, RST, seq=8)
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.counter("ip_options"), 4, "packets with IP options")
    expect_equal(result.counter("syn_reset"), 4, "half-open connections reset")


@case(seconds=30)
def tcp_options_are_not_trusted(net):
    server = net.serve()
    peer = RawPeer().resolve()
    hostile = (b"\x02\x00\x05\xb4", b"\x02\x01\x05\xb4", b"\x02\x28\x05\xb4", b"\x08\x0a\0\0",
               b"\x03\x03\xff\x01", b"\x02\x04\x00\x00", b"\xfe\x02\x01\x01", b"\x05\x00\x00\x00",
               b"\x00\xff\xff\xff", b"\x01\x01\x01\x02")
    for i, options in enumerate(hostile):
        conn = RawConnection(peer, 43000 + i, 7)
        conn.open(options=options)
        conn.send(ACK, b"hello")
        got = b""
        while len(got) < 5:
            segment = conn.peer.receive()
            expect(segment is not None, "no echo with options %r" % options)
            got += segment.payload
            conn.rcv_nxt = segment.seq + len(segment.payload)
        expect_equal(got, b"hello", "echo with options %r" % options)
        conn.send(FIN | ACK)
        while not segment.flags & FIN:
            segment = conn.peer.receive()
            expect(segment is not None, "no FIN with options %r" % options)
        conn.rcv_nxt = segment.seq + 1
        conn.send(ACK)
    result = server.stop()
    result.expect_orderly(len(hostile))
    expect(result.counter("tcp_bad_option") >= 5, "segments with a malformed option")


@case(seconds=30)
def a_checksum_that_comes_to_zero_is_sent_as_zero(net):
    """Not as 0xffff, which is as good to who adds it up, and no sum that anything comes to."""
    server = net.serve()
    conn = RawConnection(RawPeer().resolve(), 44000, 7).open()
    word = 0x2020
    sums = []
    for _ in range(6):
        conn.send(ACK, struct.pack("!H", word))
        echo = conn.expect(ACK)
        while not echo.payload:
            echo = conn.expect(ACK)
        sums.append(echo.csum)
        # The next echo is this one with SEQ and ACK 2 further, if its window is the same.
        word = (word + echo.csum - 4) % 0xffff
    conn.send(RST)
    result = server.stop()
    result.expect_balanced()
    expect(0 in sums and 0xffff not in sums, "checksums of echoes: %s" % sums)
    expect_equal(result.json["environment"]["ports"][0]["has_tx_csum"], False, "has_tx_csum")


@case(seconds=30)
def a_ping_in_fragments_is_answered_in_fragments(net):
    server = net.serve()
    for size, pieces in (("1472", 1), ("1473", 2), ("4000", 3), ("65507", 45)):
        said = net.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-s", size, OURS)
        expect("2 received" in said and "wrong data" not in said and "truncated" not in said, said)
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.counter("rx_reassembled"), 6, "datagrams put together")
    expect_equal(result.counter("rx_fragment"), 2 * (2 + 3 + 45), "fragments in")
    expect_equal(result.counter("tx_fragments"), 2 * (2 + 3 + 45), "fragments out")


def tx_dropped(net):
    link = json.loads(net.run("ip", "-s", "-j", "link", "show", "hc0"))[0]
    return link["stats64"]["tx"]["dropped"]


@case(seconds=40)
def a_flood_of_syns_leaves_room_for_others(net):
    server = net.serve()
    peer = RawPeer().resolve()
    lost = tx_dropped(net)
    for i in range(3000):
        peer.send_tcp(10000 + i, 5001, SYN, seq=i)
    sock = net.connect(80)
    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    expect(read_all(sock).startswith(b"HTTP/1.1 200 "), "answer")
    sock.close()
    # What the queue of the TAP could not hold never reached us.
    lost = tx_dropped(net) - lost
    result = server.stop()
    result.expect_balanced()
    again = net.kernel()["TcpRetransSegs"]  # The kernel's own, if the queue lost one.
    taken = lost + result.counter("conn_opened_passive") + result.counter("tcp_syn_backlog") + \
        result.counter("tcp_syn_no_memory")
    expect(3001 <= taken <= 3001 + again, "SYNs taken, refused by name or lost: %d, and the kernel "
           "repeated %d" % (taken, again))
    expect_equal(result.totals["closed"], 1, "closed")


@case(seconds=30)
def an_address_conflict_is_counted(net):
    server = net.serve()
    peer = RawPeer(address="10.0.0.78").resolve()
    for _ in range(3):
        peer.send_frame(peer.arp(1, spa=OURS, tpa=KERNEL), 0x0806, dst=BROADCAST)
    net.run("ping", "-n", "-c", "1", "-W", "2", OURS, code=None)
    result = server.stop()
    result.expect_balanced()
    expect(result.counter("arp_conflict") >= 3, "conflicts")


@case(seconds=60)
def an_address_that_another_host_has_is_not_taken(net):
    net.make_tap(OURS)
    load = net.load("--arp-probe", "on", "--connections", 1, target=KERNEL + ":80",
                    local=OURS + "/24")
    expect_equal(load.wait(30), 3, "exit code")
    expect(re.search(OURS + " is in use by ([0-9a-f]{2}:){5}", load.report()), "who has it")


@case(seconds=30)
def data_out_of_order_is_put_in_order(net):
    server = net.serve()
    conn = RawConnection(RawPeer().resolve(), 44000, 7).open()
    first, second = conn.snd_nxt, conn.snd_nxt + 5
    conn.send(ACK, b"world", seq=second)
    conn.expect(ACK)
    conn.send(ACK, b"hello", seq=first)
    got = b""
    while len(got) < 10:
        segment = conn.peer.receive()
        expect(segment is not None, "echo ended with %r" % got)
        expect_equal(segment.seq, (conn.rcv_nxt + len(got)) & 0xffffffff, "sequence number")
        got += segment.payload
    expect_equal(got, b"helloworld", "echo")
    conn.snd_nxt, conn.rcv_nxt = second + 5, conn.rcv_nxt + 10
    # An old duplicate is answered and not echoed.
    conn.send(ACK, b"hello", seq=first)
    conn.expect(ACK)
    conn.send(RST)
    result = server.stop()
    result.expect_balanced()
    expect_equal(result.counter("rx_tcp_held"), 1, "segments out of order")
    expect_equal(result.counter("data_bytes_received"), 10, "bytes received")


@case(seconds=30)
def a_zero_window_is_probed(net):
    server = net.serve()
    conn = RawConnection(RawPeer().resolve(), 44001, 7).open()
    conn.send(ACK, b"hello", wnd=0)
    # Acknowledged, not echoed: there is no window. Then the persist timer asks.
    segment = conn.peer.receive()
    expect(segment is not None and not segment.payload, "echo into a closed window: %s" %
           (segment,))
    probe = conn.peer.receive(5)
    expect(probe is not None, "no probe of the zero window")
    conn.send(ACK, wnd=1000)
    got = probe.payload
    while len(got) < 5:
        segment = conn.peer.receive()
        expect(segment is not None, "no echo once the window is open")
        if segment.payload:
            got = got + segment.payload if segment.seq != probe.seq else segment.payload
    expect_equal(got, b"hello", "echo")
    conn.send(RST, seq=conn.snd_nxt)
    result = server.stop()
    result.expect_balanced()
    expect(result.counter("persist_probes") >= 1, "probes counted")
