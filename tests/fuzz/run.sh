#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Fuzzes: run.sh BUILD WORK SECONDS [TARGET…]. Each target of BUILD/bin for SECONDS, from WORK/seeds (made by seeds.py), from the
# corpus that is kept here and from what earlier runs found (WORK/corpus). A finding's input is left in WORK/findings, what was
# said in WORK/logs. Prints README.md's table, which adds up all runs in WORK, and ends with "N passed, N failed".
set -u
here=$(dirname "$0") build=$1 work=$2 seconds=$3
shift 3
[ $# -gt 0 ] || set -- $(cd "$here" && printf '%s\n' fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
passed=0 failed=0 TIMEFORMAT='cpu: %U %S'

search() { # TARGET LOG
    local kept=$work/kept/$1 words=() memory=3000 request=2000
    [ "$1" != h5 ] || memory=0 request=0 # libhdf5 asks for what a file says it needs
    mkdir -p "$work/corpus/$1" "$work/seeds/$1" "$work/findings" "$kept"
    [ ! -e "$here/corpus/$1.tar.xz" ] || tar -xJf "$here/corpus/$1.tar.xz" -C "$kept"
    [ ! -s "$work/seeds/$1.words" ] || words=(-dict="$work/seeds/$1.words")
    { time "$build/bin/fuzz_$1" -max_total_time="$seconds" -timeout=600 -report_slow_units=600 -rss_limit_mb=$memory -malloc_limit_mb=$request \
        -max_len=65536 "${words[@]}" -artifact_prefix="$work/findings/$1-" "$work/corpus/$1" "$kept" "$work/seeds/$1"; } >"$2" 2>&1
}

row() { # TARGET
    cat "$work/logs/$1"-*.log | awk -v target="$1" -v found="$(find "$work/findings" -name "$1-*" | wc -l)" '
        /^#[0-9]+/ { executed = substr($1, 2) }
        / cov: / { for (i = 1; i < NF; i++) { if ($i == "cov:" && $(i + 1) > cov) cov = $(i + 1); if ($i == "ft:" && $(i + 1) > ft) ft = $(i + 1) } }
        /^cpu: / { total += executed; executed = 0; seconds += $2 + $3 }
        END { printf "| %s | %d | %d | %d | %.0f | %d |\n", target, total, cov, ft, seconds, found }'
}

mkdir -p "$work/logs"
for target in "$@"; do
    log=$work/logs/$target-$(date +%s).log
    search "$target" "$log"
    code=$?
    if [ $code = 0 ]; then
        passed=$((passed + 1))
    elif [ $code = 72 ]; then
        failed=$((failed + 1))
        echo "$target: interrupted by a signal, nothing found so far"
    else
        failed=$((failed + 1))
        echo "$target: FOUND; the input's name is at the end"
        grep -avE '^#[0-9]|^cpu:' "$log" | tail -n 40
    fi
done
printf '| target | executions | edges | features | CPU seconds | findings |\n| --- | --- | --- | --- | --- | --- |\n'
for target in "$@"; do row "$target"; done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
