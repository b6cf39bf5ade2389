# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every hidden_act computes its formula: the nodes cnxc makes of it, cut out of the graph and run by ONNX Runtime.
# RUN: %python %s %cnxc %t
import json
import math
import os
import subprocess
import sys

import numpy as np
import onnx
import onnx.utils
import onnxruntime

erf = np.vectorize(math.erf)
sigmoid = lambda x: 1 / (1 + np.exp(-x))
softplus = lambda x: np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)
gelu = lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2)))
gelu_tanh = lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
silu = lambda x: x * sigmoid(x)
ACTS = {
    "gelu": gelu, "gelu_python": gelu, "gelu_new": gelu_tanh, "gelu_fast": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh,
    "gelu_python_tanh": gelu_tanh, "gelu_accurate": gelu_tanh, "gelu_10": lambda x: np.clip(gelu(x), -10, 10),
    "relu": lambda x: np.maximum(x, 0), "relu2": lambda x: np.maximum(x, 0) ** 2, "relu6": lambda x: np.clip(x, 0, 6),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "quick_gelu": lambda x: x * sigmoid(1.702 * x), "silu": silu, "swish": silu, "mish": lambda x: x * np.tanh(softplus(x)),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6, "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "sigmoid": sigmoid, "tanh": np.tanh, "linear": lambda x: x, "sqrtsoftplus": lambda x: np.sqrt(softplus(x)),
    "laplace": lambda x: 0.5 * (1 + erf((x - 0.707107) / (0.282095 * math.sqrt(2)))),
}
# Those with weights, whose names are what the checkpoint has.
WEIGHTS = {"act.weight": 0.3, "act.alpha_p": 0.7, "act.alpha_n": -0.2, "act.beta": 0.5, "act.eps": -1e-6}
ACTS["prelu"] = lambda x: np.where(x > 0, x, 0.3 * x)
ACTS["xielu"] = lambda x: 0.5 * x + np.where(x > 0, softplus(0.7) * x * x, (0.5 + softplus(-0.2)) * (np.expm1(np.minimum(x, -1e-6)) - x))


def model_of(cnxc, folder, act):
    os.makedirs(folder, exist_ok=True)
    config = {"model_type": "convnext", "depths": [1], "hidden_sizes": [8], "hidden_act": act}
    with open(f"{folder}/config.json", "w") as f:
        json.dump(config, f)
    text = subprocess.run([cnxc, "compile", folder, "--config-only", "--emit=onnxtxt", "-o", "-"], check=True, capture_output=True, text=True).stdout
    return onnx.parser.parse_model(text)


def act_alone(model):
    """The block's nodes from what pwconv1 gives to what pwconv2 takes, as a model whose weights and scalars have numbers."""
    block = next(f for f in model.functions if f.name == "Block")
    end = next(n.input[0] for n in block.node if n.output[0] == "pwconv2.matmul")
    if end == "pwconv1":
        return None
    call = next(n for n in model.graph.node if n.op_type == "Block")
    scalars = {t.name: t for t in model.graph.initializer if not t.external_data}
    values = [constant(inner, scalars.get(outer)) for inner, outer in zip(block.input, call.input) if outer in scalars or inner in WEIGHTS]
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in ("pwconv1", end)]
    graph = onnx.helper.make_graph(block.node, "act", ends[:1], ends[1:], values)
    whole = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return onnx.utils.Extractor(whole).extract_model(["pwconv1"], [end])


def constant(name, scalar):
    value = onnx.numpy_helper.to_array(scalar) if scalar else np.full(1, WEIGHTS[name], np.float32)
    return onnx.numpy_helper.from_array(value, name)


def main(cnxc, folder):
    x = np.concatenate([np.linspace(-12, 12, 3999), [0.0]]).astype(np.float32)
    for act, formula in ACTS.items():
        piece = act_alone(model_of(cnxc, folder, act))
        if piece is None:
            assert act == "linear", act
            continue
        got = onnxruntime.InferenceSession(piece.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {piece.graph.input[0].name: x})[0]
        want = formula(x.astype(np.float64))
        error = (np.abs(got - want) / np.maximum(1, np.abs(want))).max()
        assert error < 2e-5, f"{act}: off by {error}"
    print(len(ACTS), "activations")


main(*sys.argv[1:])
