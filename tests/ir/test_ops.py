# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnx-interp
"""Every operator of the table through the reference interpreter, against ONNX Runtime.

Each case is a model of one node (or two) with odd shapes; graph inputs are those NumPy files can hold, other
element types come in as initializers and leave through Cast. A case names the operator it covers, and the test
fails if one of ir/ops.def has none. Where ONNX Runtime lacks a kernel, onnx.reference stands in.

Tolerance: the interpreter computes in double and rounds once; ONNX Runtime in float32. 2e-6 of the largest
magnitude covers sums of a few hundred terms; integers and bools must be equal, but for some of ONNX Runtime's own operators on
quantised tensors: it takes their results from tables or multiplies by ratios of scales, and so may round to the next integer (steps).
"""
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnx.reference
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper, numpy_helper

INTERP = sys.argv[1]
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
rng = np.random.default_rng(7)
f32, i64, i32, b8 = np.float32, np.int64, np.int32, np.bool_
cases = []


def rand(*shape, low=-2.0, high=2.0):
    return rng.uniform(low, high, shape).astype(f32)


def ints(*values):
    return np.array(values, i64)


def case(op, inputs, n_outputs=1, opset=17, const=(), casts=None, free=True, domain="", steps=0, **attrs):
    """inputs: arrays or tensors, None for one left out. const: indices that become initializers. free: the first dimension of
    every input that has the batch's size is symbolic. steps: how far an integer may be off."""
    cases.append(dict(op=op, inputs=inputs, n_outputs=n_outputs, opset=opset, const=set(const), casts=casts, free=free,
                      domain=domain, steps=steps, attrs=attrs))


def both(op, inputs, opset=17, **attrs):
    """As graph inputs, and as constants that inference folds."""
    case(op, inputs, opset=opset, **attrs)
    case(op, inputs, opset=opset, const=range(len(inputs)), **attrs)


# ── Elementwise ──
x = rand(3, 1, 5, 7)
special = np.array([0.0, -0.0, 1.0, -1.0, 1e-30, 88.0, -88.0, np.inf, -np.inf, np.nan, 2.5, 3.5, -2.5, 0.5], f32)
with open(os.path.join(ROOT, "ir", "ops.def"), encoding="utf-8") as f:
    TABLE = f.read()
for op, first in re.findall(r"^(?:MAP|FUNCTION)\((\w+), V\((\d+)", TABLE, re.M):
    if op not in ("BitwiseNot", "Log", "Not", "Sqrt"):
        both(op, [x], opset=max(17, int(first)))
    if op not in ("BitwiseNot", "Log", "Not", "Sqrt", "Softplus", "HardSwish", "Mish"):
        case(op, [special])
for op in ("Elu", "LeakyRelu", "Selu", "HardSigmoid"):
    case(op, [x])
case("Log", [rand(4, 3, low=0.01)])
case("Sqrt", [rand(4, 3, low=0)])
case("Elu", [x], alpha=0.3)
case("LeakyRelu", [x], alpha=0.2)
case("Selu", [x], alpha=1.3, gamma=0.7)
case("HardSigmoid", [x], alpha=0.3, beta=0.4)
for op, attrs in (("Celu", {"alpha": 0.7}), ("Shrink", {"bias": 0.3, "lambd": 0.7}), ("Shrink", {}), ("Swish", {"alpha": 1.3}), ("Swish", {}),
                  ("ThresholdedRelu", {"alpha": 0.4}), ("ThresholdedRelu", {})):
    both(op, [x], opset=24 if op == "Swish" else 17, **attrs)
    case(op, [special], opset=24 if op == "Swish" else 17, **attrs)
case("Celu", [x])
case("Shrink", [np.array([[-5, 0, 3, 1]], i32)], bias=1.0, lambd=1.5)
both("IsNaN", [special])
for below, above in ((0, 0), (0, 1), (1, 0), (1, 1)):
    both("IsInf", [special], detect_negative=below, detect_positive=above)
case("Gelu", [x], opset=20)
case("Gelu", [x], opset=20, approximate="tanh")
for op in ("Abs", "Neg", "Relu", "Sign"):
    case(op, [np.array([[-5, 0, 3]], i32)])
    case(op, [ints(-5, 0, 2**53 + 1)], free=False, opset=14)
for op in ("Add", "Sub", "Mul", "Div"):
    both(op, [rand(3, 4, 5), rand(4, 1)])
    case(op, [rand(1), rand(3, 2)], free=False)
    both(op, [ints(7, -7, 2**53 + 1, -9), ints(2, 2, 3, -4)], free=False)
    case(op, [np.array([[7, -7]], i32), np.array([[2], [-3]], i32)], free=False)
case("Div", [np.array([200, 7], np.uint8), np.array([3, 2], np.uint8)], const=(0, 1), casts=T.INT32)
case("Add", [np.array([200, 7], np.uint8), np.array([100, 2], np.uint8)], const=(0, 1), casts=T.INT32)
case("Sub", [np.array([2**63 + 5], np.uint64), np.array([2**63], np.uint64)], const=(0, 1), casts=T.INT64)
case("Mul", [rand(2, 3).astype(np.float64), rand(3).astype(np.float64)], const=(0, 1), casts=T.FLOAT)
case("Pow", [rand(3, 4, low=0.1), np.array(2.5, f32)])
case("Pow", [rand(3, 4), np.array(2.0, f32)])
case("Pow", [rand(3, 4), np.array(3, i64)], opset=13)
case("Pow", [ints(2, -3, 5), ints(5, 3, 0)], free=False)
for op in ("Max", "Min"):
    case(op, [rand(3, 4), rand(4), rand(3, 1)])
    case(op, [rand(3, 1), rand(1, 4)], free=False)
    case(op, [rand(3, 4)])
    case(op, [ints(1, 9, 3), ints(5)], free=False)
    case(op, [np.array([np.nan, 1.0], f32), np.array([1.0, np.nan], f32)], free=False)
for op in ("Sum", "Mean"):
    both(op, [rand(3, 4), rand(4), rand(3, 1)])
    case(op, [rand(3, 1), rand(1, 4)], free=False)
    case(op, [rand(3, 4)])
for op in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"):
    values = rng.integers(-2, 3, (4, 5))
    both(op, [values.astype(f32), rng.integers(-2, 3, (5,)).astype(f32)])
    case(op, [values.astype(i64), rng.integers(-2, 3, (4, 1)).astype(i64)], free=False)
for op in ("And", "Or"):
    both(op, [rng.random((3, 4)) < 0.5, rng.random((4,)) < 0.5])
both("Xor", [rng.random((3, 4)) < 0.5, rng.random((4,)) < 0.5])
for dtype in (np.int8, np.int32, np.uint8, np.uint64):
    integers = lambda *shape: rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    case("BitwiseNot", [integers(3, 4)], opset=18)
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        both(op, [integers(3, 4), integers(4)], opset=18)
    both("Mod", [integers(3, 40), integers(1, 40) | 1], free=False)
    both("Mod", [integers(3, 40), integers(1, 40) | 1], free=False, fmod=1)
    for direction in ("LEFT", "RIGHT"):
        shifts = np.arange(8, dtype=dtype) if np.iinfo(dtype).min == 0 else np.array([-1, 0, 1, 7, 8, 31, 64, -100], dtype)
        both("BitShift", [integers(3, 8), shifts], opset=28, free=False, direction=direction)
