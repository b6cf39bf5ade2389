# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %cnxc %S/Inputs/*.onnx
"""Graphs as quantizers write them, compiled, beside ONNX Runtime and beside exact arithmetic: compare.py CNXC FILE… [--inputs N] [-O0 …].

Inputs/make.py makes such files; Inputs holds small ones of the tools that are too heavy to run each time. A file passes if

    all its products by constant weights, and convolutions of patches, are on the kernels of integers,
    each quantiser says what exact arithmetic says of the integers before it, but where that lies within EDGE of a step's edge, and
    the last quantiser's integers of a program that does not show the others are ONNX Runtime's, but for as many inputs as there was an integer
    on an edge that the two rounded differently, and one in FEW more: that program computes some floats in another order.

EDGE: floats up to 255 are rounded to 1.5e-5, and a few such errors come together between two quantisers; the largest seen are 2.2e-5, and
4.7e-5 of ONNX Runtime's. An integer that went the other way changes others behind it; MOST is twice what was seen to come of that. ONNX
Runtime computes node by node (ORT_DISABLE_ALL); what it differs from itself by when it fuses is shown beside.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from reference import Reference  # noqa: E402

EDGE, MOST, FEW = 1e-4, 8, 4
# Where the weights of products stand; convolutions of patches have this many terms or more, or are as fast in floats.
PRODUCTS = {"MatMul": 1, "Gemm": 1, "MatMulInteger": 1, "QLinearMatMul": 3, "QGemm": 3}
CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
MANY_TERMS = 64


# ── A file ──────────────────────────────────────────────────────────────────────────────────────────────

class File:
    def __init__(self, path):
        self.path, self.model = path, onnx.load(path)
        self.graph = self.model.graph
        self.input, self.output = self.graph.input[0], self.graph.output[0].name
        self.reference = Reference(self.model)
        self.kinds = self.reference.quantisers
        self.last = list(self.kinds)[-1]

    def free(self):
        """Options that fix a free batch."""
        return [f"--dim={d.dim_param}=1" for d in self.input.type.tensor_type.shape.dim[:1] if d.dim_param]

    def inputs(self, n):
        """Those that were made beside it, or noise."""
        made = os.path.join(os.path.dirname(self.path), os.path.basename(self.path).split("-")[0] + ".npy")
        if os.path.exists(made):
            return np.load(made)[:n, None]
        shape = [d.dim_value or 1 for d in self.input.type.tensor_type.shape.dim]
        return np.random.default_rng(7).normal(size=[n, *shape]).astype(np.float32)

    def write(self, path, names):
        """With integers as outputs, too."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(self.kinds[name]), None)
                                  for name in names if name != self.output)
        onnx.save(model, path)

    def products(self):
        """How many are to be on the kernels of integers."""
        constants = {t.name: list(t.dims) for t in self.graph.initializer}
        producers = {output: node for node in self.graph.node for output in node.output}

        def weights(node, at):
            name = node.input[at]
            while name in producers and producers[name].input:
                name = producers[name].input[0]
            return constants.get(name)

        def is_patches(node):
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            w = weights(node, CONVOLUTIONS[node.op_type])
            return attrs.get("group", 1) == 1 and w[2:] == attrs.get("strides") and np.prod(w[1:]) >= MANY_TERMS

        return (sum(node.op_type in PRODUCTS and weights(node, PRODUCTS[node.op_type]) is not None for node in self.graph.node) +
                sum(node.op_type in CONVOLUTIONS and is_patches(node) for node in self.graph.node))


# ── Those who run it ────────────────────────────────────────────────────────────────────────────────────

def compiled(cnxc, file, names, folder, options):
    """A function: x → values by name."""
    path, program = os.path.join(folder, f"{len(names)}.onnx"), os.path.join(folder, f"{len(names)}")
    file.write(path, names)
    subprocess.run([cnxc, "compile", path, "-o", program, *file.free(), *options], check=True)
    outputs = {name: os.path.join(folder, f"{i}.npy") for i, name in enumerate(names)}

    def run(x):
        np.save(os.path.join(folder, "x.npy"), x)
        subprocess.run([program, f"--input={file.input.name}={folder}/x.npy", *(f"--output={name}={at}" for name, at in outputs.items())],
                       check=True)
        return {name: np.load(at) for name, at in outputs.items()}
    return run


