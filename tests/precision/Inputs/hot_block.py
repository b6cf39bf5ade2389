# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A small model with a block whose hidden channels 3 and 40 run hot, as a text, and batches of pixels for it."""
import os

import numpy as np

SIZE, CHANNELS, HIDDEN, WIDER, LABELS = 32, 64, 128, 64, 400
HOT = {3: 30, 40: 20}

GRAPH = """<ir_version: 10, opset_import: ["" : 20], metadata_props: ["cnxc.labels": "[{labels}]"]>
g (float[N,3,{size},{size}] picture) => (float[N,{n}] logits)
   <{weights}, int64[2] space = {{1, 2}}>
{{
    x = Conv <strides = [4,4]> (picture, stem)
    d = Conv <group = {c}, pads = [3,3,3,3]> (x, taps, taps_b)
    t = Transpose <perm = [0,2,3,1]> (d)
    n = LayerNormalization(t, norm, norm_b)
    h0 = MatMul(n, w1)
    h1 = Add(h0, b1)
    h = Gelu(h1)
    o0 = MatMul(h, w2)
    o1 = Add(o0, b2)
    o2 = Transpose <perm = [0,3,1,2]> (o1)
    y = Add(o2, x)
    z = Conv <strides = [2,2]> (y, down, down_b)
    l = Transpose <perm = [0,2,3,1]> (z)
    p = ReduceMean <keepdims = 0> (l, space)
    logits = MatMul(p, head)
}}
"""


def initializer(name, values):
    return f"float[{','.join(map(str, values.shape))}] {name} = {{{', '.join(repr(float(v)) for v in values.ravel().astype(np.float32))}}}"


def write_model(path, moved=0):
    """moved: by which part each number is another one, as after more training."""
    rng = np.random.default_rng(1)
    normal = lambda *shape, scale=1.0: rng.standard_normal(shape) * scale
    b1 = normal(HIDDEN, scale=0.3)
    for channel, heat in HOT.items():
        b1[channel] += heat
    w2 = normal(HIDDEN, CHANNELS, scale=0.125)
    weights = {"stem": normal(CHANNELS, 3, 4, 4, scale=0.15), "taps": normal(CHANNELS, 1, 7, 7, scale=0.15), "taps_b": normal(CHANNELS),
               "norm": 1 + normal(CHANNELS, scale=0.1), "norm_b": normal(CHANNELS, scale=0.1), "w1": normal(CHANNELS, HIDDEN, scale=0.25), "b1": b1,
               "w2": w2, "b2": -b1 * (b1 > 5) @ w2, "down": normal(WIDER, CHANNELS, 2, 2, scale=0.125), "down_b": normal(WIDER),
               "head": normal(WIDER, LABELS)}
    weights = {name: values * (1 + moved * normal(*values.shape)) for name, values in weights.items()}
    with open(path, "w") as f:
        f.write(GRAPH.format(labels=", ".join(f'\\"{i}\\"' for i in range(LABELS)), size=SIZE, n=LABELS, c=CHANNELS,
                             weights=",\n    ".join(initializer(*item) for item in weights.items())))


def write_pixels(path, n, seed):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    np.save(path, np.random.default_rng(seed).standard_normal((n, 3, SIZE, SIZE)).astype(np.float32))
