# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The installed package on a machine with Python alone: wheel.py MODEL… compiles, classifies, and compares with the program's tensors."""
import glob
import os
import shutil
import subprocess
import sys
import time

start = time.perf_counter()
import numpy as np  # noqa: E402
numpy_seconds = time.perf_counter() - start
start = time.perf_counter()
import cnxc  # noqa: E402
cnxc_seconds = time.perf_counter() - start

for tool in "cc", "gcc", "clang", "ld", "as", "ar", "objcopy":
    assert shutil.which(tool) is None, f"{tool} is here"
print(f"import {1e3 * cnxc_seconds:.0f} ms beside NumPy's {1e3 * numpy_seconds:.0f} ms")
for folder in sys.argv[1:]:
    start = time.perf_counter()
    model = cnxc.compile(folder)
    compiled = time.perf_counter()
    pictures = sorted(glob.glob(f"{folder}/test/*/*.*"))[:5]
    size = model.info["inputs"][0]["shape"][1:]
    answers = model(pictures) if pictures else [model(np.zeros((size[1], size[2], 3), np.uint8))]
    answered = time.perf_counter()
    x = np.random.default_rng(1).standard_normal((3, *size), np.float32)
    np.save("x.npy", x)
    subprocess.run([sys.executable, "-m", "cnxc", "compile", folder, "-o", "program"], check=True)
    subprocess.run(["./program", "--input", "pixel_values=x.npy", "--output", "logits=y.npy"], check=True)
    assert (np.load("y.npy") == model.run(pixel_values=x)["logits"]).all()
    print(f"{os.path.basename(folder)}: compiled in {compiled - start:.2f} s, first answer {1e3 * (answered - compiled):.0f} ms, {answers[0][0]}; "
          "tensors are the program's")
