# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc
"""No cliff: a product with one more row, or one more vector of columns, costs at most its share and 10 %.

The cost is what the tiles of the emitted tile program take: multiply-adds or loads, whichever are more, and never less than
the latency of a chain, in half cycles of a step of k. Small products, less than one whole tile, are left out.
"""
import re
import subprocess
import sys
import tempfile

CNXC = sys.argv[1]
K = 64
MOST = 70
failed = 0


def tile_cost(rows, vectors):
    return max(rows * vectors, rows + vectors, 8)


def costs(program, lanes):
    """Of each phase, by its name: the tiles' costs times the loops around them."""
    cost, name, loops = {}, None, []
    for line in program.splitlines():
        depth = len(line) - len(line.lstrip())
        if phase := re.match(r'\w+ phase "(\w+)"', line):
            name, loops = phase[1], []
        elif loop := re.match(r"\s+(?:parallel|for) \w+ in (\d+)", line):
            loops = [(d, n) for d, n in loops if d < depth] + [(depth, int(loop[1]))]
        elif tile := re.match(r"\s+cnx_gemm_f32_(\d+)x(\d+)_k(\d+)_", line):
            times = int(tile[3])
            for d, n in loops:
                times *= n if d < depth else 1
            cost[name] = cost.get(name, 0) + times * tile_cost(int(tile[1]), int(tile[2]) // lanes)
    return cost


def products(sizes):
    """One graph of products x[m, K] w[K, n], each an output."""
    inputs = ", ".join(f"float[{m},{K}] x{i}, float[{K},{n}] w{i}" for i, (m, n) in enumerate(sizes))
    outputs = ", ".join(f"float[{m},{n}] y{i}" for i, (m, n) in enumerate(sizes))
    nodes = "\n".join(f"y{i} = MatMul(x{i}, w{i})" for i in range(len(sizes)))
    return f'<ir_version: 10, opset_import: ["" : 20]>\ng ({inputs}) => ({outputs})\n{{\n{nodes}\n}}\n'


def check(cpu, lanes, what, sizes, counts, least):
    global failed
    with tempfile.NamedTemporaryFile("w", suffix=".onnxtxt") as file:
        file.write(products(sizes))
        file.flush()
        run = subprocess.run([CNXC, "compile", file.name, "--emit=tile", "-mcpu=" + cpu, "-o", "-"], capture_output=True, text=True)
    found = costs(run.stdout, lanes)
    if run.returncode or len(found) != len(sizes):
        failed += 1
        print(f"{cpu}: {len(found)} of {len(sizes)} products found", run.stderr[:2000])
        return
    cost = [found[f"y{i}"] for i in range(len(sizes))]
    for i in range(len(sizes) - 1):
        share = cost[i] * counts[i + 1] / counts[i]
        if counts[i] >= least and cost[i + 1] > 1.1 * share:
            failed += 1
            print(f"{cpu}: {counts[i + 1]} {what} cost {cost[i + 1]}, the share of {counts[i]} is {share:.0f}")


for cpu, lanes in (("x86-64-v2", 4), ("x86-64-v3", 8), ("x86-64-v4", 16)):
    counts = list(range(1, MOST + 1))
    check(cpu, lanes, "rows", [(m, 4 * lanes) for m in counts], counts, 14)
    check(cpu, lanes, "vectors of columns", [(168, lanes * n) for n in counts], counts, 4)
print(f"{failed} failed")
sys.exit(failed > 0)
