"""cnxc beside ONNX Runtime and OpenVINO: same weights, same input, outputs checked, runs in turn.

    python3 compare.py CNXC [--variant tiny] [--batch 1] [--threads 1,2] [--rounds 15] [--json FILE] [--peers ort,ov]

Needs a Python with requirements.txt installed. Writes a full-size checkpoint, compiles it, lets cnxc print the
same graph as .onnx for the peers, and measures in one run: this machine's FMA peak (peak.c), each
engine's time for an image with 1 and 2 threads (pinned alike; engines take turns within each round, medians
count), cnxc's compile time, the compiler's peak memory, the artifact's size and the first answer from a cold
start. Each engine lives in a process of its own, so that none disturbs another's threads.
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
GOLDENS = os.path.join(HERE, "..", "goldens")
sys.path.insert(0, os.path.join(GOLDENS, "full"))
from make_checkpoint import VARIANTS, pixel_values  # noqa: E402


def ort_engine(model, x, threads):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["logits"], {"pixel_values": x})[0]


def ov_engine(model, x, threads):
    import openvino as ov
    core = ov.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return lambda: request.infer({"pixel_values": x})["logits"]


def cnxc_engine(library, x, threads):
    import ctypes
    lib = ctypes.CDLL(library)

    class Options(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p), ("parallel_for", ctypes.c_void_p), ("parallel_user", ctypes.c_void_p)]
    options = Options(struct_size=ctypes.sizeof(Options), n_threads=threads)
    model, context = ctypes.c_void_p(), ctypes.c_void_p()
    assert lib.bench_create(ctypes.byref(options), ctypes.byref(model)) == 0
    assert lib.bench_context_create(model, None, ctypes.c_size_t(0), ctypes.byref(context)) == 0
    y = np.empty((x.shape[0], 1000), np.float32)
    inputs, outputs = (ctypes.c_void_p * 1)(x.ctypes.data), (ctypes.c_void_p * 1)(y.ctypes.data)

    def run():
        status = lib.bench_run(context, inputs, ctypes.c_int64(x.shape[0]), outputs)
        assert status == 0, status
        return y
    return run


ENGINES = {"cnxc": cnxc_engine, "ort": ort_engine, "ov": ov_engine}


def serve(engine, model, x_path, threads):
    """A child: for each line on standard input runs once and answers with milliseconds; first saves its output."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    x = np.load(x_path)
    run = ENGINES[engine](model, x, threads)
    for _ in range(3):
        y = run()
    np.save(x_path + f".{engine}.out.npy", y)
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print((time.perf_counter() - start) * 1e3, flush=True)


class Child:
    def __init__(self, engine, model, x_path, threads):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", engine, model, x_path, str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{engine}: {self.process.stderr.read()[-800:]}")

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def timed(command, **how):
    """Seconds and peak memory (MB) of a command and its children."""
    start = time.perf_counter()
    process = subprocess.Popen(command, **how)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def machine(folder):
    peak = os.path.join(folder, "peak")
    subprocess.run(["cc", "-O2", os.path.join(HERE, "peak.c"), "-o", peak], check=True)
    with open("/proc/cpuinfo") as f:
        name = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), platform.processor())
    return {"cpu": name, "cores": os.cpu_count(), "peak_gflops_per_core": json.loads(subprocess.check_output([peak]))}


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


def measure(children, rounds):
    times = {name: [] for name in children}
    for _ in range(rounds):
        for name, child in children.items():
            times[name].append(child.run())
    return {name: sorted(t)[len(t) // 2] for name, t in times.items()}


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--variant", default="tiny", choices=VARIANTS)
    ap.add_argument("--size", type=int, default=224)
    ap.add_argument("--batch", type=int, default=1)
    ap.add_argument("--threads", default="1,2")
    ap.add_argument("--rounds", type=int, default=15)
    ap.add_argument("--peers", default="ort,ov")
    ap.add_argument("--mcpu", default="native")
    ap.add_argument("--json")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnxc-bench-") as folder:
        path = lambda name: os.path.join(folder, name)
        subprocess.run([sys.executable, os.path.join(GOLDENS, "full", "make_checkpoint.py"), a.variant, path("hf")], check=True)
        size = f"--image-size={a.size}x{a.size}"
        result = {"machine": machine(folder), "variant": a.variant, "size": a.size, "batch": a.batch, "runs": []}
        seconds, memory = timed([a.cnxc, "compile", path("hf"), size, f"-mcpu={a.mcpu}", "-o", path("exe")])
        weights = os.path.getsize(path("hf/model.safetensors"))
        result["compile"] = {"seconds": round(seconds, 2), "peak_memory_over_weights": round(memory * 2**20 / weights, 2),
                             "executable_minus_weights_mb": round((os.path.getsize(path("exe")) - weights) / 2**20, 2)}
        subprocess.run([a.cnxc, "compile", path("hf"), size, f"-mcpu={a.mcpu}", "--emit=shared", "--prefix=bench", "-o", path("bench.so")], check=True)
        subprocess.run([a.cnxc, "compile", path("hf"), size, "--emit=onnx", "-o", path("model.onnx")], check=True)
        np.save(path("x.npy"), pixel_values(1, (a.batch, 3, a.size, a.size)))
        seconds, memory = timed([path("exe"), "--threads=1", "--input", "pixel_values=" + path("x.npy"), "--output", "logits=" + path("y.npy")])
        result["cold_start"] = {"ms": round(seconds * 1e3, 1), "memory_mb": round(memory, 1)}
        work = flops(a.variant, a.size) * a.batch
        for threads in map(int, a.threads.split(",")):
            names = ["cnxc", *(p for p in a.peers.split(",") if p)]
            children = {n: Child(n, path("bench.so") if n == "cnxc" else path("model.onnx"), path("x.npy"), threads) for n in names}
            medians = measure(children, a.rounds)
            for child in children.values():
                child.stop()
            reference = np.load(path("x.npy.cnxc.out.npy"))
            peak = result["machine"]["peak_gflops_per_core"]["f32"] * threads
            for name, ms in medians.items():
                y = np.load(path(f"x.npy.{name}.out.npy"))
                run = {"engine": name, "threads": threads, "ms": round(ms, 2), "fraction_of_peak": round(work / ms / 1e6 / peak, 3),
                       "cnxc_is_faster_by": round(ms / medians["cnxc"], 3),
                       "relative_difference": float(f"{np.abs(y - reference).max() / np.abs(reference).max():.1e}")}
                result["runs"].append(run)
                print(f"{name:5s} {threads} threads  {run['ms']:8.2f} ms  {100 * run['fraction_of_peak']:5.1f} % of peak  "
                      f"{run['cnxc_is_faster_by']:.2f}x cnxc's time  differs by {run['relative_difference']:.1e}", flush=True)
    print(json.dumps({k: v for k, v in result.items() if k != "runs"}, indent=1))
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--serve":
        serve(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        main()
