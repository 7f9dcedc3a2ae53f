#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Writes the seeds of the fuzz targets: make_corpus.py DIR fills DIR/parse with one file per kind of frame, and
DIR/fragment, DIR/icmp and DIR/stack with short scripts, in the order in which those targets take their bytes.

Every seed is right in all its lengths and checksums, so that the fuzzer starts behind them.
"""

import pathlib
import struct
import sys

OURS = bytes.fromhex("020000000001")
PEER = bytes.fromhex("020000000002")
LOCAL = bytes([10, 0, 0, 1])
REMOTE = bytes([10, 0, 0, 2])
TIMESTAMPS = bytes([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
SYN, ACK, FIN, RST = 2, 16, 1, 4


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload: bytes, ethertype: int = 0x0800, dst: bytes = OURS) -> bytes:
    return dst + PEER + struct.pack("!H", ethertype) + payload


def ipv4(payload: bytes, proto: int, options: bytes = b"", dst: bytes = LOCAL, ttl: int = 64) -> bytes:
    def header(csum: int) -> bytes:
        ihl = 5 + len(options) // 4
        return struct.pack("!BBHHHBBH", 4 << 4 | ihl, 0, 4 * ihl + len(payload), 1, 0x4000, ttl, proto,
                           csum) + REMOTE + dst + options
    return header(checksum(header(0))) + payload


def tcp(flags: int, options: bytes = b"", payload: bytes = b"", dst: bytes = LOCAL) -> bytes:
    def segment(csum: int) -> bytes:
        return struct.pack("!HHIIBBHHH", 40000, 80, 0x01020304, 0x05060708, (5 + len(options) // 4) << 4, flags,
                           65535, csum, 0) + options + payload
    pseudo = REMOTE + dst + struct.pack("!BBH", 0, 6, 20 + len(options) + len(payload))
    return segment(checksum(pseudo + segment(0)))


def icmp_echo(data: bytes) -> bytes:
    def message(csum: int) -> bytes:
        return struct.pack("!BBHHH", 8, 0, csum, 7, 1) + data
    return message(checksum(message(0)))


def unreachable() -> bytes:
    quoted = ipv4(tcp(SYN), 6)[:28]

    def message(csum: int) -> bytes:
        return struct.pack("!BBHI", 3, 1, csum, 0) + quoted
    return message(checksum(message(0)))


def arp_request() -> bytes:
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + PEER + REMOTE + bytes(6) + LOCAL


def parse_seeds() -> dict[str, bytes]:
    linux_syn = bytes([2, 4, 5, 0xB4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7])
    broadcast = bytes([10, 0, 0, 255])
    return {
        "ack": ethernet(ipv4(tcp(ACK), 6)),
        "ack_timestamps": ethernet(ipv4(tcp(ACK, TIMESTAMPS), 6)),
        "arp_request": ethernet(arp_request(), 0x0806, b"\xff" * 6),
        "broadcast_syn": ethernet(ipv4(tcp(SYN, dst=broadcast), 6, dst=broadcast)),
        "data": ethernet(ipv4(tcp(ACK, TIMESTAMPS, b"GET / HTTP/1.1\r\n\r\n"), 6)),
        "echo": ethernet(ipv4(icmp_echo(bytes(range(56))), 1)),
        "fin_padded": ethernet(ipv4(tcp(FIN | ACK), 6)) + bytes(6),
        "ip_options": ethernet(ipv4(tcp(ACK), 6, options=bytes([7, 7, 4, 0, 0, 0, 0, 0]))),
        "rst": ethernet(ipv4(tcp(RST), 6)),
        "sack": ethernet(ipv4(tcp(ACK, TIMESTAMPS + bytes([1, 1, 5, 18]) + bytes(range(16))), 6)),
        "syn_fastopen": ethernet(ipv4(tcp(SYN, linux_syn + bytes([34, 10]) + bytes(range(8)) + bytes(2)), 6)),
        "syn_linux": ethernet(ipv4(tcp(SYN, linux_syn), 6)),
        "syn_ours": ethernet(ipv4(tcp(SYN, linux_syn[:4] + linux_syn[16:] + TIMESTAMPS), 6)),
        "ttl_zero": ethernet(ipv4(tcp(ACK), 6, ttl=0)),
        "udp": ethernet(ipv4(struct.pack("!HHHH", 1, 2, 8, 0), 17)),
        "unreachable": ethernet(ipv4(unreachable(), 1)),
    }


def piece(datagram: int, at: int, units: int, choice: int = 0x0C) -> bytes:
    """A fragment of fuzz_fragment.c from byte 8 * at on; choice 1: up to the end."""
    return struct.pack("<BBHB", 0x10 | datagram, choice, at, units - 1)


def fragment_seeds() -> dict[str, bytes]:
    begin = struct.pack("<BHB", 8, 4500, 0xFF)
    whole = {number: piece(number, 0, 1, 0x0D) for number in range(8)}
    halves = {number: piece(number, 0, 2) + piece(number, 2, 1, 0x0D) for number in (1, 2, 4, 6, 7)}
    return {
        **{f"whole_{number}": begin + script for number, script in whole.items()},
        **{f"halves_{number}": begin + script for number, script in halves.items()},
        "backwards": begin + piece(2, 40, 1, 0x0D) + piece(2, 20, 20) + piece(2, 0, 20),
        "interleaved": begin + piece(1, 0, 4) + piece(2, 0, 40) + piece(1, 4, 1, 0x0D) + piece(2, 40, 1, 0x0D),
        "large": begin + b"".join(piece(6, 128 * n, 128) for n in range(4)),
        "overlap": begin + piece(2, 0, 20) + piece(2, 10, 20) + piece(2, 30, 1, 0x0D),
        "timeout": begin + piece(1, 0, 4) + bytes([0x97, 0xFF, 0x97, 0xFF]) + piece(1, 4, 1, 0x0D),
    }


def icmp_seeds() -> dict[str, bytes]:
    def message(choice: int, rest: bytes) -> bytes:
        return bytes([choice, 28]) + rest + b"\1"

    too_big = message(0x0E, struct.pack("<H", 1000))
    return {
        "too_big": b"\1" + too_big,
        "too_big_untold": b"\1" + message(0x0E, b"\0\0"),
        "too_big_again": b"\1" + too_big + message(0x0E, struct.pack("<H", 68)) + too_big,
        "port_unreachable_syn": b"\1" + message(0x03, bytes([3, 0, 0, 0, 0])),
        "host_unreachable": b"\0" + message(0x02, bytes([1, 0, 0, 0, 0])),
        "time_exceeded": b"\0" + message(0x00, bytes([11, 0, 0, 0, 0, 0])),
        "source_quench": b"\1" + message(0x00, bytes([4, 0, 0, 0, 0, 0])),
        "redirect": b"\1" + message(0x00, bytes([5, 1, 10, 0, 0, 9])),
        "echo": b"\1" + message(0x00, bytes([8, 0, 1, 2, 3, 4])),
    }


def segment(kind: int, flow: int = 0, length: int = 0, options: int = 0x81) -> bytes:
    """A segment of fuzz_stack.c where its connection stands; kinds as listed there."""
    return bytes([7, flow | kind << 2, 0] + ([] if kind in (0, 7) else [0]) + [0xFF, options, length])


def call(what: int, extra: bytes = b"", conn: int = 0, flow: int = 0) -> bytes:
    return bytes([3, flow, 0, conn, what]) + extra


def stack_seeds() -> dict[str, bytes]:
    syn, ack, data, fin, synack, rst = (segment(0, options=0), segment(1), segment(3, length=0xFF), segment(4),
                                        segment(5, options=0), segment(6))
    connect, send, recv, shutdown, close, abort = (call(0), call(1, struct.pack("<H", 3000)), call(0x33), call(4),
                                                   call(5), call(6))
    wait = bytes([0x62, 0xFF])
    seeds = {
        "accept_and_close": syn + ack + close + ack + fin,
        "peer_closes": syn + ack + fin + close + ack,
        "request": syn + ack + data + recv + send + ack + ack + close + ack + fin,
        "connect": connect + synack + send + ack + data + recv + shutdown + ack + fin,
        "simultaneous_open": connect + syn + ack + send + ack,
        "simultaneous_close": syn + ack + close + fin + ack,
        "refused": connect + rst,
        "reset": syn + ack + data + rst,
        "abort": syn + ack + send + abort + ack,
        "lost": syn + wait + ack + send + wait + ack + wait + close + wait,
        "time_wait": syn + ack + close + ack + fin + fin + syn + ack,
        "four_peers": b"".join(segment(0, n, options=0) + segment(1, n) for n in range(4)) +
                      b"".join(segment(3, n, 0xA0) for n in range(4)),
        "arp": bytes([0, 1 | 2, 28]) + ethernet(arp_request(), 0x0806, b"\xff" * 6),
    }
    # Without options, with all of them, and with cookies.
    return {f"{name}_{mode}": bytes([0, mode, 0, 1, 0x7F, 0xFF]) + script
            for name, script in seeds.items() for mode in (0x10, 0x17, 0x0F)}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    # The first byte of the parser's picks host and trust: the default host, nothing trusted.
    targets = {"parse": {name: b"\0" + frame for name, frame in parse_seeds().items()},
               "fragment": fragment_seeds(), "icmp": icmp_seeds(), "stack": stack_seeds()}
    for target, seeds in targets.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
