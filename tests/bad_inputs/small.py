# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small models that ask for much: windows, kernels and axes of millions, operands by the thousand, constants that grow or take long.
Each compiles, at -O3 and -O0, or is refused in words, in seconds and in memory that has to do with its text. Every operator of
ir/ops.def is among them."""
import os
import re

from harness import case

TABLE = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ir", "ops.def"), encoding="utf-8").read()
SEEN = set()


def small(name, inputs, nodes, constants="", outputs="y", exit=0, message="", peak_mb=400, opset=23, cpu_s=20):
    text = f'<ir_version: 10, opset_import: ["" : {opset}, "com.microsoft" : 1, "cnxc" : 1]>\ng ({inputs}) => ({outputs}) <{constants}> {{ {nodes} }}\n'
    SEEN.update(re.findall(r"= *(?:[a-z]+\.)*([A-Z]\w+)", nodes))
    compile_it = '"$CNXC" compile small.onnxtxt --emit=obj -o out.o'
    case("small", name, exit=exit, message=message, files={"small.onnxtxt": text}, peak_mb=peak_mb, cpu_s=cpu_s,
         shell=f"{compile_it} && {compile_it} -O0", outputs=("out.o", "out.h") if exit == 0 else ())


def ints(name, *values):
    return f"int64[{len(values)}] {name} = {{{','.join(map(str, values))}}}"


def many(n, text):
    return " ".join(text.replace("#", str(i)) for i in range(n))


def listed(n, name="v"):
    return ",".join(f"{name}{i}" for i in range(n))


def chain(n, step):
    """v0 from x, then each from the one before; y is the last. step: its text, with $i, $o and the number #."""
    names = ["x"] + [f"v{i}" for i in range(n - 1)] + ["y"]
    return " ".join(step.replace("$i", names[i]).replace("$o", names[i + 1]).replace("#", str(i)) for i in range(n))


TOO_MANY = "a constant that has to be computed, with which there are more than 256 MiB of them, is not supported"
EIGHT, ODD = ",".join(["9"] * 8), "float[1,3,1013,997] x"

# Elementwise: a hundred in a chain, and tensors of a trillion elements, of which none is the code's.
TYPES = {"FLOAT": "float", "NUMBER": "float", "INT": "int32", "BOOL": "bool"}
for op, types in re.findall(r"^(?:MAP|FUNCTION)\((\w+),.*SET_(\w+),", TABLE, re.M):
    small(f"a hundred of {op}", f"{TYPES[types]}[1000000,1000000] x", chain(100, f"$o = {op}($i)"))
for op in "Add Sub Mul Div Pow Max Min Mean Sum".split():
    small(f"a hundred of {op}", "float[9,1,9,1,9,1,9,1] x, float[1,9,1,9,1,9,1,9] k", chain(100, f"$o = {op}($i,k)"))
small("a hundred of PRelu", f"float[{EIGHT}] x, float[1,9,1,9,1,9,1,9] k", chain(100, "$o = PRelu($i,k)"))
for op in "Equal Greater GreaterOrEqual Less LessOrEqual".split():
    small(f"a hundred of {op}", "float[9,1,9,1,9,1,9,1] x, float[1,9,1,9,1,9,1,9] k", chain(100, f"c# = {op}($i,k) $o = Where(c#,$i,k)"))
for op in "Elu LeakyRelu HardSigmoid Selu Gelu Celu Shrink Swish ThresholdedRelu".split():
    small(f"a hundred of {op}", "float[1000000,1000000] x", chain(100, f"$o = {op}($i)"))
for op, kind in [(op, "int32") for op in "BitwiseAnd BitwiseOr BitwiseXor Mod".split()] + [(op, "bool") for op in ("And", "Or", "Xor")]:
    small(f"a hundred of {op}", f"{kind}[9,1,9,1,9,1,9,1] x, {kind}[1,9,1,9,1,9,1,9] k", chain(100, f"$o = {op}($i,k)"))
