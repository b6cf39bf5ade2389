# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc
"""compiled.py CNXC [options of cnxc verify for all: --target=SYSTEM --runner=EMULATOR].

Every kind of lowering, compiled and run, against the reference interpreter (cnxc verify).

Cases are small graphs with odd shapes. Many of them share one model, so that few compilations do: a model with a free
batch, a static one, and both again at -O0, on x86 with AVX2. The static cases are also part of the free model, where what no
image enters runs in `begin`. A case that is wrong shows by its output's name.
"""
import math
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

CNXC, *TARGET = sys.argv[1:]
KEYWORDS = {"float", "double", "float16", "int64", "int32", "uint32", "bool", "int8", "uint8", "int16", "uint16", "int4"}
free, static, old, newest = [], [], [], []


def rename(text, prefix):
    """Every name of a case gets the case's prefix; types, operators, attributes and strings stay."""
    parts = re.split(r'("[^"]*")', text)
    name = re.compile(r"(?<![\w.])([a-z]\w*)\b(?![=.])")
    fix = lambda m: m[1] if m[1] in KEYWORDS else f"{prefix}_{m[1]}"
    return "".join(p if p.startswith('"') else name.sub(fix, p) for p in parts)


def case(name, inputs, outputs, nodes, weights=(), into=None):
    """nodes: one a line. Attributes are written NAME=VALUE without spaces, which tells them from outputs."""
    nodes = rename(nodes.strip(), name)
    target = into if into is not None else free if "[N" in inputs + outputs else static
    target.append((rename(inputs, name), rename(outputs, name), nodes, [w.replace("@", name + "_") for w in weights]))


def tensor(name, *dims, values=None, dtype="float"):
    count = 1
    for d in dims:
        count *= d
    rng = random.Random(name + str(dims))
    values = values or [round(rng.uniform(-1, 1), 4) for _ in range(count)]
    if dtype == "float16":  # written by their bits
        values = [struct.unpack("<H", struct.pack("<e", v))[0] for v in values]
    shape = "[" + ",".join(map(str, dims)) + "]" if dims else ""
    return f"{dtype}{shape} @{name} = {{{', '.join(map(str, values))}}}"


def ints(name, *values):
    return tensor(name, len(values), values=list(values), dtype="int64")


