# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root %t

The example in a model's header is the body of a main that works, as C99 and as C++, whatever the model takes and gives.
"""
import os
import re
import shutil
import subprocess
import sys

CNXC, ROOT, FOLDER = sys.argv[1:]
sys.path.insert(0, f"{ROOT}/tests/goldens")
import run_pictures  # noqa: E402

DIGITS = f"{ROOT}/models/digits"
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]

TENSORS = """<ir_version: 10, opset_import: ["" : 22]>
main (float[batch, 5] "a.b/c*/", int64[2] n, float[batch, 3] x) => (float[batch, 5] "*/ cnxrt", int64[2] m, float[batch, 3] out1, bool[batch, 3] less)
{
  "*/ cnxrt" = Relu("a.b/c*/")
  m = Add(n, n)
  out1 = Neg(x)
  less = Less(x, out1)
}
"""
FIXED = """<ir_version: 10, opset_import: ["" : 22]>
main (float[3, 4] x) => (float s)
{
  s = ReduceSum<keepdims = 0>(x)
}
"""
MASK = """<ir_version: 10, opset_import: ["" : 22], metadata_props: ["cnxc.labels": "[\\"a\\", \\"b\\", \\"c\\"]"]>
main (float[batch, 3, 32, 32] pixel_values) => (int64[batch, 32, 32] labels)
<int64 most = {80}, int64 one = {1}>
{
  best = ArgMax<axis = 1, keepdims = 0>(pixel_values)
  after = Add(best, one)
  labels = Mul(after, most)
}
"""


def example(header):
    """The lines of the opening comment, below that of the licence, that stand further in than its sentences, their prefix taken off."""
    comment = header.split("*/")[1]
    return "\n".join(line[7:] for line in comment.splitlines() if line.startswith(" *     "))


def run(name, model, call, *options):
    subprocess.run([CNXC, "compile", model, "--emit=static", "-o", f"lib{name}.a", f"--prefix={name}", "-O1", *options], check=True, cwd=FOLDER)
    with open(f"{FOLDER}/lib{name}.h", encoding="utf-8") as f:
        lines = example(f.read())
    assert f"{name}_{call}(" in lines, f"{name}: expected {call} in\n{lines}"
    program = f'#include "lib{name}.h"\n#include <stdio.h>\n\nint main(void)\n{{\n{lines}\n    return 0;\n}}\n'
    for compiler in (["gcc", "-std=c99"], ["g++", "-std=c++11"]):
        source = f"{name}.{'c' if compiler[0] == 'gcc' else 'cc'}"
        with open(f"{FOLDER}/{source}", "w") as f:
            f.write(program)
        subprocess.run([*compiler, *WARNINGS, "-I.", source, f"lib{name}.a", "-lm", "-pthread", "-o", "program"], check=True, cwd=FOLDER)
        done = subprocess.run(["./program"], capture_output=True, text=True, cwd=FOLDER)
        assert done.returncode == 0 and re.search(r"^(\S+ )?-?\d", done.stdout), (name, done)
    return done.stdout


def text(name, graph):
    path = f"{FOLDER}/{name}.onnxtxt"
    with open(path, "w") as f:
        f.write(graph)
    return path


def folder(name, channels, processor):
    shutil.copytree(f"{ROOT}/tests/goldens/models/{run_pictures.CARRIER}", f"{FOLDER}/{name}")
    if channels != 3:
        run_pictures.with_channels(f"{FOLDER}/{name}", channels)
    with open(f"{FOLDER}/{name}/preprocessor_config.json", "w") as f:
        f.write(processor)
    return f"{FOLDER}/{name}"


shutil.copy(f"{DIGITS}/test/seven/3504.png", f"{FOLDER}/cat.jpg")
assert run("classes", DIGITS, "classify_file").startswith("seven 0.9")
assert run("losses", DIGITS, "classify_file", "--outputs=loss,probabilities").startswith("seven 0.9")
shutil.copy(f"{DIGITS}/test/seven/3504.png", f"{FOLDER}/street.jpg")
assert run("pixels", f"{ROOT}/tests/goldens/family/upernet", "segment_file", "--image-size=64").startswith("LABEL_")
assert run("beyond", text("mask", MASK), "segment_file", "--task=image-segmentation", f"--processor={DIGITS}").startswith("unnamed ")
run("features", DIGITS, "run_images", "--task=feature-extraction", "--outputs=pooler_output,hidden_states")
run("maps", DIGITS, "run_images", "--task=backbone")
run("one_loss", DIGITS, "run_images", "--outputs=loss")
features = ["--task=feature-extraction", "--image-size=48x32"]
run("gray", folder("as_they_are", 1, '{"do_resize": false}'), "run_images", *features)
run("vit", folder("exact", 3, '{"image_processor_type": "ViTImageProcessor", "size": {"height": 48, "width": 32}}'), "run_images", *features)
run("clip", folder("shortest", 3, '{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "do_center_crop": false}'), "run_images", *features)
run("oblong", DIGITS, "run", "--image-size=48x32")
run("four", DIGITS, "run", "--dim", "batch_size=4")
run("single", DIGITS, "classify_file", "--dim", "batch_size=1")
run("tensors", text("tensors", TENSORS), "run")
run("sum", text("sum", FIXED), "run")
print("ok")
