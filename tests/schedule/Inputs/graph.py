# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A graph that grows: values with types and shapes, nodes, constants, and its text.

Shapes are tuples; "N" is the free batch, which only comes first. What does not fit raises Misfit.
"""
import os
import random
import re
import zlib

import numpy as np

NP = {"float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_,
      **{sign + f"int{bits}": getattr(np, sign + f"int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}}
NUMBERS = {name: n for n, name in enumerate(["", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
                                             "double", "uint32", "uint64", "", "", "bfloat16"])}  # of TensorProto
FLOATS = ("float", "double", "float16", "bfloat16")
INTS = tuple(t for t in NP if "int" in t)
ANY = (*FLOATS, *INTS, "bool")
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 3, "ir", "ops.def"), encoding="utf-8") as table:
    TABLE = table.read()
# Name → domain, first opset; but for Region, which passes make, and Call, which is inlined.
OPERATORS = {name: (domain, int(since)) for name, domain, since in re.findall(r'^\w+\((\w+),(?: "([\w.]*)",(?: \w+,)?)? V\((\d+)', TABLE, re.M)
             if name not in ("Region", "Call")}
BATCH, MOST = 3, 6000  # images where the batch is free; elements of a value


class Misfit(Exception):
    pass


def count(shape):
    return int(np.prod([BATCH if d == "N" else d for d in shape], initial=1))


def broadcast(*shapes):
    """The shape that all of them become, or None; a free batch stays first."""
    out = []
    for i in range(-max(map(len, shapes), default=0), 0):
        dims = {s[i] for s in shapes if -i <= len(s)} - {1}
        if len(dims) > 1 or ("N" in dims and out):
            return None
        out.append(dims.pop() if dims else 1)
    return tuple(out)


def numbers(name, dtype, shape, low, high, kind):
    """What an input or a constant of this name holds; kind: "real", "whole", "odd" with infinities, NaN and -0, "equal"."""
    r = np.random.default_rng(zlib.crc32(name.encode()))
    shape = [BATCH if d == "N" else d for d in shape]
    if dtype == "bool":
        return r.random(shape) < 0.5
    if dtype in INTS or kind == "whole":
        return r.integers(int(max(low, 0 if dtype[0] == "u" else low)), int(high) + 1, shape).astype(NP[dtype])
    if kind == "equal":
        return np.full(shape, r.choice((0, 1, 1, 0.5)), NP[dtype])
    odd = kind == "odd" and r.random(shape) < 0.05
    return np.where(odd, r.choice((np.inf, -np.inf, np.nan, -0.0, 65504), shape), r.uniform(low, high, shape)).astype(NP[dtype])


# What makes numbers larger, which exact graphs have to stay small for.
GROWS = {"Mul", "MulAdd", "Gemm", "MatMul", "Conv", "ConvNHWC", "ConvTranspose", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceProd", "Pow"}


class Graph:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.opset = self.r.choice((11, 13, 17, 18, 20, 21, 22, 22, 26))
        self.free = self.r.random() < 0.4  # the batch
        self.exact = self.r.random() < 0.3  # operators that round nothing, on small integers
        self.kind = "whole" if self.exact else self.r.choice(["real"] * 12 + ["odd"])
        self.main = self.r.choice(("float",) * 7 + ("double", "float16", "int32"))
        self.n, self.tag = 0, f"s{seed}"
        self.inputs, self.weights, self.types, self.nodes, self.outputs = {}, {}, {}, [], []
        self.loose = False  # outputs are declared without shapes

    def name(self, letter):
        self.n += 1
        return f"{letter}{self.n}"

    # ── Values ──

    def input(self, dtype, shape, low=-1, high=1, kind=None):
        if dtype == "bfloat16":
            return self.node("Cast", [self.input("float", shape, low, high)], ("bfloat16", shape), to=16)
        name = self.name("i")
        self.inputs[name] = (*self.range(dtype, low, high), kind or self.kind)
        self.types[name] = (dtype, tuple(shape))
        return name

    def weight(self, array, dtype=None):
        name = self.name("w")
        self.weights[name] = np.asarray(array)
        self.types[name] = (dtype or next(t for t in NP if NP[t] == self.weights[name].dtype), self.weights[name].shape)
        return name

    def ints(self, *values):
        return self.weight(np.array(values, np.int64))

    def operand(self, dtype, shape, low=-1, high=1):
        """A new value: mostly a constant, which only has one batch."""
        if "N" in shape or dtype == "bfloat16" or self.r.random() < 0.2:
            return self.input(dtype, shape, low, high, "real" if self.kind == "odd" else None)
        kind = "equal" if self.r.random() < 0.08 and low <= 0 else "real" if self.kind == "odd" else self.kind
        return self.weight(numbers(self.tag + str(self.n), dtype, shape, *self.range(dtype, low, high), kind))

    def range(self, dtype, low, high):
        most = 10**6 if dtype in ("int32", "int64") and self.r.random() < 0.1 else 4
        return (-most, most) if (self.exact or dtype in INTS) and low < 0 else (low, high)

    def shape(self, least=0, most=4):
        sizes = (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33, 64)
        while True:
            shape = [self.r.choice(sizes) for _ in range(self.r.randint(least, most))]
            if self.free and shape and self.r.random() < 0.85:
                shape[0] = "N"
            if count(shape) <= 2000:
                return tuple(shape)

    def picture(self, rank=4):
        r, batch = self.r, "N" if self.free else self.r.choice((1, 2, 3))
        return (batch, r.choice((1, 3, 4, 8, 16, 17, 19, 24, 33)), *(r.choice((1, 2, 3, 5, 7, 8, 9, 12, 14)) for _ in range(rank - 2)))

    def pick(self, types, least=0, most=6, suits=lambda shape: True, fresh=None):
        """A value that is there, rather a late one, or a new input."""
        there = [v for v, (t, s) in self.types.items() if t in types and least <= len(s) <= most and suits(s) and (v not in self.weights or self.r.random() < 0.03)]
        if there and self.r.random() < 0.9:
            return there[-1 - int(len(there) * self.r.random()**2)]
        dtype = self.main if self.main in types else self.r.choice([t for t in types if t in ("float", "int64", "bool")] or types)
        shape = fresh or self.shape(least, min(most, 4))
        if not suits(shape):
            raise Misfit
        return self.input(dtype, shape)

    # ── Nodes ──

    def node(self, op, ins, *types, **attrs):
        if any(s is None or count(s) > MOST or "N" in s[1:] or any(d != "N" and d < 1 for d in s) for _, s in types):
            raise Misfit
        outs = [self.name("v") for _ in types]
        self.nodes.append((op, list(ins), outs, attrs))
        self.types.update(zip(outs, types))
        if self.exact and types[0][0] in ("float", "double") and op in GROWS:  # stays exact
            bounds = [self.weight(np.array(b, NP[types[0][0]])) for b in (-8, 8)]
            return self.node("Clip", [outs[0], *bounds], types[0])
        return outs[0]

    def same(self, op, x, *more, **attrs):
        return self.node(op, [x, *more], self.types[x], **attrs)

    def binary(self, op, a, b, dtype=None, **attrs):
        shape = broadcast(self.types[a][1], self.types[b][1])
        swap = op in ("Add", "Mul") and self.r.random() < 0.5
        return self.node(op, [b, a] if swap else [a, b], (dtype or self.types[a][0], shape), **attrs)

    def scalar(self, like, value):
        dtype = self.types[like][0]
        if dtype == "bfloat16":
            return self.node("Cast", [self.weight(np.float32(value))], ("bfloat16", ()), to=16)
        return self.weight(np.array(value, NP[dtype]))

    def positive(self, x):
        """x away from 0; now and then not."""
        if self.r.random() < 0.07 or self.types[x][0] not in FLOATS:
            return x
        return self.binary("Add", self.same("Abs", x), self.scalar(x, 0.5))

    def bounded(self, x, low=-4, high=4):
        return self.same("Clip", x, self.scalar(x, low), self.scalar(x, high))

    def permuted(self, x, perm):
        dtype, shape = self.types[x]
        return self.node("Transpose", [x], (dtype, tuple(shape[p] for p in perm)), perm=list(perm))

    def finish(self):
        """Most values that nothing takes become outputs, and some others; some stay dead ends."""
        used = {v for _, ins, _, _ in self.nodes for v in ins}
        made = [v for _, _, outs, _ in self.nodes for v in outs]
        found = [v for v in made if self.r.random() < (0.15 if v in used else 0.85)][-8:] or made[-1:]
        for v in found:
            if self.types[v][0] == "bfloat16":  # .npy has no such numbers
                v = self.node("Cast", [v], ("float", self.types[v][1]), to=1)
            self.outputs.append(v)
        return self

    # ── Text ──

    def text(self, change=lambda name, array: array):
        declare = lambda v, loose: f"{self.types[v][0]}[{','.join(map(str, self.types[v][1]))}] {v}" if self.types[v][1] and not loose \
            else f"{self.types[v][0]}{'[]' if loose else ''} {v}"
        lines = [f'<ir_version: 10, opset_import: ["" : {self.opset}, "cnxc" : 1, "com.microsoft" : 1]>', f"g ({', '.join(declare(v, False) for v in self.inputs)}) =>"
                 f" ({', '.join(declare(v, self.loose) for v in self.outputs)})"]
        if self.weights:
            rows = [f"{declare(v, False)} = {{{constants(change(v, a))}}}" for v, a in self.weights.items()]
            lines.append("  <" + ",\n   ".join(rows) + ">")
        lines += ["{", *(f"  {', '.join(outs)} = {spelled(op)}{attributes(attrs)} ({', '.join(ins)})" for op, ins, outs, attrs in self.nodes), "}"]
        return "\n".join(lines) + "\n"


def spelled(op):
    domain = OPERATORS[op][0]
    return f"{domain}.{op}" if domain else op


def constants(array):
    array = array.view(np.uint16) if array.dtype == np.float16 else array.astype(np.int8) if array.dtype == bool else array
    return ", ".join(str(x) for x in array.ravel().tolist())


def attributes(attrs):
    word = lambda v: f'"{v}"' if isinstance(v, str) else str(v)
    value = lambda v: str(v[0]) if isinstance(v, tuple) else "[" + ",".join(map(str, v)) + "]" if isinstance(v, list) else word(v)
    kept = [f"{k}{': ints' if v == [] else ''}={value(v)}" for k, v in attrs.items() if v is not None]
    return f" <{', '.join(kept)}>" if kept else ""
