# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir %t && %python %s %cnxc %t
"""Whatever labels, names and paths hold: nothing that a terminal obeys is printed, and JSON gives the names back."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bad_inputs"))
from onnx_files import graph, integer, message, model, node, value_info

CNXC, FOLDER = sys.argv[1:]
EVERY = "".join(map(chr, [*range(1, 32), 92, 127, *range(128, 160)]))  # C0 (a NUL cannot be), backslash, DEL, C1
ESCAPED = "".join({9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}.get(ord(c)) or "".join(f"\\x{b:02x}" for b in c.encode()) for c in EVERY)
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
PROFILE = '<?xml version="1.0" encoding="UTF-8"?>\n<profile name="mine" extends="x86-64-v3"><summary>a\x7f\x9b\\b</summary></profile>\n'
INPUT, MIDDLE, OUTPUT = "x" + EVERY, "m" + EVERY, "y" + EVERY


def run(*command, code=0):
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, env={**os.environ, "XDG_CACHE_HOME": FOLDER + "/cache"})
    out, error = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, (command, done.returncode, error)
    said = OBEYED.search(out + error)
    assert not said, (command, said)
    return out, error


def write(name, contents):
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(contents)
    return name


def prop(key, text):
    return message(14, message(1, key) + message(2, text))


nodes = message(1, node("Softmax", [INPUT], [MIDDLE])) + message(1, node("Add", [MIDDLE, MIDDLE], [OUTPUT]))
tail = prop("cnxc.labels", json.dumps([EVERY, "b", "c"])) + prop("cnxc.task", "t" + EVERY)
good = model(nodes + message(2, "g") + message(11, value_info(INPUT, [1, 3])) + message(12, value_info(OUTPUT, [1, 3]))) + tail
bad = model(message(1, node("Add", [INPUT, "nothing" + EVERY], [OUTPUT])) + message(2, "g") + message(11, value_info(INPUT, [1, 3]))
            + message(12, value_info(OUTPUT, [1, 3])))
NAME = "\x1b]0;\x9b\\.onnx"
write(NAME, good)
write("bad.onnx", bad)
write("mine.xml", PROFILE.encode())
write("line.onnxtxt", 'g\\ \x1b[31m\té\x9b"a" ?\n'.encode())

# For people.
assert "\\x1b]0;\\xc2\\x9b\\\\.onnx: ok" in run(CNXC, "check", NAME)[0]
for options in ([], ["-O0"]):
    assert all(name + ESCAPED in run(CNXC, "info", NAME, *options)[0] for name in "xy")
assert " 3: " + ESCAPED in run(CNXC, "info", NAME)[0]
assert "y" + ESCAPED in run(CNXC, "verify", NAME)[0]
assert "y" + ESCAPED in run(CNXC, "bench", NAME, "--per-op")[0]
assert "y" + ESCAPED in run(CNXC, "compile", NAME, "--emit=tile", "-o", "-")[0]
run(CNXC, "compile", NAME, "--emit=dot", "-o", "-")
run(CNXC, "compile", NAME, "-o", "model", "-v")
assert ESCAPED in run("./model", "--info")[0]
assert "a\\x7f\\xc2\\x9b\\\\b" in run(CNXC, "targets", "-mcpu=mine.xml")[0]
assert "nothing" + ESCAPED in run(CNXC, "check", "bad.onnx", code=1)[1]
assert ESCAPED in run(CNXC, "check", EVERY, code=4)[1]
assert "unknown option '-\\x1b'" in run(CNXC, "check", "-\x1b", code=2)[1]

# A line of the source stays as it is but for them, and the mark stands below its place.
said = run(CNXC, "check", "line.onnxtxt", code=1)[1].split("\n")
assert said[1] == '   g\\ \\x1b[31m\té\\xc2\\x9b"a" ?', said
assert said[2].replace("\t", " ").index("^") == said[1].index("\\ "), said

# As JSON.
info = json.loads(run(CNXC, "info", NAME, "--json")[0])
assert info["model"] == NAME and info["inputs"][0]["name"] == INPUT and info["task"] == "t" + EVERY
assert json.loads(run("./model", "--info", "--json")[0])["labels"][0] == EVERY
assert json.loads(run(CNXC, "targets", "-mcpu=mine.xml", "--json")[0])["cpus"][0]["summary"] == "a\x7f\x9b\\b"
assert "nothing" + EVERY in json.loads(run(CNXC, "check", "bad.onnx", "--diagnostics=json", code=1)[1].split("\n")[0])["message"]

# Text for people has nothing that turns the order of what follows; in JSON it is a string's own matter.
TURNING = "".join(map(chr, [*range(0x202a, 0x202f), *range(0x2066, 0x206a)]))
assert "".join(f"\\x{b:02x}" for b in f"a{TURNING}b".encode()[1:-1]) in run(CNXC, "check", f"a{TURNING}b", code=4)[1]
assert "a\u200fb" in run(CNXC, "check", "a\u200fb", code=4)[1]  # a mark of direction alone turns nothing
