# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random graphs: make(seed) lets one grow by rules, one or more for each operator of ir/ops.def.

A rule takes the graph and an operator's name, picks operands that suit it and adds the node.
"""
import re

import numpy as np

from graph import ANY, FLOATS, INTS, MOST, NUMBERS, OPERATORS, TABLE, Graph, Misfit, broadcast, count

TYPES = {"SET_FLOAT": FLOATS, "SET_NUMBER": FLOATS + INTS, "SET_INT": INTS, "SET_BOOL": ("bool",)}
MAPS = {name: TYPES[types] for name, types in re.findall(r'^(?:MAP|FUNCTION)\((\w+),.*(SET_\w+),', TABLE, re.M)}
MAPS["Erf"] = FLOATS  # of integers ONNX does not say what it is
RULES = []  # (weight, operator, rule, whether it rounds nothing)


def rule(*names, weight=1.0, exact=()):
    def add(f):
        for name in names:
            RULES.append((weight, name, f, exact is True or name in exact))
        return f
    return add


@rule(*MAPS, weight=0.6, exact="Abs BitwiseNot Ceil Floor Neg Not Relu Round Sign".split())
def unary(g, op):
    x = g.pick(MAPS[op])
    if op in ("Log", "Sqrt", "Reciprocal"):
        x = g.positive(x)
    elif op in ("Cos", "Cosh", "Erf", "Exp", "Mish", "Sin", "Sinh", "Tan") and g.types[x][0] in FLOATS:
        x = g.bounded(x)
    g.same(op, x)


@rule("Elu", "Gelu", "HardSigmoid", "LeakyRelu", "Selu", weight=0.7)
def activation(g, op):
    names = {"Elu": ["alpha"], "HardSigmoid": ["alpha", "beta"], "LeakyRelu": ["alpha"], "Selu": ["alpha", "gamma"]}.get(op, [])
    attrs = {n: round(g.r.uniform(0.1, 1.9), 2) for n in names if g.r.random() < 0.5}
    if op == "Gelu" and g.r.random() < 0.5:
        attrs["approximate"] = "tanh"
    x = g.pick(FLOATS)
    g.same(op, g.bounded(x) if op != "Gelu" else x, **attrs)


@rule("Celu", "Shrink", "Swish", "ThresholdedRelu", weight=0.5)
def spelled(g, op):
    x = g.pick(FLOATS)
    g.same(op, g.bounded(x), **{n: round(g.r.uniform(0.1, 1.9), 2) for n in (("bias", "lambd") if op == "Shrink" else ("alpha",)) if g.r.random() < 0.5})


@rule("IsInf", "IsNaN", weight=0.4, exact=True)
def is_odd(g, op):
    x = g.pick(FLOATS)
    g.node(op, [x], ("bool", g.types[x][1]), **({"detect_negative": g.r.choice((0, 1))} if op == "IsInf" else {}))


def partner(g, x, low=-1, high=1, one_way=False):
    """A value that broadcasts with x: one that is there, or a new one of some of x's dimensions."""
    dtype, shape = g.types[x]
    fits = lambda s: broadcast(shape, s) is not None and (not one_way or broadcast(shape, s) == shape)
    there = [v for v, (t, s) in g.types.items() if t == dtype and fits(s)]
    if there and low <= 0 and g.r.random() < 0.55:
        return g.r.choice(there)
    new = [d if g.r.random() < 0.75 else 1 for d in shape[g.r.choice((0, 0, 1, -1)):]]
    if not one_way and new and new[-1] == 1 and g.r.random() < 0.3:
        new[-1] = g.r.choice((2, 5))
    return g.operand(dtype, new if fits(new) else (), low, high)


NUMBER_OPS = ("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")


@rule(*NUMBER_OPS, "Mean", "Sum", "Equal", "And", "Or", "Xor", weight=1.2, exact=set(NUMBER_OPS) - {"Div"} | {"Equal", "And", "Or", "Xor"})
def two(g, op):
    compares = op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
    x = g.pick(("bool",) if op in ("And", "Or", "Xor") else ANY if op == "Equal" else FLOATS if op in ("Mean", "Sum") else FLOATS + INTS)
    if op == "Div":
        y = partner(g, x, 1, 4) if g.types[x][0] in INTS else g.positive(partner(g, x))
    else:
        y = partner(g, x, one_way=op == "PRelu")
    if op in ("Max", "Mean", "Min", "Sum") and g.r.random() < 0.4:
        ins = [x, y, partner(g, x)]
        return g.node(op, ins, (g.types[x][0], broadcast(*(g.types[v][1] for v in ins))))
    g.binary(op, x, y, "bool" if compares else None)


@rule("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", weight=0.4, exact=True)
def bits(g, op):
    x = g.pick(INTS)
    g.binary(op, x, partner(g, x), **({"direction": g.r.choice(("LEFT", "RIGHT"))} if op == "BitShift" else {}))


@rule("Mod", weight=0.6, exact=True)
def modulo(g, op):
    x = g.pick(FLOATS + INTS)
    y = partner(g, x, 1, 4)
    g.node(op, [x, y], (g.types[x][0], broadcast(g.types[x][1], g.types[y][1])), fmod=g.r.choice((0, 1)))


@rule("Pow", weight=0.8)
def power(g, op):
    x = g.pick(FLOATS + INTS)
    whole = g.types[x][0] in INTS or g.r.random() < 0.15
    y = g.weight(np.int64(g.r.choice((2, 3, 1, 0)))) if whole else g.scalar(x, g.r.choice((2, 0.5, -1, 3, 1, 0, 1.7)))
    g.binary(op, g.positive(x) if g.r.random() < 0.6 else x, y)


@rule("Where", weight=1.2, exact=True)
def where(g, op):
    c = g.pick(("bool",))
    x = g.pick(ANY, suits=lambda s: broadcast(s, g.types[c][1]) is not None)
    y = partner(g, x)
    g.node(op, [c, *g.r.sample([x, y], 2)], (g.types[x][0], broadcast(*(g.types[v][1] for v in (c, x, y)))))


