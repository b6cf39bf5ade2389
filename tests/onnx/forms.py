# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The forms an .onnx file may take, made by the onnx package, read by cnxc and printed: elements in typed lists and
# raw, aligned and not; external data; inputs with defaults; functions; packed and unpacked lists; newer fields.
# RUN: %python %s %cnxc %t
import os
import subprocess
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(nodes, initializers=(), inputs=(), outputs=(("y", None),), functions=(), opsets=(("", 17),), **how):
    info = lambda name, shape, kind=TensorProto.FLOAT: helper.make_tensor_value_info(name, kind, shape)
    graph = helper.make_graph(nodes, "g", [info(*i) for i in inputs], [info(*o) for o in outputs], list(initializers), **how)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets], functions=list(functions), ir_version=8)


class Forms(unittest.TestCase):
    def read(self, proto, exit=0):
        path = os.path.join(FOLDER, "model.onnx")
        with open(path, "wb") as f:
            f.write(proto if isinstance(proto, bytes) else proto.SerializeToString())
        said = subprocess.run([CNXC, "compile", path, "-O0", "--emit=onnxtxt", "-o", "-"], capture_output=True, text=True, cwd=FOLDER)
        self.assertEqual(said.returncode, exit, said.stderr)
        return onnx.parser.parse_model(said.stdout) if exit == 0 else said.stderr

    def constant(self, tensor):
        """What cnxc makes of an initializer w, through y = Cast(w) + x."""
        cast = helper.make_node("Cast", ["w"], ["c"], to=TensorProto.FLOAT)
        back = self.read(model([cast, helper.make_node("Add", ["c", "x"], ["y"])], [tensor], [("x", list(tensor.dims))], [("y", list(tensor.dims))]))
        return next(t for t in back.graph.initializer if t.name == "w")

    def test_typed_lists(self):
        for kind, values in ((TensorProto.FLOAT, [1.5, -2.25]), (TensorProto.DOUBLE, [1e-300, 3.0]), (TensorProto.INT64, [-(2**62), 5]),
                             (TensorProto.INT32, [-7, 2**30]), (TensorProto.INT16, [-300, 300]), (TensorProto.INT8, [-128, 127]),
                             (TensorProto.UINT8, [0, 255]), (TensorProto.UINT16, [0, 65535]), (TensorProto.UINT32, [0, 2**32 - 1]),
                             (TensorProto.UINT64, [0, 2**63]), (TensorProto.BOOL, [1, 0]), (TensorProto.FLOAT16, [0.5, -65504.0]),
                             (TensorProto.BFLOAT16, [0.5, -3.0])):
            with self.subTest(kind=kind):
                tensor = helper.make_tensor("w", kind, [2], values)
                self.assertFalse(tensor.HasField("raw_data"))
                back = self.constant(tensor)
                self.assertEqual(back.data_type, kind)
                np.testing.assert_array_equal(numpy_helper.to_array(back), numpy_helper.to_array(tensor))

    def test_stored_types(self):
        """Several elements in a byte, and bit patterns: read, written as .onnx and as text, in the model or beside it."""
        for kind, values in ((TensorProto.INT4, [-8, 7, 1]), (TensorProto.UINT4, [0, 15, 9]), (TensorProto.FLOAT8E4M3FN, [448, -0.5, 3]),
                             (TensorProto.FLOAT8E5M2FNUZ, [57344, -0.25, 3])):
            for raw, beside in ((False, False), (True, False), (True, True)):
                with self.subTest(kind=kind, raw=raw, beside=beside):
                    tensor = helper.make_tensor("w", kind, [3, 31], values * 31)
                    want = numpy_helper.to_array(tensor)
                    if raw:
                        tensor = numpy_helper.from_array(want, "w")
                    node = helper.make_node("DequantizeLinear", ["w", "s"], ["y"])
                    scale = helper.make_tensor("s", TensorProto.FLOAT, [], [0.5])
                    path, again, text = (os.path.join(FOLDER, "stored." + end) for end in ("onnx", "again.onnx", "onnxtxt"))
                    onnx.save(model([node], [tensor, scale], (), [("y", [3, 31])], opsets=[("", 21)]), path, save_as_external_data=beside,
                              location=f"stored{kind}.data", size_threshold=0)
                    self.run_cnxc(path, "-o", again)
                    back = next(t for t in onnx.load(again).graph.initializer if t.name == "w")
                    self.assertEqual(numpy_helper.to_array(back).tobytes(), want.tobytes())
                    self.run_cnxc(again, "-o", text)
                    self.run_cnxc(text, "-o", again)
                    back = next(t for t in onnx.load(again).graph.initializer if t.name == "w")
                    self.assertEqual(numpy_helper.to_array(back).tobytes(), want.tobytes())

    def run_cnxc(self, *how):
        said = subprocess.run([CNXC, "compile", *how], capture_output=True, text=True, cwd=FOLDER)
        self.assertEqual(said.returncode, 0, said.stderr)

    def test_raw_at_any_alignment(self):
        for shift in range(8):
            tensor = numpy_helper.from_array(np.array([[1e-5, 2, 3]], np.float64), "w")
            tensor.doc_string = "x" * shift  # moves what follows in the file
            np.testing.assert_array_equal(numpy_helper.to_array(self.constant(tensor)), numpy_helper.to_array(tensor))

    def test_out_of_range(self):
        tensor = TensorProto(name="w", dims=[1], data_type=TensorProto.UINT8, int32_data=[300])
        self.assertIn("300", self.read(model([helper.make_node("Identity", ["w"], ["y"])], [tensor], (), [("y", [1], TensorProto.UINT8)]), exit=1))

    def test_wrong_list(self):
        tensor = TensorProto(name="w", dims=[1], data_type=TensorProto.FLOAT, int64_data=[3])
        self.assertIn("int64_data, expected float_data", self.read(model([helper.make_node("Identity", ["w"], ["y"])], [tensor], (), [("y", [1])]), exit=1))

    def test_external_data(self):
        w = np.arange(600, dtype=np.float32)
        proto = model([helper.make_node("Add", ["w", "x"], ["y"])], [numpy_helper.from_array(w, "w")], [("x", [600])], [("y", [600])])
        onnx.save(proto, os.path.join(FOLDER, "model.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0)
        with open(os.path.join(FOLDER, "model.onnx"), "rb") as f:
            back = self.read(f.read())
        entries = {e.key: e.value for e in back.graph.initializer[0].external_data}
        self.assertEqual(entries["length"], "2400")
        self.assertEqual(entries["location"], "w.bin")
        with open(os.path.join(FOLDER, "w.bin"), "rb") as data:
            data.seek(int(entries["offset"]))
            np.testing.assert_array_equal(np.frombuffer(data.read(2400), np.float32), w)

    def test_input_with_default_is_a_constant(self):
        w = numpy_helper.from_array(np.float32([3]), "w")
        back = self.read(model([helper.make_node("Add", ["x", "w"], ["y"])], [w], [("x", [1]), ("w", [1])], [("y", [1])]))
        self.assertEqual([i.name for i in back.graph.input], ["x"])

    def function(self, version=17):
        body = [helper.make_node("LeakyRelu", ["a"], ["b"])]
        body[0].attribute.append(onnx.AttributeProto(name="alpha", type=onnx.AttributeProto.FLOAT, ref_attr_name="slope"))
        f = helper.make_function("my", "Leak", ["a"], ["b"], body, [helper.make_opsetid("", version)], [], [helper.make_attribute("slope", 0.25)])
        f.overload = "one"
        return f

    def call(self, version=17, overload="one", **attributes):
        node = helper.make_node("Leak", ["x"], ["y"], domain="my", overload=overload, **attributes)
        return model([node], (), [("x", [2])], [("y", [2])], [self.function(version)], [("", 17), ("my", 1)])

    def test_functions_are_inlined(self):
        for attributes, slope in (({}, 0.25), ({"slope": 0.5}, 0.5)):
            node, = self.read(self.call(**attributes)).graph.node
            self.assertEqual((node.op_type, node.attribute[0].f), ("LeakyRelu", slope))

    def test_overload_is_part_of_the_name(self):
        self.assertIn("my.Leak", self.read(self.call(overload="two"), exit=3))

    def test_function_of_another_opset(self):
        self.assertIn("opset", self.read(self.call(version=13), exit=3))

    def test_unknown_operators_all_at_once(self):
        nodes = [helper.make_node("Relux", ["x"], ["a"]), helper.make_node("Frob", ["a"], ["b"], domain="com.x"),
                 helper.make_node("Relux", ["b"], ["y"])]
        said = self.read(model(nodes, (), [("x", [1])], [("y", [1])], (), [("", 17), ("com.x", 1)]), exit=3)
        self.assertIn("did you mean Relu?", said)
        self.assertIn("com.x.Frob", said)
        self.assertEqual(said.count("error:"), 2, said)

    def test_metadata_and_newer_fields(self):
        node = helper.make_node("Relu", ["x"], ["y"])
        node.metadata_props.add(key="namespace", value="a.b")
        proto = model([node], (), [("x", [1])], [("y", [1])])
        proto.metadata_props.add(key="author", value="é \"quoted\"")
        back = self.read(proto)
        self.assertEqual([(p.key, p.value) for p in back.metadata_props], [("author", "é \"quoted\"")])

    def test_order_of_definition(self):
        """As converters to float16 leave it, who put the Casts of inputs last; what goes around in a circle has no order."""
        nodes = [helper.make_node("Relu", ["a"], ["y"]), helper.make_node("Abs", ["x"], ["a"])]
        back = self.read(model(nodes, (), [("x", [1])], [("y", [1])]))
        self.assertEqual([n.op_type for n in back.graph.node], ["Abs", "Relu"])
        chain = [helper.make_node("Neg", [f"a{i}"], [f"a{i + 1}"]) for i in range(3000)]
        back = self.read(model(chain[::-1], (), [("a0", [1])], [("a3000", [1])]))
        self.assertEqual([n.output[0] for n in back.graph.node], [f"a{i + 1}" for i in range(3000)])
        nodes = [helper.make_node("Add", ["b", "x"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
        self.assertIn("which nothing before it defines", self.read(model(nodes, (), [("x", [1])], [("b", [1])]), exit=1))
        self.assertIn("which nothing before it defines", self.read(model([helper.make_node("Relu", ["z"], ["y"])], (), [("x", [1])], [("y", [1])]), exit=1))

    def test_names_are_unique(self):
        nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"])]
        self.assertIn("defined twice", self.read(model(nodes, (), [("x", [1])], [("y", [1])]), exit=1))

    def test_missing_output_and_opsets(self):
        relu = [helper.make_node("Relu", ["x"], ["y"])]
        self.assertIn("never produced", self.read(model(relu, (), [("x", [1])], [("z", [1])]), exit=1))
        self.assertIn("no opset", self.read(model(relu, (), [("x", [1])], [("y", [1])], (), ()), exit=1))
        self.assertIn("imported twice", self.read(model(relu, (), [("x", [1])], [("y", [1])], (), [("", 17), ("ai.onnx", 17)]), exit=1))

    def test_sequences_are_not_supported(self):
        proto = model([helper.make_node("Relu", ["x"], ["y"])], (), [], [("y", [1])])
        proto.graph.input.append(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1]))
        self.assertIn("only tensors", self.read(proto, exit=3))


CNXC, FOLDER = map(os.path.abspath, sys.argv[1:])
os.makedirs(FOLDER, exist_ok=True)
unittest.main(argv=sys.argv[:1])
