# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A trace of a run beside the times of --per-op: every phase once on thread 0, in order, a wait behind each, nothing at once.
import json
import sys

trace, times = (json.load(open(path)) for path in sys.argv[1:3])
events, other = trace["traceEvents"], trace["otherData"]
names = [phase["name"] for phase in times["per_op"]]
assert other["model"] == "digits" and other["threads"] == 2 and other["run_us"] > 0
assert [e["args"]["name"] for e in events if e["ph"] == "M"] == ["thread 0", "thread 1"]
for thread in range(2):
    mine = [e for e in events if e["ph"] == "X" and e["tid"] == thread]
    works, waits = mine[::2], mine[1::2]
    assert all(e["cat"] == "phase" for e in works) and all(e["cat"] == "wait" for e in waits) and len(works) == len(waits)
    assert thread or [e["args"] for e in works] == [{"phase": i, "image": 0} for i in range(len(names))]
    assert all(e["name"] == names[e["args"]["phase"]] for e in works)
    assert all(a["args"]["phase"] == b["args"]["phase"] for a, b in zip(works, waits))
    assert all(a["ts"] + a["dur"] <= b["ts"] + 0.002 for a, b in zip(mine, mine[1:])), mine
    assert not mine or 0 <= mine[0]["ts"] and mine[-1]["ts"] + mine[-1]["dur"] <= other["run_us"] + 0.002
