# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""RUN: rm -rf %t && mkdir %t && %python %s %cnxc %root %t

Decoded pictures give a library what files give it: pixel values of a frame and of the PNG of the same pixels are equal to the
bit, for models of 1, 3 and 4 channels and both processors' arithmetic; Y, U and V become R, G and B as the Recommendations'
formulas say, computed here by NumPy; answers for n pictures are those for each.
"""
import ctypes
import io
import json
import os
import shutil
import subprocess
import sys

import numpy as np
from PIL import Image

CNXC, ROOT, FOLDER = sys.argv[1:]
sys.path.insert(0, f"{ROOT}/tests/goldens")
import run_pictures  # noqa: E402

GRAY8, RGB8, BGR8, RGBA8, BGRA8, NV12, I420 = range(1, 8)
UNSUPPORTED = 13
BYTES = {"do_resize": False, "do_rescale": False, "do_normalize": False}
rng = np.random.default_rng(7)


class Picture(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("format", ctypes.c_int64), ("width", ctypes.c_int64), ("height", ctypes.c_int64),
                ("planes", ctypes.c_void_p * 3), ("strides", ctypes.c_int64 * 3), ("color", ctypes.c_int64)]


class Prediction(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int64), ("label", ctypes.c_char_p), ("score", ctypes.c_float)]


def picture(format_, planes, color=0):
    """Of arrays whose rows may lie anywhere, also upside down."""
    height, width = planes[0].shape[:2]
    p = Picture(ctypes.sizeof(Picture), format_, width, height, color=color)
    p.planes[:len(planes)] = [a.ctypes.data for a in planes]
    p.strides[:len(planes)] = [a.strides[0] for a in planes]
    p.keep = planes
    return p


class Library:
    def __init__(self, name, channels, size, processor, *options, threads=1):
        model, path = f"{FOLDER}/{name}", f"{FOLDER}/lib{name}.so"
        os.makedirs(model)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(f"{ROOT}/tests/goldens/models/{run_pictures.CARRIER}/{file}", model)
        with open(f"{model}/preprocessor_config.json", "w") as f:
            json.dump(processor, f)
        if channels != 3:
            run_pictures.with_channels(model, channels)
        if not any(option.startswith("--image-size") for option in options):
            options = (*options, f"--image-size={size[0]}x{size[1]}")
        subprocess.run([CNXC, "compile", model, "--emit=shared", "-o", path, *options], check=True)
        self.loaded, self.name, self.shape = ctypes.CDLL(path), name, (channels, *size)
        self.function("context_error").restype = self.function("label").restype = ctypes.c_char_p
        self.function("n_labels").restype = ctypes.c_int64
        model, self.context = ctypes.c_void_p(), ctypes.c_void_p()
        options = (ctypes.c_int64 * 2)(16, threads)  # struct_size, n_threads: the rest is younger
        assert self.function("create")(options, ctypes.byref(model)) == 0
        assert self.function("context_create")(model, None, ctypes.c_size_t(0), ctypes.byref(self.context)) == 0
        self.model = model

    def function(self, name):
        return getattr(self.loaded, f"{self.name}_{name}")

    def prepare(self, p):
        values = np.full(self.shape, np.nan, np.float32)
        status = self.function("prepare")(self.context, ctypes.byref(p), values.ctypes.data_as(ctypes.c_void_p))
        assert status == 0, self.function("context_error")(self.context)
        return values

    def prepare_png(self, pixels):
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG", compress_level=1)
        values, data = np.full(self.shape, np.nan, np.float32), out.getvalue()
        status = self.function("prepare_encoded")(self.context, data, ctypes.c_size_t(len(data)), values.ctypes.data_as(ctypes.c_void_p))
        assert status == 0, self.function("context_error")(self.context)
        return values

    def run_images(self, pictures, width):
        logits = np.full((len(pictures), width), np.nan, np.float32)
        outputs = (ctypes.c_void_p * 1)(logits.ctypes.data)
        status = self.function("run_images")(self.context, (Picture * len(pictures))(*pictures), ctypes.c_int64(len(pictures)), outputs)
        assert status == 0, self.function("context_error")(self.context)
        return logits

    def classify_images(self, pictures, k):
        best, n = (Prediction * (k * len(pictures)))(), ctypes.c_int64()
        status = self.function("classify_images")(self.context, (Picture * len(pictures))(*pictures), ctypes.c_int64(len(pictures)),
                                                  ctypes.c_int64(k), best, ctypes.byref(n))
        assert status == 0, self.function("context_error")(self.context)
        return [[(p.index, p.label, p.score) for p in best[i * k:i * k + n.value]] for i in range(len(pictures))]


# ── Interleaved formats ──────────────────────────────────────────────────────────────────────────────────────────────


def forms(pixels):
    """The same pixels with rows side by side, far apart, upwards, and upwards far apart."""
    height, width = pixels.shape[:2]
    wide = np.full((height, width + 13, *pixels.shape[2:]), 200, np.uint8)
    wide[:, :width] = pixels
    flipped = np.ascontiguousarray(pixels[::-1])
    wide_flipped = np.ascontiguousarray(wide[::-1])
    return [np.ascontiguousarray(pixels), wide[:, :width], flipped[::-1], wide_flipped[::-1][:, :width]]


def frames_of(pixels, channels):
    """(format, pixels) of all formats that say the same as a PNG of these pixels."""
    if pixels.ndim == 2:
        return [(GRAY8, pixels)]
    if pixels.shape[2] == 4:
        return [(RGBA8, pixels), (BGRA8, pixels[:, :, [2, 1, 0, 3]])]
    opaque = np.dstack([pixels, rng.integers(0, 256, pixels.shape[:2], np.uint8)])
    return [(RGB8, pixels), (BGR8, pixels[:, :, ::-1])] + ([(RGBA8, np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]))] if channels == 3 else [])


def smooth(height, width, channels):
    """Large shapes and noise."""
    coarse = rng.integers(0, 256, (4, 5, channels), np.uint8)
    large = np.dstack([np.asarray(Image.fromarray(coarse[:, :, c]).resize((width, height), 2)) for c in range(channels)])
    noisy = np.clip(large.astype(int) + rng.integers(-20, 21, large.shape), 0, 255).astype(np.uint8)
    return noisy[:, :, 0] if channels == 1 else noisy


def test_interleaved(library):
    channels, count = library.shape[0], 0
    for height, width in ((480, 640), (641, 333), (33, 47), (1, 1), (1000, 3), (256, 256)):
        for given in {1: [1], 3: [1, 3, 4], 4: [4]}[channels]:
            pixels = smooth(height, width, given)
            expected = library.prepare_png(pixels)
            for format_, same in frames_of(pixels, channels):
                for form in forms(same):
                    assert np.array_equal(library.prepare(picture(format_, [form])), expected), (library.name, format_, height, width)
                    count += 1
    return count


def test_refused(library, formats):
    """A model of 1 or 4 channels takes no other pictures, and says so."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    for format_ in formats:
        p = picture(format_, [pixels[:, :, 0].copy()] * 3)
        p.strides[:] = [128] * 3
        values = np.zeros(library.shape, np.float32)
        status = library.function("prepare")(library.context, ctypes.byref(p), values.ctypes.data_as(ctypes.c_void_p))
        assert status == UNSUPPORTED and b"the model takes" in library.function("context_error")(library.context), (format_, status)


