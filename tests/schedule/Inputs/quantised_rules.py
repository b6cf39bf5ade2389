# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rules of quantised operators: integers, their scales and zero points."""
import numpy as np

from graph import NP, Misfit, broadcast
from rules import either, out_size, partner, rule

BYTES = ("uint8", "int8")


def byte_tensor(g, shape):
    dtype = g.r.choice(BYTES)
    return g.weight(np.random.default_rng(g.n).integers(np.iinfo(NP[dtype]).min, np.iinfo(NP[dtype]).max, shape, NP[dtype], True))


def zero_point(g, x, *shapes):
    dtype = g.types[x][0]
    return [g.weight(np.random.default_rng(g.n).integers(0, 99, g.r.choice(((), *shapes)), NP[dtype]))] if g.r.random() < 0.6 else []


@rule("QuantizeLinear", "DequantizeLinear", weight=0.8)
def quantise(g, op):
    """There, and mostly back again."""
    x = g.pick(("float",) if op == "QuantizeLinear" else BYTES, 1)
    shape, axis = g.types[x][1], g.r.choice([i for i, d in enumerate(g.types[x][1]) if d != "N"] or [None])
    each = (shape[axis],) if axis is not None and g.r.random() < 0.5 else ()
    scale = g.weight(np.random.default_rng(g.n).uniform(0.004, 0.1, each).astype(np.float32))
    dtype = g.r.choice(("uint8", "int8", "uint16", "int16")) if op == "QuantizeLinear" and g.opset > 20 else "uint8" if op == "QuantizeLinear" else g.types[x][0]
    zero = g.weight(np.random.default_rng(g.n).integers(0, 99, each, NP[dtype]))
    axis = axis if each and g.opset > 12 else None
    if each and axis is None:
        raise Misfit
    y = g.node(op, [x, scale, zero], (dtype if op == "QuantizeLinear" else "float", shape), axis=axis)
    if op == "QuantizeLinear" and g.r.random() < 0.7:
        g.node("DequantizeLinear", [y, scale, zero], ("float", shape), axis=axis)


@rule("DynamicQuantizeLinear", weight=0.4)
def quantise_all(g, op):
    x = g.pick(("float",), 1, suits=lambda s: "N" not in s)
    g.node(op, [x], ("uint8", g.types[x][1]), ("float", ()), ("uint8", ()))


def scaled(g, dtype, each=(), low=0.004, high=0.1):
    """A scale and a zero point."""
    r = np.random.default_rng(g.n)
    return [g.weight(r.uniform(low, high, each).astype(np.float32)), g.weight(r.integers(0, 99, each, NP[dtype]))]


def each_or_one(g, n):
    return (n,) if g.r.random() < 0.5 else ()


@rule("MatMulInteger", weight=0.8, exact=True)
def integer_matmul(g, op):
    x = g.pick(BYTES, 2, 4, lambda s: s[-1] != "N", (3, 31))
    shape, n = g.types[x][1], g.r.choice((1, 5, 16, 33))
    w = byte_tensor(g, (shape[-1], n))
    zeros = zero_point(g, x)
    g.node(op, [x, w, *zeros, *(zero_point(g, w, (n,)) if zeros else [])], ("int32", shape[:-1] + (n,)))


