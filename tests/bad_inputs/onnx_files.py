# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad .onnx files, made byte by byte so that no library can mend them."""
import gzip
import struct

from harness import case


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, wire, payload):
    return varint(number << 3 | wire) + payload


def message(number, body):
    body = body.encode() if isinstance(body, str) else body
    return field(number, 2, varint(len(body)) + body)


def integer(number, value):
    return field(number, 0, varint(value & (1 << 64) - 1))


def value_info(name, dims, dtype=1):
    shape = b"".join(message(1, integer(1, d)) for d in dims)
    return message(1, name) + message(2, message(1, integer(1, dtype) + message(2, shape)))


def tensor(name, dims, dtype=1, **fields):
    body = b"".join(integer(1, d) for d in dims) + integer(2, dtype)
    body += b"".join(message({"raw": 9, "floats": 4}[k], v) for k, v in fields.items() if k in ("raw", "floats"))
    for key, value in fields.get("external", ()):
        body += message(13, message(1, key) + message(2, value))
    if "external" in fields:
        body += integer(14, 1)
    return body + message(8, name)


def node(op, inputs, outputs):
    return b"".join(message(1, i) for i in inputs) + b"".join(message(2, o) for o in outputs) + message(4, op)


def graph(initializer=b"", op="Add", extra=b""):
    return (message(1, node(op, ["x", "w"], ["y"])) + message(2, "g") + (message(5, initializer) if initializer else b"")
            + message(11, value_info("x", [1, 2])) + message(12, value_info("y", [1, 2])) + extra)


def model(graph_body, extra=b""):
    return integer(1, 8) + message(7, graph_body) + message(8, message(1, "") + integer(2, 17)) + extra


GOOD = model(graph(tensor("w", [2], raw=b"\0" * 8)))
AT = r"bad\.onnx: error: (at byte \d+: )?"


def onnx_case(name, content, message, exit=1, **how):
    case("onnx", name, exit=exit, message=message, files={"bad.onnx": content}, **how)


case("onnx", "the good one (control)", exit=0, message="", files={"bad.onnx": GOOD}, argv=["check", "bad.onnx"])
case("onnx", "cut at every byte", exit=0, message="", files={"good.onnx": GOOD},
     shell=f'for ((n = 1; n < {len(GOOD)}; n++)); do head -c $n good.onnx > cut.onnx; "$CNXC" check cut.onnx 2> said; '
           'c=$?; if [ $c != 1 ] && [ $c != 3 ] && [ $c != 0 ]; then echo "cut at $n: exit $c" >&2; cat said >&2; exit 1; fi; '
           'if [ $c != 0 ] && ! grep -q "error: " said; then echo "cut at $n: no error" >&2; exit 1; fi; done; rm cut.onnx said')
onnx_case("11-byte varint", b"\x08" + b"\x80" * 10 + b"\x01" + GOOD, AT + ".*varint")
onnx_case("length past the end", message(7, b"")[:1] + varint(1000) + b"abc", AT)
onnx_case("length 2^64-1", field(7, 2, varint((1 << 64) - 1)) + b"abc", AT)
onnx_case("field 0", GOOD + b"\x00\x00", AT)
for wire in (3, 4, 6, 7):
    onnx_case(f"wire type {wire}", GOOD + bytes([15 << 3 | wire]) + b"\0\0", AT)


def nested(depth):
    body = graph(tensor("w", [2], raw=b"\0" * 8))
    for _ in range(depth):
        attribute = message(1, "body") + integer(20, 5) + message(6, body)
        body = message(1, node("If", [], ["z"]) + message(5, attribute)) + message(2, "g")
    return body


