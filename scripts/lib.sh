# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors
# shellcheck shell=bash disable=SC2034 # The package lists are for those who source this.

# What bench.sh, test.sh, check.sh and .ci/run share: install what is missing, find a place to
# build, configure, compile. Sourced, never run. Everything said goes to stderr, so that standard
# output stays free for results.

set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
me=${0##*/}
export PATH=$PATH:/usr/sbin:/sbin

# Debian 12 packages. An entry PACKAGE/COMMAND is content with that command from anywhere.
build_packages=(gcc libc6-dev meson ninja-build pkg-config/pkg-config
    libdpdk-dev libnuma-dev libjansson-dev zlib1g-dev)
test_packages=(libcunit1-dev python3/python3 nginx/nginx curl/curl apache2-utils/ab wrk/wrk
    httperf/httperf nmap/nmap tshark/tshark iproute2/ip nftables/nft ethtool/ethtool iputils-ping/ping
    util-linux/unshare)
check_packages=(g++ clang/clang libclang-rt-14-dev clang-format-14/clang-format-14
    clang-tidy-14/clang-tidy-14 cppcheck/cppcheck codespell/codespell
    shellcheck/shellcheck sparse/sparse)

say() {
    printf '%s: %s\n' "$me" "$*" >&2
}

# die CODE SENTENCE
die() {
    local code=$1
    shift
    say "$*"
    exit "$code"
}

# head_is_help ARGUMENTS...: with --help the comment at the head of the script is what it says.
head_is_help() {
    case "${1-}" in
    -h | --help)
        sed -n '5,$ { /^#/!q; s/^# \{0,1\}//; p; }' "$0"
        exit 0
        ;;
    esac
}

# quietly COMMAND...: shows the output only if the command fails.
quietly() {
    local log code=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$code"
}

missing_packages() {
    local entry package command
    for entry; do
        package=${entry%%/*} command=
        [ "$package" = "$entry" ] || command=${entry#*/}
        if [ -n "$command" ] && command -v "$command" >/dev/null; then
            continue
        fi
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done
}

# Runs apt-get with services held back: installing nginx must not open a web server.
apt_install() {
    local policy=/usr/sbin/policy-rc.d code=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        # shellcheck disable=SC2064 # The path as it is now.
        trap "rm -f '$policy'" EXIT
    fi
    apt-get -q -y --no-install-recommends install "$@" || code=$?
    return "$code"
}

# need_packages ENTRY...: installs what is missing; an ordinary user is told what to ask root for.
need_packages() {
    local missing=()
    if ! command -v dpkg-query >/dev/null; then
        say "this is not Debian, so packages are up to you: ${*%%/*}"
        return 0
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        die 3 "packages are missing; run as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    if ! (apt_install "${missing[@]}") >/dev/null 2>&1 </dev/null; then
        # The usual reason is a package list that is absent or too old.
        quietly apt-get -q update || die 3 "apt-get update failed; look at /etc/apt and the network"
        (quietly apt_install "${missing[@]}") ||
            die 3 "apt-get could not install ${missing[*]}; its words stand above"
    fi
}

is_own_directory() {
    mkdir -p "$1" 2>/dev/null && [ -O "$1" ] && [ -w "$1" ]
}

# build_dir NAME: prints build/NAME in the tree, or, where that is not ours to write, a directory
# of ours that belongs to this tree.
build_dir() {
    local tree candidate
    tree=$(printf '%s' "$top" | cksum | cut -d ' ' -f 1)
    for candidate in "$top/build/$1" \
        "${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/handclasp/$tree/$1"; do
        if is_own_directory "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    mktemp -d || die 3 "found no directory to build in; make $top writable or set XDG_CACHE_HOME"
}

# build DIR [MESON OPTION...]: configures when the options are new, then compiles.
build() {
    local dir=$1
    shift
    if [ ! -f "$dir/build.ninja" ]; then
        say "configuring $dir"
        quietly meson setup "$@" "$dir" "$top" || die 1 "meson setup failed; its words stand above"
    elif [ "$*" != "$(cat "$dir/options" 2>/dev/null)" ]; then
        say "configuring $dir anew"
        meson setup --reconfigure "$@" "$dir" "$top" >/dev/null 2>&1 ||
            quietly meson setup --wipe "$@" "$dir" "$top" ||
            die 1 "meson setup failed; its words stand above"
    fi
    printf '%s\n' "$*" >"$dir/options"
    say "compiling in $dir"
    quietly ninja -C "$dir" || die 1 "the build failed; the compiler's words stand above"
}

# tested_build: the build that the tests run in; sets dir. With HC_STRICT, as CI and check.sh have it,
# a warning is an error, and the build is one of its own so that neither undoes the other's.
tested_build() {
    if [ -n "${HC_STRICT:-}" ]; then
        dir=$(build_dir check-gcc)
        CC=gcc build "$dir" --buildtype=release -Dtests=true -Dwerror=true
    else
        dir=$(build_dir test)
        build "$dir" --buildtype=release -Dtests=true
    fi
}

# run_tests DIR [MESON TEST OPTION...]: runs them and ends with the counts on stdout.
run_tests() {
    local dir=$1 code=0
    shift
    rm -f "$dir/meson-logs/testlog.json"
    meson test -C "$dir" --no-rebuild "$@" >&2 </dev/null || code=$?
    [ -s "$dir/meson-logs/testlog.json" ] || die 1 "no test ran in $dir"
    python3 "$top/scripts/test-summary.py" "$dir" || code=1
    return "$code"
}
