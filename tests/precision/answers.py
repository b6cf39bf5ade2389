# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a precision costs of trained models' answers: of models/digits, of models/kanji, and of forms of it that are harder (Inputs/variants.py).

    answers.py CNXC ROOT [--models digits,plain,outliers] [--rows bf16] [--pictures FOLDER]

A row is a precision with its options; it must keep the float32 program's answers, and the table says how far it does. Of kanji's pictures
the repository holds every fifth; --pictures names a folder with more.
"""
# UNSUPPORTED: sanitize
# RUN: %python %s %cnxc %root
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
import variants  # noqa: E402

ROWS = {"bf16": ["--precision=bf16"], "int8": ["--precision=int8"], "int8 calibrated": ["--precision=int8", "--calibrate={}"]}
MODELS = ["digits", *variants.VARIANTS]
# Of 1,000 answers, how many may differ from float32's, and how many right ones may be lost or won.
BOUNDS = {"digits": (1, 1), **dict.fromkeys(variants.VARIANTS, (2, 1))}
# Hidden channels that run hot take most of their pixel's range, and who sees no pictures can't know which they are.
LOOSE = {("hot", "int8"): (30, 15), ("hot", "int8 calibrated"): (8, 4)}
# Of fewer pictures than 1,000 two in a thousand are one or so, and chance decides which: three may go either way.
MANY, EITHER_WAY = 1000, 3


def evaluate(cnxc, model, pictures, calibrate, options):
    command = [cnxc, "eval", model, pictures, *(option.format(calibrate) for option in options), "--against=f32", "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def problems(name, row, answer):
    thousands, least = answer["pictures"] / 1000, 0 if name == "digits" or answer["pictures"] >= MANY else EITHER_WAY
    may_change, may_move = (max(least, bound * thousands) for bound in LOOSE.get((name, row), BOUNDS[name]))
    changed, moved = answer["pictures"] - answer["agreed"], abs(answer["top1_right"] - answer["against"]["top1_right"])
    if changed > may_change:
        yield f"{changed} answers differ"
    if moved > may_move:
        yield f"{moved} right answers more or less"
    if answer["against"]["top1"] < 0.85 or answer["unreadable"]:
        yield "the model or its pictures are not what they were"


def line(name, row, answer):
    return (f"{name:9s} {row:16s} top-1 {100 * answer['top1']:6.2f} of {100 * answer['against']['top1']:6.2f}   agreement "
            f"{100 * answer['agreement']:6.2f} %   relative error {answer['mean_relative_error']:.4f}, at most {answer['max_relative_error']:.3f}")


def models(root, names, folder, pictures):
    """Of each its name, the model and the folders of pictures, to be answered and to calibrate with."""
    kanji, digits = os.path.join(root, "models", "kanji"), os.path.join(root, "models", "digits")
    with zipfile.ZipFile(os.path.join(kanji, "pictures.zip")) as archive:
        archive.extractall(folder)
    for name in names:
        if name == "digits":
            copied = shutil.copytree(os.path.join(digits, "test"), os.path.join(folder, name), ignore=shutil.ignore_patterns("*.tsv"))
            yield name, digits, copied, copied
        else:
            variants.make(name, kanji, os.path.join(folder, name))
            yield name, os.path.join(folder, name), pictures or os.path.join(folder, "test"), os.path.join(folder, "calibrate")


def main():
    words = lambda text: text.split(",")
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("root")
    ap.add_argument("--models", type=words, default=MODELS, help=", ".join(MODELS))
    ap.add_argument("--rows", type=words, default=list(ROWS), help=", ".join(ROWS))
    ap.add_argument("--pictures")
    a = ap.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="cnxc-answers-") as folder:
        for name, model, pictures, calibrate in models(a.root, a.models, folder, a.pictures):
            for row in a.rows:
                answer = evaluate(a.cnxc, model, pictures, calibrate, ROWS[row])
                wrong = list(problems(name, row, answer))
                failed |= bool(wrong)
                print(line(name, row, answer), *wrong, sep="   ", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
