# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A checkpoint of zeros for a graph text that names places in it, as safetensors lays one out: zero_checkpoint.py GRAPH FILE."""
import json
import math
import re
import sys

GRAPH, FILE = sys.argv[1:]
with open(GRAPH, encoding="utf-8") as f:
    places = re.findall(r'float\[([\d,]+)\] "([\w.]+)" = \["location": "model.safetensors"', f.read())
header, at = {"__metadata__": {"format": "pt"}}, 0
for dims, name in sorted(places, key=lambda place: place[1]):
    shape = [int(n) for n in dims.split(",")]
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 4 * math.prod(shape)]}
    at = header[name]["data_offsets"][1]
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(FILE, "wb") as f:
    f.write(len(text).to_bytes(8, "little") + text)
    f.truncate(f.tell() + at)
