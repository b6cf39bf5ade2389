# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quantised .onnx files of three tools, as their users make them: make.py CNXC FOLDER [--models …] [--tools …] [--only FORM].

FOLDER gets MODEL-TOOL-FORM.onnx, and MODEL.npy, inputs that none was calibrated with. ONNX Runtime's files need tests/requirements.txt alone
(but kanji is exported by torch); the rest needs requirements.txt.
"""
import argparse
import glob
import logging
import os
import subprocess
import sys
import zipfile

import numpy as np
import onnx

logging.disable(logging.WARNING)
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
GOLDENS = os.path.join(ROOT, "tests", "goldens", "models")
# Of each a folder, and its export, where the repository holds one.
MODELS = {"convnext": (f"{GOLDENS}/cls_basic4", "model_legacy17.onnx"), "v2": (f"{GOLDENS}/v2_cls", "model_dynamo.onnx"),
          "kanji": (f"{ROOT}/models/kanji", None), "small": (f"{GOLDENS}/cls_one_stage", None), "small_v2": (f"{GOLDENS}/v2_small_grn", None)}
SHAPE, CALIBRATE, COMPARE = (1, 3, 64, 64), 16, 6


# ── Inputs ──────────────────────────────────────────────────────────────────────────────────────────────

def noise(first, n):
    return np.stack([np.random.default_rng(first + i).normal(size=SHAPE[1:]).astype(np.float32) for i in range(n)])


def pixels(cnxc, model, pattern, n, folder):
    """Of n pictures of kanji's, evenly chosen."""
    with zipfile.ZipFile(os.path.join(model, "pictures.zip")) as archive:
        archive.extractall(folder)
    pictures, path = sorted(glob.glob(os.path.join(folder, pattern))), os.path.join(folder, "pixels.npy")
    subprocess.run([cnxc, "run", model, "--dump-pixels", path, *pictures[::len(pictures) // n][:n]], check=True)
    return np.load(path)


def inputs(cnxc, name, folder):
    if name == "kanji":
        pictures = os.path.join(folder, "pictures")
        return [pixels(cnxc, MODELS[name][0], f"{part}/*/*.jpg", n, pictures) for part, n in (("calibrate", CALIBRATE), ("test", 4 * COMPARE))]
    return noise(100, CALIBRATE), noise(500, 4 * COMPARE)


# ── Float models ────────────────────────────────────────────────────────────────────────────────────────

def torch_model(folder):
    import torch
    import transformers

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32)

        def forward(self, pixel_values):
            return self.model(pixel_values=pixel_values).logits
    return Logits().eval()


def torch_export(model, path):
    import torch
    program = torch.onnx.export(model, (torch.zeros(SHAPE),), dynamo=True, input_names=["pixel_values"], output_names=["logits"],
                                opset_version=21, verbose=False)
    program.save(path)


def float_onnx(name, folder):
    source, export = MODELS[name]
    path = os.path.join(folder, f"{name}.float")
    if export:
        return os.path.join(source, export)
    if not os.path.exists(path):
        torch_export(torch_model(source), path)
    return path


def feeds(path, batch):
    name = onnx.load(path).graph.input[0].name
    return [{name: x[None]} for x in batch]


# ── ONNX Runtime ────────────────────────────────────────────────────────────────────────────────────────

def onnxruntime_static(form, by_channel, activations, prepared):
    def make(name, batch, folder, path):
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(CalibrationDataReader):
            def __init__(self):
                self.rest = iter(feeds(source, batch))

            def get_next(self):
                return next(self.rest, None)

        source = float_onnx(name, folder)
        if prepared:
            quant_pre_process(source, path + ".prepared", skip_symbolic_shape=True)
            source = path + ".prepared"
        quantize_static(source, path, Reader(), quant_format=QuantFormat[form], per_channel=by_channel,
                        activation_type=QuantType[activations], weight_type=QuantType.QInt8)
    return make


def onnxruntime_dynamic(name, batch, folder, path):
    from onnxruntime.quantization import QuantType, quantize_dynamic
    quantize_dynamic(float_onnx(name, folder), path, per_channel=True, weight_type=QuantType.QInt8)


# ── NNCF, on ONNX ───────────────────────────────────────────────────────────────────────────────────────

def nncf_preset(preset, **options):
    def make(name, batch, folder, path):
        import nncf
        source = float_onnx(name, folder)
        by_tensor = nncf.quantization.advanced_parameters.QuantizationParameters(per_channel=False)
        advanced = nncf.AdvancedQuantizationParameters(weights_quantization_params=by_tensor)
        kinds = {"by_tensor": {"advanced_parameters": advanced}, "transformer": {"model_type": nncf.ModelType.TRANSFORMER}}
        more = {key: value for kind in options for key, value in kinds[kind].items()}
        made = nncf.quantize(onnx.load(source), nncf.Dataset(feeds(source, batch)), subset_size=len(batch),
                             preset=nncf.QuantizationPreset[preset], **more)
        onnx.save(made, path)
    return make


# ── torchao, exported by torch.onnx ─────────────────────────────────────────────────────────────────────

def by_tensor(config):
    """The same, its weights with one scale: the quantizer offers none."""
    import dataclasses
    import torch
    from torchao.quantization.pt2e import MinMaxObserver
    weight = dataclasses.replace(config.weight, qscheme=torch.per_tensor_symmetric, ch_axis=None,
                                 observer_or_fake_quant_ctr=MinMaxObserver.with_args(eps=2**-12))
    return dataclasses.replace(config, weight=weight)


def pt2e(change):
    def make(name, batch, folder, path):
        import torch
        from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86
        quantizer = x86.X86InductorQuantizer()
        quantizer.set_global(change(x86.get_default_x86_inductor_quantization_config()))
        example = (torch.zeros(SHAPE),)
        prepared = prepare_pt2e(torch.export.export(torch_model(MODELS[name][0]), example).module(), quantizer)
        for x in batch:
            prepared(torch.from_numpy(x[None]))
        torch_export(torch.export.export(convert_pt2e(prepared, fold_quantize=True), example), path)
    return make


def stripped(path):
    """Without what is said of where it was made: torch notes it at each node."""
    model = onnx.load(path)
    graph = model.graph
    for thing in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        del thing.metadata_props[:]
        thing.doc_string = ""
    del graph.value_info[:]
    onnx.save(model, path)


TOOLS = {
    "onnxruntime": {"qdq-tensor": onnxruntime_static("QDQ", False, "QUInt8", False),
                    "qdq-channel": onnxruntime_static("QDQ", True, "QUInt8", True),
                    "qdq-signed": onnxruntime_static("QDQ", True, "QInt8", False),
                    "qoperator-tensor": onnxruntime_static("QOperator", False, "QUInt8", False),
                    "qoperator-channel": onnxruntime_static("QOperator", True, "QUInt8", True),
                    "qoperator-signed": onnxruntime_static("QOperator", True, "QInt8", False),
                    "dynamic": onnxruntime_dynamic},
    "nncf": {"tensor": nncf_preset("MIXED", by_tensor=True), "channel": nncf_preset("MIXED"),
             "symmetric": nncf_preset("PERFORMANCE"), "transformer": nncf_preset("MIXED", transformer=True)},
    "pt2e": {"tensor": pt2e(by_tensor), "channel": pt2e(lambda config: config)},
}


def main():
    words = lambda text: text.split(",")
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("folder")
    ap.add_argument("--models", type=words, default=["convnext", "v2", "kanji"], help=", ".join(MODELS))
    ap.add_argument("--tools", type=words, default=list(TOOLS), help=", ".join(TOOLS))
    ap.add_argument("--only", help="one form")
    ap.add_argument("--strip", action="store_true", help="as the small ones beside this script are")
    a = ap.parse_args()
    os.makedirs(a.folder, exist_ok=True)
    for name in a.models:
        calibrate, compare = inputs(a.cnxc, name, a.folder)
        np.save(os.path.join(a.folder, f"{name}.npy"), compare)
        for tool in a.tools:
            for form, make in TOOLS[tool].items():
                path = os.path.join(a.folder, f"{name}-{tool}-{form}.onnx")
                if a.only in (None, form):
                    make(name, calibrate, a.folder, path)
                if a.strip and os.path.exists(path):
                    stripped(path)


if __name__ == "__main__":
    sys.exit(main())