small("a hundred of others", "uint8[1000000,1000000] x", chain(100, 'b# = BitShift<direction="LEFT">($i,k) f# = Cast<to=1>(b#) c# = Clip(f#,l) n# = IsNaN(c#) '
      "i# = IsInf(c#) o# = Or(n#,i#) m# = cnxc.MulAdd(c#,l,l) w# = Where(o#,c#,m#) d# = Dropout(w#) t# = Identity(d#) $o = CastLike(t#,k)"), "uint8 k = {1}, float l = {1.5}")
small("BatchNormalization of a million channels", "float[3,1000000,9] x, float[1000000] k", "y = BatchNormalization(x,k,k,k,k)")

# Moves
for mode in "reflect", "edge", "wrap":
    small(f"Pad by {mode}", "float[1000001] x", f'y = Pad<mode="{mode}">(x,p)', ints("p", 999999, 999999))
    small(f"Pad of eight dimensions by {mode}", "float[5,5,5,5,5,5,5,5] x", f'y = Pad<mode="{mode}">(x,p)', ints("p", *[3] * 16))
small("Pad of a billion", "float[1] x", 'y = Pad<mode="wrap">(x,p)', ints("p", 500000000, 500000000), exit=3, message="Pad along a dimension of 1000000001 is not supported")
small("a dozen Pads of millions", "float[1] x", many(12, 'v# = Pad<mode="edge">(x,p) ') + f"y = Concat<axis=0>({listed(12)})", ints("p", 4000000, 4000000),
      exit=3, message="Pad along dimensions of so many elements, all of the model's together, is not supported", peak_mb=800)
small("Pad, Tile and Expand of eight dimensions", "float[3,3,3,3,3,3] x", "t = Tile(x,r) p = Pad(t,q) e = Expand(p,s) y = Relu(e)",
      ",".join((ints("r", *[9] * 6), ints("q", *[3] * 12), ints("s", 100, 100, *[1] * 6))))
small("slices by the hundred", "float[64] x", chain(500, "$o = Slice($i,s,e,a,t)"), ",".join((ints("s", -1), ints("e", -100), ints("a", 0), ints("t", -1))))
small("Tile of a billion", "float[1] x", "y = Tile(x,r)", ints("r", 10**9))
small("Transpose of eight dimensions", f"float[{EIGHT}] x", "y = Transpose<perm=[7,0,6,1,5,2,4,3]>(x)")
small("transposed and reshaped a hundred times", "float[2,3,4,5,6] x", chain(100, "t# = Transpose($i) $o = Reshape(t#,s)"), ints("s", 2, 3, 4, 5, 6))
small("shapes of shapes", "float[8,8] x", chain(1000, "s# = Shape($i) f# = Flatten($i) u# = Unsqueeze(f#,o) q# = Squeeze(u#,o) z# = Size(x) $o = Reshape(q#,s#)"), ints("o", 0))
small("GatherElements of a billion", "float[1000,1000000] x, int64[1000,1000000] i", "y = GatherElements<axis=0>(x,i)")
small("GatherElements of eight dimensions", f"float[{EIGHT}] x, int64[{EIGHT}] i", "y = GatherElements<axis=3>(x,i)")
small("GatherND in a hundred million batches", "float[10000,10000,2] x, int64[10000,10000,1] i", "y = GatherND<batch_dims=2>(x,i)")
small("Gather and scatter", "float[10000,10000] x, int64[10000,10000] i, float[10000,10000] u, int64[10000000,2] j, float[10000000] v",
      'a = ScatterElements<axis=1,reduction="add">(x,i,u) b = ScatterND(a,j,v) y = Gather<axis=1>(b,k)', ints("k", *range(100)))
