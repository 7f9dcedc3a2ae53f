#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Installs what is missing, builds, runs every test (unit, sim, cli, net) and ends with the counts.
# Names of single tests run those alone; other arguments go to `meson test`.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
    cat <<EOF
usage: scripts/test.sh [OPTION of meson test | NAME...]

  scripts/test.sh                             all tests, ending with the counts
  scripts/test.sh --suite unit                a suite: unit, sim, cli or net
  scripts/test.sh cookies/always_makes_no_mini
                                              a unit test (build/test/tests/*/unit_* -l lists them)
  scripts/test.sh cookies/                    all unit tests of tests/unit/t_cookies.c
  scripts/test.sh SynFlood.test_cookies_keep_the_rate_up
                                              a test of the command line (tests/cli/*.py)
  scripts/test.sh SynFlood.                   all of that class
  scripts/test.sh closing:simultaneous_open   a net case; closing: for all of tests/net/closing.py
EOF
}

# unit_program SUITE/[TEST]: prints which program of the build has it.
unit_program() {
    local program
    for program in "$dir"/tests/*/unit_*; do
        # Not grep -q, which leaves what writes to it with a broken pipe, and pipefail fails.
        if [ -f "$program" ] && [ -x "$program" ] &&
            "$program" -l | sed 'p;s|/.*|/|' | grep -xF -- "$1" >/dev/null; then
            printf '%s\n' "$program"
            return 0
        fi
    done
    return 1
}

# cli_script CLASS.[TEST]: prints which script of tests/cli has it.
cli_script() {
    grep -l "^class ${1%%.*}(" "$top"/tests/cli/*.py | head -n 1 | grep .
}

# run_named NAME: one test, or those of one file.
run_named() {
    local name=$1 program
    local -a of=("$dir/apps/handclasp") # What the program is about.
    case $name in
    */*)
        program=$(unit_program "$name") ||
            die 2 "no unit test is called $name; $dir/tests/unit/unit_stack -l and its siblings list them"
        "$program" "${name%/}"
        ;;
    *:*) python3 "$top/tests/net/run.py" "${of[@]}" "${name%:}" ;;
    *.*)
        program=$(cli_script "$name") || die 2 "no class of tests/cli is called ${name%%.*}"
        [ "${program##*/}" != tools.py ] ||
            of=("$dir/tests/sim/sim" "$dir/tests/cli/unit_apps" "$dir/apps/examples/echo")
        python3 "$program" "${of[@]}" "${name%.}"
        ;;
    esac
}

named=false
for word; do
    case $word in
    -h | --help) usage && exit ;;
    -*) ;;
    *[/:.]*) named=true ;;
    esac
    # Behind an option a word may be its value.
    case $word in
    -*) break ;;
    esac
done
if $named; then
    for word; do
        [[ $word == *[/:.]* ]] || die 2 "$word is not SUITE/TEST, CLASS.TEST or MODULE:CASE; --help shows examples"
    done
fi
need_packages "${build_packages[@]}" "${test_packages[@]}"
tested_build

if $named; then
    code=0
    for word; do
        run_named "$word" || code=$?
    done
    exit "$code"
fi
run_tests "$dir" "$@"