def onnxruntime(file, names, folder, fused):
    path, options = os.path.join(folder, "session.onnx"), ort.SessionOptions()
    file.write(path, names)
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL if fused else ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception:
        if not fused:
            raise
        return None  # its fusion makes graphs of some of NNCF's that it then finds mistakes in
    return lambda x: dict(zip(names, session.run(list(names), {file.input.name: x})))


# ── Comparisons ─────────────────────────────────────────────────────────────────────────────────────────

class Flips:
    """Integers that are not what exact arithmetic says, and how far its numbers were from the edge that was crossed, in steps."""

    def __init__(self, reference):
        self.reference, self.n, self.of, self.worst = reference, 0, 0, 0.0

    def add(self, x, got):
        said, steps = self.reference.run(x, got)
        for name, integers in said.items():
            off = np.abs(integers.astype(np.int64) - got[name])
            edge = 0.5 - np.abs(steps[name] - np.rint(steps[name]))
            self.n, self.of = self.n + np.count_nonzero(off), self.of + off.size
            self.worst = max(self.worst, np.where(off, edge + off - 1, 0).max())

    def __str__(self):
        return f"{self.n} ({self.worst:.1e})"


class Steps:
    """How far the last quantiser's integers are from ONNX Runtime's, of each input; of a graph that ONNX Runtime itself refuses, none."""

    def __init__(self):
        self.off = []

    def add(self, got, want):
        self.off.append(int(np.abs(got.astype(np.int64) - want).max()))

    def same(self):
        return self.off.count(0)

    def __str__(self):
        return f"same {self.same()} of {len(self.off)}, at most {max(self.off)} off" if self.off else "refused"


def kernels(cnxc, file):
    info = subprocess.run([cnxc, "info", file.path, *file.free()], check=True, stdout=subprocess.PIPE, text=True).stdout
    return sum(" of MatMulInteger" in line for line in info.splitlines())


def compare(cnxc, path, n, options):
    """What is seen, and what is wrong with it."""
    file = File(path)
    ours, theirs, whole, fused = Flips(file.reference), Flips(file.reference), Steps(), Steps()
    with tempfile.TemporaryDirectory(prefix="cnxc-quantizers-") as folder:
        each, whole_run = (compiled(cnxc, file, names, folder, options) for names in (list(file.kinds), [file.last]))
        each_ort, fused_ort = onnxruntime(file, file.kinds, folder, False), onnxruntime(file, [file.last], folder, True)
        flipped = 0
        for x in file.inputs(n):
            got, want = each(x), each_ort(x)
            ours.add(x, got), theirs.add(x, want)
            flipped += any(not np.array_equal(got[name], want[name]) for name in want)
            whole.add(whole_run(x)[file.last], want[file.last])
            if fused_ort:
                fused.add(fused_ort(x)[file.last], want[file.last])
    there, wanted = kernels(cnxc, file), file.products()
    line = f"{there:2d} products, of {ours.of} integers flips {ours}, ONNX Runtime's {theirs}; last quantiser {whole}, ONNX Runtime fused {fused}"
    return line, list(problems(there, wanted, ours, whole, flipped))


def problems(there, wanted, ours, whole, flipped):
    if there != wanted:
        yield f"{there} products on integers, expected {wanted}"
    if ours.worst > EDGE:
        yield "a quantiser says what exact arithmetic does not"
    differ, n = len(whole.off) - whole.same(), len(whole.off)
    if differ > flipped + -(-n // FEW) or max(whole.off) > MOST:
        yield f"the last quantiser differs on {differ} inputs, where only {flipped} are on an edge"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("files", nargs="+")
    ap.add_argument("--inputs", type=int, default=4)
    a, options = ap.parse_known_args()
    failed = 0
    for path in a.files:
        line, wrong = compare(a.cnxc, path, a.inputs, options)
        failed += bool(wrong)
        print(f"{os.path.basename(path)[:-5]:34s} {line}", *wrong, sep="   ", flush=True)
    print(f"{len(a.files) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
