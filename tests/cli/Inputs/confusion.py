# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks eval's answer and table where the folders "one" and "three" have changed names and one picture can't be read."""
import csv
import json
import sys

with open(sys.argv[1]) as f:
    answer = json.load(f)
with open(sys.argv[2], newline="") as f:
    header, *rows = list(csv.reader(f))
names = "zero one two three four five six seven eight nine".split()
assert header == ["label", *names] and [row[0] for row in rows] == names, header
for name, row in zip(names, rows):
    answered = {"one": "three", "three": "one"}.get(name, name)
    assert row[1:] == ["5" if other == answered else "0" for other in names], row
for program in (answer, answer["against"]):
    assert program["top1_right"] == 40 and program["pictures"] == 51 and program["unreadable"] == 1, program
assert answer["agreed"] == 50 and answer["agreement"] == 1, answer
