# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc %bin/cnx-interp
"""cnxc.RowQuantizedMatMul against its definition (ir/quantize.h), bit for bit, on CPUs with and without instructions for bytes.

Steps, integers and sums are computed here exactly; what follows the sums is float arithmetic in the order of the kernel's
expression. A model of products must give these bits when it is compiled for each of the CPUs that this machine can run, or
emulate, alone and behind a bias and an activation that a strip takes; the interpreter the same numbers, up to float's last bit.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

CNXC, INTERP = sys.argv[1:3]
f32 = np.float32
ARM = {"aarch64": "cortex-a57", "neoverse-n1": "neoverse-n1", "neoverse-v1": "max"}  # profiles, and what QEMU is to be
NEEDS = {"x86-64-v2": {"sse4_2"}, "x86-64-v3": {"avx2", "fma"}, "alderlake": {"avx2", "fma", "avx_vnni"},
         "x86-64-v4": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"},
         "icelake-server": {"avx512f", "avx512_vnni", "avx512_bitalg", "gfni", "vaes"},
         "sapphirerapids": {"avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"}}


def runs(cpu):
    if cpu in ARM:
        runtime = os.path.join(os.path.dirname(CNXC), "../lib/cnxc", "aarch64-linux-gnu", "libcnxrt.a")
        return shutil.which("qemu-aarch64") and os.path.exists(runtime)
    with open("/proc/cpuinfo") as f:
        return NEEDS[cpu] <= set(next(line for line in f if line.startswith("flags")).split())


def quantize(a):
    """Integers, steps and lowest values of the rows."""
    high, low = np.maximum(a.max(1), f32(0)), np.minimum(a.min(1), f32(0))
    span, steps = np.maximum(high - low, f32(2.0 ** -100)), f32(255)
    inverse = steps / span
    with np.errstate(invalid="ignore"):
        q = np.rint((a - low[:, None]).astype(np.float64) * inverse[:, None].astype(np.float64))
    return q, span / steps, low


def product(a, b, scale, k, bias):
    y = None
    for at in range(0, a.shape[1], k):
        q, step, low = quantize(a[:, at:at + k])
        part = b[at:at + k].astype(np.int64)
        value = ((np.nan_to_num(q).astype(np.int64) @ part).astype(f32) * step[:, None]) * scale
        value = value + low[:, None] * (part.sum(0) * scale.astype(np.float64)).astype(f32)
        y = value if y is None else value + y
    return y + bias


def text(values):
    return ", ".join(repr(float(v)) if values.dtype == f32 else str(v) for v in values.ravel())


def write_model(path, cases, weights, relu):
    ins = ", ".join(f"float[1,{m},{k}] x{i}" for i, (m, k, *_) in enumerate(cases))
    outs = ", ".join(f"float[1,{m},{n}] y{i}" for i, (m, _, n, *_) in enumerate(cases))
    held = ", ".join(f"int8[{k},{n}] w{i} = {{{text(weights[i][0])}}}, float[{n}] s{i} = {{{text(weights[i][1])}}}, "
                     f"float[{n}] b{i} = {{{text(weights[i][2])}}}" for i, (m, k, n, *_) in enumerate(cases))
    last = "t{0} = Add(p{0}, b{0})  y{0} = Relu(t{0})\n" if relu else "y{0} = Add(p{0}, b{0})\n"
    nodes = "".join(f"  p{i} = cnxc.RowQuantizedMatMul <range = {r}> (x{i}, w{i}, s{i})  " + last.format(i)
                    for i, (_, _, _, r) in enumerate(cases))
    with open(path, "w") as f:
        f.write(f'<ir_version: 8, opset_import: ["" : 20, "cnxc" : 1]>\nproducts ({ins}) => ({outs})\n<{held}>\n{{\n{nodes}}}\n')


def command(cpu, path, folder):
    exe = os.path.join(folder, cpu)
    subprocess.run([CNXC, "compile", path, f"-mcpu={cpu}", *(["--target=aarch64-linux-gnu"] if cpu in ARM else []), "-o", exe], check=True)
    return [*(["qemu-aarch64", "-cpu", ARM[cpu]] if cpu in ARM else []), exe]


def run(command, cases, folder):
    args = [f"--input=x{i}={folder}/x{i}.npy" for i in range(len(cases))]
    args += [f"--output=y{i}={folder}/y{i}.npy" for i in range(len(cases))]
    subprocess.run([*command, *args], check=True, stdout=subprocess.DEVNULL)
    return [np.load(os.path.join(folder, f"y{i}.npy"))[0] for i in range(len(cases))]


def interpreted(path, cases, folder):
    inputs = [f"{folder}/x{i}.npy" for i in range(len(cases))]
    subprocess.run([INTERP, path, f"{folder}/z", *inputs], check=True, stdout=subprocess.DEVNULL)
    return [np.load(os.path.join(folder, f"z{i}.npy"))[0] for i in range(len(cases))]


def special_rows(x):
    """A row of zeros, one of tiny numbers, one of large ones, one below zero, one with ties."""
    rows = [np.zeros, lambda n: np.full(n, 2.0 ** -110), lambda n: np.linspace(-2.0 ** 100, 2.0 ** 99, n),
            lambda n: -np.linspace(0.1, 3, n), lambda n: np.arange(n) % 255 / 2 - 63.5]
    for i, row in enumerate(rows[:x.shape[0]]):
        x[i] = row(x.shape[1])


def main():
    rng = np.random.default_rng(11)
    # m, k, n, range
    cases = [(1, 64, 16, 0), (5, 67, 33, 0), (29, 64, 48, 0), (14, 96, 32, 32), (3, 65, 5, 13), (40, 130, 70, 26), (49, 256, 40, 64),
             (7, 3, 1, 0), (33, 31, 100, 0)]
    xs = [(rng.standard_normal((m, k)) * np.exp(rng.uniform(-3, 3, (m, 1)))).astype(f32) for m, k, *_ in cases]
    special_rows(xs[2]), special_rows(xs[5]), special_rows(xs[6])
    weights = [(rng.integers(-128, 128, (k, n), np.int8), rng.uniform(1e-3, 1e-2, n).astype(f32),
                rng.standard_normal(n).astype(f32)) for _, k, n, *_ in cases]
    weights[0][0][:] = -128  # with 255 the largest sum of neighbours that there is
    xs[0][:] = np.abs(xs[0]).max()
    want = [product(x, *w[:2], r or k, w[2]) for x, w, (_, k, _, r) in zip(xs, weights, cases)]
    cpus = [cpu for cpu in (*NEEDS, *ARM) if runs(cpu)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cnxc-int8-") as folder:
        for i, x in enumerate(xs):
            np.save(os.path.join(folder, f"x{i}.npy"), x[None])
        for relu in (False, True):
            path = os.path.join(folder, f"products{relu:d}.onnxtxt")
            write_model(path, cases, weights, relu)
            wanted = [np.maximum(y, f32(0)) if relu else y for y in want]
            for cpu in cpus:
                for case, got, right in zip(cases, run(command(cpu, path, folder), cases, folder), wanted):
                    # without FMA an element's product is rounded before it becomes an integer: ties, of which there are a row
                    bound = 0 if cpu != "x86-64-v2" else 1e-2 * np.abs(right).max()
                    if not (np.abs(got - right) <= bound).all():
                        failed += 1
                        print(f"FAIL {cpu} relu {relu} {case}: {(got != right).sum()} of {got.size} elements differ")
            for case, got, right in zip(cases, interpreted(path, cases, folder), wanted):
                if not np.allclose(got, right, rtol=1e-5, atol=1e-5 * np.abs(right).max()):
                    failed += 1
                    print(f"FAIL interpreter {case}: {np.abs(got - right).max()}")
    assert len(cpus) >= 2, "too few CPUs of the list run here"
    print(f"{2 * (len(cpus) + 1) * len(cases) - failed} products right on {', '.join(cpus)} and interpreted, {failed} wrong")
    return failed > 0


sys.exit(main())
