# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The image processor against Pillow: run_pillow.py CNX_PIXELS [COUNT [FIRST]]. No bit may differ.

Case i is a random picture file (random_pictures.py) and random settings, all decided by i; `run_pillow.py TOOL 1 i`
runs it again. Pillow decodes and resizes; what remains of ConvNextImageProcessor is restated here in numpy. Pillow
12's order of passes is had from Pillow 13 by resizing each axis by itself. Ends with "N passed, N failed".
"""
import concurrent.futures
import functools
import json
import os
import struct
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from PIL import Image, ImageOps, __version__ as pillow_version

import random_pictures
from random_pictures import chance

warnings.simplefilter("ignore")  # Pillow's, of EXIF blocks that are wrong on purpose
BATCH = 50
ABSENT = object()


# ── The processor ────────────────────────────────────────────────────────────────────────────────────────────────────

def load(path, channels, white):
    """As transformers' load_image: upright, RGB. A model of other channels takes the picture as it is."""
    image = Image.open(path)
    if channels != 3:
        return image
    image = ImageOps.exif_transpose(image)
    if not white:
        return image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255)), image).convert("RGB")


def resize(image, shape, resample, kind):
    if kind == "pil12" and image.size[0] != shape[0] and image.size[1] != shape[1]:
        image = image.resize((shape[0], image.size[1]), resample)
    return image.resize(shape, resample)


def center_crop(a, height, width):
    for axis, wanted in ((0, height), (1, width)):
        n = a.shape[axis]
        if n >= wanted:
            start = (n - wanted) // 2
            a = np.take(a, range(start, start + wanted), axis)
        else:
            front = -(-(wanted - n) // 2)
            pad = [(0, 0)] * a.ndim
            pad[axis] = front, wanted - n - front
            a = np.pad(a, pad)
    return a


def resized_shape(w, h, s, crop_pct):
    if s >= 384:
        return s, s
    edge = int(s / crop_pct)
    return (edge, int(edge * h / w)) if w <= h else (int(edge * w / h), edge)


def reference(path, settings, kind, channels):
    get = lambda key, default: default if settings.get(key) is None else settings[key]
    image, size = load(path, channels, get("do_convert_rgb", False)), get("size", 384)
    s = size if isinstance(size, int) else size["shortest_edge"]
    if get("do_resize", True):
        image = resize(image, resized_shape(*image.size, s, get("crop_pct", 0.875)), get("resample", 2), kind)
    a = np.asarray(image)
    a = a[..., None] if a.ndim == 2 else a
    if get("do_resize", True) and s < 384:
        a = center_crop(a, s, s)
    if get("do_center_crop", False):
        crop = settings["crop_size"]
        a = center_crop(a, *((crop, crop) if isinstance(crop, int) else (crop["height"], crop["width"])))
    x = a.astype(np.float32)
    if get("do_rescale", True):
        x = (a.astype(np.float64) * get("rescale_factor", 1 / 255)).astype(np.float32)
    if get("do_normalize", True):
        x = (x - np.array(get("image_mean", 0.5), np.float32)) / np.array(get("image_std", 0.5), np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1))


# ── Random settings ──────────────────────────────────────────────────────────────────────────────────────────────────

def random_size(rng):
    s = int(rng.integers(384, 401)) if chance(rng, 0.04) else int(rng.integers(1, 97))
    return [s, {"shortest_edge": s}, {"shortest_edge": s, "longest_edge": 7}][rng.integers(3)]


def per_channel(rng, channels, low, high):
    if chance(rng, 0.3):
        return float(rng.uniform(low, high))
    return [float(v) for v in rng.uniform(low, high, channels)]


def random_settings(rng, channels):
    flags = lambda p: bool(rng.random() < p)
    crop = int(rng.integers(1, 120)), int(rng.integers(1, 120))
    settings = {
        "do_resize": [True, True, True, ABSENT, False][rng.integers(5)], "size": random_size(rng),
        "crop_pct": [ABSENT, None, 0.875, 224 / 256, 1, float(rng.uniform(0.3, 1)), float(rng.uniform(1, 2))][rng.integers(7)],
        "resample": [ABSENT, 0, 1, 2, 3, 4, 5][rng.integers(7)], "do_rescale": [True, ABSENT, ABSENT, False][rng.integers(4)],
        "rescale_factor": [ABSENT, 1 / 255, 1 / 127.5, 0.00392156862745098, float(rng.uniform(0.001, 2))][rng.integers(5)],
        "do_normalize": [True, ABSENT, ABSENT, False][rng.integers(4)],
        "image_mean": per_channel(rng, channels, 0, 1) if chance(rng, 0.8) else ABSENT,
        "image_std": per_channel(rng, channels, 0.1, 1) if chance(rng, 0.8) else ABSENT,
        "do_convert_rgb": flags(0.5) if channels == 3 and chance(rng, 0.3) else ABSENT}
    if chance(rng, 0.2):
        settings.update(do_center_crop=True, crop_size=crop[0] if flags(0.5) else dict(zip(("height", "width"), crop)))
    return {k: v for k, v in settings.items() if v is not ABSENT}


