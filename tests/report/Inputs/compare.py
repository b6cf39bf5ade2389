# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Regressions planted in a saved report: each must be the first finding of a comparison with the report as it was.
import copy
import json
import subprocess
import sys

CNXC, NOW, WORK = sys.argv[1:4]
now = json.load(open(NOW))
# Runs that were all alike: nothing but what is planted differs.
now["time"].update(p90_ms=now["time"]["median_ms"], p99_ms=now["time"]["median_ms"])


def compared(after, before=now):
    paths = []
    for name, report in ("after", after), ("before", before):
        paths.append(f"{WORK}/{name}.json")
        json.dump(report, open(paths[-1], "w"))
    answer = subprocess.run([CNXC, "report", *paths, "--json"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["comparison"]


def slowed(factor, index=4):
    report = copy.deepcopy(now)
    region = report["regions"][index]
    for part in [region, *region["phases"]]:
        part["ms"] *= factor
    report["time"]["median_ms"] += region["ms"] - now["regions"][index]["ms"]
    return report


same = compared(now)
assert same["findings"] == [] and same["ratio"] == 1 and same["confidence"] is None and same["with"].endswith("before.json")
assert [row["output"] for row in same["regions"]] == [region["output"] for region in now["regions"]]
assert same["before"]["comparison"] is None and same["before"]["regions"] == now["regions"]

# A slow kernel: first among regions, behind nothing but the run that it slows.
index = max(range(len(now["regions"])), key=lambda i: now["regions"][i]["ms"])
output = now["regions"][index]["output"]
slow = compared(slowed(3, index))
findings = [f for f in slow["findings"] if f["output"]]
assert findings[0]["kind"] == "slower" and findings[0]["output"] == output and len(findings) == 1, slow["findings"]
assert abs(findings[0]["after"] / findings[0]["before"] - 3) < 1e-6 and "3 times as long" in findings[0]["text"], findings[0]
assert all(f["kind"] == "slower" for f in slow["findings"]) and slow["ratio"] > 1
assert [f["kind"] for f in compared(now, slowed(3, index))["findings"] if f["output"]] == ["faster"]

# A machine that is busier makes everything slower, and no region.
busy = copy.deepcopy(now)
for region in busy["regions"]:
    region["ms"] *= 1.4
busy["time"]["median_ms"] *= 1.4
assert [(f["kind"], f["output"]) for f in compared(busy)["findings"]] == [("slower", None)]

# What is within a report's own spread is no finding.
rough = slowed(1.15, index)
rough["time"]["p90_ms"] = 1.2 * rough["time"]["median_ms"]
assert compared(rough)["findings"] == [], compared(rough)["findings"]

# A layer that is less precise, before whatever is slower; what neither measured is no finding.
bad = slowed(3, index)
bad["regions"][2]["snr_db"] = {"bf16": 60.0, "int8": 11.0}
good = copy.deepcopy(now)
good["regions"][2]["snr_db"] = {"bf16": 60.5, "int8": 31.0}
first = compared(bad, good)["findings"][0]
assert first["kind"] == "less precise" and first["output"] == now["regions"][2]["output"] and first["unit"] == "dB", first
assert (first["before"], first["after"]) == (31, 11) and "20.0 dB less" in first["text"], first
assert not any(f["unit"] == "dB" for f in compared(bad)["findings"])

# Memory and size.
large = copy.deepcopy(now)
large["memory"]["arena_bytes"] += 10_000_000
large["program"]["bytes"] *= 2
assert [f["kind"] for f in compared(large)["findings"]] == ["memory", "larger program"]
assert [f["kind"] for f in compared(now, large)["findings"]] == ["smaller program", "less memory"] or \
    [f["kind"] for f in compared(now, large)["findings"]] == ["less memory", "smaller program"]

# Another machine's times are compared all the same, and it is said.
moved = copy.deepcopy(now)
moved["how"]["machine"]["cpu"] = "Z80"
moved["time"]["threads"] = 1
assert [f["kind"] for f in compared(now, moved)["findings"]] == ["measured elsewhere"]
assert "Z80 with 1 thread," in compared(now, moved)["findings"][0]["text"]

# Other names: the first block is the other's first block.
renamed = slowed(3, index)
for region in renamed["regions"]:
    region["output"] = "x." + region["output"]
findings = [f for f in compared(renamed)["findings"] if f["output"]]
assert [f["output"] for f in findings] == ["x." + output], findings

# A program's phases stand for regions: nothing is known but times.
bare = {key: now[key] for key in ("format", "version", "how", "model", "time")}
bare["regions"] = [{"output": p["name"], "kind": "phase", "ms": p["ms"], "phases": [p]} for r in now["regions"] for p in r["phases"]]
assert all(f["kind"] in ("slower", "faster") for f in compared(slowed(3, index), bare)["findings"])

# Anything may stand in a file: a sentence and exit code 1, or a comparison.
HOSTILE = [b"", b"{", b"{}", b"[]", b"[" * 100000, b"{\"a\":" * 5000, b"\xff\xfe{}", b"{\"format\": \"cnxc-report\"}", b"<!doctype html>",
           b"<!doctype html><script type=\"application/json\" id=\"report\">{\"format\": 1}</script>",
           b"{\"format\": \"cnxc-report\", \"version\": 99999999999999999999}", b"{\"format\": \"cnxc-report\", \"version\": 2}"]
for key, value in [("regions", {}), ("regions", [1]), ("regions", [{"output": 1}]), ("regions", [{"output": "x", "kind": "y", "ms": "z"}]),
                   ("model", []), ("how", None), ("time", 3), ("version", "1")]:
    HOSTILE.append(json.dumps({**now, key: value}).encode())
for text in HOSTILE:
    open(f"{WORK}/hostile.json", "wb").write(text)
    for arguments in ([NOW, f"{WORK}/hostile.json"], [f"{WORK}/hostile.json"]):
        answer = subprocess.run([CNXC, "report", *arguments, "--json"], capture_output=True, text=True)
        assert answer.returncode == 1 and answer.stderr.count("error:") == 1 and not answer.stdout, (text[:60], answer)
ODD = [("time", {"median_ms": 1e308, "p90_ms": "x"}), ("time", {}), ("memory", []), ("program", {"bytes": -1}), ("comparison", 7),
       ("regions", []), ("regions", [{"output": "", "kind": "", "ms": 1e308, "phases": [1, [], {}], "origin": 5, "snr_db": "x"}] * 3)]
for key, value in ODD:
    odd = {**now, key: value}
    compared(odd), compared(now, odd), compared(odd, odd)
