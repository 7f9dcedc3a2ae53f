# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""A host made of one packet socket, for what a kernel would never send: segments by hand, frames
that lie. It has an address of its own on the TAP, which the kernel does not know and leaves alone,
and answers ARP for it while it waits."""

import socket
import struct
import time
from collections import namedtuple

from harness import OURS

ETH_P_ALL = 3
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
BROADCAST = b"\xff" * 6

Segment = namedtuple("Segment", "src dst sport dport seq ack flags wnd csum options payload")


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def flag_names(flags):
    return "+".join(n for bit, n in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"),
                                     (ACK, "ACK"), (URG, "URG")) if flags & bit) or "none"


class RawPeer:
    """The host. `ours` is handclasp's address."""

    def __init__(self, interface="hc0", address="10.0.0.77", ours=OURS):
        self.address = address
        self.ours = ours
        self.mac = bytes.fromhex("020000000077")
        self.ours_mac = None
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind((interface, 0))

    # building and sending

    def send_frame(self, payload, ethertype=0x0800, dst=None, src=None):
        self.sock.send((dst or self.ours_mac) + (src or self.mac) +
                       struct.pack("!H", ethertype) + payload)

    def arp(self, op, sha=None, spa=None, tha=b"\0" * 6, tpa=None, head=(1, 0x0800, 6, 4)):
        return struct.pack("!HHBBH6s4s6s4s", *head, op, sha or self.mac,
                           socket.inet_aton(spa or self.address), tha,
                           socket.inet_aton(tpa or self.ours))

    def ip(self, proto, payload, src=None, dst=None, ttl=64, options=b"", fragment=0x4000,
           version_ihl=None, total_len=None, bad_checksum=False):
        ihl = 5 + len(options) // 4
        head = struct.pack("!BBHHHBBH4s4s", 0x40 | ihl if version_ihl is None else version_ihl, 0,
                           ihl * 4 + len(payload) if total_len is None else total_len, 1, fragment,
                           ttl, proto, 0, socket.inet_aton(src or self.address),
                           socket.inet_aton(dst or self.ours)) + options
        total = checksum(head) ^ (0x5555 if bad_checksum else 0)
        return head[:10] + struct.pack("!H", total) + head[12:] + payload

    def tcp(self, sport, dport, flags, seq=0, ack=0, payload=b"", options=b"", wnd=65535,
            offset=None, bad_checksum=False, src=None, dst=None):
        words = 5 + len(options) // 4 if offset is None else offset
        head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff,
                           words << 4, flags, wnd, 0, 0) + options
        pseudo = socket.inet_aton(src or self.address) + socket.inet_aton(dst or self.ours) + \
            struct.pack("!BBH", 0, 6, len(head) + len(payload))
        total = checksum(pseudo + head + payload) ^ (0x5555 if bad_checksum else 0)
        return head[:16] + struct.pack("!H", total) + head[18:] + payload

    def icmp(self, kind, code, rest, bad_checksum=False):
        head = struct.pack("!BBH", kind, code, 0) + rest
        total = checksum(head) ^ (0x5555 if bad_checksum else 0)
        return head[:2] + struct.pack("!H", total) + head[4:]

    def send_tcp(self, *args, **kwargs):
        self.send_frame(self.ip(6, self.tcp(*args, **kwargs)))

    # receiving

    def receive_frame(self, deadline):
        """The next frame that handclasp sent to us or to all, or None at the deadline."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                frame, address = self.sock.recvfrom(65536)
            except socket.timeout:
                return None
            if address[2] == socket.PACKET_OUTGOING or frame[:6] not in (self.mac, BROADCAST):
                continue
            if frame[12:14] == b"\x08\x06":
                self._take_arp(frame)
            return frame

    def _take_arp(self, frame):
        op = struct.unpack("!H", frame[20:22])[0]
        if frame[28:32] == socket.inet_aton(self.ours):
            self.ours_mac = frame[22:28]
        if op == 1 and frame[38:42] == socket.inet_aton(self.address):
            self.send_frame(self.arp(2, tha=frame[22:28]), 0x0806, dst=frame[6:12])

    def resolve(self, seconds=10):
        """Asks for handclasp's MAC until it answers."""
        end = time.monotonic() + seconds
        while self.ours_mac is None:
            if time.monotonic() > end:
                raise AssertionError("no ARP answer from %s" % self.ours)
            self.send_frame(self.arp(1), 0x0806, dst=BROADCAST)
            self.receive_frame(time.monotonic() + 0.2)
        return self

    def receive(self, seconds=5):
        """The next TCP segment to us, or None."""
        deadline = time.monotonic() + seconds
        while True:
            frame = self.receive_frame(deadline)
            if frame is None:
                return None
            if frame[12:14] != b"\x08\x00" or frame[23] != 6 or \
                    frame[30:34] != socket.inet_aton(self.address):
                continue
            total = struct.unpack("!H", frame[16:18])[0]
            ip = frame[14:14 + total]
            ihl = (ip[0] & 15) * 4
            tcp = ip[ihl:]
            sport, dport, seq, ack, off, flags, wnd, csum = struct.unpack("!HHIIBBHH", tcp[:18])
            hdr = (off >> 4) * 4
            return Segment(socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]), sport, dport,
                           seq, ack, flags, wnd, csum, tcp[20:hdr], tcp[hdr:])

    def expect(self, flags, seconds=5, **fields):
        """The next segment, which must carry exactly these flags (PSH apart) and fields."""
        segment = self.receive(seconds)
        if segment is None:
            raise AssertionError("no segment in %g s, expected %s" % (seconds, flag_names(flags)))
        if segment.flags & ~PSH != flags:
            raise AssertionError("got %s, expected %s: %s" % (
                flag_names(segment.flags), flag_names(flags), segment))
        for name, value in fields.items():
            got = getattr(segment, name)
            if name in ("seq", "ack"):
                value &= 0xffffffff
            if got != value:
                raise AssertionError("%s is %r, expected %r: %s" % (name, got, value, segment))
        return segment

    def expect_silence(self, seconds=0.3):
        segment = self.receive(seconds)
        if segment is not None:
            raise AssertionError("expected no segment, got %s" % (segment,))


