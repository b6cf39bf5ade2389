# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Writes a script that takes turns as a compiled program does, and says that a run took so many milliseconds: more and less by a part
# SPREAD of it each other time that it is started. player.py MS FILE [SPREAD]
import os
import sys

ms, path, spread = float(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0
with open(path, "w") as out:
    out.write(f"""#!{sys.executable}
import json, sys
if "--info" in sys.argv:
    print(json.dumps({{"graph_hash": "1", "weights_hash": "2", "precision": "f32", "cpu": "none"}}))
    sys.exit()
with open({path!r} + ".starts", "a+") as starts:
    starts.write("x")
    ms = {ms} * (1 + {spread} * (-1) ** starts.tell())
print(json.dumps({{"threads": 1, "batch": 1, "flops": 1e6, "phases": []}}), flush=True)
for line in sys.stdin:
    print(json.dumps({{"ms": [ms] * int(line.split()[1]), "phases_ms": []}}), flush=True)
""")
os.chmod(path, 0o755)
