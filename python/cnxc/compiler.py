# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiler from Python: a child process that leaves a library in cnxc's cache, or in a file, and says where.

    compile("tiny/", precision="bf16")   →   cnxc compile tiny/ --precision=bf16 --emit=shared --cached   →   a path   →   Model

What it prints comes back as exceptions with its words, as warnings, and in the log "cnxc".
"""
from __future__ import annotations

import contextlib
import json
import os
import warnings
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type, Union

from cnxc.model import BugError, Error, InputError, Model, Pathlike, ResourceError, Size, UnsupportedError, UsageError

__all__ = ["CompilerWarning", "compile", "program"]

_BY_CODE: Dict[int, Type[Error]] = {kind.code: kind for kind in (InputError, UsageError, UnsupportedError, ResourceError, BugError)}
_HERE = os.path.dirname(os.path.abspath(__file__))


class CompilerWarning(UserWarning):
    """What the compiler warns of."""


def program() -> str:
    """The compiler's path: $CNXC, or the one in this package, of the checkout that it lies in, or on PATH."""
    import shutil
    checkout = os.path.join(os.path.dirname(os.path.dirname(_HERE)), "build", "release", "bin", "cnxc")
    for path in (os.environ.get("CNXC"), os.path.join(_HERE, "bin", "cnxc"), checkout, shutil.which("cnxc")):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise ResourceError("no compiler: neither this package nor PATH has the program cnxc; the variable CNXC may name it")


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────


def _sentence(said: Mapping[str, Any]) -> str:
    place = ":".join(str(said[key]) for key in ("path", "line", "column") if key in said)
    return f"{place}: {said['message']}" if place else str(said["message"])


def _diagnostics(text: str) -> Iterator[Tuple[str, str]]:
    """Severity and sentence of each; what is no diagnostic, such as the table of a search, is a note."""
    for line in filter(None, text.splitlines()):
        try:
            said = json.loads(line)
            yield said["severity"], _sentence(said)
        except (ValueError, KeyError, TypeError):
            yield "note", line


def _report(code: int, text: str) -> None:
    """Raises what the exit code means; else passes warnings and notes on."""
    import logging
    import signal
    said = list(_diagnostics(text))
    if code == 0:
        for severity, sentence in said:
            if severity == "warning":
                warnings.warn(sentence, CompilerWarning, stacklevel=4)
            else:
                logging.getLogger("cnxc").info("%s", sentence)
        return
    errors = [sentence for severity, sentence in said if severity == "error"] or [sentence for _, sentence in said]
    if code < 0:
        raise ResourceError(f"the compiler was ended by {signal.Signals(-code).name}")
    raise _BY_CODE.get(code, BugError)("\n".join(errors) or f"the compiler ended with exit code {code}")


def _run(words: List[str]) -> str:
    """Standard output of the compiler. Ctrl-C reaches it too: it takes away what it has written, and is waited for."""
    import subprocess
    child = subprocess.Popen([program(), "--diagnostics=json", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="backslashreplace")
    try:
        out, said = child.communicate()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    _report(child.returncode, said)
    return out


# ── The options ───────────────────────────────────────────────────────────────────────────────────────────


def _size(size: Union[Size, str]) -> str:
    return size if isinstance(size, str) else str(size) if isinstance(size, int) else "x".join(map(str, size))


def _sizes(sizes: Union[Size, str, Sequence[Size], None]) -> Optional[str]:
    """224, (512, 768), or a list of such."""
    return ",".join(map(_size, sizes)) if isinstance(sizes, list) else None if sizes is None else _size(sizes)  # type: ignore[arg-type]


def _list(values: Union[str, Sequence[str], None]) -> Optional[str]:
    return values if values is None or isinstance(values, str) else ",".join(values)


def _path(value: Any, name: str, folder: contextlib.ExitStack) -> Optional[str]:
    """Of a file that is there, or that now holds the value: a model of the onnx package as it is, all else as JSON."""
    if value is None or isinstance(value, (str, os.PathLike)):
        return value if value is None else os.fsdecode(value)
    import tempfile
    path = os.path.join(folder.enter_context(tempfile.TemporaryDirectory(prefix="cnxc-")), name)
    with open(path, "wb") as file:
        file.write(value.SerializeToString() if hasattr(value, "SerializeToString") else json.dumps(value).encode())
    return path


def _words(options: Mapping[str, Any]) -> List[str]:
    return [f"{name}={value}" for name, value in options.items() if value is not None]


# ── Compiling ─────────────────────────────────────────────────────────────────────────────────────────────


class _CachedModel(Model):
    """Holds its entry of the cache: those that are in use are not removed to make room."""

    _file: Optional[int] = None

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)


