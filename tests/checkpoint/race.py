# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir -p %t/model/inside %t/outside && %python %s %cnxc %t
"""A link that is turned from the model's folder to one outside and back, as fast as can be, while models are compiled that read
through it: each is refused or computes with what lies inside. Runs for a few seconds; that long, both have to happen."""
import os
import struct
import subprocess
import sys
import threading
import time

CNXC, FOLDER = sys.argv[1:]
MODEL = os.path.join(FOLDER, "model")
FILES, SECONDS, LONGEST = 3, 4, 60
INSIDE, OUTSIDE = 16.25, 8191.25  # doubled: what is printed after folding

for i in range(FILES):
    for where, number in (("model/inside", INSIDE / 2), ("outside", OUTSIDE / 2)):
        with open(os.path.join(FOLDER, where, f"w{i}.bin"), "wb") as f:
            f.write(struct.pack("<f", number))
weights = ", ".join(f'float[1] w{i} = ["location": "turns/w{i}.bin"]' for i in range(FILES))
sums = "".join(f" y{i} = Add(w{i}, w{i})" for i in range(FILES))
with open(os.path.join(MODEL, "m.onnxtxt"), "w") as f:
    f.write(f'<ir_version: 8, opset_import: ["" : 17]>\ng () => ({", ".join(f"float[1] y{i}" for i in range(FILES))}) <{weights}> {{{sums} }}\n')
done = False


def turn():
    other, link = os.path.join(MODEL, "next"), os.path.join(MODEL, "turns")
    while not done:
        for target in ("inside", "../outside"):
            os.symlink(target, other)
            os.replace(other, link)


os.symlink("inside", os.path.join(MODEL, "turns"))
turning = threading.Thread(target=turn)
turning.start()
try:
    start, compiled, refused = time.time(), 0, 0
    while time.time() < start + SECONDS or (not (compiled and refused) and time.time() < start + LONGEST):
        run = subprocess.run([CNXC, "compile", os.path.join(MODEL, "m.onnxtxt"), "--emit=onnxtxt", "-o", "-"], capture_output=True, text=True)
        assert run.returncode in (0, 1), (run.returncode, run.stderr)
        assert str(OUTSIDE) not in run.stdout, f"after {compiled} models that were compiled and {refused} refused, a file outside was read"
        assert (str(INSIDE) in run.stdout) if run.returncode == 0 else ("outside the model's directory" in run.stderr)
        compiled += run.returncode == 0
        refused += run.returncode == 1
finally:
    done = True
    turning.join()
print(f"{compiled} compiled, {refused} refused")
assert compiled and refused
