# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The trained digits model: run_digits.py CNXC [--every N] [--target SYSTEM --runner EMULATOR]. Each picture of
models/digits/test must get the label and the score (to 1e-5) that transformers gives it; models/digits/test/expected.tsv
lists them. --every N takes every N-th of them."""
import argparse
import os
import sys
import tempfile

import goldens

DIGITS = os.path.normpath(os.path.join(goldens.HERE, "..", "..", "models", "digits"))


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--every", type=int, default=1)
    goldens.add_target(ap)
    a = ap.parse_args()
    goldens.use_target(a)
    with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
        expected = [line.rstrip("\n").split("\t") for line in f][::a.every]
    with tempfile.TemporaryDirectory(prefix="cnxc-digits-") as folder:
        executable = os.path.join(folder, "digits")
        goldens.compile_model(a.cnxc, DIGITS, "-o", executable)
        said = goldens.execute(executable, "-k", "1", *(path for path, _, _ in expected), cwd=DIGITS)
    answers = dict((path, (label, float(score))) for path, label, score in (line.split("\t") for line in said.splitlines()))
    failed = right = 0
    for path, label, score in expected:
        got = answers.get(path, ("nothing", 0.0))
        right += got[0] == path.split("/")[1]
        if got[0] != label or abs(got[1] - float(score)) > 1e-5:
            failed += 1
            print(f"FAIL {path}: {got[0]} {got[1]:.6f}, expected {label} {score}")
    print(f"{right} of {len(expected)} pictures are read right")
    print(f"{len(expected) - failed} passed, {failed} failed")
    return 1 if failed or not expected else 0


if __name__ == "__main__":
    sys.exit(main())
