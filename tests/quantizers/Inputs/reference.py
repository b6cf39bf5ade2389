# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A quantised graph in float64, for one input: what its quantisers say, and how far they were from saying something else.

    reference = Reference(model)
    said, steps = reference.run(x, given)      integers, and numbers in steps before they were rounded, of each of reference.quantisers

Behind a quantiser it goes on with the integers that are given for it: each one's numbers are exact for the integers before it.
"""
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import helper, numpy_helper

QUANTISERS = {"QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QGemm", "QLinearAdd", "QLinearMul"}
erf = np.vectorize(math.erf, otypes=[np.float64])


# ── Float operators ─────────────────────────────────────────────────────────────────────────────────────

def conv(attrs, x, w, b=None):
    top, left, bottom, right = attrs.get("pads", [0] * 4)
    down, along = attrs.get("strides", [1, 1])
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = sliding_window_view(x, w.shape[2:], (2, 3))[:, :, ::down, ::along]
    if attrs.get("group", 1) == 1:
        y = np.moveaxis(np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))), 3, 1)
    else:
        assert w.shape[1] == 1, "groups of several channels"
        y = np.einsum("nchwij,cij->nchw", windows, w[:, 0])
    return y if b is None else y + b.reshape(-1, 1, 1)


def gemm(attrs, a, b, c=None):
    y = (a.T if attrs.get("transA") else a) @ (b.T if attrs.get("transB") else b)
    return y if c is None else y + c


def layer_norm(attrs, x, scale, bias=0):
    axes = tuple(range(attrs.get("axis", -1) % x.ndim, x.ndim))
    d = x - x.mean(axes, keepdims=True)
    return d / np.sqrt((d * d).mean(axes, keepdims=True) + attrs.get("epsilon", 1e-5)) * scale + bias


def over_axes(function):
    return lambda attrs, x, axes=None: function(x, axis=tuple(attrs["axes"] if axes is None else axes), keepdims=bool(attrs.get("keepdims", 1)))


def reshape(attrs, x, target):
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(target)])


def cast(attrs, x):
    to = helper.tensor_dtype_to_np_dtype(attrs["to"])
    return x.astype(np.float64 if to == np.float32 else to)


def constant(attrs):
    return floats(numpy_helper.to_array(attrs["value"]))


def integers(product):
    """ConvInteger and MatMulInteger: a, b and their zero points."""
    return lambda attrs, a, b, a_zero=0, b_zero=0: product(attrs, a.astype(np.int64) - a_zero, b.astype(np.int64) - b_zero)


FLOATS = {
    "Add": lambda attrs, a, b: a + b, "Sub": lambda attrs, a, b: a - b, "Mul": lambda attrs, a, b: a * b, "Div": lambda attrs, a, b: a / b,
    "Erf": lambda attrs, x: erf(x), "Gelu": lambda attrs, x: x * 0.5 * (1 + erf(x / math.sqrt(2))),
    "MatMul": lambda attrs, a, b: a @ b, "Gemm": gemm, "Conv": conv, "LayerNormalization": layer_norm,
    "ReduceMean": over_axes(np.mean), "ReduceL2": over_axes(lambda x, **how: np.sqrt(np.sum(x * x, **how))),
    "Transpose": lambda attrs, x: x.transpose(attrs.get("perm")), "Reshape": reshape, "Cast": cast, "Constant": constant,
    "ConvInteger": integers(conv), "MatMulInteger": integers(lambda attrs, a, b: a @ b),
}


# ── Quantisation ────────────────────────────────────────────────────────────────────────────────────────

def floats(x):
    return x.astype(np.float64) if x.dtype == np.float32 else x


def along(vector, rank, axis):
    return vector.reshape([-1 if i == axis % max(rank, 1) else 1 for i in range(rank)]) if vector.size > 1 else vector.reshape(())


def dequantised(x, scale, zero=None, axis=1):
    zero = 0 if zero is None else along(zero, x.ndim, axis).astype(np.int64)
    return (x.astype(np.int64) - zero) * along(scale, x.ndim, axis)


def rounded(steps, zero):
    limits = np.iinfo(zero.dtype)
    return np.clip(np.rint(steps) + zero.astype(np.int64), limits.min, limits.max).astype(zero.dtype)


def quantize_linear(attrs, x, scale, zero=np.uint8(0)):
    zero, axis = np.asarray(zero), attrs.get("axis", 1)
    return x / along(scale, x.ndim, axis), along(zero, x.ndim, axis)


def qlinear_conv(attrs, x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, b=None):
    b = None if b is None else b * (x_scale * w_scale)
    return conv(attrs, dequantised(x, x_scale, x_zero), dequantised(w, w_scale, w_zero, 0), b) / y_scale, y_zero


def qlinear_matmul(attrs, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero):
    return dequantised(a, a_scale, a_zero) @ dequantised(b, b_scale, b_zero) / y_scale, y_zero


def qgemm(attrs, a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero):
    c = 0 if c is None else c * (a_scale * b_scale)
    b = dequantised(b, b_scale, b_zero, 0 if attrs.get("transB") else 1)
    return gemm(attrs, dequantised(a, a_scale, a_zero), b, c) / y_scale, y_zero


def of_two(function):
    return lambda attrs, a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero: (
        function(dequantised(a, a_scale, a_zero), dequantised(b, b_scale, b_zero)) / y_scale, y_zero)


def dynamic(attrs, x):
    """The range in float32, as all compute it: of pixels from -1 to 1 the zero point is a tie."""
    low, high = np.float32(min(x.min(), 0)), np.float32(max(x.max(), 0))
    scale = (high - low) / np.float32(255)
    return x / scale, np.uint8(np.clip(np.rint(-low / scale), 0, 255)), np.float64(scale)


STEPS = {"QuantizeLinear": quantize_linear, "DynamicQuantizeLinear": dynamic, "QLinearConv": qlinear_conv, "QLinearMatMul": qlinear_matmul,
         "QGemm": qgemm, "QLinearAdd": of_two(np.add), "QLinearMul": of_two(np.multiply)}


class Reference:
    def __init__(self, model):
        self.nodes, self.input = model.graph.node, model.graph.input[0].name
        self.constants = {t.name: floats(numpy_helper.to_array(t)) for t in model.graph.initializer}
        self.quantisers = {}  # name of the integers: their type
        for node in self.nodes:
            if all(name in self.constants for name in node.input if name):
                self.compute(node, self.constants, {}, {}, {}, np.float32)
        shape = [d.dim_value or 1 for d in model.graph.input[0].type.tensor_type.shape.dim]
        said, _ = self.run(np.random.default_rng(0).normal(size=shape).astype(np.float32), {})
        self.quantisers = {name: integers.dtype for name, integers in said.items()}

    def run(self, x, given):
        values, said, steps = {**self.constants, self.input: floats(x)}, {}, {}
        for node in self.nodes:
            if node.output[0] not in self.constants:
                self.compute(node, values, given, said, steps, np.float64)
        return said, steps

    @staticmethod
    def compute(node, values, given, said, steps, kind):
        attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        operands, y = [values[name] if name else None for name in node.input], node.output[0]
        if node.op_type == "DequantizeLinear":
            values[y] = dequantised(*operands, axis=attrs.get("axis", 1))
        elif node.op_type in STEPS:
            steps[y], zero, *scale = STEPS[node.op_type](attrs, *operands)
            if kind == np.float32:  # of weights, which are quantised as all do it
                steps[y] = floats(steps[y].astype(np.float32))
            said[y] = rounded(steps[y], zero)
            values.update(zip(node.output, (given.get(y, said[y]), *scale, zero)))
        else:
            values[y] = FLOATS[node.op_type](attrs, *operands)