@rule("ConvInteger", weight=0.8, exact=True)
def integer_conv(g, op):
    x = g.pick(BYTES, 4, 4, lambda s: "N" not in s[1:], g.picture())
    shape, k = g.types[x][1], g.r.choice((1, 2, 3))
    group = g.r.choice((1, shape[1]))
    m = group if group > 1 else g.r.choice((1, 5, 16))
    w = byte_tensor(g, (m, shape[1] // group, k, k))
    zeros = zero_point(g, x)
    out = [out_size(d, k, 1, 1, k // 2, k // 2) for d in shape[2:]]
    g.node(op, [x, w, *zeros, *(zero_point(g, w, (m,)) if zeros else [])], ("int32", (shape[0], m, *out)), group=group, pads=[k // 2] * 4)


@rule("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QLinearGlobalAveragePool", weight=0.3)
def map_bytes(g, op):
    pools = op == "QLinearGlobalAveragePool"
    x = g.pick(BYTES, 3 if pools else 1, 4, lambda s: s[-1] != "N")
    dtype, shape = g.types[x]
    attrs = {"axis": len(shape) - 1, "opset": 13} if op == "QLinearSoftmax" else {}
    g.node(op, [x, *scaled(g, dtype), *scaled(g, dtype)], (dtype, shape[:2] + (1,) * (len(shape) - 2) if pools else shape), **attrs)


@rule("QLinearAdd", "QLinearMul", weight=0.4)
def two_bytes(g, op):
    x = g.pick(BYTES)
    y, dtype = partner(g, x), g.types[x][0]
    g.node(op, [x, *scaled(g, dtype), y, *scaled(g, dtype), *scaled(g, dtype)], (dtype, broadcast(g.types[x][1], g.types[y][1])))


@rule("QLinearWhere", weight=0.3)
def choose_bytes(g, op):
    x = g.pick(BYTES)
    (dtype, shape), y = g.types[x], partner(g, x)
    c = g.weight(np.random.default_rng(g.n).random(g.r.choice(((), shape[-1:])) if "N" not in shape[-1:] else ()) < 0.5)
    g.node(op, [c, x, *scaled(g, dtype), y, *scaled(g, dtype), *scaled(g, dtype)], (dtype, broadcast(shape, g.types[y][1])))


@rule("QLinearAveragePool", weight=0.3)
def pool_bytes(g, op):
    x = g.pick(BYTES, 4, 4, lambda s: "N" not in s[1:], g.picture())
    dtype, shape = g.types[x]
    k = [min(g.r.choice((1, 2, 3)), d) for d in shape[2:]]
    out = [out_size(d, size, 1, 1, 0, 0) for d, size in zip(shape[2:], k)]
    g.node(op, [x, *scaled(g, dtype), *scaled(g, dtype)], (dtype, (*shape[:2], *out)), kernel_shape=k)


@rule("QLinearConcat", weight=0.3)
def concat_bytes(g, op):
    x = g.pick(BYTES, 1, suits=lambda s: s[-1] != "N")
    dtype, shape = g.types[x]
    parts = [v for _ in range(g.r.choice((1, 2, 3))) for v in (x, *scaled(g, dtype))]
    g.node(op, [*scaled(g, dtype), *parts], (dtype, shape[:-1] + (shape[-1] * len(parts) // 3,)), axis=either(g, len(shape) - 1, shape))


@rule("QLinearMatMul", "QGemm", "MatMulIntegerToFloat", weight=0.5)
def multiply_bytes(g, op):
    x = g.pick(BYTES, 2, 2 if op == "QGemm" else 4, lambda s: s[-1] != "N", (3, 31))
    (dtype, shape), n = g.types[x], g.r.choice((1, 5, 16, 33))
    w = byte_tensor(g, (shape[-1], n))
    (a, az), (b, bz), out = scaled(g, dtype), scaled(g, g.types[w][0], each_or_one(g, n), 0.004, 0.02), scaled(g, dtype)
    if op == "QLinearMatMul":
        return g.node(op, [x, a, az, w, b, bz, *out], (dtype, shape[:-1] + (n,)))
    if op == "QGemm":
        return g.node(op, [x, a, az, w, b, bz, g.weight(np.arange(n, dtype=np.int32)), *out], (dtype, (shape[0], n)))
    return g.node(op, [x, w, a, b, az, bz], ("float", shape[:-1] + (n,)))


@rule("DynamicQuantizeMatMul", "RowQuantizedMatMul", weight=0.4)
def multiply_floats(g, op):
    rows = op[0] == "R"
    x = g.pick(("float",), 2, 3, lambda s: s[-1] != "N" and (rows or "N" not in s), (3, 32))
    shape, n = g.types[x][1], g.r.choice((1, 5, 16, 33))
    w = g.weight(np.random.default_rng(g.n).integers(-127, 128, (shape[-1], n), np.int8))
    attrs = {"range": g.r.choice([0] + [k for k in (8, 16, 32) if shape[-1] % k == 0])} if rows else {}
    g.node(op, [x, w, scaled(g, "int8", (n,), 0.001, 0.01)[0]], ("float", shape[:-1] + (n,)), **attrs)


@rule("QLinearConv", weight=0.5)
def convolve_bytes(g, op):
    x = g.pick(BYTES, 4, 4, lambda s: "N" not in s[1:], g.picture())
    (dtype, shape), k = g.types[x], g.r.choice((1, 2, 3))
    group = g.r.choice((1, shape[1]))
    m = group if group > 1 else g.r.choice((1, 5, 16))
    w = byte_tensor(g, (m, shape[1] // group, k, k))
    out = [out_size(d, k, 1, 1, k // 2, k // 2) for d in shape[2:]]
    g.node(op, [x, *scaled(g, dtype), w, *scaled(g, g.types[w][0], each_or_one(g, m), 0.004, 0.02), *scaled(g, dtype), g.weight(np.arange(m, dtype=np.int32))],
           (dtype, (shape[0], m, *out)), group=group, pads=[k // 2] * 4)