case("Mod", [rand(3, 40, low=-9, high=9), rand(1, 40)], free=False, fmod=1)
case("Mod", [np.array([5, -5, 3e38, -0.0, 7, 1, 3.5], f32), np.array([3, 3, 1e-3, 2, np.inf, -np.inf, -0.5], f32)], free=False, fmod=1)
case("Equal", [rng.random((3, 4)) < 0.5, rng.random((4,)) < 0.5])
case("Not", [rng.random((3, 4)) < 0.5])
case("Where", [rng.random((3, 1, 4)) < 0.5, rand(3, 2, 4), rand(1)])
case("Where", [np.array([True, False]), ints(5), ints(6, 7)], free=False)
case("PRelu", [rand(3, 4, 5), rand(4, 1)])
for const in ((), (1, 2)):
    case("Clip", [rand(3, 4), np.array(-0.5, f32), np.array(0.7, f32)], const=const)
    case("Clip", [rand(3, 4), None, np.array(0.7, f32)], const=const)
    case("Clip", [rand(3, 4), np.array(-0.5, f32)], const=const)
case("Clip", [rand(3, 4)])
case("Clip", [ints(-5, 3, 99), np.array(0), np.array(10)], free=False)
for to in (T.INT64, T.INT32, T.BOOL):
    case("Cast", [np.array([[-2.7, 2.7, 0.0, 0.4]], f32)], to=to)
case("Cast", [ints(-5, 0, 2**24 + 1)], to=T.FLOAT)
case("Cast", [np.array([[True, False]])], to=T.FLOAT)
case("Cast", [np.concatenate([rand(40, high=70000, low=-70000), special, rand(20, high=1e-7, low=0)])],
     to=T.FLOAT16, casts=T.FLOAT)
case("Cast", [np.concatenate([rand(40), special])], to=T.BFLOAT16, casts=T.FLOAT)
case("CastLike", [rand(3, 2), ints(1)], const=(1,))
channels = [rand(4), rand(4), rand(4), rand(4, low=0.1)]
case("BatchNormalization", [rand(3, 4, 5, 6)] + channels, const=(1, 2, 3, 4))
case("BatchNormalization", [rand(3, 4)] + channels, epsilon=0.1)
case("BatchNormalization", [rand(3, 4, 5, 6)] + channels, const=(1, 2, 3, 4), opset=7, spatial=1)

# ── Reductions ──
for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp", "ReduceLogSum"):
    attribute = op != "ReduceSum"
    y = rand(3, 4, 5, 6, low=0.1 if op == "ReduceLogSum" else -2)
    for axes in ([1], [-1], [2, 3], [-2, 1]):
        for keepdims in (0, 1):
            if attribute:
                case(op, [y], opset=13, axes=axes, keepdims=keepdims)
            case(op, [y, ints(*axes)], opset=18 if attribute else 13, const=(1,), keepdims=keepdims)
    case(op, [y], opset=13)
    case(op, [y], opset=18, keepdims=0)
    case(op, [y, ints()], opset=18, const=(1,), noop_with_empty_axes=1)
    case(op, [y, ints()], opset=18, const=(1,))
case("ReduceSum", [rng.integers(1, 4, (3, 4)).astype(i32), ints(1)], opset=18, const=(1,))
both("ReduceProd", [ints(2, 3, 4)], free=False, keepdims=0)
for op in ("ArgMax", "ArgMin"):
    y = rng.integers(-3, 4, (3, 40, 5)).astype(f32)  # with equals
    for axis in (0, 1, -1):
        for attrs in {}, {"keepdims": 0}, {"select_last_index": 1}:
            case(op, [y], axis=axis, free=axis != 0, **attrs)
    case(op, [y.astype(i32)], axis=1, opset=12)
    case(op, [ints(2**60, 2**60 + 1, 2**60 - 1)], free=False)
    both(op, [rand(7)], free=False, keepdims=0)
infinite = np.array([[np.inf, 1], [-np.inf, -np.inf], [-np.inf, 3], [np.nan, 1], [1000, 999]], f32)
case("ReduceLogSumExp", [infinite, ints(1)], opset=18, const=(1,))
case("Hardmax", [np.array([[1, 3, 3], [2, 2, 1]], f32)], opset=13)
for op in ("Softmax", "LogSoftmax", "Hardmax"):
    y = rand(3, 4, 5, high=9)
    for opset in (11, 13, 17):
        case(op, [y], opset=opset)
        for axis in (0, 1, 2, -1, -2):
            case(op, [y], opset=opset, axis=axis, free=axis != 0)
    case(op, [y + 1000])
case("LayerNormalization", [rand(3, 4, 5), rand(5), rand(5)])
case("LayerNormalization", [rand(3, 4, 5), rand(5)], epsilon=0.1)
case("LayerNormalization", [rand(3, 4, 5), rand(4, 5), rand(4, 5)], axis=1)
case("LayerNormalization", [rand(3, 4, 5) + 3, rand(5), rand(5)], n_outputs=3)
for shape in ((3, 4, 5), (3, 4, 5, 6), (2, 4, 1, 1)):
    case("InstanceNormalization", [rand(*shape) + 1, rand(4), rand(4)], epsilon=0.01)
    case("GroupNormalization", [rand(*shape) + 1, rand(4), rand(4)], opset=21, num_groups=2, epsilon=0.1)
    case("GroupNormalization", [rand(*shape) + 1, rand(2), rand(2)], opset=18, num_groups=2, epsilon=0.1)
    for p in (1, 2):
        for axis in (0, -1, 1):
            case("LpNormalization", [rand(*shape)], p=p, axis=axis, free=axis != 0)
    for p in (1, 2, 3):
        case("GlobalLpPool", [rand(*shape)], p=p)
both("InstanceNormalization", [rand(3, 4, 5, 6), rand(4), rand(4)])
case("LpNormalization", [np.array([[0, 0, 0], [0, 1, 2]], f32)], opset=22, axis=1)
case("MeanVarianceNormalization", [rand(3, 4, 5, 6)], free=False)
case("MeanVarianceNormalization", [rand(3, 4, 5) + 1], axes=[1, -1])
case("RMSNormalization", [rand(3, 4, 5), rand(5)], opset=23)
case("RMSNormalization", [rand(3, 4, 5), rand(4, 5)], opset=23, axis=1, epsilon=0.1)
case("RMSNormalization", [rand(3, 4, 5) + 3, rand(5)], opset=23, axis=-2, const=(1,))
case("RMSNormalization", [rand(7), rand()], opset=23, free=False, axis=0)
case("GlobalAveragePool", [rand(3, 4, 5, 6)])
case("GlobalAveragePool", [rand(2, 3, 7)])
case("GlobalMaxPool", [rand(3, 4, 5, 6)])
case("GlobalMaxPool", [rand(2, 3, 7)])
scores, labels, weights = rand(5, 4, low=-4, high=-0.1), rng.integers(0, 4, 5).astype(i64), rand(4, low=0.1)
planes, plane_labels = rand(3, 4, 2, 2, low=-4, high=-0.1), rng.integers(0, 4, (3, 2, 2)).astype(i64)
for op in ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"):
    for reduction in ("none", "sum", "mean"):
        case(op, [scores, labels], reduction=reduction)
        case(op, [scores, labels, weights], reduction=reduction, const=(2,))
        case(op, [planes, plane_labels, weights], reduction=reduction, const=(2,))
        case(op, [scores, labels], reduction=reduction, ignore_index=2)
        case(op, [scores, labels.astype(i32)], reduction=reduction)
