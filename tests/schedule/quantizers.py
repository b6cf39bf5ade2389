# RUN: %python %s %cnxc %root/tests/goldens/models
"""Models as ONNX Runtime's quantizer writes them, compiled, beside ONNX Runtime itself: quantizers.py CNXC MODELS.

QDQ and QOperator by tensor and by channel, with unsigned and signed activations, and dynamic. What is allowed: of a graph in QDQ form
nothing beside ONNX Runtime as it computes node by node (ORT_DISABLE_ALL); where it fuses, it comes out up to ten steps beside
itself. Its own operators of QOperator add fused or not as the CPU has it, and one step there may be some at the end (STEPS of the
last quantiser). Dynamic graphs end in floats.
"""
import logging
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

CNXC, MODELS = sys.argv[1:]
SOURCES = ("cls_basic4/model_legacy17.onnx", "v2_cls/model_dynamo.onnx")
FORMS = (("QDQ", False, "QUInt8"), ("QDQ", True, "QUInt8"), ("QDQ", True, "QInt8"), ("QOperator", False, "QUInt8"),
         ("QOperator", True, "QUInt8"), ("QOperator", True, "QInt8"))
STEPS = {"QDQ": 0, "QOperator": 6}
SHAPE = (1, 3, 64, 64)
logging.disable(logging.WARNING)


def picture(seed):
    return np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)


class Pictures(CalibrationDataReader):
    def __init__(self, name):
        self.left = iter([{name: picture(seed)} for seed in range(100, 104)])

    def get_next(self):
        return next(self.left, None)


def runtime(path, name, x):
    options = ort.SessionOptions()
    options.log_severity_level, options.graph_optimization_level = 4, ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {name: x})[0]


def last_step(model):
    """What the last quantiser's integers stand for."""
    last = next(n for n in model.graph.node if model.graph.output[0].name in n.output)
    constants = {t.name: t for t in model.graph.initializer}
    return float(onnx.numpy_helper.to_array(constants[last.input[1]]))


def compiled(path, model, x, folder, options):
    graph, program = model.graph, f"{folder}/program"
    fixed = [f"--dim={d.dim_param}=1" for d in graph.input[0].type.tensor_type.shape.dim[:1] if d.dim_param]
    subprocess.run([CNXC, "compile", path, "-o", program, *fixed, *options], check=True)
    np.save(f"{folder}/x.npy", x)
    subprocess.run([program, f"--input={graph.input[0].name}={folder}/x.npy", f"--output={graph.output[0].name}={folder}/y.npy"], check=True)
    return np.load(f"{folder}/y.npy")


def quantised(source, folder):
    """(path, what it may be off) of each form."""
    name = onnx.load(source).graph.input[0].name
    for form, by_channel, activations in FORMS:
        path = f"{folder}/{form}-{'channel' if by_channel else 'tensor'}-{activations}.onnx"
        quantize_static(source, path, Pictures(name), quant_format=QuantFormat[form], per_channel=by_channel,
                        activation_type=QuantType[activations], weight_type=QuantType.QInt8)
        yield path, STEPS[form] * last_step(onnx.load(path))
    path = f"{folder}/dynamic.onnx"
    quantize_dynamic(source, path, per_channel=True, weight_type=QuantType.QInt8)
    yield path, 1e-5


failed = 0
with tempfile.TemporaryDirectory() as folder:
    for source in SOURCES:
        for n, (path, most) in enumerate(quantised(os.path.join(MODELS, source), folder)):
            model, x = onnx.load(path), picture(7)
            want = runtime(path, model.graph.input[0].name, x)
            got = compiled(path, model, x, folder, ["-O3"] if n % 2 else ["-O3", "-mcpu=x86-64-v3"])
            off = np.abs(got - want).max()
            failed += not off <= most * 1.001
            print(f"{source} {os.path.basename(path)}: off by {off:.3g}, at most {most:.3g}")
sys.exit(failed > 0)
