# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# REQUIRES: avx512_bf16
# RUN: %python %s %bin/cnxc %root %bin/../tests/libcnx-amx.so
"""--precision=bf16 and int8 on AMX: on a processor that has it as it is, elsewhere by compiled programs whose AMX instructions are
emulated where they fault (tests/codegen/amx.c).

Products against tdpbf16ps as the Intel SDM defines it, bit for bit; whole models beside float64; digits beside fp32; the
same bits for any number of threads; which variant of several is used; where emulated, every configuration released. One
more argument takes all goldens.
"""
import os
import subprocess
import sys
import tempfile

CNXC, ROOT, EMULATOR = map(os.path.abspath, sys.argv[1:4])
ALL = len(sys.argv) > 4
sys.argv[1:] = [CNXC, ROOT]  # bf16.py and precisions.py read them, too
sys.path.insert(0, os.path.join(ROOT, "tests", "codegen"))
import bf16  # noqa: E402
import precisions as models  # noqa: E402
import numpy as np  # noqa: E402

CPU = "-mcpu=sapphirerapids"
with open("/proc/cpuinfo") as f:
    NATIVE = " amx_bf16 " in f.read()
# m, k, n, spread, and the exponents of x, w and b: tails of each kind, several blocks of rows, subnormal numbers
PRODUCTS = [(1, 66, 16, 2, 0, 0, 0), (5, 71, 33, 4, 0, 0, 0), (29, 64, 48, 8, 3, 0, 9), (14, 96, 32, 60, 0, 0, 0),
            (3, 65, 5, 2, 0, 0, 0), (40, 95, 70, 63, 0, 0, -60), (49, 96, 100, 6, 0, 0, 0), (300, 72, 40, 6, 0, 0, 0),
            (16, 65, 160, 6, 0, 0, 0), (17, 64, 32, 2, -125, 4, -124), (17, 73, 32, 2, 3, -126, -125)]


def product(x, w, bias):
    """x [m, k] · w [k, n] as tdpbf16ps sums it up, then the bias."""
    k = x.shape[1]
    whole = -k % 32
    x, w = bf16.to_bf16(bf16.flush(np.pad(x, ((0, 0), (0, whole))))), bf16.flush(bf16.to_bf16(np.pad(w, ((0, whole), (0, 0)))))
    total = np.zeros((x.shape[0], w.shape[1]), np.float32)
    one = np.float32(1)
    for first in range(0, k, 32):
        even, odd = np.zeros_like(total), np.zeros_like(total)
        for t in range(first, first + 32, 2):
            even = bf16.fma(x[:, t:t + 1], w[t:t + 1], even)
            odd = bf16.fma(x[:, t + 1:t + 2], w[t + 1:t + 2], odd)
        total = bf16.fma(bf16.fma(even, one, odd), one, total)
    return bias + total


def emulated(counts, command, **how):
    """Runs a program, under the emulator unless there is AMX; counts gets what it emulated."""
    if NATIVE:
        return models.goldens.run(command, **how)
    env = dict(os.environ, LD_PRELOAD=EMULATOR, CNXC_AMX_COUNTS=counts)
    return models.goldens.run(command, env=env, **how)


def read_counts(path):
    if NATIVE:
        return 1  # nothing was counted
    with open(path) as f:
        counts = {word: int(number) for number, word in (item.split() for item in f.read().split(", "))}
    assert counts["configured"] == counts["released"], counts
    return counts["products"]


def check_counts(path):
    assert read_counts(path) > 0, "nothing was emulated"


