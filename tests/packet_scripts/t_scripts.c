// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The eleven states, each brought about by packets and calls, against every kind of segment at
// every place where the answer changes: RFC 9293 3.10.7, with RFC 5961 and RFC 1337. What has to
// come back stands in tables, a letter for each place:
//
//     .  nothing                        R  RST
//     A  ACK of what was there before   S  SYN,ACK
//     a  ACK of the segment             x  nothing, and the connection is gone
//
// A small letter behind it is the state afterwards, if that is another: (e)stablished, close-wait
// (w), closin(g), (t)ime-wait, fin-wait-2 (2), last-ac(k). A connection that has a socket tells its
// state; of every one that answers the unacceptable with an ACK (3.10.7.4, first) it is known to be
// there.
//
// Everything is done thrice, with sequence numbers that begin anywhere, that wrap within the
// window, and that change their sign there.

#include "fx_tool.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_US 600000 // Longer than an ACK may be delayed, shorter than a retransmission waits.
#define PLACES     6u     // RCV.NXT - 1, RCV.NXT, RCV.NXT + 1, edge - 1, edge, edge + 1000.

enum state {
	CLOSED,
	LISTEN,
	SYN_SENT,
	SYN_RCVD,
	ESTABLISHED,
	FIN_WAIT_1,
	FIN_WAIT_2,
	CLOSE_WAIT,
	CLOSING,
	LAST_ACK,
	TIME_WAIT,
};

static const uint32_t firsts[] = {1000, 0xffffffff - 30000, 0x7fffffff - 30000};

// What the rows of a test have in common.
struct row_run {
	enum state state;
	uint32_t first;
	bool is_by_ack; // Places are of the acknowledgment, not of the sequence number.
};

struct conn {
	struct tool_peer p;
	int fd; // -1: none.
	enum state state;
};

static int listener = -1;

