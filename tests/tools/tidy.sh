#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# clang-tidy over all C: tidy.sh BUILD [FILE…]. BUILD is the folder of a debug build, whose assertions tell the analyzer what holds.
# Prints what is found; ends with "N passed, N failed", in files.
cd "$(dirname "$0")/../.." || exit 1
build=$1
shift
[ $# -gt 0 ] || set -- $(git ls-files 'ir/*.c' 'compiler/*.c' 'runtime/*.c')
tidy() { # FILE
    if found=$(clang-tidy-19 -p "$1" --quiet "$2" 2>/dev/null); then echo passed; else printf '%s\nfailed\n' "$found"; fi
}
export -f tidy
printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -n 1 bash -c 'tidy "$0" "$1"' "$build" | awk '
    $0 == "passed" { passed++; next }
    $0 == "failed" { failed++; next }
    { print }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || !passed }'
