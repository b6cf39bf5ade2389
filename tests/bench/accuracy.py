# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What int8 costs of answers: cnxc beside ONNX Runtime's quantizer and NNCF, on models/kanji and its harder forms.

    python3 accuracy.py CNXC [--models plain,outliers] [--pictures FOLDER --calibrate FOLDER] [--json FILE]

All get the same pixels, which cnxc's image processor makes, and the .onnx that cnxc prints, before any of its passes for code. A row says how
many answers are right, how many are the float model's, and how far the logits are off: of each picture the largest difference over
the largest magnitude, on average. What can't be made or run is listed with the reason. tests/precision/Inputs/variants.py says
what the forms are. Needs requirements.txt; the repository's 600 pictures take some minutes.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
KANJI = os.path.join(HERE, "..", "..", "models", "kanji")
sys.path.insert(0, os.path.join(HERE, "..", "precision", "Inputs"))
import quantise  # noqa: E402
import variants  # noqa: E402
from engines import reason  # noqa: E402

BATCH = 50


# ── Engines: each gives the logits of some pictures ─────────────────────────────────────────────────────

def run_onnxruntime(path, x):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(["logits"], {"pixel_values": x[i:i + BATCH]})[0] for i in range(0, len(x), BATCH)])


def run_openvino(path, x):
    import openvino as ov
    core = ov.Core()
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.concatenate([compiled({"pixel_values": x[i:i + BATCH]})["logits"] for i in range(0, len(x), BATCH)])


def run_cnxc(task, *options):
    output = os.path.join(task["folder"], "logits.npy")
    subprocess.run([task["cnxc"], "run", *options, task["model"], "--input", f"pixel_values={task['x_path']}", "--output",
                    f"logits={output}"], check=True, stderr=subprocess.PIPE)
    return np.load(output)


def quantised(tool, run, suffix):
    def logits(task):
        inputs = (x[None] for x in task["calibrate"])
        return run(tool(task["onnx"], inputs, os.path.join(task["folder"], suffix)), task["x"])
    return logits


ENGINES = {
    "ONNX Runtime, static, by channel": quantised(quantise.onnxruntime_static, run_onnxruntime, "static.onnx"),
    "ONNX Runtime, dynamic": quantised(quantise.onnxruntime_dynamic, run_onnxruntime, "dynamic.onnx"),
    "OpenVINO, NNCF, mixed": quantised(quantise.openvino_nncf, run_openvino, "nncf.xml"),
    "cnxc bf16": lambda task: run_cnxc(task, "--precision=bf16"),
    "cnxc int8": lambda task: run_cnxc(task, "--precision=int8"),
    "cnxc int8, calibrated": lambda task: run_cnxc(task, "--precision=int8", f"--calibrate={task['calibrate_folder']}"),
}


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────

def pixels(cnxc, model, pictures, path):
    subprocess.run([cnxc, "run", model, "--dump-pixels", path, *pictures], check=True)
    return np.load(path)


def make_task(a, name, folder, test, calibrate):
    os.makedirs(folder)
    path = lambda file: os.path.join(folder, file)
    variants.make(name, KANJI, path("model"))
    subprocess.run([a.cnxc, "compile", path("model"), "--emit=onnx", "-o", path("float.onnx")], check=True)
    return {"cnxc": a.cnxc, "folder": folder, "model": path("model"), "onnx": path("float.onnx"), "x_path": path("x.npy"),
            "x": pixels(a.cnxc, path("model"), test, path("x.npy")), "calibrate_folder": a.calibrate,
            "calibrate": pixels(a.cnxc, path("model"), calibrate, path("calibrate.npy"))}


def measure(task, classes, engine, expected):
    try:
        got = ENGINES[engine](task)
    except Exception as error:  # whatever one does, the others are still measured
        return {"engine": engine, "missing": reason(error)}
    errors = np.abs(got - expected).max(1) / np.abs(expected).max(1)
    return {"engine": engine, "top1": float((got.argmax(1) == classes).mean()), "relative_error": float(errors.mean()),
            "agreement": float((got.argmax(1) == expected.argmax(1)).mean())}


def line(name, row):
    if "missing" in row:
        return f"{name:9s} {row['engine']:34s} {row['missing']}"
    return (f"{name:9s} {row['engine']:34s} top-1 {100 * row['top1']:6.2f} %   agreement {100 * row['agreement']:6.2f} %   "
            f"relative error {row['relative_error']:.4f}")


def measure_model(a, name, folder, test, calibrate):
    task = make_task(a, name, folder, test, calibrate)
    with open(os.path.join(task["model"], "config.json")) as f:
        label2id = json.load(f)["label2id"]
    classes = np.array([label2id[path.split("/")[-2]] for path in test])
    expected = run_onnxruntime(task["onnx"], task["x"])
    rows = [{"engine": "float32", "top1": float((expected.argmax(1) == classes).mean()), "agreement": 1.0, "relative_error": 0.0}]
    print(line(name, rows[0]), flush=True)
    for engine in ENGINES:
        rows.append(measure(task, classes, engine, expected))
        print(line(name, rows[-1]), flush=True)
    return {"model": name, "pictures": len(test), "calibrated_with": len(calibrate), "rows": rows}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--models", type=lambda text: text.split(","), default=list(variants.VARIANTS), help=", ".join(variants.VARIANTS))
    ap.add_argument("--pictures", help="a folder of folders named by label; models/kanji's by default")
    ap.add_argument("--calibrate", help="the same, for those that want to see some")
    ap.add_argument("--json")
    a = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="cnxc-accuracy-") as folder:
        with zipfile.ZipFile(os.path.join(KANJI, "pictures.zip")) as archive:
            archive.extractall(folder)
        a.pictures, a.calibrate = a.pictures or os.path.join(folder, "test"), a.calibrate or os.path.join(folder, "calibrate")
        test, calibrate = (sorted(glob.glob(os.path.join(glob.escape(place), "*", "*"))) for place in (a.pictures, a.calibrate))
        results = [measure_model(a, name, os.path.join(folder, "models", name), test, calibrate) for name in a.models]
    if a.json:
        with open(a.json, "w") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    main()