static void no_linger(int fd)
{
	const struct linger l = {.l_onoff = 1, .l_linger = 0};

	UNIT_EQ(tool.setsockopt(tool.userdata, fd, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
}

// The next segment has these flags.
static void expect(struct conn *c, unsigned flags)
{
	const struct frame_view *v = tool_take(&c->p, TIMEOUT_US);

	CU_ASSERT_PTR_NOT_NULL(v);
	if (v)
		UNIT_EQ(v->flags, flags);
}

static void put(struct conn *c, unsigned flags, uint32_t len)
{
	tool_put(&c->p, flags, c->p.seq, c->p.ack, len);
	c->p.seq += len + ((flags & (FRAME_SYN | FRAME_FIN)) != 0);
}

static void begin_connect(struct conn *c)
{
	const struct sockaddr_in remote = {
		.sin_family = AF_INET,
		.sin_port = htons(c->p.port),
		.sin_addr.s_addr = htonl(TOOL_REMOTE),
	};

	c->fd = tool.socket(tool.userdata, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CU_ASSERT(c->fd >= 0);
	UNIT_EQ(tool.connect(tool.userdata, c->fd, (const struct sockaddr *)&remote, sizeof remote),
		-1);
	expect(c, FRAME_SYN);
	no_linger(c->fd);
}

static void half_open(struct conn *c)
{
	put(c, FRAME_SYN, 0);
	expect(c, FRAME_SYN | FRAME_ACK);
}

static void establish(struct conn *c)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof peer;

	half_open(c);
	put(c, FRAME_ACK, 0);
	c->fd = tool.accept(tool.userdata, listener, (struct sockaddr *)&peer, &len);
	CU_ASSERT(c->fd >= 0);
	UNIT_EQ(ntohs(peer.sin_port), c->p.port);
	no_linger(c->fd);
}

static void send_fin(struct conn *c)
{
	UNIT_EQ(tool.shutdown(tool.userdata, c->fd, SHUT_WR), 0);
	expect(c, FRAME_FIN | FRAME_ACK);
}

static void receive_fin(struct conn *c, uint32_t ack)
{
	tool_put(&c->p, FRAME_FIN | FRAME_ACK, c->p.seq++, ack, 0);
	expect(c, FRAME_ACK);
}

// Brings a new connection into a state.
static struct conn enter(enum state state, uint32_t first)
{
	struct conn c = {.p = tool_peer_new(first), .fd = -1, .state = state};

	switch (state) {
	case CLOSED:
		c.p.local_port = TOOL_PORT + 1;
		break;
	case LISTEN:
		break;
	case SYN_SENT:
		begin_connect(&c);
		break;
	case SYN_RCVD:
		half_open(&c);
		break;
	default:
		establish(&c);
		break;
	}
	if (state == FIN_WAIT_1 || state == FIN_WAIT_2 || state == CLOSING || state == TIME_WAIT)
		send_fin(&c);
	if (state == FIN_WAIT_2 || state == TIME_WAIT)
		put(&c, FRAME_ACK, 0);
	if (state == CLOSE_WAIT || state == LAST_ACK || state == TIME_WAIT)
		receive_fin(&c, c.p.ack);
	if (state == CLOSING)
		receive_fin(&c, c.p.ack - 1);
	if (state == LAST_ACK)
		send_fin(&c);
	return c;
}

// Ends what is left of a connection, and lets time pass, so that the next has its own allowance of
// challenge ACKs.
static void leave(struct conn *c)
{
	int fd;

	while ((fd = tool.accept(tool.userdata, listener, NULL, NULL)) >= 0)
		UNIT_EQ(tool.close(tool.userdata, fd), 0);
	if (c->fd >= 0)
		UNIT_EQ(tool.close(tool.userdata, c->fd), 0);
	tool_put(&c->p, FRAME_RST, c->p.seq, 0, 0);
	UNIT_EQ(tool.usleep(tool.userdata, 200000), 0);
}

/* --------------------------------------------------------------------------------- the judgement
 */

static char letter_of(const struct conn *c, const struct frame_view *v, uint32_t seq, uint32_t len)
{
	if (!v)
		return '.';
	if (v->flags & FRAME_RST)
		return 'R';
	if (v->flags & FRAME_SYN)
		return 'S';
	if (v->payload_len || v->flags & FRAME_FIN)
		return '?';
	if (v->ack == seq + len && len && v->ack != c->p.seq)
		return 'a';
	return v->ack == c->p.seq ? 'A' : '?';
}

// Of a connection that has a socket, by Linux's numbers; 0 where the state has none.
static int number_of(enum state state, char next)
{
	static const int numbers[] = {
		[SYN_SENT] = 2,   [ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5,
		[CLOSE_WAIT] = 8, [CLOSING] = 11,    [LAST_ACK] = 9,   [TIME_WAIT] = 7,
	};

	switch (next) {
	case 'e':
		return 1;
	case 'w':
		return 8;
	case 'g':
		return 11;
	case 't': // The socket has seen all of it.
	case 'x':
		return 7;
	case '2':
		return 5;
	case 'r':
		return 3;
	default:
		return numbers[state];
	}
}

// What is not acceptable is answered with an ACK by every connection that there is, by an RST where
// there is none.
static bool is_there(struct conn *c)
{
	const struct frame_view *v;

	tool_put(&c->p, FRAME_ACK, c->p.seq - 70000, c->p.ack, 0);
	v = tool_take(&c->p, TIMEOUT_US);
	return v && !(v->flags & FRAME_RST);
}

static void complain(const struct conn *c, const char *row, unsigned place, char found)
{
	char text[200];

	(void)snprintf(text, sizeof text, "state %d, row \"%s\", place %u, first %08x: '%c'",
		       (int)c->state, row, place, (unsigned)c->p.irs, found);
	CU_assertImplementation(CU_FALSE, __LINE__, text, __FILE__, "", CU_FALSE);
}

// One segment to a connection, and what becomes of it. `cell` is a letter and perhaps another.
static void judge(struct conn *c, const char *row, unsigned place, const char *cell, unsigned flags,
		  uint32_t seq, uint32_t ack, uint32_t len)
{
	uint32_t seg_len = len + ((flags & (FRAME_SYN | FRAME_FIN)) != 0);
	char next = cell[1];
	char wanted = cell[0] == 'x' ? '.' : cell[0];
	char found;
	bool should_be_there = cell[0] != 'x';

	tool_put(&c->p, flags, seq, ack, len);
	found = letter_of(c, tool_take(&c->p, TIMEOUT_US), seq, seg_len);
	if (found != wanted)
		complain(c, row, place, found);
	if (found == 'a')
		c->p.seq = seq + seg_len;
	if (cell[0] == 'x')
		next = 'x';
	if (c->fd >= 0 && tool_state(c->fd) != number_of(c->state, next))
		complain(c, row, place, 'n');
	if (c->state > SYN_SENT && wanted != 'S' && wanted != 'R' && is_there(c) != should_be_there)
		complain(c, row, place, 'p');
}

// The flags of a row: its first word.
static unsigned flags_of(const char *row)
{
	unsigned flags = 0;

	for (; *row != ' '; row++) {
		flags |= *row == 'S' ? FRAME_SYN : 0;
		flags |= *row == 'A' ? FRAME_ACK : 0;
		flags |= *row == 'F' ? FRAME_FIN : 0;
		flags |= *row == 'R' ? FRAME_RST : 0;
	}
	return flags;
}

// What was acknowledged of the host's last.
static uint32_t una_of(const struct conn *c)
{
	bool is_open = c->state == SYN_SENT || c->state == SYN_RCVD || c->state == FIN_WAIT_1 ||
		       c->state == CLOSING || c->state == LAST_ACK;

	return c->p.ack - is_open;
}

// One cell: a connection of its own.
static void run_cell(const struct row_run *r, const char *row, unsigned place, const char *cell)
{
	struct conn c = enter(r->state, r->first);
	uint32_t una = una_of(&c);
	const uint32_t seqs[PLACES] = {c.p.seq - 1,  c.p.seq,  c.p.seq + 1,
				       c.p.edge - 1, c.p.edge, c.p.edge + 1000};
	const uint32_t acks[PLACES] = {una - 70000, una - 1,     una,
				       c.p.ack,     c.p.ack + 1, c.p.ack + (1u << 30)};
	bool has_data = memchr(row, 'D', (size_t)(strchr(row, ' ') - row)) != NULL;

	judge(&c, row, place, cell, flags_of(row), r->is_by_ack ? c.p.seq : seqs[place],
	      r->is_by_ack ? acks[place] : una, has_data);
	leave(&c);
}

// A row is flags, then a cell for each place; a D in the flags is a byte of data, a 0 none at all.
static void run_row(const struct row_run *r, const char *row)
{
	const char *cell = strchr(row, ' ');

	for (unsigned place = 0; cell; place++, cell = strchr(cell, ' ')) {
		char two[2];

		CU_ASSERT_FATAL(place < PLACES);
		cell += strspn(cell, " ");
		two[0] = cell[0];
		two[1] = cell[1] == ' ' ? '\0' : cell[1];
		run_cell(r, row, place, two);
	}
}

static void run_rows(enum state state, bool is_by_ack, const char *const *rows)
{
	tool_open("linux,no-timestamps,no-sack,no-wscale,rto_min=5000");
	listener = tool_listen();
	UNIT_EQ(tool.fcntl(tool.userdata, listener, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	for (unsigned i = 0; i < 3; i++)
		for (const char *const *row = rows; *row; row++)
			run_row(&(struct row_run){state, firsts[i], is_by_ack}, *row);
	tool_shut();
}

/* ------------------------------------------------------------------------------------- the tables
 */

// clang-format off
// By place of the sequence number: RCV.NXT - 1, RCV.NXT, RCV.NXT + 1, edge - 1, edge, edge + 1000.
// RFC 5961 3.2 decides the rows of R, 4.2 those of S.
#define RST_AND_SYN                                                                                \
	"R  . x A A . .",                                                                          \
	"RA . x A A . .",                                                                          \
	"S  A A A A A A",                                                                          \
	"SA A A A A A A",                                                                          \
	"A  A . . . A A",                                                                          \
	"0D A . . . A A"

static const char *const established[] = {RST_AND_SYN,
	"DA A a A A A A",
	"FA A aw A A A A",
	NULL};

static const char *const fin_wait_1[] = {RST_AND_SYN,
	"DA A a A A A A",
	"FA A ag A A A A",
	NULL};

static const char *const fin_wait_2[] = {RST_AND_SYN,
	"DA A a A A A A",
	"FA A at A A A A",
	NULL};

// The peer has said its last: text and FINs behind it are nothing, and it is told where we are.
static const char *const behind_fin[] = {RST_AND_SYN,
	"DA A A A A A A",
	"FA A A A A A A",
	NULL};

// RFC 1337 3, F1: RST is ignored. RFC 9293 3.10.7.4: a SYN beyond the last number opens anew.
static const char *const time_wait[] = {
	"R  . . . . . .",
	"RA . . . . . .",
	"S  A A S S S S",
	"A  A . A A A A",
	"FA A A A A A A",
	NULL};

static const char *const syn_rcvd[] = {
	"R  . x A A . .",
	"RA . x A A . .",
	"S  S A A A A A",
	NULL};

static const char *const listening[] = {
	"R .", "RA .", "S S", "SA R", "A R", "FA R", "DA R", "F .", "0D .",
	NULL};

static const char *const closed[] = {
	"R .", "RA .", "S R", "SA R", "A R", "FA R", "DA R", "F R", "0D R",
	NULL};

// By place of the acknowledgment: SND.UNA - 70000, SND.UNA - 1, SND.UNA, SND.NXT, SND.NXT + 1,
// SND.NXT + 2^30. RFC 5961 5.2 decides the first.
static const char *const syn_sent_acks[] = {
	"A  R R R . R R",
	"SA R R R ae R R",
	"RA . . . x . .",
	"FA R R R . R R",
	"S  Sr",
	"R  .",
	NULL};

static const char *const syn_rcvd_acks[]    = {"A R R R . R R", NULL};
static const char *const nothing_sent_acks[] = {"A A . . . A A", NULL};
static const char *const fin_wait_1_acks[]  = {"A A . . .2 A A", NULL};
static const char *const closing_acks[]     = {"A A . . .t A A", NULL};
static const char *const last_ack_acks[]    = {"A A . . x A A", NULL};
// clang-format on

#define BY_PLACE(name, state, rows)                                                                \
	static void name(void)                                                                     \
	{                                                                                          \
		run_rows(state, false, rows);                                                      \
	}
#define BY_ACK(name, state, rows)                                                                  \
	static void name(void)                                                                     \
	{                                                                                          \
		run_rows(state, true, rows);                                                       \
	}

BY_PLACE(closed_by_place, CLOSED, closed)
BY_PLACE(listen_by_place, LISTEN, listening)
BY_ACK(syn_sent_by_ack, SYN_SENT, syn_sent_acks)
BY_PLACE(syn_rcvd_by_place, SYN_RCVD, syn_rcvd)
BY_ACK(syn_rcvd_by_ack, SYN_RCVD, syn_rcvd_acks)
BY_PLACE(established_by_place, ESTABLISHED, established)
BY_ACK(established_by_ack, ESTABLISHED, nothing_sent_acks)
BY_PLACE(fin_wait_1_by_place, FIN_WAIT_1, fin_wait_1)
BY_ACK(fin_wait_1_by_ack, FIN_WAIT_1, fin_wait_1_acks)
BY_PLACE(fin_wait_2_by_place, FIN_WAIT_2, fin_wait_2)
BY_ACK(fin_wait_2_by_ack, FIN_WAIT_2, nothing_sent_acks)
BY_PLACE(close_wait_by_place, CLOSE_WAIT, behind_fin)
BY_ACK(close_wait_by_ack, CLOSE_WAIT, nothing_sent_acks)
BY_PLACE(closing_by_place, CLOSING, behind_fin)
BY_ACK(closing_by_ack, CLOSING, closing_acks)
BY_PLACE(last_ack_by_place, LAST_ACK, behind_fin)
BY_ACK(last_ack_by_ack, LAST_ACK, last_ack_acks)
BY_PLACE(time_wait_by_place, TIME_WAIT, time_wait)

UNIT_SUITE(scripts, UNIT_TEST(closed_by_place), UNIT_TEST(listen_by_place),
	   UNIT_TEST(syn_sent_by_ack), UNIT_TEST(syn_rcvd_by_place), UNIT_TEST(syn_rcvd_by_ack),
	   UNIT_TEST(established_by_place), UNIT_TEST(established_by_ack),
	   UNIT_TEST(fin_wait_1_by_place), UNIT_TEST(fin_wait_1_by_ack),
	   UNIT_TEST(fin_wait_2_by_place), UNIT_TEST(fin_wait_2_by_ack),
	   UNIT_TEST(close_wait_by_place), UNIT_TEST(close_wait_by_ack),
	   UNIT_TEST(closing_by_place), UNIT_TEST(closing_by_ack), UNIT_TEST(last_ack_by_place),
	   UNIT_TEST(last_ack_by_ack), UNIT_TEST(time_wait_by_place));
