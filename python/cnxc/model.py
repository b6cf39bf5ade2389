# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A compiled model as a Python object: ctypes over its C interface, and NumPy; nothing else, no package around it is needed.

    model = load("libtiny.so")                # cnxc compile tiny/ --emit=shared -o libtiny.so
    model("cat.jpg", top_k=1)                 # [{"label": "tabby", "score": 0.82}]
    model.run(pixel_values=x)                 # {"logits": array}

One that labels pixels gives their classes:

    model("street.jpg")                       # {"labels": array of height x width, "areas": [{"label": "road", "area": 0.41}, ...], ...}

The library's C functions have a prefix, its file any name; the symbol table tells. A model is immutable and shared by threads; a
context belongs to one thread at a time, so that each call takes one from a list of those that are idle, or makes one:

    call 1 ──► context a ──┐                  as many contexts as there were calls at a time
    call 2 ──► context b ──┴──► idle

ctypes lets other threads run while C code does. In a child of fork the contexts with threads are made anew.

Python 3.9 and NumPy 1.22, or later. This file may be copied beside a library of its name: `import tiny; tiny.load()`.
"""
from __future__ import annotations

import collections
import contextlib
import ctypes
import json
import os
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Type, Union, cast

import _ctypes
import numpy as np

if TYPE_CHECKING:  # slow to import
    from numpy.typing import NDArray
    Array = NDArray[Any]

__all__ = ["BugError", "Error", "InputError", "Model", "ResourceError", "UnsupportedError", "UsageError", "load"]

Pathlike = Union[str, "os.PathLike[str]"]
Size = Union[int, Tuple[int, int]]  # height and width; one number is both
Prediction = Dict[str, Any]  # {"label": str, "score": float}
Segmentation = Dict[str, Any]  # {"labels": array, "areas": [{"label": str, "area": float}, …], "logits": array or None}

# ── Errors ────────────────────────────────────────────────────────────────────────────────────────────────


class Error(Exception):
    """What cnxc or a compiled model refuses; the text is theirs. `code` is the exit code that the program would have ended with."""

    code = 70


class InputError(Error, ValueError):
    """A model, a picture or a weights file is wrong."""

    code = 1


class UsageError(Error, ValueError):
    """What was asked for cannot be: an option, a name, a shape, a type."""

    code = 2


class UnsupportedError(Error):
    """Valid, but not supported."""

    code = 3


class ResourceError(Error):
    """A file, memory, threads or the processor."""

    code = 4


class BugError(Error):
    """A mistake of cnxc itself; please report it."""


_MEMORY, _FORK = 6, 14  # without memory a library leaves no words
_BY_STATUS: Dict[int, Type[Error]] = {  # cnxrt_status, by the exit codes of programs
    1: UsageError, 2: UsageError, 3: UsageError, 4: UsageError, 5: ResourceError, _MEMORY: ResourceError, 7: ResourceError,
    8: ResourceError, 9: InputError, 10: InputError, 11: InputError, 12: InputError, 13: UnsupportedError, _FORK: UsageError}

# ── The library ───────────────────────────────────────────────────────────────────────────────────────────


class _Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p),
                ("parallel_for", ctypes.c_void_p), ("parallel_user", ctypes.c_void_p), ("copy_weights", ctypes.c_int64),
                ("check_weights", ctypes.c_int64)]


class _Prediction(ctypes.Structure):
    _fields_ = [("index", ctypes.c_int64), ("label", ctypes.c_char_p), ("score", ctypes.c_float)]


class _Image(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("format", ctypes.c_int64), ("width", ctypes.c_int64), ("height", ctypes.c_int64),
                ("planes", ctypes.c_void_p * 3), ("strides", ctypes.c_int64 * 3), ("color", ctypes.c_int64)]


class _Segmentation(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("width", ctypes.c_int64), ("height", ctypes.c_int64), ("labels", ctypes.c_void_p),
                ("logits", ctypes.c_void_p), ("n_classes", ctypes.c_int64), ("logits_width", ctypes.c_int64), ("logits_height", ctypes.c_int64)]


_FORMATS = {1: 1, 3: 2, 4: 4}  # by channels: GRAY8, RGB8, RGBA8
_P, _I, _S = ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p
_FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "abi_version": (_I, []), "info_json": (_S, []), "status_text": (_S, [ctypes.c_int]), "last_error": (_S, []),
    "create": (ctypes.c_int, [_P, _P]), "destroy": (None, [_P]), "n_labels": (_I, [_P]), "label": (_S, [_P, _I]),
    "context_create": (ctypes.c_int, [_P, _P, ctypes.c_size_t, _P]), "context_destroy": (None, [_P]), "context_error": (_S, [_P]),
    "context_set_image_size": (ctypes.c_int, [_P, _I, _I]), "run": (ctypes.c_int, [_P, _P, _I, _P]),
    "prepare": (ctypes.c_int, [_P, _P, _P]), "prepare_encoded": (ctypes.c_int, [_P, _P, ctypes.c_size_t, _P]),
    "classify_images": (ctypes.c_int, [_P, _P, _I, _I, _P, _P]), "classify_file": (ctypes.c_int, [_P, _S, _I, _P, _P]),
    "classify_memory": (ctypes.c_int, [_P, _P, ctypes.c_size_t, _I, _P, _P]), "segment_image": (ctypes.c_int, [_P, _P, _P]),
    "segment_file": (ctypes.c_int, [_P, _S, _P]), "segment_memory": (ctypes.c_int, [_P, _P, ctypes.c_size_t, _P])}


def _dynamic_names(path: str) -> List[bytes]:
    """Names in the symbol table of a 64-bit ELF file: its string table of type SHT_DYNSYM's link."""
    with open(path, "rb") as file:
        head = file.read(64)
        if len(head) < 64 or head[:6] != b"\x7fELF\2\1":
            raise InputError(f"{path}: not a shared library of Linux, little-endian, 64 bits")
        at, size, count = struct.unpack_from("<40xQ10xHH", head)
        file.seek(at)
        rows = [struct.unpack("<IIQQQQIIQQ", row) for row in iter(lambda: file.read(64), b"") if len(row) == 64][:count] if size == 64 else []
        for row in rows:
            if row[1] == 11 and row[6] < len(rows):
                file.seek(rows[row[6]][4])
                return file.read(rows[row[6]][5]).split(b"\0")
    return []


