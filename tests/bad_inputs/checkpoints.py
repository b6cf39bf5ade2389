# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad safetensors files and shard indexes, and bad config.json and preprocessor_config.json."""
import json
import os
import struct

from harness import case

CONFIG = {"architectures": ["ConvNextForImageClassification"], "model_type": "convnext", "depths": [1, 1], "hidden_sizes": [4, 8],
          "num_stages": 2, "num_channels": 3, "patch_size": 4, "hidden_act": "gelu", "image_size": 16, "layer_norm_eps": 1e-12,
          "layer_scale_init_value": 1e-6, "id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}}
PROCESSOR = {"crop_pct": 0.875, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5],
             "image_std": [0.5, 0.5, 0.5], "resample": 3, "rescale_factor": 1 / 255, "size": {"shortest_edge": 16}}


def tensors(config):
    """Names and shapes of a ConvNextForImageClassification checkpoint."""
    h, e = config["hidden_sizes"], "convnext."
    out = {e + "embeddings.patch_embeddings.weight": (h[0], 3, 4, 4), e + "embeddings.patch_embeddings.bias": (h[0],)}
    norm = lambda name, n: out.update({name + ".weight": (n,), name + ".bias": (n,)})
    norm(e + "embeddings.layernorm", h[0])
    for i, d in enumerate(h):
        s = f"{e}encoder.stages.{i}."
        if i:
            norm(s + "downsampling_layer.0", h[i - 1])
            out[s + "downsampling_layer.1.weight"], out[s + "downsampling_layer.1.bias"] = (d, h[i - 1], 2, 2), (d,)
        for j in range(config["depths"][i]):
            l = f"{s}layers.{j}."
            out[l + "layer_scale_parameter"] = (d,)
            out[l + "dwconv.weight"], out[l + "dwconv.bias"] = (d, 1, 7, 7), (d,)
            norm(l + "layernorm", d)
            out[l + "pwconv1.weight"], out[l + "pwconv1.bias"] = (4 * d, d), (4 * d,)
            out[l + "pwconv2.weight"], out[l + "pwconv2.bias"] = (d, 4 * d), (d,)
    norm(e + "layernorm", h[-1])
    out["classifier.weight"], out["classifier.bias"] = (2, h[-1]), (2,)
    return out


def header(shapes, dtype="F32", size=4):
    out, offset = {}, 0
    for name, shape in shapes.items():
        n = size
        for d in shape:
            n *= d
        out[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + n]}
        offset += n
    return out, offset


def pack(head, data):
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


