# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""per_op_int8.py INT8: what verify --per-op says of models/digits in int8: blocks and downsampling lose some, the code next to nothing."""
import json
import statistics
import sys

regions = json.load(open(sys.argv[1]))
rounded = [region for region in regions if region["snr_db"] is not None and region["snr_db"] < 100]
names = {region["name"] for region in rounded}
assert names == {region["name"] for region in regions if region["kind"] == "block" or "downsampling_layer.1" in region["name"]}, names
assert len(rounded) == 13 and all(40 < region["snr_db"] < 65 for region in rounded), rounded
assert all(region["ok"] for region in regions), regions
assert statistics.median(region["max_error"] / region["max_magnitude"] for region in rounded) < 1e-5, rounded
