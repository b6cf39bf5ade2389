# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# RUN: rm -rf %t && mkdir %t && %cnxc compile %root/models/digits -o %t/digits && %python %s %t %root/models/digits/test
"""A program on a stream of pictures: each answer comes before the next picture is there, in order; SIGTERM leaves whole lines and
a .npy of whole rows; memory does not grow with the number of pictures."""
import glob
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import numpy as np

FOLDER, PICTURES = sys.argv[1:]
PROGRAM = os.path.join(FOLDER, "digits")
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # a caller may have them ignored, which programs inherit and keep to
signal.signal(signal.SIGINT, signal.default_int_handler)
paths = sorted(glob.glob(f"{PICTURES}/*/*.png"))
broken = os.path.join(FOLDER, "broken.png")
with open(broken, "wb") as f:
    f.write(b"\x89PNG\r\n\x1a\n")


def start(*options, stdout=subprocess.PIPE):
    return subprocess.Popen([PROGRAM, "--files-from=-", "--jsonl", *options], cwd=FOLDER, stdin=subprocess.PIPE, stdout=stdout,
                            stderr=subprocess.PIPE, text=True)


def give(program, path):
    program.stdin.write(path + "\n")
    program.stdin.flush()


def answer(program):
    assert select.select([program.stdout], [], [], 30)[0], "no answer"
    return json.loads(program.stdout.readline())


# One by one, on one thread and on more: nothing waits for what comes later.
for threads in ("1", "3"):
    program = start("--threads", threads, "-k", "1")
    for path in [*paths[:5], broken, *paths[5:8]]:
        give(program, path)
        said = answer(program)
        assert said["path"] == path and ("error" in said) == (path == broken), said
    program.stdin.close()
    assert program.wait() == 1 and program.stdout.read() == ""

# Many at a time keep their order, and each has its row.
many = [broken if i % 10 == 3 else paths[i % len(paths)] for i in range(400)]
program = start("--threads", "4", "-k", "1", "--output", "logits=many.npy")
said, _ = program.communicate("\n".join(many))
lines = [json.loads(line) for line in said.splitlines()]
rows = np.load(f"{FOLDER}/many.npy")
assert [line["path"] for line in lines] == many
assert [line["path"] for line in lines if "error" in line] == [broken] * 40
assert rows.shape == (400, 10) and (np.isnan(rows).any(1) == [path == broken for path in many]).all()
names = subprocess.run([PROGRAM, "--info", "--json"], capture_output=True, text=True).stdout
labels = json.loads(names)["labels"]
assert all(labels[row.argmax()] == line["predictions"][0]["label"] for row, line in zip(rows, lines) if "error" not in line)
with open(f"{FOLDER}/many.npy.paths.txt") as f:
    assert f.read().splitlines() == many

# A signal ends it after what it has begun; a second one at once. Files that are there hold what was answered, or are not there.
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    said = f"{FOLDER}/said.jsonl"
    with open(said, "w") as file:
        program = start("--threads", "2", "--output", "logits=cut.npy", stdout=file)
    for path in paths[:20]:
        give(program, path)
    while not os.path.getsize(said):
        time.sleep(0.001)
    program.send_signal(number)
    _, errors = program.communicate(timeout=30)
    assert program.returncode == -number, (program.returncode, errors)
    with open(said) as file:
        lines = [json.loads(line) for line in file]
    assert lines and [line["path"] for line in lines] == paths[:len(lines)]
    rows = np.load(f"{FOLDER}/cut.npy")
    assert rows.shape == (len(lines), 10) and not np.isnan(rows).any()
    os.unlink(f"{FOLDER}/cut.npy")
    os.unlink(f"{FOLDER}/cut.npy.paths.txt")
assert not [name for name in os.listdir(FOLDER) if name.startswith("cut") or name.endswith(".tmp")]

# A list of JSON that is cut by a signal is one.
program = subprocess.Popen([PROGRAM, "--files-from=-", "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
give(program, paths[0])
assert select.select([program.stdout], [], [], 30)[0]
program.terminate()
assert len(json.loads(program.communicate(timeout=30)[0])) == 1


# Memory, of few and of many.
def peak(n):
    with open(f"{FOLDER}/list.txt", "w") as f:
        f.write("\n".join(paths[i % len(paths)] for i in range(n)))
    program = subprocess.Popen([PROGRAM, "--files-from=list.txt", "--csv", "--output", "logits=peak.npy"], cwd=FOLDER, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(program.pid, 0)
    assert status == 0
    return usage.ru_maxrss


few, lot = peak(100), peak(4000)
assert lot < few + 1024, (few, lot)  # KB

# On a terminal a line says how far it is, and goes away. Who counts reads no line that is to be answered, whatever a file is called.
open(f"{FOLDER}/-", "w").close()
controller, terminal = pty.openpty()
program = subprocess.Popen([PROGRAM, "--files-from=-", "-k", "1"], cwd=FOLDER, env=dict(os.environ, TERM="xterm"), stdin=subprocess.PIPE,
                           stdout=subprocess.DEVNULL, stderr=terminal, text=True)
os.close(terminal)
give(program, paths[0])
time.sleep(1.5)
give(program, paths[1])
shown = os.read(controller, 4096).decode()
assert shown.startswith("\r2 pictures, ") and " a second" in shown, shown
program.communicate()
shown = os.read(controller, 4096).decode()
assert program.returncode == 0 and shown.endswith("\r") and not shown.split("\r")[-2].strip() and "\x1b" not in shown, shown
