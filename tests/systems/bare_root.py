# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Run in a bare root by bare_roots.sh: bare_root.py CNXC DIGITS TINY OUT. Python's own library is all there is.

Compiles both models to each kind, so that the caller can compare the files; loads the libraries; runs an executable.
"""
import ctypes
import os
import shutil
import subprocess
import sys
import time

CNXC, DIGITS, TINY, OUT = sys.argv[1:]
ABSENT = ["cc", "gcc", "clang", "c++", "ld", "ld.lld", "as", "ar", "objcopy", "readelf"]


class Prediction(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int64), ("label", ctypes.c_char_p), ("score", ctypes.c_float)]


def run(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done


def compile(model, kind, *options, code=0):
    start = time.monotonic()
    path = os.path.join(OUT, f"{os.path.basename(model)}.{kind}")
    done = run(CNXC, "compile", model, "-mcpu=x86-64-v3", f"--emit={kind}", "--prefix=m", "-o", path, *options, code=code)
    print(f"{os.path.basename(path)}: {time.monotonic() - start:.1f} s")
    return path if not code else done.stderr


def classify(library, picture):
    """The best label, through the C API."""
    m = ctypes.CDLL(library)
    model, context, best, n = ctypes.c_void_p(), ctypes.c_void_p(), Prediction(), ctypes.c_int64()
    assert m.m_create(None, ctypes.byref(model)) == 0
    assert m.m_context_create(model, None, ctypes.c_size_t(0), ctypes.byref(context)) == 0
    assert m.m_classify_file(context, picture.encode(), ctypes.c_int64(1), ctypes.byref(best), ctypes.byref(n)) == 0
    assert n.value == 1 and 0 < best.score <= 1, (n.value, best.score)
    return best.label.decode()


def main():
    there = [name for name in ABSENT if shutil.which(name)]
    assert not there, f"this root is not bare: {there}"
    assert not os.path.exists("/usr/include/stdio.h")
    with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
        rows = [line.rstrip("\n").split("\t") for line in f][::10]
    made = {(model, kind): compile(model, kind) for model in (DIGITS, TINY) for kind in ("shared", "static", "obj", "exe")}
    for picture, label, _ in rows:
        picture = os.path.join(DIGITS, picture)
        assert classify(made[DIGITS, "shared"], picture) == label, picture
        assert run(made[DIGITS, "exe"], "-k", "1", picture).stdout.split("\t")[1] == label, picture
    print(f"{len(rows)} digits read; a {classify(made[TINY, 'shared'], picture)} by the other model")
    assert "agree" in run(made[TINY, "exe"], "--selftest").stdout
    said = compile(DIGITS, "exe", "--static", code=4)
    assert "--static needs rcrt1.o, which is not installed: install libc6-dev and gcc" in said, said


main()
