// SPDX-License-Identifier: BSD-3-Clause
// Copyright (c) 2026 The handclasp authors

// The C++ half of t_headers.c.

#include <handclasp/handclasp.h>

#include "t_headers.h"

const struct header_layout header_layouts_cxx[] = {HEADER_LAYOUTS(HEADER_LAYOUT){nullptr, 0, 0}};
