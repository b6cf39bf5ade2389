# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Compiled here for aarch64, run by QEMU: executables, libraries of each kind driven from C, variants that are picked by the
# kernel's HWCAP, NEON's own math functions, and what is said where something is missing.
# REQUIRES: aarch64
# RUN: %python %s %cnxc %root/models/digits %t.folder
import math
import os
import re
import shutil
import subprocess
import sys

import numpy as np

CNXC, DIGITS, FOLDER = sys.argv[1:]
TARGET = "--target=aarch64-linux-gnu"
PLAIN, ALL = "cortex-a57", "max"  # QEMU's CPUs: NEON and no more; whatever it emulates
USER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "user.c")


def run(*words, code=0, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def emulated(cpu, *words, **options):
    return run("qemu-aarch64", "-cpu", cpu, *words, **options)


def place(name):
    return os.path.join(FOLDER, name)


def compile(name, *options, model=DIGITS, target=TARGET):
    run(CNXC, "compile", model, target, "-o", place(name), *options)
    return place(name)


def same_answers(text, expected, most=1e-5):
    got, want = ([line.split("\t") for line in t.splitlines()] for t in (text, expected))
    return got and all(g[:2] == w[:2] and abs(float(g[2]) - float(w[2])) < most for g, w in zip(got, want, strict=True))


def machine(path):
    """The ELF header's e_machine."""
    with open(path, "rb") as f:
        head = f.read(20)
    return head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little")


def check_executables(expected):
    pictures = [line.split("\t")[0] for line in expected.splitlines()]
    names = {"exe": [], "static": ["--static"], "v1": ["-mcpu=neoverse-v1"],
             "beside": ["--weights=" + place("beside.weights")], "bf16": ["--precision=bf16"],
             "bfmmla": ["--precision=bf16", "-mcpu=neoverse-v1"], "int8": ["--precision=int8"],
             "smmla": ["--precision=int8", "-mcpu=neoverse-v1"]}
    made = {name: compile(name, *options) for name, options in names.items()}
    for name, path in made.items():
        assert machine(path) == 183, path  # EM_AARCH64
        said = emulated(ALL, path, "-k", "1", *pictures, cwd=DIGITS).stdout
        assert same_answers(said, expected, 1e-3 if "--precision" in str(names[name]) else 1e-5), (name, said)
    assert "bit" in emulated(PLAIN, made["exe"], "--selftest").stdout
    said = emulated(PLAIN, made["v1"], pictures[0], code=4, cwd=DIGITS)
    assert said.stderr.count("\n") == 1 and "compiled for neoverse-v1, but this processor lacks dotprod, fp16, bf16, i8mm" in said.stderr, said
    again = place("again")
    os.makedirs(again)
    with open(made["exe"], "rb") as a, open(compile("again/exe"), "rb") as b:
        assert a.read() == b.read(), "two compilations differ"


def check_variants(expected):
    fat = compile("fat", "-mcpu=aarch64,neoverse-n1,neoverse-v1")
    picture = expected.split("\t")[0]
    for cpu, variant in ((PLAIN, "aarch64"), ("neoverse-n1", "neoverse-n1"), (ALL, "neoverse-v1")):
        used = [line.split()[1].rstrip(",") for line in emulated(cpu, fat, "--info").stdout.splitlines() if line.endswith("used on this machine")]
        assert used == [variant], (cpu, used)
        assert same_answers(emulated(cpu, fat, "-k", "1", picture, cwd=DIGITS).stdout, expected.splitlines()[0]), cpu


def check_libraries():
    here = None
    for target, cc, runner in (("--target=x86_64-linux-gnu", "cc", ()), (TARGET, "aarch64-linux-gnu-gcc", ("qemu-aarch64",))):
        for emit, name, link in (("shared", "lib.so", ["-Wl,-rpath," + FOLDER]), ("static", "lib.a", ["-lm", "-pthread"]),
                                 ("obj", "lib.o", ["-lm", "-pthread"])):
            library = compile(name, "--emit=" + emit, target=target)
            run(cc, "-I", FOLDER, USER, library, "-o", place("user"), *link)
            said = [float(x) for x in run(*runner, place("user")).stdout.split()]
            here = here or said
            assert len(said) == 10 and all(abs(a - b) < 1e-3 for a, b in zip(here, said)), (target, emit, said, here)
    assert machine(place("lib.o")) == 183
    symbols = run("aarch64-linux-gnu-nm", "-g", "--defined-only", place("lib.o")).stdout.split("\n")
    assert all(line.split()[2].startswith("lib_") for line in symbols if line), symbols
    only = compile("lib.so", "--emit=shared", "-mcpu=neoverse-v1")
    run("aarch64-linux-gnu-gcc", "-I", FOLDER, USER, only, "-o", place("user"), "-Wl,-rpath," + FOLDER)
    assert emulated(PLAIN, place("user")).stdout == "no CPU for it\n"


# (operator, of doubles, range, error bound, relative to): the rows of tests/codegen/test_math.c for what Python has, too
PYTHON = {"gelu": lambda x: x * 0.5 * math.erfc(-x / math.sqrt(2)), "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
          "elu": lambda x: x if x >= 0 else math.expm1(x)}


def functions():
    with open(os.path.join(os.path.dirname(USER), "..", "..", "codegen", "test_math.c")) as f:
        rows = re.findall(r'\{"(\w+)", OP_(\w+), \{[\d.]+\}, ([-\de.]+)f?, ([-\de.]+)f?, (\w+), ([\de.-]+)\}', f.read())
    known = {name: PYTHON.get(name) or getattr(math, name, None) for name, *_ in rows}
    return [(op, known[name], float(low), float(high), float(bound), of) for name, op, low, high, of, bound in rows if known[name]]


FUNCTIONS = functions()
assert len(FUNCTIONS) >= 8


def of_doubles(function, x):
    try:
        return function(x)
    except ValueError:
        return math.nan


def check_math():
    n = 20011
    rng = np.random.default_rng(3)
    inputs = ", ".join(f"float[{n}] x{i}" for i in range(len(FUNCTIONS)))
    outputs = ", ".join(f"float[{n}] y{i}" for i in range(len(FUNCTIONS)))
    nodes = "".join(f"  y{i} = {f[0]}(x{i})\n" for i, f in enumerate(FUNCTIONS))
    with open(place("math.onnxtxt"), "w") as f:
        f.write(f'<ir_version: 10, opset_import: ["" : 20]>\nm ({inputs}) => ({outputs})\n{{\n{nodes}}}\n')
    words, xs = [], []
    for i, (_, _, low, high, _, _) in enumerate(FUNCTIONS):
        any_size = rng.uniform(-1, 1, n // 2) * 2.0 ** rng.uniform(-40, 127, n // 2)
        near = rng.uniform(max(low, -100), min(high, 1000), n - n // 2)
        xs.append(np.clip(np.concatenate([near, any_size]), low, high).astype(np.float32))
        np.save(place(f"x{i}.npy"), xs[i])
        words += ["--input", f"x{i}={place(f'x{i}.npy')}", "--output", f"y{i}={place(f'y{i}.npy')}"]
    emulated(PLAIN, compile("math", model=place("math.onnxtxt")), *words)
    for i, (name, function, _, _, bound, of) in enumerate(FUNCTIONS):
        got, want = np.load(place(f"y{i}.npy")).astype(float), np.array([of_doubles(function, float(x)) for x in xs[i]])
        scale = {"ABSOLUTE": 1.0, "OF_INPUT": np.maximum(1, np.abs(xs[i])), "RELATIVE": np.maximum(np.abs(want), 2.0 ** -126)}[of]
        assert (np.isnan(got) == np.isnan(want)).all(), name
        worst = float(np.nanmax(np.abs(got - want) / scale))
        print(f"{name}: error {worst:.3g}, bound {bound:.3g}")
        assert worst <= bound, name


def check_missing():
    """A compiler that was built without the runtime, and one with no program beside it."""
    os.makedirs(place("bare/bin"))
    shutil.copy(CNXC, place("bare/bin/cnxc"))
    shutil.copytree(os.path.join(os.path.dirname(CNXC), "..", "lib"), place("bare/lib"))
    shutil.rmtree(place("bare/lib/cnxc/aarch64-linux-gnu"))
    bare = place("bare/bin/cnxc")
    said = run(bare, "compile", DIGITS, TARGET, "-o", place("none"), code=4).stderr
    assert "built without its runtime library for aarch64-linux-gnu" in said and "gcc-aarch64-linux-gnu" in said, said
    run(CNXC, "compile", DIGITS, TARGET, "-o", place("alone"), env={"PATH": "/nowhere"})
    assert "fmla\tv" in run(bare, "compile", DIGITS, TARGET, "--emit=asm", "-o", "-").stdout


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
    EXPECTED = "".join(f.readlines()[::25])
check_executables(EXPECTED)
check_variants(EXPECTED)
check_libraries()
check_math()
check_missing()
