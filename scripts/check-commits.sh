#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The handclasp authors

# Checks the form of commit messages: `area: what changes` of at most 65 characters, lower case
# after the colon, no full stop at the end; an empty line; a body, wrapped at 72 (a line may hang
# over, to 80 at most). Merges are left alone. Argument: a range; default: what upstream does not have yet.

# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

git() {
    command git -c safe.directory='*' -C "$top" "$@"
}

range=${1:-}
if [ -z "$range" ]; then
    upstream=$(git rev-parse --verify --quiet '@{upstream}' 2>/dev/null ||
        git rev-parse --verify --quiet origin/HEAD || true)
    range=${upstream:+$upstream..}HEAD
fi

offences=0
offend() {
    printf '%s %s: %s\n' "${commit:0:12}" "'$subject'" "$1"
    offences=$((offences + 1))
}

count=0
for commit in $(git rev-list --no-merges "$range"); do
    count=$((count + 1))
    mapfile -t message < <(git log -1 --format=%B "$commit")
    subject=${message[0]}
    [ ${#subject} -le 65 ] || offend "subject is longer than 65 characters"
    [[ $subject =~ ^[a-z0-9_./,-]+(\ [a-z0-9_./,-]+)*:\ [^A-Z\ ] ]] ||
        offend "subject is not of the form 'area: what changes, lower case'"
    [[ $subject != *. ]] || offend "subject ends with a full stop"
    [ -z "${message[1]:-}" ] || offend "second line is not empty"
    [ -n "${message[2]:-}" ] || offend "there is no body that says why"
    for line in "${message[@]:2}"; do
        # Lines that quote (indented) or hold one long word cannot be wrapped.
        if [ ${#line} -gt 80 ] && [[ $line == [^\ ]*\ * ]]; then
            offend "body line is longer than 80 characters: $line"
        fi
    done
done
echo "check-commits: $count commits in $range, $offences offences"
[ "$offences" = 0 ]
