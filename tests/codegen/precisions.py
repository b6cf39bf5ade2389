# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc %root
"""--precision=bf16 and int8 on whole models: logits beside float64, labels of digits beside fp32, size.

Goldens of classification come from their folders; a third argument takes all. bf16 rounds each operand by up to 2^-9, int8 by
up to 2^-8 of its row's largest or its column's, which must stay within the precision's bound of the largest logit. Most goldens
have fewer than 64 channels everywhere, and nothing of theirs is rounded to bf16; five have more, and their errors show it.
ConvNeXt-T, where nearly all is rounded, is checked by run_full.py.
"""
import os
import sys
import tempfile

CNXC, ROOT = sys.argv[1:3]
sys.path.insert(0, os.path.join(ROOT, "tests", "goldens"))
import goldens  # noqa: E402
import numpy as np  # noqa: E402

BOUNDS = {"bf16": 6e-3, "int8": 3e-2}  # of the largest logit
ROUNDED = 1e-4
CASES = ("cls_basic4", "cls_simd_width", "cls_no_layer_scale", "cls_two_labels", "cls_ignore_index", "cls_equal_widths",
         "cls_many_channels", "v2_cls", "v2_relu_loss", "cls_width_one")
DIGITS = os.path.join(ROOT, "models", "digits")


def compile_to(folder, model, *options):
    executable = os.path.join(folder, "model" + "".join(options).replace("/", ""))
    goldens.compile_model(CNXC, model, *options, "-o", executable)
    return executable


def logits(case, folder, *options):
    shape = case["inputs"]["pixel_values"]["shape"]
    place = os.path.join(goldens.HERE, case["dir"])
    executable = compile_to(folder, place, f"--image-size={shape[2]}x{shape[3]}", "--outputs=logits", *options)
    inputs = {"pixel_values": goldens.read_raw(place, case["inputs"]["pixel_values"])}
    return [goldens.run_model(executable, inputs, ["logits"], folder, threads)["logits"] for threads in (1, 2)]


def check_goldens(precision, folder, all_cases):
    cases = [c for c in goldens.manifest()["models"]
             if "logits" in c["outputs"] and (all_cases or os.path.basename(c["dir"]) in CASES)]
    errors = []
    for case in cases:
        one, two = logits(case, folder, f"--precision={precision}")
        want = goldens.read_raw(os.path.join(goldens.HERE, case["dir"]), case["outputs"]["logits"])
        errors.append(float(np.abs(one - want).max() / np.abs(want).max()))
        assert np.array_equal(one, two), f"{case['dir']}: bits depend on threads"
        assert errors[-1] <= BOUNDS[precision], f"{case['dir']}: {precision} error {errors[-1]:.1e}"
    rounded = sum(e > ROUNDED for e in errors)
    print(f"{precision}: {len(errors)} goldens within {BOUNDS[precision]}, worst {max(errors):.1e}; {rounded} of them rounded anything that counts")
    assert len(errors) >= len(CASES) and rounded >= 5


def labels(executable, pictures):
    said = goldens.run([executable, "-k", "1", *pictures], cwd=DIGITS)
    return [line.split("\t")[1] for line in said.splitlines()]


def check_digits(precision, folder):
    with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
        pictures = [line.split("\t")[0] for line in f]
    short, full = compile_to(folder, DIGITS, f"--precision={precision}"), compile_to(folder, DIGITS)
    differ = sum(a != b for a, b in zip(labels(short, pictures), labels(full, pictures)))
    print(f"{differ} of {len(pictures)} labels differ")
    assert len(pictures) >= 50 and differ <= (2 if precision == "bf16" else 1)
    assert os.path.getsize(short) < os.path.getsize(full)


def main():
    for precision in BOUNDS:
        with tempfile.TemporaryDirectory(prefix=f"cnxc-{precision}-") as folder:
            check_goldens(precision, folder, len(sys.argv) > 3)
            check_digits(precision, folder)


if __name__ == "__main__":
    main()