case("SoftmaxCrossEntropyLoss", [scores, labels], n_outputs=2)
case("SoftmaxCrossEntropyLoss", [scores, np.array([0, -100, 1, -100, 3])], ignore_index=-100)

# ── Windows ──
image = rand(2, 6, 9, 11)
case("Conv", [image, rand(4, 6, 3, 3), rand(4)], const=(1, 2))
case("Conv", [image, rand(4, 6, 3, 3)], const=(1,), pads=[1, 2, 0, 1], strides=[2, 3], dilations=[2, 1])
case("Conv", [image, rand(6, 1, 7, 7), rand(6)], const=(1, 2), group=6, pads=[3, 3, 3, 3], kernel_shape=[7, 7])
case("Conv", [image, rand(9, 2, 1, 3), rand(9)], group=3)
for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
    case("Conv", [image, rand(4, 6, 2, 4)], const=(1,), auto_pad=auto_pad, strides=[2, 3])
case("Conv", [rand(2, 3, 10), rand(4, 3, 3)], const=(1,), pads=[1, 1])
case("Conv", [rand(2, 2, 4, 5, 6), rand(3, 2, 2, 3, 2)], const=(1,), strides=[1, 2, 2])
for attrs in ({}, {"strides": [2, 2]}, {"strides": [2, 3], "pads": [1, 0, 2, 1]}, {"strides": [3, 2], "output_padding": [2, 1]},
              {"strides": [4, 5]}, {"dilations": [2, 3]}, {"dilations": [2, 1], "strides": [2, 2], "pads": [1, 1, 1, 1]}, {"kernel_shape": [3, 4]},
              {"strides": [2, 2], "output_shape": [18, 21]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
              {"auto_pad": "SAME_UPPER", "strides": [2, 2], "output_shape": [17, 21]}, {"auto_pad": "VALID", "strides": [3, 3]}):
    case("ConvTranspose", [image, rand(6, 4, 3, 4), rand(4)], const=(1, 2), **attrs)
    case("ConvTranspose", [image, rand(6, 2, 3, 4)], opset=11, group=3, **attrs)
case("ConvTranspose", [rand(2, 3, 10), rand(3, 4, 3)], const=(1,), pads=[1, 1], strides=[2])
case("ConvTranspose", [rand(2, 4, 3, 4, 5), rand(4, 3, 2, 3, 2), rand(6)], strides=[1, 2, 2], group=2)
case("ConvTranspose", [image, rand(6, 1, 2, 2)], const=(1,), strides=[2, 2], group=6)
# with ceil_mode a window may be wider than what is there
case("AveragePool", [rand(1, 2, 1, 3)], opset=19, kernel_shape=[3, 2], strides=[2, 2], pads=[0, 0, 1, 0], ceil_mode=1)
case("MaxPool", [rand(1, 2, 1, 3)], opset=12, kernel_shape=[3, 2], strides=[2, 2], pads=[0, 0, 1, 0], dilations=[1, 2], ceil_mode=1)
for op, opset in (("AveragePool", 17), ("LpPool", 18), ("MaxPool", 17)):
    case(op, [image], kernel_shape=[3, 2], opset=opset)
    case(op, [image], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], opset=opset)
    case(op, [image], kernel_shape=[3, 3], strides=[2, 3], pads=[1, 0, 1, 2], ceil_mode=1, opset=opset)
    case(op, [image], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_UPPER", opset=opset)
    case(op, [image], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER", opset=opset)
    case(op, [rand(2, 3, 9)], kernel_shape=[4], strides=[3], opset=opset)
case("AveragePool", [image], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("AveragePool", [image], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 3], count_include_pad=1, ceil_mode=1,
     opset=19)
case("AveragePool", [image], kernel_shape=[2, 3], dilations=[2, 2], opset=19)
for p in (1, 3):
    case("LpPool", [image], kernel_shape=[2, 3], dilations=[2, 2], opset=18, p=p)
case("LpPool", [rand(2, 2, 4, 5, 6)], kernel_shape=[2, 3, 2], strides=[1, 2, 2])
case("MaxPool", [image], n_outputs=2, kernel_shape=[3, 3], pads=[1, 1, 1, 1], dilations=[2, 1], free=False)

# ── Resize ──
def resize(x, scales=None, sizes=None, roi=None, opset=19, op="Resize", **attrs):
    """Of opset 11 what is not given is an empty tensor."""
    gone = np.zeros(0, f32) if opset < 13 else None
    numbers = [gone if a is None else np.array(a, f32) for a in (roi, scales)]
    inputs = [x] + (numbers[1:] if opset < 11 else numbers + ([ints(*sizes)] if sizes else []))
    case(op, inputs, opset=opset, const=range(1, len(inputs)), free=sizes is None and scales[0] == 1 or "axes" in attrs, **attrs)


plane = rand(2, 3, 7, 9)
for mode in ("nearest", "linear", "cubic"):
    for rule in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric"):
        for size in ((14, 18), (5, 20), (1, 4), (3, 1), (7, 9)):
            resize(plane, sizes=(2, 3, *size), mode=mode, coordinate_transformation_mode=rule)
        resize(plane, (1, 1, 2, 3), mode=mode, coordinate_transformation_mode=rule, opset=13)
    for scale in ((1.4, 0.6), (0.3, 2.7)) if mode != "nearest" else ():
        resize(plane, (1, 1, *scale), mode=mode)
    resize(plane, sizes=(2, 3, 8, 5), mode=mode, opset=11)
    resize(plane, (3, 0.7), mode=mode, axes=[-1, 2], opset=18)
    for roi in ((0, 0, 0.2, 0.3, 1, 1, 0.9, 1), (0, 0, -0.2, 0.5, 1, 1, 1.3, 0.5)):
        resize(plane, sizes=(2, 3, 8, 6), roi=roi, mode=mode, coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=9.5)
    for policy in ("not_larger", "not_smaller"):
        resize(plane, sizes=(8, 5), axes=[2, 3], mode=mode, keep_aspect_ratio_policy=policy)
    if mode != "nearest":
        for size in ((14, 18), (5, 2), (3, 13)):
            resize(plane, sizes=(2, 3, *size), mode=mode, antialias=1)
            resize(plane, sizes=(2, 3, *size), mode=mode, antialias=1, exclude_outside=1)
        resize(plane, (2.5,), axes=[2], mode=mode)
        resize(rand(9), (1.5,), mode=mode)
for nearest_mode in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
    for size in ((14, 18), (5, 20), (4, 6)):
        resize(plane, sizes=(2, 3, *size), nearest_mode=nearest_mode)
        resize(plane, sizes=(2, 3, *size), nearest_mode=nearest_mode, coordinate_transformation_mode="align_corners")
resize(plane, sizes=(2, 3, 14, 5), coordinate_transformation_mode="tf_half_pixel_for_nn", opset=11)
resize(plane, (1, 1, 2, 1.5), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
resize(rand(2, 3, 4, 5, 3), (1, 1, 2, 2, 2), mode="linear")
resize(rng.integers(-99, 99, (2, 3, 4)).astype(i32), (1, 2, 3))
for op, opset in (("Resize", 10), ("Upsample", 9)):
    for mode in ("nearest", "linear"):
        resize(plane, (1, 1, 2, 3), opset=opset, op=op, mode=mode)
resize(plane, (1, 1, 0.6, 2), opset=10)
resize(plane, (1, 1, 0.6, 0.5), opset=10, mode="linear")
case("Upsample", [plane], opset=7, scales=[1.0, 1.0, 2.0, 1.5])

# ── Products ──
case("MatMul", [rand(3, 4), rand(4, 5)])
case("MatMul", [rand(3, 2, 4, 5), rand(5, 6)], const=(1,))
case("MatMul", [rand(3, 1, 4, 5), rand(2, 5, 6)], free=False)
case("MatMul", [rand(5), rand(5, 6)], free=False)
case("MatMul", [rand(3, 4, 5), rand(5)])
case("MatMul", [rand(5), rand(5)], free=False)
case("MatMul", [rng.integers(-4, 4, (2, 3)).astype(i32), rng.integers(-4, 4, (3, 2)).astype(i32)], free=False)
for ta in (0, 1):
    for tb in (0, 1):
        a, b = rand(3, 4), rand(4, 5)
        case("Gemm", [a.T.copy() if ta else a, b.T.copy() if tb else b, rand(5)], transA=ta, transB=tb, alpha=0.5,
             beta=1.5, free=False)
case("Gemm", [rand(3, 4), rand(6, 4), rand(6)], transB=1, const=(1, 2))
for equation, *shapes in (
        ("ij->ji", (3, 4)), ("ij", (3, 4)), ("ji", (3, 4)), ("ijk->j", (3, 4, 5)), ("ij->", (3, 4)), ("i", (3,)), ("...ij->...ji", (2, 3, 4, 5)),
        ("ii->i", (4, 4)), ("ii", (4, 4)), ("...ii->...i", (3, 4, 4)), ("iji->j", (4, 3, 4)), ("iijj->ij", (3, 3, 4, 4)),
        ("ij,jk->ik", (3, 4), (4, 5)), ("ij,jk", (3, 4), (4, 5)), ("ij,kj->ki", (3, 4), (5, 4)), ("i,j->ij", (3,), (4,)), ("i,i", (3,), (3,)),
        ("ij,ij->ij", (3, 4), (3, 4)), ("ij,ij->i", (3, 4), (3, 4)), ("ij,ij->", (3, 4), (3, 4)), ("ij,j->ij", (3, 4), (4,)), ("ij, jk -> i", (3, 4), (4, 5)),
        ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)), ("bhqk,bkhd->bqhd", (2, 3, 4, 5), (2, 5, 3, 6)), ("bchw,oc->bohw", (2, 3, 4, 5), (6, 3)),
        ("bnhd,hdo->bno", (2, 3, 4, 5), (4, 5, 6)), ("abc,abd->cd", (2, 3, 4), (2, 3, 5)), ("...ij,...jk->...ik", (2, 3, 4), (1, 4, 5)),
        ("...ij,jk->...ik", (2, 3, 3, 4), (4, 5)), ("i...,j...->ij...", (2, 3, 4), (5, 3, 4)), ("bic,ick->bik", (5, 3, 4), (3, 4, 2)),
        (",ij->ij", (), (3, 4)), ("aab,bc->ac", (3, 3, 4), (4, 2)), ("ij,jk,kl->il", (3, 4), (4, 5), (5, 2)), ("i,i,i->i", (3,), (3,), (3,)),
        ("bij,bkl->bijkl", (2, 3, 4), (2, 2, 5)), ("bxy,bzy,z->bx", (2, 3, 4), (2, 5, 4), (5,)),
        # as many dimensions as there can be: none is left for a matrix of one row
        ("abcdefgh,abcdefgh->abcdefg", (2, 1, 3, 1, 2, 1, 1, 4), (2, 1, 3, 1, 2, 1, 1, 4)),
        ("abcdefgh,abcdefgh->", (2, 1, 3, 1, 2, 1, 1, 4), (2, 1, 3, 1, 2, 1, 1, 4)), ("abcdefgh,gh->fedcba", (2, 1, 3, 1, 2, 1, 2, 4), (2, 4))):
    both("Einsum", [rand(*shape) for shape in shapes], free=False, equation=equation)
case("Einsum", [rand(3, 4, 5), rand(5, 6)], equation="bij,jk->bik", const=(1,))
case("Einsum", [rand(3, 4, 5), rand(3, 6, 5)], equation="bij,bkj->bik")
case("Einsum", [rand(3, 4, 5), rand(4, 5, 6)], equation="bij,ijk->bk", const=(1,))
case("Einsum", [rand(3, 4, 5), rand(4, 5, 6)], equation="bij,ijk->bik", const=(1,))
case("Einsum", [rng.integers(-4, 4, (2, 3)).astype(i32), rng.integers(-4, 4, (3, 2)).astype(i32)], free=False, equation="ij,jk->ik")
case("Gemm", [rand(3, 4), rand(4, 5)])
case("Gemm", [rand(3, 4), rand(4, 5), rand(3, 1)], free=False)

heads, columns = [rand(2, 4, 5, 8), rand(2, 2, 7, 8), rand(2, 2, 7, 6)], [rand(2, 5, 32), rand(2, 7, 16), rand(2, 7, 12)]
mask, some = rand(5, 7), rng.random((2, 1, 5, 7)) < 0.6
some[0, 0, 2] = False  # who may attend to no one
past = [rand(2, 2, 3, 8), rand(2, 2, 3, 6)]
counts = {"q_num_heads": 4, "kv_num_heads": 2}
for q, attrs in ((heads, {}), (columns, counts)):
    case("Attention", q, opset=23, **attrs)
    case("Attention", q, opset=23, is_causal=1, scale=0.3, **attrs)
    case("Attention", [*q, mask], opset=23, softcap=2.0, **attrs)
    case("Attention", [*q, some], opset=24, is_causal=1, **attrs)
    case("Attention", [*q, rand(5, 10), *past], opset=24, n_outputs=3, is_causal=1, **attrs)
for mode in range(4):
    case("Attention", [*heads, mask], opset=24, n_outputs=4, qk_matmul_output_mode=mode, softcap=1.5 if mode else 0.0)
case("Attention", [*heads, None, None, None, ints(7, 4)], opset=24, is_causal=1)
case("Attention", [*heads, some[:, :, :, :5]], opset=24)
case("Attention", heads, opset=25, left_window_size=1, right_window_size=2)
case("Attention", [a[:, :2] for a in heads], opset=23)

# ── Quantisation ──
def whole(dtype, *shape):
    """Any numbers of the type, the least and the greatest among them."""
    bounds = np.iinfo(dtype)
    a = rng.integers(bounds.min, bounds.max, shape, endpoint=True, dtype=dtype)
    a.flat[0], a.flat[-1] = bounds.min, bounds.max
    return a


def scales(*shape):
    return rand(*shape, low=0.001, high=0.05)


def packed(dtype, dims, low, high):
    """A constant of a type that NumPy lacks."""
    return helper.make_tensor("x0", dtype, dims, rng.uniform(low, high, dims).round().ravel() if dtype in (T.INT4, T.UINT4) else rng.uniform(low, high, dims).ravel())


u8, s8, u16, s16 = np.uint8, np.int8, np.uint16, np.int16
near = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 126.5, 127.5, 254.5, 255.5, 300, -300, 1e30, -1e30, np.inf, -np.inf], f32)
for dtype, opset in ((u8, 10), (s8, 13), (u8, 19), (s8, 21), (u16, 21), (s16, 21)):
    x, zero = rand(3, 5, 7, low=-9, high=9), whole(dtype, 5)
    case("QuantizeLinear", [near, np.array(1, f32), np.array(3, dtype)], opset=opset)
    case("QuantizeLinear", [x, np.array(0.03, f32), np.array(zero[1])], opset=opset, const=(1, 2))
    case("DequantizeLinear", [whole(dtype, 3, 5, 7), np.array(0.03, f32), np.array(zero[1])], opset=opset)
    if opset >= 13:
        case("QuantizeLinear", [x, scales(5), zero], opset=opset)
        case("QuantizeLinear", [x, scales(7), whole(dtype, 7)], opset=opset, const=(1, 2), axis=-1)
        case("DequantizeLinear", [whole(dtype, 3, 5, 7), scales(5), zero], opset=opset, const=(1, 2))
        both("DequantizeLinear", [whole(dtype, 4, 5), scales(4), whole(dtype, 4)], opset=opset, axis=0, free=False)
    if opset >= 21:
        case("QuantizeLinear", [rand(3, 6, 7), scales(3, 2, 7), whole(dtype, 3, 2, 7)], opset=opset, block_size=3, free=False)
        case("DequantizeLinear", [whole(dtype, 7, 5), scales(3, 5)], opset=opset, block_size=3, axis=0, free=False)
        case("DequantizeLinear", [whole(dtype, 2, 8), scales(2, 3), whole(dtype, 2, 3)], opset=opset, const=(0, 1, 2), block_size=3, axis=-1)
