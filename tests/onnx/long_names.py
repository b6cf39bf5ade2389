# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir %t && %python %s %cnxc %t
"""A reader of text takes words of at most 4,096 bytes, so the printer puts longer names in quotes: they are read back."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bad_inputs"))
from onnx_files import message, model, node, value_info

CNXC, FOLDER = sys.argv[1:]


def text_of(path):
    return subprocess.run([CNXC, "compile", path, "--emit=onnxtxt", "-o", "-"], check=True, capture_output=True).stdout.decode()


for length in (4095, 4096, 4097, 70_000, 1_000_000):
    x, m, y, g, n, d = (letter * length for letter in "xmygnd")
    batch = message(1, message(2, d))  # a symbolic dimension of that name

    def typed(name):
        return message(1, name) + message(2, message(1, b"\x08\x01" + message(2, batch + message(1, b"\x08\x03"))))

    path = os.path.join(FOLDER, "m.onnx")
    with open(path, "wb") as f:
        f.write(model(message(1, node("Relu", [x], [m]) + message(3, n)) + message(1, node("Neg", [m], [y])) + message(2, g)
                      + message(11, typed(x)) + message(12, typed(y))))
    text = text_of(path)
    assert all((f'"{name}"' in text) == (length > 4096) and name in text for name in (x, m, y, g, d)), text[:200]
    with open(os.path.join(FOLDER, "m.onnxtxt"), "w") as f:
        f.write(text)
    assert text_of(os.path.join(FOLDER, "m.onnxtxt")) == text
