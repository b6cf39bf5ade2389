# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A full-size model: run_full.py CNXC VARIANT… [--precision bf16] [--target SYSTEM --runner EMULATOR] (tiny small base large xlarge v2-tiny v2-atto).

Writes the checkpoint with make_checkpoint.py (reproducible weights), compiles the folder for each image size of
refs.json and compares the logits with the float64 reference, with 1, 2 and 3 threads giving the same bits. With bf16 they
may differ by 6e-3 of the largest.
"""
import argparse
import json
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "full"))
import goldens  # noqa: E402
from make_checkpoint import pixel_values  # noqa: E402


BF16_BOUND = 6e-3


def check(cnxc, folder, ref, precision):
    shape = ref["shape"]
    executable = os.path.join(folder, "model")
    goldens.compile_model(cnxc, folder, f"--image-size={shape[2]}x{shape[3]}", f"--precision={precision}", "-o", executable)
    inputs = {"pixel_values": pixel_values(ref["seed"], shape)}
    got = [goldens.run_model(executable, inputs, ["logits"], folder, threads)["logits"] for threads in (1, 2, 3)]
    want = np.array(ref["logits"]).reshape(got[0].shape)
    error = goldens.error_over_atol(got[0], want, ref["atol"] if precision == "f32" else BF16_BOUND * np.abs(want).max())
    same = all(np.array_equal(got[0], g) for g in got[1:])
    return error, same


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("variants", nargs="+")
    ap.add_argument("--precision", default="f32", choices=["f32", "bf16"])
    goldens.add_target(ap)
    a = ap.parse_args()
    goldens.use_target(a)
    with open(os.path.join(goldens.HERE, "full", "refs.json")) as f:
        refs = json.load(f)
    passed = failed = 0
    for variant in a.variants:
        with tempfile.TemporaryDirectory(prefix="cnxc-full-") as folder:
            goldens.run([sys.executable, os.path.join(goldens.HERE, "full", "make_checkpoint.py"), variant, folder])
            for name, ref in refs.items():
                if ref["variant"] != variant:
                    continue
                error, same = check(a.cnxc, folder, ref, a.precision)
                good = error <= 1 and same
                passed, failed = passed + good, failed + (not good)
                print(f"{'ok  ' if good else 'FAIL'} {name}: {error:.3f} of {'atol' if a.precision == 'f32' else '6e-3'}, {'same' if same else 'different'} bits "
                      "with 1, 2 and 3 threads", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
