#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Builds with the planted faults in it, turns them on one by one, and prints which test catches
# each; faults.py says more. Arguments name faults of lib/base/faults.def; without any, all of them.
# --sim: what the simulation catches by itself. --record: asks all tests, and notes in tests/faults.txt
# which to ask first.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_packages "${build_packages[@]}" libcunit1-dev python3/python3
dir=$(build_dir faults)
build "$dir" --buildtype=plain -Doptimization=1 -Dtests=true -Dfaults=true
python3 "$top/scripts/faults.py" "$dir" "$@"
