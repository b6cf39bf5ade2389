# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc.ray beside the plain program and ONNX Runtime, on the same processors.

    python3 ray_rates.py CNXC MODEL [--pictures 5000] [--actors 1,2] [--clients 1,4,16] [--requests 400] [--rounds 1] [--json FILE]

For each number of actors, with as many processors for all that runs, reading and Ray itself included:

  program      pictures a second of `PROGRAM folder -k 1 --jsonl` (stream.py's pictures)
  Ray Data     of read_binary_files → map_batches(cnxc.ray.Classifier), from the first answer to the last, and from the call to the last
  ONNX         the same with ONNX Runtime and Pillow in the actors
  memory       PSS of all actors, and how much of it is the library; beside the bound weights + N (Python and Ray + context + pictures), of which an
               actor without a model, which is given the same pictures, tells the first: pages of Ray's store are counted with those who read them

For the largest number of processors, Ray Serve: p50 and p99 of requests by so many clients, and pictures a batch.

A pipeline's processors in Ray are as many as actors and one: that one is what Ray starts the reading tasks for. Needs tests/ray/requirements.txt.
Ends with exit code 1 if an answer is missing or there twice."""
import argparse
import concurrent.futures
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "python")]
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
os.environ["RAY_worker_niceness"] = "0"  # 15 by default, so that whatever else runs would come first
import stream  # noqa: E402

BATCH = 32
PICTURES_MB = 64  # of an actor: its context, a batch of files, and what Arrow and the decoders keep
SECONDS = 1  # between two looks at an actor's memory, which take a while
problems = []


def check(holds, what):
    if not holds:
        problems.append(what)
        print(f"FAIL {what}", flush=True)


def own_memory(library):
    """PSS of this process in MB, and of the library's pages in it."""
    whole = part = 0
    inside = False
    with open("/proc/self/smaps", encoding="utf-8") as file:
        for line in file:
            if line[0] in "0123456789abcdef" and "-" in line.split(" ", 1)[0]:
                inside = line.rstrip("\n").endswith(library)
            elif line.startswith("Pss:"):
                kilobytes = int(line.split()[1])
                whole, part = whole + kilobytes, part + kilobytes * inside
    return whole / 1024, part / 1024


# ── Actors ──────────────────────────────────────────────────────────────────────────────────────────────


looked = (0, 0, 0)  # when, and what was seen


def telling(batch, library):
    global looked
    n = len(batch["path"])
    if not looked[0] or time.monotonic() - looked[0] > SECONDS:
        looked = (time.monotonic(), *own_memory(library))
    _, pss, shared = looked
    return {"path": batch["path"], "pid": np.full(n, os.getpid()), "pss": np.full(n, pss), "shared": np.full(n, shared)}


class WithCnxc:
    def __init__(self, place):
        import cnxc.ray
        self.classifier, self.place = cnxc.ray.Classifier(place, top_k=1), place

    def __call__(self, batch):
        result = self.classifier(batch)
        return {**telling(batch, self.place), "label": result["label"], "error": result["error"]}


class WithOnnx:
    def __init__(self, place):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(place, options, providers=["CPUExecutionProvider"])
        self.input, self.place = self.session.get_inputs()[0].name, place

    def __call__(self, batch):
        import io
        best = [int(self.session.run(None, {self.input: stream.prepare(io.BytesIO(data))})[0].argmax()) for data in batch["bytes"]]
        return {**telling(batch, self.place), "label": np.array([str(i) for i in best], object), "error": np.full(len(best), "")}


class Bare:
    """What Python and Ray need for an actor."""

    def __init__(self, place):
        import cnxc.ray  # noqa: F401
        self.place = place

    def __call__(self, batch):
        return {**telling(batch, self.place), "label": np.full(len(batch["path"]), "", object), "error": np.full(len(batch["path"]), "")}


def pipeline(kind, place, folder, actors):
    import ray
    start = time.perf_counter()
    rows, seconds = [], []
    dataset = ray.data.read_binary_files(folder, include_paths=True, override_num_blocks=max(8, len(os.listdir(folder)) // 100))
    dataset = dataset.map_batches(kind, fn_constructor_args=[place], compute=ray.data.ActorPoolStrategy(size=actors), num_cpus=1, batch_size=BATCH)
    for batch in dataset.iter_batches(batch_size=None):
        seconds.append((time.perf_counter() - start, len(batch["path"])))
        rows.append({name: np.array(values) for name, values in batch.items()})
    paths = np.concatenate([row["path"] for row in rows])
    check(sorted(paths) == sorted(os.path.join(folder, name) for name in os.listdir(folder)), "each picture has one answer")
    check(not any(np.concatenate([row["error"] for row in rows])), "no errors")
    (first, n), (last, _) = seconds[0], seconds[-1]
    pid, pss, shared = (np.concatenate([row[name] for row in rows]) for name in ("pid", "pss", "shared"))
    memory = [(float(np.median(pss[pid == one])), float(np.median(shared[pid == one]))) for one in np.unique(pid)]  # as long as all are at work
    return {"rate": (len(paths) - n) / (last - first) if last > first else 0.0, "rate_with_start": len(paths) / last, "pss_mb": [m[0] for m in memory],
            "library_pss_mb": [m[1] for m in memory]}


def in_ray(processors, work):
    """Runs work in a Ray of its own, on so many of the machine's processors."""
    import ray
    os.sched_setaffinity(0, sorted(ALL)[:processors])
    ray.init(num_cpus=processors + 1, include_dashboard=False, log_to_driver=False, object_store_memory=512 << 20)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        return work()
    finally:
        ray.shutdown()
        os.sched_setaffinity(0, ALL)


# ── Serve ───────────────────────────────────────────────────────────────────────────────────────────────

PORT = 8018


def client(pictures):
    """Seconds of each request, one after the other."""
    connection, took = http.client.HTTPConnection("127.0.0.1", PORT), []
    for picture in pictures:
        start = time.perf_counter()
        connection.request("POST", "/?top_k=1", picture)
        response = connection.getresponse()
        check(response.status == 200 and json.load(response), "Serve answers")
        took.append(time.perf_counter() - start)
    return took


def measure_server(place, folder, clients, requests):
    from ray import serve
    import cnxc.ray
    pictures = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))[:requests]]
    serve.start(http_options={"port": PORT})
    deployment = serve.deployment(cnxc.ray.Server).options(ray_actor_options={"num_cpus": len(os.sched_getaffinity(0))}, max_ongoing_requests=64)
    handle = serve.run(deployment.bind(place))
    client(pictures[:8])
    results = []
    for n in clients:
        before = handle.statistics.remote().result()
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            took = np.concatenate(list(pool.map(client, [pictures[i::n] for i in range(n)])))
        seconds, after = time.perf_counter() - start, handle.statistics.remote().result()
        results.append({"clients": n, "p50_ms": 1e3 * float(np.percentile(took, 50)), "p99_ms": 1e3 * float(np.percentile(took, 99)),
                        "rate": len(took) / seconds, "batch": (after["pictures"] - before["pictures"]) / (after["batches"] - before["batches"])})
        print("serve, {clients} clients: p50 {p50_ms:.0f} ms, p99 {p99_ms:.0f} ms, {rate:.1f} pictures/s, {batch:.1f} pictures a batch".format(**results[-1]), flush=True)
    serve.shutdown()
    return results


