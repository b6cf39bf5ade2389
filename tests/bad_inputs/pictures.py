# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad pictures and bad tensors, given to a compiled model's executable."""
import os
import struct
import zlib

from harness import case

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, crc=None):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)


def png(width, height, depth=8, color=0, data=None, extra=b"", end=True, **ihdr):
    if data is None:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
        data = (b"\0" + b"\x7f" * ((width * depth * channels + 7) // 8)) * height
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return PNG + chunk(b"IHDR", head, **ihdr) + extra + chunk(b"IDAT", zlib.compress(data, 9)) + (chunk(b"IEND", b"") if end else b"")


def picture(name, content, message, exit=1, file="p.png", **how):
    case("pictures", name, program="model", exit=exit, message=message, files={file: content}, argv=["-k", "1", file], **how)


picture("the good one (control)", png(28, 28), "", exit=0)
picture("1x1", png(1, 1), "", exit=0)
picture("1x60000", png(1, 60000), "", exit=0)
picture("65500x65500 in a few bytes", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 65500, 65500, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"x\x9c") , r"p\.png.*(pixels|large|big)")
picture("65500x65500 JPEG header", bytes.fromhex("ffd8ffc0001108ffdcffdc03012200021101031101ffd9"), r"p\.jpg", file="p.jpg")
for width, height in ((2**31 - 1, 1), (10**9, 1), (1, 2**31 - 1), (178956971, 1)):
    picture(f"PNG of {width}x{height} in 65 bytes", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 6, 0, 0, 0)) +
            chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\1"), r"p\.png.*pixels", peak_mb=16)
picture("progressive arithmetic JPEG of 13370x13370 in 430 bytes, cut short",
        bytes.fromhex("ffd8ffdb004300" + "01" * 64 + "ffca000b08343a343a01011100ffda00080101000000") + b"\0" * 339, r"p\.jpg.*cut short", file="p.jpg", peak_mb=16)
HEAD = PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 13370, 13370, 8, 2, 0, 0, 0))
picture("PNG of 13370x13370 with a third of its rows", HEAD + chunk(b"IDAT", zlib.compress(b"\0" * (200 << 20), 9)) + chunk(b"IEND", b""),
        r"p\.png.*cut short", peak_mb=16)
picture("PNG of many short rows", png(1, 4000000), "", exit=0, peak_mb=80)  # 12 of RGB, 32 of libpng's and zlib's own at the most
picture("truncated PNG", png(64, 64)[:60], r"p\.png")
picture("PNG without data", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)) + chunk(b"IEND", b""), r"p\.png")
picture("PNG with a bad CRC in IHDR", png(8, 8, crc=1), r"p\.png")
picture("PNG of width 0", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 8, 8, 0, 0, 0, 0)) + chunk(b"IEND", b""), r"p\.png")
picture("PNG of bit depth 3", PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 3, 0, 0, 0, 0)) + chunk(b"IEND", b""), r"p\.png")
picture("iCCP bomb", png(8, 8, extra=chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * (64 << 20), 9))), "", exit=0)
picture("zTXt bomb", png(8, 8, extra=chunk(b"zTXt", b"x\0\0" + zlib.compress(b"\0" * (64 << 20), 9))), "", exit=0)
picture("HEIC named .jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64, r"p\.jpg.*(HEIC|HEIF|not supported|unknown)", file="p.jpg", exit=3)
picture("PNG named .jpg is read by content", png(28, 28), "", exit=0, file="p.jpg")
picture("text", b"hello\n", r"p\.png", exit=1)
picture("empty file", b"", r"p\.png.*empty")
case("pictures", "a folder without pictures", program="model", exit=1, message="no pictures in 'd'", files={"d/x": b""}, argv=["d"])
case("pictures", "no such file", program="model", exit=4, message="nothing.png.*No such file", argv=["nothing.png"])
case("pictures", "one bad of two: the other is answered", exit=0, message="", files={"a.png": png(28, 28), "b.png": b"x"},
     shell='"$MODEL" -k 1 a.png b.png > said 2> error; c=$?; n=$(wc -l < said); rm -f said; grep -q b.png error && rm error && [ $c = 1 ] && [ $n = 1 ]')


# What the formats may hold: damaged, or unusual.
IMAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "goldens", "images")


