#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Installs what is missing, makes a release build and runs `handclasp bench`, which measures for 10 s
# unless told otherwise. Arguments go to `handclasp bench`. As root, where no hugepages are free, it
# reserves some for the run and gives them back.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

hugepages=/proc/sys/vm/nr_hugepages

# Pages of 2 MiB for the run: 1 GiB for each pair of stacks and its buffers, and 1 KiB for each held
# connection, at both ends; never more than half of the memory that is free.
pages_wanted() {
    local cores=1 live=0 available_mb
    while [ $# -gt 1 ]; do
        case $1 in
        --cores) cores=$2 ;;
        --live) live=$2 ;;
        esac
        shift
    done
    [[ $cores =~ ^[0-9]+$ && $live =~ ^[0-9]+$ ]] || return 0
    available_mb=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    local mb=$((1024 * cores + live / 1024))
    [ "$mb" -le $((available_mb / 2)) ] || mb=$((available_mb / 2))
    echo $((mb / 2))
}

reserve_hugepages() {
    local before pages
    before=$(cat "$hugepages" 2>/dev/null) || return 0
    [ "$(id -u)" = 0 ] || return 0
    grep -q '^Hugepagesize: *2048 kB' /proc/meminfo || return 0
    grep -q '^HugePages_Free: *0$' /proc/meminfo || return 0
    pages=$(pages_wanted "$@")
    [ -n "$pages" ] || return 0
    # shellcheck disable=SC2064 # The value as it is now.
    trap "echo '$before' >'$hugepages'" EXIT
    if echo $((before + pages)) 2>/dev/null >"$hugepages"; then
        say "reserved $(($(cat "$hugepages") - before)) hugepages of 2 MiB until the end of this run"
    else
        trap - EXIT
        say "could not reserve hugepages; running on ordinary memory, which is slower"
    fi
}

need_packages "${build_packages[@]}"
dir=$(build_dir release)
build "$dir" --buildtype=release -Dtests=false

reserve_hugepages "$@"
"$dir/apps/handclasp" bench "$@"
