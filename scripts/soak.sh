#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Half an hour of mixed load over the in-memory wire, at 80 % of what this machine can do, with the
# tuples of one source address used again and again, and then three million connections of the
# simulation; soak.py says more. One minute of the same: scripts/soak.sh --minutes 1

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
    cat <<EOF
usage: scripts/soak.sh [--minutes M]

Soaks the stack for M minutes (30; 0.1 at least) of load over the in-memory wire, and then 100000 M
connections of the simulation. Fails when anything is lost; README.md says of what that is made.
EOF
}

while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) usage && exit ;;
    --minutes)
        [[ ${2:-} =~ ^[0-9]{1,5}(\.[0-9]+)?$ && ! ${2:-} =~ ^0*(\.0.*)?$ ]] ||
            die 2 "--minutes wants a number of minutes, such as 30 or 0.5, and 0.1 at least"
        minutes=$2
        shift
        ;;
    *) die 2 "there is no option $1: there are --minutes M and --help" ;;
    esac
    shift
done
need_packages "${build_packages[@]}" libcunit1-dev python3/python3
tested_build
python3 "$top/scripts/soak.py" "$dir/apps/handclasp" "$dir/tests/sim/sim" --minutes "${minutes:-30}"
