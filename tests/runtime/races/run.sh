#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Data races: run.sh CNXC WORK. Builds models/digits, runtime and main.c with ThreadSanitizer, the generated code included
# (its LLVM IR is compiled once more; vectors of 16 bytes, since the sanitizer sees no larger accesses), and runs them. Then
# the same with the barrier's memory order taken away, which must be noticed. The executable, built in the same way, answers a folder
# on one thread and on four, and records a run. Ends with "N passed, N failed".
set -u
here=$(dirname "$0") root=$(dirname "$0")/../../.. cnxc=$1 work=$2
notices=$(dirname "$cnxc")/../runtime/licenses_text.c
sources=$(ls "$root"/runtime/*.c "$root"/runtime/image/*.c | grep -v -e /start.c) # the system's start files are linked
libraries="-ljpeg -lpng -lwebpdemux -lwebp -lz -lm -lpthread"
rm -rf "$work" && mkdir -p "$work" || exit 1

tsan() { clang-19 -fsanitize=thread -O1 -g -fPIC "$@"; }

build() { # PROGRAM THREADS_SOURCE
    tsan -I"$root" "$here/main.c" "$2" $(echo "$sources" | grep -v -e /main.c -e /threads.c) "$notices" \
        "$work/model.o" "$work/digits.o.weights.o" -o "$work/$1" $libraries
}

"$cnxc" compile "$root/models/digits" --emit=obj -mcpu=x86-64-v2 --save-temps -o "$work/digits.o" || exit 1
sed -i 's/\(attributes #[0-9]* = {\)/\1 sanitize_thread/' "$work/digits.o.ll"
tsan -Wno-override-module -c "$work/digits.o.ll" -o "$work/model.o" || exit 1
sed 's/memory_order_acquire/memory_order_relaxed/; s/atomic_fetch_add(\(&[a-z]*->[a-z]*\), 1)/atomic_fetch_add_explicit(\1, 1, memory_order_relaxed)/' \
    "$root/runtime/threads.c" >"$work/threads.c"
build sound "$root/runtime/threads.c" && build broken "$work/threads.c" || exit 1

base=$root/ir/base
tsan -I"$root" $sources "$root"/runtime/cli/*.c "$notices" $base/endings.c $base/escape.c $base/npy.c $base/utf8.c $base/words.c \
    "$work/model.o" "$work/digits.o.weights.o" -o "$work/program" $libraries || exit 1

passed=0 failed=0
result() { # NAME CODE
    [ "$2" = 0 ] && passed=$((passed + 1)) || { failed=$((failed + 1)) && echo "FAIL $1"; }
}
"$work/sound"
result "no race, the same bits with any number of threads" $?
"$work/broken" 2>&1 | grep -q "ThreadSanitizer: data race"
result "without the barrier's order a race is seen" $?
folder() { # THREADS: all pictures, and one that fails, as lines and as rows
    find "$root/models/digits/test" | sort | "$work/program" --threads "$1" --jsonl --files-from=- --output "logits=$work/rows$1.npy" \
        "$root/models/digits/test" "$here/run.sh" >"$work/lines$1" 2>"$work/errors$1"
    [ $? = 1 ] && ! grep -q ThreadSanitizer "$work/errors$1"
}
folder 1 && folder 4 && cmp "$work/lines1" "$work/lines4" && cmp "$work/rows1.npy" "$work/rows4.npy"
result "no race, the same answers of many pictures with any number of threads" $?
"$work/program" --bench --runs=20 --per-op --threads 3 --trace="$work/trace.json" >"$work/times" 2>"$work/errors"
[ $? = 0 ] && ! grep -q ThreadSanitizer "$work/errors" && grep -q '"tid": 2' "$work/trace.json"
result "no race, a run is recorded by all threads" $?
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
