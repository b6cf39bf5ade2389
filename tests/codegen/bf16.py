# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc
"""--precision=bf16 against its definition, bit for bit, on CPUs with vdpbf16ps, with bfmmla and without either.

Every product is computed here in exact steps: operands rounded to bf16, two fused multiply-adds a pair, the odd element
first, subnormals as zero. A model of products must give these bits when it is compiled for each of the CPUs that this
machine can run, or emulate: aarch64. So the emulation equals the instruction wherever both run. bfmmla has a definition of
its own.
"""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

CNXC = sys.argv[1]
LARGE = len(sys.argv) > 2  # any second argument: shapes of real models
ARM = ("aarch64", "neoverse-v1")
TARGET, RUNNER = ["--target=aarch64-linux-gnu"], ["qemu-aarch64"]
TINY = np.float32(2.0 ** -126)


def text(values):
    return ", ".join(repr(float(v)) for v in values.ravel())


def flush(x):
    return np.where(np.abs(x) < TINY, np.copysign(np.float32(0), x), x)


def to_bf16(x):
    """Nearest even."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def fma(a, b, c):
    """round(a * b + c): the product of two bf16 is exact in double. The sum is rounded to odd there, and once more to
    float, which then is right."""
    p, c = a.astype(np.float64) * b, flush(c).astype(np.float64)
    s = p + c
    t = s - p
    rest = (p - (s - t)) + (c - t)
    bits = s.view(np.int64)
    towards = np.where((rest > 0) == (s > 0), 1, -1)
    bits = np.where((rest != 0) & (bits & 1 == 0), bits + towards, bits)
    s = bits.view(np.float64)
    bits = s.view(np.int64)
    r = s.astype(np.float32)
    # a result is subnormal if it is so with 24 bits and any exponent
    m, e = np.frexp(s)
    unbounded = np.ldexp(np.round(m * 2.0 ** 24), e - 24)
    return np.where(np.abs(unbounded) < float(TINY), np.copysign(np.float32(0), r), r)


def product(x, w, bias):
    """x [m, k] · w [k, n] as vdpbf16ps sums it up."""
    k = x.shape[1]
    if k % 2:
        x, w = np.pad(x, ((0, 0), (0, 1))), np.pad(w, ((0, 1), (0, 0)))
    x, w = to_bf16(flush(x)), flush(to_bf16(w))  # a subnormal that rounds to a normal number: zero in x, kept in w
    c = np.tile(bias, (x.shape[0], 1)).astype(np.float32)
    for t in range(0, k, 2):
        for u in (t + 1, t):
            c = fma(x[:, u:u + 1], w[u:u + 1], c)
    return c


def add_to_odd(a, b):
    """a + b in float: cut off, and the last bit set where that is not exact. Subnormals as zero, taken for such before."""
    a, b = flush(a).astype(np.float64), flush(b).astype(np.float64)
    s = a + b
    t = s - a
    rest = (a - (s - t)) + (b - t)
    bits = s.view(np.int64)
    bits = np.where((rest != 0) & (bits & 1 == 0), bits + np.where((rest > 0) == (s > 0), 1, -1), bits)
    cut = (bits & ~0x1FFFFFFF).view(np.float64)  # 24 bits of 53
    odd = (cut != bits.view(np.float64)).astype(np.uint32)
    return flush((cut.astype(np.float32).view(np.uint32) | odd).view(np.float32))


def product_bfmmla(x, w, bias):
    """As bfmmla sums it up with FPCR.EBF clear (Arm ARM, BFMMLA): pairs of K, then each pair's sum onto the whole."""
    k = -x.shape[1] % 4
    x, w = flush(to_bf16(np.pad(x, ((0, 0), (0, k))))), flush(to_bf16(np.pad(w, ((0, k), (0, 0)))))
    c = np.tile(bias, (x.shape[0], 1)).astype(np.float32)
    for t in range(0, x.shape[1], 2):
        one, two = (flush((x[:, u:u + 1].astype(np.float64) * w[u:u + 1]).astype(np.float32)) for u in (t, t + 1))
        c = add_to_odd(c, add_to_odd(one, two))
    return c


def values(rng, shape, spread, exponent):
    """Of many magnitudes up to 2^exponent: rounding happens, sums cancel."""
    x = rng.standard_normal(shape) * 2.0 ** (rng.uniform(-spread, 0, shape) + exponent)
    return x.astype(np.float32)


