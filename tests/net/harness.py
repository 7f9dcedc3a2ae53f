# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""What a case of tests/net works with: a network namespace of its own with a TAP (or veth) whose one
end is handclasp and whose other end is this kernel, the programs it starts, and the kernel's
counters. run.py puts each case into new user, network and process namespaces, so nothing here
cleans up: the namespaces end with the case, whatever happened."""

import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

OURS = "10.0.0.1"       # handclasp, when it serves
KERNEL = "10.0.0.2"     # the kernel, when handclasp serves
COUNTERS = set(re.findall(r"^HC_COUNTER_DEF\((\w+),", (
    Path(__file__).resolve().parents[2] / "include/handclasp/counters.def").read_text(), re.M))
CASES = {}               # module name: its cases, in order of definition


class Skip(Exception):
    """This machine cannot run the case; the text says what is missing."""


def case(seconds):
    """Marks a function as a test case that may take this long before it is killed."""
    def mark(function):
        function.seconds = seconds
        CASES.setdefault(function.__module__, []).append(function)
        return function
    return mark


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def expect_equal(got, want, what):
    if got != want:
        raise AssertionError("%s: %r, expected %r" % (what, got, want))


def wait_until(condition, seconds, what):
    """Polls until condition() is true; what() or a text says what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(0.01)


class Program:
    """A program running beside the case, its output in files."""

    def __init__(self, folder, name, argv, env=None):
        self.name = name
        self.argv = argv
        self.paths = [folder / (name + suffix) for suffix in (".out", ".err")]
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env=env)

    @property
    def out(self):
        return self.paths[0].read_text(errors="replace")

    @property
    def err(self):
        return self.paths[1].read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("%s still runs after %g s" % (self.name, seconds)) from None

    def report(self):
        text = "---- %s\n" % " ".join(map(str, self.argv))
        for path in self.paths:
            lines = path.read_text(errors="replace").splitlines()
            text += "".join("  %s\n" % line for line in lines[-25:])
        return text


# Who waits for a peer on a busy machine and sends nothing again all the same: the kernel may be held
# up for longer than our least timeout. RFC 6298 2.4 has a second.
PATIENT = ("--rto-min", "1s")


class Result:
    """The result file of one run of handclasp."""

    def __init__(self, path):
        self.json = json.loads(path.read_text())
        self.totals = self.json["totals"]
        side = "client" if self.json["command"] == "load" else "server"
        self.counters = self.json[side + "_counters"]

    def counter(self, name):
        """Any counter of counters.def by its name; the file leaves out those that did not move."""
        expect(name in COUNTERS, "there is no counter " + name)
        return self.counters.get(name, 0)

    def expect_balanced(self):
        expect(self.totals["ledger_balanced"], "the ledger: %s" % self.totals["ledger_faults"])

    def expect_orderly(self, connections=None):
        """Every connection was opened and closed by FIN both ways, nothing was lost or repeated,
        and no RST left us."""
        self.expect_balanced()
        t = self.totals
        if connections is not None:
            expect_equal(t["opened"], connections, "opened")
        for key in ("failed", "reset", "retransmitted_segments", "live_at_end"):
            expect_equal(t[key], 0, key)
        expect_equal(t["established"], t["opened"], "established")
        expect_equal(t["closed"], t["opened"], "closed")
        expect_equal(self.counter("tx_rst"), 0, "tx_rst")


class Handclasp(Program):
    """handclasp serve or load, whose result is read at the end."""

    def __init__(self, net, name, argv):
        self.result_path = net.folder / (name + ".json")
        self.ping = None
        super().__init__(net.folder, name, argv + ["--json", str(self.result_path)])

    def finish(self, seconds=15, code=0):
        """Waits for the end and reads the result. A code of None: any."""
        got = self.wait(seconds)
        if code is not None:
            expect_equal(got, code, "exit code of %s" % self.name)
        return Result(self.result_path)

    def report(self):
        text = super().report()
        try:
            result = Result(self.result_path)
        except (OSError, ValueError):
            return text + "  no result was written\n"
        return text + "  totals: %s\n  counters: %s\n" % (json.dumps(result.totals),
                                                          json.dumps(result.counters))

    def stop(self, seconds=15):
        """Ends it as a user does: by ^C. Not before it has taken in what was sent to it: an
        answered ping says so, frames being kept in order. `seconds` is more than its --drain."""
        if self.ping:
            self.ping()
        self.send(signal.SIGINT)
        return self.finish(seconds, code=130)