small("Scatter", "float[1,100000000] x, int64[1,100000000] i", "y = Scatter<axis=1>(x,i,x)", opset=10)
small("OneHot of a billion", "int64[1000000] x", "y = OneHot(x,d,v)", "int64 d = {1000}, float[2] v = {0,1}")
small("diagonals of a billion", "float[1,1000000000] x", "a = EyeLike(x) b = Trilu(a) t = Reshape(b,s) y = Trilu<upper=0>(t)", ints("s", 10**9, 1))
small("CumSum and CumProd", "float[3,1000000,1000] x", "a = CumSum<reverse=1,exclusive=1>(x,k) y = CumProd(a,k)", "int64 k = {1}", opset=26)
small("TopK of a billion", "float[1000000000] x", "y, i = TopK(x,k)", ints("k", 10**8), outputs="y,i")
small("blocks of channels", "float[1,3000000,2,2] x", "a = DepthToSpace<blocksize=1000>(x) y = SpaceToDepth<blocksize=1000>(a)")

# Reductions
for op in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split():
    small(f"Reduce{op} of every other dimension", f"float[{EIGHT}] x, double[{EIGHT}] z", f"y = Reduce{op}(x,a) w = Reduce{op}(z,a)", ints("a", 0, 2, 4, 6), outputs="y,w")
for op in "Softmax LogSoftmax Hardmax LpNormalization ArgMax ArgMin".split():
    small(f"{op} of a billion", "float[1000000000] x, double[100000,1000] z", f"y = {op}<axis=0>(x) w = {op}<axis=0>(z)" if op in ("Softmax", "ArgMax", "ArgMin")
          else f"y = {op}<axis=0>(x)", outputs="y,w" if op in ("Softmax", "ArgMax", "ArgMin") else "y")
small("norms of eight dimensions", f"float[{EIGHT}] x, float[9,9,9,9,9,9,9] k, float[9] c", "a = LayerNormalization<axis=1>(x,k,k) b = RMSNormalization<axis=1>(a,k) "
      "d = MeanVarianceNormalization<axes=[0,2,4,6]>(b) e = InstanceNormalization(d,c,c) f = GroupNormalization<num_groups=3>(e,c,c) y = cnxc.SimpleNormalization<axis=1>(f,k)")
small("losses of a hundred million", "float[3,10000,10000] x, int64[3,10000] t", 'y = NegativeLogLikelihoodLoss<reduction="none">(x,t) z, p = SoftmaxCrossEntropyLoss<reduction="none">(x,t)', outputs="y,z,p")

# Windows
SQUARE = "float[1,3,1000,1000] x"
for op in "MaxPool", "AveragePool", "LpPool":
    small(f"{op}: windows of 200 x 200", SQUARE, f"y = {op}<kernel_shape=[200,200]>(x)")
    small(f"{op}: windows of a million", "float[1,3,3000000] x", f"y = {op}<kernel_shape=[1000000],strides=[3]>(x)")
    small(f"{op}: windows spread and padded", "float[1,3,3000,3000] x", f"y = {op}<kernel_shape=[800,800],dilations=[3,3],pads=[400,400,400,400]>(x)")
    small(f"{op}: windows of six dimensions", "float[3,5,9,9,9,9,9,9] x", f"y = {op}<kernel_shape=[3,3,3,3,3,3],pads=[1,1,1,1,1,1,1,1,1,1,1,1],strides=[2,2,2,2,2,2]>(x)"
          if op != "LpPool" else "y = LpPool<kernel_shape=[3,3,3,3,3,3]>(x)")
small("AveragePool of a hundred million, padded", "float[1,1,100000000] x", "y = AveragePool<kernel_shape=[100001],pads=[50000,50000]>(x)", exit=3, message=TOO_MANY)
small("Indices in windows of 32 x 32", SQUARE, "y, i = MaxPool<kernel_shape=[32,32],pads=[16,16,16,16]>(x)", outputs="y,i")
small("Indices in windows of 100 x 100", "float[1,1,300,300] x", "y, i = MaxPool<kernel_shape=[100,100]>(x)", outputs="y,i", exit=3,
      message="MaxPool: a window of more than 1024 elements, with Indices, is not supported")
