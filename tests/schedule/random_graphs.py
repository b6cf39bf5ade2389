# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin --graphs 60
"""Random graphs of the whole op table, compiled code against the interpreter: random_graphs.py BIN [--graphs N] [--seed N].

A graph grows from its seed (Inputs/rules.py): operators of ir/ops.def with operands that fit, odd shapes, broadcasting, values
used twice or never, several outputs, and parts of ConvNeXt with a step changed here and there, so that fusion meets what it
nearly recognises. Each is compiled for some CPUs, levels and precisions, and must say what the interpreter says. What differs
or fails is made smaller as long as it still does, and printed; the same seed finds it again:

    random_graphs.py build/release/bin --seed 17 --graphs 1 --on "-mcpu=x86-64-v3 -O3"

How near is near enough: the interpreter runs twice more, every number that is no short binary fraction moved by some units of
its last place. An output may differ by the tolerance of `cnxc verify`, times its magnitude, and by some times what those moved
it. One whose integers, NaN or infinities they change is not compared: it hangs on a rounding, as a comparison of two sums does. Halves are
interpreted in float where the code computes them so.
A third of the graphs has only operators that do not round, on small integers: there every bit counts. Whatever the graph,
another number of threads must change no bit.
"""
import argparse
import collections
import copy
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
import quantised_rules  # noqa: E402, F401: adds its rules
from graph import OPERATORS, numbers  # noqa: E402
from rules import RULES, make  # noqa: E402

HALF = {"float16": (2e-3, 2**-10), "bfloat16": (2e-2, 2**-7)}  # tolerance, how far numbers are moved
FLOAT, BF16 = (1e-4, 2**-21), (5e-2, 2**-8)  # compiler/report/verify.c


def targets(build):
    """Options of the CPUs whose code runs here."""
    with open("/proc/cpuinfo") as f:
        flags = set(f.read().split())
    x86 = {"x86-64-v2": "sse4_2", "x86-64-v3": "avx2", "x86-64-v4": "avx512f", "sapphirerapids": "amx_tile", "native": "sse4_2"}
    found = [f"-mcpu={cpu}" for cpu, flag in x86.items() if flag in flags]
    if shutil.which("qemu-aarch64") and os.path.exists(f"{build}/lib/cnxc/aarch64-linux-gnu/libcnxrt.a"):
        found.append("--target=aarch64-linux-gnu")
    return found


def moved(array, by, seed):
    """Numbers that are no multiples of 1/4 (and so, mostly, no exact ones) a little larger or smaller."""
    if array.dtype.kind != "f":
        return array
    factor = 1 + by * np.random.default_rng(seed).uniform(-1, 1, array.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(array * 4 == np.round(array * 4), array, array * factor).astype(array.dtype)


def run(argv, seconds=600):
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, -1, "", f"still running after {seconds} s")


