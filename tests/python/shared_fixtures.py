# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import glob
import os
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [f"{ROOT}/python", f"{ROOT}/tests/goldens"]
os.environ["PYTHONPATH"] = f"{ROOT}/python"  # of children
import cnxc  # noqa: E402


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def digits():
    return cnxc.compile(f"{ROOT}/models/digits")


@pytest.fixture(scope="session")
def pictures():
    return sorted(glob.glob(f"{ROOT}/models/digits/test/*/*.png"))


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The executable that says what is right."""
    path = str(tmp_path_factory.mktemp("program") / "digits")
    subprocess.run([os.environ["CNXC"], "compile", f"{ROOT}/models/digits", "-o", path], check=True)
    return path
