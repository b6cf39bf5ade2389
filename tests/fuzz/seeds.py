# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Collects what the fuzz targets start from: seeds.py OUT makes OUT/TARGET with files of the other tests, the small ones,
and OUT/TARGET.words, libFuzzer's dictionary.

Nothing is kept here twice: texts, graphs, checkpoints, configs and pictures come from tests/ and models/, and the bad
inputs from the table of tests/bad_inputs.
"""
import collections
import glob
import hashlib
import json
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "bad_inputs"))
import run as _table  # noqa: E402,F401  (fills harness.CASES)
import harness  # noqa: E402

MOST_BYTES = 40_000  # larger ones slow the search down
MOST_FILES = 400
MOST_WORDS = 400

SOURCES = {  # target: (patterns below the root, endings of files in the table of bad inputs)
    "text": (["tests/*/*.onnxtxt", "models/*/*.onnxtxt"], (".onnxtxt",)),
    "compile": (["tests/passes/*.onnxtxt", "tests/schedule/*.onnxtxt", "tests/text/*.onnxtxt"], (".onnxtxt",)),
    "code": (["tests/passes/*.onnxtxt", "tests/schedule/*.onnxtxt", "tests/**/*.onnx"], (".onnxtxt", ".onnx")),
    "onnx": (["tests/goldens/**/*.onnx", "tests/**/*.onnx"], (".onnx",)),
    "safetensors": (["tests/goldens/**/*.safetensors"], (".safetensors",)),
    "pickle": (["tests/goldens/**/*.bin", "tests/goldens/**/*.pth", "tests/goldens/**/*.pt"], (".bin", ".pth")),
    "alone": (["tests/goldens/**/*.safetensors", "tests/goldens/**/*.bin", "tests/goldens/**/*.pth"], (".safetensors", ".bin", ".pth", ".ckpt")),
    "npy": (["tests/goldens/**/*.npy"], (".npy",)),
    "image": (["tests/goldens/images/*/input.*", "models/digits/**/*.png"], (".png", ".jpg", ".webp")),
    "profile": (["compiler/target/profiles/*.xml"], (".xml",)),
}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def files(patterns, endings):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern), recursive=True)):
            if os.path.getsize(path) <= MOST_BYTES:
                yield read(path)
    for case in harness.CASES:
        for name, content in case.files.items():
            if name.endswith(endings) and not (case.peak_mb and name.endswith(".onnxtxt")):  # slow ones: budgets that are used up
                yield content.encode() if isinstance(content, str) else content


def configs():
    """config.json, a NUL, preprocessor_config.json."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/**/config.json"), recursive=True)):
        processor = os.path.join(os.path.dirname(path), "preprocessor_config.json")
        yield read(path) + b"\0" + (read(processor) if os.path.exists(processor) else b"{}")
    for case in harness.CASES:
        if "m/config.json" in case.files:
            parts = [case.files.get("m/" + n, "{}") for n in ("config.json", "preprocessor_config.json")]
            yield b"\0".join(p.encode() if isinstance(p, str) else p for p in parts)


def answers():
    """Records of h5.h: type, contiguous, rank, eight dimensions, offset, bytes, path."""
    for dtype, dims, place, path in [(1, [2, 3], (8, 24), b"layer/model/x:0"), (7, [], (0, 8), b"x"), (0, [3], (0, 9), b"s/t"), (1, [1] * 9, (0, 4), b"h")]:
        yield struct.pack("<13q1024s", dtype, 1, len(dims), *(dims + [0] * 8)[:8], *place, path)


MACHINE = {"cpu": "Z80", "profile": "znver4", "features": ["avx2"], "cores": 2, "caches": {"l1d_bytes": 32768}, "kernel": "Linux"}
PHASES = [{"name": "x_1", "ms": 0.25, "gflops": 1.5, "index": 0}, {"name": "x_2", "ms": 0.5, "gflops": 0, "index": 1}]


