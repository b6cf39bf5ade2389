# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the examples of a page: console.py PAGE FOLDER. Every ```console block is a session in FOLDER.

    $ ./digits -k 1 seven.png
    seven.png	seven	0.91…

A line that begins with "$ " is a command; what follows it is all that it may print, on either stream, where … stands
for anything (alone on a line: for any lines, or none). A command must end with exit code 0.
"""
import re
import subprocess
import sys


def sessions(text):
    """(line number, command, expected output) of each command."""
    command = None
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            if command:
                yield command
            command, inside = None, line == "```console"
        elif inside and line.startswith("$ "):
            if command:
                yield command
            command = [number, line[2:], ""]
        elif inside:
            command[2] += line + "\n"


def pattern(expected):
    lines = ["(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in expected.splitlines()]
    return re.compile("".join(lines))


def main(page, folder):
    count = 0
    with open(page, encoding="utf-8") as f:
        text = f.read()
    for number, command, expected in sessions(text):
        result = subprocess.run(["bash", "-c", command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        count += 1
        if result.returncode or not pattern(expected).fullmatch(result.stdout):
            sys.exit(f"{page}:{number}: $ {command}\nexit code {result.returncode}\nprinted:\n{result.stdout}expected:\n{expected}")
    print(f"{count} commands")
    if count == 0:
        sys.exit(f"{page}: no examples")


main(*sys.argv[1:])