small("pools of all there is", "float[3,5,9,9,9,9,9,9] x", "a = GlobalAveragePool(x) b = GlobalMaxPool(x) c = GlobalLpPool<p=3>(x) d = Add(a,b) y = Add(d,c)")
small("Conv of a million channels", "float[1,1000000,4,4] x, float[1,1000000,3,3] w", "y = Conv(x,w)")
small("Conv in a hundred thousand groups", "float[1,200000,4,4] x, float[200000,2,3,3] w", "y = Conv<group=100000>(x,w)")
small("Conv by a kernel of 3000 x 3000", "float[1,1,3000,3000] x, float[1,1,3000,3000] w", "y = Conv<pads=[20,20,20,20]>(x,w)")
small("Conv by a kernel of 1000 rows", "float[1,64,2000,8] x, float[64,64,1000,1] w", "y = Conv(x,w)")
small("Conv over five dimensions", "float[2,6,5,5,5,5,5] x, float[4,3,3,3,3,3,3] w", "y = Conv<group=2,pads=[1,1,1,1,1,1,1,1,1,1]>(x,w)")
small("Conv over six dimensions", "float[2,6,5,5,5,5,5,5] x, float[4,6,3,3,3,3,3,3] w", "y = Conv(x,w)", exit=3, message="Conv: a convolution over more than 5 dimensions is not supported")
small("ConvNHWC of a million pictures", "float[1000000,4,4,1] x, float[1,1,3,3] w", "y = cnxc.ConvNHWC(x,w)")
small("ConvTranspose of many phases", "float[1,3,5,5,5] x, float[3,4,33,33,33] w", "y = ConvTranspose<strides=[16,16,16]>(x,w)")
small("ConvTranspose spread far", "float[1,3,50] x, float[3,4,17] w", "y = ConvTranspose<dilations=[1000000],strides=[7]>(x,w)", exit=3, message="dilations that make its kernel one of more than")
small("Upsample to a hundred million", "float[1,1,10,10] x", "y = Upsample(x,q)", "float[4] q = {1,1,1000,1000}", opset=9)
for mode in "nearest", "linear", "cubic":
    small(f"Resize by {mode}", ODD + ", float[17,13,11,7,3,4,3,4] z", f'y = Resize<mode="{mode}">(x,,,s) w = Resize<mode="{mode}">(z,,,r)',
          ints("s", 1, 3, 3001, 2011) + "," + ints("r", 170, 131, 121, 71, 7, 7, 7, 7), outputs="y,w")
    small(f"Resize by {mode} along ten million", "float[10000000] x", f'y = Resize<mode="{mode}">(x,,,s)', ints("s", 9999991), exit=3, message="Resize along a dimension of 9999991 is not supported")
small("a dozen Resizes along a million", "float[3] x", many(12, 'v# = Resize<mode="linear">(x,,,s) ') + f"y = Concat<axis=0>({listed(12)})", ints("s", 1900000), exit=3, message=TOO_MANY)

# Products
small("MatMuls of millions", "float[4,2000000] x, float[2000000,64] w, float[4,64] a, float[64,2000000] b", "c = MatMul(x,w) d = Add(a,c) y = MatMul(d,b)")
small("Gemm of millions", "float[2000000,4] x, float[64,2000000] w, float[64] c", "y = Gemm<transA=1,transB=1>(x,w,c)")
small("MatMul in batches of six dimensions", "float[2,1,3,1,5,1,3,5] x, float[1,5,1,4,1,3,5,7] w, float[1000000,3,5] a, float[1000000,5,7] b", "y = MatMul(x,w) z = MatMul(a,b)", outputs="y,z")
small("Attention of a million keys", "float[1,1,1000000,8] x, float[1,100000,3,8] z", "y = Attention<is_causal=1>(x,x,x) w = Attention(z,z,z)", outputs="y,w")
small("Einsum of eight letters", f"float[9,9,9,9,9] x, float[{EIGHT}] z, float[30000,30000] d", 'y = Einsum<equation="abcde,edcfg->gfab">(x,x) '
      'w = Einsum<equation="aabbccdd->abcd">(z) v = Einsum<equation="aa->a">(d)', outputs="y,w,v")
