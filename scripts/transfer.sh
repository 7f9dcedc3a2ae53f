#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# A gigabyte each way between handclasp and this machine's kernel over net_tap, with 0, 1 and 10 % of
# all segments lost, compared by hash; prints a line for each. Arguments: --rto-min with the shortest
# retransmission timeout of both ends in ms (200, as kernels have it), a size in bytes, then the cases
# wanted, for example
#
#   scripts/transfer.sh --rto-min 20 100000000 we_send_and_a_tenth_is_lost

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "${1:-}" = --rto-min ]; then
    case ${2:-} in
    '' | *[!0-9]* | 0*) die 2 "--rto-min wants a number of milliseconds, such as 20" ;;
    esac
    export HC_TRANSFER_RTO_MIN=$2
    shift 2
fi
need_packages "${build_packages[@]}" "${test_packages[@]}"
tested_build
export HC_TRANSFER_BYTES=${1:-1000000000}
[ $# = 0 ] || shift
cases=("${@/#/transfer:}")
[ $# -gt 0 ] || cases=(transfer)
HC_TRANSFER_FIGURES=$(mktemp)
export HC_TRANSFER_FIGURES
trap 'rm -f "$HC_TRANSFER_FIGURES"' EXIT
code=0
"$top/tests/net/run.py" "$dir/apps/handclasp" "${cases[@]}" >&2 || code=$?
cat "$HC_TRANSFER_FIGURES"
exit "$code"