def _open(path: str, threads: Optional[int]) -> Optional[Model]:
    """None: it was removed since."""
    import fcntl
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        if not os.path.exists(path):
            os.close(file)
            return None
        model = _CachedModel(path, threads=threads)
    except BaseException:
        os.close(file)
        raise
    model._file = file
    return model


def compile(model: Any, *, precision: Optional[str] = None, cpu: Union[str, Sequence[str], None] = None,
            image_size: Union[Size, str, List[Size], None] = None, outputs: Union[str, Sequence[str], None] = None,
            task: Optional[str] = None, problem_type: Optional[str] = None, processor: Union[Pathlike, Mapping[str, Any], None] = None,
            labels: Union[Pathlike, Sequence[str], None] = None, preproc: Optional[str] = None, dims: Optional[Mapping[str, int]] = None,
            calibrate: Optional[Pathlike] = None, max_drop: Optional[float] = None, budget: Optional[str] = None,
            level: Optional[int] = None, jobs: Optional[int] = None, options: Sequence[str] = (), output: Optional[Pathlike] = None,
            threads: Optional[int] = None) -> Model:
    """Compiles a model, or finds it in the cache: $XDG_CACHE_HOME/cnxc, keyed by content and options, the one of `cnxc run`.

    Args:
        model: a folder of Hugging Face's, timm's or Optimum's, a checkpoint, an .onnx or ONNX text; or a ModelProto of onnx.
        precision: of products: "f32" (the default), "bf16", "int8".
        cpu: "native" (the default), one of LLVM's names or a profile, FILE.xml; several make a library that picks.
        image_size: of pictures, 224 or (height, width); a list makes a library for all of them, the first by default.
        outputs: names of what is to be computed: "logits", "pooler_output", "hidden_states.2", any value of the graph.
        task: "image-classification", "feature-extraction", "backbone" or "raw".
        problem_type: "regression", "single_label_classification" or "multi_label_classification".
        processor: how pictures are prepared, for a graph that does not say: a file or folder, or preprocessor_config.json's dict.
        labels: what a graph's classes are called: a file or folder, or a list of strings.
        preproc: whose arithmetic prepares pictures: "torchvision", "pil" or "pil12".
        dims: fixes symbolic dimensions by name.
        calibrate: with int8, a folder of pictures to calibrate with.
        max_drop, budget: with calibrate, points of accuracy that may be lost, and how long to search ("10m").
        level: of optimisation, 0 … 3.
        jobs: threads to compile with.
        options: more words for the command line of `cnxc compile`.
        output: the library's file; with it the cache is not used, and a C header is written beside it.
        threads: of the model, as in `load`.

    Raises:
        InputError, UsageError, UnsupportedError, ResourceError, BugError: with the compiler's words, a line each.

    Warns:
        CompilerWarning: what the compiler warns of. Its notes go to the log "cnxc".
    """
    with contextlib.ExitStack() as folder:
        path = _path(model, "model.onnx", folder)
        given = {
            "--precision": precision, "-mcpu": _list(cpu), "--image-size": _sizes(image_size), "--outputs": _list(outputs), "--task": task,
            "--problem-type": problem_type, "--processor": _path(processor, "preprocessor_config.json", folder),
            "--labels": _path(labels, "labels.json", folder), "--preproc": preproc,
            "--calibrate": _path(calibrate, "", folder), "--max-drop": max_drop, "--budget": budget, "-j": jobs}
        words = _words(given) + [f"--dim={name}={n}" for name, n in (dims or {}).items()] + ([f"-O{level}"] if level is not None else [])
        words = ["compile", "--emit=shared", *words, *options]
        if output is not None:
            place = os.path.abspath(os.fsdecode(output))
            _run([*words, "-o", place, "--", str(path)])
            return Model(place, threads=threads)
        for _ in range(3):  # another process may have made room just now
            found = _open(_run([*words, "--cached", "--", str(path)]).rstrip("\n"), threads)
            if found is not None:
                return found
    raise ResourceError("the cache keeps nothing: CNXC_CACHE_BYTES is too small for the processes that use it")