@rule("MulAdd", weight=0.6, exact=True)
def multiply_and_add(g, op):
    x = g.pick(("float",))
    y, z = partner(g, x), partner(g, x, one_way=True)
    g.node(op, [x, y, z], ("float", broadcast(*(g.types[v][1] for v in (x, y, z)))))


@rule("Clip", weight=1.2, exact=True)
def clip(g, op):
    x = g.pick(FLOATS + INTS)
    low, high = g.scalar(x, g.r.choice((0, 1))), g.scalar(x, g.r.choice((2, 6)))
    g.node(op, [x, *g.r.choice(([low, high], [low], ['""', high], []))], g.types[x])


@rule("Cast", "CastLike", weight=0.8, exact=("Cast",))
def cast(g, op):
    x = g.pick(ANY)
    to = g.r.choice([t for t in ANY if g.opset >= 13 or t != "bfloat16"])
    if (g.exact and to in ("float16", "bfloat16")) or (g.kind == "odd" and to in INTS):
        raise Misfit
    if g.types[x][0] in FLOATS and to in INTS:  # beyond a type's range casts are undefined
        x = g.bounded(x, 0 if to[0] == "u" else -100, 100)
    if op == "Cast":
        g.node(op, [x], (to, g.types[x][1]), to=NUMBERS[to])
    else:
        like = g.pick((to,), most=2)
        g.node(op, [x, like], (to, g.types[x][1]))


