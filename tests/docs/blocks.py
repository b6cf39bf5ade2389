# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every block of commands or code in a document is run: by a test of tests/pages that names it, or by another that a comment
# above the block names, with words that are in it; or the comment says why not.
#
#   <!-- run by tests/systems/debian_root.sh: ./demo ./check -->
#   <!-- not run: hours, on a machine with nothing else to do -->
# RUN: %python %s %root
import glob
import os
import re
import subprocess
import sys

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tests/tools"))
from console import blocks  # noqa: E402

COMMAND = re.compile(r"(\$ )?(cnxc|\./\w|build/|cmake|ctest|pip|python3?|apt-get|dpkg|cc|unzip) ")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


RUNNERS = {path: read(path) for path in [*glob.glob("tests/pages/*.test", root_dir=ROOT), "tests/python/test_docs.py"]}


def is_run_here(page, language):
    """Whether console.py or test_docs.py is given the page."""
    tool = {"console": "console.py", "sh": "console.py", "c": "prelude.h", "python": "exec("}.get(language)
    return tool and any(tool in text and re.search(rf"root}}?/{re.escape(page)}\b", text) for text in RUNNERS.values())


def mistake(page, comment, language, content):
    """What is wrong with a block; None: nothing."""
    if not language:
        return "does not say what it is: ```text holds no commands"
    if language == "text":
        found = [line for line in content.splitlines() if COMMAND.match(line)]
        return f"is text, but '{found[0]}' looks like a command" if found else None
    if comment.startswith("run by "):
        path, _, words = comment[len("run by "):].partition(": ")
        there = os.path.exists(os.path.join(ROOT, path)) and words and words in read(path)
        return None if there else f"is not run by {path}, which lacks '{words}'"
    if comment.startswith("not run: "):
        return None if len(comment) > 20 else "gives no reason"
    return None if is_run_here(page, language) else "is run by no test of tests/pages, and no comment says why"


documents = subprocess.run(["git", "-C", ROOT, "ls-files", "*.md"], check=True, capture_output=True, text=True).stdout.split()
seen, wrong = 0, []
for document in documents:
    for number, comment, language, content in blocks(read(document)):
        seen += 1
        problem = mistake(document, comment, language, content)
        if problem:
            wrong.append(f"{document}:{number}: a block {problem}")
    if read(document).count("\n```") % 2:
        wrong.append(f"{document}: a block is not closed")
# What must be found.
assert mistake("README.md", "", "sh", "cnxc\n") is None and mistake("README.md", "", "", "x\n") and mistake("README.md", "", "cmake", "x\n")
assert mistake("README.md", "", "text", "$ cnxc compile model\n") and mistake("README.md", "run by check: no such words", "sh", "x\n")
assert mistake("SECURITY.md", "", "sh", "cnxc x\n") and mistake("README.md", "not run: no", "sh", "x\n")
assert seen > 60 and not wrong, "\n".join(wrong)