class Trial:
    """A graph in a folder, and what the interpreter says of it."""

    def __init__(self, bin_, graph, folder):
        self.bin, self.graph, self.folder = bin_, graph, folder
        kinds = {dtype for dtype, _ in graph.types.values()}
        self.tolerance = max([HALF[k] for k in HALF if k in kinds], default=FLOAT)
        self.halves = bool(kinds & set(HALF))
        self.reference = self.interpret(0, 0)
        self.problem = None if isinstance(self.reference, list) else self.reference

    def interpret(self, by, seed, *flags):
        """The outputs, or a text that says why there are none."""
        g, folder = self.graph, f"{self.folder}/r{seed}-{by}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/m.onnxtxt", "w") as f:
            f.write(g.text(lambda name, array: moved(array, by, seed)))
        for i, (name, of) in enumerate(g.inputs.items()):
            np.save(f"{folder}/in{i}.npy", moved(numbers(g.tag + name, *g.types[name], *of), by, seed + i))
        paths = [f"{folder}/in{i}.npy" for i in range(len(g.inputs))]
        said = run([f"{self.bin}/cnx-interp", *flags, f"{folder}/m.onnxtxt", f"{folder}/out", *paths])
        if said.returncode:
            return f"the interpreter ended with {said.returncode}: {said.stderr.strip()[:400]}"
        return [np.load(f"{folder}/out{i}.npy") for i in range(len(g.outputs))]

    def compare(self, options, counts):
        """None, or what is wrong with the code for these options."""
        g, program = self.graph, f"{self.folder}/program"
        said = run([f"{self.bin}/cnxc", "compile", f"{self.folder}/r0-0/m.onnxtxt", "-o", program, "-j1", *options])
        if said.returncode == 3:
            counts["refused: " + said.stderr.split("error: ")[-1].split("\n")[0]] += 1
            return None
        if said.returncode:
            return f"cnxc ended with {said.returncode}: {said.stderr.strip()[:400]}"
        got = [self.execute(program, options, threads) for threads in (1, 3)]
        if any(isinstance(outputs, str) for outputs in got):
            return next(outputs for outputs in got if isinstance(outputs, str))
        if "--precision=int8" in options:  # products that are coarse on purpose: that they run, and on any number of threads alike
            return None if all(a.tobytes() == b.tobytes() for a, b in zip(*got)) else "an output differs between 1 and 3 threads"
        tolerance, by = max(self.tolerance, BF16) if "--precision=bf16" in options else self.tolerance
        wide = ["--float"] if self.halves and "-O0" not in options else []
        reference = self.interpret(0, 0, *wide) if wide else self.reference
        if isinstance(reference, str):
            return reference
        others = [self.interpret(by, seed, *wide) for seed in (1, 2)]
        for i, name in enumerate(g.outputs):
            if got[0][i].tobytes() != got[1][i].tobytes():
                return f"{name} differs between 1 and 3 threads"
            exact = g.exact and "--precision=bf16" not in options
            problem = difference(got[0][i], [reference[i], *(o[i] for o in others if isinstance(o, list))], 0 if exact else tolerance)
            if problem == "unsteady":
                counts["outputs that hang on a rounding"] += 1
            elif problem:
                return f"{name} {problem}"
            counts["outputs"] += 1
        return None

    def execute(self, program, options, threads):
        """The outputs of the program, or a text."""
        emulator = ["qemu-aarch64"] if "--target=aarch64-linux-gnu" in options else []
        ins = [f"--input={name}={self.folder}/r0-0/in{i}.npy" for i, name in enumerate(self.graph.inputs)]
        outs = [f"--output={name}={self.folder}/out{i}.npy" for i, name in enumerate(self.graph.outputs)]
        said = run([*emulator, program, f"--threads={threads}", *ins, *outs])
        if said.returncode:
            return f"the program ended with {said.returncode}: {said.stderr.strip()[:400]}"
        return [np.load(f"{self.folder}/out{i}.npy") for i in range(len(self.graph.outputs))]


def difference(got, references, tolerance):
    """None, "unsteady", or how far got is from the first of references, which differ as far as rounding moves them."""
    want = references[0]
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{got.shape}, expected {want.dtype}{want.shape}"
    if want.dtype.kind != "f":
        if any((r != want).any() for r in references):
            return "unsteady"
        return None if (got == want).all() else f"has {(got != want).sum()} wrong of {want.size}, the first {got[got != want][0]}, not {want[got != want][0]}"
    odd = lambda a: np.where(np.isfinite(a), 0, a)
    if any(not np.array_equal(odd(r), odd(want), equal_nan=True) for r in references):
        return "unsteady"
    if not np.array_equal(odd(got), odd(want), equal_nan=True):
        return f"has NaN or infinities elsewhere: {got.ravel()[:6]}, expected {want.ravel()[:6]}"
    finite = np.isfinite(want)
    farthest = lambda a: np.abs(a[finite].astype(np.float64) - want[finite]).max(initial=0)
    spread, magnitude = max(map(farthest, references)), np.abs(want[finite].astype(np.float64)).max(initial=1e-3)
    if spread > 0.1 * magnitude:
        return "unsteady"
    error = farthest(got)
    return None if error <= tolerance * magnitude + 8 * spread else f"is off by {error:.3g} of {magnitude:.3g}; rounding moves it by {spread:.2g}"


# ── Making it smaller ─────────────────────────────────────────────────────────────────────────────────────────────────


def pruned(g):
    """Without what no output needs."""
    needed, kept = set(g.outputs), []
    for node in reversed(g.nodes):
        if needed & set(node[2]):
            kept.insert(0, node)
            needed |= set(node[1])
    g.nodes = kept
    g.inputs = {k: v for k, v in g.inputs.items() if k in needed}
    g.weights = {k: v for k, v in g.weights.items() if k in needed}
    return g


def without(g, names, by=None):
    """These values become inputs, or another value's."""
    g = copy.deepcopy(g)
    g.nodes = [n for n in g.nodes if not set(n[2]) & set(names)]
    for name in names:
        if by:
            g.nodes = [(op, [by if v == name else v for v in ins], outs, attrs) for op, ins, outs, attrs in g.nodes]
        else:
            g.inputs[name] = (0, 3, g.kind)
    g.outputs = [v for v in g.outputs if v not in names]
    return pruned(g)


def resized(g, old, new):
    """Every dimension `old`, in shapes, constants and attributes, is `new`."""
    g = copy.deepcopy(g)
    g.loose = True
    size = lambda d: new if d == old else d
    g.types = {k: (t, tuple(map(size, s))) for k, (t, s) in g.types.items()}
    for name, array in g.weights.items():
        array = array[tuple(slice(size(d)) for d in array.shape)]
        g.weights[name] = np.where(array == old, new, array) if g.types[name][0] == "int64" else array
    g.nodes = [(op, ins, outs, {k: size(v) if k == "group" else v for k, v in attrs.items()}) for op, ins, outs, attrs in g.nodes]
    return g