small("Einsum of a thousand operands", "float[5] x", 'y = Einsum<equation="' + ",".join(["i"] * 1000) + '->i">(' + ",".join(["x"] * 1000) + ")")

# Integers
POINT = "float s = {0.5}, uint8 z = {3}"
small("integers in sums of millions", "uint8[4,2000000] x, uint8[2000000,64] w", "y = MatMulInteger(x,w)", exit=3, message="MatMulInteger with sums of so many terms is not supported")
small("products of integers", "uint8[3,20000] x, uint8[20000,5] w, uint8[1,3000,9,9] p, uint8[3,3000,3,3] q",
      "a = ConvInteger(p,q) b = QLinearConv(p,s,z,q,s,z,s,z) c = QLinearMatMul(x,s,z,w,s,z,s,z) d = com.microsoft.QGemm(x,s,z,w,s,z,,s,z) "
      "e = com.microsoft.MatMulIntegerToFloat(x,w,s,s,z,z) g = com.microsoft.DynamicQuantizeMatMul(e,v,s,z)", POINT + ", uint8[5,2] v = {1,2,3,4,5,6,7,8,9,10}", outputs="a,b,c,d,g")
small("rows of millions in integers", "float[2,1000] x", "e = Expand(k,r) y = cnxc.RowQuantizedMatMul(x,e,s)", "int8 k = {1}, float[100] s = {" + ",".join(["1"] * 100) + "}, " + ints("r", 1000, 100))
small("quantised in blocks", "float[1000000000] x, float[10000000] s, float[1000,1000000] w", "q = QuantizeLinear<axis=0,block_size=100>(x,s) y = DequantizeLinear<axis=0,block_size=100>(q,s) "
      "d, e, f = DynamicQuantizeLinear(w)", outputs="y,d,e,f", peak_mb=1200)
MS = "com.microsoft."
small("quantised steps, a hundred times", "uint8[1,4,9,9] x", chain(30, f"a# = {MS}QLinearAdd($i,s,z,$i,s,z,s,z) b# = {MS}QLinearMul(a#,s,z,a#,s,z,s,z) c# = {MS}QLinearLeakyRelu(b#,s,z,s,z) "
      f"d# = {MS}QLinearSigmoid(c#,s,z,s,z) e# = {MS}QLinearSoftmax<opset=13>(d#,s,z,s,z) f# = {MS}QLinearWhere(c,e#,s,z,a#,s,z,s,z) "
      f"g# = {MS}QLinearGlobalAveragePool(f#,s,z,s,z) $o = Add(f#,g#)"), POINT + ", bool[1] c = {1}")
small("quantised means of 200 x 200", "uint8[1,3,1000,1000] x", f"y = {MS}QLinearAveragePool<kernel_shape=[200,200]>(x,s,z,s,z)", POINT)
small("a thousand quantised operands", "uint8[4] x", f"y = {MS}QLinearConcat<axis=0>(s,z,{','.join(['x,s,z'] * 1000)})", POINT)

# Graphs
N = 2000
small("ten thousand cheap nodes", "float[64] x", chain(10000, "$o = Relu($i)"))
small("thousands of sums", "float[64] x", chain(N, "t# = Relu($i) $o = Add($i,t#)"))
small("thousands of results", "float[64] x", many(N, "y# = Relu(x)"), outputs=listed(N, "y"))
small("thousands of operands", ",".join(f"float[4] x{i}" for i in range(N)), f"y = Concat<axis=0>({listed(N, 'x')}) z = Sum({listed(N, 'x')})", outputs="y,z")
small("thousands of weights", "float[4] x", f"y = Concat<axis=0>(x,{listed(N, 'k')})", ",".join(f"float[1] k{i} = {{{i}}}" for i in range(N)))
small("one operand twenty thousand times", "float[4] x", f"t = Exp(x) y = Concat<axis=0>({','.join(['t'] * 10 * N)})")
small("one operand of thousands", "float[4,4] x", f"t = MatMul(x,x) {many(N, 'v# = Exp(t)')} y = Max({listed(N)})", cpu_s=30)
small("parts by the thousand", f"float[{10 * N}] x", f"{listed(10 * N)} = Split<num_outputs={10 * N}>(x) y = Concat<axis=0>({listed(10 * N)}) ", outputs="y," + listed(N))

