# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root/models/digits %t

One bit of embedded weights is flipped. A program gives no answer and ends with 1, in each of its modes; a library says so where it is
asked to check, and only there.
"""
import ctypes
import glob
import os
import subprocess
import sys

CNXC, DIGITS, FOLDER = sys.argv[1:]
PICTURE = sorted(glob.glob(f"{DIGITS}/test/seven/*.png"))[0]
WEIGHTS_DAMAGED = 11
MAGIC, HEADER = b"CNXCWGT\0", 64


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p),
                ("parallel_for", ctypes.c_void_p), ("parallel_user", ctypes.c_void_p), ("copy_weights", ctypes.c_int64),
                ("check_weights", ctypes.c_int64)]


def make(name, *options):
    subprocess.run([CNXC, "compile", DIGITS, "-o", f"{FOLDER}/{name}", *options], check=True)
    return f"{FOLDER}/{name}"


def weights_of(data):
    """Where they begin, and how long they are; the magic is in the code that looks for it, too."""
    at = data.find(MAGIC)
    while not (int.from_bytes(data[at + 8:at + 16], "little") == 1 and int.from_bytes(data[at + 16:at + 24], "little") > HEADER):
        at = data.find(MAGIC, at + 1)
        assert at >= 0, "no weights"
    return at + HEADER, int.from_bytes(data[at + 16:at + 24], "little") - HEADER


def damaged(path, part):
    data = bytearray(open(path, "rb").read())
    start, length = weights_of(data)
    data[start + int(part * (length - 1))] ^= 16
    with open(path + ".bad", "wb") as file:
        file.write(data)
    os.chmod(path + ".bad", 0o755)
    return path + ".bad"


def run(program, *options):
    return subprocess.run([program, *options], cwd=FOLDER, capture_output=True, text=True)


def create(library, check):
    handle, model = ctypes.CDLL(library), ctypes.c_void_p()
    options = Options(struct_size=ctypes.sizeof(Options), check_weights=check)
    status = handle.x_create(ctypes.byref(options), ctypes.byref(model))
    handle.x_destroy(model)
    return status


def main():
    program, library = make("model"), make("libx.so", "--emit=shared")
    modes = [[PICTURE], ["--json", PICTURE, PICTURE], [PICTURE, "--output", "logits=y.npy"], ["--bench", "--runs", "1"], ["--threads", "1", PICTURE]]
    for part in (0, 0.5, 1):
        bad = damaged(program, part)
        for mode in modes:
            done = run(bad, *mode)
            assert done.returncode == 1 and not done.stdout and "weights are damaged" in done.stderr, (part, mode, done)
            assert not os.path.exists(f"{FOLDER}/y.npy")
        assert run(bad, "--selftest").returncode == 1
        assert run(bad, "--dump-pixels", "x.npy", PICTURE).returncode == 0
        bad = damaged(library, part)
        assert create(bad, 0) == 0 and create(bad, 1) == WEIGHTS_DAMAGED
        os.unlink(bad)
    assert create(library, 1) == 0
    for mode in modes:
        assert run(program, *mode).returncode == 0, mode
    os.unlink(f"{FOLDER}/y.npy")


main()