def check_products(folder):
    rng = np.random.default_rng(7)
    xs = [bf16.values(rng, (m, k), s, e) for m, k, n, s, e, _, _ in PRODUCTS]
    ws = [bf16.values(rng, (k, n), s, e) for m, k, n, s, _, e, _ in PRODUCTS]
    bs = [bf16.values(rng, n, 2 * s, e) for m, k, n, s, _, _, e in PRODUCTS]
    xs[-2][:, 0] = bf16.TINY * np.float32(1 - 2.0 ** -10)
    path, exe, counts = (os.path.join(folder, name) for name in ("products.onnxtxt", "products", "counts"))
    bf16.write_model(path, PRODUCTS, ws, bs)
    models.goldens.run([CNXC, "compile", path, "--precision=bf16", CPU, "-o", exe])
    args = []
    for i, x in enumerate(xs):
        np.save(os.path.join(folder, f"x{i}.npy"), x[None])
        args += [f"--input=x{i}={folder}/x{i}.npy", f"--output=y{i}={folder}/y{i}.npy"]
    for threads in (1, 2, 5):
        emulated(counts, [exe, f"--threads={threads}", *args])
        check_counts(counts)
        for i, (x, w, b) in enumerate(zip(xs, ws, bs)):
            got = np.load(os.path.join(folder, f"y{i}.npy"))[0]
            wrong = int((got.view(np.uint32) != product(x, w, b).view(np.uint32)).sum())
            assert not wrong, f"{PRODUCTS[i]}, {threads} threads: {wrong} of {got.size} elements differ"
    print(f"{len(PRODUCTS)} products right")


def check_models(precision, folder):
    """precisions.py's own check, its programs compiled for AMX and emulated."""
    counts = os.path.join(folder, "counts")
    compile_to, run, products = models.compile_to, models.goldens.run, []
    models.compile_to = lambda folder, model, *options: compile_to(folder, model, CPU, *options)

    def run_emulated(command, **how):
        if command[0] == CNXC:
            return run(command, **how)
        models.goldens.run = run
        said = emulated(counts, command, **how)
        models.goldens.run = run_emulated
        products.append(read_counts(counts))
        return said

    models.goldens.run = run_emulated
    models.check_goldens(precision, folder, ALL)
    assert sum(n > 0 for n in products) >= 5, "nothing was emulated"
    models.goldens.run, models.compile_to = run, compile_to


def check_digits(folder):
    """The same labels as in fp32, for all but pictures on the brink."""
    with open(os.path.join(models.DIGITS, "test", "expected.tsv")) as f:
        pictures = [line.split("\t")[0] for line in f]
    tiles, full = (os.path.join(folder, name) for name in ("tiles", "full"))
    models.goldens.run([CNXC, "compile", models.DIGITS, CPU, "--precision=bf16", "-o", tiles])
    models.goldens.run([CNXC, "compile", models.DIGITS, "-o", full])
    counts = os.path.join(folder, "counts")
    short = emulated(counts, [tiles, "-k", "1", *pictures], cwd=models.DIGITS).splitlines()
    exact = models.goldens.run([full, "-k", "1", *pictures], cwd=models.DIGITS).splitlines()
    differ = sum(a.split("\t")[1] != b.split("\t")[1] for a, b in zip(short, exact, strict=True))
    print(f"digits: {differ} of {len(pictures)} labels differ from fp32")
    assert differ <= 2 and len(pictures) >= 50
    check_counts(counts)


def check_variants(folder):
    """What a program needs and which variant it takes, here and where AMX is not asked for."""
    def compiled(name, *options):
        path = os.path.join(folder, name)
        models.goldens.run([CNXC, "compile", models.DIGITS, *options, "-o", path])
        return path

    def used(said):
        return [line.split()[1] for line in said.splitlines() if line.endswith("used on this machine")]

    fat = compiled("fat", "-mcpu=x86-64-v4,sapphirerapids", "--precision=bf16")
    assert used(emulated(os.devnull, [fat, "--info"])) == ["sapphirerapids"]
    assert "AMX" not in models.goldens.run([compiled("floats", CPU), "--info"]), "float products ask for tiles"
    if NATIVE:
        return
    assert used(models.goldens.run([fat, "--info"])) == ["x86-64-v4"]
    said = subprocess.run([compiled("tiles", CPU, "--precision=bf16"), "-k", "1", "test/eight/4000.png"],
                          cwd=models.DIGITS, capture_output=True, text=True)
    assert said.returncode == 4 and "lacks AMX_BF16" in said.stderr, said


def main():
    with tempfile.TemporaryDirectory(prefix="cnxc-amx-") as folder:
        check_products(folder)
        for precision in models.BOUNDS:
            check_models(precision, folder)
        check_digits(folder)
        check_variants(folder)


if __name__ == "__main__":
    main()
