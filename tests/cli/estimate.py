# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %cnxc %root/models/digits %t
"""Estimates follow from the profile: hand-computed times of two graphs at 1 GHz, what scales with what, exact memory."""
import json
import os
import subprocess
import sys

CNXC, DIGITS, FOLDER = sys.argv[1:]
PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<profile name="mine" extends="x86-64-v3">
  <l2 size="256K"/><l3 size="4M" shared-by="2"/>
  <cores count="2" mhz="{mhz}"/>
  <bandwidth l1="64" l2="32" l3="16" memory="{memory}"/>
</profile>
"""


def info(model, mhz=1000, memory=8):
    profile = f"{FOLDER}/mine.xml"
    with open(profile, "w") as f:
        f.write(PROFILE.format(mhz=mhz, memory=memory))
    return json.loads(subprocess.run([CNXC, "info", model, f"-mcpu={profile}", "--json"], check=True, capture_output=True).stdout)


def estimate(model, threads=1, **profile):
    return next(e for e in info(model, **profile)["estimate"]["by_threads"] if e["threads"] == threads)


def graph(name, text):
    path = f"{FOLDER}/{name}.onnxtxt"
    with open(path, "w") as f:
        f.write(f'<ir_version: 8, opset_import: ["" : 18]>\n{name} {text}\n')
    return path


def near(got, wanted, part):
    assert abs(got - wanted) <= part * wanted, (got, wanted)


os.makedirs(FOLDER, exist_ok=True)
# 1024 x 64 x 64 multiply-adds, 16 a cycle: 0.262 ms; the stores and calls come on top.
weights = ", ".join(["0.5"] * 64 * 64)
product = graph("product", f"(float[1024,64] x) => (float[1024,64] y) <float[64,64] w = {{{weights}}}> {{ y = MatMul(x, w) }}")
near(estimate(product)["arithmetic_ms"], 0.262, 0.2)
assert estimate(product)["ms"] == estimate(product)["arithmetic_ms"] > estimate(product)["traffic_ms"]

# 128 MiB through memory; a single core has half of the 8 GB/s, two have all.
copy = graph("copy", "(float[4096,4096] x) => (float[4096,4096] y) { y = Relu(x) }")
near(estimate(copy)["ms"], 2**27 / 4e6, 0.01)
near(estimate(copy, threads=2)["ms"], 2**27 / 8e6, 0.01)
near(estimate(copy, memory=16)["ms"], 2**27 / 8e6, 0.01)

one = estimate(DIGITS)
near(estimate(DIGITS, mhz=2000)["arithmetic_ms"], one["arithmetic_ms"] / 2, 1e-9)
assert one["arithmetic_ms"] / 2 <= estimate(DIGITS, threads=2)["arithmetic_ms"] < one["arithmetic_ms"]

# Memory is what the schedule planned; the file is the weights and not much more.
whole = info(DIGITS)
memory, file_bytes = whole["memory"], whole["estimate"]["executable_bytes"]
for entry in whole["estimate"]["by_threads"]:
    arenas = entry["threads"] if memory["arena_per_thread"] else 1
    assert entry["memory_bytes"] == memory["weights_bytes"] + arenas * memory["arena_bytes"] + entry["threads"] * memory["scratch_bytes"]
program = f"{FOLDER}/digits"
subprocess.run([CNXC, "compile", DIGITS, f"-mcpu={FOLDER}/mine.xml", "-o", program], check=True)
near(file_bytes, os.path.getsize(program), 0.05)

# bench puts them beside what it measures: the whole is the sum of its regions, and a region that of its phases.
measured = json.loads(subprocess.run([CNXC, "bench", DIGITS, "--threads=1", "--per-op", "--json"], check=True, capture_output=True,
                                     env=dict(os.environ, XDG_CACHE_HOME=f"{FOLDER}/cache")).stdout)
near(sum(r["predicted_ms"] for r in measured["per_op"]), measured["predicted_ms"], 1e-6)
for region in measured["per_op"]:
    assert abs(sum(p["predicted_ms"] for p in region["phases"]) - region["predicted_ms"]) < 1e-6
