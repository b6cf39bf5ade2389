# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# What a terminal gets: help of its width, a line of progress with the time left that is taken away again, colours; with NO_COLOR and
# with TERM=dumb no escape sequence, of cnxc and of programs; without a terminal neither line nor colour.
# RUN: rm -rf %t && mkdir -p %t
# RUN: %cnxc compile %root/models/digits -o %t/digits
# RUN: %python %s %cnxc %root %t
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

CNXC, ROOT, FOLDER = (os.path.abspath(path) for path in sys.argv[1:])
DIGITS, MODEL = f"{FOLDER}/digits", f"{ROOT}/models/digits"


# What words write to a terminal of so many columns.
def seen(words, columns=80, **env):
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_PRELOAD") if name in os.environ}
        os.execvpe(words[0], words, {**kept, "TERM": "xterm", **env})
    got = b""
    try:
        while part := os.read(terminal, 65536):
            got += part
    except OSError: # the other end is closed
        pass
    os.waitpid(pid, 0)
    return got.decode().replace("\r\n", "\n")


# What is left on the screen: each line as the last \r left it.
def left(text):
    lines = []
    for line in text.split("\n"):
        row = []
        for part in line.split("\r"):
            row[: len(part)] = part
        lines.append("".join(row).rstrip())
    return lines


for columns in (60, 80, 132):
    for words in ([CNXC, "--help"], [CNXC, "bench", "--help"], [CNXC, "help", "run"], [DIGITS, "--help"]):
        lines = seen(words, columns).split("\n")
        long = [line for line in lines if len(line) > columns]
        assert not long or columns < 80 and all("cnxc" in line or "digits" in line for line in long), (columns, long) # commands don't break
        assert max(map(len, lines)) > columns * 0.8 or columns > 120, (columns, "not used")
piped = subprocess.run([CNXC, "bench", "--help"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}).stdout
assert max(map(len, piped.split("\n"))) <= 100 and piped == subprocess.run([CNXC, "help", "bench"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}).stdout
assert max(map(len, subprocess.run([CNXC, "--help"], capture_output=True, text=True, env={"COLUMNS": "70"}).stdout.split("\n"))) <= 70
assert len(seen([CNXC, "--help"]).split("\n")) <= 40

work = [CNXC, "bench", DIGITS, DIGITS, "--rounds=6", "--threads=1"]
plain = seen(work, NO_COLOR="1")
assert "\rcnxc: bench: round " in plain and " left" in plain, plain
assert "\x1b" not in plain, plain
assert left(plain)[0].startswith("A ") and "cnxc: bench" not in "\n".join(left(plain)), left(plain)
for text, columns in ((plain, 80), (seen(work, 40, NO_COLOR="1"), 40)):
    parts = [part for part in text.split("\r") if part.startswith("cnxc: ")]
    assert parts and all(len(part) < columns for part in parts), parts
dumb = seen(work, TERM="dumb")
assert "\r" not in dumb and "\x1b" not in dumb and "A " in dumb, dumb
quiet = subprocess.run(work, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "TERM": "xterm"})
assert not quiet.stderr and "\r" not in quiet.stdout, quiet

shell = ["sh", "-c", f"exec {DIGITS} $(for i in $(seq 80); do echo {MODEL}/test; done) --threads=1 -k 1 --jsonl > {FOLDER}/answers"]
many = seen(shell, NO_COLOR="1")
assert "\x1b" not in many and " of 4000 pictures, " in many and " left" in many and not left(many)[0], many
assert seen(shell, TERM="dumb") == "", "dumb"

for words in ([CNXC, "compile", f"{FOLDER}/none"], [DIGITS, f"{FOLDER}/none.png"], [CNXC, "nonsense"]):
    assert "\x1b[" in seen(words), words
    assert "\x1b" not in seen(words, NO_COLOR="1") + seen(words, TERM="dumb"), words
assert "\x1b[" in seen([CNXC, "nonsense", "--color=always"], TERM="dumb"), "asked for"
print("ok")
