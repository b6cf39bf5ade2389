# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights beside the artifact (--weights=FILE): damaged, cut, another model's, missing."""
from harness import case
from checkpoints import folder, checkpoint
from pictures import png

BUILD = '"$CNXC" compile m --weights=w.bin -o model && mv model w.bin keep/ && cd keep && '
FILES = {**folder(), "keep/p.png": png(28, 28), "other/x": b""}


def weights(name, spoil, message, exit=1):
    """Builds a model with its weights beside it, spoils them, runs it."""
    case("weights files", name, exit=exit, message=message, files=FILES, outputs=("keep/model", "keep/w.bin"),
         shell=BUILD + spoil + ' ./model -k 1 p.png > said; c=$?; rm -f said; exit $c')


FLIP = "python3 -c \"f = open('w.bin', 'r+b'); f.seek(-9, 2); b = f.read(1)[0]; f.seek(-9, 2); f.write(bytes([b ^ 1]))\";"

weights("the good one (control)", "", "", exit=0)
weights("one flipped bit", FLIP, r"w\.bin.*(checksum|damaged)")
weights("cut short", "truncate -s -1 w.bin;", r"w\.bin")
weights("too long", "echo >> w.bin;", r"w\.bin")
weights("empty", ": > w.bin;", r"w\.bin")
weights("missing", "rm w.bin;", r"w\.bin.*cannot be read", exit=4)
weights("not weights at all", "cp p.png w.bin;", r"w\.bin")
case("weights files", "another model's", exit=1, message=r"w\.bin.*another model", outputs=("keep/model", "keep/w.bin"),
     files={**FILES, "n/config.json": folder()["m/config.json"].replace('"gelu"', '"relu"'),
            "n/preprocessor_config.json": folder()["m/preprocessor_config.json"], "n/model.safetensors": checkpoint()},
     shell=BUILD + '(cd .. && "$CNXC" compile n --weights=w.bin -o model && rm model && mv w.bin keep/) && ./model p.png')