def maps(types):
    """Operators of one such input and no attributes, from the op table."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ir", "ops.def"), encoding="utf-8") as f:
        return re.findall(rf"^(?:MAP|FUNCTION)\((\w+),.*SET_(?:{types}),", f.read(), re.M)


def elementwise():
    case("broadcast", "float[3,1,5,7] a, float[4,1,7] b", "float[3,4,5,7] y", "y = Add(a, b)")
    case("column", "float[N,3,5] a", "float[N,3,5] y", "t = Mul(a, a)\ny = Add(t, s)", [tensor("s", 3, 1)])
    positive = ("Log", "Reciprocal", "Sqrt")
    for op in [op for op in maps("FLOAT|NUMBER") if op not in positive] + "Selu Elu LeakyRelu HardSigmoid Gelu".split():
        case("f" + op.lower(), "float[2,37] x", "float[2,37] y", f"u = Mul(x, e)\ny = {op}(u)", [tensor("e", values=[1.5])])
    for op in maps("NUMBER"):
        case("i" + op.lower(), "int32[2,37] x", "int32[2,37] y", f"u = Mul(x, e)\ny = {op}(u)", [tensor("e", values=[3], dtype="int32")])
    case("xor", "bool[2,37] x, bool[37] z", "bool[2,37] y", "y = Xor(x, z)")
    for dtype in "int32", "uint8":
        one = [tensor("e", 7, values=[1, 2, 3, 4, 5, 6, 100], dtype=dtype)]
        case(dtype + "bits", f"{dtype}[5,7] x, {dtype}[7] z", f"{dtype}[5,7] y", "a = BitwiseAnd(x, z)\nb = BitwiseNot(x)\nc = BitwiseOr(b, z)\ny = BitwiseXor(a, c)")
        case(dtype + "mod", f"{dtype}[5,7] x", f"{dtype}[5,7] y, {dtype}[5,7] z", "u = Mul(x, e)\ny = Mod(u, e)\nt = Sub(x, u)\nz = Mod <fmod=1> (t, e)", one)
    case("shift", "uint8[5,7] x", "uint8[5,7] y, uint8[5,7] z", 'u = Mul(x, e)\nv = BitwiseNot(u)\ny = BitShift <direction="LEFT"> (v, e)\nz = BitShift <direction="RIGHT"> (v, e)',
         [tensor("e", 7, values=[0, 1, 2, 3, 7, 8, 200], dtype="uint8")])
    case("signed", "int32[5,7] x", "int32[5,7] y, int32[5,7] z", 'u = Mul(x, f)\ny = BitShift <direction="LEFT"> (u, e)\nz = BitShift <direction="RIGHT"> (u, e)',
         [tensor("e", 7, values=[0, 1, 2, -1, 31, 32, 200], dtype="int32"), tensor("f", values=[123456789], dtype="int32")])
    case("fmod", "float[5,7] x, float[5,7] z", "float[5,7] y, float[5,7] r", "u = Mul(x, e)\ny = Mod <fmod=1> (u, z)\nr = Mod(u, z)", [tensor("e", values=[9.0])])
    # remainders of floats are exact
    case("fmodfar", "float[5,4] x", "float[5,4] y", "u = Mul(x, e)\ny = Mod <fmod=1> (u, d)", [tensor("e", 4, values=[1e38, 1.0, 1e20, 1e-30]), tensor("d", 4, values=[1e-38, 0.3, 0.7, 1e-38])])
    for op in positive:
        case("f" + op.lower(), "float[2,37] x", "float[2,37] y", f"t = Abs(x)\nu = Add(t, e)\ny = {op}(u)", [tensor("e", values=[1.5])])
    for op, attrs in ("Celu", "alpha=0.7"), ("Shrink", "bias=0.2,lambd=0.4"), ("Swish", "alpha=1.3"), ("ThresholdedRelu", "alpha=0.3"):
        for dtype in "float", "float16":
            case(op.lower() + dtype, f"{dtype}[N,37] x", f"{dtype}[N,37] y", f"y = {op} <{attrs}> (x)")
    case("odd", "float[2,37] x", "bool[2,37] y, bool[2,37] z, bool[2,37] p", "l = Log(x)\ny = IsNaN(l)\nr = Div(l, o)\nz = IsInf(r)\np = IsInf <detect_negative=0> (r)", [tensor("o", values=[0.0])])
    case("sum", "float[N,3,5] a, float[N,1,5] b, float[5] c", "float[N,3,5] y, float[N,3,5] z, float[5] w", "y = Sum(a, b, c)\nz = Mean(c, b, a)\nw = Sum(c)")
    case("nanhard", "float[2,37] x", "float[2,37] y, float[2,37] z", "t = Log(x)\ny = HardSigmoid(t)\nz = HardSwish(t)")
    case("where", "float[2,3,5] x, float[5] z", "float[2,3,5] y", "c = Greater(x, z)\ny = Where(c, x, z)")
    case("muladd", "float[2,3,5] x, float[5] z", "float[2,3,5] y", "y = cnxc.MulAdd(z, x, s)", [tensor("s", 3, 1)])
    # beyond their type, and beyond 2^53
    case("wrapprod", "uint8[3,7,5] x", "uint8[3,5] y", "u = Mul(x, e)\nv = Add(u, f)\ny = ReduceProd <keepdims=0>(v, a)",
         [tensor("e", values=[3], dtype="uint8"), tensor("f", values=[199], dtype="uint8"), tensor("a", 1, values=[1], dtype="int64")])
    case("wrappow", "uint8[3,7] x", "uint8[3,7] y", "u = Add(x, f)\ny = Pow(u, t)",
         [tensor("f", values=[199], dtype="uint8"), tensor("t", values=[5], dtype="int64")])
    case("toint", "float[7,9] x", "int32[7,9] y", "t = Mul(x, s)\ny = Cast <to=6> (t)", [tensor("s", values=[10.0])])
    case("ints", "int64[7] x", "int64[7] y", "t = Mul(x, x)\ny = Sub(t, x)")
    case("clip", "float[N,9] x", "float[N,9] y", "y = Clip(x, lo, hi)", [tensor("lo", values=[-0.3]), tensor("hi", values=[0.4])])
    case("clip1", "float[5,9] x, float lo", "float[5,9] y", "y = Clip(x, lo)")
    case("max5", "float[3,9] a, float[9] b, float[3,1] c, float[3,9] d, float[1,9] e", "float[3,9] y", "y = Max(a, b, c, d, e)")
    case("norm", "float[N,5,4,3] x", "float[N,5,4,3] y", "y = BatchNormalization(x, s, b, m, v)",
         [tensor("s", 5), tensor("b", 5), tensor("m", 5), tensor("v", 5, values=[.5, 1, 2, .1, .7])])
    wide, plain = ([tensor("s", 5, dtype=t), tensor("b", 5, dtype=t)] for t in ("double", "float"))
    means = lambda t: [tensor("m", 5, dtype=t), tensor("v", 5, values=[.5, 1, 2, .1, .7], dtype=t)]
    for name, x, weights in ("norm1", "float", wide + means("float")), ("norm2", "float16", plain + means("double")), ("norm3", "double", plain + means("double")):
        case(name, f"{x}[3,5,4] x", f"{x}[3,5,4] y", "y = BatchNormalization(x, s, b, m, v)", weights)
    case("double", "double[3,5] x", "double[3,5] y", "t = Mul(x, x)\ny = Add(t, x)")


def moves():
    case("transpose", "float[2,3,4,5] x", "float[5,3,2,4] y", "y = Transpose <perm=[3,1,0,2]> (x)")
    case("flatten", "float[N,3,4,5] x", "float[N,60] y", "t = Transpose <perm=[0,3,2,1]> (x)\ny = Flatten(t)")
    case("slice", "float[N,7,9] x", "float[N,3,4] y", "y = Slice(x, s, e, a, st)",
         [ints("s", 5, 1), ints("e", -100, 9), ints("a", 1, 2), ints("st", -2, 2)])
    case("split", "float[N,7,9] x", "float[N,7,4] y, float[N,7,5] z", "a, b = Split <axis=2> (x, s)\ny = Relu(a)\nz = Identity(b)", [ints("s", 4, 5)])
    case("concat", "float[N,3,4] x, float[N,2,4] z", "float[N,5,4] y", "y = Concat <axis=1> (x, z)")
    case("pad", "float[N,3,4] x", "float[N,5,4] y", "y = Pad(x, p, v)", [ints("p", 0, 1, -1, 0, 1, 1), tensor("v", values=[1.5])])
    case("tile", "float[2,3] x", "float[4,9] y", "y = Tile(x, r)", [ints("r", 2, 3)])
    case("expand", "float[2,1,3] x", "float[2,4,3] y", "y = Expand(x, r)", [ints("r", 2, 4, 3)])
    case("gather", "float[N,7,3] x", "float[N,2,2,3] y", "y = Gather <axis=1> (x, i)", [tensor("i", 2, 2, values=[0, -1, 3, 2], dtype="int64")])
    case("pick", "float[N,7,3] x", "float[N,3] y", "y = Gather <axis=1> (x, i)", [tensor("i", values=[-2], dtype="int64")])
    case("same", "float[N,3] x", "float[N,3] y, float[N,3] z", "y = Identity(x)\nt = Relu(x)\nz = Identity(t)")


def places():
    """Picked and placed by index, ordered, added up. Indices from outside are made of floats."""
    whole = lambda name, *dims, most: tensor(name, *dims, dtype="int64", values=[(7 * i * i + 3 * i) % (2 * most) - most for i in range(math.prod(dims))])
    made = "a = Mul(f, k)\ni = Cast <to=7> (a)\n"
    case("pickat", "float[N,7,5] x, float[N,3,5] f", "float[N,3,5] y", made + "y = GatherElements <axis=1> (x, i)", [tensor("k", values=[6.9])])
    case("picklast", "float16[4,7,5] x", "float16[3,7,9] y", "y = GatherElements <axis=-1> (x, i)", [whole("i", 3, 7, 9, most=5)])
    case("picktable", "float[N,3] f", "float[N,3] y", made + "y = GatherElements(w, i)", [tensor("k", values=[8.9]), tensor("w", 9, 4)])
    case("picknd", "float[N,7,5,3] x, float[N,4,2] f", "float[N,4,3] y", made + "y = GatherND <batch_dims=1> (x, i)", [tensor("k", values=[4.9])])
    case("pickrows", "int32[6,7,5] x", "int32[2,4,5] y", "y = GatherND(x, i)", [whole("i", 2, 4, 2, most=6)])
    for op in "none", "add", "mul", "max", "min":
        case("put" + op, "float[5,7] x, float[4,9] u", "float[5,7] y", f'y = ScatterElements <axis=1,reduction="{op}"> (x, i, u)', [whole("i", 4, 9, most=7) if op != "none" else tensor("i", 4, 9, dtype="int64", values=[c % 7 for c in range(36)])])
        case("set" + op, "int32[5,7,19] x, int32[3,2,19] u", "int32[5,7,19] y", f'y = ScatterND <reduction="{op}"> (x, i, u)', [tensor("i", 3, 2, 2, dtype="int64", values=[0, 1, 4, -1, 2, 2] * 2)])
    case("putimages", "float[N,7,5] x, float[N,3,5] f, float[N,3,5] u", "float[N,7,5] y", made + 'y = ScatterElements <axis=1,reduction="max"> (x, i, u)', [tensor("k", values=[6.9])])
    case("sethalf", "float16[5,7] x, float16[2,7] u", "float16[5,7] y", 'y = ScatterND <reduction="add"> (x, i, u)', [tensor("i", 2, 1, dtype="int64", values=[3, 3])])
    for least in 0, 1:
        how = f"TopK <axis=1,largest={1 - least}> (t, k)"
        case(f"top{least}", "float[N,37,5] x", "float[N,4,5] y, int64[N,4,5] z", f"u = Mul(x, s)\nt = Floor(u)\ny, z = {how}", [tensor("s", values=[9.0]), ints("k", 4)])
        case(f"topall{least}", "float[2,70] x", "float[2,70] y, int64[2,70] z", f"t = Log(x)\ny, z = {how}", [ints("k", 70)])
        for dtype in "int8", "uint8", "int64", "double", "float16":
            case(f"top{least}{dtype}", f"{dtype}[3,19] x", f"{dtype}[3,7] y, int64[3,7] z", f"t = Identity(x)\ny, z = {how}", [ints("k", 7)])
    for op in "Sum", "Prod":
        for flags in range(4):
            case(f"cum{op.lower()}{flags}", "float[N,3,17,5] x", "float[N,3,17,5] y", f"y = Cum{op} <exclusive={flags % 2},reverse={flags // 2}> (x, a)", [tensor("a", values=[-2], dtype="int64")], into=None if op == "Sum" else newest)
        for dtype in "int32", "double", "float16":
            case(f"cum{op.lower()}{dtype}", f"{dtype}[7,5] x", f"{dtype}[7,5] y", f"y = Cum{op}(x, a)", [tensor("a", values=[0], dtype="int64")], into=None if op == "Sum" else newest)
    for mode in "DCR", "CRD":
        case("depth" + mode.lower(), "float[N,12,4,5] x", "float[N,3,8,10] y", f'y = DepthToSpace <blocksize=2,mode="{mode}"> (x)')
    case("space", "float[N,3,8,10] x", "float[N,12,4,5] y", "y = SpaceToDepth <blocksize=2> (x)")
    for mode in "reflect", "edge", "wrap":
        case("pad" + mode, "float[N,3,4,5] x", "float[N,4,8,9] y", f'y = Pad <mode="{mode}"> (x, p)', [ints("p", 0, 1, -1, 3, 0, 0, 5, 1)])
    case("padconv", "float[N,3,6,7] x", "float[N,8,6,7] y", 'p = Pad <mode="reflect"> (x, w)\ny = Conv(p, k)', [ints("w", 0, 0, 1, 1, 0, 0, 1, 1), tensor("k", 8, 3, 3, 3)])
    for upper in 0, 1:
        case(f"trilu{upper}", "float[N,5,7] x", "float[N,5,7] y", f"y = Trilu <upper={upper}> (x, k)", [tensor("k", values=[1], dtype="int64")])
        case(f"trilurun{upper}", "int32[5,7] x, int64 k", "int32[5,7] y", f"y = Trilu <upper={upper}> (x, k)")
    case("eye", "float[4,6] x", "float[4,6] y", "e = EyeLike <k=1> (x)\ny = Add(x, e)")
    case("onehot", "float[N,3] f, float[2] v", "float[N,5,3] y", made + "y = OneHot <axis=1> (i, d, v)", [tensor("k", values=[7.0]), tensor("d", values=[5], dtype="int64")])
    case("nonzero", "float[5] x", "float[3] y", "n = NonZero(c)\nm = Reshape(n, o)\ny = Gather(x, m)", [tensor("c", 5, values=[0, 4, 0, 1, 2]), ints("o", 3)])


def products():
    for m, k, n in (1, 7, 5), (3, 17, 33), (15, 64, 48), (49, 100, 70), (196, 48, 130), (300, 33, 16), (5, 3, 1):
        case(f"mm{m}", f"float[N,{m},{k}] x", f"float[N,{m},{n}] y", "t = MatMul(x, w)\nu = Add(t, b)\ny = Gelu(u)", [tensor("w", k, n), tensor("b", n)])
    case("residual", "float[N,9,31] x", "float[N,9,31] y", "t = MatMul(x, w)\nu = Mul(t, s)\ny = Add(u, x)", [tensor("w", 31, 31), tensor("s", 31)])
    case("batched", "float[2,3,5,17] x, float[3,17,19] z", "float[2,3,5,19] y", "y = MatMul(x, z)")
    case("shared", "float[N,3,5,17] x, float[N,1,17,19] z", "float[N,3,5,19] y", "y = MatMul(x, z)")
    case("vectors", "float[17] x, float[17] z", "float y", "y = MatMul(x, z)")
    case("rows", "float[4,5,17] x, float[17] z", "float[4,5] y", "y = MatMul(x, z)")
    for name, equation, x, z, y in (
            ("scores", "bhqd,bhkd->bhqk", "N,3,5,17", "N,3,7,17", "N,3,5,7"), ("mixed", "bqhd,bkhd->bhqk", "2,5,3,17", "2,7,3,17", "2,3,5,7"),
            ("heads", "bnhd,hdo->bno", "N,5,3,4", "3,4,19", "N,5,19"), ("each", "bic,ick->bik", "N,3,17", "3,17,9", "N,3,9"), ("outer", "bi,bj->bij", "N,5", "N,7", "N,5,7"),
            ("dots", "...i,...i->...", "N,4,9", "N,4,9", "N,4"), ("gram", "bij,bik->jk", "3,5,4", "3,5,7", "4,7")):
        case("sum" + name, f"float[{x}] x, float[{z}] z", f"float[{y}] y", f'y = Einsum <equation="{equation}"> (x, z)')
    case("trace", "float[N,5,5] x", "float[N] y, float[N,5] d", 'y = Einsum <equation="bii->b"> (x)\nd = Einsum <equation="bii->bi"> (x)')
    case("three", "float[N,5,7] x, float[7] z", "float[N,9] y", 'y = Einsum <equation="bij,j,ik->bk"> (x, z, w)', [tensor("w", 5, 9)])
    case("attend", "float[N,5,24] x, float[N,7,12] z", "float[N,5,24] y", "y = Attention <q_num_heads=4,kv_num_heads=2,is_causal=1> (x, z, z)")
    case("attend4", "float[N,4,5,8] x, float[N,4,7,8] z, float[N,1,5,7] m", "float[N,4,5,8] y, float[N,4,5,7] s",
         'b = Greater(m, o)\ny, "", "", s = Attention <softcap=2.0,qk_matmul_output_mode=3> (x, z, z, b)', [tensor("o", values=[0.0])])
    case("attendhalf", "float16[2,4,5,8] x, float16[5,5] m", "float16[2,4,5,8] y", "y = Attention(x, x, x, m)")
    case("wide", "double[3,5] x, double[5,4] z", "double[3,4] y", "y = MatMul(x, z)")
    short = "h = Cast <to=10> (w)\ni = Cast <to=10> (b)\n"
    case("halfmm", "float16[N,5,17] x", "float16[N,5,9] y", short + "t = MatMul(x, h)\nu = Add(t, i)\ny = Gelu(u)", [tensor("w", 17, 9), tensor("b", 9)])
    case("halfconv", "float16[2,3,9,11] x", "float16[2,8,9,11] y", short + "y = Conv <pads=[1,1,1,1]> (x, h, i)", [tensor("w", 8, 3, 3, 3), tensor("b", 8)])
    case("gemm", "float[N,17] x", "float[N,9] y", "y = Gemm <transB=1> (x, w, b)", [tensor("w", 9, 17), tensor("b", 9)])
    case("counted", "int32[9,5] x, int32[7] c", "int32[9,7] y", "y = Gemm(x, w, c)", [tensor("w", 5, 7, values=[k % 5 - 2 for k in range(35)], dtype="int32")])
    case("widec", "double[3,5] x, double[5,4] z, double[3,1] c", "double[3,4] y", "y = Gemm <beta=2.0> (x, z, c)")
    case("scaled", "float[17,5] x, float[9,17] z, float[5,1] c", "float[5,9] y", "y = Gemm <transA=1,transB=1,alpha=0.5,beta=2.0> (x, z, c)")


def conv(name, x, w, attrs, y):
    attrs = f" <{attrs}> " if attrs else ""
    case("conv" + name, f"float[{x}] x", f"float[{y}] y", f"y = Conv{attrs}(x, w, b)", [tensor("w", *w), tensor("b", w[0])])


def convolutions():
    conv("point", "N,7,5,6", [9, 7, 1, 1], "", "N,9,5,6")
    conv("patch", "N,3,16,12", [10, 3, 4, 4], "strides=[4,4]", "N,10,4,3")
    conv("dense", "N,3,9,11", [8, 3, 3, 3], "pads=[1,1,1,1]", "N,8,9,11")
    conv("stride", "2,3,9,11", [8, 3, 3, 3], "pads=[1,0,1,2],strides=[2,2]", "2,8,5,6")
    conv("dilated", "N,5,9,11", [8, 5, 3, 3], "dilations=[2,2]", "N,8,5,7")
    conv("groups", "3,40,9,11", [40, 2, 3, 2], "group=20,pads=[1,1,1,0],strides=[1,2]", "3,40,9,6")
    conv("seven", "N,19,9,11", [19, 1, 7, 7], "group=19,pads=[3,3,3,3]", "N,19,9,11")
    conv("many", "6,35,7,30", [35, 1, 7, 7], "group=35,pads=[3,3,3,3]", "6,35,7,30")
    conv("narrow", "N,16,3,2", [16, 1, 7, 7], "group=16,pads=[3,3,3,3]", "N,16,3,2")
    conv("skip", "N,33,9,11", [33, 1, 3, 3], "group=33,strides=[2,2],pads=[1,1,1,1]", "N,33,5,6")
    conv("spread", "N,33,9,30", [33, 1, 5, 3], "group=33,dilations=[2,3],pads=[4,3,4,3]", "N,33,9,30")
    conv("far", "N,64,3,2", [64, 1, 3, 3], "group=64,dilations=[4,4],pads=[4,4,4,4]", "N,64,3,2")
    conv("double", "N,6,9,11", [12, 1, 3, 3], "group=6,pads=[1,1,1,1]", "N,12,9,11")
    conv("line", "N,18,40", [18, 1, 5], "pads=[2,2],group=18", "N,18,40")
    conv("solid", "N,3,5,6,7", [4, 3, 2, 3, 2], "pads=[0,1,0,1,1,1]", "N,4,5,6,7")
    conv("same", "N,3,9,11", [8, 3, 3, 4], 'auto_pad="SAME_UPPER",strides=[2,2]', "N,8,5,6")
    # patches multiplied where they lie: 64 elements of K in a row and more
    conv("rows", "N,24,9,11", [40, 24, 3, 3], "pads=[1,1,1,1]", "N,40,9,11")
    conv("gaps", "N,256,5,7", [33, 256, 3, 3], "pads=[1,1,1,1]", "N,33,5,7")
    conv("far64", "2,70,9,11", [8, 70, 3, 3], "dilations=[2,3],pads=[2,3,2,3]", "2,8,9,11")
    conv("step64", "6,72,9,11", [16, 72, 3, 3], "strides=[2,3],pads=[1,1,0,2]", "6,16,4,4")
    conv("groups64", "N,144,6,5", [34, 72, 3, 3], "group=2,pads=[1,1,1,1]", "N,34,6,5")
    conv("line64", "N,80,40", [18, 80, 5], "pads=[2,2]", "N,18,40")
    conv("columns64", "N,64,12,20", [130, 64, 3, 3], "pads=[1,1,1,1]", "N,130,12,20")
    case("conv64run", "float[2,64,9,11] x, float[6,64,3,3] w", "float[2,6,9,11] y", "y = Conv <pads=[1,1,1,1]> (x, w)")
    case("conv64gelu", "float[N,64,6,7] x", "float[N,64,6,7] y", "t = Conv <pads=[1,1,1,1]> (x, w, b)\nu = Gelu(t)\nv = Conv <pads=[1,1,1,1]> (u, w)\ny = Add(v, u)",
         [tensor("w", 64, 64, 3, 3, values=[((i * 7919) % 201 - 100) / 2000 for i in range(64 * 64 * 9)]), tensor("b", 64)])
    case("turned", "float[3,70,5,4] x", "float[3,4,5,70] y, int32[5,70,3,4] z", "y = Transpose <perm=[0,3,2,1]> (x)\nt = Transpose <perm=[2,1,0,3]> (x)\nz = Cast <to=6> (t)")
    transposed = lambda name, x, w, attrs, y: case("up" + name, f"float[{x}] x", f"float[{y}] y", f"t = ConvTranspose <{attrs}> (x, w, b)\ny = Relu(t)",
                                                   [tensor("w", *w), tensor("b", int(y.split(",")[1]))])
    transposed("twice", "N,6,5,7", [6, 40, 2, 2], "strides=[2,2]", "N,40,10,14")
    transposed("cropped", "N,6,5,7", [6, 5, 4, 4], "strides=[2,2],pads=[1,1,1,1]", "N,5,10,14")
    transposed("odd", "2,6,5,7", [6, 5, 3, 3], "strides=[2,3],pads=[1,0,0,1],output_padding=[1,2]", "2,5,11,22")
    transposed("far", "2,6,5,7", [6, 5, 3, 1], "strides=[2,3],dilations=[2,2]", "2,5,13,19")
    transposed("groups", "N,6,5,7", [6, 4, 3, 3], "strides=[2,2],group=3", "N,12,11,15")
    transposed("line", "N,6,5", [6, 4, 5], "strides=[3]", "N,4,17")
    transposed("solid", "N,2,3,4,5", [2, 3, 2, 2, 3], "strides=[2,1,2]", "N,3,6,5,11")
    case("uprun", "float[2,4,5,6] x, float[4,2,3,3] w", "float[2,4,11,13] y", "y = ConvTranspose <strides=[2,2],group=2> (x, w)")
    case("uphalf", "float16[2,4,5,6] x", "float16[2,3,11,13] y", "y = ConvTranspose <strides=[2,2]> (x, w)", [tensor("w", 4, 3, 3, 3, values=[0] * 107 + [15360], dtype="float16")])
    case("convrun", "float[2,4,9,11] x, float[6,2,3,3] w", "float[2,6,9,11] y", "y = Conv <pads=[1,1,1,1],group=2> (x, w)")


def resize(name, x, y, attrs, *numbers, op="Resize", **options):
    """numbers: constants of what follows x."""
    given = [n.split("@")[1].split(" ")[0] if n else '""' for n in numbers]
    case("size" + name, f"{x} x", f"{y} y", f"y = {op} <{attrs}> ({', '.join(['x', *given])})", [n for n in numbers if n], **options)


def resizes():
    sizes, scales = lambda *v: ("", "", ints("s", *v)), lambda *v: ("", tensor("s", len(v), values=[float(x) for x in v]))
    for mode in "nearest", "linear", "cubic":
        word = f'mode="{mode}"'
        resize(mode, "float[N,3,5,7]", "float[N,3,10,4]", f"{word},axes=[2,3]", *sizes(10, 4))
        resize(mode + "last", "float[2,5,7,3]", "float[2,10,14,3]", word, *scales(1, 2, 2, 1))
        resize(mode + "long", "float[N,70,3,2]", "float[N,70,24,20]", f"{word},axes=[2,3]", *sizes(24, 20))
        resize(mode + "line", "float[33]", "float[99]", word, *scales(3))
        resize(mode + "wide", "double[2,4,5]", "double[2,7,5]", f"{word},axes=[1]", *sizes(7))
        resize(mode + "half", "float16[2,4,5]", "float16[2,8,10]", f"{word},axes=[1,2]", *sizes(8, 10))  # rounds once
        resize(mode + "ints", "int32[2,4,5]", "int32[2,7,3]", f"{word},axes=[1,2]", *sizes(7, 3))
        resize(mode + "bytes", "uint8[2,4,5]", "uint8[2,7,3]", f"{word},axes=[1,2]", *sizes(7, 3))
        resize(mode + "crop", "float[2,4,9]", "float[2,6,8]", f'{word},axes=[1,2],coordinate_transformation_mode="tf_crop_and_resize",extrapolation_value=7.5',
               tensor("r", 4, values=[-0.3, 0.1, 1.2, 0.8]), "", ints("s", 6, 8))
        resize(mode + "ratio", "float[N,3,5,7]", "float[N,3,8,11]", f'{word},axes=[2,3],keep_aspect_ratio_policy="not_smaller"', *sizes(8, 9))
    resize("less", "float[N,3,31,40]", "float[N,3,5,4]", 'mode="linear",antialias=1,axes=[2,3]', *sizes(5, 4))
    resize("sharp", "float[N,40,31,40]", "float[N,40,5,4]", 'mode="cubic",antialias=1,axes=[2,3]', *sizes(5, 4))
    resize("solid", "float[2,4,3,5,2]", "float[2,8,6,5,3]", 'mode="linear",axes=[1,4,2]', *sizes(8, 3, 6))
    resize("batch", "float[3,4]", "float[5,4]", 'mode="linear"', *scales(1.7, 1))
    resize("bools", "bool[3,4]", "bool[6,4]", 'mode="nearest"', *scales(2, 1))
    resize("old", "float[N,3,10,7]", "float[N,3,6,14]", 'mode="nearest"', scales(1, 1, 0.6, 2)[1])
    resize("up", "float[N,3,5,7]", "float[N,3,10,21]", 'mode="linear"', scales(1, 1, 2, 3)[1], op="Upsample")
    case("pyramid", "float[N,3,8,8] x", "float[N,6,16,16] y", """
