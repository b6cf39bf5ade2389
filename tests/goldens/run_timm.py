# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every ConvNeXt and InceptionNeXt that timm has: run_timm.py CNXC [--largest MILLIONS] [--only PATTERN] [--roads folder,dynamo,script].

Each name's network gets random weights, none of which keeps its initial value, and goes by three roads: the folder that
timm writes, and the graphs of both of torch's exporters. What is compiled must answer as timm does in float64; the unit of
errors is 8 times torch's own float32 error, or 2e-6 of the largest magnitude, and twice that is allowed. Names come with the
tag of the first weights, whose number of classes they have; then CHANGED networks with arguments that no name has.
Prints a line for each, of the errors; ends with "N passed, N failed". Needs tests/goldens/requirements.txt.
"""
import argparse
import contextlib
import fnmatch
import io
import logging
import os
import sys
import tempfile
import time
import warnings

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
import numpy as np
import timm
import torch
from timm.models import save_for_hf

import goldens
from random_models import randomize

ALLOWED = 2
PATTERNS = ("convnext*", "test_convnext*", "inception_next*")
SMALL = {"depths": (1, 2, 2, 1), "dims": (24, 40, 48, 56)}
CHANGED = [
    ("convnext_atto", {"num_classes": 0}), ("convnextv2_atto", {"num_classes": 0}), ("convnext_zepto_rms_ols", {"in_chans": 1}),
    ("convnext_atto", SMALL | {"kernel_sizes": (3, 5, 9, 7)}), ("convnext_atto", SMALL | {"output_stride": 16}),
    ("convnext_atto_ols", SMALL | {"output_stride": 8}), ("convnext_tiny", SMALL | {"patch_size": 2}),
    ("convnext_atto", SMALL | {"conv_bias": False, "norm_layer": "rmsnorm"}), ("convnext_atto", SMALL | {"norm_eps": 0.01}),
    ("convnext_tiny_hnf", SMALL | {"global_pool": "catavgmax"}), ("convnext_atto_rms", SMALL | {"global_pool": "avgmax"}),
    ("convnext_atto", SMALL | {"global_pool": "max", "act_layer": "hard_swish"}),
    ("convnext_atto", SMALL | {"use_grn": True, "ls_init_value": 1e-6}),
    ("convnext_large_mlp", SMALL | {"head_hidden_size": 33, "num_classes": 0}),
    ("convnext_base", SMALL | {"head_hidden_size": 33, "norm_layer": "simplenorm"}),
    ("convnext_zepto_rms", SMALL | {"head_norm_first": True}),
]


def networks(pattern):
    """(label, name, arguments) of each."""
    names = sorted({name for p in PATTERNS for name in timm.list_models(p)})
    for name, arguments in [(name, {}) for name in names] + CHANGED:
        label = " ".join([name, *(f"{k}={v}" for k, v in arguments.items() if k not in SMALL)])
        if fnmatch.fnmatch(label, pattern):
            yield label, name, arguments


def batch_norms(rng, model):
    for name, buffer in model.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            r = torch.from_numpy(rng.normal(size=tuple(buffer.shape)).astype(np.float32))
            buffer.copy_(0.3 * r if name.endswith("mean") else (1 + 0.3 * r).abs() + 0.1)


def references(model, x):
    single = model(x).numpy().astype(np.float64)
    want = model.double()(x.double()).numpy()
    model.float()
    return want, max(8 * np.abs(want - single).max(), 2e-6 * np.abs(want).max())


# ── Roads ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def by_folder(model, x, folder, arguments):
    save_for_hf(model, f"{folder}/timm", model_args=arguments or None)
    return f"{folder}/timm"


def export(model, x, folder, **options):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        torch.onnx.export(model, (x,), f"{folder}/model.onnx", input_names=["pixel_values"], output_names=["logits"], **options)
    return f"{folder}/model.onnx"


def by_dynamo(model, x, folder, arguments):
    return export(model, x, folder, dynamo=True)


def by_script(model, x, folder, arguments):
    return export(model, x, folder, dynamo=False, opset_version=17)


ROADS = {"folder": by_folder, "dynamo": by_dynamo, "script": by_script}


def error_of(cnxc, road, model, x, want, atol, arguments):
    with tempfile.TemporaryDirectory(prefix="cnxc-timm-") as folder:
        path = ROADS[road](model, x, folder, arguments)
        goldens.run([cnxc, "compile", path, f"--image-size={x.shape[2]}x{x.shape[3]}", "-o", f"{folder}/model"])
        got = goldens.run_model(f"{folder}/model", {"pixel_values": x.numpy()}, ["logits"], folder)["logits"]
    return goldens.error_over_atol(got, want, atol)


def check(cnxc, name, arguments, roads, largest):
    """The errors by road; None: too large a network."""
    with torch.device("meta"):
        if sum(p.numel() for p in timm.create_model(name, **arguments).parameters()) > largest * 1e6:
            return None
    model = timm.create_model(name, **arguments).eval()
    rng = np.random.default_rng(len(name))
    randomize(rng, model)
    batch_norms(rng, model)
    x = torch.from_numpy(rng.normal(size=(1, arguments.get("in_chans", 3), 96, 64)).astype(np.float32))
    want, atol = references(model, x)
    errors = {}
    for road in roads:
        problem, errors[road] = goldens.attempt(error_of, cnxc, road, model, x, want, atol, arguments)
        if errors[road] > ALLOWED:
            print(f"FAIL {name} {arguments} by {road}: {problem}")
    return errors


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_grad_enabled(False)
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--largest", type=float, default=250, help="millions of weights")
    ap.add_argument("--only", default="*")
    ap.add_argument("--roads", default="folder,dynamo,script")
    a = ap.parse_args()
    passed = failed = 0
    for label, name, arguments in networks(a.only):
        start = time.monotonic()
        errors = check(a.cnxc, name, arguments, a.roads.split(","), a.largest)
        if errors is None:
            print(f"{label}: larger than {a.largest:g} million weights", flush=True)
            continue
        wrong = sum(e > ALLOWED for e in errors.values())
        passed, failed = passed + len(errors) - wrong, failed + wrong
        print(f"{label}: {', '.join(f'{road} {e:.2f}' for road, e in errors.items())} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
