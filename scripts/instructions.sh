#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Counts the instructions that opening and closing one connection takes, client and server together,
# and prints them beside the figure recorded in tests/bench/instructions.txt: the cost of a change
# that no noisy neighbour can blur. Needs valgrind, no hugepages, no root.
#
#   scripts/instructions.sh                      the figure, the recorded one, the difference
#   scripts/instructions.sh --functions          and how it spreads over functions
#   scripts/instructions.sh --record             writes the figure down
#   scripts/instructions.sh --no-latency         of a build that records no times
#   scripts/instructions.sh -- OPTION...         of another load (options of `handclasp bench`)
#
# How: `handclasp bench` runs twice under callgrind, opening N1 and N2 connections; what start, ramp
# and end take is in both, so (I2 - I1) / (N2 - N1) is the cost of a connection. Repeated runs
# agree to 0.1 %, because of these choices:
#   - only what client_step() and server_step() do is counted: the loop's own reading of the clock,
#     the main thread's lines once a second and the start-up depend on time;
#   - and of that, not what is done once a millisecond whatever the load (publishing the numbers,
#     ageing neighbours, looking for due timers): under valgrind it would weigh 50 times its weight;
#   - one pair of client and server with 1 000 connections in flight: every burst is full, so no
#     turn of the loop finds nothing to do;
#   - TIME-WAIT of 1 ms: each connection enters and leaves it within the run, as in a long one;
#   - no retransmission timer short enough to go off, however slow valgrind makes it all.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

head_is_help "$@"

record_file=$top/tests/bench/instructions.txt
n1=10000
n2=50000
record=false
functions=false
latency=true
while [ $# -gt 0 ]; do
    case $1 in
    --record) record=true ;;
    --functions) functions=true ;;
    --no-latency) latency=false ;;
    --)
        shift
        break
        ;;
    *) die 2 "usage: $me [--record] [--functions] [--no-latency] [-- OPTION of handclasp bench ...]" ;;
    esac
    shift
done
load=("$@")
if $record && { [ ${#load[@]} -gt 0 ] || ! $latency; }; then
    die 2 "only the default load and build are recorded; leave out --record, or --no-latency and what stands behind --"
fi

# valgrind 3.19 knows AVX2 where the processor has it, but no AVX-512, so -march=native will not do.
march=x86-64-v2
if grep -qw avx2 /proc/cpuinfo; then
    march=x86-64-v3
fi
options="--buildtype=release -Dmarch=$march"

need_packages "${build_packages[@]}" valgrind/valgrind
dir=$(build_dir instructions)
# shellcheck disable=SC2086 # Two words.
build "$dir" $options -Dtests=false -Dlatency=$latency
compiler=$(cc --version | head -n 1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# count N: leaves callgrind's file in $work/N and prints the instructions of N connections.
count() {
    say "counting $1 connections"
    if ! valgrind --tool=callgrind --callgrind-out-file="$work/$1" --collect-atstart=no \
        --toggle-collect=client_step --toggle-collect=server_step \
        --toggle-collect=hc_worker_publish --toggle-collect=hc_neigh_tick \
        --toggle-collect=hc_timers_expire_due \
        "$dir/apps/handclasp" bench --connections "$1" --concurrency 1000 --seed 1 --cores 1 \
        --hugepages off --time-wait 1 --rto-init 60000 --rto-min 60000 "${load[@]}" \
        >"$work/log" 2>&1 </dev/null; then
        cat "$work/log" >&2
        die 1 "the run under callgrind failed; its words stand above"
    fi
    grep -q ' 0 retransmitted' "$work/log" || die 1 "segments were retransmitted: not a clean run"
    sed -n 's/^totals: //p' "$work/$1"
}

# by_function N: one line "INSTRUCTIONS FUNCTION" each, sorted by name.
by_function() {
    callgrind_annotate --threshold=100 "$work/$1" |
        sed -nE 's/^ *([0-9,]+) \([ 0-9.]+%\) +[^:]*:([^ ]+).*/\1 \2/p' | tr -d , |
        awk '{ sum[$2] += $1 } END { for (f in sum) print sum[f], f }' | sort -k 2
}

i1=$(count "$n1")
i2=$(count "$n2")
figure=$(((i2 - i1 + (n2 - n1) / 2) / (n2 - n1)))
[ "$figure" -gt 0 ] || die 1 "nothing was counted"
echo "instructions per connection: $figure (both ends; $compiler, $options)"

recorded() {
    sed -n "s/^$1: //p" "$record_file" 2>/dev/null || true
}
was=$(recorded instructions_per_connection)
$latency || echo "build: -Dlatency=false, which records no times"
if [ ${#load[@]} -gt 0 ]; then
    echo "load: ${load[*]} (the recorded figure is of the default load)"
elif [ -z "$was" ]; then
    echo "recorded: none"
else
    echo "recorded:                    $was ($(recorded compiler), $(recorded options))"
    awk -v now="$figure" -v was="$was" \
        'BEGIN { printf "difference:                  %+.2f %%\n", (now - was) * 100 / was }'
    if [ "$compiler $options" != "$(recorded compiler) $(recorded options)" ]; then
        echo "note: compiler or options are not those of the record, so the difference is not of the code alone"
    fi
fi

if $functions; then
    echo
    echo "by function (itself, without what it calls):"
    join -1 2 -2 2 -a 2 -e 0 -o 1.1,2.1,0 <(by_function "$n1") <(by_function "$n2") |
        awk -v n=$((n2 - n1)) '{ per = ($2 - $1) / n; if (per >= 1) printf "%8.1f  %s\n", per, $3 }' |
        sort -rn
fi

if $record; then
    cat >"$record_file" <<EOF
# Written by scripts/instructions.sh --record, which says what is counted and how.
instructions_per_connection: $figure
compiler: $compiler
options: $options
EOF
    say "wrote $record_file"
fi
