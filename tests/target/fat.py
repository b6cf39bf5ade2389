# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One artifact for several CPUs, on machines that QEMU emulates: the variant that each gets, the same answers from all of
# them, and a sentence, not SIGILL, where none runs. QEMU 7.2 emulates AVX2 and no AVX-512: its Skylake-Server says so in
# CPUID, and gets the variant for AVX2; where a later one emulates more, the same rule decides.
# REQUIRES: qemu
# RUN: %python %s %cnxc %root/models/digits %t.folder
import os
import shutil
import subprocess
import sys

CNXC, DIGITS, FOLDER = sys.argv[1:]
CPUS = ["x86-64-v2", "x86-64-v3", "x86-64-v4", "sapphirerapids"]  # from the least demanding on
SKYLAKE = ("x86-64-v3", "x86-64-v4")
USER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs", "user.c")


def run(*words, code=0, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def emulated(cpu, *words, **options):
    return run("qemu-x86_64", "-cpu", cpu, *words, **options)


def compile(name, cpus, *options):
    out = os.path.join(FOLDER, name)
    run(CNXC, "compile", DIGITS, "-mcpu=" + ",".join(cpus), "-o", out, *options)
    return out


def used(info):
    return [line.split()[1] for line in info.splitlines() if line.endswith("used on this machine")]


def answers(text):
    rows = [line.split("\t") for line in text.splitlines()]
    return [(path, label) for path, label, _ in rows], [float(score) for _, _, score in rows]


def same(text, expected):
    (labels, scores), (want_labels, want_scores) = answers(text), answers(expected)
    return labels == want_labels and labels and all(abs(a - b) < 1e-5 for a, b in zip(scores, want_scores))


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
fat = compile("fat", CPUS)

# The order on the command line does not matter for what is picked, and the same command gives the same bytes.
os.makedirs(os.path.join(FOLDER, "again"))
again = compile("again/fat", CPUS)
with open(fat, "rb") as a, open(again, "rb") as b:
    assert a.read() == b.read(), "two compilations differ"
listed = [line.split()[1] for line in run(fat, "--info").stdout.splitlines() if line.startswith("cpu ")]
assert listed == CPUS[::-1], listed
turned = compile("turned", CPUS[::-1])
assert used(emulated("Haswell", turned, "--info").stdout) == ["x86-64-v3"]

# Equal layouts are there once: Sapphire Rapids uses the panels of x86-64-v4.
sizes = {cpus: os.path.getsize(compile("size", cpus.split(","))) for cpus in ("x86-64-v4", "sapphirerapids,x86-64-v4")}
model = os.path.getsize(os.path.join(DIGITS, "model.safetensors"))
assert sizes["sapphirerapids,x86-64-v4"] - sizes["x86-64-v4"] < model / 4, sizes

# The same answers everywhere, this machine included.
with open(os.path.join(DIGITS, "test", "expected.tsv")) as f:
    expected = "".join(f.readlines()[::25])
pictures = [line.split("\t")[0] for line in expected.splitlines()]
assert same(run(fat, "-k", "1", *pictures, cwd=DIGITS).stdout, expected)
assert len(used(run(fat, "--info").stdout)) == 1
for cpu, variants in (("Nehalem", ("x86-64-v2",)), ("Haswell", ("x86-64-v3",)), ("Skylake-Server", SKYLAKE)):
    got = used(emulated(cpu, fat, "--info").stdout)
    assert len(got) == 1 and got[0] in variants, (cpu, got)
    assert same(emulated(cpu, fat, "-k", "1", *pictures, cwd=DIGITS).stdout, expected), cpu

# Below all of them: --info still works, running ends with 4 and one sentence.
v4 = compile("v4", ["x86-64-v4", "sapphirerapids"])
old = emulated("Nehalem", v4, "--info").stdout
assert not used(old) and "this machine is unsuitable" in old, old
for executable, cpu, sentence in (
        (compile("only", ["x86-64-v4"]), "Nehalem", "compiled for x86-64-v4, but this processor lacks AVX2, FMA, F16C, BMI2, AVX-512"),
        (v4, "Nehalem", "compiled for x86-64-v4 and better, but this processor lacks AVX2, FMA, F16C, BMI2, AVX-512"),
        (fat, "core2duo", "compiled for x86-64-v2 and better, but this processor lacks SSE4.2")):
    done = emulated(cpu, executable, pictures[0], code=4, cwd=DIGITS)
    said = [line for line in done.stderr.splitlines() if not line.startswith("qemu-")]
    assert len(said) == 1 and sentence in said[0] and not done.stdout, done

# Libraries of each kind: they run with the workspace that the header says, and give a status where they cannot.
for emit, name, link in (("shared", "lib.so", ["-Wl,-rpath," + FOLDER]), ("static", "lib.a", ["-lm", "-pthread"]),
                         ("obj", "lib.o", ["-lm", "-pthread"])):
    library = compile(name, CPUS, "--emit=" + emit)
    user = os.path.join(FOLDER, "user-" + emit)
    run("cc", "-I", FOLDER, USER, library, "-o", user, *link)
    here = run(user).stdout
    assert len(here.split()) == 10, here
    for cpu in ("Nehalem", "Haswell"):
        there = emulated(cpu, user).stdout
        assert all(abs(float(a) - float(b)) < 1e-3 for a, b in zip(here.split(), there.split(), strict=True)), (here, there)
    assert emulated("core2duo", user).stdout == "no CPU for it\n"

# Weights in a file: every variant reads the same one.
beside = compile("beside", CPUS, "--weights=" + os.path.join(FOLDER, "beside.weights"))
assert same(emulated("Haswell", beside, "-k", "1", pictures[0], cwd=DIGITS).stdout, expected.splitlines()[0])

# What several CPUs cannot be.
for words, code, message in (
        (["compile", DIGITS, "-mcpu=haswell,znver3", "-o", fat], 2, "znver3 needs the same instructions as haswell"),
        (["compile", DIGITS, "-mcpu=haswell,haswel", "-o", fat], 2, "did you mean 'haswell'"),
        (["compile", DIGITS, "-mcpu=,", "-o", fat], 2, "-mcpu needs the name of a CPU"),
        (["compile", DIGITS, "-mcpu=x86-64-v3,aarch64", "-o", fat], 2, "aarch64 is a CPU of aarch64-linux-gnu"),
        (["compile", DIGITS, "-mcpu=x86-64-v2,x86-64-v3", "--emit=asm"], 2, "--emit=asm takes one CPU, got 2"),
        (["info", DIGITS, "-mcpu=x86-64-v2,x86-64-v3"], 2, "'cnxc info' takes one CPU")):
    done = run(CNXC, *words, code=code)
    assert message in done.stderr, done
run(CNXC, "check", DIGITS, "-mcpu=x86-64-v2,x86-64-v3")
