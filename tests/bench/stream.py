# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many pictures: a compiled program beside what a user would write in Python, on the same processors.

    python3 stream.py CNXC MODEL [--pictures 2000] [--precision bf16,int8] [--threads 1,2] [--peers onnxruntime,openvino] [--json FILE]

Makes JPEGs from a seed, a third of 1920x1080, the others 500x375. For each precision and number of processors:

  compute   milliseconds of a run, --bench on as many threads
  stream    pictures a second from the program's start to its end, and as a share of 1000 / compute: what is lost to decoding,
            preparing and waiting; the first line's time; peak memory after a hundred pictures and after all
  broken    the same with every tenth picture broken: pictures a second of the whole ones, each broken one its own line
  SIGTERM   in the middle: whole lines, and as many rows in the .npy
  peers     ONNX Runtime and OpenVINO on the same graph and as many threads, with as many threads of Pillow decoding beside

The best of --rounds. Ends with exit code 1 if a check (all but the speeds) fails."""
import argparse
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
problems = []


def check(holds, what):
    if not holds:
        problems.append(what)
        print(f"FAIL {what}", flush=True)


def make_pictures(folder, n, seed=12):
    rng = np.random.default_rng(seed)
    paths = [f"{folder}/{i:05d}.jpg" for i in range(n)]
    for i, path in enumerate(paths):
        width, height = (1920, 1080) if i % 3 == 0 else (500, 375)
        coarse = Image.fromarray(rng.integers(0, 256, (height // 32 + 2, width // 32 + 2, 3), dtype=np.uint8))
        noise = rng.integers(-6, 7, (height, width, 1), dtype=np.int16)
        pixels = np.asarray(coarse.resize((width, height), Image.BICUBIC)).astype(np.int16) + noise
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=85)
    return paths


def on(cores):
    """For a child: these processors only."""
    return lambda: os.sched_setaffinity(0, cores)


# ── The program ─────────────────────────────────────────────────────────────────────────────────────────


def compute_ms(program, cores):
    said = subprocess.run([program, "--bench", "--json", "--threads", str(len(cores))], capture_output=True, check=True, preexec_fn=on(cores))
    return json.loads(said.stdout)["median_ms"]


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))


def stream(program, folder, cores):
    """Seconds in all and to the first line, peak memory after a hundred pictures and near the end, the lines."""
    n, lines, memory = len(os.listdir(folder)), [], []
    start = time.perf_counter()
    child = subprocess.Popen([program, folder, "-k", "1", "--jsonl"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=on(cores))
    for line in child.stdout:
        if not lines:
            first = time.perf_counter() - start
        lines.append(json.loads(line))
        if len(lines) in (min(100, n // 2), n - 8):
            memory.append(peak_mb(child.pid))
    child.wait()
    return time.perf_counter() - start, first, memory, lines


def terminate(program, folder, cores, work):
    rows, said = f"{work}/rows.npy", f"{work}/said.jsonl"
    with open(said, "w") as file:
        child = subprocess.Popen([program, folder, "-k", "1", "--jsonl", "--output", f"logits={rows}"], stdout=file, stderr=subprocess.DEVNULL,
                                 preexec_fn=on(cores))
    while os.path.getsize(said) < 2000:
        time.sleep(0.01)
    child.terminate()
    code = child.wait()
    with open(said) as file:
        lines = [json.loads(line) for line in file]
    check(code == -signal.SIGTERM and 0 < len(lines) < len(os.listdir(folder)), f"SIGTERM ends it in the middle ({code}, {len(lines)} lines)")
    check(np.load(rows).shape == (len(lines), 1000), "as many rows as lines")
    os.unlink(rows)
    os.unlink(rows + ".paths.txt")


def measure_program(program, folders, cores, rounds, work):
    whole, broken = folders
    taken = {"compute_ms": [], "rate": [], "first_s": [], "memory_mb": [], "rate_with_broken": []}
    for _ in range(rounds):
        taken["compute_ms"].append(compute_ms(program, cores))
        seconds, first, memory, lines = stream(program, whole, cores)
        check([line["path"] for line in lines] == sorted(line["path"] for line in lines) and not any("error" in line for line in lines), "all in order")
        taken["rate"].append(len(lines) / seconds)
        taken["first_s"].append(first)
        taken["memory_mb"].append(memory)
        seconds, _, _, lines = stream(program, broken, cores)
        bad = [line["path"] for line in lines if "error" in line]
        check(bad == [line["path"] for line in lines][::10], "broken pictures and no others fail")
        taken["rate_with_broken"].append((len(lines) - len(bad)) / seconds)
    terminate(program, whole, cores, work)
    result = {name: (max if name.startswith("rate") else min)(values) for name, values in taken.items()}
    result["share"] = result["rate"] * result["compute_ms"] / 1000
    check(result["memory_mb"][1] < result["memory_mb"][0] + 4 + len(cores) * 8, f"memory is flat: {result['memory_mb']} MB")
    check(result["first_s"] < 0.3, f"the first line comes within 0.3 s: {result['first_s']:.2f} s")
    return result


# ── Peers ───────────────────────────────────────────────────────────────────────────────────────────────


def prepare(path):
    """As ConvNeXt's processor does with Pillow; the last bits are not the point here."""
    image = Image.open(path).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC)
    left, top = (image.width - 224) // 2, (image.height - 224) // 2
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)[None].copy()