def smaller(g):
    """What is tried in place of g, the largest steps first."""
    if len(g.outputs) > 1:
        for name in g.outputs:
            h = copy.deepcopy(g)
            h.outputs = [name]
            yield pruned(h)
    made = [v for v in (v for node in g.nodes for v in node[2]) if g.types[v][0] != "bfloat16"]
    for _, ins, outs, _ in reversed(g.nodes):
        if set(outs) <= set(made) and not set(outs) & set(g.outputs):
            yield without(g, outs)
        for v in ins:
            if len(outs) == 1 and g.types.get(v) == g.types[outs[0]] and outs[0] not in g.outputs:
                yield without(g, outs, v)
    for v in reversed(made):  # what comes before the last node is the output
        if v not in g.outputs:
            h = copy.deepcopy(g)
            h.outputs = [v]
            yield pruned(h)
    sizes = {d for v in [*g.inputs, *g.weights] for d in g.types[v][1] if d != "N" and d > 1}
    for d in sorted(sizes, reverse=True):
        yield from (resized(g, d, to) for to in sorted({1, 2, d // 2, d - 1} - {d}))


def kind(problem):
    """Its words without names and numbers."""
    return problem and re.sub(r"^v\d+ |\d.*|:.*", "", problem, flags=re.S)


def shrink(bin_, g, options, limit=200):
    """The smallest graph found that has a problem of g's kind, and what it is."""

    def problem(h):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(bin_, h, folder)
            return trial.problem or trial.compare(options, collections.Counter())

    said, tries, found = problem(g), 0, True
    while found and tries < limit:
        found = False
        for h in smaller(g):
            tries += 1
            now = problem(h) if h.outputs else None
            found = now and kind(now) == kind(said)
            if found:
                g, said = h, now
            if found or tries == limit:
                break
    return g, said


# ── The command ───────────────────────────────────────────────────────────────────────────────────────────────────────


def options_of(seed, on, all_):
    """Two ways to compile a graph."""
    r = random.Random(seed * 7 + 1)
    if on:
        return [shlex.split(on)]
    first = r.sample(all_, min(2, len(all_)))
    return [[target, r.choice(("-O3", "-O3", "-O3", "-O2", "-O1", "-O0")), *r.choice(((), (), (), ("--precision=bf16",), ("--precision=bf16",), ("--precision=int8",)))] for target in first]


def try_seed(a, seed, counts, all_):
    with tempfile.TemporaryDirectory(prefix="cnxc-random-") as folder:
        g = make(seed)
        trial = Trial(a.bin, g, folder)
        counts["graphs"], counts["nodes"] = counts["graphs"] + 1, counts["nodes"] + len(g.nodes)
        for op, *_ in g.nodes:
            counts["op " + op] += 1
        for options in [[]] if trial.problem else options_of(seed, a.on, all_):
            problem = trial.problem or trial.compare(options, counts)
            counts["programs"] += 1
            if problem:
                print(f"FAIL seed {seed} {' '.join(options)}: {problem}", flush=True)
                small, said = (g, problem) if a.whole else shrink(a.bin, g, options)
                print(f"{said}\n{small.text()}", flush=True)
                return False
    return True


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("bin", type=os.path.abspath)
    ap.add_argument("--graphs", type=int, default=10**9)
    ap.add_argument("--seconds", type=float, default=float("inf"))
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--on", default="", help="options of cnxc, in place of random ones")
    ap.add_argument("--whole", action="store_true", help="make nothing smaller")
    ap.add_argument("--verbose", action="store_true", help="count operators and refusals")
    a = ap.parse_args()
    missing = sorted(set(OPERATORS) - {op for _, op, _, _ in RULES})
    failed = len(missing)
    print("".join(f"no rule for {op}\n" for op in missing), end="")
    all_, counts, end = targets(os.path.dirname(a.bin)), collections.Counter(), time.monotonic() + a.seconds
    for seed in range(a.seed, a.seed + a.graphs):
        if time.monotonic() > end:
            break
        failed += not try_seed(a, seed, counts, all_)
    if a.verbose:
        print(*(f"{n:8} {what}" for what, n in sorted(counts.items())), sep="\n")
    print("random graphs: " + ", ".join(f"{counts[k]} {k}" for k in ("graphs", "nodes", "programs", "outputs", "outputs that hang on a rounding")))
    print(f"{counts['graphs'] - failed} passed, {failed} failed")
    return 1 if failed or not counts["outputs"] else 0


if __name__ == "__main__":
    sys.exit(main())
