# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pictures of all kinds: pixel values and answers are the program's, to the bit; Pillow decodes what is decoded."""
import glob
import io
import json
import os
import pathlib
import re
import shutil

import numpy as np
import pytest
from PIL import Image, ImageOps

import cnxc
import goldens


@pytest.fixture(scope="module")
def strange(root):
    """JPEG and PNG of every kind, none of which the processor's settings beside it matter for."""
    found = sorted(glob.glob(f"{root}/tests/goldens/images/*/input.???"))
    assert len(found) > 50
    return found


@pytest.fixture(scope="module")
def dumped(program, strange, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("dump") / "x.npy")
    goldens.execute(program, "--dump-pixels", path, *strange)
    return np.load(path)


def test_pixels_of_files(digits, strange, dumped):
    assert (digits.prepare(strange) == dumped).all()
    assert (digits.prepare([pathlib.Path(path).read_bytes() for path in strange]) == dumped).all()
    assert digits.prepare(strange[0]).shape == (1, 3, 32, 32) and digits.prepare([]).shape == (0, 3, 32, 32)


def test_pixels_of_pillow(digits, strange, dumped):
    for path, want in zip(strange, dumped):
        with Image.open(path) as picture:
            assert (digits.prepare(picture)[0] == want).all(), path
        with Image.open(path) as picture:
            rgb = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
        assert (digits.prepare(rgb)[0] == want).all(), path


def test_transparent_on_white(root, tmp_path):
    """Where the processor converts so: a file, Pillow's picture and an array are the same."""
    case = next(c for c in goldens.manifest()["images"] if c["name"] == "png_rgba_white")
    path = os.path.join(goldens.HERE, case["dir"], "input.png")
    model = cnxc.compile(f"{root}/tests/goldens/models/cls_one_stage", image_size=tuple(case["pixel_values"]["shape"][2:]), preproc="pil",
                         processor=os.path.join(goldens.HERE, case["dir"], "preprocessor_config.json"))
    with Image.open(path) as picture:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        want = model.prepare(white.convert("RGB"))
        for same in (path, picture, np.asarray(picture.convert("RGBA"))):
            assert (model.prepare(same) == want).all()
        assert (model.prepare(picture.convert("RGB")) != want).any()


def answers_of(program, paths, k):
    said = json.loads(goldens.execute(program, "-k", str(k), "--json", *paths))
    return pairs(picture["predictions"] for picture in said)


def pairs(answers):
    """With as many digits as the program prints."""
    return [[(p["label"], f"{p['score']:.7g}") for p in answer] for answer in answers]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_answers(digits, program, pictures, threads):
    model, paths = cnxc.load(digits.path, threads=threads), pictures[:41]
    want = answers_of(program, paths, 3)
    assert pairs(model(paths, top_k=3)) == want
    assert pairs(model([open(path, "rb") for path in paths], 3)) == want
    assert pairs(model((Image.open(path) for path in paths), 3)) == want
    assert pairs(model(np.array(paths), 3)) == want and pairs(model(np.array([pathlib.Path(p).read_bytes() for p in paths], object), 3)) == want
    assert pairs([model(path, 3) for path in paths[:5]]) == want[:5]
    assert pairs(model(paths[:1], 3)) == want[:1] and model([]) == []


def test_answer_is_a_pipelines(digits, pictures):
    answer = digits(pictures[0])
    assert len(answer) == 5 and len(digits(pictures[0], top_k=99)) == 10 and set(answer[0]) == {"label", "score"}
    assert type(answer[0]["label"]) is str and type(answer[0]["score"]) is float
    assert [p["score"] for p in answer] == sorted((p["score"] for p in answer), reverse=True)