case("QuantizeLinear", [rand(3, 4), np.array(0.01, f32)], opset=13)
case("QuantizeLinear", [rand(3, 4), np.array(0.01, f32)], opset=21, output_dtype=T.INT16)
case("QuantizeLinear", [rand(3, 4).astype(np.float16), np.array(0.01, np.float16), np.array(9, u8)], opset=19, const=(0, 1, 2))
case("DequantizeLinear", [whole(i32, 3, 4), np.array(1e-6, f32)], opset=10)
case("DequantizeLinear", [whole(u8, 3, 4), np.array(0.01, np.float16)], opset=19, const=(0, 1), casts=T.FLOAT)
case("DequantizeLinear", [whole(s8, 3, 4), np.array(0.01, f32)], opset=21, domain="com.microsoft")
case("QuantizeLinear", [rand(3, 4), np.array(0.01, f32), np.array(-7, s16)], domain="com.microsoft")
case("DequantizeLinear", [packed(T.INT4, [3, 5], -8, 7), scales(5)], opset=21, const=(0, 1))
case("DequantizeLinear", [packed(T.UINT4, [3, 4], 0, 15), scales(3, 2), packed(T.UINT4, [3, 2], 0, 15)], opset=21, const=(0, 1, 2), axis=1,
     block_size=2)