def _prefix(path: str) -> str:
    ending = b"_context_set_image_size"
    try:
        found = [name[:-len(ending)].decode() for name in _dynamic_names(path) if name.endswith(ending)]
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}") from None
    if len(found) != 1:
        raise InputError(f"{path}: not a library that cnxc compiled; cnxc compile --emit=shared makes one")
    return found[0]


# The loader takes two files for one if they were opened by the same name. A file that has replaced one in use gets another
# spelling of it: "dir/./libtiny.so".
_spellings: Dict[str, Tuple[int, int]] = {}
_users: "collections.Counter[str]" = collections.Counter()


def _spell(path: str) -> str:
    info = os.stat(path)
    folder, base = os.path.split(path)
    spelling = path
    while _users[spelling] and _spellings[spelling] != (info.st_dev, info.st_ino):
        folder += "/."
        spelling = os.path.join(folder, base)
    _spellings[spelling] = (info.st_dev, info.st_ino)
    return spelling


class _Owned:
    """What C made: closed when its object and all that was made of it are gone, in whatever order the garbage collector finds them."""

    lock = threading.RLock()

    def __init__(self, owner: Optional[_Owned]) -> None:
        self.owner, self.users = owner, 1
        if owner:
            owner.retain()

    def retain(self) -> None:
        with _Owned.lock:
            self.users += 1

    def release(self) -> None:
        with _Owned.lock:
            self.users -= 1
            last = self.users == 0
        if last:
            self.close()
            if self.owner:
                self.owner.release()

    def close(self) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        if hasattr(self, "users"):
            self.release()


class _Library(_Owned):
    """An open library."""

    def __init__(self, path: str) -> None:
        prefix = _prefix(path)
        self.handle: Optional[int] = None
        super().__init__(None)
        self.spelling = _spell(path)
        try:
            loaded = ctypes.CDLL(self.spelling)
        except OSError as error:
            raise ResourceError(str(error)) from None
        self.handle = loaded._handle
        _users[self.spelling] += 1
        functions = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            try:
                function = getattr(loaded, f"{prefix}_{name}")
            except AttributeError:
                raise UnsupportedError(f"{path}: compiled by another cnxc; this module needs its function {prefix}_{name}") from None
            function.restype, function.argtypes = result, arguments
            functions[name] = function
        self.call = functions
        self.info: Dict[str, Any] = json.loads(functions["info_json"]())

    def close(self, users: "collections.Counter[str]" = _users, dlclose: Callable[[int], Any] = _ctypes.dlclose) -> None:
        if self.handle is not None:
            users[self.spelling] -= 1
            dlclose(self.handle)

    def error(self, status: int, said: bytes, where: str = "") -> Error:
        """What the status means, in the library's words."""
        text = (said or self.call["status_text"](status)).decode()
        return _BY_STATUS.get(status, BugError)(f"{where}: {text}" if where else text)

    def check_creation(self, status: int) -> None:
        if status:
            raise self.error(status, self.call["last_error"]() if status != _MEMORY else b"")


class _Handle(_Owned):
    """A model that is ready, for contexts of so many threads."""

    def __init__(self, library: _Library, threads: int, weights: Optional[str], copy_weights: bool, check_weights: bool) -> None:
        self.library, self.threads, self.pointer = library, threads, ctypes.c_void_p()
        super().__init__(library)
        options = _Options(ctypes.sizeof(_Options), threads, os.fsencode(weights) if weights else None, None, None, copy_weights, check_weights)
        library.check_creation(library.call["create"](ctypes.byref(options), ctypes.byref(self.pointer)))

    def close(self) -> None:
        self.library.call["destroy"](self.pointer)


_generation = 0  # of this process, counted in forks: threads of contexts stay with the parent


def _after_fork() -> None:
    global _generation
    _generation += 1
    _Owned.lock = threading.RLock()  # another thread may have held it


os.register_at_fork(after_in_child=_after_fork)


class _Context(_Owned):
    """What one thread at a time uses to run a model."""

    def __init__(self, handle: _Handle, size: Optional[Tuple[int, int]], n_inputs: int, n_outputs: int) -> None:
        self.handle, self.library, self.generation = handle, handle.library, _generation
        self.call = handle.library.call
        self.pointer = ctypes.c_void_p()
        super().__init__(handle)
        self.library.check_creation(self.call["context_create"](handle.pointer, None, 0, ctypes.byref(self.pointer)))
        self.inputs, self.outputs = (ctypes.c_void_p * n_inputs)(), (ctypes.c_void_p * n_outputs)()
        if size:
            self.check(self.call["context_set_image_size"](self.pointer, *size))

    def close(self) -> None:
        self.call["context_destroy"](self.pointer)

    def check(self, status: int, where: str = "") -> None:
        if status:
            raise self.library.error(status, self.call["context_error"](self.pointer), where)


