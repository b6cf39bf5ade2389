# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One model's weights in every form of checkpoint, in a folder and alone: all must give the same bits.
# RUN: %python %s %cnxc %root/tests/goldens/models %t
import collections
import io
import json
import os
import pathlib
import pickle
import re
import shutil
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np

# Stand-ins for torch's names, so that Python's own pickle module writes what torch.save writes, and for Lightning's
torch, utils, lightning, lightning_data = (types.ModuleType(n) for n in ("torch", "torch._utils", "lightning_fabric", "lightning_fabric.data"))
sys.modules.update({m.__name__: m for m in (torch, utils, lightning, lightning_data)})
lightning_data.AttributeDict = type("AttributeDict", (dict,), {"__module__": lightning_data.__name__})
KINDS = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage"}
for kind in KINDS.values():
    setattr(torch, kind, type(kind, (), {"__module__": "torch"}))


def define(name):
    def rebuild(*args):
        raise NotImplementedError
    rebuild.__name__ = rebuild.__qualname__ = name
    rebuild.__module__ = "torch._utils"
    setattr(utils, name, rebuild)
    return rebuild


rebuild_tensor, rebuild_parameter = define("_rebuild_tensor_v2"), define("_rebuild_parameter")


class Storage:
    def __init__(self, key, data, view=None):
        self.key, self.data, self.view = key, np.ascontiguousarray(data).reshape(-1), view


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.args = storage, offset, tuple(shape), tuple(strides), False, collections.OrderedDict()

    def __reduce__(self):
        return rebuild_tensor, self.args


class Parameter(Tensor):
    def __reduce__(self):
        return rebuild_parameter, (Tensor(*self.args[:4]), True, collections.OrderedDict())


class Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        kind = getattr(torch, KINDS[value.data.dtype.name])
        whole = value.view[1] if value.view else value.data.size
        identity = ("storage", kind, value.key, "cpu", whole)
        return identity + ((value.view[0],) if value.view else (None,)) if self.legacy else identity


def dense(shape):
    return [int(np.prod(shape[i + 1:])) for i in range(len(shape))]


def tensors(arrays, make=Tensor):
    return {n: make(Storage(str(i), a), 0, a.shape, dense(a.shape)) for i, (n, a) in enumerate(arrays.items())}


def pickled(value, protocol=2, legacy=False):
    out = io.BytesIO()
    pickler = Pickler(out, protocol)
    pickler.legacy = legacy
    pickler.dump(value)
    return out.getvalue()


def storages(state):
    return list({s.key: s for s in (t.args[0] for t in state.values())}.values())


def archive(state, wrap=lambda state: state, protocol=2):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("model/data.pkl", pickled(wrap(state), protocol))
        for s in storages(state):
            z.writestr(f"model/data/{s.key}", s.data.tobytes())
    return out.getvalue()


def archive64(state):
    """All sizes and places in ZIP64's fields, as in archives over 4 GiB."""
    limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 0
    try:
        return archive(state)
    finally:
        zipfile.ZIP64_LIMIT = limit


def legacy(state):
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = b"".join(pickle.dumps(v, 2) for v in (0x1950a86a20f9469cfc6c, 1001, machine))
    files = {s.key: s.view[2] if s.view else s.data for s in storages(state)}
    data = b"".join(struct.pack("<q", d.size) + d.tobytes() for d in files.values())
    return head + pickled(state, 2, legacy=True) + pickle.dumps(list(files), 2) + data