class Net:
    """One case's world."""

    def __init__(self, handclasp):
        self.handclasp = handclasp
        self.folder = Path(tempfile.mkdtemp(prefix="handclasp-net-"))
        self.programs = []
        # No settings of whoever runs this, and no home that cannot be read: tshark falls over it.
        os.environ["HOME"] = os.environ["XDG_CONFIG_HOME"] = str(self.folder)
        for name in ("all", "default"):
            self.set_sysctl("net/ipv6/conf/%s/disable_ipv6" % name, "1")
        # A tail loss probe is sent after 10 ms of silence, which on a busy machine says nothing
        # about the peer; without it the kernel retransmits after 200 ms, like us.
        self.set_sysctl("net/ipv4/tcp_early_retrans", "0")
        self.run("ip", "link", "set", "lo", "up")

    # programs

    def run(self, *argv, seconds=20, code=0):
        """Runs a program to its end and returns what it printed."""
        argv = [str(a) for a in argv]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
                              check=False)
        out = done.stdout.decode(errors="replace")
        if code is not None and done.returncode != code:
            raise AssertionError("%s: exit code %d, expected %d\n%s%s" % (
                " ".join(argv), done.returncode, code, out, done.stderr.decode(errors="replace")))
        return out

    @staticmethod
    def set_sysctl(name, value):
        """Sets what this namespace has of its own."""
        path = Path("/proc/sys", name)
        if path.exists():  # A kernel without IPv6 has nothing to switch off.
            path.write_text(value)

    def spawn(self, name, *argv):
        program = Program(self.folder, name, [str(a) for a in argv])
        self.programs.append(program)
        return program

    def start(self, command, *options):
        """Starts handclasp with a sub-command; --json is added."""
        name = "%s%d" % (command, len(self.programs))
        program = Handclasp(self, name, [self.handclasp, command] + [str(o) for o in options])
        self.programs.append(program)
        return program

    def serve(self, *options, listen="80,7:echo,9:discard,5001:accept", port="tap:hc0",
              kernel_side="hc0"):
        """Starts the server, gives the kernel's side its address as a user would, and returns when
        it answers."""
        program = self.start("serve", "--port", port, "--local", OURS + "/24", "--listen", listen,
                             *options)
        self.await_interface(kernel_side, program)
        self.configure(kernel_side, KERNEL)
        self.await_ping(program)
        program.ping = lambda: self.await_ping(program)
        return program

    def load(self, *options, target=OURS + ":80", local="10.0.0.2/24", port="tap:hc0"):
        if not any(str(o).startswith("--rto-") for o in options):
            options += PATIENT
        return self.start("load", "--port", port, "--local", local, "--target", target, *options)

    def report(self):
        """What all programs said, for a case that failed. One of ours that still runs is ended, so
        that its result is among it."""
        for program in self.programs:
            if isinstance(program, Handclasp) and program.is_running():
                program.send(signal.SIGINT)
                try:
                    program.process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
        return "".join(program.report() for program in self.programs)

    # interfaces

    def make_tap(self, address, name="hc0"):
        """A TAP that exists and is up before handclasp opens it, so that not even the first SYN
        meets an unfinished kernel side."""
        self.run("ip", "tuntap", "add", "dev", name, "mode", "tap", "multi_queue")
        self.configure(name, address)

    def make_veth(self, address, ours="hcv0", kernel_side="hcv1"):
        """A veth pair. The kernel's end must write its checksums: af_packet shows them as they
        are."""
        self.run("ip", "link", "add", ours, "type", "veth", "peer", "name", kernel_side)
        self.run("ethtool", "-K", kernel_side, "tx", "off")
        self.run("ip", "link", "set", ours, "up")
        self.configure(kernel_side, address)

    def configure(self, name, address):
        self.run("ip", "addr", "replace", address + "/24", "dev", name)
        self.run("ip", "link", "set", name, "up")

    def await_interface(self, name, program, seconds=20):
        def is_there():
            return name in [n for _, n in socket.if_nameindex()] or not program.is_running()
        wait_until(is_there, seconds, "interface " + name)
        expect(program.is_running(), "%s ended early" % program.name)

    def await_ping(self, program, address=OURS, seconds=20):
        def is_answered():
            expect(program.is_running(), "%s ended early" % program.name)
            return " 0% packet loss" in self.run("ping", "-n", "-c", "1", "-W", "1", address,
                                                 code=None)
        wait_until(is_answered, seconds, "an answer to ping")

    # the kernel's view

    def kernel(self):
        """The kernel's network counters of this namespace, which began at 0."""
        text = self.run("nstat", "-a", "-s", "-z", "-j")
        return json.loads(text)["kernel"]

    def expect_kernel_clean(self, but=()):
        """No error, reset, retransmission or refusal in the kernel's books."""
        counters = self.kernel()
        names = [name for name in counters if re.match(
            r"Tcp(OutRsts|EstabResets|AttemptFails|RetransSegs|InErrs|InCsumErrors)$|"
            r"Ip(InHdrErrors|InAddrErrors|InDiscards|OutDiscards|ReasmFails)$|"
            r"Icmp(InErrors|InCsumErrors|OutDestUnreachs)$|"
            r"TcpExt(PAWS|TCPAbort|TCPChallengeACK|TCPSYNChallenge|TCPTimeouts|TCPLost|TCPSpurious|"
            r"TCPDSACK|TCPOFO|TCPSynRetrans|TCPACKSkipped|Listen|TCPBacklogDrop|OutOfWindow|"
            r"TCPReqQFull|Syncookies|EmbryonicRsts|TCPMD5|TCPRcvQDrop|TCPZeroWindowDrop)", name)]
        expect(len(names) > 30, "nstat did not know the counters asked for")
        moved = {n: counters[n] for n in names if counters[n] and n not in but}
        expect(not moved, "the kernel counted %s" % moved)

    def sockets(self, state):
        """Lines of ss about TCP sockets in a state ("time-wait", "established", ...)."""
        return self.run("ss", "-H", "-t", "-a", "-n", "state", state).splitlines()

    # peers

    def nginx(self, address=OURS, body="hello\n", keepalive_s=0):
        """nginx on port 80; keepalive_s=0 makes it close after each response."""
        (self.folder / "www").mkdir()
        (self.folder / "www/index.html").write_text(body)
        conf = self.folder / "nginx.conf"
        conf.write_text("""
            user root root; daemon off; master_process off; pid %(dir)s/nginx.pid;
            error_log %(dir)s/nginx-error.log;
            events { worker_connections 8192; }
            http {
                access_log off; default_type text/plain; keepalive_timeout %(keepalive)d;
                client_body_temp_path %(dir)s/t1; proxy_temp_path %(dir)s/t2;
                fastcgi_temp_path %(dir)s/t3; uwsgi_temp_path %(dir)s/t4;
                scgi_temp_path %(dir)s/t5;
                server { listen %(address)s:80 backlog=4096; root %(dir)s/www; }
            }""" % {"dir": self.folder, "address": address, "keepalive": keepalive_s})
        program = self.spawn("nginx", "nginx", "-e", self.folder / "nginx-error.log", "-c", conf,
                             "-p", self.folder)
        wait_until(lambda: self.sockets("listening") or not program.is_running(), 10,
                   "nginx to listen")
        expect(program.is_running(), "nginx ended: %s" % program.err)
        return program

    def connect(self, port, address=OURS, seconds=10, source=None):
        """A TCP connection of the kernel's to us."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(seconds)
        if source is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("0.0.0.0", source))
        sock.connect((address, port))
        return sock

    def listener(self, address=OURS, port=80, backlog=128):
        """A listening socket of the kernel's."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.settimeout(10)
        sock.bind((address, port))
        sock.listen(backlog)
        return sock


def read_all(sock):
    """Everything until the peer's FIN."""
    data = bytearray()
    while True:
        piece = sock.recv(65536)
        if not piece:
            return bytes(data)
        data += piece


def pattern(length):
    """Bytes in which any shift shows."""
    return bytes((i * 131 + (i >> 8) * 17 + (i >> 16)) & 0xff for i in range(length))


def cpu_count():
    return len(os.sched_getaffinity(0))