# ── Y, U and V ───────────────────────────────────────────────────────────────────────────────────────────────────────

COLORS = [(0.299, 0.114, False), (0.2126, 0.0722, False), (0.299, 0.114, True), (0.2126, 0.0722, True)]


def to_rgb(y, u, v, kr, kb, full):
    """BT.601-7, 2.5, and BT.709-6, 3, solved for R, G and B; each U and V for 2 x 2 pixels. Halves are rounded upwards, which a little
    more than half does: no other value is nearer to a half than 1e-7."""
    y, u, v = (a.astype(np.float64) for a in (y, u.repeat(2, 0).repeat(2, 1), v.repeat(2, 0).repeat(2, 1)))
    y, u, v = (y / 255, (u - 128) / 255, (v - 128) / 255) if full else ((y - 16) / 219, (u - 128) / 224, (v - 128) / 224)
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.floor(np.dstack([red, green, blue]) * 255 + 0.5 + 1e-9), 0, 255).astype(np.uint8)


def to_rgb_opencv(y, u, v):
    """COLOR_YUV2RGB_NV12, by the integers of OpenCV's color_yuv.simd.hpp."""
    y, u, v = (a.astype(np.int64) for a in (y, u.repeat(2, 0).repeat(2, 1), v.repeat(2, 0).repeat(2, 1)))
    u, v, y = u - 128, v - 128, np.maximum(y - 16, 0) * 1220542
    half = 1 << 19
    rgb = np.dstack([y + half + 1673527 * v, y + half - 852492 * v - 409993 * u, y + half + 2116026 * u]) >> 20
    return np.clip(rgb, 0, 255).astype(np.uint8)


