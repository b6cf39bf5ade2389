# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The examples of docs/python.md and of the README are run, in order, where their files are."""
import os
import re
import shutil
import subprocess
import sys

from PIL import Image


def run_blocks(page):
    with open(page, encoding="utf-8") as text:
        blocks = re.findall(r"```python\n(.*?)```", text.read(), re.S)
    names = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return len(blocks), names


def test_pages(root, pictures, tmp_path, monkeypatch):
    for place in tmp_path / "convnext-tiny-224", tmp_path / "path" / "to" / "convnext-tiny-224":
        shutil.copytree(f"{root}/models/digits", place, ignore=shutil.ignore_patterns("test"))
    for name, picture in ("cat.jpg", pictures[0]), ("dog.png", pictures[1]):
        Image.open(picture).convert("RGB").save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert run_blocks(f"{root}/README.md")[0] == 1
    count, names = run_blocks(f"{root}/docs/python.md")
    assert count == 3 and os.path.exists("libtiny.so") and names["x"].shape == (2, 3, 32, 32) and (names["y"] == names["model"].run(names["x"])["logits"]).all()


def test_example(root, pictures, digits):
    said = subprocess.run([sys.executable, f"{root}/examples/python/classify.py", f"{root}/models/digits", *pictures[:3]], check=True,
                          capture_output=True, text=True).stdout
    assert said.splitlines() == [f"{path}\t{best[0]['label']}\t{best[0]['score']:.3f}" for path, best in zip(pictures, digits(pictures[:3]))]
