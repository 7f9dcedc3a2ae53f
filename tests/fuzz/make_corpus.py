#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Writes the seeds of the fuzz targets: make_corpus.py DIR fills DIR/parse with one file per kind of frame.

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
        "syn_linux": ethernet(ipv4(tcp(SYN, linux_syn), 6)),
        "syn_ours": ethernet(ipv4(tcp(SYN, linux_syn[:4] + linux_syn[16:] + TIMESTAMPS), 6)),
        "ttl_zero": ethernet(ipv4(tcp(ACK), 6, ttl=0)),
        "udp": ethernet(ipv4(struct.pack("!HHHH", 1, 2, 8, 0), 17)),
        "unreachable": ethernet(ipv4(unreachable(), 1)),
    }


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1]) / "parse"
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in parse_seeds().items():
        # The first byte picks host and trust: the default host, nothing trusted.
        (folder / name).write_bytes(b"\0" + frame)
    return 0


if __name__ == "__main__":
    sys.exit(main())
