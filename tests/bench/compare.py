# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc beside what a user would pick instead: same weights, same input, outputs checked, runs in turn.

    python3 compare.py CNXC [--variants tiny] [--sizes 224] [--batches 1,8,32] [--threads 1,2] [--precision f32,bf16,int8] [--json FILE] [--peers …]

For each model it writes a full-size checkpoint, compiles it, lets cnxc print the same graph as .onnx for the peers, and
measures in one run:

  machine   for each number of threads: the peak of fp32, bf16 and int8 multiply-adds, and of reading memory (cnxc targets --peak)
  engines   time of a run, all pinned to the same processors; within each round they take turns, medians count. In bf16 and int8
            those take part that have it; int8 models are made by the peers' own tools (quantise.py). Outputs in float32 are
            compared with the float64 reference where tests/goldens/full has one, and all with cnxc's in float32
  compile   time and memory of the compiler, size of the executable
  start     JPEG to label in a fresh process (page cache warm) beside the time of a warm run; peak memory

A peer that is not installed or fails is listed with the reason. chart.py draws the JSON. See README.md.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = os.path.join(HERE, "..", "goldens", "full")
sys.path.insert(0, FULL)
from make_checkpoint import VARIANTS, pixel_values  # noqa: E402
from engines import ENGINES, INT8_ONLY  # noqa: E402


# ── Parts ───────────────────────────────────────────────────────────────────────────────────────────────

class Child:
    """An engine in a process of its own (engines.py)."""

    def __init__(self, engine, models, x_path, threads):
        self.y_path = f"{x_path}.{engine}.{models['precision']}.{threads}.npy"
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "engines.py"), engine, json.dumps(models), x_path, self.y_path, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        self.about = json.loads(line) if line else {"missing": "its process ended"}

    def run(self, n):
        self.process.stdin.write(f"{n}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        """Its peak memory in MB."""
        self.process.stdin.close()
        _, _, usage = os.wait4(self.process.pid, 0)
        return usage.ru_maxrss / 1024


def median(values):
    return sorted(values)[len(values) // 2]


def timed(command, **how):
    """Seconds and peak memory (MB) of a command; of its children, the largest counts."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **how)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def pinned(threads):
    processors = sorted(os.sched_getaffinity(0))[:threads]
    return lambda: os.sched_setaffinity(0, processors)


def measure_peaks(cnxc, threads):
    """In 1e9 a second; of a precision without instructions of its own, fp32's."""
    answer = subprocess.check_output([cnxc, "targets", "--host", "--peak", "--json"], preexec_fn=pinned(threads))
    peaks = json.loads(answer)["peaks"][-1]
    return {"f32": peaks["f32_gflops"], "bf16": peaks["bf16_gflops"] or peaks["f32_gflops"],
            "int8": peaks["int8_gops"] or peaks["f32_gflops"], "memory_gb_per_s": peaks["bandwidth_gbs"]}


def cpu_name():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.processor())


def flops(variant, side):
    """Multiply-adds times 2 of one image: convolutions and matrix products only."""
    depths, dims, _ = VARIANTS[variant]
    s, total = side // 4, 0
    total += s * s * dims[0] * 48
    for i, d in enumerate(dims):
        if i:
            s //= 2
            total += s * s * d * dims[i - 1] * 4
        total += depths[i] * s * s * d * (49 + 8 * d)
    return 2 * (total + dims[-1] * 1000)


def reference_logits(variant, size):
    """Of the first pictures that pixel_values(1, …) makes: (rows, atol), or None."""
    with open(os.path.join(FULL, "refs.json")) as f:
        for ref in json.load(f).values():
            if ref["variant"] == variant and ref["shape"][2:] == [size, size] and ref["seed"] == 1:
                return np.array(ref["logits"]), ref["atol"]
    return None


# ── Measurements ────────────────────────────────────────────────────────────────────────────────────────

def measure_engines(engines, models, x_path, threads, rounds, runs):
    """Of (engine, precision): medians in ms and memory in MB of those that run; reasons of those that don't; their outputs. Each has its
    files in models[precision]."""
    children, found, missing = {}, {}, []
    for engine, precision in engines:
        child = Child(engine, models[precision], x_path, threads)
        if "missing" in child.about:
            missing.append({"engine": engine, "precision": precision, "threads": threads, "reason": child.about["missing"]})
            child.stop()
        else:
            children[engine, precision] = child
    times = {engine: [] for engine in children}
    for _ in range(rounds):
        for engine, child in children.items():
            times[engine] += child.run(runs)
    for engine, child in children.items():
        found[engine] = {"ms": median(times[engine]), "best_ms": min(times[engine]), "version": child.about["version"],
                         "memory_mb": round(child.stop(), 1), "output": np.load(child.y_path)}
    return found, missing


