# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnx-interp
"""Shape arithmetic with a free batch: each graph must infer (a size that stays unknown is an error), and give for
batches of 1 and 3 what NumPy gives. Our own operators, which ONNX Runtime does not know, are here, too."""
import subprocess
import sys
import tempfile

import numpy as np

INTERP = sys.argv[1]
rng = np.random.default_rng(3)


def shifted_conv(x):
    """2x2 windows, stride 2, of a channels-last picture, weights all 0.5, bias 1."""
    n, h, w, c = x.shape
    y = 0.5 * x.reshape(n, h // 2, 2, w // 2, 2, c).sum((2, 4, 5)) + 1
    return np.stack([y, y], -1)


# (name, shape behind N, initializers, nodes, NumPy's answer)
cases = [
    ("x.view(x.size(0), -1)", (4, 2, 3), "int64 zero = {0}, int64[1] rest = {-1}",
     "s = Shape(x) n = Gather(s, zero) n1 = Unsqueeze(n, axis) t = Concat <axis = 0> (n1, rest) y = Reshape(x, t)",
     lambda x: x.reshape(len(x), -1)),
    ("-1 stands for the batch", (4, 2, 3), "int64[2] t = {-1, 24}", "y = Reshape(x, t)", lambda x: x.reshape(len(x), 24)),
    ("product of sizes", (4, 2, 3), "int64 one = {1}, int64 two = {2}, int64[1] rest = {-1}",
     "s = Shape(x) a = Gather(s, one) b = Gather(s, two) p = Mul(a, b) p1 = Unsqueeze(p, axis) "
     "t = Concat <axis = 0> (rest, p1, rest3) y = Reshape(x, t)", lambda x: x.reshape(len(x), 8, 3)),
    ("slices of a shape", (4, 6), "int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}",
     "s = Shape(x) head = Slice(s, axis, one) tail = Slice(s, one, two) half = Div(tail, two) "
     "t = Concat <axis = 0> (head, half, two, six) y = Reshape(x, t)", lambda x: x.reshape(len(x), 2, 2, 6)),
    ("Shape with start and end", (4, 6), "",
     "n = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (n, six, four) y = Reshape(x, t)",
     lambda x: x.reshape(len(x), 6, 4)),
    ("expand as exporters write it", (1, 3), "int64[1] m = {-1}, int64[3] ones = {1, 1, 1}",
     "n = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (n, four, m) e = Equal(t, m) u = Where(e, ones, t) "
     "y = Expand(x, u)", lambda x: np.broadcast_to(x, (len(x), 4, 3))),
    ("a tensor of the batch's size", (3,), "",
     "n = Shape <start = 0, end = 1> (x) t = Concat <axis = 0> (n, four) z = ConstantOfShape(t) "
     "y = Concat <axis = 1> (x, z)", lambda x: np.concatenate([x, np.zeros((len(x), 4))], 1)),
    ("flatten", (4, 2, 3), "", "y = Flatten(x)", lambda x: x.reshape(len(x), -1)),
    ("reshape with zeros", (4, 6), "int64[3] t = {0, 0, -1}", "h = Unsqueeze(x, last) y = Reshape(h, t)",
     lambda x: x),
    ("mean over the free batch", (4,), "", "y = ReduceMean(x, axis)", lambda x: x.mean(0, keepdims=True)),
    ("ConvNHWC", (4, 6, 3), "float[2,3,2,2] w = {" + ",".join(["0.5"] * 24) + "}, float[2] b = {1, 1}",
     "y = cnxc.ConvNHWC <strides = [2, 2]> (x, w, b)", shifted_conv),
    ("a region", (4,), "float[4] w = {1, 2, 3, 4}",
     "y = cnxc.Region <kind = \"map\", body: graph = b (u, v) => (r) { q = Mul(u, v) r = Relu(q) }> (x, w)",
     lambda x: np.maximum(x * np.array([1, 2, 3, 4]), 0)),
    ("a region that hands its input on", (4,), "",
     "h = Relu(x) a, z = cnxc.Region <body: graph = b (u) => (u, r) { r = Neg(u) }> (h) y = Add(a, h)",
     lambda x: 2 * np.maximum(x, 0)),
    ("channels fixed by Conv's weights", ("C", 4, 4), "float[1,3,1,1] w = {1, 1, 1}", "y = Conv(x, w)",
     lambda x: x.sum(1, keepdims=True)),
    ("sizes kept by SAME and by a window of 1", (2, 4, 4), "float[2,1,3,3] w = {" + ",".join(["0,0,0,0,1,0,0,0,0"] * 2) + "}",
     'y = Conv <group = 2, auto_pad = "SAME_UPPER"> (x, w)', lambda x: x),
]


def run(folder, case, batch):
    name, shape, inits, nodes, want = case
    dims = ",".join(["N"] + [str(d) for d in shape])
    common = "int64[1] axis = {0}, int64[1] last = {-1}, int64[1] four = {4}, int64[1] six = {6}, int64[1] rest3 = {3}"
    with open(f"{folder}/m.onnxtxt", "w", encoding="utf-8") as file:
        file.write(f'<ir_version: 8, opset_import: ["": 18, "cnxc": 1]>\n'
                   f"g (float[{dims}] x) => (y) <{common}{', ' if inits else ''}{inits}> {{\n  {nodes}\n}}\n")
    x = rng.uniform(-1, 1, [batch] + [3 if d == "C" else d for d in shape]).astype(np.float32)
    np.save(f"{folder}/x.npy", x)
    done = subprocess.run([INTERP, f"{folder}/m.onnxtxt", f"{folder}/y", f"{folder}/x.npy"], capture_output=True, text=True)
    if done.returncode:
        return done.stderr
    got, expected = np.load(f"{folder}/y0.npy"), want(x)
    if got.shape != expected.shape or np.abs(got - expected).max() > 1e-6:
        return f"{got.shape} {got.ravel()[:6]}, expected {expected.shape} {expected.ravel()[:6]}"
    return None


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            for batch in (1, 3):
                wrong = run(folder, case, batch)
                if wrong:
                    failed += 1
                    print(f"{case[0]}, batch {batch}: {wrong}")
    print(f"{len(cases)} graphs, {failed} runs failed")
    sys.exit(bool(failed))


main()
