#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Builds with the planted faults in it, turns them on one by one, and prints which test catches
# each; faults.py says more.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
    cat <<EOF
usage: scripts/faults.sh [--sim | --record] [FAULT...]
       scripts/faults.sh --list

Builds with deliberate faults in it (lib/base/faults.def), turns them on one by one, and prints
which test catches each. Without names of faults: all of them.

  --list    the names of the faults, and what each does
  --sim     what the simulation catches by itself
  --record  asks all tests, and notes in tests/faults.txt which to ask first
EOF
}

for word; do
    case $word in
    -h | --help) usage && exit ;;
    esac
done
need_packages python3/python3
if [ "$*" = --list ]; then
    exec python3 "$top/scripts/faults.py" --list
fi
# What is wrong is said before minutes of building.
python3 "$top/scripts/faults.py" --check "$@" || exit
need_packages "${build_packages[@]}" libcunit1-dev
dir=$(build_dir faults)
build "$dir" --buildtype=plain -Doptimization=1 -Dtests=true -Dfaults=true
python3 "$top/scripts/faults.py" "$dir" "$@"
