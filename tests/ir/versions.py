# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s
"""ir/ops.def beside ONNX's own schemas, from opset 7 on: a row names every version that is in force in one of these opsets, has
a place for each of its inputs and outputs, and knows its attributes by name and type."""
import os
import re
import sys

from onnx import defs

OLDEST = 7
KINDS = {"FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph", "FLOATS": "floats", "INTS": "ints",
         "STRINGS": "strings"}
# Values that are not computed with, and what a training mode alone has.
LEFT_OUT = {("Constant", "sparse_value")}

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ir", "ops.def"), encoding="utf-8") as file:
    text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
text = re.sub(r'"\n *"', "", text)  # one string in two lines


def rows():
    """Name, versions, inputs, outputs and attributes of each operator of ONNX's domain."""
    string = r'"((?:[^"\\]|\\.)*)"'
    for kind, name, domain, versions, rest in re.findall(r'^(\w+)\((\w+),(?: "([\w.]*)",(?: \w+,)?)? V\(([\d, ]+)\),((?:.|\n)*?)\)$', text, re.M):
        words = re.findall(string, rest)
        if not domain:
            attributes = words[2] if kind not in ("MAP", "FUNCTION") else ""
            yield name, [int(v) for v in versions.split(",")], words[0].split(), words[1].split(), dict(a.split(":", 1) for a in attributes.split())


def in_force(name):
    """Its schemas, by version, that some opset from the oldest on has."""
    schemas = sorted((s for s in defs.get_all_schemas_with_history() if s.domain == "" and s.name == name), key=lambda s: s.since_version)
    last = max((s.since_version for s in schemas if s.since_version <= OLDEST), default=0)
    return [s for s in schemas if s.since_version >= last]


def most(words):
    return sys.maxsize if words and words[-1].endswith("...") else len(words)


def problems(name, versions, inputs, outputs, attributes):
    schemas = in_force(name)
    if [s.since_version for s in schemas] != versions:
        yield f"versions {versions}, onnx has {[s.since_version for s in schemas]}"
    for s in schemas:
        if s.max_input > most(inputs) or s.max_output > most(outputs):
            yield f"{s.max_input} inputs and {s.max_output} outputs in version {s.since_version}"
        for a in s.attributes.values():
            kind = attributes.get(a.name, "none").split("=")[0].rstrip("!")
            if (name, a.name) not in LEFT_OUT and kind != KINDS.get(a.type.name):
                yield f"attribute {a.name} is {a.type.name} in version {s.since_version}, here {kind}"


found = list(rows())
failed = [f"{row[0]}: {problem}" for row in found for problem in problems(*row)]
print(*failed, f"{len(found)} rows, {len(failed)} differ from onnx's", sep="\n")
sys.exit(bool(failed or len(found) < 100))
