#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Installs what is missing, builds, runs every test (unit, sim, cli, net) and ends with the counts.
# Arguments go to `meson test`, for example: scripts/test.sh --suite unit

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

need_packages "${build_packages[@]}" "${test_packages[@]}"
tested_build

run_tests "$dir" "$@"
