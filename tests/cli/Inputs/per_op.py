# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""per_op.py BF16 F32: what verify --per-op says of models/digits in both precisions."""
import json
import math
import sys

bf16, f32 = ([{**item, "snr_db": math.inf if item["snr_db"] is None else item["snr_db"]} for item in json.load(open(path))]
             for path in sys.argv[1:])
for regions in (bf16, f32):
    noise = [region["snr_db"] for region in regions]
    assert noise == sorted(noise) and all(region["ok"] for region in regions), regions
assert {region["name"] for region in bf16} == {region["name"] for region in f32}, (bf16, f32)
assert sum(region["kind"] == "block" for region in f32) == 10, f32
assert all(region["snr_db"] > 120 for region in f32), f32

rounded = {region["name"] for region in bf16 if region["snr_db"] < 100}
wide = {region["name"] for region in bf16 if region["name"].startswith(("encoder.stages.2.layers", "encoder.stages.3.layers"))}
assert rounded == wide | {"encoder.stages.3.downsampling_layer.1_1"}, rounded
same = {region["name"]: region["snr_db"] for region in f32}
assert all(region["snr_db"] == same[region["name"]] for region in bf16 if region["name"] not in rounded), (bf16, f32)
