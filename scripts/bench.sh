#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Installs what is missing, makes a release build and runs `handclasp bench`, which measures for 10 s
# unless told otherwise. Arguments go to `handclasp bench`. As root, where no hugepages are free, it
# reserves some for the run and gives them back.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

hugepages=/proc/sys/vm/nr_hugepages

# How many MB the run will take, by its own plan. Called with the program and its arguments.
megabytes_planned() {
    local program=$1 arguments=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        case $1 in
        --json) shift ;; # The result's file is not for the plan.
        --json=*) ;;
        *) arguments+=("$1") ;;
        esac
        [ $# = 0 ] || shift
    done
    "$program" bench --dry-run "${arguments[@]}" 2>/dev/null |
        sed -n 's/^plan: \([0-9]*\) MB of memory$/\1/p' || true
}

reserve_hugepages() {
    local before free_mb wanted_mb
    before=$(cat "$hugepages" 2>/dev/null) || return 0
    [ "$(id -u)" = 0 ] && [[ " $* " != *" --hugepages off "* ]] || return 0
    grep -q '^Hugepagesize: *2048 kB' /proc/meminfo || return 0
    wanted_mb=$(megabytes_planned "$@")
    free_mb=$(awk '/^HugePages_Free:/ { print 2 * $2 }' /proc/meminfo)
    # The plan, and what the program asks for on top of it for EAL and the drivers.
    wanted_mb=$((${wanted_mb:-0} * 5 / 4 + 128))
    [ "$wanted_mb" -gt "$free_mb" ] || return 0
    # shellcheck disable=SC2064 # The value as it is now.
    trap "echo '$before' >'$hugepages'" EXIT
    if echo $((before + (wanted_mb - free_mb + 1) / 2)) 2>/dev/null >"$hugepages"; then
        say "reserved $(($(cat "$hugepages") - before)) hugepages of 2 MiB until the end of this run"
    else
        trap - EXIT
        say "could not reserve hugepages; running on ordinary memory, which is slower"
    fi
}

need_packages "${build_packages[@]}"
dir=$(build_dir release)
build "$dir" --buildtype=release -Dtests=false

reserve_hugepages "$dir/apps/handclasp" "$@"
"$dir/apps/handclasp" bench "$@"
