// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

// fx_stack.h with a table of sockets over its worker: what the worker reports goes to the sockets
// instead of to the test.

#include <handclasp/socket.h>

#include "fx_stack.h"

extern struct hc_sockets *fx_sockets;

#define FX_SOCKET_CAP 4u
#define FX_KEPT_CAP   3u

void fx_socket_open(const struct fx_options *o);
void fx_socket_shut(void);

// fx_step(), with the events taken in.
void fx_socket_step(void);
// fx_wait_ms(), step by step.
void fx_socket_wait_ms(uint32_t ms);

// A socket that listens on FX_PORT.
int fx_socket_listen(int backlog);
// The peer's connection through a listener, accepted; and through a new one, *listener, which may
// be NULL.
int fx_socket_accept_at(struct fx_peer *p, int listener);
int fx_socket_accept(struct fx_peer *p, int *listener);
// A socket whose SYN the peer has; and one that is connected.
int fx_socket_begin(struct fx_peer *p);
int fx_socket_connect(struct fx_peer *p);

// What poll finds of IN, OUT and RDHUP, and what it always reports.
unsigned fx_socket_poll(int sock);
int fx_socket_error(int sock);
