"""The trained digits model: run_digits.py CNXC. Each picture of models/digits/test must get the label and the score
(to 1e-5) that transformers gives it; models/digits/test/expected.tsv lists them."""
import os
import sys
import tempfile

import goldens

DIGITS = os.path.normpath(os.path.join(goldens.HERE, "..", "..", "models", "digits"))


def main():
    cnxc = os.path.abspath(sys.argv[1])
    with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
        expected = [line.rstrip("\n").split("\t") for line in f]
    with tempfile.TemporaryDirectory(prefix="cnxc-digits-") as folder:
        executable = os.path.join(folder, "digits")
        goldens.run([cnxc, "compile", DIGITS, "-o", executable])
        said = goldens.run([executable, "-k", "1", *(path for path, _, _ in expected)], cwd=DIGITS)
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