# Constants
DOUBLED = "float[1] a0 = {1}"


def doubled(n):
    return " ".join(f"a{i + 1} = Concat<axis=0>(a{i},a{i})" for i in range(n)) + " "


def folded(name, n, nodes, constants="", peak_mb=800, **how):
    small(name, "float[1] x", doubled(n) + nodes + " r = ReduceSum(e) y = Add(x,r)", DOUBLED + "," + constants if constants else DOUBLED, peak_mb=peak_mb, **how)


folded("a constant doubled 30 times", 30, "e = Identity(a30)", peak_mb=1200)
folded("a constant through fifty functions", 24, "e0 = Erf(a24) " + many(49, "f# = Exp(a24)") + " e = Erf(e0)", peak_mb=1200)
PICTURE = ints("q", 1, 1, 4096, 4096)
for op in "MaxPool", "AveragePool", "LpPool":
    folded(f"{op} of constants", 24, f"b = Reshape(a24,q) e = {op}<kernel_shape=[1000,1000]>(b)", PICTURE)
folded("Conv of constants", 20, "b = Reshape(a20,q) w = Reshape(a16,p) e = Conv(b,w)", ints("q", 1, 1, 1024, 1024) + "," + ints("p", 1, 1, 256, 256))
folded("Einsum of constants", 16, 'b = Reshape(a16,q) e = Einsum<equation="ab,cd,ef->ace">(b,b,b)', ints("q", 256, 256))
folded("Resize of constants", 24, 'b = Reshape(a24,q) e = Resize<mode="cubic",antialias=1>(b,,,o)', PICTURE + "," + ints("o", 1, 1, 1000, 1000))
folded("TopK of constants", 24, "e, i = TopK(a24,m)", ints("m", 10**7))
folded("transposed constants", 20, "t0 = Reshape(a20,q) " + " ".join(f"t{i + 1} = Transpose(t{i})" for i in range(100)) + " e = Identity(t100)", ints("q", 4, 8, 16, 32, 64))
folded("diagonals of constants", 0, "c = ConstantOfShape(s) f = EyeLike(c) e = Trilu(f)", ints("s", 5000, 5000))
small("a hundred products of constants", "float[500,500] x", "a0 = Expand(k,s) " + " ".join(f"a{i + 1} = MatMul(a{i},a0)" for i in range(100)) + " y = Add(x,a100)", ints("s", 500, 500) + ", float[1] k = {1}")
small("weights that grew", "float[1,1000,9,9] x, float[1,40000] z", "w = Expand(k,s) y = Conv(x,w) v = Expand(l,t) u = MatMul(z,v)",
      "float[1,1,1,1] k = {1}, float[1] l = {1}, " + ints("s", 1000, 1000, 3, 3) + "," + ints("t", 40000, 40000), outputs="y,u")
for what, nodes, constants in (("a range", "c = Range(a,b,d)", "int64 a = {0}, int64 b = {1000000000}, int64 d = {1}"),
                               ("a shape", "c = ConstantOfShape(s)", ints("s", 10**9))):
    small(f"{what} of a billion elements", "float[1] x", nodes + " f = Cast<to=1>(c) r = ReduceSum(f) y = Add(x,r)", constants, exit=3, message=TOO_MANY)
small("places that are not zero", "float[1] x", "c = Constant<value_float=1.5>() i = NonZero(k) f = Cast<to=1>(i) r = ReduceSum(f) s = Add(r,c) y = Add(x,s)", "float[4] k = {1,0,1,1}")

MISSING = set(re.findall(r"^\w+\((\w+), ", TABLE, re.M)) - SEEN - {"Call", "Region"}
assert not MISSING, f"no small model asks much of {sorted(MISSING)}"
