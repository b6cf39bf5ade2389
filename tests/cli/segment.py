# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A model that labels pixels: masks, overlays and areas of its program beside NumPy and Pillow, in Python and in C; graphs whose labels are
# of another name or all that they give; and what is refused.
# RUN: %python %s %cnxc %root %t.folder
import json
import os
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

CNXC, ROOT, FOLDER = sys.argv[1:]
sys.path.insert(0, os.path.join(ROOT, "python"))
import cnxc as package  # noqa: E402

PROCESSOR = {"image_processor_type": "SegformerImageProcessor", "size": 12, "resample": 2, "do_reduce_labels": True,
             "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3]}
LABELS = ["sky", "road, wet", "tree", "car"]
WEIGHTS = [[4, -2, 1], [-3, 5, -1], [1, 0, 3], [-1, -2, -3]]
HEAD = f"""<ir_version: 9, opset_import: ["" : 20]>
seg (float[N,3,12,12] pixel_values) => (OUTPUTS)
<float[4,3,1,1] w = {{{", ".join(str(v) for row in WEIGHTS for v in row)}}}>
{{
"""
GRAPHS = {
    "logits": ("float[N,4,12,12] logits", "   logits = Conv (pixel_values, w)\n"),
    "planes": ("float[N,4,12,12] planes", "   planes = Conv (pixel_values, w)\n"),
    "mask": ("int64[N,1,12,12] seen", "   y = Conv (pixel_values, w)\n   seen = ArgMax <axis: int = 1> (y)\n"),
    **{f"times{n}": ("int64[N,12,12] labels", f"   n = Constant <value_int: int = {n}> ()\n   y = Conv (pixel_values, w)\n"
                     "   seen = ArgMax <axis: int = 1, keepdims: int = 0> (y)\n   labels = Mul (seen, n)\n") for n in (80, 300)},
    "neither": ("float[N,432] z", "   z = Flatten (pixel_values)\n"),
}


def run(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def refuse(message, code, *words):
    done = run(*words, code=code)
    assert message in done.stderr, (words, done.stderr)


def compile(graph, *options, out=None, code=0):
    outputs, body = GRAPHS[graph]
    with open(f"{FOLDER}/{graph}.onnxtxt", "w") as f:
        f.write(HEAD.replace("OUTPUTS", outputs) + body + "}\n")
    return run(CNXC, "compile", f"{graph}.onnxtxt", "--task=image-segmentation", "--processor=processor.json", "--labels=labels.txt",
               "-o", out or graph, *options, code=code)


def color(i):
    return [sum((i >> (3 * b + c) & 1) << (7 - b) for b in range(8)) for c in range(3)]


def interpolated(planes, height, width):
    """Each plane at the picture's size: bilinear, by the centres of pixels."""
    def axis(n, m):
        at = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, None)
        low = np.minimum(at.astype(int), n - 1)
        return low, np.minimum(low + 1, n - 1), at - low
    (y0, y1, fy), (x0, x1, fx) = axis(planes.shape[1], height), axis(planes.shape[2], width)
    rows = planes[:, y0] * (1 - fy)[None, :, None] + planes[:, y1] * fy[None, :, None]
    return rows[:, :, x0] * (1 - fx) + rows[:, :, x1] * fx


def differs(labels, planes):
    """Where labels are not those of the greatest, but for ties."""
    expected = planes.argmax(0)
    chosen = np.take_along_axis(planes, labels[None].astype(int), 0)[0]
    return ((labels != expected) & (planes.max(0) - chosen > 1e-5)).sum()


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
rng = np.random.default_rng(0)
picture = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((91, 60), Image.Resampling.BICUBIC)
picture.save(f"{FOLDER}/street.png")
for name, text in ("processor.json", json.dumps(PROCESSOR)), ("labels.txt", "\n".join(LABELS)):
    with open(f"{FOLDER}/{name}", "w") as f:
        f.write(text)

# A mask is of the picture's size, its palette the labels'; the table adds up.
compile("logits")
done = run("./logits", "street.png", "-o", "mask.png", "--overlay=seen.png", "--output=logits=l.npy", "--output", "labels=n.npy")
mask, planes = Image.open(f"{FOLDER}/mask.png"), np.load(f"{FOLDER}/l.npy")[0]
assert mask.mode == "P" and mask.size == picture.size and len(mask.getpalette()) >= 12, (mask.mode, mask.size)
assert mask.getpalette()[:12] == sum((color(i) for i in range(4)), [])
labels = np.asarray(mask)
assert differs(labels, interpolated(planes.astype(np.float64), 60, 91)) == 0
assert (np.load(f"{FOLDER}/n.npy")[0] == planes.argmax(0)).all()
colors = np.array([color(i) for i in range(4)])
assert (np.asarray(Image.open(f"{FOLDER}/seen.png")) == (np.asarray(picture).astype(int) + colors[labels] + 1) // 2).all()
counts = np.bincount(labels.ravel(), minlength=4)
lines = [line.split("\t") for line in done.stdout.splitlines()]
order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
assert lines == [["street.png", LABELS[i], f"{counts[i] / labels.size:.6f}", "#%02x%02x%02x" % tuple(color(i))] for i in order], lines
assert len(run("./logits", "street.png", "-k", "1").stdout.splitlines()) == 1
said = json.loads(run("./logits", "street.png", "--json").stdout)
assert said[0]["path"] == "street.png" and [a["label"] for a in said[0]["areas"]] == [LABELS[i] for i in order], said
assert abs(sum(a["area"] for a in said[0]["areas"]) - 1) < 1e-5 and said[0]["areas"][0]["color"].startswith("#")
assert run("./logits", "street.png", "--csv").stdout.startswith("path,error,label_1,area_1,")
done = subprocess.run(["./logits", "street.png", "-o", "-"], capture_output=True, cwd=FOLDER)
with open(f"{FOLDER}/mask.png", "rb") as f:
    assert done.stdout == f.read()
assert "street.jpg -o mask.png" in run("./logits", "--help").stdout

# A picture of the model's own size has the model's own labels.
picture.resize((12, 12)).save(f"{FOLDER}/small.png")
run("./logits", "small.png", "-o", "small_mask.png", "--output=labels=n.npy")
assert (np.asarray(Image.open(f"{FOLDER}/small_mask.png")) == np.load(f"{FOLDER}/n.npy")[0]).all()

# Another name; labels alone, which are the nearest; none of them named.
for graph in "planes", "mask":
    compile(graph)
    run(f"./{graph}", "street.png", "-o", "other.png")
    other = np.asarray(Image.open(f"{FOLDER}/other.png"))
    nearest = planes.argmax(0)[np.arange(60) * 12 // 60][:, (2 * np.arange(91) + 1) * 12 // 182]
    assert (other == (labels if graph == "planes" else nearest)).all(), graph
compile("logits", "--outputs=labels", out="only")
run("./only", "street.png", "-o", "other.png")
assert (np.asarray(Image.open(f"{FOLDER}/other.png")) == nearest).all()

# Labels beyond those that have names: the palette reaches to them, and beyond 255 masks are of 16 bits.
for most, mode in (80, "P"), (300, "I;16"):
    compile(f"times{most}")
    run(f"./times{most}", "street.png", "-o", "beyond.png")
    beyond = Image.open(f"{FOLDER}/beyond.png")
    assert beyond.mode == mode and (np.asarray(beyond) == nearest.astype(int) * most).all(), most
    assert mode != "P" or len(beyond.getpalette()) > 3 * nearest.max() * most

# The library: in Python a picture's labels, areas and logits, from a path, bytes and samples.
compile("logits", "--emit=shared", out="libseg.so")
model = package.load(f"{FOLDER}/libseg.so")
with open(f"{FOLDER}/street.png", "rb") as f:
    answers = model([f"{FOLDER}/street.png", f.read(), np.asarray(picture)])
for answer in answers:
    assert answer["labels"].dtype == np.int32 and (answer["labels"] == labels).all() and (answer["logits"] == planes).all()
    assert [a["label"] for a in answer["areas"]] == [LABELS[i] for i in order]
assert model.labels == LABELS

# What can't be.
refuse("-o needs a picture", 2, "./logits", "-o", "x.png", "--bench")
refuse("--overlay writes the labels of one picture, which is to be named alone", 2, "./logits", "street.png", "small.png", "--overlay=x.png")
refuse("x.png: error: named for two outputs", 2, "./logits", "street.png", "-o", "x.png", "--overlay=x.png")
refuse("named for two outputs", 2, "./logits", "street.png", "-o", "x.png", f"--overlay={FOLDER}/./x.png")
with open(f"{FOLDER}/street.png", "rb") as f:
    done = subprocess.run(["./logits", "-", "-o", "street.png"], stdin=f, capture_output=True, text=True, cwd=FOLDER)
assert done.returncode == 4 and "it is an input, too" in done.stderr, done.stderr
refuse("cannot write: it is there and not a PNG file", 4, "./logits", "street.png", "-o", "labels.txt")
refuse("cannot write: it is an input, too", 4, "./logits", "street.png", "-o", "street.png")
run(CNXC, "compile", f"{ROOT}/models/digits", "-o", "digits")
refuse("this model does not label pixels; -o has nothing to write", 3, "./digits", "street.png", "-o", "x.png")
assert not os.path.exists(f"{FOLDER}/x.png")
refuse("has no logits or probabilities of pictures to evaluate", 3, CNXC, "eval", "logits.onnxtxt", ".", "--task=image-segmentation",
       "--processor=processor.json", "--labels=labels.txt")
done = compile("neither", code=1)
assert "needs an output of logits, float (N, classes, height, width), or of labels" in done.stderr, done.stderr
refuse("this ConvNeXt has no head that labels pixels", 3, CNXC, "check", f"{ROOT}/models/digits", "--task=semantic-segmentation")
