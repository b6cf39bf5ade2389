# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random ConvNeXt models for run_transformers.py, small, and of every shape that transformers and timm accept.

    transformers_model(rng) -> (kind, model, shape of the input)      kind: "classifier", "features" or "backbone"
    timm_model(rng)         -> (model, shape)
    save(rng, model, folder) -> what kind of checkpoint it has become

Everything follows from rng, so a case can be made again. No weight keeps its initial value: norms, layer scale and GRN count.
"""
import json
import os

import numpy as np
import torch
from timm.models.convnext import ConvNeXt
from transformers import (ConvNextBackbone, ConvNextConfig, ConvNextForImageClassification, ConvNextModel, ConvNextV2Backbone,
                          ConvNextV2Config, ConvNextV2ForImageClassification, ConvNextV2Model)
from transformers.activations import ACT2FN

ACT2FN.setdefault("selu", torch.nn.SELU)  # documented, but missing from the table
ACTS = sorted(a for a in ACT2FN if a != "xielu")  # its parameters are bfloat16 whatever the model is
CLASSES = {False: (ConvNextConfig, ConvNextForImageClassification, ConvNextModel, ConvNextBackbone),
           True: (ConvNextV2Config, ConvNextV2ForImageClassification, ConvNextV2Model, ConvNextV2Backbone)}
KINDS = ("classifier", "features", "backbone")


def chance(rng, p):
    return rng.random() < p


def pick(rng, options):
    return options[int(rng.integers(len(options)))]


def widths(rng, n):
    """Odd ones, tiny ones, whole vectors, or some that need several panels."""
    low, high, unit = pick(rng, [(1, 45, 1), (1, 9, 1), (1, 13, 8), (90, 330, 1)])
    sizes = [unit * int(v) for v in rng.integers(low, high, n)]
    return [sizes[0]] * n if chance(rng, 0.15) else sizes


def labels(rng):
    n = pick(rng, [None, 0, 1, 2, 3, 17, 1000])
    problem = pick(rng, [None, None, "regression", "single_label_classification", "multi_label_classification"])
    if problem == "single_label_classification" and n == 1:
        problem = None
    if n and chance(rng, 0.2):
        names = {i: f"{pick(rng, ['tench, Tinca tinca', 'grüne Mamba', chr(34), '日本'])} {i}" for i in range(n)}
        return {"id2label": names, "label2id": {v: k for k, v in names.items()}, "problem_type": problem}
    return {"problem_type": problem, **({} if n is None else {"num_labels": n})}


def features(rng, n):
    stages = sorted(rng.choice(n + 1, int(rng.integers(1, n + 2)), replace=False).tolist())
    if chance(rng, 0.5):
        return {"out_features": ["stem" if i == 0 else f"stage{i}" for i in stages]}
    return {"out_indices": [i - n - 1 if chance(rng, 0.4) else i for i in stages]}


def settings(rng, v2):
    n = pick(rng, [1, 2, 3, 4, 4, 4, 5, 6])
    out = {"num_channels": pick(rng, [3, 3, 1, 2, 4, 6]), "patch_size": pick(rng, [4, 4, 1, 2, 3, 5, 8, 16]), "num_stages": n,
           "hidden_sizes": widths(rng, n), "depths": [int(d) for d in rng.integers(0, 2 if n > 4 else 3, n)],
           "hidden_act": "gelu" if chance(rng, 0.4) else pick(rng, ACTS), "layer_norm_eps": pick(rng, [1e-12, 1e-6, 1e-2, 0.5]),
           **labels(rng), **(features(rng, n) if chance(rng, 0.6) else {})}
    return out if v2 else {"layer_scale_init_value": pick(rng, [1e-6, 1.0, 0.0, -1.0]), **out}


def size(rng, stride):
    """A last map of one to three pixels, and what the patches leave over."""
    return stride * int(rng.integers(1, 4 if stride < 64 else 2)) + (int(rng.integers(0, stride)) if chance(rng, 0.6) else 0)


def randomize(rng, model):
    for name, p in model.named_parameters():
        r = torch.from_numpy(rng.normal(size=tuple(p.shape)).astype(np.float32))
        if p.dim() >= 2 and "grn" not in name:
            p.data = r * (1.4 / p[0].numel() ** 0.5)
        else:
            p.data = 1 + 0.4 * r if "norm" in name and name.endswith("weight") else 0.5 * r


def transformers_model(rng):
    v2, kind = chance(rng, 0.3), pick(rng, KINDS)
    config = settings(rng, v2)
    model = CLASSES[v2][1 + KINDS.index(kind)](CLASSES[v2][0](**config)).eval()
    randomize(rng, model)
    stride = config["patch_size"] * 2 ** (config["num_stages"] - 1)
    return kind, model, (pick(rng, [1, 2, 3]), config["num_channels"], size(rng, stride), size(rng, stride))


def timm_model(rng):
    patch = pick(rng, [4, 4, 2])
    model = ConvNeXt(in_chans=pick(rng, [3, 1, 4]), num_classes=pick(rng, [10, 1, 0, 100]), patch_size=patch,
                     depths=tuple(int(v) for v in rng.integers(1, 3, 4)), dims=tuple(widths(rng, 4)), kernel_sizes=pick(rng, [7, 7, 3, 5]),
                     stem_type=pick(rng, ["patch", "patch", "overlap", "overlap_tiered", "overlap_act"]), conv_mlp=chance(rng, 0.4),
                     use_grn=chance(rng, 0.3), head_norm_first=chance(rng, 0.15), ls_init_value=pick(rng, [1e-6, None]),
                     act_layer=pick(rng, ["gelu", "relu", "silu", "gelu_tanh"]), conv_bias=chance(rng, 0.9),
                     global_pool=pick(rng, ["avg", "avg", "fast", "max", "avgmax"]), output_stride=pick(rng, [32, 32, 16, 8])).eval()
    randomize(rng, model)
    return model, (pick(rng, [1, 2]), model.stem[0].in_channels, size(rng, 16 * patch), size(rng, 16 * patch))


# ── Checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────────────

def save_shards_of_torch(state, folder):
    names = {key: f"pytorch_model-{1 + i % 2:05}-of-00002.bin" for i, key in enumerate(state)}
    for file in set(names.values()):
        torch.save({k: v for k, v in state.items() if names[k] == file}, f"{folder}/{file}")
    with open(f"{folder}/pytorch_model.bin.index.json", "w") as f:
        json.dump({"metadata": {"total_size": 1}, "weight_map": names}, f)


def save(rng, model, folder):
    """The model afterwards has the stored weights, in float32."""
    form = pick(rng, ["safetensors", "sharded", "zip", "legacy", "sharded zip", "float16", "bfloat16", "float64"])
    if form.endswith(("16", "64")):
        model.to(getattr(torch, form))
    model.save_pretrained(folder, max_shard_size="30KB" if form == "sharded" else "1GB")
    model.float()
    if "zip" in form or form == "legacy":
        os.remove(f"{folder}/model.safetensors")
        if form == "sharded zip":
            save_shards_of_torch(model.state_dict(), folder)
        else:
            torch.save(model.state_dict(), f"{folder}/pytorch_model.bin", _use_new_zipfile_serialization=form == "zip")
    return form
