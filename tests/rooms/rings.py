# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# No two source files call each other in a ring, by the symbols of the libraries' objects.
# RUN: %python %s %build
import glob
import os
import subprocess
import sys

BUILD = sys.argv[1]


def calls(archives):
    """File → files whose functions or data it uses."""
    defines, uses = {}, {}
    for archive in archives:
        said = subprocess.run(["nm", "-A", "-g", archive], capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            place, _, symbol = line.rpartition(" ")
            member, kind = os.path.basename(archive) + ":" + place.split(":")[1], place[-1]
            if kind == "U":
                uses.setdefault(member, set()).add(symbol)
            elif kind in "TDBRC":
                defines.setdefault(symbol, set()).add(member)
    return {user: {file for s in symbols for file in defines.get(s, ()) if file != user} for user, symbols in uses.items()}


def rings(graph):
    """Sets of files that reach one another."""
    reach = {}
    for start in graph:
        seen, todo = set(), [start]
        while todo:
            for file in graph.get(todo.pop(), ()):
                if file not in seen:
                    seen.add(file)
                    todo.append(file)
        reach[start] = seen
    return {frozenset(b for b in reach[a] if a in reach.get(b, ())) for a in graph if a in reach[a]}


def name(file):
    return file.partition(":")[2].removesuffix(".o").removesuffix(".c")


assert rings({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {frozenset("bc")}  # the test notices what it is there for
archives = glob.glob(f"{BUILD}/ir/*.a") + glob.glob(f"{BUILD}/compiler/**/*.a", recursive=True)
assert len(archives) > 10, archives
found = []
for group in [archives, [f"{BUILD}/lib/cnxc/libcnxrt.a"]]:
    graph = calls(group)
    for ring in rings(graph):
        found.append("ring: " + " ".join(sorted(name(file) for file in ring)))
sys.exit("\n".join(found) or 0)
