# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every node of the text stands behind a region, at its line.
import json
import sys

report = json.load(open(sys.argv[1]))
origins = [origin for region in report["regions"] for origin in region["origin"]]
text = open(origins[0]["file"]).read().splitlines()
assert {"Conv", "Relu"} <= {origin["op"] for origin in origins}, origins
for origin in origins:
    assert origin["op"] in text[origin["line"] - 1] and origin["column"] > 0, origin
