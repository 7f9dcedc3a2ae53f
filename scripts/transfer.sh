#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# A gigabyte each way between handclasp and this machine's kernel over net_tap, with 0, 1 and 10 % of
# all segments lost, compared by hash; prints a line for each.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# The names of the cases, which tests/net/transfer.py has.
all_cases() {
    sed -n '/^@case(/{n;s/^def \([a-z_]*\)(.*/\1/p}' "$top/tests/net/transfer.py"
}

usage() {
    cat <<EOF
usage: scripts/transfer.sh [--rto-min MS] [BYTES] [CASE...]

Transfers BYTES (1000000000; k, M and G are 1024 each) between handclasp and this machine's kernel over
net_tap, compares them by hash, and prints a line for each CASE. Without CASE, all of them:

$(all_cases | sed 's/^/  /')

  --rto-min MS  shortest retransmission timeout of both ends (200, as kernels have it)
EOF
}

# bytes_of SIZE: prints it as a number; nothing if it is none, or none that can be transferred.
bytes_of() {
    local number=${1%[kMG]} unit=1
    case $1 in
    *k) unit=1024 ;;
    *M) unit=$((1 << 20)) ;;
    *G) unit=$((1 << 30)) ;;
    esac
    [[ $number =~ ^[1-9][0-9]{0,12}$ ]] && [ "$number" -le $(((1 << 40) / unit)) ] &&
        echo $((number * unit))
}

bytes=1000000000
cases=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit ;;
    --rto-min)
        [[ ${2:-} =~ ^[1-9][0-9]{0,7}$ ]] ||
            die 2 "--rto-min wants a number of milliseconds, such as 20"
        export HC_TRANSFER_RTO_MIN=$2
        shift
        ;;
    -*) die 2 "there is no option $1; --help says what there is" ;;
    [0-9]* | '')
        bytes=$(bytes_of "$1") ||
            die 2 "the size '$1' is not understood: give a number of bytes such as 100000000 or 10M, up to 1024G"
        ;;
    *)
        all_cases | grep -x -- "$1" >/dev/null || die 2 "no case is called '$1'; --help lists them"
        cases+=("transfer:$1")
        ;;
    esac
    shift
done
need_packages "${build_packages[@]}" "${test_packages[@]}"
tested_build
export HC_TRANSFER_BYTES=$bytes
[ ${#cases[@]} -gt 0 ] || cases=(transfer)
HC_TRANSFER_FIGURES=$(mktemp)
export HC_TRANSFER_FIGURES
trap 'rm -f "$HC_TRANSFER_FIGURES"' EXIT
code=0
"$top/tests/net/run.py" "$dir/apps/handclasp" "${cases[@]}" >&2 || code=$?
cat "$HC_TRANSFER_FIGURES"
exit "$code"
