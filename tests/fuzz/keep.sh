#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Keeps what was found beyond the seeds, so that a search elsewhere starts there: keep.sh BUILD WORK [TARGET…]. Of inputs up to
# 4 KB, those that reach what neither seeds nor smaller ones do go into corpus/TARGET.tar.xz.
set -eu
here=$(cd "$(dirname "$0")" && pwd) build=$1 work=$2
shift 2
[ $# -gt 0 ] || set -- $(ls "$work/corpus")
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir -p "$here/corpus"
for target in "$@"; do
    rm -rf "$temp"/*
    mkdir "$temp/found" "$temp/kept"
    cp -r "$work/seeds/$target" "$temp/seeds"
    find "$work/corpus/$target" "$work/kept/$target" -type f -size -9 -exec cp {} "$temp/found" \;
    cp "$temp/seeds"/* "$temp/kept" # what is in the first folder of a merge stays and counts
    "$build/bin/fuzz_$target" -merge=1 -timeout=600 "$temp/kept" "$temp/found" >"$work/logs/merge-$target.log" 2>&1
    (cd "$temp/kept" && ls ../seeds | xargs rm -f)
    tar -cJf "$here/corpus/$target.tar.xz" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$temp/kept" .
    echo "$target: $(ls "$temp/kept" | wc -l) inputs, $(stat -c %s "$here/corpus/$target.tar.xz") bytes"
done
