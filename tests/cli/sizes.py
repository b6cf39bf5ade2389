# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One artifact for several sizes of pictures: the bits of programs for one size each, one copy of the weights, the input's shape
# picks, and a size that is not there is refused by the names of those that are. Bad lists.
# RUN: %python %s %cnxc %root %t.folder
import json
import os
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

CNXC, ROOT, FOLDER = sys.argv[1:]
GOLDENS = os.path.join(ROOT, "tests/goldens/models")
CLASSIFIER, BACKBONE = os.path.join(GOLDENS, "cls_basic4"), os.path.join(GOLDENS, "v2_backbone")
DIGITS = os.path.join(ROOT, "models/digits")
INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs")
SIZES = ((32, 32), (48, 48), (40, 56))
MAPS = ("feature_map.0", "feature_map.1")
NAMES = "32x32, 48x48 and 40x56"


def run(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def text(sizes):
    return ",".join(f"{h}x{w}" if h != w else str(h) for h, w in sizes)


def compile(name, model, sizes, *options):
    out = os.path.join(FOLDER, name)
    run(CNXC, "compile", model, "--image-size=" + text(sizes), "-o", out, *options)
    return out


def pixels(size):
    return np.random.default_rng(sum(size)).standard_normal((2, 3, *size), np.float32)


def answer(program, size, outputs, *options):
    """The bytes of the outputs, of numbers of this size."""
    np.save(os.path.join(FOLDER, "x.npy"), pixels(size))
    files = [os.path.join(FOLDER, f"{i}.npy") for i in range(len(outputs))]
    run(program, "--input", f"pixel_values={FOLDER}/x.npy", *(f"--output={o}={f}" for o, f in zip(outputs, files)), *options)
    return [np.load(f) for f in files]


def same(a, b):
    return len(a) == len(b) and all(x.shape == y.shape and x.tobytes() == y.tobytes() for x, y in zip(a, b))


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)

# Three sizes in one file: little more than one, since all of the weights are there once.
three, one = compile("three", DIGITS, SIZES), compile("one", DIGITS, SIZES[:1])
weights = json.loads(run(one, "--info", "--json").stdout)["weights_bytes"]
grown = os.path.getsize(three) - os.path.getsize(one)
assert weights > 4e6 and grown < weights / 10, (weights, grown)

# --info lists them, for people and as JSON: the same shapes as programs for one size have.
lines = run(three, "--info").stdout
assert f"\nsizes    {NAMES}; the input's shape or --image-size picks\n" in lines, lines
assert f"\nweights  {weights / 1e6:.2f} MB, {weights / 1e6:.2f} MB of them used by all sizes\n" in lines, lines
info = json.loads(run(three, "--info", "--json").stdout)
assert [(s["height"], s["width"]) for s in info["sizes"]] == list(SIZES)
assert info["sizes"][2]["inputs"][0]["shape"] == ["batch_size", 3, 40, 56] and info["inputs"] == info["sizes"][0]["inputs"]

# A map of 20 x 20 is one block, one of 4 x 4 is products of their own: they read the same weights. One of 2 x 2 has wider panels.
for sizes, shared in (((32, 32), (160, 160)), True), (((16, 16), (32, 32)), False):
    info = json.loads(run(compile("mixed", DIGITS, sizes, "-mcpu=x86-64-v4"), "--info", "--json").stdout)
    assert (info["weights_in_common"] + 64 == info["weights_bytes"]) is shared and info["weights_in_common"] > weights / 4, info

# The bits of programs for one size, in each precision; weights inside and beside; for several CPUs.
for precision in ("f32", "bf16", "int8"):
    singles = [compile(f"single{i}", BACKBONE, [size], f"--precision={precision}") for i, size in enumerate(SIZES)]
    for sizes, *options in ((SIZES,), (SIZES, f"--weights={FOLDER}/all.weights"), (SIZES[:2], "-mcpu=native,x86-64-v2")):
        if options and precision != "f32":
            continue
        program = compile("all", BACKBONE, sizes, f"--precision={precision}", *options)
        for size, single in zip(sizes, singles):
            assert same(answer(program, size, MAPS), answer(single, size, MAPS)), (precision, options, size)
            assert same(answer(program, size, MAPS, f"--image-size={text([size])}"), answer(single, size, MAPS)), size
        run(program, "--selftest", "--image-size=48")

