# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A folder as the documents' readers have one, for tests: visitor.py ROOT CNXC FOLDER. Models are small ones under the names that
documents use, pictures are handwritten digits."""
import json
import os
import shutil
import subprocess
import sys

from PIL import Image

ROOT, CNXC, FOLDER = sys.argv[1:]
FAMILY, DIGITS = f"{ROOT}/tests/goldens/family", f"{ROOT}/models/digits"
PICTURES = sorted(f"{folder}/{name}" for folder, _, names in os.walk(f"{DIGITS}/test") for name in names if name.endswith(".png"))


def model(name):
    shutil.copytree(DIGITS, name, ignore=shutil.ignore_patterns("test"))


def picture(source, name):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    Image.open(source).convert("RGB").save(name)


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
os.chdir(FOLDER)
for name in "model", "retrained", "folder-with-config.json", "checkpoint", "path/to/convnext-tiny-224":
    model(name)
os.remove("folder-with-config.json/model.safetensors")
for name in "upernet", "path/to/upernet-convnext-tiny":
    shutil.copytree(f"{FAMILY}/upernet", name)
for name in "timm", "optimum":
    shutil.copytree(f"{ROOT}/tests/goldens/processors/{name}", name)
for i, name in enumerate(["cat.jpg", "dog.png", "dog.jpg", "street.jpg", "more/cat.jpg", "photos/1.jpg", "photos/2.png", "photos/in/3.jpg"]):
    picture(PICTURES[7 * i], name)
for source in PICTURES:
    picture(source, "pictures" + source[len(f"{DIGITS}/test"):-4] + ".jpg")
with open("list.txt", "w") as f:
    f.write("photos/in/3.jpg\ndog.png\n")
with open("names.txt", "w") as f:
    f.writelines(f"class {i}\n" for i in range(10))
shutil.copy(f"{ROOT}/tests/pages/Inputs/program.c", ".")
shutil.copy(f"{ROOT}/tests/pages/Inputs/prelude.h", ".")
os.makedirs("build/release/bin")
os.symlink(CNXC, "build/release/bin/cnxc")
for name in "model.onnx", "model.onnxtxt":
    subprocess.run([CNXC, "compile", "model", "-o", name], check=True)
with open("timm/config.json") as f:
    config = json.load(f)
config["pretrained_cfg"]["input_size"] = [3, 32, 32]
with open("timm/config.json", "w") as f:
    json.dump(config, f)
Image.open("cat.jpg").save("cat.gif")
os.makedirs("resnet50")
with open("resnet50/config.json", "w") as f:
    json.dump({"model_type": "resnet"}, f)
with open("loop.onnxtxt", "w") as f:
    f.write('<ir_version: 9, opset_import: ["": 20]>\nm (float[N,4] x, int64 n, bool go) => (float[N,4] y)\n{\n   y = Loop<body = b (int64 i, bool c, float[N,4] v) => '
            "(bool d, float[N,4] w) { d = Identity(c) w = Relu(v) }>(n, go, x)\n}\n")
for name in "config.json", "preprocessor_config.json":
    shutil.copy(f"model/{name}", name)
