# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What lies beside a graph and lies: --labels, --processor, folders in Optimum's layout."""
import json

from harness import case

GRAPH = """<ir_version: 8, opset_import: ["" : 17]>
any (float[n, 3, height, width] x) => (float[n, 3] y) { y = ReduceMean<axes = [2, 3], keepdims = 0>(x) }
"""
SIZE = ["check", "g.onnxtxt", "--image-size=8"]


def labels(name, content, message, exit=1, **how):
    case("labels", name, exit=exit, message=message, files={"g.onnxtxt": GRAPH, "labels": content}, argv=[*SIZE, "--labels=labels"], **how)


def processor(name, content, message, exit=1, **how):
    text = content if isinstance(content, (str, bytes)) else json.dumps(content, indent=1)
    case("foreign processor", name, exit=exit, message=message, files={"g.onnxtxt": GRAPH, "p.json": text},
         argv=["check", "g.onnxtxt", "--processor=p.json"], **how)


labels("a good file (control)", "a\nb\nc\n", "", exit=0)
labels("escapes that a terminal would obey", "\x1b[2J\n\x07\x9b\n\\\n", "", exit=0)
labels("twins of such a name", "\x1b[2J\n\x1b[2J\nc\n", r"labels:2:1: warning: class 1 has the label of class 0: \\x1b\[2J", exit=0)
labels("NUL", b"a\nb\0\nc\n", r"labels:2:2: error: byte 0x00")
labels("a surrogate", b"a\nb\n\xed\xa0\x80\n", r"labels:3:1: error: byte 0xed")
labels("cut in a character", b"a\nb\nc\xc3", r"labels:3:2: error: byte 0xc3")
labels("UTF-16", "a\nb\nc\n".encode("utf-16"), r"labels:1:1: error: byte 0xff")
labels("an empty file", b"", r"labels:1:1: error: there are no labels")
labels("an empty line", b"a\n\nc\n", r"labels:2:1: error: an empty label")
labels("too many lines", b"x\n" * ((1 << 20) + 1), r"labels:1048577:1: error: more than 1048576 labels", peak_mb=400)
labels("one long line", b"x" * (8 << 20), r"labels:1:1: error: there is 1 label,", peak_mb=200)
labels("a JSON list that is cut", '["a", "b"', r"labels:1:\d+: error: not valid JSON")
labels("a list in a list", '["a", ["b"], "c"]', r"labels:1:7: error: label 1 is not a string")
labels("100,000 brackets", "[" * 100000, r"labels:1:\d+: error: not valid JSON: maximum parsing depth")
labels("a map with a number twice", '{"0": "a", "1": "b", "1": "c"}', r"labels:1:\d+: error: not valid JSON: duplicate object key")
labels("a map with a number spelled twice", '{"0": "a", "1": "b", "01": "c"}', r"labels:1:2: error: the object has the key \"01\"")
labels("a map with a huge number", '{"0": "a", "1": "b", "18446744073709551616": "c"}', r"labels:1:2: error: the object has the key")
labels("label_names of another form", '{"pretrained_cfg": {"label_names": "cat"}}', r"labels:1:21: error: pretrained_cfg\.label_names is a string")
labels("a problem_type that is none", '{"problem_type": 3, "id2label": {"0": "a", "1": "b", "2": "c"}}', r"labels:1:2: error: problem_type is an integer")
labels("an unknown problem_type", '{"problem_type": "guess", "id2label": {"0": "a", "1": "b", "2": "c"}}',
       r'labels:1:2: error: unknown problem_type \\?"guess\\?", expected regression')
labels("a picture", b"\x89PNG\r\n\x1a\n", r"labels: error: at byte 0: this is a picture, expected labels")
case("labels", "a device", exit=1, message=r"/dev/zero is a device", files={"g.onnxtxt": GRAPH}, argv=[*SIZE, "--labels=/dev/zero"])
case("labels", "a folder without config.json", exit=4, message=r"cannot open \./config\.json", files={"g.onnxtxt": GRAPH}, argv=[*SIZE, "--labels=."])

VIT = {"image_processor_type": "ViTImageProcessor", "size": 8}
processor("a good one (control)", VIT, "", exit=0)
processor("a type with an escape", {"image_processor_type": "\x1b[2J"}, r"image processor \\x1b\[2J is not supported", exit=3)
processor("a key with an escape and a dot", {**VIT, "size": {"a.\x1b": 1}}, r"p\.json:\d+:\d+: error: size\.a\.\\x1b is not supported", exit=3)
processor("size 0", {**VIT, "size": {"height": 0, "width": 8}}, r"p\.json:3:2: error: size must be from 1 to 65536")
processor("size 2^62", {**VIT, "size": 1 << 62}, r"p\.json:3:2: error: size must be from 1 to 65536")
processor("size 1e3", '{"image_processor_type": "ViTImageProcessor", "size": 1e3}', r"p\.json:1:47: error: size is a number, expected integers")
processor("an empty size", {**VIT, "size": {}}, r"p\.json:3:2: error: size must be shortest_edge, or height and width")
processor("a size of three", {**VIT, "size": [1, 2, 3]}, r"p\.json:3:2: error: size is a list")
processor("a type that is a number", {"image_processor_type": 7}, r"p\.json:2:2: error: image_processor_type is an integer")
processor("no JSON", "cat\n", r"p\.json:1:\d+: error: not valid JSON")
processor("cut JSON behind blanks", "\n {\"size\": ", r"p\.json:2:\d+: error: not valid JSON")
processor("a page behind a mark", b"\xef\xbb\xbf\n<html>", r"p\.json: error: at byte 0: this is an HTML page, expected JSON")
processor("a list", "[]", r"p\.json:1:1: error: expected a JSON object")
processor("pretrained_cfg of another form", {"pretrained_cfg": []}, r"p\.json:2:2: error: pretrained_cfg is a list, expected an object")
processor("crop_pct of nothing", {"pretrained_cfg": {"crop_pct": 1e-300}}, r"p\.json:3:3: error: pretrained_cfg\.crop_pct must be a fraction")
processor("an oblong too wide to resize", {"pretrained_cfg": {"input_size": [3, 1, 65536], "crop_pct": 0.5}},
          r"p\.json:8:3: error: pretrained_cfg\.crop_pct must be a fraction")

case("folders", "an empty model.onnx", exit=1, message=r"m/model\.onnx.*empty", files={"m/model.onnx": b"", "m/config.json": "{}"}, argv=["check", "m"])
case("folders", "a model.onnx that is a pointer", exit=1, message=r"m/onnx/model\.onnx: error: at byte 0: this is a Git LFS pointer",
     files={"m/onnx/model.onnx": b"version https://git-lfs.github.com/spec/v1\n", "m/config.json": "{}"}, argv=["check", "m"])
