# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What --config-only writes is what the folder itself is compiled to: its functions, inlined, are the graph that the folder's
# weights give, and its places are those of a checkpoint as the safetensors library writes it. onnx and ONNX Runtime read it.
# RUN: %python %s %cnxc %root/models %t
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

CNXC, MODELS, ROOM = sys.argv[1:]
SMALL = {"depths": [2, 2], "hidden_sizes": [6, 16], "num_labels": 3}
V1 = {"model_type": "convnext", "architectures": ["ConvNextForImageClassification"], **SMALL}
V2 = {"model_type": "convnextv2", "architectures": ["ConvNextV2ForImageClassification"], **SMALL}
LONGEST = 450  # lines, for any published variant
# Name: (config, options)
MODELS_OF = {
    "v1": (V1, []),
    "v2": (V2, []),
    "steps": ({**V1, "hidden_act": "quick_gelu", "layer_scale_init_value": 0, "patch_size": [2, 3]}, []),
    "weights": ({**V2, "hidden_act": "prelu", "hidden_sizes": [1, 4]}, ["--outputs=probabilities"]),  # one channel: group is 1
    "states": (V1, ["--outputs=hidden_states,last_hidden_state"]),
    "early": (V1, ["--outputs=hidden_states.1"]),  # the last stage is of no use
    "pixels": ({"model_type": "upernet", "backbone_config": {**V2, "out_features": ["stage1", "stage2"]}, "hidden_size": 5, "num_labels": 3}, []),
    "tokens": ({**V1, "model_type": "dinov3_convnext", "architectures": ["DINOv3ConvNextModel"]}, []),  # names of its own
    "timm": ({"architecture": "inception_next_atto", "model_args": {"depths": [1, 2, 1, 1], "dims": [8, 12, 16, 16]}, "num_classes": 3}, []),
    "overlap": ({"architecture": "convnext_zepto_rms_ols", "model_args": {"depths": [1, 1, 2, 1], "dims": [8, 6, 8, 4]}, "num_classes": 3}, []),
    "inside": (V2, ["--outputs=encoder.stages.1.layers.0.act,logits"]),  # a function more, of two results
}


def cnxc(*arguments):
    done = subprocess.run([CNXC, "compile", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def tensors_of(text):
    """(name, shape, offset, length) of each tensor that lies in model.safetensors."""
    for shape, name, offset, length in re.findall(
            r'float\[([\d,]*)\] "?([^" ]+)"? = \["location": "model.safetensors", "offset": "(\d+)", "length": "(\d+)"\]', text):
        yield name, [int(n) for n in shape.split(",")], int(offset), int(length)


def write_checkpoint(text, path, numbers):
    """As safetensors does: names sorted, no spaces, the header padded to eight bytes. Asserts the text's places."""
    header, data = {"__metadata__": {"format": "pt"}}, sorted(tensors_of(text))
    start = min(offset for _, _, offset, _ in data)
    for name, shape, offset, length in data:
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset - start, offset - start + length]}
    words = json.dumps(header, separators=(",", ":")).encode()
    words += b" " * (-len(words) % 8)
    assert start == 8 + len(words) and all(a[2] + a[3] == b[2] for a, b in zip(data, data[1:])), path
    with open(path, "wb") as f:
        f.write(len(words).to_bytes(8, "little") + words)
        for name, shape, _, _ in data if numbers else []:
            f.write(numbers(name, shape).tobytes())
        f.truncate(data[-1][2] + data[-1][3])


def ready(folder, options, numbers):
    text = cnxc(folder, "--config-only", "--emit=onnxtxt", "-o", f"{folder}/graph.onnxtxt", *options)
    with open(f"{folder}/graph.onnxtxt") as f:
        text = f.read()
    write_checkpoint(text, f"{folder}/model.safetensors", numbers)
    return text


def check_same_graph(folder, options):
    """What the text inlines to, and what the folder is as it is built."""
    inlined = cnxc(f"{folder}/graph.onnxtxt", "-O0", "--emit=onnxtxt", "-o", f"{folder}/inlined.onnxtxt")
    cnxc(folder, "-O0", "--emit=onnxtxt", "-o", f"{folder}/built.onnxtxt", *options)
    with open(f"{folder}/inlined.onnxtxt") as a, open(f"{folder}/built.onnxtxt") as b:
        inlined, built = a.read().replace("inlined.onnxtxt.data", "built.onnxtxt.data"), b.read()
    assert re.sub(r', "((dinov3_)?convnext(v2)?|upernet)" : 1\]', "]", inlined, count=1) == built, folder


def check_same_code(folder, options):
    for model, name, more in (folder, "a.o", options), (f"{folder}/graph.onnxtxt", "b.o", []):
        cnxc(model, "--emit=obj", "--prefix=m", "-mcpu=haswell", "-o", f"{folder}/{name}", *more)
    with open(f"{folder}/a.o", "rb") as a, open(f"{folder}/b.o", "rb") as b:
        assert a.read() == b.read(), folder


def check_with_onnx(folder, text):
    """The parser and the checker take it, functions and all; returns the file."""
    model = onnx.parser.parse_model(text)
    onnx.save(model, f"{folder}/graph.onnx")
    onnx.checker.check_model(f"{folder}/graph.onnx", full_check=True)
    names = [f.name for f in model.functions]
    calls = [n.op_type for n in model.graph.node if n.domain]
    assert set(names) == set(calls) and {"Stem", "Downsampling", "Block"} <= set(names), (names, calls)
    return f"{folder}/graph.onnx"


def check_with_runtime(folder, path):
    """ONNX Runtime computes the same from the functions as from the graph without."""
    with open(f"{folder}/built.onnxtxt") as f:
        onnx.save(onnx.parser.parse_model(f.read()), f"{folder}/built.onnx")
    sessions = [onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]) for p in (path, f"{folder}/built.onnx")]
    x = np.random.default_rng(1).standard_normal((2, 3, 32, 32)).astype(np.float32)
    for got, want in zip(*(s.run(None, {"pixel_values": x}) for s in sessions), strict=True):
        assert np.isfinite(want).all() and np.abs(got - want).max() <= 1e-5 * np.abs(want).max(), folder


def check_small(name, config, options):
    folder = f"{ROOM}/{name}"
    os.makedirs(folder)
    with open(f"{folder}/config.json", "w") as f:
        json.dump(config, f)
    rng = np.random.default_rng(0)

    def numbers(name, shape):
        x = (0.3 * rng.standard_normal(shape)).astype(np.float32)
        return np.abs(x) + np.float32(0.1) if name.endswith(".running_var") else x
    text = ready(folder, [*options, "--image-size=32"], numbers)
    check_same_graph(folder, [*options, "--image-size=32"])
    check_same_code(folder, [*options, "--image-size=32"])
    check_with_runtime(folder, check_with_onnx(folder, text))


def check_published(variant):
    """Weights of zero, which take no room on the disk."""
    copy = f"{ROOM}/{variant}"
    shutil.copytree(f"{MODELS}/{variant}", copy)
    text = ready(copy, [], None)
    check_with_onnx(copy, text)
    check_same_graph(copy, [])


shutil.rmtree(ROOM, ignore_errors=True)
for name, (config, options) in MODELS_OF.items():
    check_small(name, config, options)
for variant in "convnext-tiny-224", "convnext-xlarge-384", "upernet-convnext-tiny-512", "dinov3-convnext-tiny":  # of 18 blocks, 36 as all others, and a head
    check_published(variant)
for path in glob.glob(f"{MODELS}/*convnext-*/graph.onnxtxt"):
    with open(path) as f:
        assert len(f.readlines()) <= LONGEST, path
