# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad checkpoints of PyTorch (ZIP and legacy pickle) and TensorFlow (HDF5), and bad configs of timm."""
import io
import json
import os
import random
import struct
import zipfile

from checkpoints import CONFIG, tensors
from harness import case

GOLDENS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "goldens")
SHAPES = tensors(CONFIG)
CHECK = ["check", "m"]
DICT = b"ccollections\nOrderedDict\n)R"


# Pickles, opcode by opcode

def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value):
    return b"J" + struct.pack("<i", value) if -2**31 <= value < 2**31 else b"\x8a\x08" + struct.pack("<q", value)


def group(*items):
    return b"(" + b"".join(items) + b"t"


def numbers(values):
    return group(*map(integer, values))


def count(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def dense(shape):
    return [count(shape[i + 1:]) for i in range(len(shape))]


def storage(key, n, kind=b"ctorch\nFloatStorage\n", view=b""):
    return group(text("storage"), kind, text(key), text("cpu"), integer(n), view) + b"Q"


def tensor(store, shape, strides=None, first=0):
    strides = dense(shape) if strides is None else strides
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + group(store, integer(first), numbers(shape), numbers(strides), b"\x89", DICT) + b"R"


def state(changes={}, view=b""):
    """A state dict's pickle; changes replaces members by pickled values."""
    members = {n: tensor(storage(str(i), count(s), view=view), s) for i, (n, s) in enumerate(SHAPES.items())}
    members.update(changes)
    return b"\x80\x02}(" + b"".join(text(n) + v for n, v in members.items()) + b"u."


def archive(pickled, drop=(), how=zipfile.ZIP_STORED, byteorder=b"little", short=0):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as z:
        z.writestr("m/data.pkl", pickled)
        z.writestr("m/byteorder", byteorder)
        for i, shape in enumerate(SHAPES.values()):
            if i not in drop:
                z.writestr(f"m/data/{i}", bytes(4 * count(shape) - short))
    return out.getvalue()


MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


def legacy(pickled, little=b"\x88", keys=None, length=None):
    keys = [str(i) for i in range(len(SHAPES))] if keys is None else keys
    machine = b"\x80\x02}(" + text("little_endian") + little + b"u."
    data = b"".join(struct.pack("<q", count(s) if length is None else length) + bytes(4 * count(s)) for s in SHAPES.values())
    return MAGIC + machine + pickled + b"\x80\x02](" + b"".join(map(text, keys)) + b"e." + data


def folder(content, name="pytorch_model.bin", config=CONFIG):
    return {"m/config.json": json.dumps(config, indent=2), "m/" + name: content}


def bad(group_name, name, content, message, exit=1, file="pytorch_model.bin"):
    case(group_name, name, exit=exit, message=message, files=folder(content, file), argv=CHECK)


def many(group_name, name, contents, codes, file="pytorch_model.bin", config=json.dumps(CONFIG)):
    """All contents must end with one of the codes, each with a message."""
    files = {f"{i}/{k}": v for i, c in enumerate(contents) for k, v in ((file, c), ("config.json", config))}
    files["wanted"] = " ".join(map(str, codes))
    case(group_name, name, exit=0, message="", files=files, shell="""
        for f in */; do
            "$CNXC" check "$f" >/dev/null 2>message; code=$?
            grep -qw "$code" wanted || { echo "$f ended with $code" >&2; cat message >&2; exit 1; }
            [ $code = 0 ] || grep -q "error: " message || { echo "$f said nothing" >&2; exit 1; }
            ! grep -qE "Sanitizer|runtime error" message || { cat message >&2; exit 1; }
        done; rm -f message""")


GOOD_ZIP, GOOD_LEGACY = archive(state()), legacy(state(view=b"N"))
PICKLE = GOOD_ZIP.index(state()[:60])

# Controls: what is changed below is good

bad("pickles", "zip (control)", GOOD_ZIP, "", exit=0)
bad("pickles", "legacy (control)", GOOD_LEGACY, "", exit=0)
bad("pickles", "any name (control)", GOOD_ZIP, "", exit=0, file="best.pth")
bad("pickles", "wrapped twice (control)",
    archive(b"\x80\x02}(" + text("epoch") + integer(3) + text("state_dict") + b"}(" + text("model") + state()[2:-1] + b"uu."), "", exit=0)
WIDTH = SHAPES["classifier.weight"]
TRANSPOSED = tensor(storage(str(list(SHAPES).index("classifier.weight")), count(WIDTH)), WIDTH, strides=[1, WIDTH[0]])
bad("pickles", "a transposed tensor (control)", archive(state({"classifier.weight": TRANSPOSED})), "", exit=0)

# Cut and changed

rng = random.Random(1)
cuts = lambda data, n: [data[:at] for at in sorted(rng.sample(range(5, len(data) - 1), n))]


def flips(data, n, begin, end):
    return [data[:at] + bytes([rng.randrange(256)]) + data[at + 1:] for at in (rng.randrange(begin, end) for _ in range(n))]


many("pickles", "zip cut at many places", cuts(GOOD_ZIP, 30), [1])
many("pickles", "legacy cut at many places", cuts(GOOD_LEGACY, 40), [1])
many("pickles", "pickle cut at many places", [archive(c) for c in cuts(state(), 30)], [1])
many("pickles", "pickle with changed bytes", flips(GOOD_ZIP, 60, PICKLE, PICKLE + len(state())), [0, 1, 3])
many("pickles", "zip directory with changed bytes", flips(GOOD_ZIP, 60, GOOD_ZIP.index(b"PK\1\2"), len(GOOD_ZIP)), [0, 1, 3, 4])

# Names and calls

for module, name in (("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("__main__", "Net")):
    call = f"c{module}\n{name}\n".encode() + group(text("touch run")) + b"R"
    bad("pickles", f"asks for {module}.{name}", archive(state({"x": call})), rf"error: at byte \d+: pickle: .*{module.replace('builtins', '__builtin__')}\.{name}")
bad("pickles", "asks for os.system, protocol 4", archive(b"\x80\x04\x8c\x02os\x8c\x06system\x93" + group(text("touch run")) + b"R."), r"os\.system")
bad("pickles", "a whole model", archive(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81."), r"torch\.nn\.modules\.linear\.Linear", exit=3)
bad("pickles", "INST of os.system", archive(b"\x80\x02(X\x01\0\0\0xios\nsystem\n."), "opcode INST", exit=3)
bad("pickles", "a storage called", archive(state({"x": b"ctorch\nFloatStorage\n)R"})), "torch.FloatStorage is called")
bad("pickles", "a string called", archive(state({"x": text("os.system") + b")R"})), "expected a function")
bad("pickles", "unknown opcode", archive(b"\x80\x02\xff."), "no opcode 0xff")
bad("pickles", "a name without an end", archive(b"\x80\x02c" + b"a" * 5000), "a name of over")

# Persistent ids

bad("pickles", "persistent id is a string", archive(state({"x": text("0") + b"Q"})), "persistent id must be")
bad("pickles", "persistent id is a module", archive(state({"x": group(text("module"), text("a"), text("b")) + b"Q"})), "persistent id must be")
bad("pickles", "storage of a dict's type", archive(state({"x": storage("0", 4, b"ccollections\nOrderedDict\n")})), "persistent id must be")
bad("pickles", "storage of -1 elements", archive(state({"x": storage("0", -1)})), "persistent id must be")
bad("pickles", "storage of 2^62 elements", archive(state({"x": storage("0", 1 << 62)})), "more than fit")
bad("pickles", "storage of two types", archive(state({"x": storage("0", 4, b"ctorch\nHalfStorage\n")})), "of two types")
bad("pickles", "storage not in the archive", archive(state(), drop=[3]), "no m/data/3")
bad("pickles", "storage named ../", archive(state({"x": tensor(storage("../../etc/passwd", 4), [4])})), "no m/data/")
bad("pickles", "storage shorter than said", archive(state(), short=4), "the pickle says that storage .* elements, the file has")

# Sizes and strides

FEW = storage("0", count(next(iter(SHAPES.values()))))
for name, shape, strides, first, message in (
        ("past the end", [count(next(iter(SHAPES.values()))) + 1], [1], 0, "goes past"),
        ("first element past the end", [1], [1], 1 << 40, "goes past"),
        ("first element negative", [1], [1], -1, "number of its first element"),
        ("stride too long", [2], [1 << 40], 0, "goes past"),
        ("stride overflows", [3], [1 << 62], 0, "goes past"),
        ("sum of strides overflows", [2, 2, 2], [1 << 62, 1 << 62, 1 << 62], 0, "goes past"),
        ("stride negative", [2], [-1], 4, "whole numbers"),
        ("size negative", [-1], [1], 0, "whole numbers"),
        ("product of sizes wraps", [4194305, 4194305, 211106198978564], [0, 0, 0], 0, "too large"),
        ("huge by stride 0", [1 << 40], [0], 0, "repeats"),
        ("more strides than sizes", [2], [1, 1], 0, "as many strides"),
        ("rank 9", [1] * 9, [1] * 9, 0, "rank 9")):
    bad("pickles", "tensor: " + name, archive(state({"x": tensor(FEW, shape, strides, first)})), message, exit=3 if "rank" in name else 1)
bad("pickles", "tensor of another shape", archive(state({"classifier.weight": tensor(FEW, [8, 2])})), r"classifier\.weight.*\[8,2\].*\[2,8\]")
RENAMED = state().replace(text("convnext.layernorm.weight"), text("convnext.layernorm.wieght"))
bad("pickles", "tensor missing, near name there", archive(RENAMED), r"layernorm\.weight \[8\] is missing; the nearest .*wieght \[8\]")
INTEGERS = tensor(storage(str(list(SHAPES).index("classifier.bias")), 2, b"ctorch\nIntStorage\n"), [2])
bad("pickles", "tensor of integers", archive(state({"classifier.bias": INTEGERS})), "classifier.bias is of type int32", exit=3)
bad("pickles", "two tensors of one name", archive(state()[:-2] + text("classifier.bias") + tensor(FEW, [2]) + b"u."), "two tensors named classifier.bias")

# Depth and memory: all of it constant work for each opcode

DOUBLING = b"]q\0" + b"".join(b"0](h%ch%ceq%c" % (i, i, i + 1) for i in range(200))
bad("pickles", "lists doubled 200 times", archive(b"\x80\x02" + DOUBLING + b"."), "no dict of tensors")
bad("pickles", "a list within itself", archive(b"\x80\x02]q\0h\0a."), "no dict of tensors")
bad("pickles", "tuples 1,000,000 deep", archive(b"\x80\x02)" + b"\x85" * 1000000 + b"."), "no dict of tensors")
bad("pickles", "marks 1,000,000 deep", archive(b"\x80\x02" + b"(" * 1000000 + b"."), "the stack is empty")
bad("pickles", "memo number 2^32 - 1", archive(b"\x80\x02)r\xff\xff\xff\xff."), "memo's number is out of range")
bad("pickles", "memo not stored", archive(b"\x80\x02h\5."), "did not store")
bad("pickles", "string of 4 GiB", archive(b"\x80\x02X\xff\xff\xff\xffab."), "ends within")
bad("pickles", "string of 2^64 - 1", archive(b"\x80\x04\x8d" + b"\xff" * 8 + b"ab."), "ends within")
bad("pickles", "over 8 MiB", archive(b"\x80\x02" + b")0" * (5 << 20) + b"N."), "over 8 MiB")
bad("pickles", "pops what is not there", archive(b"\x80\x020."), "stack is empty")
bad("pickles", "pops a mark", archive(b"\x80\x02)(\x85."), "stack is empty")
bad("pickles", "tuple without mark", archive(b"\x80\x02)t."), "no mark")
bad("pickles", "key without value", archive(b"\x80\x02}(" + text("a") + b"u."), "no value")
bad("pickles", "items of a tuple", archive(b"\x80\x02)(NNu."), "expected a dict")
bad("pickles", "empty", archive(b""), "ends within")
bad("pickles", "an unpickled number", archive(b"\x80\x02K\5."), "no dict of tensors")
bad("pickles", "wrapped in itself", archive(b"\x80\x02}q\0" + text("model") + b"h\0s."), "no dict of tensors")

# Archives

bad("pickles", "compressed entries", archive(state(), how=zipfile.ZIP_DEFLATED), "data.pkl is compressed", exit=3)
bad("pickles", "big-endian", archive(state(), byteorder=b"big"), "little-endian", exit=3)
bad("pickles", "zip without data.pkl", archive(state()).replace(b"data.pkl", b"data.pkx"), "a ZIP archive, expected one that torch.save wrote; unpack it first")
END, ENTRY = GOOD_ZIP.rindex(b"PK\5\6"), GOOD_ZIP.index(b"PK\1\2")


def patched(offset, data):
    return GOOD_ZIP[:offset] + data + GOOD_ZIP[offset + len(data):]


bad("pickles", "directory past the end", patched(END + 16, b"\xf0\xff\xff\xff"), "broken ZIP archive")
bad("pickles", "more entries than bytes", patched(END + 10, b"\xfe\xff"), "broken ZIP archive")
bad("pickles", "entry's header elsewhere", patched(ENTRY + 42, b"\1\0\0\0"), "broken ZIP archive")
bad("pickles", "entry's header past the end", patched(ENTRY + 42, b"\xf0\xff\xff\xff"), "broken ZIP archive")
bad("pickles", "entry of 4 GiB", patched(ENTRY + 20, b"\xf0\xff\xff\xff" * 2), "broken ZIP archive")
bad("pickles", "entry with two sizes", patched(ENTRY + 24, b"\1\0\0\0"), "two sizes")
bad("pickles", "other name in the header", patched(30, b"n"), "another name")
bad("pickles", "NUL in a name", GOOD_ZIP.replace(b"m/byteorder", b"m/byte\0rder"), "NUL")
bad("pickles", "two entries of one name", GOOD_ZIP.replace(b"m/data/10", b"m/data/11"), "same name")

# Legacy

bad("pickles", "legacy: big-endian", legacy(state(view=b"N"), little=b"\x89"), "little-endian", exit=3)
bad("pickles", "legacy: a key too few", legacy(state(view=b"N"), keys=[str(i) for i in range(len(SHAPES) - 1)]), "does not hold storage")
bad("pickles", "legacy: an unknown key", legacy(state(view=b"N"), keys=["abc"]), "no tensor of the pickle says")
bad("pickles", "legacy: storage of 2^63 elements", legacy(state(view=b"N"), length=-1), "goes past the end")
bad("pickles", "legacy: storage of another length", legacy(state(view=b"N"), length=1), "error: ")
bad("pickles", "legacy: view past its storage", legacy(state(view=group(text("v"), integer(1), integer(1 << 40)))), "view goes past")
bad("pickles", "legacy: view of nonsense", legacy(state(view=group(integer(1), integer(1), integer(1)))), "view must be")
bad("pickles", "no magic number", b"\x80\x02}.", "magic number")

# Files

bad("pickles", "an HTML page", b"<!DOCTYPE html><html></html>", "this is an HTML page")
bad("pickles", "empty file", b"", "the file is empty")
bad("pickles", "noise", bytes(range(1, 200)), "of an unknown kind")
case("pickles", "several .pth files", exit=1, message="rename the one", argv=CHECK,
     files={**folder(GOOD_ZIP, "a.pth"), "m/b.pth": GOOD_ZIP})
for name, index, message, code in (
        ("names ../", {"weight_map": {k: "../x.bin" for k in SHAPES}}, r"\.\./", 1),
        ("is not there", {"weight_map": {k: "x.bin" for k in SHAPES}}, r"x\.bin", 4),
        ("names a tensor too many", {"weight_map": {**{k: "part.bin" for k in SHAPES}, "y": "part.bin"}}, "holds y, but it does not", 1),
        ("is good (control)", {"weight_map": {k: "part.bin" for k in SHAPES}}, "", 0)):
    case("pickles", "a shard " + name, exit=code, message=message, argv=CHECK,
         files={**folder(json.dumps(index), "pytorch_model.bin.index.json"), **({"m/part.bin": GOOD_ZIP} if code != 4 else {})})

# TensorFlow

with open(os.path.join(GOLDENS, "tf", "tf_reg", "tf_model.h5"), "rb") as f:
    H5 = f.read()
with open(os.path.join(GOLDENS, "tf", "tf_reg", "config.json")) as f:
    H5_CONFIG = json.load(f)


def bad_h5(name, content, message, exit=1, **changes):
    case("hdf5", name, exit=exit, message=message, files=folder(content, "tf_model.h5", {**H5_CONFIG, **changes}), argv=CHECK)


bad_h5("the good one (control)", H5, "", exit=0)
bad_h5("another width", H5, r"tensor convnext\.encoder\.stages\.3\.\S* has shape .*16.*config.json needs .*24", hidden_sizes=[8, 8, 16, 24])
bad_h5("tensors missing, near names there", H5.replace(b"pwconv2", b"pwconv3"),
       r"tensor convnext\.\S*pwconv2\.kernel \[8,32\] is missing; the nearest that nothing uses is convnext\.\S*pwconv3\.kernel \[8,32\]")
bad_h5("only the signature", H5[:8], "broken HDF5 file")
with open(os.path.join(os.path.dirname(GOLDENS), "checkpoint", "Inputs", "crash.h5"), "rb") as f:
    bad_h5("what libhdf5 crashes over (fuzzing)", f.read(), "broken HDF5 file")
for name in ("chunks", "compact", "elsewhere", "virtual"):
    with open(os.path.join(os.path.dirname(GOLDENS), "checkpoint", "Inputs", name + ".h5"), "rb") as f:
        bad_h5("stored otherwise: " + name, f.read(), f"dataset {name} in chunks, compressed or stored elsewhere is not supported", exit=3)
many("hdf5", "cut at many places", cuts(H5, 40), [1], "tf_model.h5", json.dumps(H5_CONFIG))
many("hdf5", "changed bytes in the first headers", flips(H5, 60, 8, 4096), [0, 1, 3], "tf_model.h5", json.dumps(H5_CONFIG))
many("hdf5", "changed bytes anywhere", flips(H5, 40, 8, len(H5)), [0, 1, 3], "tf_model.h5", json.dumps(H5_CONFIG))

# timm's config.json

with open(os.path.join(GOLDENS, "checkpoints", "timm_linear_mlp", "config.json")) as f:
    TIMM = json.load(f)
with open(os.path.join(GOLDENS, "checkpoints", "timm_linear_mlp", "model.safetensors"), "rb") as f:
    TIMM_WEIGHTS = f.read()


def timm(name, message, exit=1, args=None, pretrained=None, **changes):
    config = {**TIMM, "model_args": {**TIMM["model_args"], **(args or {})},
              "pretrained_cfg": {**TIMM["pretrained_cfg"], **(pretrained or {})}, **changes}
    case("timm", name, exit=exit, message=message, files=folder(TIMM_WEIGHTS, "model.safetensors", config), argv=CHECK)


timm("the good one (control)", "", exit=0)
timm("another architecture", r"config\.json:2:\d+: error: .*resnet50 is none of timm's ConvNeXts or InceptionNeXts", exit=3, architecture="resnet50")
timm("architecture is a number", "architecture is an integer", architecture=3)
timm("norm before pooling", r"tensor norm_pre\.weight \[40\] is missing", architecture="convnext_tiny_hnf")
timm("norms without bias", r"no place for .*norm\.bias", exit=0, architecture="convnext_atto_rms")
timm("a layer more", r"tensor head\.pre_logits\.fc\.weight \[1536,40\] is missing", architecture="convnext_large_mlp")
timm("unknown argument", r"config\.json:\d+:5: error: model_args\.wings has no equivalent", exit=3, args={"wings": 2})
timm("overlapping stem", r"tensor stem\.0\.weight has shape \[16,3,4,4\], config.json needs \[8,3,3,3\]", args={"stem_type": "overlap_tiered"})
timm("unknown stem", "model_args.stem_type is conv, expected patch, overlap, overlap_tiered or overlap_act", exit=3, args={"stem_type": "conv"})
timm("unknown norm", "model_args.norm_layer is batchnorm2d, expected layernorm", exit=3, args={"norm_layer": "batchnorm2d"})
timm("negative epsilon", "model_args.norm_eps is -1, expected 0 or more", args={"norm_eps": -1})
timm("GRN and layer scale", r"tensor stages\.0\.blocks\.0\.mlp\.grn\.weight \[1,1,1,64\] is missing", args={"use_grn": True})
timm("even kernels", "model_args.kernel_sizes holds 4, which no padding centres", args={"kernel_sizes": [7, 4, 7, 7]})
timm("kernels of three stages", "model_args.kernel_sizes has 3 entries, but there are 4 stages", args={"kernel_sizes": [7, 5, 7]})
timm("kernel of 0", "model_args.kernel_sizes is 0, expected 1 to", args={"kernel_sizes": 0})
timm("output stride 12", "model_args.output_stride is 12, expected 8, 16 or 32", args={"output_stride": 12})
timm("no pooling", "model_args.global_pool is , expected avg, max", exit=3, args={"global_pool": ""})
timm("two pools in one", "model_args.global_pool can only be catavgmax with head_norm_first", args={"global_pool": "catavgmax"})
timm("norm before a hidden layer", "model_args.head_hidden_size cannot go with head_norm_first", args={"head_norm_first": True, "head_hidden_size": 8})
timm("conv_bias is a number", "model_args.conv_bias is an integer, expected true or false", args={"conv_bias": 1})
timm("dims of another model", r"tensor stages\.\S* has shape", args={"dims": [16, 24, 24, 48]})
timm("dims is a string", "error: model_args.dims is a string", args={"dims": "16"})
timm("model_args is a list", "model_args is a list", model_args=[])
timm("pretrained_cfg is a string", "pretrained_cfg is a string", pretrained_cfg="x")
timm("input_size of two numbers", "pretrained_cfg.input_size must be channels", pretrained={"input_size": [3, 64]})
timm("input_size 0", "pretrained_cfg.input_size is 0, expected 1 to", pretrained={"input_size": [3, 0, 0]})
timm("crop_pct 0", "pretrained_cfg.crop_pct must be a fraction", pretrained={"crop_pct": 0})
timm("crop_pct is a string", "pretrained_cfg.crop_pct is a string", pretrained={"crop_pct": "1"})
timm("unknown interpolation", "pretrained_cfg.interpolation is random, expected nearest", exit=3, pretrained={"interpolation": "random"})
timm("unknown crop_mode", "pretrained_cfg.crop_mode is border, expected center or squash", exit=3, pretrained={"crop_mode": "border"})
timm("std 0", "error: pretrained_cfg.std must be finite", pretrained={"std": [0, 1, 1]})
timm("labels are numbers", "error: pretrained_cfg.label_names holds an integer", pretrained={"label_names": [1, 2, 3, 4, 5, 6, 7]})
