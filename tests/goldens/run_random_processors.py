# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random processors of other models: run_random_processors.py CNX_PIXELS [COUNT [FIRST]]. No bit may differ.

Case i is a random picture file (random_pictures.py) and random settings of ViT's or CLIP's image processor, by either arithmetic, or
of timm's transforms, all decided by i. transformers and timm themselves prepare it. What they refuse is no case. Needs
tests/goldens/requirements.txt. Ends with "N passed, N failed".
"""
import json
import os
import sys

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
import numpy as np
import timm
from PIL import Image, ImageOps

import random_pictures
from processors.make import CLASSES
from random_pictures import chance
from run_pillow import convertible, per_channel, run_all

FILTERS = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]


def edge(rng):
    return int(rng.integers(1, 97))


def pair(rng):
    return {"height": edge(rng), "width": edge(rng)}


def transformers_settings(rng, pillow):
    settings = {"size": [edge(rng), {"shortest_edge": edge(rng)}, pair(rng), list(pair(rng).values())][rng.integers(4)],
                "do_center_crop": chance(rng, 0.5), "crop_size": edge(rng) if chance(rng, 0.5) else pair(rng),
                "resample": int(rng.choice([0, 1, 2, 3, 4, 5] if pillow else [0, 1, 2, 3])), "do_resize": chance(rng, 0.9),
                "do_rescale": chance(rng, 0.9), "rescale_factor": [1 / 255, 1 / 127.5, float(rng.uniform(0.001, 2))][rng.integers(3)],
                "do_normalize": chance(rng, 0.9), "image_mean": per_channel(rng, 3, 0, 1), "image_std": per_channel(rng, 3, 0.1, 1),
                "do_convert_rgb": chance(rng, 0.5)}
    return {k: v for k, v in settings.items() if chance(rng, 0.7)}


def timm_settings(rng):
    settings = {"input_size": [3, edge(rng), edge(rng)], "crop_pct": float(rng.uniform(0.3, 2)), "interpolation": str(rng.choice(FILTERS)),
                "crop_mode": str(rng.choice(["center", "squash"])), "mean": [float(v) for v in rng.uniform(0, 1, 3)],
                "std": [float(v) for v in rng.uniform(0.1, 1, 3)]}
    if chance(rng, 0.5):
        settings["input_size"][2] = settings["input_size"][1]
    return {k: v for k, v in settings.items() if chance(rng, 0.8)}


def by_transformers(rng, image):
    name = str(rng.choice(list(CLASSES)))
    settings = transformers_settings(rng, name.endswith("Pil"))
    processor = CLASSES[name](**settings)
    picture = image if processor.do_convert_rgb else image.convert("RGB")
    pixels = processor(picture, return_tensors="np").pixel_values[0]
    return "preprocessor_config.json", {"image_processor_type": name, **settings}, pixels


def by_timm(rng, image):
    cfg = timm_settings(rng)
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=cfg or {"input_size": [3, 224, 224]}))
    return "config.json", {"pretrained_cfg": cfg}, transform(image.convert("RGB")).numpy()


def make_case(index, folder):
    """As run_pillow.py's; None: it is no case."""
    rng = np.random.default_rng([20250911, index])
    path = os.path.join(folder, "picture")
    what = random_pictures.write(rng, 3, path)
    image = ImageOps.exif_transpose(Image.open(path))
    if max(image.size) > 30 * min(image.size) or not convertible(path):
        return None
    try:
        file, settings, pixels = (by_timm if chance(rng, 0.4) else by_transformers)(rng, image)
    except (RuntimeError, ValueError, TypeError, ZeroDivisionError):
        return None
    with open(os.path.join(folder, file), "w") as f:
        json.dump(settings, f)
    return "own", 3, f"{what}, {settings}", pixels.astype(np.float32)


if __name__ == "__main__":
    sys.exit(run_all(make_case))
