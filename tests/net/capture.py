# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""Whole runs over net_tap, recorded on the kernel's side and judged by tshark: no malformed packet,
no bad checksum, no RST, nothing its TCP analysis finds worth a remark."""

import json
import re
import signal
import socket

from harness import KERNEL, OURS, case, expect, pattern, read_all, wait_until

CHECKS = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
          "-o", "tcp.analyze_sequence_numbers:TRUE")
OFFENCES = ('_ws.malformed || _ws.expert.severity == "Error" || ip.checksum.status == "Bad" || '
            'tcp.checksum.status == "Bad" || icmp.checksum.status == "Bad" || tcp.analysis.flags')


class Capture:
    """What passes hc0 between start and end."""

    def __init__(self, net, interface="hc0"):
        self.net = net
        self.path = net.folder / "capture.pcapng"
        self.interface = interface
        self.program = net.spawn("dumpcap", "dumpcap", "-i", interface, "-B", "64",
                                 "-w", self.path)
        wait_until(lambda: "File:" in self.program.err or not self.program.is_running(), 10,
                   "dumpcap to start")
        expect(self.program.is_running(), "dumpcap ended: " + self.program.err)
        self.carried_before = self.carried()

    def carried(self):
        """Packets that the interface has carried, both ways."""
        stats = json.loads(self.net.run("ip", "-s", "-j", "link", "show", self.interface))[0]["stats64"]
        return stats["rx"]["packets"] + stats["tx"]["packets"]

    def written(self):
        """Packets that dumpcap has written, as it last said."""
        counts = re.findall(r"Packets: (\d+)", self.program.err)
        return int(counts[-1]) if counts else 0

    def tshark(self, condition, *fields):
        what = [word for field in fields for word in ("-e", field)]
        return self.net.run("tshark", "-n", "-r", self.path, *CHECKS, "-Y", condition,
                            *(["-T", "fields"] + what if fields else []), seconds=60)

    def end(self):
        """Ends the capture, while the interface is still there: dumpcap takes packets over in
        blocks, and leaves what it has not taken when it is told to end, or the interface goes. An
        overloaded kernel counts packets that it drops before dumpcap sees them: waiting for those
        has an end too, and judge() counts by itself."""
        carried = self.carried() - self.carried_before
        try:
            wait_until(lambda: self.written() >= carried or not self.program.is_running(), 10,
                       "dumpcap to write %d packets" % carried)
        except AssertionError as error:
            print("capture: " + str(error))
        self.program.send(signal.SIGINT)
        self.program.wait(10)

    def judge(self, at_least, kernel_address, but=""):
        """Has the capture judged. `but` is a condition of what is expected."""
        lost = re.search(r"received/dropped on interface .*: \d+/(\d+) ", self.program.err)
        expect(lost and lost[1] == "0", "the capture lost packets: " + self.program.err)
        segments = len(self.tshark("tcp", "frame.number").splitlines())
        expect(segments >= at_least, "%d segments captured, expected %d" % (segments, at_least))
        # The kernel sometimes writes a checksum of 0xffff where 0 is meant (RFC 1624); we must not.
        condition = "(%s || tcp.flags.reset == 1) && !(tcp.checksum.ffff && ip.src == %s)" % (
            OFFENCES, kernel_address)
        if but:
            condition += " && !(%s)" % but
        offences = self.tshark(condition)
        if offences:
            streams = set(self.tshark(condition, "tcp.stream").split())
            story = self.tshark(" || ".join("tcp.stream == %s" % s for s in list(streams)[:1])
                                or "arp || icmp")
            raise AssertionError("tshark found:\n%s\nthe first stream:\n%s" % (offences[:2000],
                                                                              story[:4000]))


@case(seconds=60)
def a_run_of_the_server(net):
    # What net_tap cuts has its sums, which say 0xffff for 0 as the kernel's do.
    server = net.serve("--response", "3000", "--tso", "off")
    capture = Capture(net)
    net.run("ping", "-n", "-c", "2", "-i", "0.01", "-s", "1001", OURS)
    net.run("curl", "-sS", "-o", "/dev/null", "http://10.0.0.1/", "-o", "/dev/null",
            "http://10.0.0.1/")
    net.run("ab", "-q", "-n", "200", "-c", "8", "http://10.0.0.1/")
    for length in (1, 1461, 20001):
        data = pattern(length)
        sock = net.connect(7)
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        expect(read_all(sock) == data, "echo differs")
        sock.close()
    capture.end()
    server.stop().expect_orderly()
    # Opening a window is no fault.
    capture.judge(200 * 8, KERNEL, but="tcp.analysis.window_update")


@case(seconds=60)
def a_run_of_the_client_that_closes_first(net):
    net.make_tap(OURS)
    net.nginx(body="z" * 10000, keepalive_s=30)
    capture = Capture(net)
    net.load("--connections", 200, "--concurrency", 10, "--request", "http", "--close",
             "client").finish(30).expect_orderly(200)
    capture.end()
    capture.judge(200 * 12, OURS, but="tcp.analysis.window_update")


@case(seconds=60)
def a_run_of_the_client_without_a_byte(net):
    net.make_tap(OURS)
    net.nginx()
    capture = Capture(net)
    net.load("--connections", 500, "--concurrency", 10).finish(30).expect_orderly(500)
    capture.end()
    # Seven segments each, or six where the kernel sends its FIN with the ACK of ours.
    capture.judge(500 * 6, OURS)