def golden(name):
    with open(os.path.join(IMAGES, name, "input.jpg"), "rb") as f:
        return f.read()


def with_frame(data, at, value):
    """The JPEG with one byte of its frame header changed: 1 is the kind, 4 the precision."""
    i = 2
    while data[i + 1] not in (0xC0, 0xC1, 0xC2):
        i += 2 + struct.unpack(">H", data[i + 2:i + 4])[0]
    return data[:i + at] + bytes([value]) + data[i + at + 1:]


def with_scans(data, n):
    """The progressive JPEG with its last scan n times more."""
    return data[:-2] + data[data.rindex(b"\xff\xda"):-2] * n + data[-2:]


def with_exif_offset(data, offset):
    """The JPEG with its EXIF block's directory elsewhere."""
    i = data.index(b"Exif\0\0") + 10
    return data[:i] + offset + data[i + 4:]


def jpeg(name, content, message, exit=1, **how):
    picture(name, content, message, exit, file="p.jpg", **how)


jpeg("progressive JPEG (control)", golden("jpg_progressive"), "", exit=0)
jpeg("CMYK JPEG (control)", golden("jpg_cmyk"), "", exit=0)
jpeg("progressive JPEG of 100 scans", with_scans(golden("jpg_progressive"), 90), "", exit=0)
jpeg("progressive JPEG of 5000 scans", with_scans(golden("jpg_progressive"), 5000), r"p\.jpg.*too many scans")
jpeg("12-bit JPEG", with_frame(golden("jpg_444"), 4, 12), r"p\.jpg.*precision 12", exit=3)
jpeg("lossless JPEG", with_frame(golden("jpg_444"), 1, 0xC3), r"p\.jpg.*Unsupported", exit=3)
jpeg("truncated JPEG", golden("jpg_420_odd")[:900], r"p\.jpg.*cut short")
jpeg("JPEG without its end", golden("jpg_420_odd")[:-2], r"p\.jpg.*cut short")
jpeg("EXIF that points past its end", with_exif_offset(golden("jpg_exif_6"), b"\xff" * 4), "", exit=0)
picture("WebP header and nothing more, named .jpg", b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0", r"p\.jpg.*WebP", file="p.jpg")


def webp(*chunks):
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def three(*numbers):
    """Numbers of 24 bits."""
    return b"".join(struct.pack("<I", n)[:3] for n in numbers)


# libwebp's animation decoder would clear two canvases of 715 MB before it looks at a frame's bits.
LOSSY = b"\x10\x02\0\x9d\x01\x2a" + struct.pack("<HH", 13370, 13370) + b"\0" * 40
LOSSLESS = b"\x2f" + struct.pack("<I", 13369 | 13369 << 14)


def animated(frame):
    return webp((b"VP8X", b"\x02\0\0\0" + three(13369, 13369)), (b"ANIM", b"\0" * 6), (b"ANMF", three(0, 0, 15, 15, 100) + b"\0" + frame))


BAD_FRAME = b"VP8L" + struct.pack("<I", 20) + b"\x2f\x0f\xc0\x03" + b"\xff" * 16  # of 16x16
for name, content in (("lossy", webp((b"VP8 ", LOSSY))), ("lossless", webp((b"VP8L", LOSSLESS + b"\0" * 40))),
                      ("lossless, its bits cut", webp((b"VP8L", LOSSLESS + b"\xff" * 3))), ("animated", animated(BAD_FRAME))):
    picture(f"WebP of 13370x13370 in a few bytes: {name}", content, r"p\.webp.*damaged or cut short", file="p.webp", peak_mb=16)
GRAY = png(64, 64)
END = len(GRAY) - 12  # of the IDAT chunk
picture("PNG with a bad CRC in IDAT", GRAY[:END - 1] + bytes([GRAY[END - 1] ^ 1]) + GRAY[END:], r"p\.png.*CRC")
picture("PNG with a bad CRC in a text", png(8, 8, extra=chunk(b"tEXt", b"a\0b", crc=5)), r"p\.png.*CRC")
picture("PNG palette without PLTE", png(8, 8, color=3), r"p\.png.*PLTE")
picture("PNG palette whose indices go past it", png(8, 8, color=3, extra=chunk(b"PLTE", b"\0" * 6)), "", exit=0)
picture("PNG followed by other bytes", GRAY + b"more" * 1000, "", exit=0)


def sized(data, width, height):
    """The JPEG with other dimensions in its frame header."""
    i = 2
    while data[i + 1] not in (0xC0, 0xC1, 0xC2):
        i += 2 + struct.unpack(">H", data[i + 2:i + 4])[0]
    return data[:i + 5] + struct.pack(">HH", height, width) + data[i + 9:]


def first_scan(data, entropy):
    """The JPEG up to its first scan's header, then these bytes and the end."""
    i = data.index(b"\xff\xda")
    return data[:i + 2 + struct.unpack(">H", data[i + 2:i + 4])[0]] + entropy + b"\xff\xd9"


# 12,000 x 12,000 pixels have 2.2 million blocks or more: no file of this size holds a bit for each.
HUGE = sized(golden("jpg_progressive"), 12000, 12000)
jpeg("progressive JPEG of 144 million pixels, cut by its own end", first_scan(HUGE, b"\0" * 200), r"p\.jpg.*cut short", peak_mb=16)
jpeg("progressive JPEG of 144 million pixels, with 15 scans", with_scans(HUGE, 15), r"p\.jpg.*cut short", peak_mb=16)


def npy(shape=(1, 3, 32, 32), descr="<f4", order="False", data=None, header=None):
    header = header if header is not None else f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header = header.encode() + b"\n"
    if data is None:
        n = {"<f4": 4, "<f8": 8, "<i8": 8, ">f4": 4}.get(descr, 4)
        for d in shape:
            n *= d
        data = b"\0" * n
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def hole(name, size):
    """Makes a file's rest zeros that take no disk."""
    return lambda folder: os.truncate(os.path.join(folder, name), size)


# What its first bytes tell is no picture or no fitting tensor is not read on, however long it is.
picture("a picture of a gigabyte of zeros", b"", r"p\.png.*not a JPEG, PNG or WebP", setup=hole("p.png", 1 << 30), peak_mb=16)
case("pictures", "a gigabyte of zeros piped as a picture", program="model", exit=1, message="-: error: not a JPEG, PNG or WebP", shell='head -c 1G /dev/zero | "$MODEL" -', peak_mb=16)
TENSOR = ["--input", "pixel_values=x.npy", "--output", "logits=y.npy"]
for name, content, message in (("four gigabytes of zeros", b"", "not a .npy file"), ("four gigabytes behind another shape", npy((1, 3, 32, 31)), "its shape is 1x3x32x31"),
                               ("four gigabytes behind a tensor", npy(), "there are bytes after the data")):
    case("tensors", name, program="model", exit=1, message=r"x\.npy: error: " + message, files={"x.npy": content}, setup=hole("x.npy", 4 << 30), argv=TENSOR, peak_mb=16)
case("tensors", "a gigabyte of zeros piped as a tensor", program="model", exit=1, message="-: error: not a .npy file", peak_mb=16,
     shell='head -c 1G /dev/zero | "$MODEL" --input pixel_values=- --output logits=y.npy')


def tensor(name, content, message, exit=1, input="pixel_values"):
    case("tensors", name, program="model", exit=exit, message=message, files={"x.npy": content},
         argv=["--input", f"{input}=x.npy", "--output", "logits=y.npy"], outputs=("y.npy",) if exit == 0 else ())


tensor("the good one (control)", npy(), "", exit=0)
tensor("a batch of 3", npy((3, 3, 32, 32)), "", exit=0)
tensor("float64", npy(descr="<f8"), r"x\.npy.*(f8|float64)")
tensor("big-endian", npy(descr=">f4"), r"x\.npy")
tensor("Fortran order", npy(order="True"), r"x\.npy.*(Fortran|order)")
tensor("another shape", npy((1, 3, 32, 31)), r"x\.npy.*(32|shape)")
tensor("another rank", npy((3, 32, 32)), r"x\.npy")
tensor("batch 0", npy((0, 3, 32, 32)), r"x\.npy")
tensor("a shape that overflows", npy((1 << 62, 3, 32, 32), data=b""), r"x\.npy")
tensor("cut short", npy()[:-1], r"x\.npy")
tensor("too long", npy() + b"\0", r"x\.npy")
tensor("not npy", b"hello", r"x\.npy")
tensor("header without shape", npy(header="{'descr': '<f4', 'fortran_order': False}"), r"x\.npy")
PREFIX = b"\x93NUMPY"
tensor("header past the end", PREFIX + b"\1\0\xff\xff{}", r"x\.npy")
tensor("header of 4 GB", PREFIX + b"\2\0\xff\xff\xff\xff{}", r"x\.npy")
tensor("version 9", PREFIX + b"\x09" + npy()[7:], r"x\.npy")
tensor("header length cut", npy()[:9], r"x\.npy")
tensor("shape 1e0", npy(header="{'descr': '<f4', 'fortran_order': False, 'shape': (1e0, 3, 32, 32)}"), r"x\.npy")
tensor("shape of 33 dimensions", npy(shape=(1,) * 33), r"x\.npy")
tensor("shape nested", npy(header="{'descr': '<f4', 'fortran_order': False, 'shape': " + "(" * 60000), r"x\.npy")
tensor("key twice", npy(header="{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 32, 32)}"), r"x\.npy")
tensor("pickled objects", npy(descr="|O"), r"x\.npy")
tensor("no such input", npy(), r"pixel_valeus.*pixel_values", input="pixel_valeus", exit=2)
case("tensors", "no such output", program="model", exit=2, message="logit.*logits", files={"x.npy": npy()},
     argv=["--input", "pixel_values=x.npy", "--output", "logit=y.npy"])
for count in ("0", "-1", "1000000", "abc", "", "2x"):
    case("run time", f"--threads {count!r}", program="model", exit=2, message="threads", files={"p.png": png(8, 8)}, argv=["--threads", count, "p.png"])
case("run time", "unknown option, near one there", program="model", exit=2, message="--thraeds.*--threads", argv=["--thraeds", "1"])
case("run time", "-k 0", program="model", exit=2, message="-k", files={"p.png": png(8, 8)}, argv=["-k", "0", "p.png"])
for option in ("--runs=3", "--batch=2", "--per-op", "--turns", "--trace=t.json"):
    case("run time", f"{option} without --bench", program="model", exit=2, message=f"{option.split('=')[0]} goes with --bench", files={"p.png": png(8, 8)}, argv=[option, "p.png"])
for mode in ("--bench", "--selftest", "--info"):
    case("run time", f"{mode} with a picture", program="model", exit=2, message=f"{mode} takes no pictures", files={"p.png": png(8, 8)}, argv=[mode, "p.png"])
    for option in ("-k=2", "--csv", "--jsonl", "--strict", "--dump-pixels=x.npy", "-o=x.png"):
        case("run time", f"{mode} with {option}", program="model", exit=2, message=f"{option.split('=')[0]} needs a picture, and {mode} takes none",
             argv=[mode, *option.split("=")])
case("run time", "two modes", program="model", exit=2, message="exclude each other", argv=["--bench", "--info"])
case("run time", "output to /dev/full", exit=4, message="(No space|write)", files={"p.png": png(8, 8)}, shell='"$MODEL" p.png > /dev/full')
case("run time", "reader that has gone away", exit=0, message="", files={"p.png": png(8, 8)},
     shell='set -o pipefail; "$MODEL" $(for i in $(seq 200); do echo p.png; done) | head -n 1 > said; c=$?; rm said; [ $c = 0 ] || [ $c = 141 ] || [ $c = 4 ]')
case("run time", "closed standard output", exit=4, message="", files={"p.png": png(8, 8)}, shell='"$MODEL" p.png >&-')