def checkpoint(change=None, tail=b"", fill=b"\0", unit=1):
    head, n = header(tensors(CONFIG))
    if change:
        head = change(head) or head
    return pack(head, fill * (n // unit) + tail)


def folder(**files):
    base = {"config.json": json.dumps(CONFIG, indent=2), "preprocessor_config.json": json.dumps(PROCESSOR, indent=2),
            "model.safetensors": checkpoint()}
    base.update({k.replace("__", "."): v for k, v in files.items()})
    return {"m/" + k: v for k, v in base.items() if v is not None}


def in_folder(group, name, message, exit=1, argv=("compile", "m", "-o", "out"), **files):
    case(group, name, exit=exit, message=message, files=folder(**files), argv=list(argv))


def safetensors(name, content, message, exit=1, **how):
    in_folder("safetensors", name, message, exit, model__safetensors=content, **how)


in_folder("safetensors", "the good one (control)", "", exit=0, argv=("check", "m"))
safetensors("under 8 bytes", b"\1\0\0", "model.safetensors.*error: ")
safetensors("header length 0", struct.pack("<Q", 0), "model.safetensors.*error: ")
safetensors("header length over 100 MB", struct.pack("<Q", 200 << 20) + b"{}", "model.safetensors.*error: ")
safetensors("header length 2^64-1", struct.pack("<Q", (1 << 64) - 1) + b"{}", "model.safetensors.*error: ")
safetensors("header past the end", struct.pack("<Q", 100) + b"{}", "model.safetensors.*error: ")
safetensors("header is a list", pack(b"[]", b""), "model.safetensors.*error: ")
safetensors("trailing bytes", checkpoint(tail=b"xx"), "model.safetensors.*error: ")
ONE = '"a": {"dtype": "F32", "shape": %s, "data_offsets": [0, %d]}'


def one(name, text, data, message=r"model\.safetensors.*error: "):
    safetensors(name, pack(text.encode(), data), message)


one("duplicate key", "{" + ONE % ("[1]", 4) + "," + ONE % ("[1]", 4) + "}", b"\0" * 4)
one("duplicate key, escaped", "{" + ONE % ("[1]", 4) + "," + (ONE % ("[1]", 4)).replace('"a"', '"\\u0061"') + "}", b"\0" * 4)
one("shape 1e3", "{" + ONE % ("[1e3]", 4000) + "}", b"\0" * 4000)
one("shape 1.0", "{" + ONE % ("[1.0]", 4) + "}", b"\0" * 4)
one("shape -1", "{" + ONE % ("[-1]", 4) + "}", b"\0" * 4)
one("shape whose product wraps to 4", "{" + ONE % ("[4194305, 4194305, 211106198978564]", 16) + "}", b"\0" * 16)
one("offsets reversed", '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}', b"\0" * 4)
one("a hole", '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}', b"\0" * 8)
one("overlap", '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}}', b"\0" * 12)
one("end past the file's", "{" + ONE % ("[2]", 8) + "}", b"\0" * 4)
one("unknown dtype", '{"a": {"dtype": "F37", "shape": [1], "data_offsets": [0, 4]}}', b"\0" * 4)
one("not JSON", "{nothing}", b"")


def renamed(head):
    head["convnext.encoder.stages.0.layers.0.dwconv.wieght"] = head.pop("convnext.encoder.stages.0.layers.0.dwconv.weight")


def rename(head, *names):
    for name in names:
        head["x." + name] = head.pop(name)


def extra(head):
    end = max(entry["data_offsets"][1] for entry in head.values())
    head["left_over"] = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}


def misshaped(head):
    head["classifier.weight"]["shape"] = [8, 2]


safetensors("tensor missing, near name there", checkpoint(renamed), "error: .*dwconv\\.weight(.|\\n)*wieght")
safetensors("misshaped tensor", checkpoint(misshaped), "error: .*classifier\\.weight.*\\[8, ?2\\].*\\[2, ?8\\]|error: .*classifier\\.weight.*\\[2, ?8\\].*\\[8, ?2\\]")
safetensors("two tensors missing: both listed", checkpoint(lambda head: rename(head, "classifier.bias", "convnext.layernorm.bias")),
            "(?s)error: .*layernorm\\.bias.*classifier\\.bias|error: .*classifier\\.bias.*layernorm\\.bias")
safetensors("a tensor too many warns", checkpoint(lambda head: extra(head)), "warning: .*left_over", exit=0, argv=("check", "m"))
safetensors("infinite weights warn", checkpoint(fill=b"\0\0\x80\x7f", unit=4), "warning: .*(Inf|inf)", exit=0, argv=("check", "m"))
safetensors("NaN weights warn", checkpoint(fill=b"\xff"), "warning: .*(NaN|nan)", exit=0, argv=("check", "m"))
safetensors("missing file", None, "error: .*(safetensors|checkpoint|weights)", exit=4)
in_folder("safetensors", "shard index naming ../", "error: .*\\.\\./", model__safetensors=None,
          **{"model.safetensors.index.json": json.dumps({"weight_map": {k: "../x.safetensors" for k in tensors(CONFIG)}})})


def config(name, message, exit=1, text=None, **changes):
    body = text if text is not None else json.dumps({k: v for k, v in {**CONFIG, **changes}.items() if v != "gone"}, indent=2)
    in_folder("config", name, message, exit, config__json=body)


config("not JSON", r"config\.json:\d+:\d+: error: ", text="{\n  nothing\n}")
config("a list", r"config\.json.*error: ", text="[]")
config("empty", r"config\.json.*error: ", text="")
config("depths is a string", r"config\.json:\d+:\d+: error: .*depths", depths="3,3")
config("depths and hidden_sizes of different lengths", r"config\.json:\d+:\d+: error: .*(depths|hidden_sizes)", depths=[1])
config("zero width", r"config\.json:\d+:\d+: error: .*hidden_sizes", hidden_sizes=[0, 8])
config("negative depth", r"config\.json:\d+:\d+: error: .*depths", depths=[-1, 1])
config("huge width", r"config\.json:\d+:\d+: error: .*hidden_sizes", hidden_sizes=[4, 1 << 60])
config("patch_size 0", r"config\.json:\d+:\d+: error: .*patch_size", patch_size=0)
config("num_channels -3", r"config\.json:\d+:\d+: error: .*num_channels", num_channels=-3)
config("unknown hidden_act lists the known", r"config\.json:\d+:\d+: error: .*geluu(.|\n)*gelu_new", hidden_act="geluu")
config("num_labels other than the classifier's", r"error: .*(num_labels|classifier\.weight)", num_labels=7, id2label="gone", label2id="gone")
config("model_type not ConvNeXt", r"config\.json:\d+:\d+: error: .*bert", model_type="bert", exit=3)
config("duplicate key", r"config\.json:\d+:\d+: error: ", text='{"model_type": "convnext", "model_type": "convnext"}')


def processor(name, message, exit=1, **changes):
    in_folder("processor", name, message, exit, preprocessor_config__json=json.dumps({**PROCESSOR, **changes}, indent=2))


processor("size 0", r"preprocessor_config\.json:\d+:\d+: error: .*size", size={"shortest_edge": 0})
processor("crop_pct 0", r"preprocessor_config\.json:\d+:\d+: error: .*crop_pct", crop_pct=0)
processor("mean of 2 channels", r"preprocessor_config\.json:\d+:\d+: error: .*image_mean", image_mean=[0.5, 0.5])
processor("std 0", r"preprocessor_config\.json:\d+:\d+: error: .*image_std", image_std=[0.5, 0, 0.5])
processor("resample 9", r"preprocessor_config\.json:\d+:\d+: error: .*resample", resample=9)
processor("do_resize is a string", r"preprocessor_config\.json:\d+:\d+: error: .*do_resize", do_resize="yes")
in_folder("processor", "not JSON", r"preprocessor_config\.json:\d+:\d+: error: ", preprocessor_config__json="{,}")


def bad_key(key, name, exit=1, message=None, **changes):
    processor(name, message or rf"preprocessor_config\.json:\d+:\d+: error: .*{key}", exit, **changes)


bad_key("size", "size negative", size=-5)
bad_key("size", "size over the limit", size=1 << 20)
bad_key("size", "size is a string", size="224")
bad_key("size", "shortest_edge is a fraction", size={"shortest_edge": 16.5})
bad_key("size", "size wraps to 16", size=(1 << 64) + 16, message=r"preprocessor_config\.json:\d+:\d+: error: ")
bad_key("shortest_edge", "size by height and width", exit=3, size={"height": 16, "width": 16})
bad_key("shortest_edge", "size as a list", exit=3, size=[16, 16])
bad_key("crop_pct", "crop_pct negative", crop_pct=-0.875)
bad_key("crop_pct", "crop_pct that leaves no pixel", crop_pct=100)
bad_key("crop_pct", "crop_pct that leaves too many pixels", crop_pct=1e-30)
bad_key("crop_pct", "crop_pct is a string", crop_pct="0.875")
bad_key("resample", "resample of Pillow 13 only", exit=3, resample=6)
bad_key("resample", "resample is a name", resample="bicubic")
bad_key("rescale_factor", "rescale_factor beyond float", rescale_factor=1e300)
bad_key("image_mean", "mean of strings", image_mean=["a", "b", "c"])
bad_key("image_mean", "mean empty", image_mean=[])
bad_key("image_mean", "mean of 9 channels", exit=3, image_mean=[0.5] * 9)
bad_key("image_std", "std that is zero as a float", image_std=1e-60)
bad_key("image_std", "mean and std of different lengths", image_std=[0.5, 0.5])
bad_key("crop_size", "center crop without a size", do_center_crop=True)
bad_key("crop_size", "crop_size 0", do_center_crop=True, crop_size=0)
bad_key("crop_size", "crop_size without a width", do_center_crop=True, crop_size={"height": 8})
bad_key("crop_size", "crop_size of three", do_center_crop=True, crop_size=[8, 8, 8])
bad_key("data_format", "data_format unknown", data_format="sideways")
bad_key("input_data_format", "input_data_format is a number", input_data_format=1)
bad_key("BeitImageProcessor", "another processor", exit=3, image_processor_type="BeitImageProcessor")
in_folder("processor", "a list of one mean for three channels warns", r"warning: image_mean has 1 entry,.*3 channels", exit=0,
          argv=("check", "m"), preprocessor_config__json=json.dumps({**PROCESSOR, "image_mean": [0.5], "image_std": [0.5]}))
in_folder("processor", "duplicate key", r"preprocessor_config\.json:\d+:\d+: error: ", preprocessor_config__json='{"size": 16, "size": 16}')
in_folder("processor", "a list", r"preprocessor_config\.json:\d+:\d+: error: ", preprocessor_config__json="[]")
in_folder("processor", "empty", r"preprocessor_config\.json: error: at byte 0: the file is empty", preprocessor_config__json="")


def with_empty(head):
    head["unused"] = {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]}


