# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Processors of other models: run_processors.py CNXC. Graphs that bring none get one by --processor, or by their folder.

Each processor of processors/cases.json must make the pixel values that transformers or timm makes of its pictures, to the bit,
or, where it resizes floats, to their rounding;
each model must answer its pictures with the labels of transformers' pipeline, or of timm's transform and torch's model, and scores
that differ by float32's rounding at most. processors/make.py has made them. Ends with "N passed, N failed".
"""
import argparse
import json
import os
import sys
import tempfile
import zlib

import numpy as np

import goldens

HERE = os.path.join(goldens.HERE, "processors")
IMAGES = os.path.join(goldens.HERE, "images")
GRAPH = """<ir_version: 8, opset_import: ["" : 17]>
any (float[n, 3, height, width] picture) => (float[n, 3, 1, 1] mean) { mean = GlobalAveragePool(picture) }
"""
TOLERANCE = 1e-5
FLOAT_TOLERANCE = 4e-6  # pixel values reach 2.6, and a sum of some dozen products has a few roundings
with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as f:
    MANIFEST = json.load(f)
CASES = {case["name"]: case for case in MANIFEST["pixels"]}  # of pixel values


def picture_paths(names):
    return [os.path.join(IMAGES, name) for name in names]


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


def pixel_values(cnxc, file, settings, pictures):
    with tempfile.TemporaryDirectory(prefix="cnxc-processor-") as temp:
        processor = write(temp, file, json.dumps(settings))
        program, pixels = os.path.join(temp, "program"), os.path.join(temp, "x.npy")
        goldens.compile_model(cnxc, write(temp, "graph.onnxtxt", GRAPH), f"--processor={processor}", "-o", program)
        goldens.execute(program, "--dump-pixels", pixels, *picture_paths(pictures))
        return np.load(pixels)


def check_floats(cnxc, case):
    want = np.load(os.path.join(HERE, case["name"] + ".npy")).astype(np.float64)
    got = pixel_values(cnxc, "preprocessor_config.json", case["settings"], case["pictures"])
    return goldens.error_over_atol(got, want, FLOAT_TOLERANCE)


def check_pixels(cnxc, case):
    got = pixel_values(cnxc, case["file"], case["settings"], case["crc32"])
    if list(got.shape[1:]) != case["shape"]:
        return f"shape {got.shape[1:]}, expected {case['shape']}"
    wrong = [name for x, (name, crc) in zip(got, case["crc32"].items()) if zlib.crc32(x.tobytes()) != crc]
    return f"other bits: {', '.join(wrong)}" if wrong else ""


def check_answer(got, want):
    for g, (label, score) in zip(got["predictions"], want):
        if g["label"] != label or abs(g["score"] - score) > TOLERANCE:
            return f"{got['path']}: {g['label']} {g['score']}, expected {label} {score}"
    return "" if len(got["predictions"]) == len(want) else f"{len(got['predictions'])} answers, expected {len(want)}"


def in_folder(word):
    option, equals, path = word.rpartition("=")
    return option + equals + os.path.join(HERE, path)


def check_model(cnxc, case):
    with tempfile.TemporaryDirectory(prefix="cnxc-processor-") as temp:
        program = os.path.join(temp, "program")
        goldens.compile_model(cnxc, *map(in_folder, case["arguments"]), "-o", program)
        answers = json.loads(goldens.execute(program, "--json", *picture_paths(case["answers"])))
    problems = [check_answer(got, want) for got, want in zip(answers, case["answers"].values())]
    return "; ".join(filter(None, problems)) if len(answers) == len(case["answers"]) else f"{len(answers)} pictures answered"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    cnxc = ap.parse_args().cnxc
    kinds = {"pixels": check_pixels, "floats": check_floats, "models": check_model}
    work = [(check, case) for kind, check in kinds.items() for case in MANIFEST[kind]]
    return goldens.run_cases([("", case["name"], check, cnxc, case) for check, case in work])


if __name__ == "__main__":
    sys.exit(main())
