#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Lines of C (.c, .h, .l, .y, .def) in ir, compiler and runtime, by room, a column a commit: lines.sh [COMMIT…], HEAD by default.
cd "$(dirname "$0")/../.." || exit 1
[ $# -gt 0 ] || set -- HEAD
for commit in "$@"; do
    git grep -c '' "$commit" -- {ir,compiler,runtime}/'*.'{c,h,l,y,def} | sed "s|^.*:\(.*\):|$commit \1 |" || exit 1
done | awk -v commits="$*" '
    { room = $2; sub("/[^/]*$", "", room); lines[room, $1] += $3; sum[$1] += $3; rooms[room] }
    END {
        n = split(commits, column, " ")
        row("", "room", column)
        for (room in rooms) row(room, room, lines)
        row("~", "all", sum)
    }
    function row(key, name, values, i, text) {
        text = sprintf("%s\t%-24s", key, name)
        for (i = 1; i <= n; i++)
            text = text sprintf("%12s", key == "" ? values[i] : key == "~" ? values[column[i]] : values[name, column[i]] + 0)
        print text | "LC_ALL=C sort | cut -f 2"
    }'