@rule("BatchNormalization")
def batch_normalization(g, op):
    x = g.pick(FLOATS, 2, 5, lambda s: s[1] != "N")
    shape, kinds = g.types[x][1], [g.r.choice((g.types[x][0], "float", "double")) for _ in "ab"]  # of scale and shift, of mean and variance
    parts = [g.operand(kinds[i // 2], (shape[1],), low, 1.5) for i, low in enumerate((-1, -1, -1, 0.5))]
    g.same(op, x, *parts, epsilon=g.r.choice((None, 0.001)))


# ── Moves ──


def axis_of(g, shape, fixed=True):
    """An axis that is not the free batch, or None; sometimes counted from the end."""
    axes = [i for i, d in enumerate(shape) if d != "N" or not fixed]
    return g.r.choice(axes) if axes else None


def either(g, axis, shape):
    return axis if g.r.random() < 0.6 else axis - len(shape)


@rule("Identity", "Dropout", weight=0.4, exact=("Identity",))
def identity(g, op):
    x = g.pick(ANY if op == "Identity" else FLOATS)
    more = [("bool", g.types[x][1])] if op == "Dropout" and g.r.random() < 0.5 else []
    g.node(op, [x], g.types[x], *more)


@rule("Flatten", weight=0.5, exact=True)
def flatten(g, op):
    x = g.pick(ANY, 1)
    dtype, shape = g.types[x]
    axis = 1 if "N" in shape else g.r.randint(0, len(shape))
    rows = "N" if "N" in shape else count(shape[:axis])
    g.node(op, [x], (dtype, (rows, count(shape[axis:]))), axis=axis)


@rule("Reshape", weight=1.5, exact=True)
def reshape(g, op):
    x = g.pick(ANY, 1)
    dtype, shape = g.types[x]
    kept = 1 if "N" in shape or g.r.random() < 0.3 else 0
    total, dims = count(shape[kept:]), []
    while len(dims) < 3 and g.r.random() < 0.8:
        dims.append(g.r.choice([d for d in range(1, total + 1) if total % d == 0]))
        total //= dims[-1]
    dims.insert(g.r.randint(0, len(dims)), total)
    written = [0] * kept + dims
    if g.r.random() < 0.4:
        written[g.r.randint(kept, len(written) - 1)] = -1
    g.node(op, [x, g.ints(*written)], (dtype, shape[:kept] + tuple(dims)))


@rule("Squeeze", "Unsqueeze", weight=0.7, exact=True)
def ones(g, op):
    x = g.pick(ANY, most=5)
    dtype, shape = g.types[x]
    if op == "Squeeze":
        axes = [i for i, d in enumerate(shape) if d == 1 and g.r.random() < 0.7]
        out = [d for i, d in enumerate(shape) if i not in axes]
    else:
        axes = sorted(g.r.sample(range("N" in shape, len(shape) + 1), 1))
        out = list(shape)
        for i in axes:
            out.insert(i, 1)
    if axes:
        as_input = g.r.random() < 0.5
        g.node(op, [x, g.ints(*axes)] if as_input else [x], (dtype, tuple(out)), axes=None if as_input else axes)


@rule("Transpose", weight=1.5, exact=True)
def transpose(g, op):
    x = g.pick(ANY, 1, 5)
    shape = g.types[x][1]
    first = int("N" in shape)
    perm = g.r.sample(range(first, len(shape)), len(shape) - first)
    if len(shape) == 4 and g.r.random() < 0.6:
        perm = list(g.r.choice(((0, 2, 3, 1), (0, 3, 1, 2))))[first:]
    g.permuted(x, [0] * first + perm)


@rule("Slice", weight=1.2, exact=True)
def slices(g, op):
    x = g.pick(ANY, 1)
    dtype, shape = g.types[x]
    axes = [i for i, d in enumerate(shape) if d != "N" and g.r.random() < 0.6]
    out, starts, ends, steps = list(shape), [], [], []
    for i in axes:
        d, step = shape[i], g.r.choice((1, 1, 2, 3, -1, -2))
        start, end = sorted(g.r.sample(range(d + 1), 2)) if d else (0, 0)
        if step < 0:
            start, end = end - 1, start - 1 if start else -d - 1
        out[i] = len(range(*slice(start, end, step).indices(d)))
        starts.append(start), ends.append(g.r.choice((end, 2**62)) if end == d else end), steps.append(step)
    if axes:
        g.node(op, [x, *(g.ints(*v) for v in (starts, ends, axes, steps))], (dtype, tuple(out)))


@rule("Split", exact=True)
def split(g, op):
    x = g.pick(ANY, 1, suits=lambda s: any(d != "N" and d > 1 for d in s))
    dtype, shape = g.types[x]
    axis = g.r.choice([i for i, d in enumerate(shape) if d != "N" and d > 1])
    cut = g.r.randint(1, shape[axis] - 1)
    parts = [cut, shape[axis] - cut]
    g.node(op, [x, g.ints(*parts)], *((dtype, shape[:axis] + (p,) + shape[axis + 1:]) for p in parts), axis=either(g, axis, shape))


@rule("Concat", weight=1.2, exact=True)
def concat(g, op):
    x = g.pick(ANY, 1, suits=lambda s: any(d != "N" for d in s))
    dtype, shape = g.types[x]
    axis = axis_of(g, shape)
    beside = lambda s: len(s) == len(shape) and all(a == b or i == axis for i, (a, b) in enumerate(zip(s, shape)))
    there = [v for v, (t, s) in g.types.items() if t == dtype and beside(s)]
    parts = [x, *(g.r.choice(there) for _ in range(g.r.randint(0, 2)))]
    if g.r.random() < 0.3:
        parts.insert(0, g.operand(dtype, shape[:axis] + (g.r.choice((1, 2, 5)),) + shape[axis + 1:]))
    out = shape[:axis] + (sum(g.types[v][1][axis] for v in parts),) + shape[axis + 1:]
    g.node(op, parts, (dtype, out), axis=either(g, axis, shape))


@rule("Gather", exact=True)
def gather(g, op):
    x = g.pick(ANY, 1, 4, lambda s: any(d != "N" for d in s))
    dtype, shape = g.types[x]
    axis = axis_of(g, shape)
    index = np.random.default_rng(g.r.randint(0, 99)).integers(-shape[axis], shape[axis], g.r.choice(((), (1,), (3,), (2, 2))))
    out = shape[:axis] + index.shape + shape[axis + 1:]
    g.node(op, [x, g.weight(index.astype(g.r.choice((np.int64, np.int32))))], (dtype, out), axis=either(g, axis, shape))


def indices(g, shape, size):
    """Of so many places: a constant; of a free batch, made of an input."""
    if "N" not in shape:
        index = np.random.default_rng(g.r.randint(0, 99)).integers(-size, size, shape)
        return g.weight(index.astype(g.r.choice((np.int64, np.int32))))
    return g.input("int64", shape, 0, size - 1, "whole")


def beside(g, shape, axis):
    """A shape of indices for it: no larger but along axis."""
    return tuple(g.r.choice((1, 2, 5, 9)) if i == axis else d if d == "N" else g.r.randint(1, d) for i, d in enumerate(shape))


@rule("GatherElements", exact=True)
def gather_elements(g, op):
    x = g.pick(ANY, 1, 5, lambda s: any(d != "N" for d in s))
    dtype, shape = g.types[x]
    axis = axis_of(g, shape)
    out = beside(g, shape, axis)
    g.node(op, [x, indices(g, out, shape[axis])], (dtype, out), axis=either(g, axis, shape))


@rule("GatherND", exact=True)
def gather_nd(g, op):
    x = g.pick(ANY, 1, 5, lambda s: s != ("N",))
    dtype, shape = g.types[x]
    batch = g.r.randint(int("N" in shape), len(shape) - 1)
    n = g.r.randint(1, len(shape) - batch)
    rows = shape[:batch] + g.r.choice(((), (3,), (2, 2)))
    g.node(op, [x, indices(g, rows + (n,), min(shape[batch:batch + n]))], (dtype, rows + shape[batch + n:]), batch_dims=batch if g.opset >= 12 or batch else None)


def joined(g, x, least):
    """How updates go in, where the opset has it; sums of many would not stay exact."""
    return g.r.choice(("none", "none", *(("max", "min", "add", "mul")[:2 if g.exact else 4]))) if g.opset >= least and g.types[x][0] != "bool" else None


@rule("ScatterElements", "Scatter", weight=0.6, exact=True)
def scatter_elements(g, op):
    x = g.pick(ANY, 1, 4, lambda s: any(d != "N" for d in s))
    dtype, shape = g.types[x]
    axis, how = axis_of(g, shape), joined(g, x, 18) if op == "ScatterElements" else None
    rows = beside(g, shape, axis)
    if how in (None, "none"):  # which of several updates stays, ONNX does not say
        rows = tuple(1 if i == axis else d for i, d in enumerate(rows))
    g.node(op, [x, indices(g, rows, shape[axis]), g.operand(dtype, rows)], (dtype, shape), axis=either(g, axis, shape), reduction=how)


@rule("ScatterND", weight=0.6, exact=True)
def scatter_nd(g, op):
    x = g.pick(ANY, 1, 4, lambda s: "N" not in s)
    dtype, shape = g.types[x]
    n, how = g.r.randint(1, len(shape)), joined(g, x, 18)
    rows = (1,) if how in (None, "none") else g.r.choice(((3,), (2, 2)))
    g.node(op, [x, indices(g, rows + (n,), min(shape[:n])), g.operand(dtype, rows + shape[n:])], (dtype, shape), reduction=how)


@rule("TopK", exact=True)
def top(g, op):
    x = g.pick(FLOATS + INTS, 1, 5, lambda s: any(d != "N" for d in s))
    dtype, shape = g.types[x]
    axis = axis_of(g, shape)
    k = g.r.randint(1, shape[axis])
    out = shape[:axis] + (k,) + shape[axis + 1:]
    g.node(op, [x, g.ints(k)], (dtype, out), ("int64", out), axis=either(g, axis, shape), largest=g.r.choice((0, 1)))


@rule("CumSum", "CumProd", weight=0.6)
def scan(g, op):
    x = g.pick(FLOATS + INTS, 1, 5, lambda s: any(d != "N" for d in s))
    shape = g.types[x][1]
    axis = axis_of(g, shape)
    if op == "CumProd" and shape[axis] > 20:
        raise Misfit
    g.same(op, x, g.weight(np.int64(either(g, axis, shape))), exclusive=g.r.choice((0, 1)), reverse=g.r.choice((0, 1)))


@rule("DepthToSpace", "SpaceToDepth", weight=0.6, exact=True)
def blocks(g, op):
    to_space, b = op == "DepthToSpace", g.r.choice((1, 2, 3))
    fits = lambda s: "N" not in s[1:] and (s[1] % b**2 == 0 if to_space else s[2] % b == s[3] % b == 0)
    x = g.pick(ANY, 4, 4, fits, (g.picture()[0], *((3 * b**2, 2, 5) if to_space else (3, 2 * b, 3 * b))))
    dtype, (n, c, h, w) = g.types[x]
    out = (n, c // b**2, h * b, w * b) if to_space else (n, c * b**2, h // b, w // b)
    g.node(op, [x], (dtype, out), blocksize=b, mode=g.r.choice((None, "CRD")) if g.opset >= (11 if to_space else 28) else None)


@rule("EyeLike", "Trilu", weight=0.5, exact=True)
def planes(g, op):
    x = g.pick(ANY, 2, 2 if op == "EyeLike" else 5, lambda s: "N" not in s[-2:])
    dtype, shape = g.types[x]
    k = g.r.choice((0, 1, -2))
    if op == "EyeLike":
        to = g.r.choice((None, "float"))
        return g.node(op, [x], (to or dtype, shape), k=k, dtype=to and NUMBERS[to])
    g.same(op, x, *([g.weight(np.int64(k))] if g.r.random() < 0.7 else []), upper=g.r.choice((0, 1)))


@rule("OneHot", weight=0.6, exact=True)
def one_hot(g, op):
    x = g.pick(("int64", "int32"), 0, 4)
    shape, depth = g.types[x][1], g.r.choice((1, 3, 5))
    axis = g.r.randint(int("N" in shape), len(shape))
    out = shape[:axis] + (depth,) + shape[axis:]
    g.node(op, [x, g.weight(np.int64(depth)), g.operand("float", (2,))], ("float", out), axis=axis)


@rule("NonZero", weight=0.25, exact=True)
def non_zero(g, op):
    array = np.random.default_rng(g.r.randint(0, 99)).integers(0, 2, g.r.choice(((5,), (2, 3))))
    g.node(op, [g.weight(array)], ("int64", (array.ndim, int(array.sum()))))


@rule("Pad", exact=True)
def pad_on(g, op):
    """By what is there."""
    x = g.pick(FLOATS + INTS, 1)
    dtype, shape = g.types[x]
    begin, end = ([0 if d == "N" else g.r.choice((0, 0, 1, 3)) for d in shape] for _ in "be")
    out = tuple(d if d == "N" else d + b + e for d, b, e in zip(shape, begin, end))
    g.node(op, [x, g.ints(*begin, *end)], (dtype, out), mode=g.r.choice(("reflect", "edge", *(("wrap",) if g.opset >= 19 else ()))))


@rule("Pad", exact=True)
def pad(g, op):
    x = g.pick(FLOATS + INTS, 1)
    dtype, shape = g.types[x]
    begin, end = ([0 if d == "N" else g.r.choice((0, 0, 1, 2, -1)) for d in shape] for _ in "be")
    out = tuple(d if d == "N" else d + b + e for d, b, e in zip(shape, begin, end))
    g.node(op, [x, g.ints(*begin, *end), *([g.scalar(x, 2)] if g.r.random() < 0.5 else [])], (dtype, out))


def resize(g, op, mode):
    x = g.pick(ANY if mode == "nearest" else FLOATS + INTS, 1)
    dtype, shape = g.types[x]
    axes = [i for i, d in enumerate(shape) if d != "N" and g.r.random() < 0.7]
    scales = [g.r.choice((0.5, 0.75, 1, 1.25, 2, 2, 3)) for _ in axes]  # which no rounding moves
    sizes = [int(np.float32(shape[a]) * np.float32(s)) for a, s in zip(axes, scales)]
    out = [sizes[axes.index(i)] if i in axes else d for i, d in enumerate(shape)]
    if op == "Upsample" or g.r.random() < 0.1:
        whole = np.array([scales[axes.index(i)] if i in axes else 1 for i in range(len(shape))], np.float32)
        return g.node(op, [x, g.weight(whole)], (dtype, tuple(out)), mode=mode if mode != "cubic" else "linear")
    attrs = dict(mode=mode, axes=axes, coordinate_transformation_mode=g.r.choice((
        "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners", "tf_crop_and_resize")))
    if mode == "nearest":
        attrs["nearest_mode"] = g.r.choice(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"))
    else:
        attrs.update(antialias=g.r.randint(0, 1), exclude_outside=g.r.randint(0, 1), extrapolation_value=3.0)
    roi = np.array([g.r.choice((-0.25, 0, 0, 0.25)) for _ in axes] + [g.r.choice((0.5, 1, 1, 1.25)) for _ in axes], np.float32)
    by_sizes = g.r.random() < 0.5
    numbers = ['""', g.ints(*sizes)] if by_sizes else [g.weight(np.array(scales, np.float32))]
    g.node(op, [x, g.weight(roi), *numbers], (dtype, tuple(out)), **attrs)


@rule("Resize", "Upsample", weight=0.6, exact=True)
def nearest(g, op):
    resize(g, op, "nearest")


@rule("Resize", "Upsample", weight=0.8)
def blended(g, op):
    resize(g, op, g.r.choice(("linear", "linear", "cubic")))


@rule("Expand", "Tile", exact=True)
def expand(g, op):
    x = g.pick(ANY, 1)
    dtype, shape = g.types[x]
    if op == "Tile":
        times = [1 if d == "N" else g.r.choice((1, 1, 2, 3)) for d in shape]
        out, to = tuple(d if d == "N" else d * t for d, t in zip(shape, times)), times
    else:
        to = [1 if d == "N" or g.r.random() < 0.3 else g.r.choice((2, 4)) if d == 1 else d for d in shape]
        if "N" not in shape and g.r.random() < 0.3:
            to.insert(0, 2)
        out = broadcast(shape, to)
    g.node(op, [x, g.ints(*to)], (dtype, out))


@rule("Shape", "Size", weight=0.25, exact=True)
def sizes(g, op):
    x = g.pick(ANY)
    shape = g.types[x][1]
    start = g.r.randint(0, len(shape)) if op == "Shape" and g.opset >= 15 else 0
    g.node(op, [x], ("int64", (len(shape) - start,) if op == "Shape" else ()), start=start or None)


@rule("ConstantOfShape", "Constant", "Range", weight=0.25, exact=("ConstantOfShape", "Range"))
def constant(g, op):
    shape = tuple(d for d in g.shape(1, 3) if d != "N")
    if op == "Range":
        g.node(op, [g.weight(np.int64(v)) for v in (1, 14, 3)], ("int64", (5,)))
    elif op == "ConstantOfShape":
        g.node(op, [g.ints(*shape)], ("float", shape), value=("float[1] {3.0}",))
    else:
        dims, attrs = g.r.choice((((), {"value_float": 1.5}), ((2,), {"value": ("float[2] {1.5, -0.25}",)})))
        g.node(op, [], ("float", dims), **attrs)


# ── Reductions ──

REDUCTIONS = ["Reduce" + kind for kind in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split()]


def over(g, op, x, axes, keep=1):
    """Axes as an attribute or as an input, which every opset takes; none: all."""
    dtype, shape = g.types[x]
    out = tuple(1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes)
    written = None if len(axes) == len(shape) and g.r.random() < 0.5 else [either(g, i, shape) for i in axes]
    as_input = written and g.r.random() < 0.5
    return g.node(op, [x, g.ints(*written)] if as_input else [x], (dtype, out), keepdims=keep, axes=None if as_input else written)


@rule(*REDUCTIONS, weight=0.5, exact=["Reduce" + kind for kind in "L1 Max Min Sum SumSquare".split()])
def reduce(g, op):
    x = g.pick(FLOATS + INTS, 1, 5)
    dtype, shape = g.types[x]
    axes = [i for i, d in enumerate(shape) if g.r.random() < (0.2 if d == "N" else 0.5)] or [len(shape) - 1]
    if (op == "ReduceProd" and count([shape[i] for i in axes]) > 20) or (dtype in INTS and op in ("ReduceMean", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp")):
        raise Misfit
    over(g, op, x, axes, g.r.choice((0, 1)))


@rule("ArgMax", "ArgMin", weight=0.5, exact=True)
def place(g, op):
    x = g.pick(FLOATS + INTS, 1, 5, lambda s: any(d != "N" for d in s))
    shape, keep = g.types[x][1], g.r.choice((0, 1))
    axis = axis_of(g, shape)
    g.node(op, [x], ("int64", shape[:axis] + (1,) * keep + shape[axis + 1:]), axis=either(g, axis, shape), keepdims=keep,
           select_last_index=g.r.choice((0, 1)) if g.opset >= 12 else None)


@rule("Softmax", "LogSoftmax", "Hardmax", weight=0.8, exact=("Hardmax",))
def softmax(g, op):
    x = g.pick(FLOATS, 1, 5, lambda s: s[-1] != "N")
    shape = g.types[x][1]
    g.same(op, x, axis=g.r.choice((None, either(g, axis_of(g, shape), shape))) if shape[1:] else -1)


@rule("LayerNormalization", weight=1.2)
def layer_normalization(g, op):
    x = g.pick(FLOATS, 1, 5, lambda s: s[-1] not in ("N", 1))
    dtype, shape = g.types[x]
    axis = g.r.choice([len(shape) - 1] * 3 + list(range("N" in shape, len(shape))))
    affine = [g.operand(dtype, shape[axis:] if g.r.random() < 0.8 else shape[-1:]) for _ in range(g.r.choice((1, 2, 2)))]
    stats = ("float", shape[:axis] + (1,) * (len(shape) - axis))
    g.node(op, [x, *affine], (dtype, shape), *([stats] * 2 if g.r.random() < 0.15 else []), axis=either(g, axis, shape),
           epsilon=g.r.choice((None, 0.001, 0.1)))


@rule("InstanceNormalization", "GroupNormalization")
def channel_normalization(g, op):
    x = g.pick(FLOATS, 3, 5, lambda s: s[1] != "N" and count(s[2:]) > 1)
    dtype, shape = g.types[x]
    groups = g.r.choice([d for d in range(1, shape[1] + 1) if shape[1] % d == 0])
    n = shape[1] if op == "InstanceNormalization" or g.r.random() < 0.7 else groups
    g.same(op, x, g.operand(dtype, (n,)), g.operand(dtype, (n,)), epsilon=g.r.choice((None, 0.001, 0.1)),
           num_groups=None if op == "InstanceNormalization" else groups)


@rule("LpNormalization", "MeanVarianceNormalization", weight=0.7)
def other_normalization(g, op):
    x = g.pick(FLOATS, 1, 5, lambda s: s[-1] not in ("N", 1))
    shape = g.types[x][1]
    if op == "LpNormalization":
        g.same(op, g.positive(x), axis=either(g, axis_of(g, shape), shape), p=g.r.choice((None, 1, 2)))
    else:
        g.same(op, x, axes=sorted({len(shape) - 1, axis_of(g, shape)}))


@rule("GlobalLpPool", weight=0.4)
def global_lp_pool(g, op):
    x = g.pick(FLOATS, 3, 5)
    dtype, shape = g.types[x]
    g.node(op, [x], (dtype, shape[:2] + (1,) * (len(shape) - 2)), p=g.r.choice((None, 1, 2, 3)))


@rule("RMSNormalization", "SimpleNormalization")
def norm_of_scale(g, op):
    x = g.pick(FLOATS, 1, 5, lambda s: s[-1] not in ("N", 1))
    dtype, shape = g.types[x]
    axis = g.r.choice([len(shape) - 1] * 3 + list(range("N" in shape, len(shape))))
    scale = g.operand(dtype, shape[axis:] if g.r.random() < 0.8 else shape[-1:])
    g.node(op, [x, scale], g.types[x], axis=either(g, axis, shape), epsilon=g.r.choice((None, 0.001, 0.1)))


def out_size(size, kernel, stride, dilation, begin, end, ceil=0):
    """With ceil one more window where a part is left, but none that begins behind the picture."""
    room = size + begin + end - (kernel - 1) * dilation - 1
    n = -(-room // stride) + 1 if ceil else room // stride + 1
    return n - 1 if ceil and (n - 1) * stride >= size + begin else n


@rule("AveragePool", "LpPool", "MaxPool", exact=("MaxPool",))
def pool(g, op):
    x = g.pick(FLOATS + INTS if op == "MaxPool" else FLOATS, 3, 5, lambda s: "N" not in s[1:], g.picture())
    dtype, shape = g.types[x]
    n = len(shape) - 2
    kernel, strides = [g.r.choice((1, 2, 3)) for _ in range(n)], [g.r.choice((1, 2)) for _ in range(n)]
    pads, ceil = [g.r.randint(0, k - 1) for k in kernel * 2], g.r.choice((0, 0, 1))
    dilations = [g.r.choice((1, 1, 2)) if op != "AveragePool" or g.opset >= 19 else 1 for _ in range(n)]
    out = [out_size(*v, ceil) for v in zip(shape[2:], kernel, strides, dilations, pads, pads[n:])]
    if min(out) > 0:
        type_ = (dtype, (*shape[:2], *out))
        indices = [("int64", type_[1])] if op == "MaxPool" and "N" not in shape and g.r.random() < 0.3 else []
        g.node(op, [x], type_, *indices, kernel_shape=kernel, strides=strides, pads=pads, dilations=dilations, ceil_mode=ceil,
               count_include_pad=g.r.choice((0, 1)) if op == "AveragePool" else None)


@rule("GlobalAveragePool", "GlobalMaxPool", weight=0.7, exact=("GlobalMaxPool",))
def global_pool(g, op):
    x = g.pick(FLOATS, 3, 5, fresh=g.picture())
    dtype, shape = g.types[x]
    g.node(op, [x], (dtype, shape[:2] + (1,) * (len(shape) - 2)))


@rule("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss", weight=0.5)
def loss(g, op):
    x = g.pick(FLOATS, 2, 4, lambda s: s[1] != "N")
    dtype, shape = g.types[x]
    labels = g.input(g.r.choice(("int32", "int64")), shape[:1] + shape[2:], 0.5, shape[1] - 1)
    weights = [g.operand(dtype, shape[1:2], 0.5, 1.5)] if g.r.random() < 0.5 else []
    how = g.r.choice(("none", "sum", "mean"))
    log_prob = [(dtype, shape)] if op[0] == "S" and g.r.random() < 0.3 else []
    g.node(op, [x, labels, *weights], (dtype, shape[:1] + shape[2:] if how == "none" else ()), *log_prob, reduction=how,
           ignore_index=g.r.choice((None, 0)))


# ── Products ──


@rule("Einsum")
def einsum(g, op):
    """A sum over none, one or two letters of one operand, or of two that share some; a free batch is in the output."""
    x = g.pick(FLOATS, 1, 4)
    dtype, shape = g.types[x]
    sizes, z = dict(zip("abcd", shape)), []
    if g.r.random() < 0.8:
        own = {letter: g.r.choice((1, 2, 5, 8)) for letter in "xy"[:g.r.randint(0, 2)]}
        shared = {letter: size for letter, size in sizes.items() if g.r.random() < 0.6}
        z = g.r.sample([*own, *shared], len(own) + len(shared))
        sizes.update(own)
    out = [letter for letter in sizes if g.r.random() < 0.6 or sizes[letter] == "N"]
    out = out[:1] + g.r.sample(out[1:], len(out) - 1) if out and sizes[out[0]] == "N" else g.r.sample(out, len(out))
    if "N" in [sizes[letter] for letter in z[1:]] or len(out) > 5:
        raise Misfit
    operands = [x] + ([g.operand(dtype, tuple(sizes[letter] for letter in z))] if z else [])
    equation = ",".join(["abcd"[:len(shape)], *(["".join(z)] if z else [])]) + "->" + "".join(out)
    g.node(op, operands, (dtype, tuple(sizes[letter] for letter in out)), equation=equation)


@rule("Attention", weight=0.7)
def attention(g, op):
    x = g.pick(FLOATS, 3, 3, lambda s: "N" not in s[1:])
    dtype, (batch, length, columns) = g.types[x]
    heads, shared, keys, values = g.r.choice((1, 2)), g.r.choice((1, 1, 2)), g.r.choice((1, 3, 5, 9)), g.r.choice((1, 4, 7))
    if columns % (heads * shared):
        raise Misfit
    k, v = (g.operand(dtype, (batch, keys, heads * size)) for size in (columns // (heads * shared), values))
    mask = [g.operand(g.r.choice((dtype, "bool")), (length, keys))] if g.r.random() < 0.5 else []
    g.node(op, [x, k, v, *mask], (dtype, (batch, length, heads * shared * values)), q_num_heads=heads * shared, kv_num_heads=heads,
           is_causal=g.r.choice((None, 1)), scale=g.r.choice((None, 0.3)), softcap=g.r.choice((None, 2.0)))


@rule("Conv", "ConvNHWC", weight=2, exact=True)
def conv(g, op, x=None, kernel=None, **kept):
    last = op == "ConvNHWC"
    x = x or g.pick(FLOATS, 4 if last else 3, 4 if last else 5, lambda s: "N" not in s[1:], g.picture())
    dtype, shape = g.types[x]
    c, space = (shape[-1], shape[1:-1]) if last else (shape[1], shape[2:])
    n, r = len(space), g.r
    group = kept.get("group") or r.choice([1, c, r.choice([d for d in range(1, c + 1) if c % d == 0])])
    m = kept.get("m") or (group * r.choice((1, 1, 2, 3)) if group > 1 else r.choice((1, 5, 8, 16, 33, 40)))
    kernel = kernel or [r.choice((1, 2, 3, 5, 7)) for _ in range(n)]
    strides, dilations = ([r.choice(few) for _ in range(n)] for few in ((1, 1, 2, 3), (1, 1, 1, 2)))
    pads = [r.randint(0, k // 2 * d) for k, d in zip(kernel * 2, dilations * 2)]
    if r.random() < 0.4 or kept:  # as in blocks
        strides, dilations = kept.get("strides", [1] * n), [1] * n
        pads = [0] * 2 * n if "strides" in kept else [k // 2 for k in kernel] * 2
    out = [out_size(*v) for v in zip(space, kernel, strides, dilations, pads, pads[n:])]
    if min(out) < 1 or count((m, c // group, *kernel)) > MOST:
        raise Misfit
    scale = 1.5 / count((c // group, *kernel))**0.5
    ins = [x, g.operand(dtype, (m, c // group, *kernel), -scale, scale), *([g.operand(dtype, (m,))] if r.random() < 0.7 else [])]
    out = (shape[0], *out, m) if last else (shape[0], m, *out)
    return g.node(op, ins, (dtype, out), group=group, strides=strides, pads=pads, dilations=dilations if max(dilations) > 1 else None)


@rule("ConvTranspose", weight=0.8, exact=True)
def conv_transpose(g, op):
    x = g.pick(FLOATS, 3, 5, lambda s: "N" not in s[1:], g.picture())
    (dtype, (batch, c, *space)), r = g.types[x], g.r
    n = len(space)
    group = r.choice([1, 1, 1, c, r.choice([d for d in range(1, c + 1) if c % d == 0])])
    m, kernel = group * r.choice((1, 1, 3, 8)), [r.choice((1, 2, 2, 3, 4)) for _ in range(n)]
    strides, dilations = [r.choice((1, 2, 2, 3)) for _ in range(n)], [r.choice((1, 1, 1, 2)) for _ in range(n)]
    pads, more = [r.randint(0, k - 1) for k in kernel * 2], [r.randint(0, s - 1) for s in strides]
    out = [s * (d - 1) + e + (k - 1) * l + 1 - b - f for s, d, e, k, l, b, f in zip(strides, space, more, kernel, dilations, pads, pads[n:])]
    scale = 1.5 / count((c // group, *kernel))**0.5
    ins = [x, g.operand(dtype, (c, m // group, *kernel), -scale, scale), *([g.operand(dtype, (m,))] if r.random() < 0.6 else [])]
    g.node(op, ins, (dtype, (batch, m, *out)), group=group, strides=strides, pads=pads, dilations=dilations, output_padding=more)


@rule("MatMul", weight=2.5, exact=True)
def matmul(g, op, x=None, given=None):
    x = x or g.pick(FLOATS + INTS, 1, 5, lambda s: s[-1] != "N")
    dtype, shape = g.types[x]
    k, n = shape[-1], given or g.r.choice((1, 3, 5, 8, 16, 17, 33, 48, 70))
    scale = 1.5 / k**0.5
    there = [v for v, (t, s) in g.types.items() if t == dtype and len(s) > 1 and s[-2] == k and "N" not in s[-2:]
             and broadcast(shape[:-2], s[:-2]) is not None and len(shape) > 1]
    if there and not given and g.r.random() < 0.3:
        y = g.r.choice(there)
    elif not given and g.r.random() < 0.1 and len(shape) > 1:
        return g.node(op, [x, g.operand(dtype, (k,), -scale, scale)], (dtype, shape[:-1]))
    else:
        y = g.operand(dtype, (k, n), -scale, scale)
    s = g.types[y][1]
    out = (broadcast(shape[:-2], s[:-2]) + shape[-2:-1] if len(shape) > 1 else s[:-2]) + s[-1:]
    return g.node(op, [x, y], (dtype, out))


@rule("Gemm", exact=("Gemm",))
def gemm(g, op):
    x = g.pick(FLOATS + INTS, 2, 2, lambda s: s[1] != "N")
    dtype, shape = g.types[x]
    ta, tb, n = "N" not in shape and g.r.choice((0, 1)), g.r.choice((0, 1)), g.r.choice((1, 5, 16, 33))
    m, k = shape[::-1] if ta else shape
    c = [g.operand(dtype, g.r.choice(((n,), (1, n), (1,), ())))] if g.r.random() < 0.7 else []
    scale = {} if g.exact or dtype in INTS else {"alpha": g.r.choice((None, 0.5)), "beta": g.r.choice((None, 1.5))}
    g.node(op, [x, g.operand(dtype, (n, k) if tb else (k, n), -1 / k, 1 / k), *c], (dtype, (m, n)), transA=int(ta), transB=tb, **scale)


# ── Parts of ConvNeXt, near misses among them ──


def disturb(g, x):
    """Mostly x itself; now and then something between two steps that fusion joins."""
    if g.r.random() < 0.9:
        return x
    return g.r.choice((lambda: g.same("Relu", x), lambda: g.binary("Add", x, partner(g, x, one_way=True)),
                       lambda: g.node("Identity", [x], g.types[x]), lambda: g.binary("Mul", x, g.scalar(x, 0.5))))()


def act(g, x):
    """Gelu as graphs write it, or another."""
    form, b, s = g.r.choice(("Gelu", "erf", "tanh", "quick", "Relu", "Selu", "none")), g.binary, g.scalar
    if form == "Gelu" and g.opset >= 20:
        return g.same("Gelu", x)
    if form == "erf":
        e = b("Add", g.same("Erf", b("Div", x, s(x, 2**0.5))), s(x, 1))
        return b("Mul", b("Mul", x, e), s(x, 0.5)) if g.r.random() < 0.5 else b("Mul", b("Mul", x, s(x, 0.5)), e)
    if form == "tanh":
        cube = b("Pow", x, s(x, 3)) if g.r.random() < 0.5 else b("Mul", b("Mul", x, x), x)
        inner = b("Mul", b("Add", x, b("Mul", cube, s(x, 0.044715))), s(x, 0.7978845608))
        return b("Mul", b("Mul", x, s(x, 0.5)), b("Add", g.same("Tanh", inner), s(x, 1)))
    if form == "quick":
        return b("Mul", x, g.same("Sigmoid", b("Mul", x, s(x, 1.702))))
    return g.same(form, x) if form in ("Relu", "Selu") else x


def norm(g, x, axis):
    """LayerNormalization or one of its kin over an axis, whole or in parts."""
    dtype, shape = g.types[x]
    c, scalar, binary = shape[axis], g.scalar, g.binary
    if axis == len(shape) - 1 and g.r.random() < 0.6 and g.opset >= 17:
        return g.node("LayerNormalization", [x, g.operand(dtype, (c,)), g.operand(dtype, (c,))], (dtype, shape), epsilon=0.001)
    d = binary("Sub", x, over(g, "ReduceMean", x, [axis])) if g.r.random() < 0.7 else x
    square = binary("Pow", d, scalar(d, 2)) if g.r.random() < 0.5 else binary("Mul", d, d)
    mean = over(g, "ReduceMean", square, [axis])
    if d != x and c > 1 and g.r.random() < 0.3:  # timm's SimpleNorm
        d, mean = x, binary("Mul", mean, scalar(d, c / (c - 1)))
    root = g.same("Sqrt", binary("Add", mean, scalar(d, 0.001)))
    affine = (c,) + (1,) * (len(shape) - 1 - axis)
    return binary("Add", binary("Mul", binary("Div", disturb(g, d), root), g.operand(dtype, affine)), g.operand(dtype, affine))


def grn(g, x, space, channel):
    """Each channel's norm over the picture, divided by their mean."""
    dtype, shape = g.types[x]
    norms = over(g, "ReduceL2", x, space)
    mean = over(g, "ReduceMean", norms, [channel])
    q = g.binary("Div", norms, g.binary("Add", disturb(g, mean), g.scalar(x, 0.001)))
    affine = tuple(shape[channel] if i == channel else 1 for i in range(len(shape)))
    u = g.binary("Mul", g.binary("Mul", x, q), g.operand(dtype, affine))
    return g.binary("Add", g.binary("Add", u, g.operand(dtype, affine)) if g.r.random() < 0.5 else u, x)


def dense(g, x, m, first):
    """A pointwise layer on x, as a 1 x 1 convolution of NCHW or a product of NHWC."""
    if first:
        return conv(g, "Conv", x, [1, 1], group=1, m=m)
    y = matmul(g, "MatMul", x, m)
    dtype, shape = g.types[y]
    return g.binary("Add", y, g.operand(dtype, shape[-1:])) if g.r.random() < 0.85 else y


@rule("block", weight=4)
def block(g, op):
    x = g.pick(("float", "float", "double", "float16"), 4, 4, lambda s: "N" not in s[1:] and s[1] > 1 and s[1] * s[2] * s[3] < 1500, g.picture())
    c, first, k = g.types[x][1][1], g.r.random() < 0.25, g.r.choice((3, 5, 7, 7))
    y = disturb(g, conv(g, "Conv", x, [k, k], group=c, m=c))
    y = disturb(g, norm(g, y if first else g.permuted(y, (0, 2, 3, 1)), 1 if first else 3))
    h = disturb(g, act(g, dense(g, y, g.r.choice((c, 4 * c if c < 20 else 2 * c, 33)), first)))
    if g.r.random() < 0.35:
        h = disturb(g, grn(g, h, [2, 3] if first else [1, 2], 1 if first else 3))
    y = disturb(g, dense(g, h, c, first))
    if g.r.random() < 0.6:
        y = g.binary("Mul", y, g.operand(g.types[y][0], (c, 1, 1) if first else (c,)))
    y = disturb(g, y if first else g.permuted(y, (0, 3, 1, 2)))
    g.binary(g.r.choice(("Add", "Add", "Add", "Sub")), y, x if g.r.random() < 0.9 else partner(g, y))


@rule("patches", weight=1.5)
def patches(g, op):
    """A stem, or what stands between stages."""
    k = g.r.choice((2, 2, 4))
    x = g.pick(("float",), 4, 4, lambda s: "N" not in s[1:] and min(s[2:]) >= 4, (g.picture()[0], 3, 8, 12))
    x = g.permuted(norm(g, g.permuted(x, (0, 2, 3, 1)), 3), (0, 3, 1, 2)) if g.r.random() < 0.5 else x
    y = conv(g, "Conv", x, [k, k], group=1, m=g.r.choice((8, 16, 19)), strides=[k, k])
    norm(g, y, 1)


@rule("head", weight=1)
def head(g, op):
    x = g.pick(("float",), 4, 4, lambda s: "N" not in s[1:], g.picture())
    dtype, shape = g.types[x]
    y = g.node("GlobalAveragePool", [x], (dtype, shape[:2] + (1, 1)))
    y = norm(g, g.node("Flatten", [y], (dtype, shape[:2])), 1)
    w = g.operand(dtype, (10, shape[1]))
    g.node("Gemm", [y, w, g.operand(dtype, (10,))], (dtype, (shape[0], 10)), transB=1)


def make(seed):
    """The graph of a seed."""
    g = Graph(seed)
    rules = [(w, op, f) for w, op, f, is_exact in RULES if OPERATORS.get(op, ("", 1))[1] <= g.opset and (is_exact or not g.exact)]
    for _ in range(g.r.choice((2, 4, 7, 10, 15))):
        _, op, f = g.r.choices(rules, [w for w, _, _ in rules])[0]
        try:
            f(g, op)
        except Misfit:
            pass
    return g.finish() if g.nodes else make(seed + 10**9)
