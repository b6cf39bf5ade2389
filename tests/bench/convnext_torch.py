# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ConvNeXt's forward pass in plain PyTorch, from a checkpoint in Hugging Face's format: what a user of PyTorch runs.

Pictures are channels-last in memory, so that permutes between convolutions and LayerNorms move nothing: PyTorch's
fastest form of the model on CPUs.
"""
import json
import os
import struct

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as f:
        length = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(length))
    data = np.memmap(path, np.uint8, "r", offset=8 + length)
    header.pop("__metadata__", None)
    return {name: torch.from_numpy(data[t["data_offsets"][0]:t["data_offsets"][1]].view(np.float32).reshape(t["shape"]).copy())
            for name, t in header.items()}


class ConvNext(torch.nn.Module):
    def __init__(self, folder):
        super().__init__()
        with open(os.path.join(folder, "config.json")) as f:
            self.config = json.load(f)
        self.prefix = self.config["model_type"]
        for name, tensor in read_safetensors(os.path.join(folder, "model.safetensors")).items():
            if tensor.dim() == 4 and not name.endswith((".grn.weight", ".grn.bias")):
                tensor = tensor.contiguous(memory_format=torch.channels_last)
            self.register_buffer(name.removeprefix(self.prefix + ".").replace(".", "_"), tensor)

    def parameter(self, name):
        return getattr(self, name.replace(".", "_"))

    def convolve(self, x, name, **how):
        return F.conv2d(x, self.parameter(name + ".weight"), self.parameter(name + ".bias"), **how)

    def linear(self, x, name):
        return F.linear(x, self.parameter(name + ".weight"), self.parameter(name + ".bias"))

    def norm(self, x, name, epsilon=1e-6):
        return F.layer_norm(x, x.shape[-1:], self.parameter(name + ".weight"), self.parameter(name + ".bias"), epsilon)

    def norm_channels(self, x, name):
        return self.norm(x.permute(0, 2, 3, 1), name).permute(0, 3, 1, 2)

    def block(self, x, name):
        y = self.convolve(x, name + ".dwconv", padding=3, groups=x.shape[1]).permute(0, 2, 3, 1)
        y = F.gelu(self.linear(self.norm(y, name + ".layernorm"), name + ".pwconv1"))
        if self.prefix == "convnextv2":
            g = torch.linalg.vector_norm(y, ord=2, dim=(1, 2), keepdim=True)
            n = g / (g.mean(dim=-1, keepdim=True) + 1e-6)
            y = self.parameter(name + ".grn.weight") * (y * n) + self.parameter(name + ".grn.bias") + y
        y = self.linear(y, name + ".pwconv2")
        if self.prefix == "convnext":
            y = self.parameter(name + ".layer_scale_parameter") * y
        return x + y.permute(0, 3, 1, 2)

    def forward(self, x):
        x = self.convolve(x, "embeddings.patch_embeddings", stride=4)
        x = self.norm_channels(x, "embeddings.layernorm")
        for stage, depth in enumerate(self.config["depths"]):
            name = f"encoder.stages.{stage}"
            if stage:
                x = self.norm_channels(x, name + ".downsampling_layer.0")
                x = self.convolve(x, name + ".downsampling_layer.1", stride=2)
            for layer in range(depth):
                x = self.block(x, f"{name}.layers.{layer}")
        x = self.norm(x.mean(dim=(-2, -1)), "layernorm", self.config["layer_norm_eps"])
        return F.linear(x, self.classifier_weight, self.classifier_bias)