def check(output, float_output, reference):
    """Beside cnxc's float32 and, where there is one, the reference."""
    difference = np.abs(output - float_output).max() / np.abs(float_output).max()
    result = {"relative_difference_from_cnxc": float(f"{difference:.1e}")}
    if reference is not None:
        n = min(len(output), len(reference[0]))
        error = np.abs(output[:n] - reference[0][:n]).max()
        result |= {"error_of_float64_reference": float(f"{error:.1e}"), "within_atol": bool(error <= reference[1])}
    return result


def compare(a, models, x_path, threads, batch, work, peak, reference):
    peers = [(engine, precision) for precision in a.precision for engine in ["cnxc", *a.peers]
             if precision == "int8" or engine not in INT8_ONLY]
    base = ("cnxc", "f32")  # outputs are compared with it, so it always takes part
    found, missing = measure_engines([base, *(p for p in peers if p != base)], models, x_path, threads, a.rounds, a.runs)
    if base not in found:
        raise SystemExit(f"cnxc did not run: {missing}")
    runs = []
    for (engine, precision), f in found.items():
        of_cnxc = found.get(("cnxc", precision))
        run = {"engine": engine, "precision": precision, "version": f["version"], "batch": batch, "threads": threads,
               "ms": round(f["ms"], 3), "best_ms": round(f["best_ms"], 3), "ms_per_image": round(f["ms"] / batch, 3),
               "gflops": round(work * batch / f["ms"] / 1e6, 1), "memory_mb": f["memory_mb"],
               "fraction_of_peak": round(work * batch / f["ms"] / 1e6 / peak[precision], 3),
               "cnxc_is_faster_by": round(f["ms"] / of_cnxc["ms"], 3) if of_cnxc else None,
               **check(f["output"], found[base]["output"], reference if precision == "f32" else None)}
        runs.append(run)
        ratio = f"{run['cnxc_is_faster_by']:6.2f} x cnxc's time" if of_cnxc else " " * 19
        print(f"  {engine:19s} {precision:4s} batch {batch:3d} {threads} threads {run['ms_per_image']:9.2f} ms an image "
              f"{100 * run['fraction_of_peak']:5.1f} % of peak  {ratio}  differs by {run['relative_difference_from_cnxc']:.1e}"
              + ("" if run.get("within_atol", True) else ", beyond the reference's tolerance"), flush=True)
    for m in missing:
        m["batch"] = batch
        print(f"  {m['engine']:19s} {m['precision']:4s} batch {batch:3d} {threads} threads: {m['reason']}", flush=True)
    return runs, missing


def write_picture(path):
    """A JPEG of 640 x 480 with something of everything in it, as a camera's."""
    from PIL import Image
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((640, 480), Image.Resampling.BICUBIC).save(path, quality=90)


def measure_start(executable, picture, threads):
    """JPEG to label in fresh processes; the same program's warm run beside it."""
    command = [executable, f"--threads={threads}", picture]
    starts = [timed(command, preexec_fn=pinned(threads)) for _ in range(10)][1:]  # the first one warms the page cache
    bench = subprocess.check_output([executable, f"--threads={threads}", "--bench", "--json"], preexec_fn=pinned(threads))
    cold, warm = median([s for s, _ in starts]) * 1e3, json.loads(bench)["median_ms"]
    return {"threads": threads, "jpeg_to_label_ms": round(cold, 1), "warm_run_ms": round(warm, 1),
            "more_than_warm_ms": round(cold - warm, 1), "peak_memory_mb": round(max(m for _, m in starts), 1)}


def compile_library(command, path):
    """For the engine "cnxc": its library, or why there is none."""
    done = subprocess.run([*command, "--emit=shared", "--prefix=bench", "-o", path], stderr=subprocess.PIPE, text=True)
    return {"shared": path, "shared_failed": done.stderr.strip() if done.returncode else None}


