# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random picture files of every kind, for runners that compare: what Pillow can write, and PNGs of its own for the rest.

    write(rng, channels, path) -> a description of what was written
    write_photo(rng, path)     -> the same of a JPEG as cameras make it

Everything follows from rng, so a case can be made again. channels is 3 for any picture, 1 or 4 for one whose own
mode is L or RGBA.
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageFile

ImageFile.MAXBLOCK = 1 << 22  # small pictures with optimized tables overflow Pillow's buffer otherwise

XMP = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       '<rdf:Description {}</rdf:RDF></x:xmpmeta>')
XMP_FORMS = ('rdf:about="" tiff:Orientation="{}"/>', 'rdf:about=""><tiff:Orientation>{}</tiff:Orientation></rdf:Description>')


def chance(rng, p):
    return rng.random() < p


def size(rng):
    """Mostly a few dozen pixels, from 1 to 300, any aspect ratio."""
    w, h = np.exp(rng.uniform(0, np.log(300), 2)) if chance(rng, 0.3) else rng.uniform(8, 200, 2)
    return max(1, int(w)), max(1, int(h))


def samples(rng, w, h, channels, top=255):
    """Noise, waves, or blocks: filters show their errors on different ones."""
    kind = rng.integers(4)
    if kind == 0:
        a = rng.integers(0, top + 1, (h, w, channels))
    elif kind == 1:
        y, x = np.mgrid[:h, :w]
        f = rng.uniform(0, 0.5, (2, channels))
        a = (np.sin(y[..., None] * f[0] + x[..., None] * f[1] + rng.uniform(0, 6, channels)) + 1) * (top / 2)
    elif kind == 2:
        a = np.kron(rng.integers(0, top + 1, (-(-h // 8), -(-w // 8), channels)), np.ones((8, 8, 1)))[:h, :w]
    else:
        a = rng.choice([0, top], (h, w, channels))  # the extremes: clipping after overshoot
    return a.astype(np.uint16 if top > 255 else np.uint8)


def picture(rng, mode):
    w, h = size(rng)
    if mode == "1":
        return Image.fromarray(samples(rng, w, h, 1)[..., 0]).convert("1")
    a = samples(rng, w, h, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode])
    return Image.fromarray(a[..., 0] if mode == "L" else a, mode)


def orientation_options(rng, with_xmp=True):
    """Keywords of Image.save: EXIF, XMP, both or neither, also with numbers that mean nothing."""
    options = {}
    if chance(rng, 0.4):
        exif = Image.Exif()
        exif[0x010F] = "maker"
        if chance(rng, 0.9):
            exif[0x0112] = int(rng.integers(0, 10))
        options["exif"] = exif
    if with_xmp and chance(rng, 0.15):
        options["xmp"] = XMP.format(XMP_FORMS[rng.integers(2)].format(rng.integers(0, 10))).encode()
    return options


def write_jpeg(rng, channels, path):
    mode = "L" if channels == 1 else str(rng.choice(["RGB", "RGB", "RGB", "L", "CMYK"]))
    options = {"quality": int(rng.integers(1, 101)), "progressive": bool(rng.integers(2)), "optimize": bool(rng.integers(2)),
               **orientation_options(rng)}
    if mode == "RGB":
        options["subsampling"] = int(rng.integers(3))
        if chance(rng, 0.1):
            options["keep_rgb"] = True
            options.pop("subsampling")
    if chance(rng, 0.3):
        options["restart_marker_blocks"] = int(rng.integers(1, 20))
    if chance(rng, 0.1):
        options["icc_profile"] = rng.bytes(100)
    picture(rng, mode).save(path, "JPEG", **options)
    return f"JPEG {mode} { {k: v for k, v in options.items() if not isinstance(v, bytes)} }"


CAMERAS = [(640, 480), (1024, 768), (1280, 960), (1920, 1080), (2048, 1536), (3264, 2448)]


def write_photo(rng, path):
    """A camera's size, upright or not, smooth with some noise."""
    w, h = CAMERAS[rng.integers(len(CAMERAS))]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    f = rng.uniform(0, 0.05, (2, 3))
    waves = [np.sin(y * f[0, c] + x * f[1, c] + rng.uniform(0, 6)) * 110 + 127 for c in range(3)]
    a = np.stack(waves, 2) + rng.integers(-15, 16, (h, w, 1))
    options = {"quality": int(rng.integers(60, 98)), "subsampling": int(rng.integers(3)), **orientation_options(rng)}
    Image.fromarray(a.clip(0, 255).astype(np.uint8)).save(path, "JPEG", **options)
    return f"photo {w}x{h} {options}"


def riff(chunks):
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def frame_bits(data):
    """The chunks of a still WebP's picture."""
    at, bits = 12, b""
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        end = at + 8 + size + size % 2
        if data[at:at + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
            bits += data[at:end]
        at = end
    return bits


def put_on_canvas(rng, path, size):
    """The still WebP becomes an animation's first frame, somewhere on a canvas that is larger."""
    with open(path, "rb") as f:
        bits = frame_bits(f.read())
    x, y, right, below = (2 * int(rng.integers(0, 8)) for _ in range(4))
    width, height = size
    three = lambda *numbers: b"".join(struct.pack("<I", n)[:3] for n in numbers)  # noqa: E731
    with open(path, "wb") as f:
        f.write(riff([(b"VP8X", bytes([0x12, 0, 0, 0]) + three(x + width + right - 1, y + height + below - 1)), (b"ANIM", rng.bytes(4) + b"\0\0"),
                      (b"ANMF", three(x // 2, y // 2, width - 1, height - 1, 100) + bytes([int(rng.integers(4))]) + bits)]))


def write_webp(rng, channels, path):
    mode = "RGBA" if channels == 4 else str(rng.choice(["RGB", "RGBA"]))
    options = {"quality": int(rng.integers(0, 101)), "method": int(rng.integers(0, 4)), "lossless": bool(rng.integers(2)),
               "exact": bool(rng.integers(2)), "alpha_quality": int(rng.integers(0, 101)), **orientation_options(rng)}
    image = picture(rng, mode)
    if chance(rng, 0.15):
        options.update(save_all=True, append_images=[Image.fromarray(samples(rng, *image.size, len(mode)), mode)])
    image.save(path, "WEBP", **options)
    if chance(rng, 0.15) and "save_all" not in options:
        put_on_canvas(rng, path, image.size)
        mode += " on a larger canvas"
    return f"WebP {mode} {options}"


def write_pillow_png(rng, channels, path):
    mode = {1: "L", 4: "RGBA"}.get(channels) or str(rng.choice(["1", "L", "LA", "RGB", "RGBA", "P"]))
    options = orientation_options(rng, with_xmp=False)
    image = picture(rng, "RGB" if mode == "P" else mode)
    if mode == "P":
        image = image.quantize(int(rng.choice([2, 3, 16, 100, 256])))
        if chance(rng, 0.5):
            options["transparency"] = rng.bytes(int(rng.integers(1, 5)))
    image.save(path, "PNG", **options)
    return f"PNG {mode} by Pillow {options.keys()}"


# ── PNG as Pillow does not write it: every colour type and depth, filters, Adam7, split data, transparency ────────────

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGBA: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x0 y0 dx dy


def pack_rows(a, depth):
    """Samples (h, w, n) to rows of bytes (h, bytes)."""
    h = len(a)
    if depth == 16:
        return a.astype(">u2").reshape(h, -1).view(np.uint8)
    flat = a.reshape(h, -1).astype(np.uint8)
    if depth == 8:
        return flat
    bits = np.unpackbits(flat[..., None], axis=2)[..., 8 - depth:].reshape(h, -1)
    return np.packbits(bits, axis=1)


def paeth(left, up, corner):
    left, up, corner = (v.astype(np.int32) for v in (left, up, corner))
    p = left + up - corner
    a, b, c = abs(p - left), abs(p - up), abs(p - corner)
    return np.where((a <= b) & (a <= c), left, np.where(b <= c, up, corner)).astype(np.uint8)


def filter_rows(rng, rows, step):
    """Each row with a filter type of its own in front."""
    out = bytearray()
    above = np.zeros(rows.shape[1], np.uint8)
    for row in rows:
        shift = lambda r: np.concatenate([np.zeros(step, np.uint8), r])[:len(r)]
        left, corner = shift(row), shift(above)
        kind = int(rng.integers(5))
        guess = (np.zeros_like(row), left, above, ((left.astype(int) + above) // 2).astype(np.uint8),
                 paeth(left, above, corner))[kind]
        out += bytes([kind]) + (row - guess).tobytes()
        above = row
    return bytes(out)


def png_data(rng, a, depth, adam7):
    step = max(1, a.shape[2] * depth // 8)
    if not adam7:
        return filter_rows(rng, pack_rows(a, depth), step)
    parts = (a[y::dy, x::dx] for x, y, dx, dy in ADAM7)
    return b"".join(filter_rows(rng, pack_rows(np.ascontiguousarray(p), depth), step) for p in parts if p.size)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def transparency(rng, kind, a, n_colors):
    if kind == PALETTE:
        return chunk(b"tRNS", rng.bytes(int(rng.integers(1, n_colors + 1))))
    pixel = a[rng.integers(len(a)), rng.integers(a.shape[1])]
    return chunk(b"tRNS", pixel.astype(">u2").tobytes())


def exif_block(rng):
    """One orientation or two, at times of another type or count than the usual."""
    order, head = ("<", b"II*\0") if rng.integers(2) else (">", b"MM\0*")
    out = head + struct.pack(order + "IH", 8, 2)
    for tag in (0x0112, rng.choice([0x0112, 0x010F])):
        kind = int(rng.choice([1, 3, 4, 6, 8, 9])) if chance(rng, 0.3) else 3
        count, width = int(rng.choice([0, 1, 1, 1, 2, 3])) if kind == 3 else 1, {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
        value = struct.pack(order + width, int(rng.integers(0, 10)))
        out += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
    return out + struct.pack(order + "I", 0)


def extra_chunks(rng):
    """Before the data: what changes orientation, and what must change nothing."""
    out = b""
    if chance(rng, 0.2):
        out += chunk(b"gAMA", struct.pack(">I", int(rng.integers(1, 200000))))
    if chance(rng, 0.2):
        out += chunk(b"pHYs", struct.pack(">IIB", 100, 200, 1))
    if chance(rng, 0.2):
        text = XMP.format(XMP_FORMS[rng.integers(2)].format(rng.integers(0, 10))).encode()
        packed = bool(rng.integers(2))
        out += chunk(b"iTXt", b"XML:com.adobe.xmp\0" + bytes([packed]) + b"\0\0\0" + (zlib.compress(text) if packed else text))
    if chance(rng, 0.3):
        out += chunk(b"eXIf", exif_block(rng))
    return out


def write_own_png(rng, channels, path):
    kind = {1: GRAY, 4: RGBA}.get(channels)
    kind = int(rng.choice(list(SAMPLES))) if kind is None else kind
    depth = int(rng.choice(DEPTHS[kind] if channels != 1 else (2, 4, 8)))
    (w, h), adam7 = size(rng), bool(rng.integers(2))
    n_colors = int(rng.integers(1, 2 ** depth + 1)) if kind == PALETTE else 0
    a = samples(rng, w, h, SAMPLES[kind], 2 ** depth - 1)
    if kind == PALETTE:
        a %= n_colors
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, adam7)) + extra_chunks(rng)
    if kind == PALETTE:
        out += chunk(b"PLTE", rng.bytes(3 * n_colors))
    blend = kind in (GRAY, RGB, PALETTE) and chance(rng, 0.3)
    if blend:
        out += transparency(rng, kind, a, n_colors)
    data = zlib.compress(png_data(rng, a, depth, adam7), int(rng.integers(0, 10)))
    part = int(rng.choice([len(data), 1000, 17]))
    out += b"".join(chunk(b"IDAT", data[i:i + part]) for i in range(0, len(data), part)) + chunk(b"IEND", b"")
    with open(path, "wb") as f:
        f.write(out)
    return f"PNG type {kind} depth {depth} {w}x{h}{' Adam7' if adam7 else ''}{' tRNS' if blend else ''}"


def fits(path, channels):
    """A WebP without transparent pixels comes back as RGB, so RGBA is checked."""
    with Image.open(path) as image:
        return channels == 3 or image.mode == {1: "L", 4: "RGBA"}[channels]


def write(rng, channels, path):
    writers = {1: [write_jpeg, write_pillow_png, write_own_png], 3: [write_jpeg, write_jpeg, write_webp, write_pillow_png, write_own_png],
               4: [write_webp, write_pillow_png, write_own_png]}[channels]
    what = writers[rng.integers(len(writers))](rng, channels, path)
    return what if fits(path, channels) else write(rng, channels, path)
