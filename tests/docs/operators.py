# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# docs/not-supported.md lists the operators of ONNX's node tests (tests/node_tests) that docs/ops.md has not, and no others.
# RUN: %python %s %root
import os
import re
import sys

ROOT = sys.argv[1]


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


there = set(re.findall(r"^\| `(\w+)`", read("docs/ops.md"), re.M))
outcomes = {row[0]: int(row[1]) for row in (line.split("\t") for line in read("tests/node_tests/outcomes.tsv").splitlines()) if row[0][0] != "#"}
absent = sorted(name for name in outcomes if name not in there)
values = sorted(name for name, right in outcomes.items() if not right and name in there)
section = read("docs/not-supported.md").partition("## Operators")[2]
paragraphs = {key: re.findall(r"`(\w+)`", text) for key, text in re.findall(r"\*\*(\w+)[^*]*\*\*(.*?)(?:\n\n|\Z)", section, re.S)}
assert len(absent) > 40 and all(not outcomes[name] for name in absent)
for key, names in ("Absent", absent), ("Partly", values):
    assert paragraphs.get(key) == names, f"docs/not-supported.md, {key}: it must list\n" + ", ".join(f"`{name}`" for name in names)
