# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forms of models/kanji that are harder on a precision, and just as right.

    plain      as it was trained
    outliers   in each block 1 of 40 of LayerNorm's channels is 64 times as large, and that column of W1 a 64th: the same function.
               Such channels are what trained ImageNet models have, and what breaks scales for whole tensors
    hot        in each block 1 of 100 hidden channels runs at +30, where Gelu is x; the second product's bias takes it away again
    v2         ConvNeXt V2: the layer scale multiplied into W2, and GRN, whose weights alone were trained (grn.safetensors): 123 steps of 64
               pictures, of the larger set's those that pictures.zip leaves out, so it knows test's fonts and is right more often
"""
import json
import os
import struct

import numpy as np

OUTLIERS, FACTOR, HOT, HEAT = 40, 64, 100, 30
GRN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grn.safetensors")
DTYPES = {"F16": "<f2", "F32": "<f4"}


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[slice(*t["data_offsets"])], DTYPES[t["dtype"]]).astype(np.float32).reshape(t["shape"])
            for name, t in header.items()}


def write_safetensors(path, tensors):
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name in sorted(tensors):
        begin, end = end, end + tensors[name].nbytes
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            f.write(tensors[name].astype("<f4").tobytes())


def blocks(tensors):
    return sorted(name[:-len("pwconv1.weight")] for name in tensors if name.endswith("pwconv1.weight"))


def outliers(tensors, rng):
    for block in blocks(tensors):
        channels = tensors[block + "layernorm.weight"].size
        chosen = rng.permutation(channels)[:max(1, channels // OUTLIERS)]
        tensors[block + "layernorm.weight"][chosen] *= FACTOR
        tensors[block + "layernorm.bias"][chosen] *= FACTOR
        tensors[block + "pwconv1.weight"][:, chosen] /= FACTOR
    return tensors


def hot(tensors, rng):
    for block in blocks(tensors):
        hidden = tensors[block + "pwconv1.bias"].size
        chosen = rng.permutation(hidden)[:max(1, hidden // HOT)]
        tensors[block + "pwconv1.bias"][chosen] += HEAT
        tensors[block + "pwconv2.bias"] -= HEAT * tensors[block + "pwconv2.weight"][:, chosen].sum(1)
    return tensors


def v2(tensors, rng):
    for block in blocks(tensors):
        scale = tensors.pop(block + "layer_scale_parameter")
        tensors[block + "pwconv2.weight"] *= scale[:, None]
        tensors[block + "pwconv2.bias"] *= scale
    tensors |= read_safetensors(GRN)
    return {name.replace("convnext.", "convnextv2."): tensor for name, tensor in tensors.items()}


VARIANTS = {"plain": lambda tensors, rng: tensors, "outliers": outliers, "hot": hot, "v2": v2}


def make(variant, kanji, folder):
    """A model folder, in float32."""
    os.makedirs(folder, exist_ok=True)
    tensors, rng = read_safetensors(os.path.join(kanji, "model.safetensors")), np.random.default_rng(9)
    with open(os.path.join(kanji, "config.json")) as f:
        config = json.load(f)
    config["dtype"] = "float32"
    if variant == "v2":
        del config["layer_scale_init_value"]
        config |= {"architectures": ["ConvNextV2ForImageClassification"], "model_type": "convnextv2"}
    tensors = VARIANTS[variant](tensors, rng)
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    with open(os.path.join(kanji, "preprocessor_config.json")) as f, open(os.path.join(folder, "preprocessor_config.json"), "w") as to:
        to.write(f.read())
