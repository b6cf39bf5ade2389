# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc beside transformers and timm: run_transformers.py CNXC [COUNT [FIRST]]. Random models, no stored answers.

Case i is decided by i; `run_transformers.py CNXC 1 i` runs it again. It makes a model (random_models.py), and asks torch in float64 for
all of its outputs. Every third case goes by a Hugging Face folder in one of its layouts; the others are exported by one of
torch's exporters with a random opset, free dimensions and form, of transformers' models or timm's. What an exporter refuses is no
case. The unit of errors is the stored goldens' tolerance: 8 times torch's own float32 error, or 2e-6 of the largest magnitude. Twice
that is allowed: of hundreds of models one falls a little beyond it (1.02: patches of 16x16, whose 768 products are added in a row). One export in six
is of the model in float16, whose unit is 4e-3 of the largest magnitude.

Needs tests/goldens/requirements.txt. Ends with "N passed, N failed".
"""
import contextlib
import io
import logging
import os
import sys
import tempfile
import warnings

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
import numpy as np
import onnx
import torch
import transformers

import goldens
from random_models import chance, pick, save, timm_model, transformers_model

ALLOWED = 2
OUTPUTS = {"classifier": ["logits"], "features": ["last_hidden_state", "pooler_output"]}


class Refused(Exception):
    """Not by cnxc."""


# ── What torch says ──────────────────────────────────────────────────────────────────────────────────────────────────

class Plain(torch.nn.Module):
    """The model with a tuple of tensors for its outputs, as exporters want it."""

    def __init__(self, kind, model):
        super().__init__()
        self.kind, self.model = kind, model

    def forward(self, pixel_values):
        out = self.model(pixel_values)
        if self.kind == "timm":
            return out
        return tuple(out.feature_maps) if self.kind == "backbone" else tuple(out[name] for name in OUTPUTS[self.kind])


def all_outputs(kind, model, x, labels):
    """Of a folder's model: hidden states and the loss, too."""
    if kind == "backbone":
        return {f"feature_map.{i}": v for i, v in enumerate(model(x).feature_maps)}
    out = model(x, output_hidden_states=True, **({} if labels is None else {"labels": labels}))
    named = {f"hidden_states.{i}": v for i, v in enumerate(out.hidden_states)}
    return named | {k: out[k] for k in OUTPUTS[kind]} | ({} if labels is None else {"loss": out.loss})


FEW = 8  # of so few numbers all may be small, or hit by chance: they are sums of numbers near 1


def reference(model, run):
    """run(dtype) in float64, and each output's unit of error. A loss is as exact as the logits it is made of."""
    single = {k: v.numpy().astype(np.float64) for k, v in run(torch.float32).items()}
    model.double()
    want = {k: v.numpy() for k, v in run(torch.float64).items()}
    model.float()
    atol = {}
    for name, value in want.items():
        largest = max(np.abs(want[n]).max(initial=1e-24) for n in ({name, "logits"} if name == "loss" else {name}))
        largest = max(largest, 1) if value.size < FEW else largest
        atol[name] = max(8 * np.abs(value - single[name]).max(initial=0), 2e-6 * largest)
    return want, atol


# ── By a folder ──────────────────────────────────────────────────────────────────────────────────────────────────────

def random_labels(rng, config, n):
    problem, classes = config.problem_type, config.num_labels
    if classes == 0 or chance(rng, 0.3):
        return None
    if problem == "regression" or (problem is None and classes == 1):
        return torch.from_numpy(rng.normal(size=n if classes == 1 else (n, classes)).astype(np.float32))
    if problem == "multi_label_classification" or (problem is None and chance(rng, 0.3)):
        return torch.from_numpy(rng.random((n, classes)).astype(np.float32))
    classes_of = torch.from_numpy(rng.integers(0, classes, n))
    classes_of[0] = -100 if n > 1 and chance(rng, 0.3) else classes_of[0]
    return classes_of


def levels(rng):
    cpu = pick(rng, ["", "", "", "x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v2,x86-64-v4"])
    return [pick(rng, ["-O3", "-O3", "-O2", "-O1", "-O0"])] + ([f"-mcpu={cpu}"] if cpu else [])


def folder_case(cnxc, rng, folder, notes):
    kind, model, shape = transformers_model(rng)
    x = torch.from_numpy(rng.normal(size=shape).astype(np.float32) * pick(rng, [1, 1, 0.01, 3]) + pick(rng, [0, 0, 1, -2]))
    notes += [type(model).__name__, model.config.to_diff_dict(), shape, save(rng, model, f"{folder}/m odèl")]
    labels = random_labels(rng, model.config, shape[0]) if kind == "classifier" else None

    def run(dtype):
        return all_outputs(kind, model, x.to(dtype), labels.to(dtype) if labels is not None and labels.is_floating_point() else labels)
    want, atol = reference(model, run)
    options = [*levels(rng), "--outputs=" + ",".join(want), f"--image-size={shape[2]}x{shape[3]}"]
    notes.append(options)
    goldens.run([cnxc, "compile", f"{folder}/m odèl", *options, "-o", f"{folder}/model"])
    inputs = {"pixel_values": x.numpy(), **({} if labels is None else {"labels": labels.numpy()})}
    return goldens.run_model(f"{folder}/model", inputs, list(want), folder, threads=pick(rng, [1, 2, 5])), want, atol


