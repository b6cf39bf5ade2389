# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What model.run costs more than the C function: python_call.py CNXC [MODEL] [COUNT]. The two take turns, so that both find caches as a model leaves them.

Needs tests/python/requirements.txt."""
import ctypes
import os
import sys
import time

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "python"))


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main():
    os.environ["CNXC"] = os.path.abspath(sys.argv[1])
    import cnxc
    model = cnxc.compile((sys.argv[2:] + [os.path.join(ROOT, "models", "digits")])[0], threads=1)
    said, result = model.info["inputs"][0], model.info["outputs"][0]
    x, y = np.zeros((1, *said["shape"][1:]), np.float32), np.empty((1, *result["shape"][1:]), np.float32)
    context, _ = model._take(1, None)
    function, inputs, outputs = context.call["run"], (ctypes.c_void_p * 1)(x.ctypes.data), (ctypes.c_void_p * 1)(y.ctypes.data)
    calls = [lambda: function(context.pointer, inputs, 1, outputs), lambda: model.run(**{said["name"]: x})]
    times = 1e6 * np.array([[seconds(call) for call in calls] for _ in range(int((sys.argv[3:] + ["5000"])[0]))])
    print(f"C {np.median(times[:, 0]):.1f} us, model.run {np.median(times[:, 1]):.1f} us; it costs {np.median(times[:, 1] - times[:, 0]):.1f} us more")


if __name__ == "__main__":
    main()
