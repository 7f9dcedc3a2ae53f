// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors
#pragma once

/** @file All of the public interface. */

#include <handclasp/counters.h>
#include <handclasp/flood.h>
#include <handclasp/hist.h>
#include <handclasp/runtime.h>
#include <handclasp/socket.h>
#include <handclasp/stack.h>
#include <handclasp/types.h>
