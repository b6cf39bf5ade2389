# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# REQUIRES: aarch64
# RUN: %python %s %bin/cnxc %root
"""--precision=bf16 by bfmmla: precisions.py's goldens, compiled for Arm and emulated. Products bit for bit: bf16.py; digits:
tests/target/aarch64.py."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import precisions as models  # noqa: E402

models.goldens.TARGET[:] = ["--target=aarch64-linux-gnu", "-mcpu=neoverse-v1"]
models.goldens.RUNNER[:] = ["qemu-aarch64"]
with tempfile.TemporaryDirectory(prefix="cnxc-bfmmla-") as folder:
    assert "bfmmla" in models.goldens.compile_model(models.CNXC, models.DIGITS, "--precision=bf16", "--emit=asm", "-o", "-")
    models.check_goldens("bf16", folder, False)
