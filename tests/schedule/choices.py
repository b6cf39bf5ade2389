# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: %python %s %bin/cnxc %root/models/digits %t
"""Whatever a profile chooses for a shape, the answers stay right, and the program is another one.

cnxc tune names the shapes; random values of every knob take the place of what it found.
"""
import os
import random
import re
import subprocess
import sys

CNXC, MODEL, FOLDER = sys.argv[1:4]
os.makedirs(FOLDER, exist_ok=True)
PROFILE = os.path.join(FOLDER, "p.xml")


def cnxc(*words):
    run = subprocess.run([CNXC, *words], capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"failed: {words}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.stdout


def random_choice(random, op, shape, lanes, registers):
    dims = [int(d) for d in shape.split("x")]
    vectors = random.randint(1, 4)
    most = registers // 2 if vectors == 1 else (registers - 2 * vectors - 4) // vectors  # fits for either precision
    choice = {"tile": f"{random.randint(1, most)}x{vectors * lanes}", "prefetch": random.randint(0, 3)}
    if op.startswith("block"):
        choice |= {"row-block": random.randint(1, dims[1]), "hidden-chunk": dims[4] // random.choice([1, 2, 3, 4, 6])}
    else:
        choice |= {"row-block": random.randint(1, dims[0]), "thread-split": random.randint(1, 20)}
    kept = [k for k in choice if random.random() < 0.7]
    return f'<choice op="{op}" shape="{shape}" ' + " ".join(f'{k}="{choice[k]}"' for k in kept) + "/>"


for precision in ("f32", "bf16"):
    if os.path.exists(PROFILE):
        os.remove(PROFILE)
    cnxc("tune", MODEL, "-o", PROFILE, "--budget=1s", "--threads=1", f"--precision={precision}")
    with open(PROFILE) as f:
        text = f.read()
    shapes = re.findall(r'<choice op="([a-z0-9-]+)" shape="([0-9x]+)"', text)
    ops = {op for op, _ in shapes}
    assert (precision == "bf16") == any(op.endswith("-bf16") for op in ops), ops  # few channels stay in f32
    assert any(op.startswith("block") for op in ops) and any(op.startswith("gemm") for op in ops), text
    lanes, registers = (int(n) for n in re.search(r'<vectors bytes="(\d+)" registers="(\d+)"', text).groups())
    plain = cnxc("compile", MODEL, f"--precision={precision}", "--emit=tile", "-o", "-")
    seen = set()
    for seed in range(8):
        r = random.Random(seed)
        choices = "\n".join(random_choice(r, op, shape, lanes // 4, registers) for op, shape in shapes)
        with open(PROFILE, "w") as f:
            f.write(re.sub(r"<schedule>.*</schedule>", f"<schedule>{choices}</schedule>", text, flags=re.S))
        cnxc("verify", MODEL, f"-mcpu={PROFILE}", f"--precision={precision}")
        seen.add(cnxc("compile", MODEL, f"-mcpu={PROFILE}", f"--precision={precision}", "--emit=tile", "-o", "-"))
    assert len(seen) == 8 and plain not in seen, f"{len(seen)} different programs"
