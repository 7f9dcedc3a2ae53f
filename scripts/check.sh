#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Every check but the tests themselves, ending at the first that fails. Arguments name the checks to
# run, `beside` those that only compute, which CI runs beside the tests, `after` the others; without
# any, all of them, in this order:
#
#   format     clang-format 14 has nothing to change
#   layers     includes point to the left (check-layers.py)
#   tree       licences, counters, RFC numbers, words (check-tree.py)
#   commits    form of commit messages (check-commits.sh)
#   spelling   codespell
#   shell      shellcheck
#   cppcheck   warnings, performance, portability
#   sparse     byte order of the layers without DPDK
#   clang      builds without a warning, in the build that the sanitizers use
#   tidy       clang-tidy 14 on lib and apps
#   sanitizers unit and simulation tests under ASan and UBSan
#   portable   the same of a build for x86-64-v2 without our SIMD
#   gcc        builds without a warning; CI runs the tests in it
#   installed  an application builds against what `meson install` puts down, and nothing else
#   requirements tests/rfc9293.md: every item has its row, every test it names exists and passes
#   faults     deliberate faults, each of which a test has to catch (faults.sh)
#   soak       a minute of soak.sh
#   fuzz       a quarter of a minute of each of the four fuzz targets, under ASan and UBSan

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

head_is_help "$@"

cd "$top" || exit 3
export HC_STRICT=1

beside_checks=(format layers tree commits spelling shell cppcheck sparse clang tidy sanitizers
    portable)
after_checks=(gcc installed requirements faults soak fuzz)
all_checks=("${beside_checks[@]}" "${after_checks[@]}")

# sources PATTERN...: files git tracks, or would.
sources() {
    git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | sort -u |
        while read -r path; do [ ! -f "$path" ] || printf '%s\n' "$path"; done
}

check_format() {
    clang-format-14 --version | grep 'version 14\.' >/dev/null || die 3 "clang-format 14 is needed"
    sources '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror
}

check_layers() {
    python3 scripts/check-layers.py
}

check_tree() {
    python3 scripts/check-tree.py
}

check_commits() {
    scripts/check-commits.sh
}

check_spelling() {
    # iff, ba and the like are words of this trade, and code names are not prose.
    sources '*.c' '*.h' '*.def' '*.py' '*.sh' '*.md' '*.build' meson_options.txt .ci/run |
        xargs codespell --ignore-words-list=ans,ect,fo,iff,lod,nd,ot,parms,te,tha
}

check_shell() {
    sources '*.sh' .ci/run | xargs shellcheck -x
    # It leaves at the first match; who still writes to it dies, and pipefail takes that for no match.
    if sources '*.sh' .ci/run | xargs grep -nE '\| *grep (-[a-z]* )*-[a-z]*q'; then
        die 1 "grep -q at the end of a pipe: write '>/dev/null' instead"
    fi
}

check_cppcheck() {
    sources 'lib/*.c' 'apps/*.c' |
        cppcheck --quiet --file-list=- -j "$(nproc)" --std=c11 --language=c \
            --enable=warning,performance,portability --error-exitcode=1 --inline-suppr \
            --suppress=missingIncludeSystem -I include -I lib -I apps \
            -DHC_WITH_ASSERT=1 -D__x86_64__=1 -D__BYTE_ORDER__=1234 -D__ORDER_LITTLE_ENDIAN__=1234
}

check_sparse() {
    local out
    out=$(sources 'lib/base/*.c' 'lib/wire/*.c' 'lib/tcp/*.c' |
        xargs -n 1 sparse -std=gnu11 -Wbitwise -Wno-decl -D_GNU_SOURCE -DHC_WITH_ASSERT=1 \
            -DHC_NO_SIMD -I include -I lib 2>&1) || out+=" (exit code $?)"
    [ -z "$out" ] || { printf '%s\n' "$out" && return 1; }
}

check_gcc() {
    local dir
    tested_build
}

# One build for three checks: what clang warns of, what its analyser finds, and what the sanitizers
# see when the tests run.
clang_build() {
    CC=clang build "$1" --buildtype=debugoptimized -Dwerror=true \
        -Db_sanitize=address,undefined -Db_lundef=false
}

check_clang() {
    clang_build "$(build_dir check-clang)"
}

