# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# REQUIRES: aarch64
# RUN: %python %s %bin/cnx-dots %S/Inputs/dots.c
"""The inner steps of products of bytes, each by itself on random vectors and on the greatest, against plain integers.

Each runs on a CPU that has its instructions and nothing newer, as QEMU emulates it.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np

DOTS, DRIVER = sys.argv[1:3]
# profile, QEMU's CPU, bytes of K in a group, the instruction that must be there
STEPS = [("aarch64", "cortex-a57", 4, "smull2"), ("neoverse-n1", "neoverse-n1", 4, "sdot"), ("neoverse-v1", "max", 4, "sdot"),
         ("neoverse-v1", "max", 8, "smmla")]


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, **options).stdout


def vectors(rng, n):
    """a and b as bytes in quads, c as sums: [n, 4, 4], [n, 4, 4], [n, 4]."""
    a, b = (rng.integers(-128, 128, (n, 4, 4), np.int8) for _ in range(2))
    c = rng.integers(-2**30, 2**30, (n, 4), np.int32)
    ends = np.array([-128, 127, 0], np.int8)
    a[:9], b[:9] = np.repeat(ends, 3)[:, None, None], np.tile(ends, 3)[:, None, None]
    return a, b, c


def expected(a, b, c, k_pack):
    """A lane of the sums takes a quad of each, or lanes 0 to 3 are rows 0 0 1 1 by columns 0 1 0 1."""
    a, b = a.astype(np.int32), b.astype(np.int32)
    if k_pack == 4:
        return c + (a * b).sum(2, dtype=np.int32)
    return c + np.einsum("nik,njk->nij", a.reshape(-1, 2, 8), b.reshape(-1, 2, 8)).reshape(-1, 4)


def check(folder, cpu, emulated, k_pack, instruction):
    obj, exe = (os.path.join(folder, cpu + end) for end in (".o", ""))
    run(DOTS, cpu, "int8", str(k_pack), obj)
    assert instruction.encode() in run("aarch64-linux-gnu-objdump", "-d", obj), f"{cpu}: no {instruction}"
    run("aarch64-linux-gnu-gcc", "-O1", "-static", DRIVER, obj, "-o", exe)
    a, b, c = vectors(np.random.default_rng(3), 2000)
    want = expected(a, b, c, k_pack)
    stream = np.concatenate([a.view(np.int32)[:, :, 0], b.view(np.int32)[:, :, 0], c], 1)
    got = np.frombuffer(run("qemu-aarch64", "-cpu", emulated, exe, "16", input=stream.tobytes()), np.int32)
    assert np.array_equal(got.reshape(want.shape), want), f"{cpu}: {(got.reshape(want.shape) != want).sum()} sums differ"


with tempfile.TemporaryDirectory(prefix="cnxc-dots-") as folder:
    for step in STEPS:
        check(folder, *step)
