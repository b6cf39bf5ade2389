# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Makes what run_processors.py compares with: make.py, in an environment with tests/goldens/requirements.txt.

cases.json    settings of ViT's and CLIP's image processors in both arithmetics, and of timm's transforms; for each of a few
              pictures of ../images the CRC-32 of the pixel values that transformers and timm make of it; settings of DINOv3's
dinov3_I.npy  what DINOv3's processor makes of the first pictures by the I-th settings: floats, whose rounding is torch's own
MODEL/        small graphs with what lies beside them; scores of the same pictures by transformers' pipeline, or by timm's
              transform and torch's model
"""
import json
import os
import warnings
import zlib

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
import numpy as np
import timm
import torch
import transformers
from PIL import Image, ImageOps
from timm.models import save_for_hf
from timm.utils.onnx import onnx_export
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = os.path.join(HERE, "..", "images")
PICTURES = [name + "/input" + end for names, end in (
    ("png_wide png_tall_vertical_first png_rgba_white png_palette_trns png_gray_alpha png_one_pixel png_rgb_bicubic", ".png"),
    ("jpg_420_odd jpg_exif_6", ".jpg")) for name in names.split()]
CLASSES = {"ViTImageProcessor": transformers.ViTImageProcessor, "ViTImageProcessorPil": ViTImageProcessorPil,
           "CLIPImageProcessor": transformers.CLIPImageProcessor, "CLIPImageProcessorPil": CLIPImageProcessorPil}
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

VIT = [
    {},
    {"size": {"height": 40, "width": 56}, "resample": 3},
    {"size": 33, "resample": 1, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.25, 0.125]},
    {"size": [24, 31], "resample": 0, "do_normalize": False},
    {"size": {"shortest_edge": 37}, "do_center_crop": True, "crop_size": {"height": 32, "width": 29}},
    {"size": {"height": 45, "width": 45}, "do_center_crop": True, "crop_size": 48, "do_convert_rgb": True, "rescale_factor": 0.01},
    {"do_resize": False, "do_center_crop": True, "crop_size": 30, "do_rescale": False},
]
CLIP = [
    {},
    {"size": {"shortest_edge": 41}, "crop_size": {"height": 32, "width": 32}},
    {"size": 35, "crop_size": 40, "resample": 2, "do_convert_rgb": False},
    {"size": {"height": 33, "width": 47}, "crop_size": [28, 28], "resample": 0},
    {"size": {"height": 36, "width": 36}, "do_center_crop": False, "image_mean": 0.5, "image_std": 0.25},
]
DINOV3 = [
    {"size": {"height": 24, "width": 20}},
    {"size": {"height": 20, "width": 28}, "resample": 3, "image_mean": [0.1, 0.2, 0.3]},
    {"size": {"height": 30, "width": 30}, "do_center_crop": True, "crop_size": {"height": 22, "width": 34}},
    {"size": {"height": 19, "width": 23}, "do_rescale": False, "do_normalize": False},
    {"size": {"height": 19, "width": 23}, "resample": 0, "do_normalize": False},
]
TIMM = [
    {"input_size": [3, 224, 224]},
    {"input_size": [3, 64, 64], "crop_pct": 1.0, "interpolation": "bicubic", "mean": CLIP_MEAN, "std": CLIP_STD},
    {"input_size": [3, 48, 48], "crop_pct": 0.95, "interpolation": "bilinear"},
    {"input_size": [3, 51, 51], "crop_pct": 0.9, "interpolation": "lanczos"},
    {"input_size": [3, 40, 40], "crop_pct": 0.875, "interpolation": "nearest"},
    {"input_size": [3, 40, 40], "crop_pct": 1.3, "interpolation": "box", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    {"input_size": [3, 45, 45], "crop_pct": 0.8, "crop_mode": "squash", "interpolation": "hamming"},
    {"input_size": [3, 40, 56], "crop_pct": 0.875},
    {"input_size": [3, 61, 36], "crop_pct": 0.9, "interpolation": "bilinear"},
    {"input_size": [3, 33, 64], "crop_pct": 0.95, "crop_mode": "squash"},
    {"input_size": [3, 40, 41], "crop_pct": 2.0},
]


def upright(name):
    return ImageOps.exif_transpose(Image.open(os.path.join(IMAGES, name)))


def pixels(values):
    return zlib.crc32(np.ascontiguousarray(values, np.float32).tobytes())


def transformers_case(name, kind, settings):
    """An opened picture goes to a processor that converts it to RGB; any other gets what load_image makes of it."""
    processor = CLASSES[kind](**settings)
    crcs = {}
    for picture in PICTURES:
        image = upright(picture)
        values = processor(image if processor.do_convert_rgb else image.convert("RGB"), return_tensors="pt").pixel_values
        crcs[picture] = pixels(values.numpy())
    return {"name": name, "file": "preprocessor_config.json", "settings": {"image_processor_type": kind, **settings},
            "shape": list(values.shape[1:]), "crc32": crcs}


def dinov3_case(i, settings):
    processor = transformers.DINOv3ViTImageProcessor(**settings)
    pictures = PICTURES[:3]
    values = [processor(upright(picture).convert("RGB"), return_tensors="pt").pixel_values[0].numpy() for picture in pictures]
    np.save(os.path.join(HERE, f"dinov3_{i}.npy"), np.stack(values))
    return {"name": f"dinov3_{i}", "settings": {"image_processor_type": "DINOv3ViTImageProcessorFast", **settings}, "pictures": pictures}


def timm_case(name, cfg):
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=cfg))
    values = {picture: transform(upright(picture).convert("RGB")).numpy() for picture in PICTURES}
    return {"name": name, "file": "config.json", "settings": {"architecture": "resnet50", "pretrained_cfg": cfg},
            "shape": list(values[PICTURES[0]].shape), "crc32": {picture: pixels(v) for picture, v in values.items()}}


# ── Models ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def decided(model, classifier):
    """Random weights answer all classes alike; a larger classifier does not."""
    with torch.no_grad():
        classifier.weight.normal_(0, 4)
    return model.eval()


def best(scores, labels):
    order = np.argsort(-scores, kind="stable")[:5]
    return [[labels[i], float(scores[i])] for i in order]


def optimum_model():
    """As Optimum exports: opset 11 by the old exporter, all sizes open."""
    folder = os.path.join(HERE, "optimum", "onnx")
    labels = ["ant", "bee", "cat", "dog", "elk", "fox", "gnu"]
    config = transformers.ConvNextConfig(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1], id2label=dict(enumerate(labels)),
                                         label2id={label: i for i, label in enumerate(labels)}, layer_scale_init_value=0.5)
    model = transformers.ConvNextForImageClassification(config)
    decided(model, model.classifier)
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 48}, crop_pct=0.9, image_mean=[0.4, 0.5, 0.6])
    os.makedirs(folder, exist_ok=True)
    torch.onnx.export(model, (torch.zeros(1, 3, 48, 48),), os.path.join(folder, "model.onnx"), input_names=["pixel_values"],
                      output_names=["logits"], opset_version=11, dynamo=False,
                      dynamic_axes={"pixel_values": dict(enumerate(("batch_size", "num_channels", "height", "width"))),
                                    "logits": {0: "batch_size"}})
    model.config.save_pretrained(os.path.dirname(folder))
    processor.save_pretrained(os.path.dirname(folder))
    pipe = transformers.pipeline("image-classification", model=model, image_processor=processor)
    answers = {name: [[p["label"], p["score"]] for p in pipe(os.path.join(IMAGES, name))] for name in PICTURES}
    return {"name": "optimum", "arguments": ["optimum"], "answers": answers}


def timm_small(num_classes, **cfg):
    torch.manual_seed(num_classes)
    model = timm.create_model("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 12, 16, 20), num_classes=num_classes, ls_init_value=0.5,
                              exportable=True, pretrained_cfg_overlay=cfg)
    return decided(model, model.head.fc)


def answers_of(model, prepare, labels):
    with torch.no_grad():
        return {name: best(model(prepare(name)).softmax(-1)[0].numpy(), labels) for name in PICTURES}


def timm_model():
    """As timm's onnx_export.py exports, beside the config.json of timm's hub."""
    folder = os.path.join(HERE, "timm")
    labels = [f"n{100 + i}" for i in range(9)]
    cfg = {"input_size": (3, 56, 56), "crop_pct": 0.95, "interpolation": "bilinear", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4)}
    model = timm_small(len(labels), **cfg)
    save_for_hf(model, folder, model_config={"label_names": labels}, safe_serialization=True)
    os.remove(os.path.join(folder, "model.safetensors"))
    onnx_export(model, os.path.join(folder, "model.onnx"), input_size=(3, 56, 56), opset=17, check=False)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    answers = answers_of(model, lambda name: transform(upright(name).convert("RGB"))[None], labels)
    arguments = ["timm/model.onnx", "--processor=timm/config.json", "--labels=timm/config.json"]
    return [{"name": "timm", "arguments": arguments, "answers": answers},
            {"name": "timm, a folder", "arguments": ["timm"], "answers": answers}]


def clip_model():
    """A graph of probabilities, CLIP's processor, and labels one a line."""
    folder = os.path.join(HERE, "clip")
    labels = ["a photo of a cat", "Grüße, 猫", "tab\there", "tench, Tinca tinca", "five", "six"]
    model = timm_small(len(labels))
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": 60}, crop_size=48)
    os.makedirs(folder, exist_ok=True)
    torch.onnx.export(torch.nn.Sequential(model, torch.nn.Softmax(-1)).eval(), (torch.zeros(1, 3, 48, 48),),
                      os.path.join(folder, "plain.onnx"), input_names=["x"], output_names=["y"], opset_version=17, dynamo=False,
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})
    processor.save_pretrained(folder)
    with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as f:
        f.write("\n".join(labels) + "\n")
    answers = answers_of(model, lambda name: processor(upright(name), return_tensors="pt").pixel_values, labels)
    arguments = ["clip/plain.onnx", "--processor=clip", "--labels=clip/labels.txt"]
    return {"name": "clip", "arguments": arguments, "answers": answers}


def main():
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    pixel_cases = [transformers_case(f"{name.lower()}{i}{'_pil' * bool(pil)}", name + "ImageProcessor" + pil, s)
                   for name, all_settings in (("ViT", VIT), ("CLIP", CLIP)) for i, s in enumerate(all_settings) for pil in ("", "Pil")]
    pixel_cases += [timm_case(f"timm{i}", cfg) for i, cfg in enumerate(TIMM)]
    float_cases = [dinov3_case(i, s) for i, s in enumerate(DINOV3)]
    models = [optimum_model(), *timm_model(), clip_model()]
    with open(os.path.join(HERE, "cases.json"), "w", encoding="utf-8") as f:
        json.dump({"pixels": pixel_cases, "floats": float_cases, "models": models}, f, indent=1, ensure_ascii=False)
        f.write("\n")
    print(f"{len(pixel_cases)} processors and {len(models)} models, {len(PICTURES)} pictures each")


if __name__ == "__main__":
    main()