def read_safetensors(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data = f.read()
    return {n: np.frombuffer(data[e["data_offsets"][0]:e["data_offsets"][1]], np.float32).reshape(e["shape"])
            for n, e in header.items() if n != "__metadata__"}


# Other owners' names

def renamed(arrays, rules):
    out = {}
    for name, array in arrays.items():
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        out[name] = array
    return out


RELEASE = [(r"^convnext(v2)?\.", ""), (r"embeddings\.patch_embeddings", "downsample_layers.0.0"), (r"embeddings\.layernorm", "downsample_layers.0.1"),
           (r"encoder\.stages\.(\d+)\.downsampling_layer", r"downsample_layers.\1"), (r"encoder\.stages\.(\d+)\.layers", r"stages.\1"),
           ("layernorm", "norm"), ("layer_scale_parameter", "gamma"), ("grn.weight", "grn.gamma"), ("grn.bias", "grn.beta"), ("^classifier", "head")]
TIMM = [(r"^convnext(v2)?\.", ""), (r"embeddings\.patch_embeddings", "stem.0"), (r"embeddings\.layernorm", "stem.1"), (r"^layernorm", "head.norm"),
        (r"encoder\.stages\.(\d+)\.downsampling_layer", r"stages.\1.downsample"), (r"encoder\.stages\.(\d+)\.layers", r"stages.\1.blocks"),
        ("dwconv", "conv_dw"), ("layernorm", "norm"), ("layer_scale_parameter", "gamma"), ("grn", "mlp.grn"), ("pwconv", "mlp.fc"), ("^classifier", "head.fc")]
STAGE = lambda match: f"features.{2 * int(match[1]) + 1}.{match[2]}."
TORCHVISION = [(r"^convnext\.", ""), (r"embeddings\.patch_embeddings", "features.0.0"), (r"embeddings\.layernorm", "features.0.1"),
               (r"^layernorm", "classifier.0"), (r"^classifier\.(weight|bias)", r"classifier.2.\1"),
               (r"encoder\.stages\.(\d+)\.downsampling_layer", lambda match: f"features.{2 * int(match[1])}"),
               (r"encoder\.stages\.(\d+)\.layers\.(\d+)\.", STAGE), ("layer_scale_parameter", "layer_scale"), (r"dwconv", "block.0"),
               (r"(features\.\d+\.\d+)\.layernorm", r"\1.block.2"), ("pwconv1", "block.3"), ("pwconv2", "block.5")]
CAPITALS = [(r"layernorm\.weight$", "LayerNorm.gamma"), (r"layernorm\.bias$", "LayerNorm.beta"),
            (r"downsampling_layer\.0\.weight$", "downsampling_layer.0.gamma"), (r"downsampling_layer\.0\.bias$", "downsampling_layer.0.beta")]


# Other ways to lie in a file

def transposed(arrays):
    return {n: Tensor(Storage(str(i), a.T), 0, a.shape, dense(a.shape[::-1])[::-1]) for i, (n, a) in enumerate(arrays.items())}


def spread(arrays):
    """Every third element of a larger storage, from the second on."""
    out = {}
    for i, (n, a) in enumerate(arrays.items()):
        wide = np.full(3 * a.size + 1, np.nan, np.float32)
        wide[1:1 + 3 * a.size:3] = a.reshape(-1)
        out[n] = Tensor(Storage(str(i), wide), 1, a.shape, [3 * s for s in dense(a.shape)])
    return out


def together(arrays):
    whole, at, out = Storage("0", np.concatenate([a.reshape(-1) for a in arrays.values()])), 0, {}
    for n, a in arrays.items():
        out[n] = Tensor(whole, at, a.shape, dense(a.shape))
        at += a.size
    return out


def views(arrays):
    """One storage in the file, a view of it for each tensor: old versions of torch wrote that."""
    whole, at, out = np.concatenate([a.reshape(-1) for a in arrays.values()]), 0, {}
    for n, a in arrays.items():
        out[n] = Tensor(Storage("7", a, (("v" + n, at, a.size), whole.size, whole)), 0, a.shape, dense(a.shape))
        at += a.size
    return out


def lightning_checkpoint(state):
    """What a Trainer saves beside the weights: objects of classes that are not here."""
    hyper = lightning_data.AttributeDict(lr=0.5, data=pathlib.PurePosixPath("/data"), classes={1, 2}, best=np.float32(0.25),
                                    counts=collections.defaultdict(int, a=1))
    best = Tensor(Storage("best", np.array([0.5], np.float32)), 0, (), ())
    return {"epoch": 4, "pytorch-lightning_version": "2.4.0", "state_dict": state, "callbacks": {"ModelCheckpoint{}": {"dirpath": hyper["data"]}},
            "optimizer_states": [{"state": {}, "param_groups": [{"betas": (0.9, 0.999)}]}], "hyper_parameters": hyper, "best_loss": best}


def lightning_file(arrays):
    state = tensors({"net.model." + n: a for n, a in arrays.items()})
    beside = {"best": Tensor(Storage("best", np.array([0.5], np.float32)), 0, (1,), [1])}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("model/data.pkl", pickled(lightning_checkpoint(state)))
        for s in storages({**state, **beside}):
            z.writestr(f"model/data/{s.key}", s.data.tobytes())
    return out.getvalue()


def shards(arrays):
    names = list(arrays)
    parts = {"a.bin": names[::2], "b.bin": names[1::2]}
    files = {f: archive(tensors({n: arrays[n] for n in part})) for f, part in parts.items()}
    index = {"weight_map": {n: f for f, part in parts.items() for n in part}}
    return {**files, "pytorch_model.bin.index.json": json.dumps(index).encode()}


def forms(arrays):
    one = lambda data, name="pytorch_model.bin": {name: data}
    double = {n: a.astype(np.float64) for n, a in arrays.items()}
    yield "zip", one(archive(tensors(arrays)))
    yield "zip64", one(archive64(tensors(arrays)))
    for protocol in (3, 4, 5):
        yield f"protocol {protocol}", one(archive(tensors(arrays), protocol=protocol))
    yield "legacy", one(legacy(tensors(arrays)))
    yield "legacy views", one(legacy(views(arrays)))
    yield "shards", shards(arrays)
    yield "float64", one(archive(tensors(double)))
    yield "parameters", one(archive(tensors(arrays, Parameter), collections.OrderedDict), "checkpoint.pth")
    yield "wrapped", one(archive(tensors(arrays), lambda s: {"epoch": 3, "lr": 0.5, "optimizer": {"state": [1, (2, None)]}, "model": s}), "x.pth")
    yield "wrapped twice", one(archive(tensors(arrays), lambda s: {"state_dict": {"model_ema": s}}), "x.pt")
    yield "module.", one(archive(tensors({"module." + n: a for n, a in arrays.items()})))
    yield "gamma and beta", one(archive(tensors(renamed(arrays, CAPITALS))))
    yield "transposed", one(archive(transposed(arrays)))
    yield "spread", one(archive(spread(arrays)))
    yield "one storage", one(archive(together(arrays)))
    yield "release", one(archive(tensors(renamed(arrays, RELEASE)), lambda s: {"model": s}), "convnext_1k_224_ema.pth")
    timm = renamed(arrays, TIMM)
    yield "timm", one(archive(tensors(timm)))
    conv_mlp = {n: a[:, :, None, None] if "fc" in n and a.ndim == 2 and "mlp" in n else a.reshape(-1) if "grn" in n else a for n, a in timm.items()}
    yield "timm conv_mlp", one(archive(tensors(conv_mlp)))
    yield "Lightning", one(lightning_file(timm), "last.ckpt")
    if "convnext.embeddings.layernorm.bias" in arrays:  # torchvision has no V2
        vision = renamed(arrays, TORCHVISION)
        yield "torchvision", one(archive(tensors({n: a[:, None, None] if n.endswith("layer_scale") else a for n, a in vision.items()})))


ALONE = {"legacy", "wrapped twice", "module.", "gamma and beta", "release", "timm", "timm conv_mlp", "Lightning", "torchvision"}


def logits(cnxc, model, pixels, folder):
    executable = os.path.join(folder, "model")
    np.save(os.path.join(folder, "x.npy"), pixels)
    size = "x".join(map(str, pixels.shape[2:]))
    for command in ([cnxc, "compile", model, "-O0", f"--image-size={size}", "-o", executable],
                    [executable, f"--input=pixel_values={folder}/x.npy", f"--output=logits={folder}/y.npy"]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or "config.json has no place" in done.stderr:
            return done.stderr
    return np.load(os.path.join(folder, "y.npy"))


def with_epsilon(folder, epsilon):
    """Of the final LayerNorm: transformers' classes have another one by default than everybody else's."""
    path = os.path.join(folder, "config.json")
    with open(path) as f:
        config = json.load(f)
    with open(path, "w") as f:
        json.dump({**config, "layer_norm_eps": epsilon}, f)


def main(cnxc, models, folder):
    failed = 0
    for case in ("cls_basic4", "v2_small_grn"):
        source = os.path.join(models, case)
        arrays = read_safetensors(os.path.join(source, "model.safetensors"))
        pixels = np.random.default_rng(5).standard_normal((1, 3, 32, 32), np.float32)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        want = {}
        for epsilon in (1e-6, 1e-12):
            shutil.copytree(source, os.path.join(folder, f"{epsilon}"))
            with_epsilon(os.path.join(folder, f"{epsilon}"), epsilon)
            want[epsilon] = logits(cnxc, os.path.join(folder, f"{epsilon}"), pixels, folder)
        assert not np.array_equal(want[1e-6], want[1e-12])
        for name, files in forms(arrays):
            epsilon = 1e-6 if name.split()[0] in ("release", "timm", "torchvision", "Lightning") else 1e-12
            model = os.path.join(folder, "m")
            shutil.rmtree(model, ignore_errors=True)
            os.makedirs(model)
            shutil.copy(os.path.join(source, "config.json"), model)
            with_epsilon(model, epsilon)
            for file, data in files.items():
                with open(os.path.join(model, file), "wb") as f:
                    f.write(data)
            alone = [os.path.join(model, file) for file in files if name in ALONE]
            for path in [model, *alone]:
                got = logits(cnxc, path, pixels, folder)
                if isinstance(got, str) or not np.array_equal(got, want[epsilon]):
                    failed += 1
                    print(f"FAIL {case}, {name}, {path}: {got}")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
