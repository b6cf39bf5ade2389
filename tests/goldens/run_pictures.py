# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pictures: run_pictures.py CNXC [--target SYSTEM --runner EMULATOR]. The image processor's pixel values, bit for bit,
and scores from picture to end.

Each case of images/ becomes an executable with the case's processor settings (the network behind them does not
matter) and must dump exactly the pixel values that transformers makes, with Pillow and with torchvision; each case of
e2e/ must give its scores with Pillow's arithmetic, and with no option those that transformers gives with
torchvision's. The network has as many channels as the case: files become RGB for three, and are taken as they are for
another number.
"""
import argparse
import json
import os
import shutil
import struct
import sys
import tempfile
import zlib

import numpy as np

import goldens

sys.path.insert(0, os.path.join(goldens.HERE, "..", "tools"))
from zeros import write_zeros  # noqa: E402

CARRIER = "cls_one_stage"  # the smallest model with three channels
# Through a file there is no picture that is neither turned nor converted, as an opened one is that is given to the
# processor; tests/runtime/test_image.c has this case.
NOT_BY_FILE = {"jpg_exif_ignored_raw"}


def with_channels(model, channels):
    """Changes a folder's model to take so many channels: all its weights become zero."""
    with open(os.path.join(model, "config.json")) as f:
        config = json.load(f)
    config["num_channels"] = channels
    with open(os.path.join(model, "config.json"), "w") as f:
        json.dump(config, f)
    with open(os.path.join(model, "model.safetensors"), "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    shapes = {name: header[name]["shape"] for name in sorted(header.keys() - {"__metadata__"})}
    next(shape for name, shape in shapes.items() if name.endswith("patch_embeddings.weight"))[1] = channels
    write_zeros(os.path.join(model, "model.safetensors"), shapes)


def compile_with(cnxc, model, processor, folder, shape, *options):
    """An executable of the model with another processor's settings."""
    copy = os.path.join(folder, "hf")
    os.makedirs(copy)
    for name in ("config.json", "model.safetensors"):
        shutil.copy(os.path.join(goldens.HERE, "models", model, name), copy)
    shutil.copy(processor, os.path.join(copy, "preprocessor_config.json"))
    if shape[1] != 3:
        with_channels(copy, shape[1])
    executable = os.path.join(folder, "model")
    goldens.compile_model(cnxc, copy, f"--image-size={shape[2]}x{shape[3]}", "-o", executable, *options)
    return executable


def dump_pixels(cnxc, case, preproc):
    folder, shape = os.path.join(goldens.HERE, case["dir"]), case["pixel_values"]["shape"]
    with tempfile.TemporaryDirectory(prefix="cnxc-picture-") as temp:
        executable = compile_with(cnxc, CARRIER, os.path.join(folder, case["config"]), temp, shape,
                                  f"--preproc={preproc}")
        out = os.path.join(temp, "x.npy")
        goldens.execute(executable, "--dump-pixels", out, *(os.path.join(folder, i) for i in case["inputs"]))
        return np.load(out)


def check_pixels(cnxc, case):
    folder, want = os.path.join(goldens.HERE, case["dir"]), case["pixel_values"]
    got = dump_pixels(cnxc, case, "pil")
    if list(got.shape) != want["shape"]:
        return f"shape {got.shape}, expected {want['shape']}"
    if zlib.crc32(got.astype(want["dtype"]).tobytes()) == want["crc32"]:
        return ""
    reference_file = os.path.join(folder, want.get("file", ""))
    if not os.path.isfile(reference_file):
        return "other bits"
    reference = np.fromfile(reference_file, want["dtype"]).reshape(want["shape"])
    return f"other bits: {np.mean(got != reference):.2%} of the values, by up to {np.abs(got - reference).max():.3g}"


def check_torchvision(cnxc, case):
    """The same with torchvision's arithmetic; where it has no such filter, the picture is refused."""
    want = case["torchvision"]
    if "error" in want:
        try:
            dump_pixels(cnxc, case, "torchvision")
        except RuntimeError as e:
            return "" if "exit 3" in str(e) and "torchvision has neither box nor Hamming filter" in str(e) else str(e)
        return "taken, although torchvision has no such filter"
    got = dump_pixels(cnxc, case, "torchvision")
    return "" if zlib.crc32(got.astype(want["dtype"]).tobytes()) == want["crc32"] else "torchvision: other bits"


def check_scores(cnxc, case, preproc, top):
    folder = os.path.join(goldens.HERE, case["dir"])
    with tempfile.TemporaryDirectory(prefix="cnxc-picture-") as temp:
        executable = compile_with(cnxc, case["model"], os.path.join(folder, "preprocessor_config.json"), temp,
                                  case["pixel_values_shape"], *preproc)
        answer = json.loads(goldens.execute(executable, "--json", os.path.join(folder, case["input"])))[0]["predictions"]
    for got, (_, label, score) in zip(answer, top):
        if got["label"] != label or abs(got["score"] - score) > 1e-5:
            return f"{got['label']} {got['score']}, expected {label} {score}"
    return "" if len(answer) == len(top) else f"{len(answer)} answers"


def check_scores_pil(cnxc, case):
    return check_scores(cnxc, case, ["--preproc=pil"], case["top"])


def check_scores_default(cnxc, case):
    return check_scores(cnxc, case, [], case["torchvision"]["top"])


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    goldens.add_target(ap)
    a = ap.parse_args()
    goldens.use_target(a)
    cnxc, manifest = a.cnxc, goldens.manifest()
    images = [c for c in manifest["images"] if c["name"] not in NOT_BY_FILE]
    work = [(check, c) for c in images for check in (check_pixels, check_torchvision)]
    work += [(check, c) for c in manifest["e2e"] for check in (check_scores_pil, check_scores_default)]
    return goldens.run_cases([("", case["name"], check, cnxc, case) for check, case in work])


if __name__ == "__main__":
    sys.exit(main())
