# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How many instructions do compiling and running take?  instructions.py CNXC [--update]

Time depends on the hour and on the machine, the number of instructions on neither: callgrind counts those of
  compiling the digits (cnxc's own, those of LLVM and the C library left out),
  one picture of the digits (the model's kernels, and the runtime that reads the picture and calls them),
  one block of ConvNeXt-T's stages 1 and 3 (the model's kernels),
all for haswell, of which valgrind knows every instruction. instructions.txt holds what they were; a count that differs by
more than 1 % fails. A change that moves one writes the file anew with --update, and its message says why.

Kernels depend on LLVM's version, what is written in C on the compiler that built cnxc. A count is looked up by these; where
the file has none for them, the line says so and is left out of what has passed.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DIGITS = os.path.normpath(os.path.join(HERE, "..", "..", "models", "digits"))
COUNTS = os.path.join(HERE, "instructions.txt")
TOLERANCE = 0.01
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}
CPU = "-mcpu=haswell"

# Channels last and weights of ones: what is left of a block between its neighbours' LayerNorms.
BLOCK = """<ir_version: 10, opset_import: ["" : 20]>
block (float[1,{size},{size},{width}] x) => (float[1,{size},{size},{width}] y)
<
    float[{width},1,7,7] taps = ["location": "ones"], float[{width},{hidden}] w1 = ["location": "ones"],
    float[{hidden}] b1 = ["location": "ones"], float[{hidden},{width}] w2 = ["location": "ones"],
    float[{width}] b = ["location": "ones"]
>
{{
    planes = Transpose <perm = [0,3,1,2]> (x)
    filtered = Conv <group = {width}, pads = [3,3,3,3]> (planes, taps, b)
    rows = Transpose <perm = [0,2,3,1]> (filtered)
    normal = LayerNormalization <epsilon = 1e-6> (rows, b, b)
    sums = MatMul(normal, w1)
    biased = Add(sums, b1)
    hidden = Gelu(biased)
    narrow = MatMul(hidden, w2)
    shifted = Add(narrow, b)
    scaled = Mul(shifted, b)
    y = Add(x, scaled)
}}
"""


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return done.stdout


# ── Counting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def callgrind(command, folder):
    """(object, function) → instructions executed in it, callees left out."""
    out = os.path.join(folder, "callgrind.out")
    run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--compress-strings=no", *command], env=ENVIRONMENT, cwd=folder)
    counts, where, inclusive = {}, [None, None], False
    with open(out, errors="replace") as f:
        for line in f:
            if line.startswith(("ob=", "fn=")):
                where[line.startswith("fn=")] = line[3:].rstrip("\n")
            elif line.startswith("calls="):
                inclusive = True  # the next line is the callee's
            elif line[:1] in "0123456789+-*":
                if not inclusive:
                    counts[tuple(where)] = counts.get(tuple(where), 0) + int(line.split()[1])
                inclusive = False
    return counts


def functions_of(path):
    lines = (line.split() for line in run(["nm", path]).splitlines())
    return {words[2] for words in lines if len(words) == 3 and words[1] in "tTwW"}


def in_object(counts, path):
    return sum(n for (ob, _), n in counts.items() if ob == os.path.realpath(path))


def in_functions(counts, path, names):
    return sum(n for (ob, fn), n in counts.items() if ob == os.path.realpath(path) and re.sub(r"'\d+$", "", fn) in names)


# ── What is counted ───────────────────────────────────────────────────────────────────────────────────────────────────


def build_run(cnxc, model, folder):
    """An executable of one_run.c, and the names of the kernels in it."""
    run([cnxc, "compile", model, CPU, "--prefix=model", "--emit=obj", "-o", f"{folder}/model.o"])
    run(["cc", "-O1", f"-I{folder}", f"{HERE}/one_run.c", f"{folder}/model.o", "-o", f"{folder}/one_run", "-lm", "-pthread"])
    return f"{folder}/one_run", {name for name in functions_of(f"{folder}/one_run") if re.match(r"cnx_\w+__\w+$", name)}