def report(scale, name, snr):
    """What cnxc report writes, with the keys that a comparison looks at."""
    regions = [{"output": f"{name}{i}", "kind": kind, "ms": i * scale, "phases": PHASES[:i], "snr_db": snr, "origin": [{"op": "Conv", "name": f"c{i // 2}"}]}
               for i, kind in enumerate(["conv", "block", "block", "map"])]
    return {"format": "cnxc-report", "version": 1, "model": {"model": "m", "macs": 14036352}, "how": {"cnxc": "0.1.0", "machine": MACHINE}, "peaks": None,
            "graph": {"nodes": []}, "regions": regions, "unfused": [], "time": {"median_ms": 4.0 * scale, "p90_ms": 5.0 * scale, "threads": 2, "runs": 1230},
            "timeline": None, "memory": {"arena_bytes": 49152, "scratch_bytes": 61440 * scale, "weights_bytes": 4338560}, "program": {"bytes": 5244968},
            "precision": None, "precision_why": "", "comparison": None}


def reports():
    a, b = json.dumps(report(1, "x", {"bf16": 61.5, "int8": None})), json.dumps(report(3, "y", {"bf16": 20, "int8": 31}))
    page = '<!doctype html><script type="application/json" id="report">%s</script></html>' % b.replace("<", "\\u003c")
    wide = json.dumps(report(1, "x", {})).replace('"conv"', '"\\u001b</script>\\u202e"')
    deep = json.dumps(report(1, "x", {})).replace('"peaks": null', '"peaks": ' + "[" * 2046 + "]" * 2046)
    return [t.encode() for t in (a, page, f"{a}\0{b}", f"{a}\0{page}", wide, deep, a.replace("null", "1e308"), a.replace('"model"', '"format"', 1))]


def programs():
    """Answers in the order of fuzz_answers.c."""
    info = {"version": "0.1.0", "task": "raw", "cpu": "znver4", "precision": "int8", "opt_level": 3, "graph_hash": "2a96", "weights_hash": "4dd3"}
    times = {"median_ms": 0.36, "p90_ms": 0.37, "p99_ms": 0.38, "runs": 2, "threads": 2, "batch": 1, "gflops": 75.14, "per_op": PHASES}
    turns = ['{"threads": 2, "batch": 1, "flops": 27253248, "phases": ["x_1", "x_2", "x_1"]}', '{"ms": [12.1, 12.3], "phases_ms": [0.41, 0, 3]}',
             '{"ms": [], "phases_ms": []}', *['{"ms": [3e-5], "phases_ms": [1, 2, 3]}'] * 8, ""]
    labels = [{"path": "0.png", "predictions": [{"label": "one", "score": 0.5}, {"label": "two", "score": 0.2}]}, {"path": "1.png", "error": "no picture"}]
    output = (b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }".ljust(117) + b"\n" + struct.pack("<6f", *range(6))).decode("latin-1")
    trace = {"traceEvents": [{"ph": "X", "cat": cat, "tid": tid, "ts": 1.5, "dur": 3, "args": {"phase": 0}} for tid in (0, 1) for cat in ("phase", "wait")],
             "otherData": {"threads": 2, "run_us": 12.5}}
    all_ = [json.dumps(info), json.dumps(times), "\n".join(turns), json.dumps(labels), json.dumps(trace), output]
    for n in range(1, len(all_) + 1):
        yield "\0".join(all_[:n]).encode("latin-1")


def words(contents):
    """libFuzzer's dictionary: the words that most seeds have, so that an operator can become another."""
    count = collections.Counter(w for c in contents for w in set(re.findall(rb"[A-Za-z_][A-Za-z_0-9]{2,40}", c)))
    return "".join(f'"{w.decode()}"\n' for w, _ in count.most_common(MOST_WORDS))


def save(folder, contents):
    os.makedirs(folder, exist_ok=True)
    kept = {hashlib.sha1(c).hexdigest(): c for c in contents if 0 < len(c) <= MOST_BYTES}
    for name, content in list(kept.items())[:MOST_FILES]:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)
    with open(folder + ".words", "w") as f:
        f.write(words(kept.values()))
    print(f"{os.path.basename(folder)}: {min(len(kept), MOST_FILES)} seeds")


def main():
    for target, (patterns, endings) in SOURCES.items():
        save(os.path.join(sys.argv[1], target), files(patterns, endings))
    save(os.path.join(sys.argv[1], "config"), configs())
    save(os.path.join(sys.argv[1], "report"), reports())
    save(os.path.join(sys.argv[1], "answers"), programs())
    save(os.path.join(sys.argv[1], "h5"), [*files(["tests/checkpoint/Inputs/*.h5"], (".h5",)), *answers()])


if __name__ == "__main__":
    main()
