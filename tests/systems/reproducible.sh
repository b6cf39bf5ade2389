#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The same bytes for a stranger: reproducible.sh WORK. Builds cnxc twice, in folders of different names and lengths, with another
# umask, locale, time zone, number of jobs, age of the sources and, where this is root, another user; and has both compile
# models/digits to each kind of artifact. Ends with "N passed, N failed", where N counts files compared.
set -u
cd "$(dirname "$0")/../.." || exit 1
rm -rf "$1" && mkdir -p "$1" || exit 1
work=$(realpath "$1") passed=0 failed=0
chmod 755 "$work"

copy() { # FOLDER
    mkdir -p "$1" && git ls-files -z --cached --others --exclude-standard | tar -c --null --verbatim-files-from -T - | tar -x -C "$1"
}

# In a folder of sources, in a login of its own.
make_all() { # JOBS
    cmake -S . -B out -G Ninja -DCMAKE_BUILD_TYPE=Release && ninja -C out -j "$1" --quiet cnxc cnxrt || return 1
    mkdir made
    for kind in exe shared static obj asm onnx; do
        out/bin/cnxc compile models/digits -mcpu=x86-64-v3 --emit=$kind --prefix=digits -j "$1" -o made/digits-$kind || return 1
    done
    out/bin/cnxc compile models/digits -mcpu=x86-64-v2,x86-64-v4 --weights=made/weights -o made/apart
}
export -f make_all

first=$work/a second=$work/another/folder/of-a-longer-name
copy "$first" && copy "$second" || exit 1
find "$second" -exec touch -h -d '2001-02-03 04:05:06' {} +
as=()
if [ "$(id -u)" = 0 ]; then
    chown -R 12345:12345 "$work/another" && as=(setpriv --reuid=12345 --regid=12345 --clear-groups env HOME="$work/another")
fi
(umask 022 && cd "$first" && TZ=UTC LC_ALL=C make_all 2) >"$work/first.log" 2>&1 || { tail "$work/first.log" && exit 1; }
(umask 077 && cd "$second" && TZ=Asia/Kathmandu LC_ALL=C.UTF-8 "${as[@]}" bash -c 'make_all 1') >"$work/second.log" 2>&1 ||
    { tail "$work/second.log" && exit 1; }

for file in out/bin/cnxc $(cd "$first" && find out/lib/cnxc -type f) $(cd "$first" && find made -type f); do
    if cmp "$first/$file" "$second/$file"; then
        passed=$((passed + 1)) && (cd "$first" && sha256sum "$file")
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 10 ]
