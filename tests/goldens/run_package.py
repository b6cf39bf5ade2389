# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python package beside transformers' pipeline and torch: run_package.py CNXC [COUNT].

The pictures of run_pipeline.py, as paths, bytes and PIL pictures: answers are the pipeline's, the same lists of dicts, labels in the same order
and scores within 2e-6; pixel values are ConvNextImageProcessor's, to the bit. Tensors of torch go in and out without a copy.

Needs tests/goldens/requirements.txt. Ends with "N passed, N failed".
"""
import logging
import os
import sys
import tempfile
import traceback
import warnings

import torch
import transformers
from PIL import Image

import run_pipeline

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import cnxc  # noqa: E402

SIZE = 224


def opened(path):
    picture = Image.open(path)
    picture.load()
    return picture


def check_picture(model, pipeline, processor, path):
    want = run_pipeline.ask_pipeline(pipeline, path)
    if want is None:
        return False
    with open(path, "rb") as file:
        kinds = {"path": path, "bytes": file.read(), "PIL": opened(path)}
    for kind, picture in kinds.items():
        got = model(picture, top_k=run_pipeline.LABELS)
        problem, _ = run_pipeline.difference(want, got)
        assert not problem, f"{kind}: {problem}"
        assert [(type(p["label"]), type(p["score"]), set(p)) for p in got] == [(type(p["label"]), type(p["score"]), set(p)) for p in want], kind
    pixels = processor(transformers.image_utils.load_image(path), return_tensors="np")["pixel_values"]
    assert (model.prepare([path, kinds["PIL"]]) == pixels).all(), "pixel values"
    assert model([path, path], top_k=2) == [model(path, top_k=2)] * 2 and len(pipeline([path, path], top_k=2)) == 2
    return True


def addresses(model):
    """Of input and output of each call of the C function."""
    real, seen = model._library.call["run"], []
    model._library.call["run"] = lambda context, ins, n, outs: seen.append((ins[0], outs[0])) or real(context, ins, n, outs)
    return seen


def refused(words, call, *args, **named):
    try:
        call(*args, **named)
    except cnxc.UsageError as error:
        assert words in str(error), error
        return
    raise AssertionError("not refused: " + words)


def check_torch(model):
    x = torch.randn(3, 3, SIZE, SIZE)
    want = model.run(pixel_values=x.numpy())["logits"]
    model, y = cnxc.load(model.path, threads=4), torch.empty(3, want.shape[1])
    seen = addresses(model)
    assert model.run(pixel_values=x, outputs={"logits": y})["logits"] is y and (y.numpy() == want).all()
    assert seen == [(x.data_ptr(), y.data_ptr())]
    assert (model.run(x.to(memory_format=torch.channels_last))["logits"] == want).all()
    assert (model.run(x.double())["logits"] == want).all()
    assert (model.run(x.half())["logits"] == model.run(x.half().float())["logits"]).all()
    assert (torch.from_numpy(model.run(x)["logits"]) == y).all()
    refused("pixel_values", model.run, x.clone().requires_grad_())
    refused("pixel_values", model.run, x.bfloat16())
    refused("pixel_values", model.run, x.to("meta"))
    picture = torch.randint(0, 256, (300, 200, 3), dtype=torch.uint8)
    assert model(picture) == model(picture.numpy()) and model(torch.stack([picture] * 2)) == [model(picture)] * 2


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    os.environ["CNXC"], count = os.path.abspath(sys.argv[1]), int((sys.argv[2:] + ["100"])[0])
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="cnxc-package-") as temp:
        os.environ["XDG_CACHE_HOME"] = temp
        run_pipeline.save_model(f"{temp}/model", SIZE)
        model, pipeline = cnxc.compile(f"{temp}/model"), run_pipeline.make_pipeline(f"{temp}/model", "torchvision")
        cases = [(f"picture {i}", lambda i=i: check_picture(model, pipeline, pipeline.image_processor, run_pipeline.make_picture(i, temp)[0])) for i in range(count)]
        for what, check in [("torch", lambda: check_torch(model) is None), *cases]:
            try:
                passed += check()
            except Exception:
                failed += 1
                print(f"FAIL {what}: {traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