p = Conv <strides=[2,2]> (x, w)
q = Conv(x, v)
u = Resize <mode="linear",axes=[2,3]> (p, "", "", s)
d = Add(q, u)
y = Resize <mode="linear",axes=[2,3],coordinate_transformation_mode="align_corners"> (d, "", "", t)""",
         [tensor("w", 6, 3, 2, 2), tensor("v", 6, 3, 1, 1), ints("s", 8, 8), ints("t", 16, 16)])


def reductions():
    case("ln", "float[N,5,33] x", "float[N,5,33] y", "y = LayerNormalization(x, s, b)", [tensor("s", 33), tensor("b", 33)])
    case("ln2", "float[N,5,6,3] x", "float[N,5,6,3] y", "t = LayerNormalization <axis=2> (x, s)\ny = Relu(t)", [tensor("s", 6, 3)])
    case("ln3", "float[4,5,6] x", "float[4,5,6] y, float[4,1,1] m, float[4,1,1] d", "y, m, d = LayerNormalization <axis=1> (x, s, b)", [tensor("s", 5, 6), tensor("b", 6)])
    case("ln4", "double[3,5,9] x", "double[3,5,9] y", "y = LayerNormalization(x, s, b)", [tensor("s", 9, dtype="double"), tensor("b", 9, dtype="double")])
    case("rms", "float[N,5,33] x", "float[N,5,33] y", "y = RMSNormalization(x, s)", [tensor("s", 33)])
    case("rms2", "float[N,5,6,3] x", "float[N,5,6,3] y", "t = RMSNormalization <axis=2> (x, s)\ny = Relu(t)", [tensor("s", 6, 3)])
    case("rms3", "double[3,5,9] x", "float[3,5,9] y", "y = RMSNormalization(x, s)", [tensor("s", 9)])
    case("simple", "float[N,5,33] x", "float[N,5,33] y", "t = cnxc.SimpleNormalization(x, s)\ny = Relu(t)", [tensor("s", 33)])
    case("simple2", "double[3,5,6,3] x", "double[3,5,6,3] y", "y = cnxc.SimpleNormalization <axis=2> (x, s)", [tensor("s", 6, 3, dtype="double")])
    case("rms4", "float[40,97] x", "float[40,97] y", "t = RMSNormalization(x, s)\ny = Add(t, s)", [tensor("s", 97)])
    weights = [tensor("s", 6), tensor("b", 6)]
    for dtype in "float", "float16":
        parts = [tensor(name, n, dtype=dtype) for name, n in (("s", 6), ("b", 6), ("t", 3), ("c", 3))]
        case("inst" + dtype, f"{dtype}[N,6,5,7] x", f"{dtype}[N,6,5,7] y", "t = InstanceNormalization(x, s, b)\ny = Relu(t)", parts[:2])
        case("group" + dtype, f"{dtype}[N,6,5,7] x", f"{dtype}[N,6,5,7] y, {dtype}[N,6,5,7] z",
             "y = GroupNormalization <num_groups=3> (x, s, b)\nz = GroupNormalization <num_groups=3> (x, t, c)", parts)
    case("lpn", "float[N,6,7] x", "float[N,6,7] y, float[N,6,7] z", "t = Mul(x, o)\ny = LpNormalization(t)\nz = LpNormalization <axis=1,p=1> (t)", [tensor("o", 6, 1, values=[1, 2, 0, -1, 3, 1])])
    case("mvn", "float[3,6,5,7] x", "float[3,6,5,7] y", "y = MeanVarianceNormalization(x)")
    case("mvnone", "float[N,6,5,7] x", "float[N,6,5,7] y", "y = MeanVarianceNormalization <axes=[2,3]> (x)")
    for p in 1, 2, 3:
        case(f"glp{p}", "float[N,5,6,7] x", "float[N,5,1,1] y", f"y = GlobalLpPool <p={p}> (x)")
        case(f"lp{p}", "float[N,5,10,9] x", "float[N,5,5,5] y", f"y = LpPool <p={p},kernel_shape=[3,2],strides=[2,2],pads=[0,0,1,0],ceil_mode=1> (x)")
    for op in "Mean Sum L1 L2 Max Min Prod SumSquare".split():
        low = op.lower()
        case("r" + low, "float[N,5,6,7] x", "float[N,6] y", f"y = Reduce{op} <keepdims=0> (x, a)", [ints("a", 1, 3)])
        case("b" + low, "float[N,3,2] x", "float[3] y", f"y = Reduce{op} <keepdims=0> (x, a)", [ints("a", 0, 2)])
        case("c" + low, "float[4,9,40] x", "float[4,1,40] y", f"y = Reduce{op}(x, a)", [ints("a", 1)])
    for op in "LogSum", "LogSumExp":
        case("r" + op.lower(), "float[N,5,6,7] x", "float[N,6] y, float[N,5,1,7] z", f"e = Exp(x)\ny = Reduce{op} <keepdims=0> (e, a)\nz = Reduce{op}(e, b)",
             [ints("a", 1, 3), ints("b", 2)])
    case("blogsum", "float[N,3,2] x", "float[3] y", "e = Exp(x)\ny = ReduceLogSum <keepdims=0> (e, a)", [ints("a", 0, 2)])
    case("r3", "float[2,3,4,5,6] x", "float[3,5] y", "y = ReduceSum <keepdims=0> (x, a)", [ints("a", 0, 2, 4)])
    for op in "ArgMax", "ArgMin":
        for last in 0, 1:
            name, how = f"{op.lower()}{last}", f"{op} <axis=1,select_last_index={last}>"
            case(name + "a", "float[N,9,37] x", "int64[N,1,37] y", f"t = Mul(x, k)\nu = Floor(t)\ny = {how} (u)", [tensor("k", values=[3.0])])
            case(name + "b", "float[N,5,7,300] x", "int64[N,1,5,7] y", f"t = Mul(x, k)\nu = Floor(t)\nv = Transpose <perm=[0,3,1,2]> (u)\ny = {how} (v)", [tensor("k", values=[3.0])])
            case(name + "c", "float[4,70] x", "int64[4] y", f"t = Log(x)\ny = {how.replace('>', ',keepdims=0>')} (t)")
        for dtype in "int32", "int64", "uint8", "float16", "double":
            case(op.lower() + dtype, f"{dtype}[3,9,5] x", "int64[3,9] y, int64[9,5] z", f"y = {op} <axis=2,keepdims=0> (x)\nz = {op} <keepdims=0> (x)")
    case("gap", "float[N,5,6,7] x", "float[N,5,1,1] y", "y = GlobalAveragePool(x)")
    case("gmp", "float[N,5,6,7] x", "float[N,5,1,1] y", "y = GlobalMaxPool(x)")
    case("softmax", "float[N,5,33] x", "float[N,5,33] y", "t = Softmax(x)\ny = Mul(t, t)")
    case("hardmax", "float[N,5,33] x", "float[N,5,33] y, float[N,5,33] z", "y = Hardmax(x)\nz = Hardmax <axis=1> (x)")
    case("hardold", "float[N,5,33] x", "float[N,5,33] y", "y = Hardmax <axis=1> (x)", into=old)
    case("logsoftmax", "float[N,5,33] x", "float[N,5,33] y", "y = LogSoftmax <axis=1> (x)")
    case("flat", "float[N,5,33] x", "float[N,5,33] y", "y = Softmax <axis=1> (x)", into=old)
    case("maxpool", "float[2,5,9,11] x", "float[2,5,5,6] y, int64[2,5,5,6] i", "y, i = MaxPool <kernel_shape=[3,3],strides=[2,2],pads=[1,1,1,1]> (x)")
    case("nanpool", "float[2,5,9,11] x", "float[2,5,5,6] y, int64[2,5,5,6] i", "t = Log(x)\ny, i = MaxPool <kernel_shape=[3,3],strides=[2,2],pads=[1,1,1,1]> (t)")
    case("ceilpool", "float[N,5,10,9] x", "float[N,5,5,5] y", "y = AveragePool <kernel_shape=[3,2],strides=[2,2],pads=[0,0,1,0],ceil_mode=1,count_include_pad=1> (x)")
    case("mse", "float[N,5] x, float[N,5] t", "float y", "d = Sub(x, t)\ns = Mul(d, d)\nm = ReduceMean <keepdims=0> (s)\ny = Add(m, m)")


def exact():
    """Integers that floats do not hold, and doubles beyond floats, in reductions and products: what is taken off again leaves small numbers."""
    for dtype, big in ("int32", 16777217), ("int64", 2**40 + 1), ("uint32", 16777217), ("double", 1e40):
        of = lambda name, *values: tensor(name, len(values), values=list(values), dtype=dtype)
        less = "y = Sub(m, e)" if dtype != "double" else "y = Div(m, e)"
        for op in "Max", "Min", "Sum", "Mean", "L1":
            name, rest = dtype + op.lower(), [of("e", big), ints("a", 1)]
            lost = "" if op in ("Max", "Min", "Mean") or dtype == "double" else "s = Mul(e, n)\nm = Sub(r, s)\ny = Identity(m)"
            for batch, keep in ("4", "9"), ("N", "9"):
                case(name + batch.lower(), f"{dtype}[{batch},{keep}] x", f"{dtype}[{batch},1] y", f"t = Add(x, e)\n{'r' if lost else 'm'} = Reduce{op}(t, a)\n{lost or less}",
                     rest + [of("n", 9)])
        case(dtype + "batch", f"{dtype}[N,9] x", f"{dtype}[1,9] y", "t = Add(x, e)\nm = ReduceMax(t, a)\n" + less, [of("e", big), ints("a", 0)])
        case(dtype + "product", f"{dtype}[N,5,6] x", f"{dtype}[N,5,2] y", "t = Add(x, e)\nu = MatMul(t, w)\nv = Sub(t, x)\ns = MatMul(v, w)\ny = Sub(u, s)",
             [of("e", big), tensor("w", 6, 2, values=[1, 2, 3, 4, 5, 6] * 2, dtype=dtype)])
        case(dtype + "gemm", f"{dtype}[5,6] x, {dtype}[2] c", f"{dtype}[5,2] y", "t = Add(x, e)\nz = Mul(c, e)\nu = Gemm(t, w, z)\nv = Gemm(x, w)\ny = Sub(u, v)",
             [of("e", big), tensor("w", 6, 2, values=[1, 2, 3, 4, 5, 6] * 2, dtype=dtype)])


def quantisation():
    """Integers come from outside or from floats, and go out or become floats."""
    for dtype, zero in ("uint8", 130), ("int8", -7), ("uint16", 40000), ("int16", 5):
        scale, point = tensor("s", values=[0.013]), tensor("z", values=[zero], dtype=dtype)
        case("q" + dtype, "float[N,5,7] x", f"{dtype}[N,5,7] y", "y = QuantizeLinear(x, s, z)", [scale, point])
        case("dq" + dtype, f"{dtype}[N,5,7] x", "float[N,5,7] y", "y = DequantizeLinear(x, s, z)", [scale, point])
    axis = [tensor("s", 5, values=[.01, .02, .05, .04, .1]), tensor("z", 5, values=[1, 2, 255, 0, 9], dtype="uint8")]
    case("axis", "float[N,5,7] x", "float[N,5,7] y", "q = QuantizeLinear(x, s, z)\ny = DequantizeLinear(q, s, z)", axis)
    case("blocks", "uint8[3,7] x", "float[3,7] y", "y = DequantizeLinear <axis=1,block_size=3> (x, s)", [tensor("s", 3, 3)])
    case("four", "float[N,6] x", "float[N,3] y", "w = DequantizeLinear <axis=1> (v, s)\ny = MatMul(x, w)",
         [tensor("v", 6, 3, values=[-8, 7, 3, 1, -1, 0] * 3, dtype="int4"), tensor("s", 3)])
    case("dynamic", "float[3,37] x", "uint8[3,37] y, float s, uint8 z", "y, s, z = DynamicQuantizeLinear(x)")
    small = lambda name, *dims, dtype="int8": tensor(name, *dims, dtype=dtype, values=[(7 * i * i + i) % 255 - (127 if dtype == "int8" else 0) for i in range(math.prod(dims))])
    case("mmi", "uint8[N,9,700] x", "int32[N,9,33] y", "y = MatMulInteger(x, w, z, v)",
         [small("w", 700, 33), tensor("z", values=[99], dtype="uint8"), tensor("v", 33, values=list(range(33)), dtype="int8")])
    case("mmz", "uint8[N,9,70] x, uint8 z", "int32[N,9,33] y", "y = MatMulInteger(x, w, z, v)",
         [small("w", 70, 33), tensor("v", 33, values=list(range(33)), dtype="int8")])
    case("ciz", "uint8[N,16,8,6] x, uint8 z", "int32[N,5,4,3] y", "y = ConvInteger <strides=[2,2]> (x, w, z)", [small("w", 5, 16, 2, 2)])
    case("mmt", "int8[5,700] x, uint8[700,3] w", "int32[5,3] y", "y = MatMulInteger(x, w)")
    case("ci", "uint8[N,90,9,11] x", "int32[N,4,9,11] y", "y = ConvInteger <pads=[1,1,1,1]> (x, w, z)",
         [small("w", 4, 90, 3, 3), tensor("z", values=[120], dtype="uint8")])
    one = lambda name, value: tensor(name, values=[value])
    byte = lambda name, value: tensor(name, values=[value], dtype="uint8")
    case("qmm", "uint8[N,9,70] x", "uint8[N,9,33] y", "y = QLinearMatMul(x, a, b, w, c, d, e, f)",
         [one("a", .02), byte("b", 120), small("w", 70, 33), tensor("c", 33, values=[.001 * (i + 1) for i in range(33)]),
          tensor("d", 33, values=[0] * 33, dtype="int8"), one("e", .9), byte("f", 110)])
    case("qconv", "uint8[N,19,9,11] x", "uint8[N,19,9,11] y", "y = QLinearConv <group=19,pads=[3,3,3,3]> (x, a, b, w, c, d, e, f, h)",
         [one("a", .02), byte("b", 120), small("w", 19, 1, 7, 7), one("c", .003), tensor("d", values=[0], dtype="int8"), one("e", .9), byte("f", 110),
          tensor("h", 19, values=list(range(-900, 1000, 100)), dtype="int32")])
    case("qadd", "uint8[N,19] x, uint8[N,19] t", "uint8[N,19] y", "y = com.microsoft.QLinearAdd(x, a, b, t, c, d, e, f)",
         [one("a", .02), byte("b", 120), one("c", .03), byte("d", 3), one("e", .04), byte("f", 110)])


def losses():
    bounds = [tensor("k", values=[4.0]), tensor("lo", values=[0.0]), tensor("hi", values=[4.5]), tensor("w", 5)]
    labels = "t = Abs(f)\nu = Mul(t, k)\nv = Clip(u, lo, hi)\nl = Cast <to=7> (v)\n"
    for op, prepare in ("SoftmaxCrossEntropyLoss", "z = Identity(x)\n"), ("NegativeLogLikelihoodLoss", "z = LogSoftmax <axis=1> (x)\n"):
        for how in "mean", "sum", "none":
            out = lambda rest: f"float[N{rest}] y" if how == "none" else "float y"
            case(f"{how}{len(op)}", "float[N,5] x, float[N] f", out(""), labels + prepare + f'y = {op} <reduction="{how}"> (z, l)', bounds)
            case(f"{how}{len(op)}w", "float[N,5,3,2] x, float[N,3,2] f", out(",3,2"),
                 labels + prepare + f'y = {op} <reduction="{how}",ignore_index=2> (z, l, w)', bounds)


def block(name, height, width, c, hidden, kernel, between="", norm="LayerNormalization(t, g, b)"):
    """What becomes one region of kind "block", between a pointwise convolution and a mean; between: behind the norm."""
    p = kernel // 2
    case(name, f"float[N,3,{height},{width}] i", f"float[N,{c}] y, float[N,{c},{height},{width}] q", f"""