# ── By an export ─────────────────────────────────────────────────────────────────────────────────────────────────────

def exporter_options(rng, names):
    free = pick(rng, [{}, {0: "batch"}, {0: "batch"}, {2: "height", 3: "width"}, {0: "batch", 2: "height", 3: "width"}])
    options = {"input_names": ["pixel_values"], "output_names": names, "dynamo": chance(rng, 0.6)}
    if options["dynamo"]:
        options |= {"opset_version": int(rng.integers(18, 24)), "optimize": chance(rng, 0.7), "external_data": chance(rng, 0.3)}
        return options | ({"dynamic_shapes": [{k: torch.export.Dim.AUTO for k in free}]} if free else {}), free
    options |= {"opset_version": int(rng.integers(11, 21)), "do_constant_folding": chance(rng, 0.8),
                "keep_initializers_as_inputs": chance(rng, 0.15)}
    return options | ({"dynamic_axes": {"pixel_values": free, **{n: {0: free[0]} for n in names if 0 in free}}} if free else {}), free


def export(model, x, path, options):
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            torch.onnx.export(model, (x,), path, **options)
    except Exception as e:
        raise Refused(str(e)[:100]) from e


def other_form(rng, path):
    form = pick(rng, ["", "text", "external"])
    if form == "text":
        with open(path + "txt", "w") as f:
            f.write(onnx.printer.to_text(onnx.load(path)))
    elif form == "external":
        onnx.save(onnx.load(path), path, save_as_external_data=True, location="we ights.data", size_threshold=0)
    return path + "txt" if form == "text" else path


def make_model(rng):
    if chance(rng, 0.4):
        try:
            return "timm", *timm_model(rng)
        except (ValueError, AssertionError) as e:
            raise Refused(str(e)) from e
    return transformers_model(rng)


HALF_UNIT = 4e-3  # inputs, weights and outputs are rounded to 11 bits, and so are the numbers in activations


def export_case(cnxc, rng, folder, notes):
    kind, model, shape = make_model(rng)
    plain, x = Plain(kind, model), torch.from_numpy(rng.normal(size=shape).astype(np.float32))
    half = chance(np.random.default_rng(rng.bit_generator.seed_seq.spawn(1)[0]), 1 / 6)  # leaves the other choices as they are
    if half:
        x = x.half().float()
        plain.half().float()
    notes += ["float16" if half else "float32", kind, model.config.to_diff_dict() if kind != "timm" else "see timm_model", shape]

    def run(dtype):
        out = plain(x.to(dtype))
        out = out if isinstance(out, tuple) else (out,)
        return {f"output{i}": v for i, v in enumerate(out)}
    want, atol = reference(model, run)
    if half:
        plain, x = plain.half(), x.half()
        atol = {k: max(atol[k], HALF_UNIT * np.abs(v).max(initial=0)) for k, v in want.items()}
        if any(np.abs(v).max(initial=0) > 6e4 for v in want.values()):
            raise Refused("beyond float16")
    options, free = exporter_options(rng, list(want))
    notes.append(options)
    export(plain, x, f"{folder}/model.onnx", options)
    flags = levels(rng) + ([f"--image-size={shape[2]}x{shape[3]}"] if 2 in free else [])
    notes.append(flags)
    goldens.run([cnxc, "compile", other_form(rng, f"{folder}/model.onnx"), *flags, "-o", f"{folder}/model"])
    return goldens.run_model(f"{folder}/model", {"pixel_values": x.numpy()}, list(want), folder), want, atol


# ── All cases ────────────────────────────────────────────────────────────────────────────────────────────────────────

def check(cnxc, i, notes):
    """The worst error, in units."""
    rng = np.random.default_rng([5, i])
    with tempfile.TemporaryDirectory(prefix="cnxc-random-") as folder:
        got, want, atol = (folder_case if i % 3 == 0 else export_case)(cnxc, rng, folder, notes)
    return max(goldens.error_over_atol(got[k], want[k], atol[k]) for k in want)


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    torch.set_grad_enabled(False)
    cnxc, count, first = os.path.abspath(sys.argv[1]), *(int(a) for a in (sys.argv[2:] + ["200", "0"][len(sys.argv) - 2:]))
    passed, refused, failed, worst = 0, 0, 0, (0, 0)
    for i in range(first, first + count):
        notes = []
        try:
            error = check(cnxc, i, notes)
            problem = "" if error <= ALLOWED else f"{error:.3g} units, {ALLOWED} allowed"
            passed, worst = passed + (not problem), max(worst, (error, i))
        except Refused:
            refused, problem = refused + 1, ""
        except Exception as e:  # a failing command is a failing case
            problem = str(e)
        if problem:
            failed += 1
            print(f"FAIL {i}: {problem}\n    " + "\n    ".join(map(str, notes)), flush=True)
    print(f"worst of {count}: {worst[0]:.3f} units, case {worst[1]}; {refused} that torch or timm refused")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
