# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Classify pictures with a compiled model, from Python without any package.

    cnxc compile models/digits --emit=shared -o libdigits.so
    python3 examples/python/alone.py ./libdigits.so models/digits/test/seven/3504.png

The same with a tensor instead of a picture: see run() below, which takes any buffer of float32, NCHW.
"""
import ctypes
import json
import os
import sys


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p),
                ("parallel_for", ctypes.c_void_p), ("parallel_user", ctypes.c_void_p)]


class Prediction(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int64), ("label", ctypes.c_char_p), ("score", ctypes.c_float)]


class Model:
    """A model and one context; use one object in one thread at a time."""

    def __init__(self, path, prefix=None, n_threads=1):
        self.prefix = prefix or os.path.basename(path).removeprefix("lib").split(".")[0]
        self.library = ctypes.CDLL(os.path.abspath(path))
        for name in ("status_text", "info_json", "context_error"):
            self._function(name).restype = ctypes.c_char_p
        self.model, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        options = Options(ctypes.sizeof(Options), n_threads, None, None, None)
        self._check("create", ctypes.byref(options), ctypes.byref(self.model))
        self._check("context_create", self.model, None, ctypes.c_size_t(0), ctypes.byref(self.context))
        self.info = json.loads(self._function("info_json")())

    def _function(self, name):
        return getattr(self.library, f"{self.prefix}_{name}")

    def _check(self, name, *arguments):
        status = self._function(name)(*arguments)
        if status:
            details = self._function("context_error")(self.context) if self.context else b""
            raise RuntimeError((details or self._function("status_text")(status)).decode())

    def classify(self, path, k=3):
        best, n = (Prediction * k)(), ctypes.c_int64()
        self._check("classify_file", self.context, os.fsencode(path), ctypes.c_int64(k), best, ctypes.byref(n))
        return [(p.label.decode(), p.score) for p in best[:n.value]]

    def run(self, inputs, batch, outputs):
        """Buffers (array.array, numpy arrays …) in the order of self.info; outputs are written."""
        def pointers(buffers):
            views = [(ctypes.c_char * memoryview(b).nbytes).from_buffer(b) for b in buffers]
            return (ctypes.c_void_p * len(views))(*map(ctypes.addressof, views))
        self._check("run", self.context, pointers(inputs), ctypes.c_int64(batch), pointers(outputs))

    def close(self):
        self._function("context_destroy")(self.context)
        self._function("destroy")(self.model)


def main():
    model = Model(sys.argv[1])
    failed = False
    for path in sys.argv[2:]:
        try:
            for label, score in model.classify(path):
                print(f"{path}\t{label}\t{score:.6f}")
        except RuntimeError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
    model.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
