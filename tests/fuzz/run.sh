#!/bin/bash
# Fuzzes: run.sh BUILD WORK SECONDS [TARGET…]. Each target of BUILD/bin for SECONDS, from WORK/seeds (made by seeds.py) and
# from what earlier runs found (WORK/corpus). A finding's input is left in WORK/findings. Ends with "N passed, N failed".
set -u
here=$(dirname "$0") build=$1 work=$2 seconds=$3
shift 3
[ $# -gt 0 ] || set -- $(cd "$here" && printf '%s\n' fuzz_*.c | sed 's/fuzz_\(.*\)\.c/\1/')
passed=0 failed=0
for target in "$@"; do
    mkdir -p "$work/corpus/$target" "$work/findings"
    log=$work/$target.log
    "$build/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=3000 -malloc_limit_mb=2000 -max_len=65536 \
        -dict="$work/seeds/$target.words" -artifact_prefix="$work/findings/$target-" "$work/corpus/$target" "$work/seeds/$target" >"$log" 2>&1
    code=$?
    if [ $code = 0 ]; then
        passed=$((passed + 1))
        echo "$target: $(grep -aE '^#[0-9]+' "$log" | tail -n 1)"
    elif [ $code = 72 ]; then
        failed=$((failed + 1))
        echo "$target: interrupted by a signal, nothing found so far"
    else
        failed=$((failed + 1))
        echo "$target: FOUND; the input's name is at the end"
        grep -avE '^#[0-9]' "$log" | tail -n 40
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
