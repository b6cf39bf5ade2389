# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Limits of the system, streams that are closed, readers that go away, and files that change while they are read."""
from command_line import FILES, GOOD
from harness import case
from onnx_files import graph, integer, message, model, node, tensor, value_info, varint
from pictures import npy, png

PICTURE = {"p.png": png(8, 8)}


def both(name, compiler, program):
    """The same for the compiler and for what it makes: (shell, exit) each."""
    for kind, (shell, code), files in (("cnxc", compiler, FILES), ("model", program, PICTURE)):
        case("limits", f"{name}: {kind}", exit=code, message="", files=files, shell=shell)


# ulimit -v cannot be tried with AddressSanitizer, which maps terabytes: tests/cli/limits.py does, without it.
both("closed standard error", ('"$CNXC" check good.onnxtxt 2>&-', 0), ('"$MODEL" p.png > said 2>&-; c=$?; rm said; exit $c', 0))
both("closed standard error and a mistake to report", ('"$CNXC" check nothing.onnxtxt 2>&-', 4), ('"$MODEL" nothing.png 2>&-', 4))
both("all standard streams closed", ('"$CNXC" compile good.onnxtxt -o out <&- >&- 2>&-; c=$?; rm out; exit $c', 0), ('"$MODEL" p.png <&- >&- 2>&-', 4))
case("limits", "closed standard input that is to be read: model", exit=4, message="-: error: cannot read", shell='"$MODEL" - <&-')
case("limits", "a closed stream's number does not go to the output", exit=0, message="", files=FILES,
     shell='"$CNXC" compile good.onnxtxt --emit=asm -o out >&- 2>&-; c=$?; grep -q "\\.text" out && rm out && exit $c')
# Nobody reads: no message, no death by SIGPIPE that would leave files.
both("a reader that has gone away", ('"$CNXC" compile good.onnxtxt --emit=asm -o - | true; [ ${PIPESTATUS[0]} = 4 ]', 0),
     ('yes p.png | head -n 20000 | xargs "$MODEL" 2> said | true; c=${PIPESTATUS[2]}; rm said; [ $c != 0 ]', 0))

# What open files need: the loader itself cannot start a program with three (exit 127), and compiling wants more than four.
LEFT = 'c=$?; ls -A | grep -q "^\\.cnxc" && exit 99; exit $c'
case("limits", "three file descriptors: cnxc", exit=127, message="shared librar", files=FILES,
     shell='(ulimit -n 3; exec "$CNXC" compile good.onnxtxt -o out); ' + LEFT)
case("limits", "four file descriptors: cnxc", exit=4, message="error: .*Too many open files", files=FILES,
     shell='(ulimit -n 4; exec "$CNXC" compile good.onnxtxt -o out); ' + LEFT)
case("limits", "four file descriptors: model", exit=0, message="", files=PICTURE,
     shell='{ (ulimit -n 4; exec "$MODEL" -k 1 p.png); } > /dev/null')
case("limits", "three file descriptors, linked with --static", exit=4, message="p.png.*Too many open files", files={**FILES, **PICTURE},
     shell='"$CNXC" compile "$DIGITS" --static -o out && (ulimit -n 3; exec ./out p.png); c=$?; rm out; exit $c')
for emit in ("exe", "shared", "obj", "asm", "llvm", "onnxtxt", "tile"):
    case("limits", f"files of at most 1 kB: --emit={emit}", exit=4, message="error: .*File too large",
         shell=f'(ulimit -f 1; exec "$CNXC" compile "$DIGITS" --emit={emit} -o out); ' + LEFT)
case("limits", "files of at most 1 kB: tensors", exit=4, message="y.npy.*File too large", files={"x.npy": npy((64, 3, 32, 32))},
     shell='(ulimit -f 1; exec "$MODEL" --input pixel_values=x.npy --output logits=y.npy)')

# The ones of a window, which are weights, and a large one, which has none.
for size, code, said in (8, 4, "out of memory"), (1000, 3, "has an unknown shape or is too large"):
    WINDOWS = (f'<ir_version: 8, opset_import: ["" : 20]>\ng (float[1,281474976710656,1,1] x) => (y) '
               f'{{ y = LpPool <kernel_shape=[{size},{size}], strides=[{size},{size}], pads=[{",".join([str(size - 1)] * 4)}]> (x) }}\n')
    case("limits", f"more channels than there is memory: windows of {size}", exit=code, message=said, files={"m.onnxtxt": WINDOWS},
         shell='"$CNXC" compile m.onnxtxt -o out; ' + LEFT)