def compile_digits(cnxc, folder):
    counts = callgrind([cnxc, "compile", DIGITS, CPU, "-j", "1", "--emit=obj", "-o", f"{folder}/digits.o"], folder)
    yield "compile digits", "cnxc", in_object(counts, cnxc)


def run_digits(cnxc, folder):
    program, kernels = build_run(cnxc, DIGITS, folder)
    counts = callgrind([program, sorted(glob.glob(f"{DIGITS}/test/seven/*.png"))[0]], folder)
    runtime = functions_of(os.path.join(os.path.dirname(cnxc), "..", "lib", "cnxc", "libcnxrt.a"))
    yield "run digits", "kernels", in_functions(counts, program, kernels)
    yield "run digits", "runtime", in_functions(counts, program, runtime)


def run_block(cnxc, folder, size, width):
    with open(f"{folder}/block.onnxtxt", "w") as f:
        f.write(BLOCK.format(size=size, width=width, hidden=4 * width))
    with open(f"{folder}/ones", "wb") as f:
        f.write(b"\0\0\x80\x3f" * (4 * width * width))
    program, kernels = build_run(cnxc, f"{folder}/block.onnxtxt", folder)
    counts = callgrind([program, "--tensor", str(4 * size * size * width)], folder)
    yield f"block {size}x{size}x{width}", "kernels", in_functions(counts, program, kernels)


def count_all(cnxc):
    """(what, whose, instructions) of each."""
    for measure, *options in ((compile_digits,), (run_digits,), (run_block, 56, 96), (run_block, 14, 384)):
        with tempfile.TemporaryDirectory(prefix="cnxc-count-") as folder:
            yield from measure(cnxc, folder, *options)


def built_with(cnxc):
    """Whose code → what its count depends on: the compiler that built cnxc, or LLVM."""
    comment = run(["readelf", "-p", ".comment", cnxc])
    found = re.search(r"(clang) version (\d+)", comment) or re.search(r"(GCC): \(.*\) (\d+)", comment)
    compiler = f"{found[1].lower()}-{found[2]}" if found else "unknown"
    llvm = re.search(r"libLLVM\S* => (\S+)", run(["ldd", cnxc]))
    version = re.search(r"(\d+\.\d+)$", os.path.realpath(llvm[1])) if llvm else None
    return {"cnxc": compiler, "runtime": compiler, "kernels": f"llvm-{version[1] if version else 'unknown'}"}


# ── Comparing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_counts():
    if not os.path.exists(COUNTS):
        return {}
    with open(COUNTS) as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {(" ".join(row[:-3]), row[-3], row[-2]): int(row[-1].replace(",", "")) for row in rows}


def write_counts(counts):
    with open(COUNTS, "w") as f:
        f.write("# Instructions, by instructions.py --update: of what, in whose code, built with what.\n")
        for (what, whose, key), n in sorted(counts.items()):
            f.write(f"{what:<18} {whose:<8} {key:<9} {n:>13,}\n")


def compare(key, n, expected):
    """Prints a line; whether it passes, None without a count to compare with."""
    what = " ".join(key)
    if expected is None:
        print(f"{what}: {n:,}; instructions.txt has no count for {key[2]}, run --update", flush=True)
        return None
    change = n / expected - 1
    passes = abs(change) <= TOLERANCE
    print(f"{'' if passes else 'FAIL '}{what}: {n:,}, {100 * change:+.2f} % of {expected:,}", flush=True)
    return passes


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--update", action="store_true", help="write the counts into instructions.txt")
    a = ap.parse_args()
    known, keys, results = read_counts(), built_with(a.cnxc), []
    for what, whose, n in count_all(a.cnxc):
        key = what, whose, keys[whose]
        results.append(compare(key, n, known.get(key)))
        known[key] = n if a.update else known.get(key)
    if a.update:
        write_counts(known)
        return 0
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results.count(True) and not results.count(False) else 1


if __name__ == "__main__":
    sys.exit(main())
