# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Every source file says its licence in its first line, or in the second behind "#!", and LICENSE holds that licence.
# RUN: %python %s %root
import os
import subprocess
import sys

ROOT = sys.argv[1]
NAME = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
C = (".c", ".h", ".cc", ".cpp", ".hpp", ".l", ".y", ".def", ".rs", ".go")
HASH = (".py", ".sh", ".cmake", ".cmake.in", "CMakeLists.txt")


def expected(path, text):
    """The lines that say it, one of which must open the file; None: no source."""
    if path.endswith(C):
        return f"/* {NAME} */\n", f"// {NAME}\n"
    return (f"# {NAME}\n",) if path.endswith(HASH) or text.startswith("#!") else None


def lacks(path, text):
    lines = expected(path, text)
    start = text.partition("\n")[2] if text.startswith("#!") else text
    return lines is not None and not start.startswith(lines)


# The test notices what it is there for.
assert lacks("a.c", "int x;\n") and lacks("a.c", f"# {NAME}\n") and lacks("check", "#!/bin/sh\n# what it does\n") and lacks("CMakeLists.txt", "")
assert not lacks("a.c", f"/* {NAME} */\n") and not lacks("check", f"#!/bin/sh\n# {NAME}\n") and not lacks("a.onnxtxt", "<\n")

found, count = [], 0
for path in subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout.split("\0"):
    if os.path.isfile(os.path.join(ROOT, path)):
        with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as f:
            text = f.read(1000)
        count += expected(path, text) is not None
        found += [f"{path} lacks the line: {NAME}"] if lacks(path, text) else []
assert count > 600, count
with open(os.path.join(ROOT, "LICENSE"), encoding="utf-8") as f:
    licence = f.read()
for part in ["Apache License\n                           Version 2.0", "END OF TERMS AND CONDITIONS", "LLVM Exceptions to the Apache 2.0 License"]:
    assert part in licence, part
sys.exit("\n".join(found) or 0)
