# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Do two builds of cnxc write the same code?  same_code.py BEFORE AFTER [--quick] [--full] [--only PATTERN,...]

BEFORE and AFTER are cnxc executables in their build folders. Both compile every golden model and the digits with
--emit=obj for six CPUs, in every precision, at O0 and O3 (--full: the published sizes, too, at O3), with the runtime of
BEFORE, so that what is compared is the compiler's work alone: code, descriptor and packed weights. A refactoring ends with
"N same, 0 different". What a command refuses is compared by its message.

--quick: every fourth model, three CPUs, O3: a minute on two cores, for use while working; --full takes a quarter of an hour.
--cache FILE keeps hashes by the contents of compiler, runtime and model, so that BEFORE is not compiled again.
"""
import argparse
import concurrent.futures
import fnmatch
import glob
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from zeros import write_zeros

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
GOLDENS = os.path.join(TESTS, "goldens")
CPUS = ("x86-64-v2", "haswell", "skylake-avx512", "znver4", "sapphirerapids", "aarch64", "neoverse-v1")
QUICK_CPUS = ("haswell", "sapphirerapids", "aarch64")
ARM = {"neoverse-v1", "aarch64", "neoverse-n1", "neoverse-n2", "neoverse-v2"}
PRECISIONS = ("f32", "bf16", "int8")
PUBLISHED = sorted(name for name in os.listdir(os.path.join(ROOT, "models")) if name.startswith("convnext-"))


def digest(*paths):
    h = hashlib.sha256()
    for path in paths:
        if os.path.isdir(path):
            paths_below = sorted(os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
            h.update(digest(*paths_below).encode())
        else:
            with open(path, "rb") as f:
                h.update(hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()


def install(cnxc, runtime, folder):
    """The compiler beside a runtime that may be another build's, and the header that it makes others of: it looks for them in
    ../lib/cnxc."""
    os.makedirs(f"{folder}/bin")
    shutil.copy(cnxc, f"{folder}/bin/cnxc")
    shutil.copytree(runtime, f"{folder}/lib/cnxc")
    own = os.path.join(os.path.dirname(os.path.dirname(cnxc)), "lib", "cnxc")
    for header in glob.glob(f"{own}/**/api.h", recursive=True):
        shutil.copy(header, f"{folder}/lib/cnxc/{os.path.relpath(header, own)}")
    return f"{folder}/bin/cnxc"


# ── Models ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def golden_models():
    """(name, path, options) of each golden model: the folder with all that it can compute, and each exporter's graph."""
    with open(os.path.join(GOLDENS, "manifest.json")) as f:
        cases = json.load(f)["models"]
    for case in cases:
        folder = os.path.join(GOLDENS, case["dir"])
        shape = case["inputs"]["pixel_values"]["shape"]
        size = f"--image-size={shape[2]}x{shape[3]}"
        yield case["name"], folder, [size, "--outputs=" + ",".join(case["outputs"])]
        for export in case.get("onnx", []):
            yield f"{case['name']}/{export['file']}", os.path.join(folder, export["file"]), [size]


def wanted(name, only):
    return any(fnmatch.fnmatch(name, pattern) for pattern in only.split(","))


def config_tensors(path):
    """Name → shape of a folder's weights, read from the text that cnxc prints for its config."""
    with open(path) as f:
        for line in f:
            found = re.match(r'\s*float\[([\d,]*)\] "?([\w.]+)"? = \["location"', line)
            if found:
                yield found[2], [int(n) for n in found[1].split(",") if n]


def published_model(cnxc, variant, folder):
    """The published variant with weights of zero."""
    shutil.copytree(os.path.join(ROOT, "models", variant), folder)
    text = os.path.join(folder, "graph.onnxtxt")
    subprocess.run([cnxc, "compile", folder, "--config-only", "--emit=onnxtxt", "-o", text], check=True, capture_output=True)
    write_zeros(os.path.join(folder, "model.safetensors"), dict(config_tensors(text)))
    return variant, folder, []


# ── Compiling ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def code_hash(cnxc, path, options):
    with tempfile.TemporaryDirectory(prefix="cnxc-same-") as folder:
        out = os.path.join(folder, "model.o")
        result = subprocess.run([cnxc, "compile", path, "--emit=obj", "-o", out, *options], capture_output=True, text=True)
        if result.returncode:
            return f"exit {result.returncode}: {result.stderr.strip()[:300]}"
        return digest(out, os.path.join(folder, "model.h"))


def cpu_options(cpu):
    return [f"-mcpu={cpu}"] + (["--target=aarch64-linux-gnu"] if cpu in ARM else [])


def work_list(models, cpus, levels):
    """(label, model, options) of each compilation."""
    for name, path, options in models:
        for cpu, precision, level in itertools.product(cpus, PRECISIONS, levels):
            yield f"{name} {cpu} {precision} {level}", path, [*options, *cpu_options(cpu), f"--precision={precision}", f"-{level}"]


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("before", type=os.path.abspath)
    ap.add_argument("after", type=os.path.abspath)
    ap.add_argument("--quick", action="store_true")
    ap.add_argument("--full", action="store_true")
    ap.add_argument("--only", default="*")
    ap.add_argument("--cache")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    a = ap.parse_args()
    cache = {}
    if a.cache and os.path.exists(a.cache):
        with open(a.cache) as f:
            cache = json.load(f)
    with tempfile.TemporaryDirectory(prefix="cnxc-same-") as folder:
        runtime = os.path.join(os.path.dirname(os.path.dirname(a.before)), "lib", "cnxc")
        builds = [install(cnxc, runtime, f"{folder}/{i}") for i, cnxc in enumerate((a.before, a.after))]
        keys = [digest(cnxc, runtime) for cnxc in builds]
        models = [*golden_models(), ("digits", os.path.join(ROOT, "models", "digits"), [])][::4 if a.quick else 1]
        models = [model for model in models if wanted(model[0], a.only)]
        published = [published_model(builds[0], v, f"{folder}/{v}") for v in PUBLISHED if a.full and wanted(v, a.only)]
        cpus, levels = (QUICK_CPUS, ["O3"]) if a.quick else (CPUS, ["O3", "O0"])
        work = [*work_list(models, cpus, levels), *work_list(published, cpus, ["O3"])]
        digests = {path: digest(path) for _, path, _ in models} | {path: digest(f"{path}/config.json") for _, path, _ in published}

        def both(item):
            label, path, options = item
            hashes = []
            for key, cnxc in zip(keys, builds):
                known = f"{key} {digests[path]} {' '.join(options)}"
                if known not in cache:
                    cache[known] = code_hash(cnxc, path, options)
                hashes.append(cache[known])
            return label, hashes

        same, different, refused = 0, 0, 0
        with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
            for label, (before, after) in pool.map(both, work):
                refused += before.startswith("exit")
                same, different = same + (before == after), different + (before != after)
                if before != after:
                    print(f"DIFFERENT {label}: {before[:16]} {after[:300] if after.startswith('exit') else after[:16]}", flush=True)
    if a.cache:
        for key in list(cache):
            if cache[key].startswith("exit"):
                del cache[key]
        with open(a.cache + ".new", "w") as f:
            json.dump(cache, f)
        os.replace(a.cache + ".new", a.cache)
    print(f"{same} same, {different} different ({refused} refused by both or before)")
    return 1 if different or not same else 0


if __name__ == "__main__":
    sys.exit(main())