# A mapped file is cut as soon as the compilation has a temporary folder; its pages are packed after that.
BIG = '<ir_version: 8, opset_import: ["" : 17]>\ng (float[N, 4096] x) => (float[N, 8192] y) <float[4096, 8192] w = ["location": "w.bin"]> { y = MatMul(x, w) }\n'
case("limits", "weights cut while they are packed", exit=4, message="w\\.bin: the file became shorter while it was being read",
     files={"big.onnxtxt": BIG, "w.bin": b""}, setup=lambda d: open(d + "/w.bin", "r+b").truncate(4096 * 8192 * 4),
     shell='"$CNXC" compile big.onnxtxt -o out & until compgen -G ".cnxc-*" > /dev/null; do :; done; truncate -s 0 w.bin; wait $!; ' + LEFT)


def message_head(number, length):
    return varint(number << 3 | 2) + varint(length)


def two_gigabytes(path, more):
    """A sound .onnx whose initializer has 2 GiB + more bytes of zeros: a file with a hole."""
    size = (1 << 31) + more
    head = integer(1, size // 8) + integer(1, 2) + integer(2, 1) + message(8, "w") + message_head(9, size)
    rest = (message(1, node("Add", ["x", "w"], ["y"])) + message(2, "g") + message(11, value_info("x", [1, 2]))
            + message(12, value_info("y", [size // 8, 2])) + message_head(5, len(head) + size))
    start = integer(1, 8) + message(8, message(1, "") + integer(2, 17)) + message_head(7, len(rest) + len(head) + size) + rest + head
    with open(path, "wb") as f:
        f.write(start)
        f.truncate(len(start) + size)


case("limits", ".onnx larger than 2 GiB", exit=1, message="bad\\.onnx: error: .*2 GiB", setup=lambda d: two_gigabytes(d + "/bad.onnx", 64),
     argv=["check", "bad.onnx"])

case("limits", "a depthwise kernel of 20,000 rows", exit=0, message="", peak_mb=400, argv=["compile", "small.onnxtxt", "--emit=obj", "-o", "out.o"],
     files={"small.onnxtxt": '<ir_version: 10, opset_import: ["" : 22]>\ng (float[1,8,40000,1] x) => (float[1,8,40000,1] y) <float[8,1,20000,1] w = '
            '["location": "w.bin"]> { y = Conv<group=8,auto_pad="SAME_UPPER">(x,w) }\n', "w.bin": b"\0" * 640000}, outputs=("out.o", "out.h"))

# Outputs that are inputs by another road; the input must be what it was.
KEPT = 'c=$?; cmp -s {0} kept && rm kept; exit $c'
for name, source, command, message_text in (
        ("a header over the model", "m.h", "compile m.h --emit=shared -o m.so", "m.h.*is the input"),
        ("the weights file over the model", "m.txt", "compile m.txt --weights=m.txt -o out", "m.txt.*is the input"),
        ("data over the model", "out.data", "compile out.data --emit=onnxtxt -o out", "out.data.*is the input")):
    case("limits", name, exit=4, message=message_text, files={source: GOOD},
         shell=f'cp {source} kept; "$CNXC" {command}; ' + KEPT.format(source))
EXTERNAL = model(graph(tensor("w", [2], external=[("location", "w.bin")])))
for option in ("-o w.bin", "-o out --weights=w.bin", "-o ./w.bin --emit=onnxtxt"):
    case("limits", f"the output is external data: {option}", exit=4, message="w.bin.*holds weights of the input",
         files={"m.onnx": EXTERNAL, "w.bin": b"\1" * 8}, shell=f'cp w.bin kept; "$CNXC" compile m.onnx {option}; ' + KEPT.format("w.bin"))
case("limits", "the output is a link to the input", exit=4, message="link.*is the input", files=FILES,
     shell='ln -s good.onnxtxt link; "$CNXC" compile good.onnxtxt -o link; c=$?; rm link; exit $c')