class RawConnection:
    """One connection of a RawPeer, its sequence numbers kept by hand."""

    def __init__(self, peer, sport, dport, iss=0xfffffff0):
        self.peer, self.sport, self.dport = peer, sport, dport
        self.snd_nxt, self.rcv_nxt = iss, 0

    def send(self, flags, payload=b"", seq=None, ack=None, **kwargs):
        """Sends a segment; what it carries counts as sent unless seq is given."""
        self.peer.send_tcp(self.sport, self.dport, flags, self.snd_nxt if seq is None else seq,
                           (self.rcv_nxt if ack is None else ack) if flags & ACK else 0, payload,
                           **kwargs)
        if seq is None:
            self.snd_nxt += len(payload) + bool(flags & SYN) + bool(flags & FIN)

    def expect(self, flags, seconds=5, **fields):
        """Takes the next segment, which must be the next in sequence and acknowledge all we
        sent, unless fields say otherwise."""
        if flags & ACK and not flags & SYN:
            fields.setdefault("seq", self.rcv_nxt)
        if flags & ACK:
            fields.setdefault("ack", self.snd_nxt)
        segment = self.peer.expect(flags, seconds, sport=self.dport, dport=self.sport, **fields)
        self.rcv_nxt = segment.seq + len(segment.payload) + bool(flags & SYN) + bool(flags & FIN)
        return segment

    def open(self, **kwargs):
        """The active side of a handshake."""
        self.send(SYN, **kwargs)
        self.expect(SYN | ACK)
        self.send(ACK)
        return self