# ── Tensors ───────────────────────────────────────────────────────────────────────────────────────────────

_NAMES = {"float": "float32", "double": "float64", "bfloat16": "uint16"}  # NumPy's, where they differ; bfloat16 as its bits


class _Tensor(NamedTuple):
    name: str
    dtype: "np.dtype[Any]"
    shape: Tuple[int, ...]  # -1: the batch
    item: Tuple[int, ...]  # without the batch
    bytes: int  # of an item
    free: bool  # is the first dimension the batch?

    def text(self) -> str:
        return f"{self.dtype} of shape ({', '.join('N' if n < 0 else str(n) for n in self.shape)}{',' * (len(self.shape) == 1)})"


def _tensor(said: Dict[str, Any]) -> _Tensor:
    dtype = np.dtype(_NAMES.get(said["dtype"], said["dtype"]))
    shape = tuple(-1 if isinstance(n, str) else n for n in said["shape"])
    free = shape[:1] == (-1,)
    item = shape[1:] if free else shape
    return _Tensor(said["name"], dtype, shape, item, int(np.prod(item, dtype=np.int64)) * dtype.itemsize, free)


class _Form(NamedTuple):
    """Inputs and outputs for one size of pictures."""

    inputs: List[_Tensor]
    outputs: List[_Tensor]
    size: Optional[Tuple[int, int]]  # to choose it by; None: there is only this one


def _form(said: Dict[str, Any], size: Optional[Tuple[int, int]]) -> _Form:
    return _Form([_tensor(t) for t in said["inputs"]], [_tensor(t) for t in said["outputs"]], size)


def _on_host(value: Any, name: str) -> None:
    device = getattr(value, "__dlpack_device__", None)
    if device is not None and device()[0] not in (1, 3):  # kDLCPU, kDLCUDAHost
        raise UsageError(f"{name} lies on another device than the CPU, {getattr(value, 'device', device())}; copy it to the CPU first")


def _shared(value: Any, name: str) -> Array:
    """The value as an array, without a copy where its owner gives its memory away."""
    if isinstance(value, np.ndarray):
        return value
    try:
        _on_host(value, name)
        if hasattr(value, "__array_interface__") or not hasattr(value, "__dlpack__"):
            return np.asarray(value)
        return np.from_dlpack(value)
    except Error:
        raise
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
    raise UsageError(f"{name} cannot be read as an array: {reason}")


def _fitting(value: Any, tensor: _Tensor) -> Array:
    """C-contiguous and of the tensor's type; a copy only where the value is neither."""
    array = _shared(value, tensor.name)
    if array.dtype != tensor.dtype and not np.can_cast(array.dtype, tensor.dtype, "same_kind"):
        raise UsageError(f"{tensor.name}: expected {tensor.text()}, got {array.dtype}")
    return np.require(array, tensor.dtype, ["C", "A"])


def _writable(value: Any, tensor: _Tensor, shape: Tuple[int, ...]) -> Array:
    array = _shared(value, tensor.name)
    if not array.flags.writeable and hasattr(value, "__array__"):  # older NumPy's from_dlpack does not know
        array = np.asarray(value)
    if array.dtype == tensor.dtype and array.shape == shape and array.flags.carray:
        return array
    state = "" if array.flags.carray else ", not C-contiguous and writable"
    raise UsageError(f"outputs: {tensor.name}: expected C-contiguous {tensor.dtype} of shape {shape}, got {array.dtype} of shape {array.shape}{state}")


def _unknown(kind: str, name: str, names: Iterable[str]) -> UsageError:
    import difflib
    names = list(names)
    near = difflib.get_close_matches(name, names, 1, 0)
    return UsageError(f"the model has no {kind} '{name}'" + (f"; did you mean '{near[0]}'?" if near else ""))


# ── Pictures ──────────────────────────────────────────────────────────────────────────────────────────────


def _is_pillow(picture: Any) -> bool:
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(picture, pillow.Image)


