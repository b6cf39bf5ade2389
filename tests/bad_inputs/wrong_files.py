# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files and folders that are no models, but are often given for one, and checkpoints alone that are no ConvNeXt's."""
import gzip
import json
import os
import pickle
import tarfile
import io
import zipfile

from checkpoints import CONFIG, checkpoint, folder, header, pack, tensors
from harness import case
from pickles import GOOD_ZIP, archive, storage, tensor, text

GOLDENS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "goldens")
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
PAGE = b"\n<!DOCTYPE html>\n<html><body>404</body></html>"


def wrong(name, file, content, message, exit=1, command="check"):
    case("wrong files", name, exit=exit, message=message, files={file: content}, argv=[command, file])


def zipped(names, how=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as z:
        for name in names:
            z.writestr(name, b"x" * 100)
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("model/config.json"))
    return out.getvalue()


# A file alone, under whatever name

POINTER = "error: .*Git LFS pointer, not the file it stands for.*'git lfs pull' fetches the file"
for file in ("model.safetensors", "model.onnx", "pytorch_model.bin", "model.onnxtxt"):
    wrong(f"Git LFS pointer as {file}", file, LFS, POINTER)
    wrong(f"HTML page as {file}", file, PAGE, "error: .*this is an HTML page.*/blob/.*/resolve/")
with open(os.path.join(GOLDENS, "images", "jpg_exif_6", "input.jpg"), "rb") as f:
    JPEG = f.read()
wrong("a JPEG as model", "cat.jpg", JPEG, "error: .*this is a picture, expected .*cnxc run MODEL PICTURE")
case("wrong files", "picture and model in the wrong order", exit=1, message="this is a picture.*cnxc run MODEL PICTURE",
     files={**folder(), "cat.jpg": JPEG}, argv=["run", "cat.jpg", "m"])
wrong("a ZIP archive", "model.zip", zipped(["m/config.json", "m/model.safetensors"]), "error: .*a ZIP archive, expected .*unpack it first")
wrong("a Keras model", "model.keras", zipped(["metadata.json", "config.json", "model.weights.h5"]), "error: .*a ZIP archive")
wrong("a TorchScript program", "model.pt", zipped(["m/data.pkl", "m/code/x.py", "m/constants.pkl"]),
      r"error: .*a TorchScript program, expected a state dict: torch\.save\(model\.state_dict")
wrong("a program of torch.export", "model.pt2", zipped(["m/archive_format", "m/data/weights/data.pkl"]), "error: .*a program of torch.export")
wrong("a GGUF", "model.gguf", b"GGUF\x03\0\0\0" + bytes(64), "error: .*a GGUF file")
wrong("gzip", "model.onnx.gz", gzip.compress(b"x"), "error: .*gzip.*unpack it first")
wrong("tar", "model.tar", tarred(), "error: .*a tar archive.*unpack it first")
wrong("a TensorFlow Lite model", "model.tflite", b"\x1c\0\0\0TFL3" + bytes(64), "error: .*TensorFlow Lite")
wrong("a SavedModel's graph", "saved_model.pb", b"\x08\x01\x12\x90\x03\x0a\x10" + bytes(64), "error: .*TensorFlow SavedModel.*tf2onnx.convert")
wrong("an OpenVINO model", "model.xml", b'<?xml version="1.0"?>\n<net name="m" version="11"></net>', "error: .*an OpenVINO model")
wrong("a configuration", "config.json", json.dumps(CONFIG), "error: .*a JSON file.*MODEL is the folder it lies in")
wrong("a pickle of something else", "model.pkl", pickle.dumps({"a": 1}, 4), "error: .*a Python pickle, but none of torch.save's")
wrong("a NumPy array", "x.npy", b"\x93NUMPY\x01\0" + bytes(64), "error: .*a NumPy array")

# Checkpoints alone

wrong("safetensors alone (control)", "model.safetensors", checkpoint(), "prepared as for the published", exit=0)
wrong("a state dict alone (control)", "model.pth", GOOD_ZIP, "prepared as for the published", exit=0)


def padded(length):
    """The good checkpoint, its header as long as given."""
    head, n = header(tensors(CONFIG))
    return pack(json.dumps(head).encode().ljust(length), bytes(n))


# A header's length, with which the file begins, may look like the first bytes of a pickle, gzip or a picture.
for length in (0x8002, 0x8b1f, 0x10280, 0x14d42):
    wrong(f"safetensors alone with a header of {length:#x} bytes (control)", "x.bin", padded(length), "prepared as for the published", exit=0)
    case("wrong files", f"safetensors with a header of {length:#x} bytes (control)", exit=0, message="", files=folder(model__safetensors=padded(length)),
         argv=["check", "m"])