for float8 in (T.FLOAT8E4M3FN, T.FLOAT8E4M3FNUZ, T.FLOAT8E5M2, T.FLOAT8E5M2FNUZ):
    case("DequantizeLinear", [packed(float8, [8, 9], -300, 300), np.array(0.5, f32)], opset=19, const=(0, 1))
    case("DequantizeLinear", [packed(float8, [8, 9], -0.02, 0.02), np.array(0.5, f32)], opset=19, const=(0, 1))
for x in (rand(3, 5), rand(2, 3, low=1, high=3), rand(2, 3, low=-3, high=-1), np.zeros((2, 3), f32), rand(1)):
    case("DynamicQuantizeLinear", [x], n_outputs=3, free=False)
for a, b in ((u8, s8), (u8, u8), (s8, s8), (s8, u8)):
    case("MatMulInteger", [whole(a, 3, 5), whole(b, 5, 7)])
    case("MatMulInteger", [whole(a, 2, 3, 700), whole(b, 700, 4), np.array(7, a), np.array(9, b)], free=False)
    case("MatMulInteger", [whole(a, 3, 5), whole(b, 5, 7), None, whole(b, 7)], const=(1, 3))
    point = [np.array(rng.integers(0, 9), t) for t in (a, b, a)]
    case("QLinearMatMul", [whole(a, 3, 50), np.array(0.02, f32), point[0], whole(b, 50, 7), np.array(0.01, f32), point[1],
                           np.array(0.3, f32), point[2]])
case("MatMulInteger", [whole(u8, 3, 5), whole(s8, 5, 7), whole(u8, 3, 1)], free=False)
case("MatMulInteger", [whole(u8, 2, 3, 5), whole(s8, 2, 5, 7), None, whole(s8, 2, 1, 7)], free=False)
case("MatMulInteger", [whole(u8, 5), whole(s8, 5)], free=False)
case("QLinearMatMul", [whole(u8, 3, 9, 50), np.array(0.02, f32), np.array(7, u8), whole(s8, 50, 7), scales(7), np.zeros(7, s8),
                       np.array(0.3, f32), np.array(9, u8)], const=range(1, 8))