# Another checkpoint's weights for the program of several sizes.
beside = compile("beside", BACKBONE, SIZES, f"--weights={FOLDER}/beside.weights")
run(CNXC, "weights", BACKBONE, f"--for={beside}", "-o", f"{FOLDER}/other.weights")
with open(f"{FOLDER}/beside.weights", "rb") as a, open(f"{FOLDER}/other.weights", "rb") as b:
    assert a.read() == b.read()

# Pictures are prepared for the size that runs: the first, or --image-size's.
picture = os.path.join(DIGITS, next(line.split("\t")[0] for line in open(os.path.join(DIGITS, "test", "expected.tsv"))))
larger = compile("larger", DIGITS, SIZES[1:2])
assert run(three, picture).stdout == run(one, picture).stdout
assert run(three, "--image-size=48", picture).stdout == run(larger, picture).stdout != run(one, picture).stdout

# Where the processor keeps a picture's size, that picks: of labels for each picture, of maps the first one for all.
for model, name in ((DIGITS, "labels"), (BACKBONE, "maps")):
    folder = os.path.join(FOLDER, name)
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("test", "*.onnx", "*.data", "ref.*"))
    with open(os.path.join(folder, "preprocessor_config.json"), "w") as f:
        json.dump({"do_resize": False}, f)
pictures = []
for size in (*SIZES, (44, 44)):
    pictures.append(f"{FOLDER}/{size[0]}x{size[1]}.png")
    values = np.random.default_rng(size[1]).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(values).save(pictures[-1])
program = compile("keeps", f"{FOLDER}/labels", SIZES)
expected = "".join(run(compile("kept", f"{FOLDER}/labels", [size]), picture).stdout for size, picture in zip(SIZES, pictures))
for threads in (1, 2):
    done = run(program, *pictures[::-1], *pictures[:3], f"--threads={threads}", code=3)
    assert done.stdout.splitlines()[15:] == expected.splitlines() and len(done.stdout.splitlines()) == 30, done
    assert f"44x44.png: error: the image processor makes 44x44 of this picture; compiled for {NAMES}" in done.stderr, done
for threads in (1, 2):  # whichever thread takes it
    said = run(program, "--image-size=32", *pictures[3:] * 20, f"--threads={threads}", code=3).stderr
    assert said == f"{pictures[3]}: error: the image processor makes 3x44x44 of this picture, the model takes 3x32x32\n" * 20, said
program = compile("keeps", f"{FOLDER}/maps", SIZES)
for size, picture in zip(SIZES, pictures):
    single = compile("kept", f"{FOLDER}/maps", [size])
    made = []
    for of in (program, single):
        run(of, picture, picture, *(f"--output={o}={FOLDER}/{i}.npy" for i, o in enumerate(MAPS)))
        made.append([np.load(f"{FOLDER}/{i}.npy") for i in range(2)])
    assert same(*made) and len(made[0][0]) == 2, size
said = run(program, pictures[2], pictures[0], f"--output={MAPS[0]}={FOLDER}/0.npy", code=3).stderr
assert "makes 3x32x32 of this picture, the model takes 3x40x56" in said, said
run("bash", "-c", f"{program} <(cat {pictures[0]}) --output={MAPS[0]}={FOLDER}/0.npy")  # a pipe is read once

# A size that is not there.
np.save(f"{FOLDER}/x.npy", pixels((44, 44)))
for words, code, message in ((["--input", f"pixel_values={FOLDER}/x.npy", "--output", "logits=-"], 3,
                              f"x.npy: error: there is no code for 44x44; compiled for {NAMES}"),
                             (["--bench", "--image-size=32x48"], 3, f"there is no code for 32x48; compiled for {NAMES}"),
                             (["--input", f"pixel_values={FOLDER}/x.npy", "--output", "logits=-", "--image-size=48"], 1,
                              "its shape is 2x3x44x44, 'pixel_values' takes Nx3x48x48"),
                             (["--bench", "--image-size=1x"], 2, "--image-size takes N or HxW, got '1x'"),
                             (["--bench", "--image-size=0"], 2, "--image-size takes N or HxW, got '0'")):
    assert message in run(three, *words, code=code).stderr, words