run_tidy() {
    # Left out: what objects to intended idioms, and the va_list check of version 14, which takes
    # every second file of a run for wrong.
    local checks='-*,bugprone-*,clang-analyzer-*,cert-err33-c,misc-redundant-expression'
    checks+=',-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier'
    checks+=',-bugprone-narrowing-conversions,-bugprone-implicit-widening-of-multiplication-result'
    checks+=',-bugprone-assignment-in-if-condition,-bugprone-macro-parentheses'
    checks+=',-bugprone-sizeof-expression,-clang-analyzer-valist.Uninitialized'
    checks+=',-bugprone-suspicious-missing-comma,-bugprone-misplaced-widening-cast'
    # What printing returns is nobody's business; a result written to a file is checked at the end.
    local config="{CheckOptions: [{key: cert-err33-c.CheckedFunctions, value: '::aligned_alloc;"
    config+="::calloc;::fclose;::fflush;::fgets;::fopen;::fread;::fwrite;::malloc;::realloc;"
    config+="::remove;::rename;::setvbuf;::signal;::strtod;::strtol;::strtoul;::strtoull'}]}"
    checks+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'
    sources 'lib/*.c' 'apps/*.c' |
        xargs -n 2 -P "$(nproc)" clang-tidy-14 --quiet -p "$(build_dir check-clang)" \
            --checks="$checks" --config="$config" --warnings-as-errors='*'
}

check_tidy() {
    clang_build "$(build_dir check-clang)"
    quietly run_tidy
}

check_installed() {
    local dir root pc flags said
    tested_build
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # The path as it is now.
    trap "rm -rf '$root'" EXIT
    DESTDIR=$root quietly meson install -C "$dir" --no-rebuild
    pc=$(find "$root" -name libhandclasp.pc)
    flags=$(PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$root \
        pkg-config --cflags --libs libhandclasp)
    # shellcheck disable=SC2086 # Flags are words.
    gcc -std=gnu11 -Wall -Wextra -Werror -o "$root/echo" apps/examples/echo.c $flags
    # It says how it is used, so it found its library.
    said=$(LD_LIBRARY_PATH=$(dirname "$(find "$root" -name libhandclasp.so)") \
        "$root/echo" 2>&1 || true)
    [[ $said == *usage* ]] || die 1 "the example does not start: $said"
}

check_sanitizers() {
    local dir
    dir=$(build_dir check-clang)
    clang_build "$dir"
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run_tests "$dir" --suite unit --suite sim --timeout-multiplier 5
}

check_portable() {
    local dir
    dir=$(build_dir check-portable)
    build "$dir" --buildtype=release -Dmarch=x86-64-v2 -Dsimd=false
    run_tests "$dir" --suite unit --suite sim --timeout-multiplier 5
}

check_requirements() {
    local dir
    tested_build
    python3 scripts/check-requirements.py "$dir"
}

check_faults() {
    scripts/faults.sh
}

check_soak() {
    scripts/soak.sh --minutes 1
}

run_fuzz() {
    local dir=$1 target=$2
    # What it finds it leaves in the build directory.
    quietly "$target" -max_total_time=15 -entropic=0 -artifact_prefix="$dir/" \
        -print_final_stats=1 "$dir/corpus/${target##*/fuzz_}" ||
        die 1 "${target##*/} found something"
}

check_fuzz() {
    local dir target job code=0
    local -a jobs=()
    dir=$(build_dir check-fuzz)
    CC=clang build "$dir" --buildtype=debugoptimized -Dfuzz=true -Dtests=false -Db_lundef=false \
        -Db_sanitize=address,undefined
    quietly python3 tests/fuzz/make_corpus.py "$dir/corpus"
    for target in "$dir"/tests/fuzz/fuzz_*; do
        [ -f "$target" ] || continue
        run_fuzz "$dir" "$target" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do
        wait "$job" || code=1
    done
    return "$code"
}

case "$*" in
"") set -- "${all_checks[@]}" ;;
beside) set -- "${beside_checks[@]}" ;;
after) set -- "${after_checks[@]}" ;;
esac
for name; do
    declare -F "check_$name" >/dev/null || die 2 "no check '$name'; there are ${all_checks[*]}"
done
need_packages "${build_packages[@]}" "${test_packages[@]}" "${check_packages[@]}"
for name; do
    SECONDS=0
    # Not the condition of an `if`: within one, no command that fails ends the check.
    set +e
    (
        set -e
        "check_$name"
    )
    code=$?
    set -e
    [ "$code" = 0 ] || die 1 "check '$name' failed; alone again: scripts/check.sh $name"
    say "$name passed (${SECONDS} s)"
done
