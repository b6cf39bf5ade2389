# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python package: run.py CNXC [pytest's words]. Ends with "N passed, N failed"."""
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
    count = Count()
    with tempfile.TemporaryDirectory(prefix="cnxc-python-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        code = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", HERE, HERE, *sys.argv[2:]], plugins=[count])
    print(f"{count.passed} passed, {count.failed} failed")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
