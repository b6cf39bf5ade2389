# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A report beside `cnxc info --json`, and its parts beside one another.
import json
import sys

# A report has nine digits of what is not whole: info's are cut to nine before both are to eight.
report, info = (json.load(open(path), parse_float=lambda text: float(f"{float(f'{float(text):.9g}'):.8g}")) for path in sys.argv[1:3])
assert report["format"] == "cnxc-report" and report["version"] == 1
regions, nodes, how = report["regions"], report["graph"]["nodes"], report["how"]

# The model is what info says, the schedule that of info.
for key in set(info) - {"model", "regions", "unfused", "estimate"}:
    assert report["model"][key] == info[key], key
# The kernel may tell another clock each time, by which times are estimated.
assert report["model"]["estimate"]["executable_bytes"] == info["estimate"]["executable_bytes"]
assert report["unfused"] == info["unfused"]
by_output = {region["output"]: region for region in regions}
for region in info["regions"]:
    mine = by_output[region["output"]]
    assert all(mine[key] == region[key] for key in ("kind", "ops", "macs"))
    assert [phase["name"] for phase in mine["phases"]] == [phase["name"] for phase in region["phases"]]
    assert all(kernel["name"].startswith("cnx_" + kernel["form"]) for phase in mine["phases"] for kernel in phase["kernels"])

# Each phase of a run is in one region, and sums are sums.
indices = sorted(phase["index"] for region in regions for phase in region["phases"])
assert indices == list(range(len(indices)))
for region in regions:
    for key in ("ms", "predicted_ms", "flops"):
        assert abs(region[key] - sum(phase[key] for phase in region["phases"])) <= 1e-5 * region[key], (key, region)
    assert region["ms"] >= 0 and region["bytes"] > 0 and region["origin"]
    assert region["body"].lstrip('"').startswith(region["output"])
    assert abs(region["intensity"] - region["flops"] / region["bytes"]) < 1e-5 * region["intensity"] + 1e-9
assert sum(region["macs"] for region in regions) == info["macs"]

# The graph: in topological order, from its inputs to its outputs.
assert [node["id"] for node in nodes] == list(range(len(nodes)))
assert all(i < node["id"] for node in nodes for i in node["inputs"])
assert [node["output"] for node in nodes if node["op"] == "input"] == [value["name"] for value in info["inputs"]]
assert [node["output"] for node in nodes if node["op"] == "output"] == [value["name"] for value in info["outputs"]]
assert all(regions[node["region"]]["output"] == node["output"] for node in nodes if node["region"] is not None)
assert all(node["region"] is not None for node in nodes if node["op"] == "region")

# Memory: what lives at the same time lies apart, and all of it fits.
memory = report["memory"]
arena, weights = memory["arena"], memory["weights"]
assert all(b["offset"] + b["bytes"] <= memory["arena_bytes"] and 0 <= b["first_phase"] <= b["last_phase"] < len(indices) for b in arena)
for a in arena:
    for b in arena:
        together = a is not b and a["first_phase"] <= b["last_phase"] and b["first_phase"] <= a["last_phase"]
        assert not together or a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"], (a, b)
assert all(w["offset"] + w["bytes"] <= memory["weights_bytes"] for w in weights)
assert {w["layer"] for w in weights} >= {"embeddings.patch_embeddings", "encoder.stages.2.layers.3", "logits"}, weights
assert all(regions[w["region"]]["output"].startswith(w["layer"]) for w in weights)

# How to get it again; nothing in it is of this moment.
assert how["command"] == "cnxc report models/digits --threads=2 --snr=none" and how["options"]["threads"] == 2
assert how["machine"]["cpu"] and all(len(value) == 16 for value in how["hashes"].values())
time = report["time"]
assert 0 < time["median_ms"] <= time["p90_ms"] <= time["p99_ms"] and time["runs"] >= 10 and time["predicted_ms"] > 0

# One run: every phase on thread 0, in order; each thread does one thing at a time, in the run. What it adds up to.
timeline = report["timeline"]
threads, run_us = timeline["threads"], timeline["run_ms"] * 1e3
assert len(threads) == 2 and [stretch["phase"] for stretch in threads[0]] == indices
for thread in threads:
    ends = [0] + [stretch["end_us"] + stretch["wait_us"] for stretch in thread]
    assert all(end <= stretch["start_us"] + 0.01 for end, stretch in zip(ends, thread)) and ends[-1] <= run_us + 0.01
    assert all(stretch["phase"] in [phase["index"] for phase in regions[stretch["region"]]["phases"]] for stretch in thread)
in_phases = sum(stretch["end_us"] - stretch["start_us"] + stretch["wait_us"] for stretch in threads[0])
assert time["wake_ms"] >= 0 and time["home_ms"] >= 0 and time["wake_ms"] + time["home_ms"] <= time["other_ms"] + 1e-5
assert abs(time["accounted"] - in_phases / run_us) < 1e-5 and abs(time["other_ms"] - (run_us - in_phases) * 1e-3) < 1e-5