assert "there is no code for 48x48; compiled for 32x32" in run(one, "--bench", "--image-size=48", code=3).stderr

# Libraries of each kind: the sizes are asked for, one is chosen, a workspace of the header's bytes is enough for any.
for emit, name, link in (("shared", "lib.so", ["-Wl,-rpath," + FOLDER]), ("static", "lib.a", ["-lm", "-pthread"]),
                         ("obj", "lib.o", ["-lm", "-pthread"])):
    library = compile(name, CLASSIFIER, SIZES, "--emit=" + emit)
    user = os.path.join(FOLDER, "user-" + emit)
    run("cc", "-I", FOLDER, os.path.join(INPUTS, "sizes.c"), library, "-o", user, *link)
    rows = run(user).stdout.splitlines()
    if emit == "shared":
        singles = [compile(f"single{i}", CLASSIFIER, [size]) for i, size in enumerate(SIZES)]
    expected = []
    for size, single in zip(SIZES, singles):
        np.save(f"{FOLDER}/x.npy", (np.arange(3 * size[0] * size[1], dtype=np.float32) % 17 / 8 - 1).reshape(1, 3, *size))
        run(single, "--input", f"pixel_values={FOLDER}/x.npy", "--output", f"logits={FOLDER}/y.npy")
        expected.append(f"{size[0]}x{size[1]} " + " ".join(f"{v:08x}" for v in np.load(f"{FOLDER}/y.npy").view(np.uint32)[0]))
    assert rows == [*expected, f"there is no code for 44x44; compiled for {NAMES}"], (rows, expected)

# A graph's free dimensions are fixed by each of them; fixed ones are what they are.
graph = os.path.join(CLASSIFIER, "model_dynamo.onnx")
both = compile("both", graph, SIZES[:2])
np.save(f"{FOLDER}/x.npy", pixels(SIZES[1])[:1])
run(both, "--input", f"pixel_values={FOLDER}/x.npy", "--output", f"logits={FOLDER}/y.npy")
run(singles[1], "--input", f"pixel_values={FOLDER}/x.npy", "--output", f"logits={FOLDER}/z.npy")
assert np.allclose(np.load(f"{FOLDER}/y.npy"), np.load(f"{FOLDER}/z.npy"), rtol=1e-4, atol=1e-5)
fixed = os.path.join(CLASSIFIER, "model_legacy17.onnx")
done = run(CNXC, "compile", fixed, "--image-size=64,96", "-o", f"{FOLDER}/none", code=1)
assert "--image-size asks for height 96, but pixel_values is fixed to 64" in done.stderr, done

# Lists that are none, and who takes one size only.
for sizes, words, message in (("32,32", [], "--image-size lists 32x32 twice"), ("48,32x48,48x48", [], "--image-size lists 48x48 twice"),
                              ("32,,48", [], "--image-size takes N or HxW of 1 to 65536, got ''"),
                              ("32,", [], "--image-size takes N or HxW of 1 to 65536, got ''"),
                              ("32,0", [], "--image-size takes N or HxW of 1 to 65536, got '0'"),
                              ("32,4x", [], "--image-size takes N or HxW of 1 to 65536, got '4x'"),
                              (",".join(map(str, range(32, 49))), [], "--image-size takes at most 16 sizes, got 17"),
                              ("32,48", ["--emit=asm"], "--emit=asm takes one --image-size, got 2"),
                              ("32,48", ["--emit=onnx"], "--emit=onnx takes one --image-size, got 2")):
    done = run(CNXC, "compile", DIGITS, "--image-size=" + sizes, "-o", f"{FOLDER}/none", *words, code=2)
    assert message in done.stderr and not os.path.exists(f"{FOLDER}/none"), done
done = run(CNXC, "info", DIGITS, "--image-size=32,48", code=2)
assert "'cnxc info' takes one --image-size; several go with 'cnxc compile'" in done.stderr, done
done = run(CNXC, "compile", "-", "--image-size=32,48", "-o", f"{FOLDER}/none", code=2)
assert "MODEL is read for each of several sizes, so it can't be standard input" in done.stderr, done
assert " regions, at 2 sizes" in (said := run(CNXC, "check", DIGITS, "--image-size=32,48").stdout), said
