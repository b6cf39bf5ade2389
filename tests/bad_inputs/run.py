# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the table of bad inputs: run.py CNXC DIGITS_FOLDER [GROUP-OR-NAME…]. Ends with "N passed, N failed"."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import text, onnx_files, checkpoints, pickles, wrong_files, pictures, weights_files, profiles, command_line, limits, small, beside, programs  # noqa: E402,F401,E401


def main():
    cnxc, digits, *wanted = sys.argv[1:]
    cases = [c for c in harness.CASES if not wanted or c.group in wanted or c.name in wanted]
    with tempfile.TemporaryDirectory(prefix="cnxc-bad-") as folder:
        programs = {"cnxc": os.path.abspath(cnxc), "model": os.path.join(folder, "model"), "digits": os.path.abspath(digits)}
        if any(c.program == "model" or "MODEL" in (c.shell or "") for c in cases):
            subprocess.run([programs["cnxc"], "compile", digits, "-o", programs["model"]], check=True)
        failed = 0
        for c in cases:
            problem = harness.run(c, programs)
            if problem:
                failed += 1
                print(f"FAIL {c.group}: {c.name}: {problem}", flush=True)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
