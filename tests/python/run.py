# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python package: run.py CNXC [FOLDER] [pytest's words]. Tests of this folder, or of another one with the same fixtures.

Ends with "N passed, N failed"."""
import os
import sys
import tempfile

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


class Count:
    passed = failed = 0

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed
        self.failed += report.failed or report.skipped  # nothing here may be skipped

    def pytest_collectreport(self, report):
        self.failed += report.failed


def main():
    os.environ["CNXC"] = os.path.abspath(sys.argv[1])
    sys.path.insert(0, HERE)  # shared_fixtures.py
    words = sys.argv[2:]
    folder = words.pop(0) if words and os.path.isdir(words[0]) else HERE
    count = Count()
    with tempfile.TemporaryDirectory(prefix="cnxc-python-") as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        code = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "shared_fixtures", "--rootdir", folder, folder, *words], plugins=[count])
    print(f"{count.passed} passed, {count.failed} failed")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
