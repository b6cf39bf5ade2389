# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Pictures of other sizes than the config's, odd, oblong and as small as they can be, in batches: compiled code against
# the reference interpreter, and the size of the last map.
# RUN: %python %s %cnxc %root/tests/goldens/models
import subprocess
import sys

CNXC, MODELS = sys.argv[1:]


def verify(name, size, *options):
    done = subprocess.run([CNXC, "verify", f"{MODELS}/{name}", f"--image-size={size}", *options], capture_output=True, text=True)
    assert done.returncode == 0, (name, size, done.returncode, done.stdout, done.stderr)


for size in ("64", "61", "37x90", "129x33", "32", "32x47"):
    verify("cls_basic4", size)
verify("cls_basic4", "45x39", "--dim", "batch_size=3")
for size in ("16", "17x31", "65x20"):
    verify("base_odd", size, "--outputs=last_hidden_state,pooler_output,hidden_states")
for size in ("33x35", "16", "71x18"):
    verify("bb_all", size)
for size in ("33x35", "21", "16x50"):
    verify("v2_backbone", size, "--dim", "batch_size=2")
for size in ("4", "4x9", "7x5"):
    verify("cls_one_stage", size, "--outputs=logits,feature_map.0")
small = subprocess.run([CNXC, "check", f"{MODELS}/cls_basic4", "--image-size=31x64"], capture_output=True, text=True)
assert small.returncode == 1 and "pictures of 31x64 are too small: stage 4 has a map of 1x4, its convolution needs 2x2" in small.stderr, small
