# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised .onnx files, as other tools wrote them: a compiled program beside ONNX Runtime, in turn, on the same processors.

    python3 quantised_files.py CNXC FILE.onnx… [--variants tiny,v2-tiny] [--threads 1,2] [--rounds 5] [--json FILE]

FILE: what tests/quantizers/Inputs/make.py made, for one. --variants adds full-size models, whose file ONNX Runtime's quantizer makes
here (QDQ, per channel). Each turn is a fresh process of either, half a second of runs behind some that don't count; medians of medians.
Prints a line a file and number of threads, slowest beside the peer last, and how many are not as fast.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "goldens", "full")]
SECONDS = 0.5


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def pinned(threads):
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


# ── The peer, in a process of its own ───────────────────────────────────────────────────────────────────

def session_of(path, threads):
    """With all optimisations, or as many as the file survives: some of NNCF's become graphs that ONNX Runtime itself refuses."""
    import onnxruntime as ort
    level = ort.GraphOptimizationLevel
    for optimise in (level.ORT_ENABLE_ALL, level.ORT_ENABLE_EXTENDED, level.ORT_ENABLE_BASIC, level.ORT_DISABLE_ALL):
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.graph_optimization_level = threads, 1, optimise
        try:
            return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]), optimise.name
        except Exception as error:  # each release has names of its own for what can go wrong
            reason = error
    raise SystemExit(f"{path}: {reason}")


def peer(path, threads):
    import numpy as np
    session, level = session_of(path, threads)
    value = session.get_inputs()[0]
    shape = [d if isinstance(d, int) else 1 for d in value.shape]
    inputs = {value.name: np.random.default_rng(1).normal(size=shape).astype(np.float32)}
    times, start = [], time.perf_counter()
    while len(times) < 10 or time.perf_counter() - start < 2 * SECONDS:
        before = time.perf_counter()
        session.run(None, inputs)
        times.append((time.perf_counter() - before) * 1e3)
    print(json.dumps({"ms": median(times[len(times) // 2:]), "level": level}))


# ── Turns ───────────────────────────────────────────────────────────────────────────────────────────────

def free_batch(path):
    """Options that fix a free batch at one."""
    import onnx
    dims = onnx.load(path, load_external_data=False).graph.input[0].type.tensor_type.shape.dim
    return [f"--dim={d.dim_param}=1" for d in dims[:1] if d.dim_param]


def turn_of_program(program, threads):
    out = subprocess.check_output([program, "--bench", "--json", f"--threads={threads}"], preexec_fn=pinned(threads))
    return json.loads(out)["median_ms"]


def turn_of_peer(path, threads):
    command = [sys.executable, os.path.abspath(__file__), "--peer", path, str(threads)]
    return json.loads(subprocess.check_output(command, preexec_fn=pinned(threads), stderr=subprocess.DEVNULL))


def measure(a, path, folder):
    program = os.path.join(folder, "program")
    subprocess.run([a.cnxc, "compile", path, *free_batch(path), "-o", program], check=True, stderr=subprocess.DEVNULL)
    rows = []
    for threads in a.threads:
        ours, theirs = [], []
        for _ in range(a.rounds):
            ours.append(turn_of_program(program, threads))
            theirs.append(turn_of_peer(path, threads))
        row = {"file": os.path.basename(path), "threads": threads, "cnxc_ms": round(median(ours), 4),
               "onnxruntime_ms": round(median(turn["ms"] for turn in theirs), 4), "level": theirs[0]["level"]}
        row["ratio"] = round(row["onnxruntime_ms"] / row["cnxc_ms"], 2)
        print_row(row)
        rows.append(row)
    return rows


def print_row(row):
    print(f"{row['file']:45s} {row['threads']} threads  {row['cnxc_ms']:9.3f} ms  ONNX Runtime {row['onnxruntime_ms']:9.3f} ms  {row['ratio']:6.2f} x"
          + ("" if row["level"] == "ORT_ENABLE_ALL" else f", which takes it with {row['level']} only"), flush=True)


def full_size(cnxc, variant, folder):
    """ConvNeXt of that size, random weights, as ONNX Runtime's quantizer writes it."""
    import quantise
    from make_checkpoint import pixel_values
    checkpoint, graph = os.path.join(folder, variant), os.path.join(folder, f"{variant}.onnx")
    subprocess.run([sys.executable, os.path.join(HERE, "..", "goldens", "full", "make_checkpoint.py"), variant, checkpoint], check=True)
    subprocess.run([cnxc, "compile", checkpoint, "--dim=batch_size=1", "--emit=onnx", "-o", graph], check=True)
    shape = (1, 3, 224, 224)
    return quantise.onnxruntime_static(graph, [pixel_values(100 + i, shape) for i in range(8)], os.path.join(folder, f"{variant}-onnxruntime-qdq.onnx"))


def main():
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2], int(sys.argv[3]))
        return
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("files", nargs="*", metavar="FILE.onnx")
    ap.add_argument("--variants", default=[], type=lambda text: text.split(","))
    ap.add_argument("--threads", default=[1, 2], type=lambda text: [int(n) for n in text.split(",")])
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--json")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnxc-bench-") as folder:
        files = [*a.files, *(full_size(a.cnxc, variant, folder) for variant in a.variants)]
        rows = [row for path in files for row in measure(a, path, folder)]
    print("\nslowest beside the peer last:")
    for row in sorted(rows, key=lambda row: -row["ratio"]):
        print_row(row)
    print(f"{sum(row['ratio'] >= 1 for row in rows)} of {len(rows)} at least as fast as ONNX Runtime")
    if a.json:
        with open(a.json, "w") as f:
            json.dump(rows, f, indent=1)


if __name__ == "__main__":
    main()
