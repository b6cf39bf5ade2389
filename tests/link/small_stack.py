# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root/models/digits %t %S/Inputs/small_stack.c
UNSUPPORTED: sanitize

A library does all it does on stacks of 64 KB, with pictures of each kind; and loading and unloading it a thousand times, with weights
inside and beside it, leaves nothing.
"""
import glob
import os
import subprocess
import sys

from PIL import Image

CNXC, DIGITS, FOLDER, SOURCE = sys.argv[1:]


def pictures():
    """The same digit in each format, so that each answer is the same."""
    png = sorted(glob.glob(f"{DIGITS}/test/seven/*.png"))[0]
    digit = Image.open(png).convert("RGB")
    large = digit.resize((640, 480), Image.BICUBIC)
    kinds = {"x.jpg": {"quality": 95}, "p.jpg": {"quality": 95, "progressive": True}, "x.png": {}, "y.webp": {"quality": 95},
             "l.webp": {"lossless": True}}
    for name, options in kinds.items():
        digit.save(f"{FOLDER}/{name}", **options)
        large.save(f"{FOLDER}/large-{name}", **options)
    digit.convert("P").save(f"{FOLDER}/palette.png")
    digit.convert("RGBA").save(f"{FOLDER}/alpha.webp", quality=95)
    return [png, *sorted(os.path.join(FOLDER, f) for f in os.listdir(FOLDER) if f.endswith(("jpg", "png", "webp")))]


def main():
    names = pictures()
    program = f"{FOLDER}/small_stack"
    subprocess.run([CNXC, "compile", DIGITS, "--emit=shared", "-o", f"{FOLDER}/libdigits.so"], check=True)
    subprocess.run([CNXC, "compile", DIGITS, "--emit=shared", "--prefix=digits", "--weights=" + f"{FOLDER}/w", "-o", f"{FOLDER}/libapart.so"], check=True)
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", f"-I{FOLDER}", SOURCE, "-ldl", "-pthread", "-o", program], check=True)
    for library in ("libdigits.so", "libapart.so"):
        for loads, threads, some in ((1, 1, names), (1, 3, names), (1000, 2, names[:1])):
            done = subprocess.run([program, f"{FOLDER}/{library}", str(loads), str(threads), *some], capture_output=True, text=True)
            assert done.returncode == 0 and done.stdout == "seven\n" * len(some), (library, loads, threads, done)


main()