onnx_case("10,000 nested graphs", model(nested(10_000)), AT + ".*(nest|deep|depth)")
onnx_case("data_type 0", model(graph(tensor("w", [2], dtype=0, raw=b"\0" * 8))), AT)
onnx_case("data_type 99", model(graph(tensor("w", [2], dtype=99, raw=b"\0" * 8))), AT)
onnx_case("data_type string", model(graph(tensor("w", [2], dtype=8, raw=b"\0" * 8))), AT, exit=3)
onnx_case("raw_data too long", model(graph(tensor("w", [2], raw=b"\0" * 9))), AT + ".*(8|9)")
onnx_case("raw_data too short", model(graph(tensor("w", [2], raw=b"\0" * 7))), AT + ".*(8|7)")
onnx_case("raw_data and float_data", model(graph(tensor("w", [2], raw=b"\0" * 8, floats=b"\0" * 8))), AT)
onnx_case("product of dimensions overflows", model(graph(tensor("w", [1 << 32, 1 << 32], raw=b"\0" * 8))), AT)
onnx_case("negative dimension", model(graph(tensor("w", [-2], raw=b"\0" * 8))), AT)
onnx_case("float4 initializer", model(graph(tensor("w", [2], dtype=23, raw=b"\0"))), AT, exit=3)
onnx_case("int4 data too short", model(graph(tensor("w", [3], dtype=22, raw=b"\0"))), AT + ".*(1|2)")
onnx_case("int4 data too long", model(graph(tensor("w", [2], dtype=22, raw=b"\0\0"))), AT + ".*(1|2)")
onnx_case("sparse initializer", model(graph(tensor("w", [2], raw=b"\0" * 8), extra=message(15, message(1, tensor("s", [1], raw=b"\0" * 4))))),
          AT + ".*sparse", exit=3)
onnx_case("unknown operator", model(graph(tensor("w", [2], raw=b"\0" * 8), op="Frobnicate")), "error: .*Frobnicate", exit=3)
onnx_case("empty file", b"", r"bad\.onnx.*error: .*empty")
onnx_case("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "error: .*LFS")
onnx_case("HTML", b"<!DOCTYPE html><html><body>404</body></html>", "error: .*HTML")
onnx_case("safetensors", struct.pack("<Q", 16) + b'{"a": 1}        ' + bytes(8), "error: .*tensor \"a\": expected an object")
onnx_case("gzip", gzip.compress(GOOD), "error: .*gzip")


def external(name, location, message, setup=None, files=None, exit=1, **keys):
    entries = [("location", location), *((k, str(v)) for k, v in keys.items())]
    body = model(graph(tensor("w", [2], external=entries)))
    case("external data", name, exit=exit, message=message, files={"bad.onnx": body, **(files or {})}, setup=setup)


DATA = {"w.bin": b"\0" * 8}
case("external data", "the good one (control)", exit=0, message="", argv=["check", "bad.onnx"],
     files={"bad.onnx": model(graph(tensor("w", [2], external=[("location", "w.bin")]))), **DATA})
external("parent folder", "../x", "error: .*\\.\\./x")
external("parent inside", "a/../../x", "error: .*a/\\.\\./\\.\\./x")
external("absolute path", "/etc/hostname", "error: .*/etc/hostname")
external("directory", "d", "error: .*d", files={"d/x": b""})
external("missing", "w.bin", "error: .*w\\.bin", exit=4)
external("FIFO", "pipe", "error: .*pipe", setup=lambda d: __import__("os").mkfifo(d + "/pipe"))
external("link to /dev/zero", "zero", "error: .*zero", setup=lambda d: __import__("os").symlink("/dev/zero", d + "/zero"))
external("link to outside", "out.bin", "error: .*out\\.bin", setup=lambda d: __import__("os").symlink("/etc/hostname", d + "/out.bin"))
external("offset + length wraps", "w.bin", "error: ", files=DATA, offset=(1 << 63) - 4, length=8)
external("negative offset", "w.bin", "error: .*offset", files=DATA, offset=-1)
external("offset is no number", "w.bin", "error: .*offset", files=DATA, offset="0x10")
external("negative length", "w.bin", "error: .*length", files=DATA, length=-8)
external("length is no number", "w.bin", "error: .*length", files=DATA, length="8 bytes")
external("offset 2^64", "w.bin", "error: .*offset", files=DATA, offset=1 << 64)
external("past the end", "w.bin", "error: ", files=DATA, offset=4)
external("length other than the shape's", "w.bin", "error: .*length", files=DATA, length=4)
external("unknown key", "w.bin", "error: .*colour", files=DATA, colour="red")