def model(cases):
    """Inputs and outputs of one graph: y0 = MatMul(x0, w0) + b0, …"""
    inputs = ", ".join(f"float[1,{m},{k}] x{i}" for i, (m, k, n, *_) in enumerate(cases))
    outputs = ", ".join(f"float[1,{m},{n}] y{i}" for i, (m, k, n, *_) in enumerate(cases))
    return inputs, outputs


def write_model(path, cases, weights, biases):
    inputs, outputs = model(cases)
    held = ", ".join(f"float[{k},{n}] w{i} = {{{text(weights[i])}}}, float[{n}] b{i} = {{{text(biases[i])}}}"
                     for i, (m, k, n, *_) in enumerate(cases))
    nodes = "".join(f"  p{i} = MatMul(x{i}, w{i})\n  y{i} = Add(p{i}, b{i})\n" for i in range(len(cases)))
    with open(path, "w") as f:
        f.write(f'<ir_version: 8, opset_import: ["" : 17]>\nproducts ({inputs}) => ({outputs})\n')
        f.write(f"<{held}>\n{{\n{nodes}}}\n")


def can_run(cpu):
    with open("/proc/cpuinfo") as f:
        flags = next(line for line in f if line.startswith("flags")).split()
    if cpu in ARM:
        runtime = os.path.join(os.path.dirname(CNXC), "../lib/cnxc", "aarch64-linux-gnu", "libcnxrt.a")
        return shutil.which(RUNNER[0]) and os.path.exists(runtime)
    needs = {"x86-64-v3": {"avx2", "fma"}, "x86-64-v4": {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"},
             "znver4": {"avx512_bf16", "avx512_vnni", "avx512_bitalg", "gfni", "vaes"}}
    return needs[cpu] <= set(flags)


def main():
    rng = np.random.default_rng(5)
    # m, k, n, spread, and the exponents of x, w and b: the last three meet subnormal sums, inputs and weights
    cases = [(1, 66, 16, 2, 0, 0, 0), (5, 71, 33, 4, 0, 0, 0), (29, 64, 48, 8, 3, 0, 9), (14, 96, 32, 60, 0, 0, 0),
             (3, 65, 5, 2, 0, 0, 0), (40, 95, 70, 63, 0, 0, -60), (30, 76, 48, 3, -64, -62, -126),
             (17, 64, 32, 2, -125, 4, -124), (17, 73, 32, 2, 3, -126, -125)]
    if LARGE:
        cases[:0] = [(196, 384, 1536, 6, 0, 0, 0), (196, 1536, 384, 6, 0, 0, 0)]
    xs = [values(rng, (m, k), s, e) for m, k, n, s, e, _, _ in cases]
    xs[-2][:, 0] = TINY * np.float32(1 - 2.0 ** -10)
    ws = [values(rng, (k, n), s, e) for m, k, n, s, _, e, _ in cases]
    bs = [values(rng, n, 2 * s, e) for m, k, n, s, _, _, e in cases]
    cpus = [cpu for cpu in ("x86-64-v3", "x86-64-v4", "znver4", *ARM) if can_run(cpu)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cnxc-bf16-") as folder:
        path = os.path.join(folder, "products.onnxtxt")
        write_model(path, cases, ws, bs)
        for i, x in enumerate(xs):
            np.save(os.path.join(folder, f"x{i}.npy"), x[None])
        for cpu in cpus:
            exe = os.path.join(folder, cpu)
            subprocess.run([CNXC, "compile", path, "--precision=bf16", f"-mcpu={cpu}", *(TARGET if cpu in ARM else []), "-o", exe], check=True)
            args = [f"--input=x{i}={folder}/x{i}.npy" for i in range(len(cases))]
            args += [f"--output=y{i}={folder}/y{i}.npy" for i in range(len(cases))]
            subprocess.run([*(RUNNER if cpu in ARM else []), exe, *args], check=True, stdout=subprocess.DEVNULL)
            for i, case in enumerate(cases):
                got = np.load(os.path.join(folder, f"y{i}.npy"))[0]
                want = (product_bfmmla if cpu == "neoverse-v1" else product)(xs[i], ws[i], bs[i])
                wrong = int((got.view(np.uint32) != want.view(np.uint32)).sum())
                if wrong:
                    failed += 1
                    print(f"FAIL {cpu} {case}: {wrong} of {got.size} elements differ")
    assert cpus, "no CPU of the list runs here"
    print(f"{len(cpus) * len(cases) - failed} products right on {', '.join(cpus)}, {failed} wrong")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
