# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Files and folders that the documents name are there.
# RUN: %python %s %root
import glob
import os
import re
import subprocess
import sys

ROOT = sys.argv[1]
TOPS = "ir|compiler|runtime|tests|docs|models"


def named(text):
    """`ir/op.h`, and links to files; CASE stands for any name."""
    for path in re.findall(rf"`((?:{TOPS})/[\w./*-]+)`", text) + re.findall(r"\]\(([\w./-]+)\)", text):
        yield path, re.sub(r"\b[A-Z]+\b(?!\.md)", "*", path)


def anchors(text):
    """What headings are called in links."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}


documents = subprocess.run(["git", "-C", ROOT, "ls-files", "*.md"], check=True, capture_output=True, text=True).stdout.split()
missing, seen = [], 0
for document in documents:
    with open(os.path.join(ROOT, document), encoding="utf-8") as f:
        text = f.read()
        for path, anchor in re.findall(r"\]\(([\w./-]*\.md|)#([\w-]+)\)", text):
            with open(os.path.join(ROOT, os.path.dirname(document), path) if path else f.name, encoding="utf-8") as there:
                if anchor not in anchors(there.read()):
                    missing.append(f"{document} names {path}#{anchor}")
        for path, pattern in named(text):
            seen += 1
            if not any(glob.glob(os.path.join(ROOT, folder, pattern)) for folder in ("", os.path.dirname(document))):
                missing.append(f"{document} names {path}")
assert seen > 50 and not missing, "\n".join(missing)
