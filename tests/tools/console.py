# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the commands of a page: console.py PAGE FOLDER [PRELUDE.c]. All run in FOLDER, one after the other.

A block of ```console is a session:

    $ ./digits -k 1 seven.png
    seven.png	seven	0.91…

A line that begins with "$ " is a command; what follows it is all that it may print, on either stream, where … stands
for anything (alone on a line: for any lines, or none). In a block of ```sh each line is a command, whatever it prints, and what ```c
says is compiled as part of a function, behind PRELUDE.c. Every command must end with exit code 0.

A comment on the line above a block says where else it is run, or why it is not (tests/docs/blocks.py), or "needs PROGRAM".
"""
import re
import shutil
import subprocess
import sys

BLOCK = re.compile(r"^(?:<!-- (.*?) -->\n)?```(\w*)\n(.*?)^```$", re.M | re.S)


def blocks(text):
    """(line number, what the comment says, language, content) of each block."""
    for match in BLOCK.finditer(text):
        yield text.count("\n", 0, match.start(2)) + 1, match[1] or "", match[2], match[3]


def is_left_out(comment):
    return comment.startswith(("run by ", "not run: ")) or comment.startswith("needs ") and not shutil.which(comment.split()[1])


def session(number, content):
    """[line number, command, expected output] of each command."""
    commands = []
    for line in content.splitlines():
        number += 1
        if line.startswith("$ "):
            commands.append([number, line[2:], ""])
        elif commands:
            commands[-1][2] += line + "\n"
    return commands


def script(number, content):
    return [[number + 1 + i, line, "…"] for i, line in enumerate(content.splitlines()) if line]


def program(number, content, prelude):
    source = f"#include \"{prelude}\"\nint example(void)\n{{\n{content}return 0;\n}}\n"
    return [[number, f"cc -Werror -fsyntax-only -I. -xc - <<'END'\n{source}END", "…"]]


def commands(text, prelude):
    for number, comment, language, content in blocks(text):
        if is_left_out(comment):
            continue
        if language == "console":
            yield from session(number, content)
        elif language == "sh":
            yield from script(number, content)
        elif language == "c" and prelude:
            yield from program(number, content, prelude)


def pattern(expected):
    lines = ["(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in expected.splitlines()]
    return re.compile("".join(lines))


def main(page, folder, prelude=None):
    count = 0
    with open(page, encoding="utf-8") as f:
        text = f.read()
    for number, command, expected in commands(text, prelude):
        result = subprocess.run(["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        count += 1
        if result.returncode or expected != "…" and not pattern(expected).fullmatch(result.stdout):
            sys.exit(f"{page}:{number}: $ {command}\nexit code {result.returncode}\nprinted:\n{result.stdout}expected:\n{expected}")
    print(f"{count} commands")
    if count == 0:
        sys.exit(f"{page}: no examples")


if __name__ == "__main__":
    main(*sys.argv[1:])