def test_without_labels(root, digits, pictures, tmp_path):
    for name in "model.safetensors", "preprocessor_config.json":
        shutil.copy(f"{root}/models/digits/{name}", tmp_path)
    with open(f"{root}/models/digits/config.json") as file:
        config = {key: value for key, value in json.load(file).items() if key not in ("id2label", "label2id")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    model = cnxc.compile(tmp_path)
    assert model.labels == [f"LABEL_{i}" for i in range(10)]
    for named, plain in zip(digits(pictures[0], 10), model(pictures[0], 10)):
        assert plain == {"label": f"LABEL_{digits.labels.index(named['label'])}", "score": named["score"]}


def test_arrays(digits):
    """Rows and pixels may lie anywhere; a batch is several pictures."""
    rng = np.random.default_rng(3)
    rgb = rng.integers(0, 256, (50, 41, 3), dtype=np.uint8)
    png = io.BytesIO()
    Image.fromarray(rgb).save(png, "PNG")
    want = digits.prepare(png.getvalue())
    padded = np.zeros((50, 64, 3), np.uint8)
    padded[:, :41] = rgb
    upside = np.ascontiguousarray(rgb[::-1])
    rgba = np.dstack([rgb, rng.integers(0, 256, (50, 41), dtype=np.uint8)])
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    for same in (rgb, padded[:, :41], upside[::-1], np.asfortranarray(rgb), rgba, bgr[..., ::-1], rgba[..., :3]):
        assert (digits.prepare(same) == want).all()
    gray = rgb[..., 1]
    for same in (gray, gray.copy(), gray[:, :, None], np.dstack([gray] * 3)):
        assert (digits.prepare(same) == digits.prepare(Image.fromarray(gray))).all()
    batch = np.stack([rgb, rgb[::-1]])
    assert (digits.prepare(batch) == np.concatenate([want, digits.prepare(rgb[::-1])])).all()
    assert digits(batch) == [digits(rgb), digits(rgb[::-1])]


def test_one_channel(root):
    settings = {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "image_mean": [0.5], "image_std": [0.5]}
    model = cnxc.compile(f"{root}/tests/goldens/models/cls_gray_input", processor=settings)
    gray = np.random.default_rng(4).integers(0, 256, (300, 300), dtype=np.uint8)
    want = model.prepare(gray)
    assert want.shape[1] == 1 and (model.prepare(Image.fromarray(gray)) == want).all()
    with pytest.raises(cnxc.UnsupportedError):
        model.prepare(np.dstack([gray] * 3))


def test_embed(root, strange):
    model = cnxc.compile(f"{root}/tests/goldens/models/base_hidden_states", outputs=["pooler_output", "hidden_states.1"])
    rows = model.embed(strange[:5])
    whole = model.run(pixel_values=model.prepare(strange[:5]))
    assert set(rows[0]) == {"pooler_output", "hidden_states.1"}
    for name, values in whole.items():
        assert (np.stack([row[name] for row in rows]) == values).all()
    assert (model.embed(strange[1])["pooler_output"] == whole["pooler_output"][1]).all()


def test_sizes(root, strange):
    folder = f"{root}/models/digits"
    model, alone = cnxc.compile(folder, image_size=[32, 64]), cnxc.compile(folder, image_size=64)
    assert (model.prepare(strange[0], image_size=64) == alone.prepare(strange[0])).all()
    assert model(strange, image_size=(64, 64)) == alone(strange)
    with pytest.raises(cnxc.UnsupportedError, match="no code for 48x48; compiled for 32x32, 64x64"):
        model(strange[0], image_size=48)


def refuse(kind, words, call, *args, **named):
    with pytest.raises(kind, match=re.escape(words)):
        call(*args, **named)


def test_refused(digits, pictures, root, tmp_path):
    rgb = np.zeros((3, 8, 9), np.uint8)
    (tmp_path / "half.png").write_bytes(pathlib.Path(pictures[0]).read_bytes()[:100])
    refuse(cnxc.ResourceError, "nowhere.jpg: No such file or directory", digits, "nowhere.jpg")
    refuse(cnxc.ResourceError, "nowhere.jpg: No such file or directory", digits.prepare, "nowhere.jpg")
    refuse(cnxc.InputError, "half.png: ", digits, tmp_path / "half.png")
    refuse(cnxc.InputError, "picture: not a JPEG, PNG or WebP picture", digits, b"<html>")
    refuse(cnxc.InputError, "pictures[1]: ", digits, [pictures[0], b"", b""])
    refuse(cnxc.InputError, "picture: ", digits, io.BytesIO())
    refuse(cnxc.UsageError, "open it with mode 'rb'", digits, io.StringIO("x"))
    refuse(cnxc.UsageError, "transpose(1, 2, 0)", digits, rgb)
    refuse(cnxc.UsageError, "got float64 of shape (8, 9)", digits, np.zeros((8, 9)))
    refuse(cnxc.UsageError, "got int", digits, 7)
    refuse(cnxc.UsageError, "top_k is 1 or more", digits, pictures[0], top_k=0)
    refuse(cnxc.UsageError, "'raise' or 'return'", digits, pictures, errors="ignore")
    refuse(cnxc.Error, "0", digits, np.zeros((0, 5, 3), np.uint8))
    bare = cnxc.compile(f"{root}/tests/goldens/models/bb_all")
    refuse(cnxc.UnsupportedError, "this model does not classify", bare, pictures[0])
    tensors = cnxc.compile(f"{root}/tests/cli/Inputs/tiny.onnxtxt")
    refuse(cnxc.UnsupportedError, "does not take pictures", tensors.prepare, pictures[0])


@pytest.mark.parametrize("threads", [1, 3])
def test_errors_in_their_place(digits, pictures, threads):
    model = cnxc.load(digits.path, threads=threads)
    mixed = [b"no picture" if i % 7 == 3 else path for i, path in enumerate(pictures[:40])]
    answers = model(mixed, errors="return")
    assert [isinstance(a, cnxc.InputError) for a in answers] == [i % 7 == 3 for i in range(40)]
    assert [a for i, a in enumerate(answers) if i % 7 != 3] == model([p for i, p in enumerate(pictures[:40]) if i % 7 != 3])
    with pytest.raises(cnxc.InputError, match=r"^pictures\[3\]"):
        model(mixed)

    def broken():
        yield pictures[0]
        raise KeyError("the caller's")
    with pytest.raises(KeyError):
        model(broken())
