# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The lost fusion is the first finding, and names what the block has become.
import json
import sys

report = json.load(open(sys.argv[1]))
first, outputs = report["comparison"]["findings"][0], {region["output"] for region in report["regions"]}
assert first["kind"] == "lost fusion" and first["output"] == sys.argv[2] and first["before"] == 1 < first["after"], first
assert "was one block and is " in first["text"] and sum(output in first["text"] for output in outputs) >= first["after"], first