x = Conv(i, s)
d = Conv <group={c},pads=[{p},{p},{p},{p}]> (x, k, b)
t = Transpose <perm=[0,2,3,1]> (d)
{'m' if between else 'n'} = {norm}
{between}
h0 = MatMul(n, w1)
h1 = Add(h0, b1)
h = Gelu(h1)
o0 = MatMul(h, w2)
o1 = Add(o0, b2)
o2 = Mul(g, o1)
o = Transpose <perm=[0,3,1,2]> (o2)
q = Add(x, o)
y = ReduceMean <keepdims=0> (q, a)""",
         [ints("a", 2, 3), tensor("s", c, 3, 1, 1), tensor("k", c, 1, kernel, kernel), tensor("b", c), tensor("g", c),
          tensor("w1", c, hidden), tensor("b1", hidden), tensor("w2", hidden, c), tensor("b2", c)])


def grn_block(name, n, height, width, c, hidden, act, order):
    """A V2 block: between the products each channel's norm over the picture, divided by their mean."""
    scaled = {"plain": "r = Mul(h, q)\nu = Mul(r, gamma)\nz = Add(u, h)", "first": "r = Mul(q, gamma)\nu = Mul(h, r)\nz = Add(h, u)",
              "shift": "r = Mul(q, h)\nu = Mul(gamma, r)\nv = Add(u, beta)\nz = Add(v, h)"}[order]
    case(name, f"float[{n},{height},{width},{c}] i", f"float[{n},{height},{width},{c}] y", f"""
x = Relu(i)
d0 = Transpose <perm=[0,3,1,2]> (x)
d = Conv <group={c},pads=[3,3,3,3]> (d0, k, b)
t = Transpose <perm=[0,2,3,1]> (d)
n = LayerNormalization(t, g, b)
h0 = MatMul(n, w1)
h1 = Add(h0, b1)
h = {act}(h1)
p = ReduceL2 <keepdims=1> (h, a)
m0 = ReduceMean <keepdims=1> (p, l)
m = Add(m0, e)
q = Div(p, m)
{scaled}
o0 = MatMul(z, w2)
o1 = Add(o0, b)
y = Add(x, o1)""",
         [ints("a", 1, 2), ints("l", -1), tensor("k", c, 1, 7, 7), tensor("b", c), tensor("g", c), tensor("w1", c, hidden),
          tensor("b1", hidden), tensor("w2", hidden, c), tensor("gamma", hidden), tensor("beta", hidden), tensor("e", values=[1e-6])])


