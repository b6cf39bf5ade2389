# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""errors.py CNXC MODEL FOLDER: eval's errors beside those computed from what two programs write; FOLDER/pictures holds the pictures."""
import glob
import json
import subprocess
import sys

import numpy as np

cnxc, model, folder = sys.argv[1:]
pictures = sorted(glob.glob(f"{folder}/pictures/*/[0-9]*.png"))
logits = {}
for precision in ("bf16", "f32"):
    output = f"{folder}/{precision}.npy"
    subprocess.run([cnxc, "run", f"--precision={precision}", model, "--output", f"logits={output}", *pictures], check=True)
    logits[precision] = np.load(output).astype(float)
errors = np.abs(logits["bf16"] - logits["f32"]).max(1) / np.abs(logits["f32"]).max(1)
with open(f"{folder}/wrong") as f:
    answer = json.load(f)
assert len(errors) == 50 and np.isclose(answer["max_relative_error"], errors.max(), rtol=1e-8), (answer, errors.max())
assert np.isclose(answer["mean_relative_error"], errors.mean(), rtol=1e-8), (answer, errors.mean())
