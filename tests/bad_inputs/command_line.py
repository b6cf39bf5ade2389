# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad command lines of the compiler, and places that can't be written."""
from harness import case
from text import model

GOOD = model("   y = Relu(x)")
FILES = {"good.onnxtxt": GOOD}


def usage(name, message, *argv, exit=2):
    case("command line", name, exit=exit, message=message, files=FILES, argv=list(argv))


usage("no command", "usage|Usage|help", exit=2)
usage("unknown command, near one there", "complie.*compile", "complie", "good.onnxtxt")
usage("unknown option, near one there", "--emti.*--emit", "compile", "good.onnxtxt", "--emti=exe", "-o", "out")
usage("unknown --emit", "elf.*exe", "compile", "good.onnxtxt", "--emit=elf", "-o", "out")
usage("-o missing", "-o", "compile", "good.onnxtxt", "-o")
for kind in ("tile", "asm", "onnxtxt", "dot"):
    usage(f"--weights with --emit={kind}", f"--weights=FILE goes with an executable or a library; --emit={kind} has none",
          "compile", "good.onnxtxt", f"--emit={kind}", "-o", "out", "--weights=w")
    usage(f"--static with --emit={kind}", "--static links an executable", "compile", "good.onnxtxt", f"--emit={kind}", "-o", "out", "--static")
usage("no model", "MODEL", "compile", "-o", "out")
usage("two models", "good.onnxtxt", "compile", "good.onnxtxt", "good.onnxtxt", "-o", "out")
usage("unknown CPU", "pentium9", "compile", "good.onnxtxt", "-mcpu=pentium9", "-o", "out")
usage("--image-size of words", "image-size", "compile", "good.onnxtxt", "--image-size=big", "-o", "out")
usage("--image-size 0", "image-size", "compile", "good.onnxtxt", "--image-size=0", "-o", "out")
usage("--dim without a number", "dim", "compile", "good.onnxtxt", "--dim", "n", "-o", "out")
usage("--dim nobody knows", "rows", "compile", "good.onnxtxt", "--dim", "rows=3", "-o", "out", exit=1)
usage("--print-after nobody knows", "fus.*fuse", "compile", "good.onnxtxt", "--print-after=fus", "-o", "out")
usage("unknown --outputs, near one there", "z", "compile", "good.onnxtxt", "--outputs=z", "-o", "out", exit=1)
usage("-o equal to the input", "good.onnxtxt", "compile", "good.onnxtxt", "-o", "good.onnxtxt", exit=4)
case("command line", "-o equal to the input by another name: input intact", exit=0, message="", files=FILES,
     shell='cp good.onnxtxt copy; "$CNXC" compile good.onnxtxt -o ./good.onnxtxt 2> said; c=$?; cmp good.onnxtxt copy && rm copy said && [ $c = 4 ]')
case("command line", "-o a directory", exit=4, message="d.*directory", files={**FILES, "d/x": b""}, argv=["compile", "good.onnxtxt", "-o", "d"])
case("command line", "-o in a folder that is not there", exit=4, message="nowhere", files=FILES, argv=["compile", "good.onnxtxt", "-o", "nowhere/out"])
case("command line", "-o /dev/full", exit=4, message="(No space|/dev/full)", files=FILES, argv=["compile", "good.onnxtxt", "--emit=onnxtxt", "-o", "/dev/full"])
case("command line", "standard output full", exit=4, message="(No space|write)", files=FILES, shell='"$CNXC" compile good.onnxtxt --emit=onnxtxt -o - > /dev/full')
case("command line", "standard output closed", exit=4, message="", files=FILES, shell='"$CNXC" compile good.onnxtxt --emit=onnxtxt -o - >&-')
case("command line", "standard input closed", exit=4, message="error: ", shell='"$CNXC" check - <&-')
case("command line", "model on standard input (control)", exit=0, message="", stdin=GOOD.encode(), argv=["check", "-"])