def blocks():
    grn_block("grn", "N", 9, 11, 19, 70, "Gelu", "plain")
    grn_block("grnfew", 3, 14, 14, 16, 64, "Relu", "first")
    grn_block("grnmany", 6, 16, 7, 8, 33, "Selu", "shift")
    grn_block("grnsmall", "N", 3, 3, 24, 96, "Gelu", "plain")
    block("one", 9, 11, 19, 70, 7)
    block("ranges", 14, 14, 16, 1024, 7)
    block("uneven", 30, 13, 33, 132, 5)
    block("rmsblock", 14, 14, 17, 64, 7, norm="RMSNormalization(t, g)")
    block("simpleblock", 14, 14, 17, 64, 7, norm="cnxc.SimpleNormalization(t, g)")
    block("around", 14, 14, 16, 64, 7, "n = Add(m, t)")  # wants the convolution's result once more: no whole block


def large():
    """Ways that only very many parts, large windows, long sums and long dimensions take."""
    parts = [f"a{i}" for i in range(150)]
    case("parts", "float[N,300] x", "float[N,300] y", f"{', '.join(parts)} = Split <axis=1> (x, s)\ny = Concat <axis=1> ({', '.join(parts[::-1])})", [ints("s", *[1, 3] * 75)])
    case("windows", "float[2,3,30,31] x", "float[2,3,14,27] y, int64[2,3,14,27] i", "y, i = MaxPool <kernel_shape=[11,13],pads=[5,6,3,2],strides=[2,1]> (x)")
    case("windowsnan", "float[2,3,30,31] x", "float[2,3,22,12] y, int64[2,3,22,12] i", "u = Log(x)\ny, i = MaxPool <kernel_shape=[9,10],pads=[5,6,3,2],dilations=[2,3]> (u)")
    case("norms", "float[N,3,30,31] x", "float[N,3,15,10] y", "y = LpPool <kernel_shape=[11,13],pads=[5,6,3,2],strides=[2,3],ceil_mode=1> (x)")
    case("means", "float[N,2,300,301] x", "float[N,2,300,301] y", "y = AveragePool <kernel_shape=[3,5],pads=[1,2,1,2]> (x)")
    made = "a = Mul(f, k)\ni = Cast <to=7> (a)\n"
    case("batchplaces", "float[300,300,2] x, float[300,300,1] f", "float[300,300] y", made + "y = GatherND <batch_dims=2> (x, i)", [tensor("k", values=[1.9])])
    case("rowplaces", "float[70001,2] x, float[70001,1] f", "float[70001,1] y", made + "y = GatherElements <axis=1> (x, i)", [tensor("k", values=[1.9])])
    case("batches", "float[2,1,3,1,5,1,3,5] x, float[1,5,1,4,1,3,5,7] w", "float[2,5,3,4,5,3,3,7] y", "y = MatMul(x, w)")
    case("longsum", "float[3,70001] x, float[70001,20] w", "float[3,20] y", "y = MatMul(x, w)")
    case("longfused", "float[20,70007] x", "float[20,40] y", "w = ConstantOfShape <value=float[1] {0.001}> (s)\nm = MatMul(x, w)\ny = Sigmoid(m)", [ints("s", 70007, 40)])
    case("longdiagonal", "float[2,3,70000] x", "float[2,3,70000] y", "y = Trilu(x, k)", [tensor("k", values=[65530], dtype="int64")])
    case("longhard", "float[2,70001,2] x", "float[2,70001,2] y", "y = Hardmax <axis=1> (x)")
    case("conv5", "float[2,6,5,5,5,5,5] x, float[4,3,3,3,3,3,3] w", "float[2,4,5,5,5,5,5] y", "y = Conv <group=2,pads=[1,1,1,1,1,1,1,1,1,1]> (x, w)")