# ── All ─────────────────────────────────────────────────────────────────────────────────────────────────


def plain(program, folder, processors):
    start = time.perf_counter()
    said = subprocess.run([program, folder, "-k", "1", "--jsonl"], check=True, capture_output=True, preexec_fn=stream.on(sorted(ALL)[:processors]))
    check(len(said.stdout.splitlines()) == len(os.listdir(folder)), "the program answers all")
    return len(os.listdir(folder)) / (time.perf_counter() - start)


def measure(actors, files, folder, rounds):
    found = {"actors": actors, "program": 0.0}
    for _ in range(rounds):  # taking turns
        found["program"] = max(found["program"], plain(files["program"], folder, actors))
        for name, kind, place in ("cnxc", WithCnxc, files["library"]), ("onnx", WithOnnx, files["onnx"]):
            got = in_ray(actors, lambda: pipeline(kind, place, folder, actors))
            if got["rate"] > found.get(name, {"rate": 0})["rate"]:
                found[name] = got
    bare = in_ray(actors, lambda: pipeline(Bare, files["library"], folder, actors))["pss_mb"]
    weights = os.path.getsize(files["library"]) / (1 << 20)
    bound = weights + actors * (max(bare) + PICTURES_MB)
    pss = sum(found["cnxc"]["pss_mb"])
    found.update(bare_pss_mb=bare, bound_mb=bound)
    print(f"{actors} actors: program {found['program']:.2f} pictures/s; Ray {found['cnxc']['rate']:.2f} ({found['cnxc']['rate'] / found['program']:.2f} of it), "
          f"with its start {found['cnxc']['rate_with_start']:.2f}; ONNX Runtime in Ray {found['onnx']['rate']:.2f} ({found['onnx']['rate'] / found['cnxc']['rate']:.2f} of ours)\n"
          f"{actors} actors: PSS {pss:.0f} MB of them {sum(found['cnxc']['library_pss_mb']):.0f} MB of the library ({weights:.0f} MB); an actor without a model "
          f"{max(bare):.0f} MB; bound {bound:.0f} MB", flush=True)
    check(pss <= bound, f"memory of {actors} actors is within its bound")
    return found


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("model")
    ap.add_argument("--pictures", type=int, default=5000)
    ap.add_argument("--actors", default="1,2")
    ap.add_argument("--clients", default="1,4,16")
    ap.add_argument("--requests", type=int, default=400)
    ap.add_argument("--rounds", type=int, default=1)
    ap.add_argument("--json")
    args = ap.parse_args()
    os.environ["CNXC"] = args.cnxc
    with tempfile.TemporaryDirectory(prefix="cnxc-ray-") as work:
        folder = f"{work}/pictures"
        os.mkdir(folder)
        stream.make_pictures(folder, args.pictures)
        files = {"program": f"{work}/program", "library": f"{work}/libmodel.so", "onnx": f"{work}/model.onnx"}
        for name in "program", "library", "onnx":
            fixed = ["--dim=batch_size=1"] if name == "onnx" else []
            subprocess.run([args.cnxc, "compile", args.model, *fixed, "-o", files[name]], check=True)
        actors = [int(n) for n in args.actors.split(",")]
        results = {"data": [measure(n, files, folder, args.rounds) for n in actors]}
        clients = [int(n) for n in args.clients.split(",")]
        results["serve"] = in_ray(max(actors), lambda: measure_server(files["library"], folder, clients, args.requests))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
    return bool(problems)


if __name__ == "__main__":
    ALL = os.sched_getaffinity(0)
    sys.exit(main())
