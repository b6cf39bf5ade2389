# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root %t

cnxc weights packs another checkpoint for a compiled program: what it writes is what compiling that checkpoint writes, to the last bit, the
program takes it and answers as the other's own program does, and the code of both is the same. What does not fit is refused, and how.
"""
import ctypes
import json
import os
import re
import shutil
import struct
import subprocess
import sys

import numpy as np

CNXC, ROOT, FOLDER = sys.argv[1:]
DIGITS, GOLDENS = os.path.join(ROOT, "models", "digits"), os.path.join(ROOT, "tests", "goldens", "models")
os.chdir(FOLDER)


def run(*words, code=0):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
    return done


def refused(message, *words, code=1):
    said = run(CNXC, "weights", *words, "-o", "refused.w", code=code).stderr
    assert re.search(message, said), (message, said)
    assert not os.path.exists("refused.w") and not [name for name in os.listdir() if name.startswith(".cnxc")]


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


# ── Checkpoints ───────────────────────────────────────────────────────────────────────────────────────────────────────


def retrained(folder, name, seed):
    """The same model, each number a little another one."""
    shutil.copytree(folder, name)
    data = bytes_of(f"{name}/model.safetensors")
    start = 8 + struct.unpack("<Q", data[:8])[0]
    numbers = np.frombuffer(data[start:], "<f4")
    moved = numbers * (1 + 0.1 * np.random.default_rng(seed).standard_normal(numbers.shape))
    with open(f"{name}/model.safetensors", "wb") as file:
        file.write(data[:start] + moved.astype("<f4").tobytes())
    return name


def made_up(folder, name, change=None, fill=None):
    """A folder of the same configuration but for some keys, with random weights, or those that fill gives by name."""
    shutil.copytree(folder, name, ignore=shutil.ignore_patterns("test", "*.safetensors", "*.bin"))
    with open(f"{name}/config.json") as file:
        config = json.load(file) | (change or {})
    with open(f"{name}/config.json", "w") as file:
        json.dump(config, file)
    text = run(CNXC, "compile", name, "--config-only", "--emit=onnxtxt", "-o", "-").stdout
    rng, header, data = np.random.default_rng(1), {}, b""
    for dims, tensor in re.findall(r'^\s*float\[([\d,]*)\] "?([\w.]+)"? = \["location"', text, re.M):
        shape = [int(n) for n in dims.split(",") if n]
        values = fill(tensor, shape) if fill else None
        values = rng.normal(0.5, 0.2, shape) if values is None else values
        part = values.astype("<f4").tobytes()
        header[tensor] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    words = json.dumps(header).encode()
    with open(f"{name}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(words)) + words + data)
    return name


# ── What a swap is held to ────────────────────────────────────────────────────────────────────────────────────────────


def compile(model, name, *options):
    """Program and weights in a folder of their own, so that two of them may have the same names."""
    folder, file = os.path.split(name)
    os.makedirs(folder, exist_ok=True)
    run(CNXC, "compile", model, "-o", name, f"--weights={folder}/w", *options)
    return name


def code_of(name):
    return [bytes_of(f"{name}{i}.o") for i in ("", ".1", ".2", ".3") if os.path.exists(f"{name}{i}.o")]


def packed(case, before, after, *options, file="model"):
    """Both are compiled; packing `after` for the program of `before` gives what its own program has."""
    old, new = (compile(model, f"{case}-{i}/{file}", *options) for i, model in enumerate((before, after)))
    run(CNXC, "weights", after, f"--for={old}", "-o", f"{case}.w")
    assert bytes_of(f"{case}.w") == bytes_of(f"{case}-1/w") != bytes_of(f"{case}-0/w"), case
    if "--save-temps" in options:
        assert code_of(old) == code_of(new) and code_of(old), case
    return old, new


def answers(program, *options):
    run(program, "--input", "pixel_values=x.npy", "--output", "logits=y.npy", *options)
    return bytes_of("y.npy")


def swapped(*words, **named):
    case = words[0]
    old, new = packed(*words, **named)
    first, theirs = answers(old), answers(new)
    assert answers(old, "--weights", f"{case}.w") == theirs != first, case
    shutil.copy(f"{case}.w", f"{case}-0/next")
    os.rename(f"{case}-0/next", f"{case}-0/w")  # as in a fleet: in the old one's place
    assert answers(old) == theirs, case
    assert "not those it was compiled with" in run(old, "--info").stdout
    assert "not those" not in run(new, "--info").stdout
    return old


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p)]


def library_logits(path, weights=None):
    """Of digits, from a library that is loaded anew."""
    handle, model, context = ctypes.CDLL(os.path.abspath(path)), ctypes.c_void_p(), ctypes.c_void_p()
    options = Options(ctypes.sizeof(Options), 1, weights and weights.encode())
    status = handle.m_create(ctypes.byref(options), ctypes.byref(model))
    if status:
        return status
    assert handle.m_context_create(model, None, ctypes.c_size_t(0), ctypes.byref(context)) == 0
    pixels, logits = np.load("x.npy"), np.zeros((2, 10), "f4")
    tables = [(ctypes.c_void_p * 1)(array.ctypes.data) for array in (pixels, logits)]
    assert handle.m_run(context, tables[0], ctypes.c_int64(2), tables[1]) == 0
    return logits.tobytes()


# ── The tests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_digits():
    other = retrained(DIGITS, "retrained", 1)
    for precision in ("f32", "bf16", "int8"):
        swapped(precision, DIGITS, other, f"--precision={precision}", "--save-temps")
    program = swapped("portable", DIGITS, other, "-mcpu=x86-64-v2,x86-64-v3,x86-64-v4")
    assert run(program, "-k", "1", f"{DIGITS}/test/seven/3504.png").stdout.split("\t")[1] == "seven"
    packed("amx", DIGITS, other, "-mcpu=haswell,sapphirerapids", "--precision=int8")
    packed("tuned", DIGITS, other, f"-mcpu={ROOT}/docs/tuned-profile.xml")


def test_library():
    for precision in ("f32", "bf16"):
        old, new = packed(f"lib-{precision}", DIGITS, "retrained", f"--precision={precision}", file="libm.so")
        theirs = library_logits(new)
        assert library_logits(old) != theirs == library_logits(old, f"lib-{precision}.w")
        assert library_logits(old, "lib-f32.w" if precision == "bf16" else "bf16.w") == 10  # ERROR_WEIGHTS_MODEL
    for name in ("m.a", "m.o"):
        compile(DIGITS, f"other/{name}")
        run(CNXC, "weights", "retrained", f"--for=other/{name}", "-o", "other.w")
        assert bytes_of("other.w") == bytes_of("f32.w")


def test_options():
    """What was asked for when it was compiled is asked for again."""
    v2, base = f"{GOLDENS}/v2_cls", f"{GOLDENS}/base_hidden_states"
    packed("v2", v2, made_up(v2, "v2"), "--image-size=64x32", "--preproc=pil", "-O1")
    packed("states", made_up(base, "first"), retrained("first", "second", 2), "--outputs=pooler_output,hidden_states.1", "--image-size=40", "--precision=bf16")
    packed("sizes", v2, "v2", "--image-size=32,64x96", "-mcpu=haswell,x86-64-v4")
    packed("loss", v2, "v2", "--outputs=logits,loss", "--problem-type=multi_label_classification", "--dim", "batch_size=3", "-O0")


def test_graphs():
    for name in ("digits", "retrained"):
        run(CNXC, "compile", DIGITS if name == "digits" else name, "-o", f"{name}.onnx")
    packed("onnx", "digits.onnx", "retrained.onnx")
    # Names do not count: a checkpoint that calls its tensors otherwise.
    shutil.copytree("retrained", "bare")
    data = bytes_of("bare/model.safetensors")
    length = struct.unpack("<Q", data[:8])[0]
    names = data[8:8 + length].replace(b'"convnext.', b'"')
    with open("bare/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(names)) + names + data[8 + length:])
    for model in ("bare", "retrained.onnx"):
        run(CNXC, "weights", model, "--for=f32-0/model", "-o", "names.w")
        assert bytes_of("names.w") == bytes_of("f32.w"), model
    # Numbers that become code: a scalar of the graph.
    text = 'agraph (float[N,4] x) => (float[N,4] y) <float[4,4] w = {%s}, float s = {%s}> { z = MatMul(x, w)  y = Mul(z, s) }'
    for name, weights, scalar in (("s1", 1, 2), ("s2", 3, 2), ("s3", 1, 5)):
        numbers = ",".join(str(weights + i) for i in range(16))
        with open(f"{name}.onnxtxt", "w") as file:
            file.write('<ir_version: 9, opset_import: ["" : 20]>\n' + text % (numbers, scalar))
    old, _ = packed("scalar", "s1.onnxtxt", "s2.onnxtxt")
    refused(r"the code of 'y' would be another one, as numbers of a checkpoint become part of it", "s3.onnxtxt", f"--for={old}")


def test_other_graphs():
    program, config = "--for=f32-0/model", json.load(open(f"{DIGITS}/config.json"))
    depths, widths = config["depths"], config["hidden_sizes"]
    deeper = made_up(DIGITS, "deeper", {"depths": [depths[0] + 1, *depths[1:]]})
    refused(r"the program's graph has no tensor '\S*layers\.%d\.\S+'.*; \d+ more tensors differ" % depths[0], deeper, program)
    shallower = made_up(DIGITS, "shallower", {"depths": [depths[0] - 1, *depths[1:]]}) if depths[0] > 1 else None
    if shallower:
        refused(r"its graph has no tensor|the program's graph has no tensor", shallower, program)
    wider = made_up(DIGITS, "wider", {"hidden_sizes": [*widths[:-1], 2 * widths[-1]]})
    refused(r"'\S+' is \d+x\S+ in the program's graph and \d+x\S+ here", wider, program)
    labels = {str(i): f"label {i}" for i in range(12)}
    more = made_up(DIGITS, "more", {"id2label": labels, "label2id": {v: int(k) for k, v in labels.items()}})
    refused(r"'classifier\.weight' is 10x\d+ in the program's graph and 12x\d+ here; 1 more tensors? differ", more, program)
    refused(r"is 24x3x2x2 in the program's graph and \d+x3x4x4 here; \d+ more tensors differ", f"{GOLDENS}/cls_relu", program)


def test_the_rest():
    """What no tensor shows: other labels, pictures, scores; a scale of all ones, which is left out of the code."""
    program, names = "--for=f32-0/model", json.load(open(f"{DIGITS}/config.json"))["id2label"]
    other = made_up(DIGITS, "labels", {"id2label": names | {"3": "drei"}})
    refused("label 3 is 'three' in the program and 'drei' here; compile it anew", other, program)
    sigmoid = made_up(DIGITS, "sigmoid", {"problem_type": "multi_label_classification"})
    refused(r"scores are a softmax in the program and sigmoids here \(problem_type\)", sigmoid, program)
    pictures = made_up(DIGITS, "pictures")
    with open("pictures/preprocessor_config.json") as file:
        settings = json.load(file)
    with open("pictures/preprocessor_config.json", "w") as file:
        json.dump(settings | {"image_std": [0.25, 0.25, 0.25]}, file)
    refused(r"settings of pictures: std is \[.*\] in the program and \[0\.25, 0\.25, 0\.25\] here", pictures, program)
    os.unlink("pictures/preprocessor_config.json")  # a training run's folder: the program has its settings
    run(CNXC, "weights", "pictures", program, "-o", "pictures.w")
    refused(r"settings of pictures: ", "pictures", program, "--processor=" + settings_file(settings | {"resample": 0}))
    sized = compile(DIGITS, "sized/model", "--image-size=32")  # a checkpoint alone says nothing of sizes, pictures and labels
    run(CNXC, "weights", "retrained/model.safetensors", f"--for={sized}", "-o", "alone.w")
    assert bytes_of("alone.w") == bytes_of("f32.w")
    fresh = made_up(DIGITS, "fresh", fill=lambda name, shape: np.ones(shape) if "norm" in name and name.endswith("weight") else None)
    refused(r"the code of '\S+' would be another one", fresh, program)


def settings_file(settings):
    with open("settings.json", "w") as file:
        json.dump(settings, file)
    return "settings.json"


def test_files():
    """Programs, and weights files, that are none."""
    refused("has its weights inside; compiled with --weights=FILE it takes others", DIGITS, f"--for={embedded()}")
    for path in (CNXC, f"{DIGITS}/config.json", "/dev/null", "f32.w"):
        refused("is no program or library that cnxc compiled|device|expected a file", DIGITS, f"--for={path}")
    refused("cannot open nowhere", DIGITS, "--for=nowhere", code=4)
    program = bytes_of("f32-0/model")
    at = program.index(b"CNXCREC\0")
    for name, damaged in {"cut": program[:at + 100], "flipped": program[:at + 50] + bytes([program[at + 50] ^ 1]) + program[at + 51:]}.items():
        with open(name, "wb") as file:
            file.write(damaged)
        refused("is no program or library that cnxc compiled", DIGITS, f"--for={name}")
    with open("two", "wb") as file:
        file.write(program + bytes_of("v2-0/model"))
    refused("holds 2 models", DIGITS, "--for=two")
    run("strip", "-o", "stripped", "f32-0/model")
    run(CNXC, "weights", "retrained", "--for=stripped", "-o", "stripped.w")
    assert bytes_of("stripped.w") == bytes_of("f32.w")
    for words, message in (([], "--for=PROGRAM"), (["--for=two"], "-o FILE"), (["--for=two", "-o", "-"], "need a file"),
                           (["--for=two", "-o", "x", "--precision=bf16"], "'--precision' does not belong to"),
                           (["--for=f32-0/model", "-o", "x", "--calibrate=."], "compiled without --calibrate")):
        assert message in run(CNXC, "weights", DIGITS, *words, code=2).stderr, words
    run(CNXC, "weights", DIGITS, "--for=f32-0/model", "-o", "f32-0/model", code=4)
    run(CNXC, "weights", "retrained", "--for=f32-0/model", "-o", "retrained/model.safetensors", code=4)
    assert program == bytes_of("f32-0/model")


def test_runtime():
    """What a program says of a file that is not for it."""
    good = bytes_of("f32.w")
    for name, data, message in (("short", good[:-1], "not a weights file, or cut short"), ("foreign", bytes_of("retrained/config.json"), "not a weights file"),
                                ("bit", good[:-1] + bytes([good[-1] ^ 1]), "their checksum is wrong"),
                                ("hash", good[:32] + bytes([good[32] ^ 1]) + good[33:], "their checksum is wrong"),
                                ("bf16", bytes_of("bf16.w"), "belong to another model, precision or packing; 'cnxc weights MODEL --for=model -o FILE'")):
        with open("bad.w", "wb") as file:
            file.write(data)
        said = run("f32-0/model", "--weights", "bad.w", "--selftest", code=1).stderr
        assert said.startswith("bad.w: error: ") and message in said, said
        if name not in ("bit", "hash"):
            assert message.split(";")[0] in run("f32-0/model", "--weights", "bad.w", "--info").stdout


def forge(change):
    """A program whose record is another one, with its hash."""
    program = bytes_of("f32-0/model")
    at = program.index(b"CNXCREC\0")
    info, recipe, _ = struct.unpack("<3Q", program[at + 8:at + 32])
    record = [json.loads(part) for part in program[at + 32:at + 32 + info + recipe].split(b"\0")[:2]]
    change(*record)
    parts = [json.dumps(part).encode() + b"\0" for part in record]
    digest = int(subprocess.run(["./hash"], input=b"".join(parts), capture_output=True, check=True).stdout)
    with open("forged", "wb") as file:
        file.write(b"CNXCREC\0" + struct.pack("<3Q", *map(len, parts), digest) + b"".join(parts))


def test_records():
    """A program of another version, and records that nobody wrote: followed as far as the command line could have said the same."""
    with open("hash.c", "w") as file:
        file.write("#define XXH_INLINE_ALL\n#include <stdio.h>\n#include <xxhash.h>\nstatic char all[1 << 24];\n"
                   'int main(void) { printf("%llu", (unsigned long long)XXH3_64bits(all, fread(all, 1, sizeof all, stdin))); }\n')
    run("cc", "-O1", "hash.c", "-o", "hash")
    forge(lambda info, recipe: None)
    run(CNXC, "weights", "retrained", "--for=forged", "-o", "forged.w")
    assert bytes_of("forged.w") == bytes_of("f32.w")
    forge(lambda info, recipe: info.update(version="9.9"))
    refused(r"was compiled by cnxc 9\.9, which must pack its weights, too; this is cnxc", DIGITS, "--for=forged", code=3)
    for change, code, message in (({"options": ["-o=evil"]}, 1, "says that it was compiled with '-o=evil', which can't be"),
                                  ({"options": ["--precision"]}, 1, "'--precision', which can't be"),
                                  ({"options": ["--precision=f31"]}, 2, "--precision does not take 'f31'"),
                                  ({"options": ["--image-size=0"]}, 2, "--image-size takes N or HxW"),
                                  ({"cpus": ["none"]}, 1, "of the CPUs it was compiled for is damaged"),
                                  ({"cpus": ["<cpu>"]}, 1, "of the CPUs it was compiled for is damaged"),
                                  ({"cpus": [7]}, 1, "of the CPUs it was compiled for is damaged"),
                                  ({"cpus": ["aarch64"]}, 1, "of the CPUs it was compiled for is damaged"),
                                  ({"cpus": []}, 1, "of the CPUs it was compiled for is damaged"),
                                  ({"code": ["0"], "phases": 7, "tensors": [7]}, 1, "the program's graph has no tensor"),
                                  ({"code": [], "phases": []}, 1, "would be another one"),
                                  ({"limits": [[[0, 1, 1, 1, 1, 0, 32, 1]] * 3 + [[-5] * 8, [], 7]]}, 1, "would be another one|packing"),
                                  ({"scores": 99}, 1, "scores are others"), ({"pictures": []}, 1, "settings of pictures")):
        forge(lambda info, recipe: recipe.update(change))
        refused(message, DIGITS, "--for=forged", code=code)
    assert not os.path.exists("evil")


def embedded():
    run(CNXC, "compile", DIGITS, "-o", "embedded")
    return "embedded"


np.save("x.npy", np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype("f4"))
for test in (test_digits, test_library, test_options, test_graphs, test_other_graphs, test_the_rest, test_files, test_runtime, test_records):
    test()
