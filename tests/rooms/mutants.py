# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every mutant of tests/mutations finds its place in the source, which it would else lose until the night.
# RUN: %python %s %root
import os
import sys

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tests", "mutations"))
import mutants

lost = 0
for mutant in mutants.MUTANTS:
    with open(os.path.join(ROOT, mutant.file), encoding="utf-8") as f:
        if f.read().count(mutant.old) != 1:
            print(f"{mutant.name}: its text does not occur once in {mutant.file}")
            lost += 1
assert mutants.MUTANTS and not lost