def run_peer(engine, models, folder, threads):
    """In a process of its own, whose output is one line of JSON."""
    from engines import ENGINES, reason
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        x = prepare(paths[0])
        run = ENGINES[engine](models, x, threads)
        run()
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(threads) as pool:
            waiting, taken = [], 0
            for path in paths + [None] * 4 * threads:
                if path:
                    waiting.append(pool.submit(prepare, path))
                if waiting and (not path or len(waiting) > 4 * threads):
                    x[:] = waiting.pop(0).result()
                    run().argmax()
                    taken += 1
        print(json.dumps({"rate": taken / (time.perf_counter() - start)}), file=answers)
    except Exception as error:  # whatever a peer does, the others are still measured
        print(json.dumps({"missing": reason(error)}), file=answers)


def peer(engine, models, folder, cores):
    command = [sys.executable, os.path.abspath(__file__), "--peer", engine, json.dumps(models), folder, str(len(cores))]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=on(cores)).stdout
    return json.loads(said) if said else {"missing": "its process ended"}


# ── All ─────────────────────────────────────────────────────────────────────────────────────────────────


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("model")
    ap.add_argument("--pictures", type=int, default=2000)
    ap.add_argument("--precision", default="bf16,int8")
    ap.add_argument("--threads", default="1,2")
    ap.add_argument("--mcpu", default="native")
    ap.add_argument("--peers", default="onnxruntime,openvino")
    ap.add_argument("--rounds", type=int, default=3)
    ap.add_argument("--json")
    args = ap.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="cnxc-stream-") as work:
        whole, broken = f"{work}/whole", f"{work}/broken"
        os.mkdir(whole), os.mkdir(broken)
        for i, path in enumerate(make_pictures(whole, args.pictures)):
            os.link(path, f"{broken}/{i:05d}.jpg")
            if i % 10 == 0:
                os.unlink(f"{broken}/{i:05d}.jpg")
                with open(path, "rb") as source, open(f"{broken}/{i:05d}.jpg", "wb") as half:
                    half.write(source.read()[:2000])
        graph = f"{work}/model.onnx"
        subprocess.run([args.cnxc, "compile", args.model, "--emit=onnx", "--dim=batch_size=1", "-o", graph], check=True)
        for precision in args.precision.split(","):
            program = f"{work}/{precision}"
            subprocess.run([args.cnxc, "compile", args.model, f"--precision={precision}", f"-mcpu={args.mcpu}", "-o", program], check=True)
            for threads in map(int, args.threads.split(",")):
                cores = sorted(os.sched_getaffinity(0))[:threads]
                found = measure_program(program, (whole, broken), cores, args.rounds, work)
                print(f"{precision} on {threads}: compute {found['compute_ms']:.1f} ms, {found['rate']:.1f} pictures/s, share {found['share']:.2f}, "
                      f"first line {found['first_s']:.2f} s, memory {found['memory_mb'][0]:.0f} then {found['memory_mb'][1]:.0f} MB, "
                      f"one in ten broken {found['rate_with_broken']:.1f} pictures/s", flush=True)
                results.append({"engine": "cnxc", "precision": precision, "threads": threads, **found})
                for name in filter(None, args.peers.split(",")):
                    said = max((peer(name, {"onnx": graph, "precision": precision}, whole, cores) for _ in range(args.rounds)),
                               key=lambda answer: answer.get("rate", 0))
                    print(f"{precision} on {threads}: {name} " + (f"{said['rate']:.1f} pictures/s" if "rate" in said else said["missing"]), flush=True)
                    results.append({"engine": name, "precision": precision, "threads": threads, **said})
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)
    return bool(problems)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        run_peer(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
    else:
        sys.exit(main())
