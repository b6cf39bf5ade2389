# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir %t && %python %s %cnxc %t
"""Dimensions of size zero inside graphs: the interpreter and compiled code agree on what comes of them, sums over nothing among it."""
import os
import re
import subprocess
import sys

CNXC, FOLDER = sys.argv[1:]
HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
E, C = "e = Slice(x, a, a, one)", ", int64[1] a = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] zero = {0}"
# Inputs, outputs, nodes, constants beside those. E is x without its dimension 1's elements, float[2,0] of float[2,3].
CASES = [
    ("float[2,3] x", "float[2,3] y", E + " y = Concat<axis=1>(e,x)", ""),
    ("float[2,3] x", "float[2,0] y", E + " y = Concat<axis=1>(e,e)", ""),
    ("float[2,3] x", "float[2,0] y", E + " y = Relu(e)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceSum<keepdims=1>(e, one)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceProd<axes=[1],keepdims=1>(e)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceMax<axes=[1],keepdims=1>(e)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceMin<axes=[1],keepdims=1>(e)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceMean<axes=[1],keepdims=1>(e)", ""),
    ("float[2,3] x", "float[2,1] y", E + " y = ReduceL2<axes=[1],keepdims=1>(e)", ""),
    ("float[2,3] x", "float[2,4] y", E + " y = MatMul(e,w)", "float[0,4] w = {}"),
    ("float[2,3] x", "float[2,0] y", " y = MatMul(x,w)", "float[3,0] w = {}"),
    ("float[2,3] x", "float[0,4] y", "e = Slice(x,a,a,zero) y = MatMul(e,w)", "float[3,4] w = {1,2,3,4,5,6,7,8,9,10,11,12}"),
    ("float[2,3] x", "float[2,4] y", E + " m = MatMul(e,w) s = Add(m,b) y = Exp(s)", "float[0,4] w = {}, float[4] b = {1,2,3,4}"),
    ("float[2,3] x", "float[2,4] y", E + " y = Gemm(e,w,b)", "float[0,4] w = {}, float[4] b = {1,2,3,4}"),
    ("float[2,3] x", "float[2,0] y", E + " y = Softmax<axis=1>(e)", ""),
    ("float[2,3] x", "float[2,0] y", E + " y = LogSoftmax<axis=1>(e)", ""),
    ("float[2,3] x", "float[0,3] y", "e = Slice(x,a,a,zero) y = LayerNormalization(e,w)", "float[3] w = {1,2,3}"),
    ("float[2,3] x", "float[2,0] y", E + " y = LayerNormalization(e,w)", "float[0] w = {}"),
    ("float[2,3] x", "float[0,3] y", "y = Gather(x,i)", "int64[0] i = {}"),
    ("float[2,3] x", "float[0,2] y", E + " y = Reshape<allowzero=1>(e,s)", "int64[2] s = {0,2}"),
    ("float[2,3] x", "float[2,0] y", E + " y = Reshape(e,s)", "int64[2] s = {2,-1}"),
    ("float[2,3] x", "float[4,2,0] y", E + " y = Expand(e,s)", "int64[3] s = {4,2,1}"),
    ("float[2,1] x", "float[2,0] y", "y = Expand(x,s)", "int64[2] s = {2,0}"),
    ("float[2,3] x", "float[2,0] y", "y = Tile(x,s)", "int64[2] s = {1,0}"),
    ("float[2,3] x", "float[4,0] y", E + " y = Tile(e,s)", "int64[2] s = {2,3}"),
    ("float[2,3] x", "float[2,2] y", E + " y = Pad(e,p)", "int64[4] p = {0,1,0,1}"),
    ("float[2,3] x", "float[2,0] y, float[2,3] z", "y,z = Split<axis=1>(x,s)", "int64[2] s = {0,3}"),
    ("float[2,3] x", "float[0,2] y", E + " y = Transpose(e)", ""),
    ("float[2,3] x", "float[2,0] y", E + " c = Greater(e,e) y = Where(c,e,e)", ""),
    ("float[2,3] x, float[2,1] q", "float[2,0] y", E + " y = Add(e,q)", ""),
    ("float[2,3,8,8] x", "float[0,4,8,8] y", "e = Slice(x,a,a,zero) y = Conv(e,w)", "float[4,3,1,1] w = {1,2,3,4,5,6,7,8,9,10,11,12}"),
    ("float[2,3,8,8] x", "float[0,3,7,7] y", "e = Slice(x,a,a,zero) y = MaxPool<kernel_shape=[2,2]>(e)", ""),
    ("float[2,3,40,40] x", "float[2,0,21,21] y", "e = Slice(x,a,a,one) y = MaxPool<kernel_shape=[20,20]>(e)", ""),
    ("float[2,3,40,40] x", "float[2,0,21,21] y", "e = Slice(x,a,a,one) y = AveragePool<kernel_shape=[20,20]>(e)", ""),
    ("float[2,3,8,8] x", "float[2,3,1,1] y", "e = Slice(x,a,a,two) y = GlobalAveragePool(e)", ""),
    ("float[2,3,8,8] x", "float[2,0,1,1] y", "e = Slice(x,a,a,one) y = GlobalAveragePool(e)", ""),
    ("float[2] x", "float[0] y", "y = Range(p,q,r)", "float p = {1}, float q = {1}, float r = {1}"),
    ("float[2] x", "float[0] y", "y = Range(p,q,r)", "float p = {1}, float q = {0}, float r = {1}"),
    ("float[2] x", "float[0,3] y", "y = ConstantOfShape(s)", "int64[2] s = {0,3}"),
    ("float[2] x", "float y", "y = ConstantOfShape(s)", "int64[0] s = {}"),
    ("float[2,3] x", "float[2,3] y", "y = Concat<axis=1>(x,w)", "float[2,0] w = {}"),
    ("float[2,3] x", "int64[2] y", E + " y = Shape(e)", ""),
    ("float[2,3] x", "int64 y", E + " y = Size(e)", ""),
    ("float[2,1,3] x", "float[2,0] y", "e = Slice(x,a,a,two) y = Squeeze(e,one)", ""),
    ("float[2,3,4] x", "float[2,0] y", "e = Slice(x,a,a,two) y = Flatten(e)", ""),
    ("float[2,3] x", "float[2,0] y", E + " y = Dropout(e)", ""),
    ("float[2,3] x", "float y", E + " y = ReduceSum<keepdims=0>(e)", ""),
    ("float[2,3] x", "int64[1,0] y", E + " y = ArgMax(e)", ""),
    ("float[2,3] x", "float[1,0] y, int64[1,0] z", E + " y,z = TopK<axis=0>(e,one)", ""),
    ("float[2,3] x", "float[2,0] y, int64[2,0] z", "y,z = TopK(x,zero)", ""),
    ("float[2,3] x", "float[2,0] y", "y = GatherElements<axis=1>(x,i)", "int64[2,0] i = {}"),
    ("float[2,3] x", "float[0,3] y", "y = GatherND(x,i)", "int64[0,1] i = {}"),
    ("float[2,3] x", "float[2,3] y", "y = ScatterElements(x,i,w)", "int64[0,3] i = {}, float[0,3] w = {}"),
    ("float[2,3] x", "float[2,3] y", "y = ScatterND(x,i,w)", "int64[0,1] i = {}, float[0,3] w = {}"),
    ("float[2,3] x", "float[2,0] y", E + " y = CumSum(e,one)", ""),
    ("float[2,3] x", "float[3,0] y", E + " y = Pad<mode=\"edge\">(e,p)", "int64[4] p = {0,0,1,0}"),
    ("float[2,3] x", "float[2,0] y", E + " y = Trilu(e)", ""),
    ("float[2,3] x", "float[2,0] y", E + " y = EyeLike(e)", ""),
    ("float[2,3] x", "float[2,0,5] y", E + " y = OneHot(e,p,w)", "int64 p = {5}, float[2] w = {1,2}"),
    ("float[2] x", "int64[1,0] y", "y = NonZero(w)", "float[3] w = {0,0,0}"),
]
REFUSED = [
    ("float[2,3,8,8] x", "float[2,0,8,8] y", "y = Conv(x, w)", "float[0,3,1,1] w = {}", "Conv: a dimension of the weights that is 0"),
    ("float[2,3,8,8] x", "float[2,4,1,9] y", "e = Slice(x, a, a, two) y = Conv<pads=[1,0,0,1]>(e, w)", "float[4,3,1,1] w = {1,2,3,4,5,6,7,8,9,10,11,12}",
     "Conv: a dimension of the input that is 0"),
    ("float[2,4,8,8] x", "float[2,0,16,16] y", "e = Slice(x, a, a, one) y = DepthToSpace<blocksize=2>(e)", "", "DepthToSpace of a dimension that is 0"),
    ("float[2,3] x, int64[2] t", "float y", "e = Slice(x, a, a, zero) f = Slice(t, a, a, zero) y = NegativeLogLikelihoodLoss(e, f)", "", "a loss of nothing"),
]


