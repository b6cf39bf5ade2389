# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints of every kind: run_checkpoints.py CNXC [--levels O3,O0] [--only PATTERN] [--jobs N].

checkpoints/ has folders of timm's and of the original release, and pytorch_model.bin in both layouts; tf/ has
tf_model.h5 files of both TensorFlow classes; family/ has relatives: timm's other ConvNeXts, DINOv3's, UperNets, and state dicts
alone. Each is compiled and run on its stored input; every output is compared with the reference: logits, hidden states, the
pooled vector, feature maps, and for TensorFlow the loss of each example. The pictures of timm's folders must become what
torchvision's transforms, written down here in Pillow, make of them.
Prints the worst case of each group and ends with "N passed, N failed".
"""
import argparse
import fnmatch
import json
import os
import shutil
import sys
import tempfile

import numpy as np
from PIL import Image

import goldens

CHECKPOINT_ATOL = 2e-6  # of the largest output; the goldens' own tolerance is at least this
TENSORFLOW_ATOL = 1e-5  # its reference is float32


def read(folder, name, dtype, shape):
    return np.fromfile(os.path.join(folder, name), dtype).reshape(shape)


def cases(group, pattern):
    with open(os.path.join(goldens.HERE, group, "manifest.json")) as f:
        return [c for c in json.load(f)["cases"] if fnmatch.fnmatch(c["name"], pattern)]


def references(group, case, folder):
    """name -> (reference, atol)"""
    if group == "family":
        return {k: (read(folder, f"ref.{k}.f64", np.float64, o["shape"]), o["atol"]) for k, o in case["outputs"].items()}
    if group == "checkpoints":
        return {"logits": (read(folder, "ref.logits.f64", np.float64, case["logits"]), CHECKPOINT_ATOL * case["max_abs"])}
    arrays = {k: read(folder, f"ref.{k}.f32", np.float32, shape) for k, shape in case["outputs"].items()}
    return {k: (a, TENSORFLOW_ATOL * np.abs(a).max()) for k, a in arrays.items()}


def inputs(group, case, folder):
    arrays = {"pixel_values": read(folder, "pixel_values.f32", np.float32, case["shape"])}
    if case.get("labels"):
        whole = all(isinstance(v, int) for v in case["labels"])
        arrays["labels"] = np.array(case["labels"], np.int64 if whole else np.float32)
    return arrays


def model_path(folder):
    """The folder, or the checkpoint in it where nothing tells what it is."""
    if os.path.exists(os.path.join(folder, "config.json")):
        return folder
    return next(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith((".ckpt", ".pth")))


def check_outputs(cnxc, group, case, level):
    folder = os.path.join(goldens.HERE, group, case["name"])
    wanted = references(group, case, folder)
    with tempfile.TemporaryDirectory(prefix="cnxc-golden-") as work:
        executable = os.path.join(work, "model")
        height, width = case["shape"][2:]
        goldens.run([cnxc, "compile", model_path(folder), f"-{level}", f"--image-size={height}x{width}", "--outputs=" + ",".join(wanted),
                     "-o", executable])
        got = goldens.run_model(executable, inputs(group, case, folder), wanted, work)
    return max(goldens.error_over_atol(got[k], wanted[k][0].astype(np.float64), wanted[k][1]) for k in wanted)


# torchvision's Resize and CenterCrop, and timm's transforms_imagenet_eval around them

def center_crop(picture, size):
    """torchvision.transforms.functional.center_crop; both edges must be at least size."""
    left, top = (int(round((edge - size) / 2.0)) for edge in picture.size)
    return picture.crop((left, top, left + size, top + size))


def transformed(picture, config):
    size, edge = config["input_size"][1], int(config["input_size"][1] / config["crop_pct"])
    width, height = picture.size
    if config.get("crop_mode") == "squash":
        target = edge, edge
    else:
        target = (edge, int(edge * height / width)) if width <= height else (int(edge * width / height), edge)
    picture = center_crop(picture.resize(target, getattr(Image.Resampling, config["interpolation"].upper())), size)
    pixels = np.asarray(picture, np.float32).transpose(2, 0, 1) / np.float32(255)
    column = lambda key: np.array(config[key], np.float32)[:, None, None]
    return (pixels - column("mean")) / column("std")


def check_pictures(cnxc, changes, size):
    """Largest difference of the pixel values, over what is allowed."""
    with tempfile.TemporaryDirectory(prefix="cnxc-golden-") as work:
        model = shutil.copytree(os.path.join(goldens.HERE, "checkpoints", "timm_linear_mlp"), os.path.join(work, "timm"))
        with open(os.path.join(model, "config.json")) as f:
            config = json.load(f)
        config["pretrained_cfg"].update(changes)
        with open(os.path.join(model, "config.json"), "w") as f:
            json.dump(config, f)
        rng = np.random.default_rng(size)
        picture = Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8))
        picture.save(os.path.join(work, "x.png"))
        goldens.run([cnxc, "compile", model, "-O0", "-o", os.path.join(work, "model")])
        goldens.run([os.path.join(work, "model"), "--dump-pixels", os.path.join(work, "x.npy"), os.path.join(work, "x.png")])
        got, want = np.load(os.path.join(work, "x.npy"))[0], transformed(picture, config["pretrained_cfg"])
    if got.shape != want.shape:
        return float("inf")
    return float(np.abs(got.astype(np.float64) - want).max() / np.finfo(np.float32).eps / PICTURE_ULPS)


PICTURES = [
    ({}, (90, 70)), ({}, (71, 108)), ({"crop_pct": 1.0, "interpolation": "bilinear"}, (83, 64)),
    ({"crop_pct": 0.95, "input_size": [3, 96, 96]}, (150, 107)), ({"crop_pct": 0.875, "crop_mode": "squash"}, (90, 41)),
    ({"crop_pct": 1.0, "crop_mode": "squash", "input_size": [3, 384, 384]}, (400, 300)),
    ({"crop_pct": 0.95, "input_size": [3, 384, 384]}, (500, 431)), ({"mean": [0.5] * 3, "std": [0.25] * 3}, (67, 67)),
]
PICTURE_ULPS = 4  # of 1: values reach 2.7, and dividing by 255 rounds otherwise than multiplying by 1/255


def work_list(cnxc, levels, pattern):
    for group in ("checkpoints", "family", "tf"):
        for case in cases(group, pattern):
            for level in levels:
                yield group, f"{case['name']} {level}", check_outputs, cnxc, group, case, level
    for changes, size in PICTURES if fnmatch.fnmatch("pictures", pattern) else []:
        yield "pictures", f"{size} {changes}", check_pictures, cnxc, changes, size


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--levels", default="O3,O0")
    ap.add_argument("--only", default="*", help="a case's name, or pictures")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    a = ap.parse_args()
    return goldens.run_cases(list(work_list(a.cnxc, a.levels.split(","), a.only)), a.jobs)


if __name__ == "__main__":
    sys.exit(main())
