# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# torchvision's state dicts alone: the sizes of each model, and the pictures that its weights were made for.
# RUN: %python %s %cnxc %t
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
from zeros import write_zeros  # noqa: E402

WIDTHS = {"tiny": (96, 192, 384, 768), "small": (96, 192, 384, 768), "base": (128, 256, 512, 1024), "other": (8, 16, 24, 32)}
DEPTHS = {"tiny": (3, 3, 9, 3), "small": (3, 3, 27, 3), "base": (3, 3, 27, 3), "other": (1, 2, 1, 1)}
EDGES = {"tiny": 236, "small": 230, "base": 232, "other": 232}  # resize_size of its weights' transforms


def shapes(widths, depths):
    pair = lambda name, *shape: {name + ".weight": shape, name + ".bias": shape[:1]}
    out = {**pair("features.0.0", widths[0], 3, 4, 4), **pair("features.0.1", widths[0])}
    for i, (d, n) in enumerate(zip(widths, depths)):
        if i:
            out |= {**pair(f"features.{2 * i}.0", widths[i - 1]), **pair(f"features.{2 * i}.1", d, widths[i - 1], 2, 2)}
        for j in range(n):
            block = f"features.{2 * i + 1}.{j}."
            out |= {block + "layer_scale": (d, 1, 1), **pair(block + "block.0", d, 1, 7, 7), **pair(block + "block.2", d),
                    **pair(block + "block.3", 4 * d, d), **pair(block + "block.5", d, 4 * d)}
    return out | {**pair("classifier.0", widths[-1]), **pair("classifier.2", 1000, widths[-1])}


def main(cnxc, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name, widths in WIDTHS.items():
        path = os.path.join(folder, name + ".safetensors")
        write_zeros(path, shapes(widths, DEPTHS[name]), "F16")
        done = subprocess.run([cnxc, "compile", path, "--emit=onnxtxt", "-O0", "-o", "-"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        settings = json.loads(re.search(r'"cnxc.preprocessor": "(.*)"', done.stdout)[1].replace('\\"', '"'))
        assert int(settings["shortest_edge"] / settings["crop_pct"]) == EDGES[name], settings
        assert (settings["shortest_edge"], settings["resample"], settings["resize_rule"], settings["torchvision"]) == (224, 2, 1, 0), settings
        assert done.stdout.count("Gelu") == sum(DEPTHS[name]) and f"[batch_size,{1000}]" in done.stdout, "the network"
        os.remove(path)


main(*sys.argv[1:])