def model(inputs, outputs, constants, nodes):
    path = os.path.join(FOLDER, "m.onnxtxt")
    with open(path, "w") as f:
        f.write(f"{HEAD}g ({inputs}) => ({outputs}) <{constants.strip(', ')}> {{ {nodes} }}\n")
    return path


def named(text, number):
    """Names, which stand outside of attributes, get the case's number."""
    parts = re.split(r"(<[^>]*>)", text)
    return "".join(p if p.startswith("<") else re.sub(r"\b([a-z]|one|two|zero)\b", rf"\g<1>{number}", p) for p in parts)


fields = [[named(part, number).strip(", ") for part in (inputs, outputs, constants + C, nodes)]
          for number, (inputs, outputs, nodes, constants) in enumerate(CASES)]
path = model(*(joint.join(column) for joint, column in zip((", ", ", ", ", ", " "), zip(*fields))))
n_outputs = sum(len(re.findall(r"\b[yz]\b", outputs)) for _, outputs, _, _ in CASES)
for option in ("-O3", "-O0"):
    run = subprocess.run([CNXC, "verify", path, option], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.count("   ok\n") == n_outputs, (option, run.stdout, run.stderr)
for inputs, outputs, nodes, constants, message in REFUSED:
    run = subprocess.run([CNXC, "check", model(inputs, outputs, constants + C, nodes)], capture_output=True, text=True)
    assert run.returncode == 3 and message in run.stderr, (run.returncode, run.stderr)
