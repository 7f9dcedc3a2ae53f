#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Half an hour of mixed load over the in-memory wire, at 80 % of what this machine can do, with the
# tuples of one source address used again and again, and then three million connections of the
# simulation; soak.py says more. One minute of the same: scripts/soak.sh --minutes 1

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_packages "${build_packages[@]}" libcunit1-dev python3/python3
tested_build
python3 "$top/scripts/soak.py" "$dir/apps/handclasp" "$dir/tests/sim/sim" "$@"