def _several(pictures: Any) -> Optional[Iterable[Any]]:
    """None: it is one."""
    if isinstance(pictures, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(pictures, "read") or _is_pillow(pictures):
        return None
    if hasattr(pictures, "__array_interface__") or hasattr(pictures, "__dlpack__"):
        array = _shared(pictures, "pictures")
        return array if array.ndim > 3 or (array.ndim and array.dtype.kind in "OSTU") else None
    if not isinstance(pictures, collections.abc.Iterable):
        raise UsageError(f"expected a picture or several: paths, bytes, files, PIL pictures or uint8 arrays; got {type(pictures).__name__}")
    return pictures


def _samples(picture: Any, channels: int) -> Array:
    """Those of a PIL picture, as transformers' pipelines load it; as they are where the model takes no colours."""
    if channels == 3:
        from PIL import ImageOps
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in picture.info:
            picture = picture.convert("RGBA")  # whether alpha is dropped or put on white the model knows
        elif picture.mode not in ("L", "RGB"):
            picture = picture.convert("RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "RGBA"):
        picture = picture.convert("RGB")
    return np.asarray(picture)


def _frame(samples: Array, name: str) -> Tuple[_Image, Array]:
    """A decoded picture for the C interface, and the memory that it points into. Rows may lie anywhere, also upside down."""
    if samples.dtype != np.uint8 or samples.ndim not in (2, 3):
        raise UsageError(f"{name}: a picture is a uint8 array of height x width or height x width x channels, got {samples.dtype} of shape "
                         f"{samples.shape}; pixel values go to run()")
    pixels = samples if samples.ndim == 3 else samples[:, :, None]
    height, width, channels = pixels.shape
    if channels not in _FORMATS:
        hint = "; transpose(1, 2, 0) puts the channels last" if height in _FORMATS else ""
        raise UsageError(f"{name}: a picture has 1, 3 or 4 channels, got an array of shape {samples.shape}{hint}")
    if pixels.strides[2] != 1 or pixels.strides[1] != channels:
        pixels = np.ascontiguousarray(pixels)
    image = _Image(ctypes.sizeof(_Image), _FORMATS[channels], width, height)
    image.planes[0], image.strides[0] = pixels.ctypes.data, pixels.strides[0] if height > 1 else 0
    return image, pixels


def _encoded(data: Any, name: str) -> Array:
    try:
        return np.frombuffer(data, np.uint8) if len(data) else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        raise UsageError(f"{name}: bytes of a picture are expected, got {type(data).__name__}: {error}") from None


def _copied(address: int, kind: Any, shape: Tuple[int, ...]) -> Array:
    return np.ctypeslib.as_array((kind * int(np.prod(shape))).from_address(address)).reshape(shape).copy()


def _source(picture: Any, channels: int, name: str) -> Union[str, Array]:
    """A path, the bytes of a file (one dimension), or samples."""
    if hasattr(picture, "read"):
        picture = picture.read()
        if isinstance(picture, str):
            raise UsageError(f"{name}: the file is open as text; open it with mode 'rb'")
    if isinstance(picture, (str, os.PathLike)):
        return os.fsdecode(picture)
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return _encoded(picture, name)
    if _is_pillow(picture):
        return _samples(picture, channels)
    array = _shared(picture, name)
    return np.ascontiguousarray(array) if array.ndim == 1 and array.dtype == np.uint8 else array


def _read(path: str) -> Array:
    try:
        with open(path, "rb") as file:
            return _encoded(file.read(), path)
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}") from None


# ── Threads ───────────────────────────────────────────────────────────────────────────────────────────────


def _limit(path: str) -> int:
    """Whole processors that a cgroup's cpu.max allows, rounded up."""
    try:
        with open(path, encoding="ascii") as file:
            quota, period = map(int, file.read().split())
        return -(-quota // period)
    except (OSError, ValueError):
        return sys.maxsize


def allowed_threads() -> int:
    """As many as affinity and the cgroup's quota give processors to: what models use by default, as programs do."""
    least = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, StopIteration), open("/proc/self/cgroup", encoding="utf-8") as file:
        group = next(line[3:].strip() for line in file if line.startswith("0::"))
        while group:
            least, group = min(least, _limit(f"/sys/fs/cgroup{group}/cpu.max")), group.rpartition("/")[0]
        least = min(least, _limit("/sys/fs/cgroup/cpu.max"))
    return max(1, least)


class _Queue:
    """Items for several threads, each with its number, until one fails or all are taken."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.lock, self.items = threading.Lock(), iter(items)
        self.answers: List[Any] = []
        self.failures: List[Tuple[int, BaseException]] = []

    def take(self) -> Optional[Tuple[int, Any]]:
        with self.lock:
            if self.failures:
                return None
            for item in self.items:
                self.answers.append(None)
                return len(self.answers) - 1, item
            return None

    def work(self, answer: Callable[[int, Any], Any]) -> None:
        index = sys.maxsize
        try:
            for index, item in iter(self.take, None):
                self.answers[index] = answer(index, item)
        except BaseException as error:
            self.failures.append((index, error))


# ── The model ─────────────────────────────────────────────────────────────────────────────────────────────

_SECONDS = 0.1  # a run of a larger batch is several calls, so that Ctrl-C is heard between them


_byte: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer
_address = ctypes.addressof


class Model:
    """A compiled model. Threads may share it; it is freed with the last reference to it, its library too.

    Calling it classifies pictures, `run` computes tensors, `prepare` makes tensors of pictures, `embed` any outputs of pictures.
    A child of fork may go on using it. It pickles as its library's path, which must be there where it is unpickled.

    Attributes:
        path: the library's file.
        name: of the model, the prefix of its C functions.
        labels: those of a classifier by class; else empty.
        info: what the model is: inputs, outputs, shapes, labels, CPU, precision, hashes.
        threads: that one call uses.
    """

    def __init__(self, path: Pathlike, *, threads: Optional[int] = None, weights: Optional[Pathlike] = None, copy_weights: bool = False,
                 check_weights: bool = False) -> None:
        self.path = os.path.abspath(os.fsdecode(path))
        self.threads = allowed_threads() if threads is None else threads
        if self.threads < 1:
            raise UsageError(f"threads is 1 or more, got {threads}")
        self._settings = (os.path.abspath(os.fsdecode(weights)) if weights is not None else None, copy_weights, check_weights)
        self._library = _Library(self.path)
        self.info: Dict[str, Any] = self._library.info
        self.name: str = self.info["name"]
        self._forms = [_form(said, (said["height"], said["width"])) for said in self.info.get("sizes", ())] or [_form(self.info, None)]
        first = self._forms[0].inputs
        self._pixels = next((i for i, t in enumerate(first) if t.name == "pixel_values"), next((i for i, t in enumerate(first) if len(t.shape) == 4), -1))
        self._channels = first[self._pixels].shape[1] if self._pixels >= 0 else 0
        form = self._forms[0]
        quick = len(self._forms) == len(first) == 1 and first[0].free and all(t.free and t.bytes for t in form.outputs)
        self._quick = (first[0].name, first[0].dtype, first[0].item, form) if quick else None
        self._segments = self.info["task"] == "image-segmentation"
        self._two_losses = any(t.name == "labels.multi_label" for t in first)
        self._handles = {self.threads: self._handle(self.threads)}
        call, pointer = self._library.call, self._handles[self.threads].pointer  # which also names labels that the model does not
        self.labels: List[str] = self.info["labels"] or [call["label"](pointer, i).decode() for i in range(call["n_labels"](pointer))]
        self._idle: Dict[Tuple[int, Optional[Tuple[int, int]]], List[_Context]] = {}
        self._seconds: Dict[Optional[Tuple[int, int]], float] = {}  # of an item, by size, lately

    def __repr__(self) -> str:
        return f"<cnxc model {self.name}: {self.info['task']}, {self.info['precision']}, {self.path}>"

    def __reduce__(self) -> Tuple[Any, ...]:
        return _reload, (type(self), self.path, self.threads, *self._settings)

    # ── Contexts ──

    def _handle(self, threads: int) -> _Handle:
        return _Handle(self._library, threads, *self._settings)

    def _take(self, threads: int, size: Optional[Tuple[int, int]]) -> Tuple[_Context, List[_Context]]:
        idle = self._idle.setdefault((threads, size), [])
        try:
            while True:
                context = idle.pop()
                if context.generation == _generation:
                    return context, idle
        except IndexError:
            pass
        if threads not in self._handles:
            self._handles[threads] = self._handle(threads)
        return _Context(self._handles[threads], size, len(self._forms[0].inputs), len(self._forms[0].outputs)), idle

    @contextlib.contextmanager
    def _context(self, threads: int, size: Optional[Tuple[int, int]]) -> Iterator[_Context]:
        context, idle = self._take(threads, size)
        try:
            yield context
        finally:
            idle.append(context)

    def _chosen(self, image_size: Optional[Size]) -> Tuple[_Form, Optional[Tuple[int, int]]]:
        """The form for a size that the caller names, and the size that a context is to be set to."""
        if image_size is None:
            return self._forms[0], None
        size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        for form in self._forms:
            if self._pixels >= 0 and form.inputs[self._pixels].shape[2:] == size:
                return form, form.size
        names = ", ".join("{}x{}".format(*form.inputs[self._pixels].shape[2:]) for form in self._forms) if self._pixels >= 0 else "no pictures"
        raise UnsupportedError(f"there is no code for {'x'.join(map(str, size))}; compiled for {names}")

    # ── Tensors ──

    def run(self, inputs: Any = None, /, *, outputs: Optional[Mapping[str, Any]] = None, **named: Any) -> Dict[str, Array]:
        """Computes the model's outputs.

        Args:
            inputs: a mapping from the graph's names, or the array itself where the model has one input.
            named: the inputs by name, as an alternative. Anything with __array_interface__, __dlpack__ or __array__ (NumPy,
                torch, JAX …), pictures as float32 of shape (N, channels, height, width). C-contiguous arrays of the input's
                type are used where they lie, others are converted if no meaning is lost.
            outputs: arrays to write into, by name: C-contiguous, of the output's type and shape.

        Returns:
            Each output by its name; those of `outputs` as they were given. Losses have no dimensions, all else has the batch
            first. Where the type of `labels` decides between two losses, floats mean a number for each label.

        Raises:
            UsageError: a name, type or shape that the model does not have.
            UnsupportedError: pictures of a size that there is no code for.
        """
        if inputs is None and outputs is None and self._quick and len(named) == 1:
            found = self._run_quick(named)
            if found is not None:
                return found
        given = cast(Mapping[str, Any], named) if inputs is None else self._by_name(inputs, named)
        if self._two_losses:
            return self._run_losses(given, outputs)
        return self._run(given, outputs)

    def _run_quick(self, named: Dict[str, Any]) -> Optional[Dict[str, Array]]:
        """What `_run` does of one array that needs no work: after a run little of Python is left in the processor's caches, so that
        each function and object here costs a microsecond. None: not such a one."""
        name, dtype, item, form = cast(Tuple[str, Any, Tuple[int, ...], _Form], self._quick)
        x = named.get(name)
        if type(x) is not np.ndarray or x.dtype is not dtype or x.shape[1:] != item:
            return None
        flags, batch = x.flags, x.shape[0]
        if not flags.carray or not 0 < batch <= self.threads:
            return None
        context, idle = self._take(self.threads, None)
        try:
            context.inputs[0] = _address(_byte(x))
            results = {}
            for i, tensor in enumerate(form.outputs):
                result = results[tensor.name] = np.empty((batch, *tensor.item), tensor.dtype)
                context.outputs[i] = _address(_byte(result))
            status = context.call["run"](context.pointer, context.inputs, batch, context.outputs)
            if status:
                context.check(status)
            return results
        finally:
            idle.append(context)

    def _by_name(self, inputs: Any, named: Dict[str, Any]) -> Mapping[str, Any]:
        if isinstance(inputs, collections.abc.Mapping):
            return {**inputs, **named}
        tensors = self._forms[0].inputs
        if len(tensors) != 1 or named:
            raise UsageError(f"inputs go by name here: {', '.join(t.name for t in tensors)}")
        return {tensors[0].name: inputs}

    def _run(self, given: Mapping[str, Any], outputs: Optional[Mapping[str, Any]]) -> Dict[str, Array]:
        form, arrays, batch = self._match(given)
        results = self._results(form, outputs, batch)
        context, idle = self._take(self.threads, form.size)
        try:
            self._compute(context, form, arrays, batch, results)
        finally:
            idle.append(context)
        names = [t.name for t in form.outputs]
        if outputs:
            return {name: outputs.get(name, result) for name, result in zip(names, results)}
        return dict(zip(names, results))

    def _match(self, given: Mapping[str, Any]) -> Tuple[_Form, List[Array], int]:
        """The form whose shapes the inputs have, the inputs in its order, and the batch."""
        form = self._forms[0]
        arrays = []
        for tensor in form.inputs:
            value = given.get(tensor.name)
            if value is None:
                raise self._missing(given)
            if type(value) is not np.ndarray or value.dtype != tensor.dtype or not (value.flags.c_contiguous and value.flags.aligned):
                value = _fitting(value, tensor)
            arrays.append(value)
        if len(given) != len(arrays):
            raise self._missing(given)
        for form in self._forms:
            batch = self._batch(form, arrays)
            if batch is not None:
                return form, arrays, batch
        raise self._misshapen(arrays)

    def _missing(self, given: Mapping[str, Any]) -> UsageError:
        names = [t.name for t in self._forms[0].inputs]
        for name in given:
            if name not in names:
                return _unknown("input", name, names)
        return UsageError(f"the inputs {', '.join(n for n in names if given.get(n) is None)} are missing; the model takes "
                          + " and ".join(f"{t.name}, {t.text()}" for t in self._forms[0].inputs))

    @staticmethod
    def _batch(form: _Form, arrays: List[Array]) -> Optional[int]:
        """How many items the arrays have; None: their shapes are not the form's. 1 where nothing is free."""
        batch = -1
        for tensor, array in zip(form.inputs, arrays):
            shape = array.shape
            if not tensor.free:
                if shape != tensor.shape:
                    return None
            elif shape[1:] != tensor.item or not shape or (batch >= 0 and shape[0] != batch):
                return None
            else:
                batch = shape[0]
        return batch if batch >= 0 else 1

    def _misshapen(self, arrays: List[Array]) -> Error:
        wrong = [(t, a) for t, a in zip(self._forms[0].inputs, arrays)
                 if (a.shape != t.shape if not t.free else a.shape[1:] != t.item or not a.shape)]
        if not wrong:
            return UsageError("the inputs differ in the batch: " + ", ".join(f"{t.name} {a.shape[0]}" for t, a in zip(self._forms[0].inputs, arrays) if t.free))
        tensor, array = wrong[0]
        if len(self._forms) > 1 and array.ndim == 4:
            self._chosen((array.shape[2], array.shape[3]))
        return UsageError(f"{tensor.name}: expected {tensor.text()}, got shape {array.shape}")

    def _results(self, form: _Form, outputs: Optional[Mapping[str, Any]], batch: int) -> List[Array]:
        if not outputs:
            return [np.empty((batch, *t.item) if t.free else t.shape, t.dtype) for t in form.outputs]
        names = [t.name for t in form.outputs]
        for name in outputs:
            if name not in names:
                raise _unknown("output", name, names)
        results = []
        for tensor in form.outputs:
            shape = (batch, *tensor.item) if tensor.free else tensor.shape
            given = outputs.get(tensor.name)
            results.append(np.empty(shape, tensor.dtype) if given is None else _writable(given, tensor, shape))
        return results

    def _compute(self, context: _Context, form: _Form, arrays: List[Array], batch: int, results: List[Array]) -> None:
        whole = not all(t.free for t in form.outputs)  # what sums up over the batch needs it at once
        seconds = self._seconds.get(form.size, _SECONDS)
        at_once = batch if whole else max(1, int(_SECONDS / (seconds * self.threads))) * self.threads
        inputs, outputs, run = context.inputs, context.outputs, context.call["run"]
        bases = [a.__array_interface__["data"][0] for a in arrays], [a.__array_interface__["data"][0] for a in results]
        for done in range(0, batch, at_once) if batch > at_once else (0,):
            for i, tensor in enumerate(form.inputs):
                inputs[i] = bases[0][i] + done * tensor.bytes if tensor.free else bases[0][i]
            for i, tensor in enumerate(form.outputs):
                outputs[i] = bases[1][i] + done * tensor.bytes
            n = min(at_once, batch - done)
            start = time.perf_counter()
            status = run(context.pointer, inputs, n, outputs)
            context.check(status)
            self._seconds[form.size] = max(1e-6, (time.perf_counter() - start) / n)

    def _run_losses(self, given: Mapping[str, Any], outputs: Optional[Mapping[str, Any]]) -> Dict[str, Array]:
        """As transformers: the labels' type says which of the two losses they mean, and that one is called loss."""
        values = dict(given)
        floats = "labels" in values and _shared(values["labels"], "labels").dtype.kind == "f"
        if floats and "labels.multi_label" not in values:
            values["labels.multi_label"] = values.pop("labels")
        floats = floats or "labels" not in values
        other = next(t for t in self._forms[0].inputs if t.name == ("labels" if floats else "labels.multi_label"))
        pixels = values.get(self._forms[0].inputs[self._pixels].name)
        n = len(pixels) if pixels is not None else 0
        values.setdefault(other.name, np.zeros((n, *other.item), other.dtype))
        wanted = {("loss.multi_label" if name == "loss" and floats else name): value for name, value in (outputs or {}).items()}
        results = self._run(values, wanted)
        loss = results.pop("loss.multi_label", None)
        if floats and loss is not None:
            results["loss"] = loss
        return results

    # ── Pictures ──

    def __call__(self, pictures: Any, top_k: int = 5, *, image_size: Optional[Size] = None, errors: str = "raise") -> Any:
        """Classifies pictures, or labels their pixels, as a pipeline of transformers does.

        Args:
            pictures: one, or any number of them: a path; a file's bytes, or a file open for reading, JPEG, PNG or WebP; a PIL
                picture; a uint8 array of height x width, or height x width x 1, 3 or 4 channels (gray, RGB, RGBA), of which one
                with a dimension more is several.
            top_k: so many answers a picture, or fewer where there are fewer classes. Of pixels all areas are given.
            image_size: which size to run of a model that was compiled for several.
            errors: "raise", or "return": of several pictures those that fail have the Error in their answer's place.

        Returns:
            [{"label": "tabby", "score": 0.82}, …], best first. Of a model that labels pixels: {"labels": the class of each, int32 of
            the picture's height x width, "areas": [{"label": "road", "area": its share of the picture}, …], greatest first, "logits":
            those of the model, classes x height x width of its own size, or None}. For several pictures a list of these. Several are
            spread over `threads`, each of which decodes and computes by itself.

        Raises:
            InputError: not a picture, or a damaged one. ResourceError: a file that cannot be read. UsageError,
            UnsupportedError: an array that is no picture, a model that does not classify.
        """
        if top_k < 1:
            raise UsageError(f"top_k is 1 or more, got {top_k}")
        _, size = self._chosen(image_size)

        def answer(context: _Context, picture: Any, name: str) -> Union[List[Prediction], Segmentation]:
            return self._segment(context, picture, name) if self._segments else self._classify(context, picture, top_k, name)
        return self._each(pictures, answer, size, errors)

    def prepare(self, pictures: Any, *, image_size: Optional[Size] = None) -> NDArray[np.float32]:
        """What the model's image processor makes of pictures, for `run`.

        Args:
            pictures: as in a call.
            image_size: of a model that was compiled for several sizes the one to prepare for; the first by default.

        Returns:
            float32 of shape (N, channels, height, width), N = 1 for one picture.
        """
        form, size = self._chosen(image_size)

        def answer(context: _Context, picture: Any, name: str) -> Array:
            return self._prepare(context, form, picture, name)
        made = self._each(pictures, answer, size, "raise")
        return np.stack(made) if isinstance(made, list) and made else made[None] if isinstance(made, np.ndarray) else self._nothing(form)

    def _nothing(self, form: _Form) -> Array:
        return np.empty((0, *form.inputs[self._pixels].item), np.float32)

    def embed(self, pictures: Any, *, image_size: Optional[Size] = None, errors: str = "raise") -> Any:
        """All outputs of pictures: `run(pixel_values=prepare(pictures))`, one picture a thread at a time, so that memory stays small.

        Returns:
            {"pooler_output": array of shape (768,), …}, the outputs without the batch; for several pictures a list of these.
            Arguments are those of a call.
        """
        form, size = self._chosen(image_size)

        def answer(context: _Context, picture: Any, name: str) -> Dict[str, Array]:
            pixels = self._prepare(context, form, picture, name)[None]
            results = self._results(form, None, 1)
            self._compute(context, form, [pixels], 1, results)
            return {t.name: r[0] if t.free else r for t, r in zip(form.outputs, results)}
        if len(form.inputs) > 1:
            raise UnsupportedError("the model needs more than the picture: " + ", ".join(t.name for t in form.inputs))
        return self._each(pictures, answer, size, errors)

    def _each(self, pictures: Any, answer: Callable[[_Context, Any, str], Any], size: Optional[Tuple[int, int]], errors: str) -> Any:
        if errors not in ("raise", "return"):
            raise UsageError(f"errors is 'raise' or 'return', got {errors!r}")
        items = _several(pictures)
        if items is None:
            with self._context(self.threads, size) as context:
                return answer(context, pictures, "picture")
        queue = _Queue(items)
        few = len(items) < self.threads if isinstance(items, collections.abc.Sized) else False
        threads = 1 if few else self.threads  # each with a context of one thread

        def work() -> None:
            with self._context(self.threads if few else 1, size) as context:
                queue.work(lambda index, picture: self._answer(answer, context, picture, index, errors))
        self._spread(work, queue, threads)
        return queue.answers

    @staticmethod
    def _answer(answer: Callable[[_Context, Any, str], Any], context: _Context, picture: Any, index: int, errors: str) -> Any:
        try:
            return answer(context, picture, f"pictures[{index}]")
        except Error as error:
            if errors == "raise":
                raise
            return error.with_traceback(None)  # whose frames would keep the model

    @staticmethod
    def _spread(work: Callable[[], None], queue: _Queue, threads: int) -> None:
        """Runs work on so many threads, the caller's among them; raises the first item's failure when all have stopped."""
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                queue.failures.append((sys.maxsize, error))
        others = [threading.Thread(target=guarded, daemon=True) for _ in range(threads - 1)]
        for thread in others:
            thread.start()
        guarded()
        for thread in others:
            thread.join()
        if queue.failures:
            failure = min(queue.failures, key=lambda failed: (isinstance(failed[1], Exception), failed[0]))[1]
            queue.failures.clear()
            try:
                raise failure
            finally:
                del failure  # or it and this frame would keep each other

    def _classify(self, context: _Context, picture: Any, top_k: int, name: str) -> List[Prediction]:
        k = min(top_k, max(1, len(self.labels)))
        best, n = (_Prediction * k)(), ctypes.c_int64()
        self._ask(context, ("classify_file", "classify_memory", "classify_images"), picture, name, (1,), (k, best, ctypes.byref(n)))
        return [{"label": self.labels[p.index], "score": p.score} for p in best[:n.value]]

    def _segment(self, context: _Context, picture: Any, name: str) -> Segmentation:
        seen = _Segmentation(ctypes.sizeof(_Segmentation))
        self._ask(context, ("segment_file", "segment_memory", "segment_image"), picture, name, (), (ctypes.byref(seen),))
        labels = _copied(seen.labels, ctypes.c_int32, (seen.height, seen.width))
        logits = _copied(seen.logits, ctypes.c_float, (seen.n_classes, seen.logits_height, seen.logits_width)) if seen.logits else None
        counts = np.bincount(labels[(labels >= 0) & (labels < len(self.labels))], minlength=len(self.labels))
        areas = [{"label": self.labels[i], "area": float(counts[i] / labels.size)} for i in np.argsort(-counts, kind="stable") if counts[i]]
        return {"labels": labels, "areas": areas, "logits": logits}

    def _ask(self, context: _Context, functions: Tuple[str, str, str], picture: Any, name: str, one: Tuple[Any, ...], rest: Tuple[Any, ...]) -> None:
        """Calls the function for a path, for bytes or for samples, of which `one` says how many pictures they are."""
        call, source = context.call, _source(picture, self._channels, name)
        if isinstance(source, str):
            status = call[functions[0]](context.pointer, os.fsencode(source), *rest)
            name = source
        elif source.ndim == 1 and source.dtype == np.uint8:
            status = call[functions[1]](context.pointer, source.ctypes.data, source.size, *rest)
        else:
            image, kept = _frame(source, name)
            status = call[functions[2]](context.pointer, ctypes.byref(image), *one, *rest)
            del kept
        context.check(status, name)

    def _prepare(self, context: _Context, form: _Form, picture: Any, name: str) -> Array:
        pixels = np.empty(form.inputs[self._pixels].item if self._pixels >= 0 else (1,), np.float32)
        source = _source(picture, self._channels, name)
        if isinstance(source, str):
            name, source = source, _read(source)
        if source.ndim == 1 and source.dtype == np.uint8:
            status = context.call["prepare_encoded"](context.pointer, source.ctypes.data, source.size, pixels.ctypes.data)
        else:
            image, kept = _frame(source, name)
            status = context.call["prepare"](context.pointer, ctypes.byref(image), pixels.ctypes.data)
            del kept
        context.check(status, name)
        return pixels

    # ── The file ──

    def save(self, path: Pathlike) -> None:
        """Copies the library to path, whole or not at all, and beside it the weights where they are a file of their own."""
        place = os.path.abspath(os.fsdecode(path))
        if self.info["weights_file"]:
            weights = self._settings[0] or os.path.join(os.path.dirname(self.path), self.info["weights_file"])
            _copy(weights, os.path.join(os.path.dirname(place), self.info["weights_file"]), 0)
        _copy(self.path, place, _sealed(self.path))


def _sealed(path: str) -> int:
    """Bytes that cnxc's cache has put behind the library's last."""
    with open(path, "rb") as file:
        file.seek(-16, os.SEEK_END)
        return 16 if file.read(8) == b"CNXCSEAL" else 0


def _copy(source: str, place: str, without: int) -> None:
    import shutil
    import tempfile
    if os.path.exists(place) and os.path.samefile(source, place):
        return
    try:
        with open(source, "rb") as whole, tempfile.NamedTemporaryFile(dir=os.path.dirname(place), prefix=".cnxc-", delete=False) as copy:
            try:
                shutil.copyfileobj(whole, copy)
                copy.truncate(copy.tell() - without)
                os.chmod(copy.name, os.stat(source).st_mode & 0o777)
                os.replace(copy.name, place)
            except BaseException:
                os.unlink(copy.name)
                raise
    except OSError as error:
        raise ResourceError(f"{place}: {error.strerror}") from None


def _reload(kind: Type[Model], path: str, threads: int, weights: Optional[str], copy_weights: bool, check_weights: bool) -> Model:
    return kind(path, threads=threads, weights=weights, copy_weights=copy_weights, check_weights=check_weights)


def _beside() -> str:
    """The library that this file, copied under a model's name, belongs to: beside it, or in lib beside its folder."""
    folder, file = os.path.split(os.path.abspath(__file__))
    library = f"lib{os.path.splitext(file)[0]}.so"
    places = [os.path.join(folder, library), os.path.join(os.path.dirname(folder), "lib", library)]
    return next((place for place in places if os.path.exists(place)), places[0])


def load(path: Optional[Pathlike] = None, *, threads: Optional[int] = None, weights: Optional[Pathlike] = None, copy_weights: bool = False,
         check_weights: bool = False) -> Model:
    """Opens a library that cnxc compiled.

    Args:
        path: the file; by default lib{NAME}.so beside this module, NAME.py, or in ../lib.
        threads: that one call uses; by default as many as affinity and cgroup give processors to. Results do not depend on it.
        weights: where the weights are not in the library: their file; by default beside it.
        copy_weights: read a weights file into memory instead of sharing its pages with other processes.
        check_weights: compare weights inside the library with their checksum, too; some 10 ms for 100 MB.

    Raises:
        ResourceError: no such file, a processor that lacks instructions, memory. InputError: not a library of cnxc, or
        damaged weights.
    """
    return Model(_beside() if path is None else path, threads=threads, weights=weights, copy_weights=copy_weights, check_weights=check_weights)
