# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %cnxc %root/tests/goldens/models
"""Graphs of float16 and bfloat16: halves.py CNXC MODELS.

An exported graph of floats is made one of halves as onnxconverter-common and model.half() do it: weights, constants, Casts and types; with
Casts at inputs and outputs, or halves there, too. Its program must have the regions of the graph of floats whose weights are rounded to
halves (but for Gelu's numbers), and the same bits come out, rounded once where outputs are halves. -O0 rounds everything and is only near.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

GELU = [np.float32(v) for v in (2**0.5, 0.5**0.5, (2 / np.pi)**0.5, 0.044715)]
HALVES = {TensorProto.FLOAT16: np.float16, TensorProto.BFLOAT16: ml_dtypes.bfloat16}


def tensors(graph):
    """All constants of floats."""
    yield from (t for t in graph.initializer if t.data_type == TensorProto.FLOAT)
    for node in graph.node:
        yield from (a.t for a in node.attribute if a.type == onnx.AttributeProto.TENSOR and a.t.data_type == TensorProto.FLOAT)


def converted(model, kind, back):
    """Constants as halves; back: floats again."""
    out = onnx.ModelProto()
    out.CopyFrom(model)
    for tensor in tensors(out.graph):
        array = numpy_helper.to_array(tensor)
        if back and array.size == 1 and np.isclose(GELU, array.item(), 1e-6, 0).any():
            continue
        array = array.astype(HALVES[kind])
        tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float32) if back else array, tensor.name))
    return out


def retype(values, kind):
    for value in values:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = kind


def in_halves(model, kind, keep):
    """keep: inputs and outputs stay floats, behind Casts."""
    out = converted(model, kind, False)
    graph = out.graph
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = kind
    retype(graph.value_info, kind)
    if not keep:
        retype([*graph.input, *graph.output], kind)
        return out
    inputs, outputs = [v.name for v in graph.input], [v.name for v in graph.output]
    for node in graph.node:
        node.input[:] = [n + "_half" if n in inputs + outputs else n for n in node.input]
        node.output[:] = [n + "_half" if n in outputs else n for n in node.output]
    casts = lambda names, to, mark: [helper.make_node("Cast", [n + mark[0]], [n + mark[1]], to=to) for n in names]
    nodes = [*casts(inputs, kind, ("", "_half")), *graph.node, *casts(outputs, TensorProto.FLOAT, ("_half", ""))]
    del graph.node[:]
    graph.node.extend(nodes)
    return out


class Halves(unittest.TestCase):
    def cnxc(self, *words):
        said = subprocess.run([CNXC, *words], capture_output=True, text=True)
        self.assertEqual(said.returncode, 0, said.stderr)
        return said.stdout

    def answers(self, model, name, x, *options):
        """The kinds of regions, and all outputs."""
        free = model.graph.input[0].type.tensor_type.shape.dim
        options += tuple(f"--dim={d.dim_param}={n}" for d, n in zip(free[1:], x.shape[1:]) if d.dim_param)
        with tempfile.TemporaryDirectory() as folder:
            path, program = f"{folder}/{name}.onnx", f"{folder}/{name}"
            onnx.save(model, path)
            self.cnxc("compile", path, "-o", program, *options)
            regions = [r["kind"] for r in json.loads(self.cnxc("info", path, "--json", *options))["regions"]]
            np.save(f"{folder}/x.npy", x)
            outputs = [v.name for v in model.graph.output]
            words = [f"--output={n}={folder}/{i}.npy" for i, n in enumerate(outputs)]
            subprocess.run([program, f"--input={model.graph.input[0].name}={folder}/x.npy", *words], check=True)
            return regions, [np.load(f"{folder}/{i}.npy") for i in range(len(outputs))]

    def check(self, case, file, kind, keep):
        half = HALVES[kind]
        model = onnx.load(os.path.join(MODELS, case, file))
        shape = [d.dim_value or (64 if i else 2) for i, d in enumerate(model.graph.input[0].type.tensor_type.shape.dim)]
        x = np.random.default_rng(3).normal(size=shape).astype(half).astype(np.float32)
        regions, want = self.answers(converted(model, kind, True), "floats", x)
        graph = in_halves(model, kind, keep)
        given = x if keep else x.astype(half)
        got_regions, got = self.answers(graph, "halves", given)
        self.assertIn("block", regions)
        self.assertEqual([r for r in got_regions if r != "map"], [r for r in regions if r != "map"])
        for a, b in zip(got, want):
            self.assertEqual(a.astype(np.float32).tobytes(), (b if keep else b.astype(half).astype(np.float32)).tobytes())
        _, rounded = self.answers(graph, "rounded", given, "-O0")
        for a, b in zip(rounded, want):
            np.testing.assert_allclose(a.astype(np.float32), b, rtol=0, atol=np.abs(b).max() * (0.02 if half is np.float16 else 0.1))

    def test_float16(self):
        for case, file, keep in (("cls_basic4", "model_dynamo.onnx", False), ("cls_basic4", "model_legacy17.onnx", True),
                                 ("cls_gelu_new", "model_legacy13.onnx", False), ("v2_cls", "model_dynamo.onnx", False)):
            with self.subTest(case=case, file=file, keep=keep):
                self.check(case, file, TensorProto.FLOAT16, keep)

    def test_bfloat16(self):
        for case, file in (("cls_basic4", "model_legacy17.onnx"), ("v2_cls", "model_dynamo.onnx")):
            with self.subTest(case=case, file=file):
                self.check(case, file, TensorProto.BFLOAT16, True)

    def test_onnxruntime(self):
        """Its converter puts the Casts of inputs last."""
        model = onnx.load(os.path.join(MODELS, "cls_basic4", "model_legacy17.onnx"))
        x = np.random.default_rng(3).normal(size=[d.dim_value or 2 for d in model.graph.input[0].type.tensor_type.shape.dim]).astype(np.float32)
        regions, want = self.answers(model, "floats", x)
        got_regions, got = self.answers(convert_float_to_float16(model, keep_io_types=True, disable_shape_infer=True), "halves", x)
        self.assertEqual(got_regions, regions)
        np.testing.assert_allclose(got[0], want[0], rtol=0, atol=np.abs(want[0]).max() * 0.01)


CNXC, MODELS = sys.argv[1:3]
unittest.main(argv=sys.argv[:1])
