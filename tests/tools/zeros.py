# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints whose weights are all zero, for tests that only shapes matter to."""
import json
import math
import struct

BYTES = {"F32": 4, "F16": 2}


def write_zeros(path, shapes, dtype="F32"):
    """A .safetensors file of {name: shape}, which takes no room on the disk."""
    header, at = {}, 0
    for name, shape in shapes.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + BYTES[dtype] * math.prod(shape)]}
        at = header[name]["data_offsets"][1]
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(f.tell() + at)