picture = whole(u8, 2, 6, 9, 11)
case("ConvInteger", [picture, whole(u8, 4, 6, 3, 3)], const=(1,))
case("ConvInteger", [picture, whole(s8, 4, 6, 3, 3), np.array(99, u8), np.array(0, s8)], pads=[1, 2, 0, 1], strides=[2, 3], dilations=[2, 1])
case("ConvInteger", [picture, whole(u8, 6, 1, 3, 3), np.array(99, u8), np.array(3, u8)], group=6, auto_pad="SAME_UPPER", kernel_shape=[3, 3])
for w, group in ((whole(s8, 4, 6, 3, 3), 1), (whole(s8, 6, 1, 3, 3), 6)):
    m = w.shape[0]
    quantised = [picture, np.array(0.02, f32), np.array(128, u8), w, scales(m), np.zeros(m, s8), np.array(0.7, f32), np.array(100, u8)]
    case("QLinearConv", quantised, const=range(1, 8), group=group, pads=[1, 1, 1, 1])
    case("QLinearConv", quantised + [whole(i32, m) // 99999], const=range(1, 9), group=group, strides=[2, 2])


# ── ONNX Runtime's quantisation ──
def microsoft(op, inputs, **attrs):
    case(op, inputs, domain="com.microsoft", **attrs)


def parameters(dtype, scale, zero):
    return [np.array(scale, f32), None if zero is None else np.array(zero, dtype)]


for dtype, zero in ((u8, 128), (s8, -3), (u8, None)):
    one, two, three = parameters(dtype, 0.02, zero), parameters(dtype, 0.013, zero), parameters(dtype, 0.017, zero)
    for op in ("QLinearAdd", "QLinearMul") if zero is not None else ():
        microsoft(op, [whole(dtype, 3, 4, 5)] + one + [whole(dtype, 3, 4, 5)] + two + three)
        microsoft(op, [whole(dtype, 3, 4, 5)] + one + [whole(dtype, 5)] + two + three, const=range(3, 8))
    if zero is not None:  # all pairs of bytes; hundreds of sums lie on an edge, and how they are rounded, and in which order, decides
        every, (a, b, c) = np.arange(256).astype(dtype), (parameters(dtype, s, z) for s, z in ((0.11, zero), (0.05, 17), (0.06, 1)))
        microsoft("QLinearAdd", [every.repeat(256).reshape(256, 256)] + a + [np.tile(every, (256, 1))] + b + c, const=(1, 2, 4, 5, 6, 7), free=False)
    microsoft("QLinearSigmoid", [whole(dtype, 3, 40)] + one + parameters(dtype, 1 / 256, zero), const=range(1, 5), steps=1)
    microsoft("QLinearLeakyRelu", [whole(dtype, 3, 40)] + one + two, const=range(1, 5), steps=1, alpha=0.2)
    if zero is not None:
        microsoft("QLinearGlobalAveragePool", [whole(dtype, 3, 5, 6, 7)] + one + two, const=range(1, 5), steps=1)
        microsoft("QLinearGlobalAveragePool", [whole(dtype, 3, 5, 6, 7)] + one + two, const=range(1, 5), steps=1, channels_last=1)
        for attrs in {"pads": [1, 1, 0, 1]}, {"strides": [2, 2], "count_include_pad": 1, "pads": [1, 1, 1, 1]}, {"auto_pad": "SAME_UPPER"}:
            microsoft("QLinearAveragePool", [whole(dtype, 3, 5, 6, 7)] + one + two, const=range(1, 5), steps=1, kernel_shape=[2, 3], **attrs)
        microsoft("QLinearWhere", [rng.random((3, 1, 5)) < 0.5, whole(dtype, 3, 4, 1)] + one + [whole(dtype, 5)] + two + three, const=range(2, 9))
        microsoft("QLinearConcat", one + [whole(dtype, 3, 4)] + one + [whole(dtype, 3, 2)] + two, const=(0, 1, 3, 4, 6, 7), steps=1, axis=1, free=False)
        microsoft("QLinearSoftmax", [whole(dtype, 3, 9)] + one + parameters(dtype, 1 / 256, zero), const=range(1, 5), steps=1, opset_=13, axis=-1)
matrix, columns = whole(s8, 20, 7), scales(7)
microsoft("MatMulIntegerToFloat", [whole(u8, 3, 20), matrix, np.array(0.02, f32), columns, np.array(9, u8), np.zeros(7, s8), rand(7)], const=range(1, 7))
microsoft("MatMulIntegerToFloat", [whole(u8, 3, 20), matrix, np.array(0.02, f32), np.array(0.1, f32)], const=(1,))
microsoft("DynamicQuantizeMatMul", [rand(3, 20), matrix, columns, np.zeros(7, s8), rand(7)], const=range(1, 5), free=False)
microsoft("DynamicQuantizeMatMul", [rand(3, 20), matrix, np.array(0.1, f32)], const=(1, 2), free=False)
gemm = [whole(u8, 3, 20), np.array(0.02, f32), np.array(9, u8), matrix.T.copy(), columns, np.zeros(7, s8)]
microsoft("QGemm", gemm + [whole(i32, 7) // 99999, np.array(0.3, f32), np.array(99, u8)], const=range(1, 9), transB=1)
microsoft("QGemm", gemm, const=range(1, 6), transB=1, alpha=0.5)

# ── Moves ──
both("Transpose", [rand(2, 3, 4, 5)], perm=[0, 2, 3, 1], free=True)
case("Transpose", [rand(2, 3, 4)], free=False)
both("Transpose", [rng.integers(0, 9, (2, 3)).astype(i64)], perm=[1, 0], free=False)
case("Reshape", [rand(3, 4, 6), ints(0, -1)], const=(1,))
case("Reshape", [rand(3, 4, 6), ints(-1, 8, 3)], const=(1,))
case("Reshape", [rand(3, 4, 6), ints(6, 0, 3)], const=(1,), free=False)
case("Reshape", [rand(3, 4, 6), ints(72)], const=(1,), free=False)
case("Reshape", [np.zeros((3, 0), f32), ints(0, 5)], const=(0, 1), allowzero=1)
for axis in (0, 1, 2, -1, 3):
    case("Flatten", [rand(3, 4, 5)], axis=axis, free=axis == 1)
case("Squeeze", [rand(3, 1, 4, 1)], free=False)
case("Squeeze", [rand(3, 1, 4, 1), ints(1, -1)], const=(1,))
case("Squeeze", [rand(3, 1, 4, 1)], opset=11, axes=[-3])
case("Unsqueeze", [rand(3, 4), ints(1, -1)], const=(1,))
case("Unsqueeze", [rand(3, 4)], opset=11, axes=[2])
for axis in (0, 1, -1):
    case("Gather", [rand(3, 4, 5), ints(2, 0, -1, 2)], axis=axis, free=False)
case("Gather", [rand(3, 4, 5), np.array([[1, 0], [3, -4]], i32)], axis=1, const=(1,))
case("Gather", [rand(3, 4, 5), np.array(1)], axis=2, const=(1,))
both("Gather", [ints(4, 5, 6), np.array(-1)], free=False)
case("Concat", [rand(3, 4, 5), rand(3, 2, 5), rand(3, 1, 5)], axis=1)
both("Concat", [ints(1, 2), ints(3)], axis=0, free=False)
case("Concat", [rand(3, 4)], axis=-1)
case("Slice", [rand(3, 8, 9), ints(1, -3), ints(6, 100), ints(1, -1)], const=(1, 2, 3))
case("Slice", [rand(3, 8, 9), ints(-2, 7), ints(-100, 1), ints(1, 2), ints(-2, -3)], const=(1, 2, 3, 4))
case("Slice", [rand(3, 8, 9), ints(0, 2), ints(2**63 - 1, 5)], const=(1, 2))
case("Slice", [rand(3, 8, 9), ints(5), ints(2), ints(1)], const=(1, 2, 3))
case("Slice", [rand(3, 8), ints(0), ints(8), ints(1), ints(100)], const=(1, 2, 3, 4))
case("Slice", [ints(5, 6, 7, 8), ints(3), ints(-5), ints(0), ints(-1)], const=(0, 1, 2, 3, 4))
case("Split", [rand(3, 6)], n_outputs=3, axis=1)
case("Split", [rand(3, 7), ints(1, 4, 2)], n_outputs=3, axis=-1, const=(1,))
case("Split", [rand(3, 7)], n_outputs=2, axis=1, opset=11, split=[3, 4])
case("Split", [rand(3, 7)], n_outputs=3, axis=1, opset=18, num_outputs=3)
case("Expand", [rand(3, 1, 5), ints(2, 1, 4, 1)], const=(1,), free=False)
case("Expand", [rand(3, 1), ints(1, 4)], const=(1,))
case("Tile", [rand(3, 2, 4), ints(1, 3, 2)], const=(1,))
case("Pad", [rand(3, 4, 5), ints(0, 1, 2, 0, 0, 3)], const=(1,))
case("Pad", [rand(3, 4, 5), ints(0, 1, -2, 0, -1, 3), np.array(7.5, f32)], const=(1, 2))
case("Pad", [rand(3, 4, 5), ints(1, 2), None, ints(-1)], const=(1, 3), opset=18)
for mode in ("reflect", "edge", "wrap"):
    case("Pad", [rand(3, 4, 5), ints(0, 1, 2, 0, 3, 4)], const=(1,), opset=19, mode=mode)
    case("Pad", [rand(5, 4), ints(3, -1, 1, 2)], const=(1,), opset=19, free=False, mode=mode)
    case("Pad", [rand(3, 4), ints(2, 1), None, ints(-1)], const=(1, 3), opset=19, mode=mode)
    if mode != "reflect":
        case("Pad", [rand(1, 3), ints(3, 0, 1, 9)], const=(1,), opset=19, free=False, mode=mode)
case("Pad", [rand(3, 4, 5)], opset=9, mode="reflect", pads=[0, 1, 2, 0, 1, 1])
for axis in (0, 1, -1):
    index = rng.integers(-4, 4, (2, 3, 2) if axis else (5, 3, 2)).astype(i64)
    index = index if axis == 1 else np.clip(index, -3, 2)
    case("GatherElements", [rand(3, 4, 5), index], axis=axis, free=False)
    for op in ("Scatter", "ScatterElements"):
        case(op, [rand(3, 4, 5), np.arange(2 * 3 * 2).reshape(2, 3, 2) % 3, rand(2, 3, 2)], axis=axis, opset=9 if op == "Scatter" else 11, free=False)
case("GatherElements", [rand(3, 4, 5), rng.integers(-4, 4, (3, 2, 5)).astype(i32)], axis=1)
for reduction in ("add", "mul", "max", "min"):
    case("ScatterElements", [rand(3, 4), rng.integers(-4, 4, (3, 9)).astype(i64), rand(3, 9)], axis=1, opset=18, reduction=reduction)
    case("ScatterElements", [rng.integers(-9, 9, (3, 4)).astype(i64), rng.integers(-4, 4, (3, 9)).astype(i64), rng.integers(-9, 9, (3, 9)).astype(i64)],
         axis=1, opset=18, reduction=reduction)
    case("ScatterND", [rand(4, 5, 3), rng.integers(-4, 4, (2, 6, 2)).astype(i64), rand(2, 6, 3)], opset=18, free=False, reduction=reduction)
case("ScatterND", [rand(4, 5, 3), np.array([[0], [-1]]), rand(2, 5, 3)], opset=11, free=False)
case("ScatterND", [rand(5), np.array([[0], [-1]]), rand(2)], opset=16, free=False)
case("GatherND", [rand(4, 5, 3), rng.integers(-4, 4, (2, 6, 2)).astype(i64)], free=False)
case("GatherND", [rand(4, 5, 3), rng.integers(-3, 3, (2, 3)).astype(i64)], free=False)
case("GatherND", [rand(3, 4, 5), rng.integers(-4, 4, (3, 7, 1)).astype(i64)], batch_dims=1)
case("GatherND", [rand(3, 4, 5), rng.integers(-5, 5, (3, 4, 1)).astype(i64)], batch_dims=2)
case("GatherND", [rand(5), ints(3)], free=False)
for largest in (0, 1):
    y = rng.integers(-3, 4, (3, 40, 5)).astype(f32)
    for axis in (0, 1, -1):
        case("TopK", [y, ints(3)], n_outputs=2, const=(1,), axis=axis, largest=largest, free=axis != 0)
    case("TopK", [rng.integers(-2**62, 2**62, (3, 9)), ints(9)], n_outputs=2, const=(1,), largest=largest)
    case("TopK", [rand(3, 9), ints(0)], n_outputs=2, const=(1,), largest=largest)
case("TopK", [rand(3, 9)], n_outputs=2, opset=9, k=2)
for op in ("CumSum",):
    for exclusive, reverse in (0, 0), (0, 1), (1, 0), (1, 1):
        case(op, [rand(3, 4, 5), np.array(1, i32)], const=(1,), exclusive=exclusive, reverse=reverse)
        case(op, [ints(2**60, 2**62, 2**62, -7), np.array(-1)], const=(1,), exclusive=exclusive, reverse=reverse, free=False)
        case("CumProd", [rand(3, 4, 5), np.array(-1)], const=(1,), exclusive=exclusive, reverse=reverse, opset=26)
for mode in ("DCR", "CRD"):
    case("DepthToSpace", [rand(3, 12, 4, 5)], blocksize=2, mode=mode)
    case("SpaceToDepth", [rand(3, 2, 4, 6)], blocksize=2, opset=28, mode=mode)
case("DepthToSpace", [rand(3, 9, 4, 5)], blocksize=3, opset=9)
case("SpaceToDepth", [rand(3, 2, 3, 6)], blocksize=3)
case("EyeLike", [rand(3, 4)], free=False)
case("EyeLike", [rand(3, 4)], free=False, k=-1, dtype=T.INT64)
for upper in (0, 1):
    case("Trilu", [rand(3, 4, 5)], upper=upper)
    for k in (-2, 1, 9):
        case("Trilu", [rand(4, 5), np.array(k)], free=False, upper=upper)
        case("Trilu", [rng.integers(0, 9, (2, 4, 5)).astype(i64), np.array(k)], const=(1,), upper=upper)
for axis in (-1, 0, 1):
    case("OneHot", [rng.integers(-6, 7, (3, 4)).astype(i64), np.array(5), ints(2, 7)], const=(1,), axis=axis, free=axis != 0)
case("OneHot", [rng.integers(-6, 7, (3,)).astype(f32), np.array([5.0], f32), rand(2)], const=(1, 2), opset=9)
case("NonZero", [np.array([[1, 0, 3], [0, 0, -1]], f32)], const=(0,))
case("NonZero", [np.array([True, False, True])], const=(0,))
case("Identity", [rand(3, 4)])
case("Dropout", [rand(3, 4)])
case("Dropout", [rand(3, 4), np.array(0.3, f32)], const=(1,), n_outputs=2)
case("Dropout", [rand(3, 4)], ratio=0.2, opset=11)
case("Shape", [rand(3, 4, 5)])
case("Shape", [rand(3, 4, 5)], start=-2)
case("Shape", [rand(3, 4, 5)], start=1, end=-1)
case("Shape", [rand(3, 4, 5)], start=-9, end=9)
case("Size", [rand(3, 4, 5)])
case("Range", [np.array(1), np.array(10), np.array(3)], const=(0, 1, 2))
case("Range", [np.array(5), np.array(-5), np.array(-2)], const=(0, 1, 2))
case("Range", [np.array(0.5, f32), np.array(2.0, f32), np.array(0.25, f32)], const=(0, 1, 2))
case("ConstantOfShape", [ints(2, 3)], const=(0,), value=helper.make_tensor("v", T.INT64, [1], [7]))
case("ConstantOfShape", [ints(2, 3)], const=(0,))
case("Constant", [], value=numpy_helper.from_array(rand(2, 3)))
case("Constant", [], value_float=1.5)
case("Constant", [], value_floats=[1.5, -2.0])
case("Constant", [], value_int=7)
case("Constant", [], value_ints=[7, -8])

# As the oldest opset has them
for op, inputs, attrs in (("Max", [rand(3, 4), rand(4)], {}), ("Min", [rand(3, 4)], {}), ("Cast", [rand(3, 4)], {"to": T.INT32}),
                          ("Flatten", [rand(3, 4, 5)], {}), ("Constant", [], {"value": numpy_helper.from_array(rand(2, 3))}),
                          ("MaxPool", [image], {"kernel_shape": [3, 2], "strides": [2, 2]}), ("AveragePool", [image], {"kernel_shape": [3, 2], "pads": [1, 1, 0, 0]})):
    case(op, inputs, opset=7, **attrs)


# ── Running them ──
def model_of(c):
    inputs, inits, names = [], [], []
    for i, a in enumerate(c["inputs"]):
        names.append("" if a is None else f"x{i}")
        if a is None:
            continue
        if isinstance(a, onnx.TensorProto):
            inits.append(onnx.TensorProto.FromString(a.SerializeToString()))
            inits[-1].name = f"x{i}"
            continue
        a = np.asarray(a)
        if i in c["const"]:
            inits.append(numpy_helper.from_array(a, f"x{i}"))
        else:
            shape = list(a.shape)
            if c["free"] and shape and shape[:1] == list(c["inputs"][0].shape[:1]):
                shape[0] = "N"
            inputs.append(helper.make_tensor_value_info(f"x{i}", helper.np_dtype_to_tensor_dtype(a.dtype), shape))
    outs = [f"y{k}" for k in range(c["n_outputs"])]
    nodes = [helper.make_node(c["op"], names, outs, domain=c["domain"], **{k.rstrip("_"): v for k, v in c["attrs"].items()})]
    if c["casts"]:
        nodes += [helper.make_node("Cast", [o], [o + "c"], to=c["casts"]) for o in outs]
        outs = [o + "c" for o in outs]
    outputs = [onnx.ValueInfoProto(name=o) for o in outs]
    graph = helper.make_graph(nodes, "g", inputs, outputs, inits)
    imports = [helper.make_opsetid(*i) for i in (("", c["opset"]), ("com.microsoft", 1)) if not i[0] or c["domain"]]
    model = helper.make_model(graph, opset_imports=imports, ir_version=11 if c["opset"] > 22 else 10 if c["opset"] > 20 else 9 if c["opset"] > 18 else 8)
    return model if c["domain"] else typed(model)


def typed(model):
    model = onnx.shape_inference.infer_shapes(model)
    for o in model.graph.output:
        o.type.tensor_type.ClearField("shape")  # what it is, inference has to say
    return model


def expected_of(model, feeds):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(model.SerializeToString(), options).run(None, feeds), "onnxruntime"
    except Exception:
        if model.graph.node[0].domain:
            raise
        return onnx.reference.ReferenceEvaluator(model).run(None, feeds), "onnx.reference"


def differs(got, want, steps):
    want = np.asarray(want)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
    if want.dtype.kind != "f":
        near = np.abs(got.astype(np.int64) - want).max(initial=0) <= steps if steps else np.array_equal(got, want)
        return None if near else f"{got.ravel()[:8]}, expected {want.ravel()[:8]}"
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return f"{got.ravel()[:8]}, expected {want.ravel()[:8]}"
    error = np.abs(got[finite] - want[finite])
    limit = 2e-6 * max(1e-3, np.abs(want[finite]).max(initial=0))
    return None if error.max(initial=0) <= limit else f"off by {error.max()}, at most {limit}"


def run_case(c, folder):
    model = model_of(c)
    feeds, paths = {}, []
    onnx.save(model, f"{folder}/m.onnx")
    for i, a in enumerate(c["inputs"]):
        if a is not None and i not in c["const"]:
            feeds[f"x{i}"] = np.asarray(a)
            np.save(f"{folder}/x{i}.npy", np.asarray(a))
            paths.append(f"{folder}/x{i}.npy")
    want, who = expected_of(model, feeds)
    run = subprocess.run([INTERP, f"{folder}/m.onnx", f"{folder}/y"] + paths, capture_output=True, text=True)
    if run.returncode:
        return f"exit {run.returncode}: {run.stderr[:500]}"
    for k, w in enumerate(want):
        wrong = differs(np.load(f"{folder}/y{k}.npy"), w, c["steps"])
        if wrong:
            return f"output {k} against {who}: {wrong}"
    return None


def main():
    ops = re.findall(r'^(?:(?:OP|SPELLED)\((\w+), "(?:com.microsoft)?"|(?:ELEMENTWISE|MAP|FUNCTION)\((\w+))', TABLE, re.M)
    missing = {a or b for a, b in ops} - {c["op"] for c in cases}
    failed = [f"no case for {op}" for op in sorted(missing)]
    with tempfile.TemporaryDirectory() as folder:
        for n, c in enumerate(cases):
            wrong = run_case(c, folder)
            if wrong:
                shapes = [None if a is None else list(np.shape(a)) for a in c["inputs"]]
                failed.append(f"case {n}: {c['op']} opset {c['opset']} {shapes} const {sorted(c['const'])} "
                              f"{ {k: v for k, v in c['attrs'].items() if k != 'value'} }: {wrong}")
    for line in failed:
        print(line)
    print(f"{len(cases)} cases of {len(ops)} operators, {len(failed)} failed")
    sys.exit(bool(failed))


main()