def yuv_planes(height, width):
    return [rng.integers(0, 256, shape, np.uint8) for shape in ((height, width), (height // 2, width // 2), (height // 2, width // 2))]


def yuv_pictures(y, u, v, color):
    uv = np.dstack([u, v])
    for planes in zip(*map(forms, (y, uv))):
        yield picture(NV12, list(planes), color)
    for planes in zip(*map(forms, (y, u, v))):
        yield picture(I420, list(planes), color)


def test_yuv(exact, resizing):
    """On a model that takes pictures as they are, value by value; and on one that resizes them."""
    _, height, width = exact.shape
    for color, (kr, kb, full) in enumerate(COLORS):
        y, u, v = yuv_planes(height, width)
        expected = to_rgb(y, u, v, kr, kb, full)
        for p in yuv_pictures(y, u, v, color):
            assert np.array_equal(exact.prepare(p), expected.transpose(2, 0, 1)), color
        if color == 0:
            legal = y >= 16  # below black OpenCV takes 16
            assert np.abs(expected.astype(int) - to_rgb_opencv(y, u, v))[legal].max() == 1
        y, u, v = yuv_planes(96, 150)
        expected = resizing.prepare(picture(RGB8, [to_rgb(y, u, v, kr, kb, full)]))
        for p in yuv_pictures(y, u, v, color):
            assert np.array_equal(resizing.prepare(p), expected), color


# ── Runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_runs(library):
    """n pictures at once, and each alone, and its prepared values as a tensor."""
    n_labels = library.function("n_labels")(library.model)
    labels = [library.function("label")(library.model, ctypes.c_int64(i)) for i in range(n_labels)]
    arrays = [smooth(40 + 11 * i, 70 - 3 * i, 3) for i in range(7)]
    pictures = [picture(RGB8, [a]) for a in arrays]
    together = library.run_images(pictures, n_labels)
    best = library.classify_images(pictures, 3)
    for i, p in enumerate(pictures):
        values, logits = library.prepare(p), np.empty((1, n_labels), np.float32)
        pointers = [(ctypes.c_void_p * 1)(a.ctypes.data) for a in (values, logits)]
        assert library.function("run")(library.context, pointers[0], ctypes.c_int64(1), pointers[1]) == 0
        assert np.array_equal(together[i:i + 1], logits) and np.array_equal(library.run_images([p], n_labels), logits), i
        assert library.classify_images([p], 3) == [best[i]] and len(best[i]) == min(3, n_labels)
        assert all(label == labels[index] for index, label, _ in best[i]) and best[i][0][0] == logits.argmax()
    assert len(set(map(bytes, together))) > 1


def test_sizes(library):
    """A context that has met pictures for one size takes those of a larger one, and again the first."""
    for side in (64, 96, 64):
        assert library.function("context_set_image_size")(library.context, ctypes.c_int64(side), ctypes.c_int64(side)) == 0
        library.shape = (3, side, side)
        test_runs(library)


def main():
    count, normal = 0, {"size": {"shortest_edge": 64}, "crop_pct": 0.875, "resample": 3}
    for channels in (1, 3, 4):
        for kind in ("torchvision", "pil"):
            library = Library(f"{kind}{channels}", channels, (64, 64), normal, f"--preproc={kind}", threads=1 + channels // 3)
            count += test_interleaved(library)
            if channels != 3:
                test_refused(library, {1: [RGB8, BGR8, RGBA8, BGRA8, NV12, I420], 4: [GRAY8, RGB8, BGR8, NV12, I420]}[channels])
    white = Library("white", 3, (64, 64), {**normal, "do_convert_rgb": True}, "--preproc=pil")
    count += test_interleaved(white)
    resizing = Library("resizing", 3, (64, 64), normal, threads=3)
    test_yuv(Library("exact", 3, (256, 384), BYTES), resizing)
    test_runs(resizing)
    test_sizes(Library("sizes", 3, (64, 64), normal, "--image-size=64,96", threads=2))
    print(count, "frames equal to their files")


main()
