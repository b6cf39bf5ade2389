"""Pictures: run_pictures.py CNXC. The image processor's pixel values, bit for bit, and logits from picture to end.

Each case of images/ becomes an executable with the case's processor settings (the network behind them does not
matter) and must dump exactly the pixel values that transformers makes; each case of e2e/ must give its logits.
"""
import concurrent.futures
import json
import os
import shutil
import sys
import tempfile
import zlib

import numpy as np

import goldens

CARRIER = os.path.join(goldens.HERE, "models", "cls_one_stage")  # the smallest model with three channels


def compile_with(cnxc, model, processor, folder, shape):
    """An executable of the model with another processor's settings."""
    copy = os.path.join(folder, "hf")
    os.makedirs(copy)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(os.path.join(model, name), copy)
    shutil.copy(processor, os.path.join(copy, "preprocessor_config.json"))
    executable = os.path.join(folder, "model")
    goldens.run([cnxc, "compile", copy, f"--image-size={shape[2]}x{shape[3]}", "-o", executable])
    return executable


def check_pixels(cnxc, case):
    folder, want = os.path.join(goldens.HERE, case["dir"]), case["pixel_values"]
    with tempfile.TemporaryDirectory(prefix="cnxc-picture-") as temp:
        executable = compile_with(cnxc, CARRIER, os.path.join(folder, case["config"]), temp, want["shape"])
        out = os.path.join(temp, "x.npy")
        goldens.run([executable, "--dump-pixels", out, *(os.path.join(folder, i) for i in case["inputs"])])
        got = np.load(out)
    if list(got.shape) != want["shape"]:
        return f"shape {got.shape}, expected {want['shape']}"
    if zlib.crc32(got.astype(want["dtype"]).tobytes()) == want["crc32"]:
        return ""
    if "file" not in want:
        return "other bits"
    reference = np.fromfile(os.path.join(folder, want["file"]), want["dtype"]).reshape(want["shape"])
    return f"other bits: {np.mean(got != reference):.2%} of the values, by up to {np.abs(got - reference).max():.3g}"


def check_logits(cnxc, case):
    folder, want = os.path.join(goldens.HERE, case["dir"]), case["logits"]
    with tempfile.TemporaryDirectory(prefix="cnxc-picture-") as temp:
        executable = compile_with(cnxc, os.path.join(goldens.HERE, "models", case["model"]),
                                  os.path.join(folder, "preprocessor_config.json"), temp, case["pixel_values_shape"])
        answer = json.loads(goldens.run([executable, "--json", os.path.join(folder, case["input"])]))[0]["predictions"]
    for got, (_, label, score) in zip(answer, case["top"]):
        if got["label"] != label or abs(got["score"] - score) > 1e-5:
            return f"{got['label']} {got['score']}, expected {label} {score}"
    return "" if len(answer) == len(case["top"]) else f"{len(answer)} answers"


def main():
    cnxc, manifest = os.path.abspath(sys.argv[1]), goldens.manifest()
    # Cases marked native pass an opened PIL image with its own number of channels; a file always becomes RGB here.
    work = [(check_pixels, c) for c in manifest["images"] if c["load"] == "exif+rgb"]
    work += [(check_logits, c) for c in manifest["e2e"]]
    failed = 0

    def run(item):
        try:
            return item[0](cnxc, item[1])
        except Exception as e:  # a failing command is a failing case
            return str(e)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (_, case), problem in zip(work, pool.map(run, work)):
            if problem:
                failed += 1
                print(f"FAIL {case['name']}: {problem}", flush=True)
    print(f"{len(work) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
