# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir %t && %python %s %cnxc %t
"""Pools whose windows have more than 64 taps, which are joined from powers of two, in any rank, with strides, dilations, padding and
ceil_mode, against the interpreter, which looks at every tap."""
import os
import random
import subprocess
import sys

CNXC, FOLDER = sys.argv[1:]
RANDOM = random.Random(7)


def out_size(size, kernel, stride, dilation, pads, ceil):
    room = size + pads - (kernel - 1) * dilation - 1
    count = -(-room // stride) + 1 if ceil else room // stride + 1
    return count - 1 if ceil and (count - 1) * stride >= size + pads else count


def window(rank):
    while True:
        kernel = [RANDOM.choice((1, 2, 3, 5, 8, 9, 13, 17, 31, 32, 33, 70)) for _ in range(rank)]
        taps = 1
        for k in kernel:
            taps *= k
        if 64 < taps < 3000:
            return kernel


def a_list(numbers):
    return "[" + ",".join(map(str, numbers)) + "]"


inputs, outputs, nodes = [], [], []
for c in range(32):
    kernel = window(RANDOM.choice((1, 2, 2, 3)))
    stride = [RANDOM.choice((1, 1, 2, 3)) for _ in kernel]
    dilation = [RANDOM.choice((1, 1, 1, 2)) for _ in kernel]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
    begin, end = ([RANDOM.choice((0, RANDOM.randrange(r))) for r in reach] for _ in "be")
    ceil, batch = RANDOM.choice((0, 1)), RANDOM.choice(("N", "2"))
    size = [max(r - b - e, 1) + RANDOM.randrange(12) for r, b, e in zip(reach, begin, end)]
    out = [out_size(n, k, s, d, b + e, ceil) for n, k, s, d, b, e in zip(size, kernel, stride, dilation, begin, end)]
    kind = RANDOM.choice(("float", "double", "int8"))
    op, more = ("MaxPool", "") if kind != "float" or c % 2 else ("AveragePool", f",count_include_pad={c // 2 % 2}")
    inputs.append(f"{kind}[{','.join(map(str, [batch, 3, *size]))}] x{c}")
    outputs.append(f"{kind}[{','.join(map(str, [batch, 3, *out]))}] y{c}")
    nodes.append(f"y{c} = {op}<kernel_shape={a_list(kernel)},strides={a_list(stride)},dilations={a_list(dilation)},pads={a_list(begin + end)},"
                 f"ceil_mode={ceil}{more}>(x{c})")
path = os.path.join(FOLDER, "m.onnxtxt")
with open(path, "w") as f:
    f.write(f'<ir_version: 10, opset_import: ["": 22]>\ng ({", ".join(inputs)}) => ({", ".join(outputs)}) {{\n' + "\n".join(nodes) + "\n}\n")
for option in ("-O3", "-O0"):
    run = subprocess.run([CNXC, "verify", path, option], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.count(" ok\n") == len(nodes), (option, run.stdout, run.stderr)

# Halves (60000, as bits) whose sum is beyond the largest of them, and whose average is not.
path = os.path.join(FOLDER, "halves.onnxtxt")
with open(path, "w") as f:
    f.write('<ir_version: 10, opset_import: ["": 22]>\ng (float16[N,3,6,5] x) => (float16[N,3,5,4] y)\n<float16 large = {31571}> {\n'
            "zero = Sub(x, x)\nall = Add(zero, large)\ny = AveragePool<kernel_shape=[2,2]>(all)\n}\n")
for option in ("-O3", "-O0"):
    run = subprocess.run([CNXC, "verify", path, option], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout.count(" ok\n") == 1, (option, run.stdout, run.stderr)