OTHER = {"conv1.weight": (4, 3, 7, 7), "fc.bias": (2,)}


def plain(shapes):
    head, n = header(shapes)
    return pack(head, bytes(n))


wrong("a checkpoint of another network", "resnet.safetensors", plain(OTHER),
      "error: .*holds 2 tensors, but not under a ConvNeXt's names, .*the first is conv1.weight; another network compiles as an ONNX export")
wrong("a checkpoint without tensors", "empty.safetensors", pack({}, b""), "error: ")
wrong("a checkpoint with one tensor of a ConvNeXt", "stem.safetensors", plain({"stem.0.weight": (4, 3, 4, 4)}), "error: .*stem.0.bias .* is missing")
wrong("a stem of rank 2", "stem.safetensors", plain({"stem.0.weight": (4, 3)}), "error: .*(num_channels|patch_size|shape)")
wrong("a stem of no channels", "stem.safetensors", plain({"stem.0.weight": (4, 0, 4, 4)}), "error: .*num_channels")
WIDER = {k: (s[:2] + (5, 5) if k.endswith("dwconv.weight") else s) for k, s in tensors(CONFIG).items()}
wrong("kernels of another size", "k5.safetensors", plain(WIDER),
      r"error: .*dwconv.weight has shape \[4,1,5,5\], the network needs \[4,1,7,7\](.|\n)*ONNX export: torch.onnx.export")
wrong("a whole module", "model.pth", archive(b"\x80\x02cconvnext\nConvNeXt\n)\x81."),
      r"error: .*it asks for convnext.ConvNeXt; .*torch.save\(model.state_dict\(\), FILE\)")
wrong("a tensor", "x.pth", archive(b"\x80\x02" + tensor(storage("0", 4), (4,)) + b"."), "error: .*no dict of tensors")
wrong("cut short", "model.safetensors", checkpoint()[:-8], "error: .*not within")

# Folders

in_folder = lambda name, message, exit, files: case("wrong files", name, exit=exit, message=message, files=files, argv=["check", "m"])
in_folder("a folder without weights", "m has no weights, expected model.safetensors", 4, folder(model__safetensors=None))
in_folder("a folder with Flax's weights", "no weights but Flax's", 4, folder(model__safetensors=None, flax_model__msgpack=b"x"))
in_folder("a folder without config.json", "m has no config.json; m/model.safetensors alone is a model, too", 4, folder(config__json=None))
in_folder("a folder with a .ckpt only", "m has no config.json; m/last.ckpt alone", 4, {"m/last.ckpt": GOOD_ZIP})
in_folder("an empty folder", "m has neither config.json nor weights", 4, {"m/readme.txt": ""})
in_folder("a SavedModel", r"m is a TensorFlow SavedModel, .*python -m tf2onnx.convert --saved-model m --output model.onnx", 1,
          {"m/saved_model.pb": b"\x08\x01", "m/variables/variables.index": b""})
in_folder("a hub's cache", "m is a hub's cache of a model, expected one of its snapshots: m/snapshots/1a2b", 1, {"m/snapshots/1a2b/x": b"", "m/refs/main": "1a2b"})
for name in ("config.json", "preprocessor_config.json", "model.safetensors"):
    in_folder(f"Git LFS pointer as a folder's {name}", f"m/{name}: error: .*Git LFS pointer", 1, {**folder(), "m/" + name: LFS})
    in_folder(f"HTML page as a folder's {name}", f"m/{name}: error: .*an HTML page", 1, {**folder(), "m/" + name: PAGE})
in_folder("Git LFS pointer as pytorch_model.bin", "m/pytorch_model.bin: error: .*Git LFS pointer", 1,
          folder(model__safetensors=None, pytorch_model__bin=LFS))
for name in ("convnext_gigantic", "resnet50.a1_in1k", "inception_next_huge"):
    in_folder(f"timm's {name}", f"error: architecture {name} is none of timm's ConvNeXts or InceptionNeXts(.|\n)*its ONNX export compiles: python -c 'import timm, torch; .*local-dir:m\"", 3,
              {"m/config.json": json.dumps({"architecture": name}), "m/model.safetensors": checkpoint()})

# Nothing at all

case("wrong files", "a hub's name", exit=4, argv=["check", "facebook/convnext-tiny-224"],
     message="error: cannot open facebook/convnext-tiny-224(.|\\n)*note: .* hf download facebook/convnext-tiny-224 --local-dir convnext-tiny-224")
case("wrong files", "a file that is not there", exit=4, message=r"\A[^\n]*error: cannot open m/modle.onnx: No such file or directory\s*\Z",
     files=folder(), argv=["check", "m/modle.onnx"])
