# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Which loss a classifier has: by --problem-type, else by problem_type, else by the type of the labels, as transformers
# chooses. The executable's losses against their formulas on its own logits.
# RUN: %python %s %cnxc %root/tests/goldens/models/cls_multilabel %t
import os
import subprocess
import sys

import numpy as np

CNXC, MODEL, FOLDER = sys.argv[1:]
CLASSES, ITEMS = 5, 3
x = np.random.default_rng(1).standard_normal((ITEMS, 3, 32, 32)).astype(np.float32)
numbers = np.array([4, -100, 0])
floats = np.random.default_rng(2).random((ITEMS, CLASSES)).astype(np.float32)


def compile_model(name, *options):
    path = os.path.join(FOLDER, name)
    subprocess.run([CNXC, "compile", MODEL, "-O0", "--outputs=logits,loss", "--image-size=32", "-o", path, *options], check=True)
    return path


def run(model, labels, *outputs):
    """Exit code and message, or the outputs."""
    np.save(f"{FOLDER}/x.npy", x)
    np.save(f"{FOLDER}/labels.npy", labels)
    command = [model, "--input", f"pixel_values={FOLDER}/x.npy", "--input", f"labels={FOLDER}/labels.npy"]
    for name in outputs:
        command += ["--output", f"{name}={FOLDER}/{name}.npy"]
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.returncode, done.stderr) if done.returncode else [np.load(f"{FOLDER}/{name}.npy").astype(np.float64) for name in outputs]


def single_label(z, y):
    kept = y != -100
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -log_p[kept, y[kept]].mean()


def multi_label(z, y):
    return (np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))).mean()


def regression(z, y):
    return ((z - y) ** 2).mean()


def expect(model, labels, formula):
    z, loss = run(model, labels, "logits", "loss")
    assert loss.shape == () and abs(loss - formula(z, labels)) < 1e-5 * max(1, abs(loss)), (loss, formula(z, labels))


def refuse(model, labels, code, message):
    got = run(model, labels, "loss")
    assert isinstance(got, tuple) and got[0] == code and message in got[1], got


os.makedirs(FOLDER, exist_ok=True)
undecided = compile_model("undecided")
expect(undecided, numbers, single_label)
expect(undecided, numbers.astype(np.int32), single_label)
expect(undecided, floats, multi_label)
refuse(undecided, floats[:, 0], 1, "'labels.multi_label' takes Nx5")
refuse(undecided, numbers.reshape(1, 3), 1, "'labels' takes N")
expect(compile_model("regression", "--problem-type=regression"), floats, regression)
multi = compile_model("multi", "--problem-type=multi_label_classification")
expect(multi, floats, multi_label)
expect(multi, (floats > 0.5).astype(np.int64), multi_label)
single = compile_model("single", "--problem-type=single_label_classification")
expect(single, numbers, single_label)
refuse(single, floats, 1, "'labels' takes N")

# A picture alone is answered whatever loss there is.
picture = os.path.join(MODEL, "..", "..", "..", "..", "models", "digits", "test", "seven", "3504.png")
for model in (undecided, multi, single):
    done = subprocess.run([model, "-k", "1", picture], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(f"{picture}\tLABEL_"), (done.stdout, done.stderr)
