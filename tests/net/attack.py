# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
"""A SYN flood over net_tap: at this kernel as a server, whose answers come to us because it routes
them or asks by ARP; and through this kernel as a router, as RFC 3511 has its devices. Checksums,
sequence numbers and options of the flood's SYNs have to please the kernel, and none of its answers
may be answered."""

import json

from harness import KERNEL, OURS, case, expect, expect_equal

# What a server in the kernel counts of a flood, and what its load on a busy machine comes to.
OF_A_FLOOD = ("TcpRetransSegs", "TcpExtTCPTimeouts", "TcpExtSyncookiesSent", "TcpExtSyncookiesRecv",
              "TcpExtTCPReqQFullDoCookies", "TcpAttemptFails")


def attack_the_kernel(net, sources, rate=2000, lead_ms=300):
    net.set_sysctl("net/ipv4/tcp_syncookies", "1")
    net.set_sysctl("net/core/somaxconn", "128")  # Half-open connections too.
    net.nginx()
    load = net.load("--connections", 300, "--rate", 1000, "--request", "http", "--close", "server",
                    "--attack-rate", rate, "--attack-sources", sources, "--attack-lead",
                    "%dms" % lead_ms)
    result = load.finish(30)
    result.expect_balanced()
    t, attack = result.totals, result.json["syn_attack"]
    expect_equal((t["opened"] + t["missed"], t["failed"], t["reset"]), (300, 0, 0), "connections")
    expect_equal(t["responses"], t["opened"], "responses")
    expect_equal(t["rst_sent"], 0, "RSTs")
    expect(attack["sent"] + attack["missed"] >= rate * lead_ms / 1000, "sent: %r" % attack)
    expect_equal(attack["answers"], result.counter("flood_answers"), "answers")
    expect_equal(attack["received"], None, "received")
    net.expect_kernel_clean(but=OF_A_FLOOD)
    expect_equal(net.kernel()["TcpOutRsts"], 0, "RSTs of the kernel")
    return result, attack


@case(seconds=60)
def answers_that_are_routed_to_us_are_dropped(net):
    net.make_tap(OURS)
    net.run("ip", "route", "add", "198.18.0.0/15", "via", "10.0.0.2", "dev", "hc0")
    result, attack = attack_the_kernel(net, "198.18.0.0/15")
    # Every SYN is answered, at once or by a cookie; the last answers may be under way still.
    expect(attack["answers"] >= 0.9 * attack["sent"], "answers: %r" % attack)
    expect(result.counter("arp_replies_sent") <= 1, "ARP replies")  # For our own address alone.
    expect(net.kernel()["TcpExtSyncookiesSent"] > 0, "cookies were sent")


@case(seconds=60)
def sources_that_the_target_asks_for_are_answered_for(net):
    net.make_tap(OURS)
    net.run("ip", "route", "add", "198.19.7.0/25", "dev", "hc0")
    result, attack = attack_the_kernel(net, "198.19.7.0/25")
    # What waits for an ARP answer in the kernel is few packets an address: some are lost there.
    expect(attack["answers"] >= attack["sent"] / 2, "answers: %r" % attack)
    expect(result.counter("arp_replies_sent") > 100, "ARP replies")
    expect_equal(result.counter("arp_conflict"), 0, "conflicts")


@case(seconds=60)
def what_a_device_forwards_of_a_flood_is_counted(net):
    """We are on both sides of a router, the kernel."""
    net.make_tap(OURS)
    net.set_sysctl("net/ipv4/ip_forward", "1")
    net.run("ip", "route", "add", "198.18.0.0/15", "via", "10.0.0.2", "dev", "hc0")
    serve = net.start("serve", "--port", "tap:hc1", "--local", "10.0.1.1/24", "--gateway", "10.0.1.2",
                      "--listen", "80", "--count-syns-from", "198.18.0.0/15")
    net.await_interface("hc1", serve)
    net.configure("hc1", "10.0.1.2")
    net.await_ping(serve, address="10.0.1.1")
    load = net.load("--connections", 300, "--rate", 1000, "--request", "http", "--attack-rate", 2000,
                    "--attack-lead", "300ms", "--gateway", OURS, target="10.0.1.1:80")
    result = load.finish(30)
    result.expect_balanced()
    t, attack = result.totals, result.json["syn_attack"]
    expect_equal((t["opened"] + t["missed"], t["failed"], t["reset"]), (300, 0, 0), "connections")
    serve.ping = lambda: net.await_ping(serve, address="10.0.1.1")
    server = serve.stop()
    expect_equal(server.json["syn_attack"],
                 {"sent": None, "missed": None, "answers": None, "received": attack["sent"]}, "forwarded")
    expect(attack["sent"] > 1000, "sent: %r" % attack)
    expect(attack["answers"] >= 0.9 * attack["sent"], "answers: %r" % attack)
    expect(net.kernel()["IpForwDatagrams"] >= 2 * attack["sent"], "forwarded by the kernel")


@case(seconds=120)
def syn_flood_measures_a_foreign_server(net):
    net.make_tap(OURS)
    net.run("ip", "route", "add", "198.18.0.0/15", "via", KERNEL, "dev", "hc0")
    net.set_sysctl("net/core/somaxconn", "128")  # Half-open connections too.
    net.set_sysctl("net/ipv4/tcp_syncookies", "1")
    net.nginx()
    path = net.folder / "test.json"
    net.run(net.handclasp, "test", "syn-flood", "--port", "tap:hc0", "--local", KERNEL + "/24",
            "--target", OURS + ":80", "--min", 100, "--max", 300, "--granularity", 200, "--sustain",
            "500ms", "--grace", "500ms", "--criterion", "2%", "--repeat", 1, "--aging", "100ms",
            "--attack-rate", 2000, "--attack-lead", "300ms", "--json", path, seconds=100)
    out = json.loads(path.read_text())
    expect_equal(out["result"]["without_attack"]["highest_connection_rate"], 300, "without")
    expect_equal(out["result"]["highest_connection_rate"], 300, "under the attack")
    expect_equal(out["result"]["number_of_tcp_syn_attack_packets_forwarded"], None, "forwarded")
    expect(out["result"]["number_of_tcp_syn_attack_packets_transmitted"] > 1000, "transmitted")
    expect(out["result"]["syn_attack_answers"] > 1000, "answers")
    expect_equal(out["setup"]["has_syn_attack_mechanisms"], None, "mechanisms")