def measure_model(a, variant, size, path, peaks):
    size_option, folder = f"--image-size={size}x{size}", path("hf")
    subprocess.run([sys.executable, os.path.join(FULL, "make_checkpoint.py"), variant, folder], check=True)
    cnxc = lambda *options: [a.cnxc, "compile", folder, size_option, *options]
    precision = f"--precision={a.precision[0]}"
    native = f"-mcpu={a.mcpu}"
    seconds, memory = timed(cnxc(native, precision, "-o", path("exe")))
    weights = os.path.getsize(os.path.join(folder, "model.safetensors"))
    libraries = {precision: compile_library(cnxc(native, f"--precision={precision}"), path(f"{precision}.so"))
                 for precision in {"f32", *a.precision}}
    result = {"variant": variant, "size": size, "flops": flops(variant, size), "weights_mb": round(weights / 1e6, 2),
              "compile": {"seconds": round(seconds, 2), "peak_memory_over_weights": round(memory * 2**20 / weights, 2)},
              "executable_minus_weights_mb": round((os.path.getsize(path("exe")) - weights) / 1e6, 3), "runs": [], "missing": []}
    try:
        write_picture(path("picture.jpg"))
        result["start"] = [measure_start(path("exe"), path("picture.jpg"), t) for t in a.threads]
        for s in result["start"]:
            s["memory_minus_weights_mb"] = round(s["peak_memory_mb"] * 2**20 / 1e6 - weights / 1e6, 2)
    except ImportError as error:
        result["missing"].append({"engine": "cnxc", "reason": f"start is not measured: {error}"})
    print(json.dumps({k: v for k, v in result.items() if k not in ("runs", "missing")}), flush=True)
    for batch in a.batches:
        x_path = path(f"x{batch}.npy")
        np.save(x_path, pixel_values(1, (batch, 3, size, size)))
        onnx = path(f"b{batch}.onnx")
        models = {precision: {**library, "onnx": onnx, "folder": folder, "precision": precision}
                  for precision, library in libraries.items()}
        subprocess.run(cnxc(f"--dim=batch_size={batch}", "--emit=onnx", "-o", onnx), check=True)
        for threads in a.threads:
            runs, missing = compare(a, models, x_path, threads, batch, result["flops"], peaks[threads],
                                    reference_logits(variant, size))
            result["runs"] += runs
            result["missing"] += missing
    return result


def arguments():
    integers = lambda text: [int(n) for n in text.split(",")]
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--variants", default=["tiny"], type=lambda text: text.split(","), help=", ".join(VARIANTS))
    ap.add_argument("--sizes", default=[224], type=integers)
    ap.add_argument("--batches", default=[1], type=integers)
    ap.add_argument("--threads", default=[1, 2], type=integers)
    ap.add_argument("--rounds", type=int, default=7, help="each engine's turns")
    ap.add_argument("--runs", type=int, default=3, help="timed runs in a turn, after one that is not")
    ap.add_argument("--peers", default=[e for e in ENGINES if e != "cnxc"], type=lambda text: [p for p in text.split(",") if p])
    ap.add_argument("--mcpu", default="native")
    ap.add_argument("--precision", default=["f32"], type=lambda text: text.split(","),
                    help="f32, bf16, int8: of cnxc and of those peers that have it; the first is that of compile and start")
    ap.add_argument("--json")
    a = ap.parse_args()
    if not set(a.variants) <= set(VARIANTS) or not set(a.peers) <= set(ENGINES):
        ap.error(f"variants are {', '.join(VARIANTS)}; peers are {', '.join(ENGINES)}")
    if not set(a.precision) <= {"f32", "bf16", "int8"}:
        ap.error("precisions are f32, bf16, int8")
    return a


def main():
    a = arguments()
    with tempfile.TemporaryDirectory(prefix="cnxc-bench-") as folder:
        peaks = {threads: measure_peaks(a.cnxc, threads) for threads in a.threads}
        result = {"machine": {"cpu": cpu_name(), "cores": os.cpu_count(), "peak": peaks},
                  "cnxc": subprocess.check_output([a.cnxc, "--version"], text=True).split()[-1], "mcpu": a.mcpu, "precision": a.precision, "models": []}
        print(json.dumps(result["machine"]), flush=True)
        for variant in a.variants:
            for size in a.sizes:
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    result["models"].append(measure_model(a, variant, size, lambda name: os.path.join(place, name), peaks))
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
