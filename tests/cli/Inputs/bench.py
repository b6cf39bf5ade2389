# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What bench says as JSON of one program, of two, and of one model in two precisions: bench.py FOLDER
import json
import sys

one, two, against = (json.load(open(f"{sys.argv[1]}/{name}")) for name in ("one", "two", "against"))

assert one["batch"] == 3 and "predicted_ms" not in one and one["fraction_of_peak"] > 0, one
assert {"cpu", "profile", "features", "cores", "caches", "kernel"} == set(one["machine"]), one["machine"]
assert all(len(one["hashes"][k]) == 16 for k in ("program", "graph", "weights")), one["hashes"]
assert one["hashes"] == two["a"]["hashes"], "the same program"

assert two["batch"] == 3 and two["rounds"] == 6 and two["machine"] == one["machine"], two
low, high = two["confidence"]
assert low <= two["ratio"] <= high and two["difference"] == ("slower" if low > 1 else "faster" if high < 1 else "none"), two
names = [phase["name"] for phase in two["per_op"]]
assert names == [phase["name"] for phase in one["per_op"]] and two["phases_of_one"] == {"a": 0, "b": 0}, names
assert two["a"]["hashes"]["graph"] == two["b"]["hashes"]["graph"], two
# Six rounds say nothing of many phases with the confidence that all hold.
assert all(phase["confidence"] == [None, None] and phase["a_ms"] > 0 for phase in two["per_op"]), two["per_op"]

assert (against["a"]["precision"], against["b"]["precision"]) == ("int8", "bf16"), against
assert (against["a"]["name"], against["b"]["name"]) == ("int8", "bf16") and "per_op" not in against, against
