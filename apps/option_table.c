// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// Every option of every sub-command, one a line. The order is the one of --help.

#include "options.h"

#define B COMMAND_BENCH
#define L COMMAND_LOAD
#define S COMMAND_SERVE

#define AT(field)  offsetof(struct config, field), sizeof(((struct config *)0)->field)
#define ANY        0, UINT64_MAX
#define CONNS_MAX  (64u << 20)
#define YEAR_NS    (365ull * 86400 * NS_PER_S)
#define DAY_MS     (86400u * 1000)
#define PLAN_SIZES "; 0: by the plan"

static const char *const close_words[] = {"client", "server", "both", "rst", NULL};
// In the order of enum hc_syn_cookies.
static const char *const syn_cookies_words[] = {"overflow", "always", "never", NULL};
static const char *const close_method_words[] = {"auto", "four-way", "three-way", NULL};
static const char *const arrivals_words[] = {"constant", "poisson", NULL};
static const char *const congestion_words[] = {"cubic", "newreno", NULL};

// clang-format off
const struct option option_table[] = {
	{"duration", "duration_s", "T", "stop opening after T (10s when --connections is not given; serve: never)",
	 NULL, AT(duration_ns), NS_PER_MS, YEAR_NS, B | L | S, OPTION_SECONDS, GROUP_LOAD},
	{"connections", "connections", "N", "stop after opening N connections",
	 NULL, AT(connections), 1, UINT64_MAX / 2, B | L, OPTION_COUNT, GROUP_LOAD},
	{"concurrency", "concurrency", "N", "closed loop: keep N connections opening or closing (bench: 1000, load: 100)",
	 NULL, AT(concurrency), 1, CONNS_MAX, B | L, OPTION_COUNT, GROUP_LOAD},
	{"rate", "rate_per_s", "R", "open loop: open R connections a second by schedule, such as 50k",
	 NULL, AT(rate_per_s), 0, 1000000000, B | L, OPTION_RATE, GROUP_LOAD},
	{"stage", "load_stages", "T:R[-R]", "open loop in stages, one an option: for T at rate R, or from one to another",
	 NULL, AT(stages), 0, 1000000000, B | L, OPTION_STAGES, GROUP_LOAD},
	{"arrivals", "arrivals", "HOW", "open loop: evenly spaced, or at random with that rate",
	 arrivals_words, AT(arrivals), ANY, B | L, OPTION_WORD, GROUP_LOAD},
	{"ramp", "ramp_s", "T", "grow rate or concurrency from 0 in the first T",
	 NULL, AT(ramp_ns), 0, YEAR_NS, B | L, OPTION_SECONDS, GROUP_LOAD},
	{"hold", "hold_s", "T", "keep each connection established for T before closing it (serve: what mode hold waits, 1s)",
	 NULL, AT(hold_ns), 0, YEAR_NS, B | L | S, OPTION_SECONDS, GROUP_LOAD},
	{"live", "live_connections", "N", "N more connections, established first and held beside the churn",
	 NULL, AT(live), 0, CONNS_MAX, B, OPTION_COUNT, GROUP_LOAD},
	{"drain", "drain_s", "T", "at the end, wait up to T for open connections to close; those held are closed at once",
	 NULL, AT(drain_ns), 0, YEAR_NS, B | L | S, OPTION_SECONDS, GROUP_LOAD},

	{"request", "request", "BYTES|http", "what the client sends on each connection (serve: what mode respond waits for)",
	 NULL, AT(request), 1, 1u << 30, B | L | S, OPTION_REQUEST, GROUP_EXCHANGE},
	{"response", "response_bytes", "BYTES", "size of the answer, or of its body for http (64; load: what the target sends)",
	 NULL, AT(response_bytes), 0, 1u << 30, B | L | S, OPTION_SIZE, GROUP_EXCHANGE},
	{"path", "path", "PATH", "what --request http asks for",
	 NULL, AT(path), ANY, B | L, OPTION_TEXT, GROUP_EXCHANGE},
	{"close", "close", "SIDE", "who closes first; both: not waiting for each other; rst: the client aborts",
	 close_words, AT(close), ANY, B | L | S, OPTION_WORD, GROUP_EXCHANGE},
	{"close-method", "close_method", "METHOD", "ACK and FIN of the second side apart, or in one segment (RFC 3511)",
	 close_method_words, AT(close_method), ANY, B | L | S, OPTION_WORD, GROUP_EXCHANGE},

	{"port", "port", "DEV", "PCI address, tap:NAME, af_packet:IFACE, af_xdp:IFACE, memif:SOCKET[,server|client] or any --vdev",
	 NULL, AT(device), ANY, L | S, OPTION_TEXT, GROUP_PLACE},
	{"local", "local", "ADDR/LEN", "our address and the length of its network",
	 NULL, AT(local), 1, 32, L | S, OPTION_NETWORK, GROUP_PLACE},
	{"gateway", "gateway", "ADDR", "next hop for everything off that network",
	 NULL, AT(gateway), ANY, L | S, OPTION_ADDRESS, GROUP_PLACE},
	{"target", "target", "ADDR:PORT", "where to connect to",
	 NULL, AT(target), ANY, L, OPTION_TARGET, GROUP_PLACE},
	{"listen", "listen", "PORTS", "PORT[-PORT][:MODE],... with MODE http, echo, discard, accept, respond, close-first, never-read or hold (80:http)",
	 NULL, AT(listen), ANY, S, OPTION_LISTEN, GROUP_PLACE},
	{"clients", "clients", "PREFIX", "source addresses, such as 10.1.0.0/16 (bench: as many as its TIME-WAIT needs)",
	 NULL, AT(stack.clients), 1, 32, B | L, OPTION_PREFIX, GROUP_PLACE},
	{"source-ports", "source_ports", "LO-HI", "source ports of each address",
	 NULL, AT(source_ports), ANY, B | L, OPTION_PORTS, GROUP_PLACE},
	{"mtu", "mtu", "BYTES", "of the link, IP header included",
	 NULL, AT(stack.mtu), 576, 9000, B | L | S, OPTION_SIZE, GROUP_PLACE},

	{"ttl", "ttl", "N", "time to live of the packets sent",
	 NULL, AT(stack.ttl), 1, 255, B | L | S, OPTION_COUNT, GROUP_PLACE},
	{"dscp", "dscp", "N", "their Diffserv code point",
	 NULL, AT(stack.dscp), 0, 63, B | L | S, OPTION_COUNT, GROUP_PLACE},

	{"cores", "cores", "N", "bench: N pairs of client and server; load, serve: N workers, a queue each",
	 NULL, AT(cores), 1, CORES_MAX, B | L | S, OPTION_COUNT, GROUP_MACHINE},
	{"split", "split", NULL, "client and server on cores of their own",
	 NULL, AT(is_split), ANY, B, OPTION_FLAG, GROUP_MACHINE},
	{"burst", "burst_pkts", "N", "frames taken from the port at once",
	 NULL, AT(stack.burst_pkts), 1, 128, B | L | S, OPTION_COUNT, GROUP_MACHINE},
	{"descriptors", "descriptors", "N", "descriptors of each port queue" PLAN_SIZES,
	 NULL, AT(descriptors), 0, 32768, B | L | S, OPTION_COUNT, GROUP_MACHINE},
	{"buffers", "buffers", "N", "packet buffers of each port queue" PLAN_SIZES,
	 NULL, AT(buffers), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_MACHINE},
	{"memory", "memory_bytes", "BYTES", "most memory the plan takes for connections by itself",
	 NULL, AT(memory_bytes), 1u << 20, UINT64_MAX / 2, B | L | S, OPTION_SIZE, GROUP_MACHINE},
	{"hugepages", "hugepages", "on|off", "use hugepages when there are some",
	 NULL, AT(has_hugepages), ANY, B | L | S, OPTION_SWITCH, GROUP_MACHINE},
	{"offload", "offload", "on|off", "let the port do checksums when it can",
	 NULL, AT(has_offload), ANY, B | L | S, OPTION_SWITCH, GROUP_MACHINE},
	{"tso", "tso", "on|off", "let the port cut bulk data into segments when it can",
	 NULL, AT(has_tso), ANY, B | L | S, OPTION_SWITCH, GROUP_MACHINE},
	{"promiscuous", "promiscuous", "on|off", "take frames for every MAC from the port",
	 NULL, AT(is_promiscuous), ANY, L | S, OPTION_SWITCH, GROUP_MACHINE},
	{"seed", "seed", "N", "secret of hash and sequence numbers; 0: drawn, and told in the result",
	 NULL, AT(stack.seed), ANY, B | L | S, OPTION_COUNT, GROUP_MACHINE},

	{"time-wait", "time_wait_ms", "MS", "2 MSL (bench: 1000, else 60000); 0 skips TIME-WAIT, and the result says so",
	 NULL, AT(stack.time_wait_ms), 0, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"timestamps", "timestamps", "on|off", "offer RFC 7323 timestamps",
	 NULL, AT(stack.has_timestamps), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"window-scale", "window_scale", "on|off", "offer RFC 7323 window scaling",
	 NULL, AT(stack.has_window_scale), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"sack", "sack", "on|off", "permit RFC 2018 selective acknowledgments",
	 NULL, AT(stack.has_sack), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"nodelay", "nodelay", "on|off", "send small pieces at once; off: Nagle's algorithm",
	 NULL, AT(stack.has_nodelay), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"keepalive", "keepalive", "on|off", "probe idle connections (RFC 9293 3.8.4)",
	 NULL, AT(stack.has_keepalive), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"ecn", "ecn", "on|off", "offer RFC 3168 congestion notification (off)",
	 NULL, AT(stack.has_ecn), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"fast-open", "fast_open", "on|off", "the request on the SYN, once the peer gave a cookie (RFC 7413; off)",
	 NULL, AT(stack.has_fast_open), ANY, B | L | S, OPTION_SWITCH, GROUP_TCP},
	{"rto-init", "rto_init_ms", "MS", "first retransmission timeout (RFC 6298)",
	 NULL, AT(stack.rto_init_ms), 1, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"rto-min", "rto_min_ms", "MS", "shortest retransmission timeout",
	 NULL, AT(stack.rto_min_ms), 1, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"rto-max", "rto_max_ms", "MS", "longest retransmission timeout",
	 NULL, AT(stack.rto_max_ms), 1, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"syn-retries", "syn_retries", "N", "retransmissions of a SYN before giving up",
	 NULL, AT(stack.syn_retries), 0, 30, B | L | S, OPTION_COUNT, GROUP_TCP},
	{"synack-retries", "synack_retries", "N", "retransmissions of a SYN-ACK before giving up",
	 NULL, AT(stack.synack_retries), 0, 30, B | L | S, OPTION_COUNT, GROUP_TCP},
	{"syn-cookies", "syn_cookies", "WHEN", "answer SYNs without keeping them (RFC 4987)",
	 syn_cookies_words, AT(stack.syn_cookies), ANY, B | L | S, OPTION_WORD, GROUP_TCP},
	{"data-retries", "data_retries", "N", "retransmissions of data or a FIN before giving up",
	 NULL, AT(stack.data_retries), 0, 30, B | L | S, OPTION_COUNT, GROUP_TCP},
	{"r1-retries", "r1_retries", "N", "retransmissions after which the next hop is doubted; 0: never",
	 NULL, AT(stack.r1_retries), 0, 30, B | L | S, OPTION_COUNT, GROUP_TCP},
	{"congestion", "congestion", "NAME", "congestion control of what we send (RFC 9438; RFC 5681 and 6582)",
	 congestion_words, AT(stack.congestion), ANY, B | L | S, OPTION_WORD, GROUP_TCP},
	{"fin-wait2", "fin_wait2_ms", "MS", "longest wait for the peer's FIN after ours; 0: for ever",
	 NULL, AT(stack.fin_wait2_ms), 0, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"delayed-ack", "delayed_ack_ms", "MS", "the ACK of a segment of data waits so long for company; 0: not at all",
	 NULL, AT(stack.delayed_ack_ms), 0, 500, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"reasm-time", "reasm_ms", "MS", "longest time between the first and the last fragment of a datagram",
	 NULL, AT(stack.reasm_ms), 1, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},
	{"arp-ttl", "arp_ttl_ms", "MS", "a neighbour's address is asked for again after this",
	 NULL, AT(stack.arp_ttl_ms), 1, DAY_MS, B | L | S, OPTION_MILLIS, GROUP_TCP},

	{"conn-cap", "conn_cap", "N", "connections with a control block, a worker" PLAN_SIZES,
	 NULL, AT(stack.conn_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"syn-cap", "syn_cap", "N", "half-open connections of the server, a worker" PLAN_SIZES,
	 NULL, AT(stack.syn_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"time-wait-cap", "time_wait_cap", "N", "connections in TIME-WAIT, a worker" PLAN_SIZES,
	 NULL, AT(stack.time_wait_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"tuple-cap", "tuple_cap", "N", "source tuples the client uses, a worker" PLAN_SIZES,
	 NULL, AT(stack.tuple_cap), 0, CONNS_MAX, B | L, OPTION_COUNT, GROUP_LIMITS},
	{"neigh-cap", "neigh_cap", "N", "neighbours (ARP entries)",
	 NULL, AT(stack.neigh_cap), 1, 1u << 20, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"neigh-queue-cap", "neigh_queue_cap", "N", "packets that wait for one neighbour's address",
	 NULL, AT(stack.neigh_queue_cap), 1, 1u << 16, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"listener-cap", "listener_cap", "N", "listening ports",
	 NULL, AT(stack.listener_cap), 1, 65535, B | S, OPTION_COUNT, GROUP_LIMITS},
	{"fast-open-cap", "fast_open_cap", "N", "connections opened by a SYN's data, before the handshake is over",
	 NULL, AT(stack.fast_open_cap), 0, CONNS_MAX, B | S, OPTION_COUNT, GROUP_LIMITS},
	{"span-cap", "span_cap", "N", "pieces of queued data beyond two a connection",
	 NULL, AT(stack.span_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"held-cap", "held_cap", "N", "connections that may hold data out of order at once; 0: it is dropped",
	 NULL, AT(stack.held_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"scoreboard-cap", "scoreboard_cap", "N", "connections that repair losses by SACK at once",
	 NULL, AT(stack.scoreboard_cap), 0, CONNS_MAX, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"reasm-cap", "reasm_cap", "N", "datagrams put together from fragments at once; 0: fragments are dropped",
	 NULL, AT(stack.reasm_cap), 0, 256, B | L | S, OPTION_COUNT, GROUP_LIMITS},
	{"reasm-size", "reasm_bytes", "BYTES", "largest of those datagrams, without its header",
	 NULL, AT(stack.reasm_bytes), 576, 65515, B | L | S, OPTION_SIZE, GROUP_LIMITS},
	{"rcv-buf", "rcv_buf_bytes", "BYTES", "receive window of a connection",
	 NULL, AT(stack.rcv_buf_bytes), 536, 1u << 30, B | L | S, OPTION_SIZE, GROUP_LIMITS},
	{"snd-buf", "snd_buf_bytes", "BYTES", "bytes a connection may have queued or unacknowledged",
	 NULL, AT(stack.snd_buf_bytes), 536, 1u << 30, B | L | S, OPTION_SIZE, GROUP_LIMITS},

	{"config", NULL, "FILE", "take the configuration from a file: a result's, or its \"config\"; the options here win (-c)",
	 NULL, AT(config), ANY, B | L | S, OPTION_TEXT, GROUP_OUTPUT},
	{"fail-if", "fail_if", "MEASURE>LIMIT", "exit 99 when crossed, such as 'p99_connect>500us', 'failed>0.001%' or 'closed_rate<1M'",
	 NULL, AT(fail_if), ANY, B | L, OPTION_CRITERIA, GROUP_OUTPUT},
	{"json", NULL, "FILE|-", "write the result there; -: to stdout, and nothing else",
	 NULL, AT(json), ANY, B | L | S, OPTION_TEXT, GROUP_OUTPUT},
	{"stages", "stages", NULL, "measure ns a connection by pipeline stage (costs a little speed)",
	 NULL, AT(has_stages), ANY, B, OPTION_FLAG, GROUP_OUTPUT},
	{"dry-run", NULL, NULL, "work out the plan, print it, and stop",
	 NULL, AT(is_dry_run), ANY, B | L | S, OPTION_FLAG, GROUP_OUTPUT},
	{"verbose", NULL, NULL, "let DPDK say on stderr what it does",
	 NULL, AT(is_verbose), ANY, B | L | S, OPTION_FLAG, GROUP_OUTPUT},
};
// clang-format on

const unsigned option_count = ARRAY_LEN(option_table);

const char *const option_group_titles[GROUP_COUNT] = {
	[GROUP_LOAD] = "Load",       [GROUP_EXCHANGE] = "Exchange", [GROUP_PLACE] = "Place",
	[GROUP_MACHINE] = "Machine", [GROUP_TCP] = "TCP",           [GROUP_LIMITS] = "Limits",
	[GROUP_OUTPUT] = "Output",
};