def unreasonable(path, settings):
    """Pillow would resize to no pixel, or to very many that are then cut away."""
    with Image.open(path) as image:
        w, h = image.size
    s = settings["size"] if isinstance(settings["size"], int) else settings["size"]["shortest_edge"]
    w, h = resized_shape(w, h, s, settings.get("crop_pct") or 0.875)
    return min(w, h) < 1 or w * h > 3_000_000


def make_case(index, folder):
    """Writes a picture and its settings into a folder: (kind, channels, what they are, the pixel values)."""
    rng = np.random.default_rng([20240229, index])
    channels = int(rng.choice([3, 3, 3, 3, 3, 3, 1, 4]))
    path = os.path.join(folder, "picture")
    what = random_pictures.write(rng, channels, path)
    settings = random_settings(rng, channels)
    while unreasonable(path, settings):
        settings = random_settings(rng, channels)
    if settings.get("do_convert_rgb") and not convertible(path):
        del settings["do_convert_rgb"]
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as f:
        json.dump(settings, f)
    kind = "pil12" if channels != 4 and chance(rng, 0.3) else "pil"  # RGBA is premultiplied once for both axes
    return kind, channels, f"{what}, {kind}, {channels} channels, {settings}", reference(path, settings, kind, channels)


def convertible(path):
    """Pillow itself cannot convert every mode to RGBA."""
    with Image.open(path) as image:
        return not image.mode.startswith("I")


# ── Run ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

def read_answer(stream):
    channels, height, width = struct.unpack("<3q", stream.read(24))
    if channels < 0:
        return stream.read(height).decode()
    return np.frombuffer(stream.read(4 * channels * height * width), np.float32).reshape(channels, height, width)


def difference(got, want):
    if isinstance(got, str):
        return f"refused: {got}"
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if got.tobytes() == want.tobytes():
        return ""
    wrong = got.view(np.uint32) != want.view(np.uint32)
    return f"{wrong.mean():.2%} of the values differ, by up to {np.abs(got - want).max():.3g}"


def run_batch(make_case, tool, first, count):
    """How many of [first, first + count) are cases, and what is wrong with them, as lines."""
    cases, problems = [], []
    with tempfile.TemporaryDirectory(prefix="cnxc-pixels-") as temp:
        for index in range(first, first + count):
            folder = os.path.join(temp, str(index))
            os.mkdir(folder)
            if case := make_case(index, folder):
                cases.append((index, folder, *case))
        lines = "".join(f"{kind} {channels} {folder}\n" for _, folder, kind, channels, *_ in cases)
        with open(os.path.join(temp, "answers"), "w+b") as answers:
            subprocess.run([tool], input=lines.encode(), stdout=answers, check=True)
            answers.seek(0)
            for index, *_, what, want in cases:
                problem = difference(read_answer(answers), want)
                if problem:
                    problems.append(f"FAIL {index}: {what}: {problem}")
    return len(cases), problems


def run_all(make_case):
    """CNX_PIXELS [COUNT [FIRST]]: the exit code."""
    tool, count, first = os.path.abspath(sys.argv[1]), *map(int, (sys.argv[2:] + ["300", "0"][len(sys.argv) - 2:]))
    starts = range(first, first + count, BATCH)
    sizes = [min(BATCH, first + count - s) for s in starts]
    cases = failed = 0
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for n, problems in pool.map(functools.partial(run_batch, make_case, tool), starts, sizes):
            cases, failed = cases + n, failed + len(problems)
            print(*problems, sep="\n", end="\n" if problems else "", flush=True)
    print(f"{cases - failed} passed, {failed} failed")
    return 1 if failed or not cases or cases < count // 2 else 0


def main():
    assert pillow_version.startswith("13."), f"Pillow {pillow_version}; the reference is Pillow 13"
    Image.MAX_IMAGE_PIXELS = None
    return run_all(make_case)


if __name__ == "__main__":
    sys.exit(main())