safetensors("a zero-size tensor is accepted", checkpoint(with_empty), "", exit=0, argv=("check", "m"))


def hub_cache(folder):
    """A hub's cache: snapshots/REV/model.safetensors links to ../../blobs/HASH."""
    os.makedirs(folder + "/hub/blobs")
    os.makedirs(folder + "/hub/snapshots/rev")
    for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
        os.rename(f"{folder}/m/{name}", f"{folder}/hub/blobs/{name}.blob")
        os.symlink(f"../../blobs/{name}.blob", f"{folder}/hub/snapshots/rev/{name}")


case("safetensors", "a hub cache's links into its blobs work", exit=0, message="", files=folder(), setup=hub_cache,
     argv=["check", "hub/snapshots/rev"])
case("safetensors", "a link to a file outside", exit=1, message="error: .*model\\.safetensors", files={**folder(), "x.safetensors": checkpoint()},
     setup=lambda d: (os.remove(d + "/m/model.safetensors"), os.symlink("../x.safetensors", d + "/m/model.safetensors")),
     argv=["compile", "m", "-o", "out"])


def many_unknown(head):
    """300,000 names near to those that are missing: nobody waits for the distances between all of them."""
    at = max(t["data_offsets"][1] for t in head.values())
    head = {name + "s": tensor for name, tensor in head.items()}
    for i in range(300_000):
        head[f"convnext.encoder.stages.0.layers.{i}.x{i:06d}"] = {"dtype": "F32", "shape": [0], "data_offsets": [at, at]}
    return head


safetensors("300,000 tensors that nothing asks for", checkpoint(many_unknown), "is missing; the nearest that nothing uses is .*weights", argv=("check", "m"))