def write(path, cases, opset):
    join = lambda i, sep: sep.join(c[i] for c in cases if c[i])
    imports = "".join(f', "{domain}" : 1' for domain in ("cnxc", "com.microsoft") if any(domain + "." in c[2] for c in cases))
    weights = ", ".join(w for c in cases for w in c[3])
    with open(path, "w") as out:
        out.write(f'<ir_version: 10, opset_import: ["" : {opset}{imports}]>\n')
        out.write(f"all ({join(0, ', ')}) => ({join(1, ', ')}){' <' + weights + '>' if weights else ''}\n{{\n{join(2, chr(10))}\n}}\n")


elementwise(), moves(), places(), products(), convolutions(), resizes(), reductions(), exact(), quantisation(), losses(), blocks(), large()
MOST = 120  # cases of a model: a program writes 256 outputs at most
some = lambda name, cases, opset: {f"{name}{i}": (cases[i:i + MOST], opset) for i in range(0, len(cases), MOST)}
models = some("free", free + static, 20) | some("static", static, 20) | some("old", old, 11) | some("newest", newest, 26)
passed, failed = 0, 0
with tempfile.TemporaryDirectory() as folder:
    for name, (cases, opset) in models.items():
        path = os.path.join(folder, name + ".onnxtxt")
        write(path, cases, opset)
        for options in (TARGET, ["-O0"] + TARGET if TARGET else ["-O0", "-mcpu=x86-64-v3"]):
            run = subprocess.run([CNXC, "verify", path, *options], capture_output=True, text=True)
            lines = run.stdout.splitlines()
            wrong = [line for line in lines if not line.endswith(" ok")]
            if run.returncode or wrong or len(lines) < len(cases):
                failed += 1
                print(f"{name} {options}: exit code {run.returncode}", *wrong, run.stderr[:2000], sep="\n")
            else:
                passed += len(lines)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
