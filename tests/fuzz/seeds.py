# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Collects what the fuzz targets start from: seeds.py OUT makes OUT/TARGET with files of the other tests, the small ones,
and OUT/TARGET.words, libFuzzer's dictionary.

Nothing is kept here twice: texts, graphs, checkpoints, configs and pictures come from tests/ and models/, and the bad
inputs from the table of tests/bad_inputs.
"""
import collections
import glob
import hashlib
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "bad_inputs"))
import run as _table  # noqa: E402,F401  (fills harness.CASES)
import harness  # noqa: E402

MOST_BYTES = 40_000  # larger ones slow the search down
MOST_FILES = 400
MOST_WORDS = 400

SOURCES = {  # target: (patterns below the root, endings of files in the table of bad inputs)
    "text": (["tests/*/*.onnxtxt", "models/*/*.onnxtxt"], (".onnxtxt",)),
    "compile": (["tests/passes/*.onnxtxt", "tests/schedule/*.onnxtxt", "tests/text/*.onnxtxt"], (".onnxtxt",)),
    "code": (["tests/passes/*.onnxtxt", "tests/schedule/*.onnxtxt", "tests/**/*.onnx"], (".onnxtxt", ".onnx")),
    "onnx": (["tests/goldens/**/*.onnx", "tests/**/*.onnx"], (".onnx",)),
    "safetensors": (["tests/goldens/**/*.safetensors"], (".safetensors",)),
    "pickle": (["tests/goldens/**/*.bin", "tests/goldens/**/*.pth", "tests/goldens/**/*.pt"], (".bin", ".pth")),
    "alone": (["tests/goldens/**/*.safetensors", "tests/goldens/**/*.bin", "tests/goldens/**/*.pth"], (".safetensors", ".bin", ".pth", ".ckpt")),
    "npy": (["tests/goldens/**/*.npy"], (".npy",)),
    "image": (["tests/goldens/images/*/input.*", "models/digits/**/*.png"], (".png", ".jpg", ".webp")),
    "profile": (["compiler/target/profiles/*.xml"], (".xml",)),
}


def read(path):
    with open(path, "rb") as f:
        return f.read()


def files(patterns, endings):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(ROOT, pattern), recursive=True)):
            if os.path.getsize(path) <= MOST_BYTES:
                yield read(path)
    for case in harness.CASES:
        for name, content in case.files.items():
            if name.endswith(endings) and not (case.peak_mb and name.endswith(".onnxtxt")):  # slow ones: budgets that are used up
                yield content.encode() if isinstance(content, str) else content


def configs():
    """config.json, a NUL, preprocessor_config.json."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/**/config.json"), recursive=True)):
        processor = os.path.join(os.path.dirname(path), "preprocessor_config.json")
        yield read(path) + b"\0" + (read(processor) if os.path.exists(processor) else b"{}")
    for case in harness.CASES:
        if "m/config.json" in case.files:
            parts = [case.files.get("m/" + n, "{}") for n in ("config.json", "preprocessor_config.json")]
            yield b"\0".join(p.encode() if isinstance(p, str) else p for p in parts)


def answers():
    """Records of h5.h: type, contiguous, rank, eight dimensions, offset, bytes, path."""
    for dtype, dims, place, path in [(1, [2, 3], (8, 24), b"layer/model/x:0"), (7, [], (0, 8), b"x"), (0, [3], (0, 9), b"s/t"), (1, [1] * 9, (0, 4), b"h")]:
        yield struct.pack("<13q1024s", dtype, 1, len(dims), *(dims + [0] * 8)[:8], *place, path)


def words(contents):
    """libFuzzer's dictionary: the words that most seeds have, so that an operator can become another."""
    count = collections.Counter(w for c in contents for w in set(re.findall(rb"[A-Za-z_][A-Za-z_0-9]{2,40}", c)))
    return "".join(f'"{w.decode()}"\n' for w, _ in count.most_common(MOST_WORDS))


def save(folder, contents):
    os.makedirs(folder, exist_ok=True)
    kept = {hashlib.sha1(c).hexdigest(): c for c in contents if 0 < len(c) <= MOST_BYTES}
    for name, content in list(kept.items())[:MOST_FILES]:
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)
    with open(folder + ".words", "w") as f:
        f.write(words(kept.values()))
    print(f"{os.path.basename(folder)}: {min(len(kept), MOST_FILES)} seeds")


def main():
    for target, (patterns, endings) in SOURCES.items():
        save(os.path.join(sys.argv[1], target), files(patterns, endings))
    save(os.path.join(sys.argv[1], "config"), configs())
    save(os.path.join(sys.argv[1], "h5"), [*files(["tests/checkpoint/Inputs/*.h5"], (".h5",)), *answers()])


if __name__ == "__main__":
    main()
