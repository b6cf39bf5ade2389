# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A layer whose weights have an outlier in each output channel, by which integers lose the others: bad_layer.py FROM.safetensors TO
import json
import struct
import sys

import numpy as np

NAME = "convnext.encoder.stages.2.layers.1.pwconv2.weight"
data = bytearray(open(sys.argv[1], "rb").read())
length = struct.unpack("<Q", data[:8])[0]
entry = json.loads(data[8:8 + length])[NAME]
begin, end = (8 + length + offset for offset in entry["data_offsets"])
weights = np.frombuffer(bytes(data[begin:end]), "<f4").reshape(entry["shape"]).copy()
rows = np.arange(len(weights))
weights[rows, rows % weights.shape[1]] = 300 * np.abs(weights).max(axis=1)
data[begin:end] = weights.tobytes()
open(sys.argv[2], "wb").write(data)
