# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Many pictures on many machines: actors for Ray Data, a deployment for Ray Serve.

    pictures = ray.data.read_binary_files("photos/", include_paths=True)
    labelled = pictures.map_batches(cnxc.ray.Classifier, fn_constructor_args=["tiny/"], num_cpus=1)
    labelled.write_parquet("labels/")                   # the columns of pictures, and label, score, labels, scores, error

Each actor compiles the model, or finds it in the cache of its machine, and runs it on as many threads as it has processors of Ray's. The
actors of a machine share the pages of the library, and so the weights. All else, where blocks go, what is tried again after an
actor died, when batches form, is Ray's.
"""
from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from cnxc.compiler import compile
from cnxc.model import BugError, Error, Model, ResourceError, UsageError, load

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Classifier", "Embedder", "Server"]

Source = Union[str, "os.PathLike[str]", Model]
_Request = Tuple[bytes, int, "asyncio.Future[Any]"]  # a picture, top_k, where the answer goes
Batch = Dict[str, "NDArray[Any]"]


def _threads() -> Optional[int]:
    """Those that Ray has given this actor; without Ray, as many as there are."""
    import ray
    if not ray.is_initialized() or ray.get_runtime_context().worker.mode != ray.WORKER_MODE:
        return None
    return max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 0)))


def _is_library(path: Any) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _open(model: Source, options: Dict[str, Any]) -> Model:
    """A library as it is; all else is compiled, in one process of a machine at a time: the others find it in the cache."""
    threads = options.pop("threads", None) or _threads()
    path = model.path if isinstance(model, Model) else model
    if _is_library(path):
        return load(path, threads=threads, **{name: value for name, value in options.items() if name != "outputs"})
    import fcntl
    import tempfile
    lock = os.open(os.path.join(tempfile.gettempdir(), f"cnxc-ray-{os.getuid()}.lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return compile(path, threads=threads, **options)
    finally:
        os.close(lock)


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    """A column of anything, one dimension."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


class _Pictures:
    """What both have in common: the model, and the column that holds pictures."""

    def __init__(self, model: Source, column: Optional[str], keep: bool, options: Dict[str, Any]) -> None:
        self.model, self.column, self.keep = _open(model, options), column, keep

    def name(self, batch: Batch) -> str:
        """Of the column."""
        for name in (self.column,) if self.column else ("bytes", "image", "path", "item"):
            if name in batch:
                return name
        raise UsageError(f"no column {self.column or 'bytes, image, path or item'} among {', '.join(batch)}; column=NAME says which has pictures")

    def result(self, batch: Batch, answers: Sequence[Any], columns: Batch) -> Batch:
        """The batch's other columns, those given, and the error, "" where there is none. Paths stay, too."""
        name = self.name(batch)
        kept = {n: values for n, values in batch.items() if self.keep or n != name or n == "path"}
        errors = [str(answer) if isinstance(answer, Error) else "" for answer in answers]
        return {**kept, **columns, "error": np.array(errors, object)}


class Classifier(_Pictures):
    """For map_batches: pictures in, labels out.

    Args of the constructor:
        model: a library's path, or whatever `cnxc.compile` takes; a path that every machine has. Or a Model, for its library.
        column: of the pictures: bytes of files, paths, or uint8 arrays; by default bytes, image, path or item, the first that is there.
        top_k: so many answers a picture.
        keep: leave the pictures in the result.
        options: of `cnxc.compile` (or `cnxc.load`); threads are those of the actor's num_cpus by default.

    Columns that it adds: label and score, the best; labels and scores, lists of top_k; error, "" or why the picture has no
    answer: its only label then is "", its only score NaN. All other columns stay.
    """

    def __init__(self, model: Source, column: Optional[str] = None, *, top_k: int = 5, keep: bool = False,
                 **options: Any) -> None:
        super().__init__(model, column, keep, options)
        self.top_k = top_k

    def __call__(self, batch: Batch) -> Batch:
        answers = self.model(list(batch[self.name(batch)]), top_k=self.top_k, errors="return")
        rows = [[{"label": "", "score": float("nan")}] if isinstance(answer, Error) else answer for answer in answers]
        return self.result(batch, answers, {
            "label": np.array([row[0]["label"] for row in rows], object),
            "score": np.array([row[0]["score"] for row in rows], np.float32),
            "labels": _objects([[p["label"] for p in row] for row in rows]),
            "scores": _objects([[p["score"] for p in row] for row in rows])})


class Embedder(_Pictures):
    """For map_batches: pictures in, the model's outputs out.

    Args of the constructor: as of Classifier; outputs names what is computed, pooler_output by default. A library has its own.

    Columns that it adds: each output by its name, float32; error. A picture that fails is a row of NaN.
    """

    def __init__(self, model: Source, column: Optional[str] = None, *, outputs: Union[str, Sequence[str]] = "pooler_output",
                 keep: bool = False, **options: Any) -> None:
        super().__init__(model, column, keep, {**options, "outputs": outputs})

    def __call__(self, batch: Batch) -> Batch:
        answers = self.model.embed(list(batch[self.name(batch)]), errors="return")
        columns: Batch = {}
        for said in self.model.info["outputs"]:
            nothing = np.full([n for n in said["shape"] if not isinstance(n, str)], np.nan, np.float32)
            rows = [nothing if isinstance(answer, Error) else answer[said["name"]] for answer in answers]
            columns[said["name"]] = np.stack(rows) if rows else nothing[None][:0]
        return self.result(batch, answers, columns)


class Server:
    """For Ray Serve: POST a picture, get [{"label": "tabby", "score": 0.82}, …]; with ?top_k=N so many.

        serve.run(serve.deployment(cnxc.ray.Server).options(num_replicas=2).bind("tiny/"))
        curl --data-binary @cat.jpg http://localhost:8000/

    Args of bind:
        model: a library's path, or whatever `cnxc.compile` takes; a path that every machine has. Or a Model, for its library.
        top_k: so many answers where the request does not say.
        max_batch_size: so many pictures are answered together, where they wait for those before them.
        options: of `cnxc.compile` (or `cnxc.load`); threads are those of the replica's num_cpus by default.

    What is no picture is answered with status 400 and {"error": why}.
    """

    def __init__(self, model: Source, *, top_k: int = 5, max_batch_size: int = 16, **options: Any) -> None:
        self.model, self.top_k = _open(model, options), top_k
        self.max_batch_size, self.pictures, self.batches = max_batch_size, 0, 0
        self._waiting: List[_Request] = []
        self._worker: Optional["asyncio.Task[None]"] = None

    async def _answer(self, picture: bytes, top_k: int) -> Any:
        """Ray Serve's own batches are closed before those in front of them are done; these take in whatever has come until then."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((picture, top_k, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:self.max_batch_size], self._waiting[self.max_batch_size:]
            self.pictures, self.batches = self.pictures + len(batch), self.batches + 1
            try:
                answers = await asyncio.get_running_loop().run_in_executor(None, self._classify, batch)
            except Exception as error:
                answers = [error] * len(batch)
            for (_, _, future), answer in zip(batch, answers):
                if not future.done():  # as it is where the client has gone
                    future.set_result(answer)

    def _classify(self, batch: List[_Request]) -> List[Any]:
        answers = self.model([picture for picture, _, _ in batch], max(k for _, k, _ in batch), errors="return")
        return [answer if isinstance(answer, Error) else answer[:k] for answer, (_, k, _) in zip(answers, batch)]

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import JSONResponse
        if request.method not in ("POST", "PUT"):
            return JSONResponse({"error": "POST a picture"}, 405)
        text = request.query_params.get("top_k", str(self.top_k))
        if not text.isdecimal() or not 0 < int(text) < 1 << 31:
            return JSONResponse({"error": f"top_k is 1 or more, got {text}"}, 400)
        answer = await self._answer(await request.body(), int(text))
        if not isinstance(answer, Exception):
            return JSONResponse(answer)
        its_fault = isinstance(answer, Error) and not isinstance(answer, (ResourceError, BugError))
        return JSONResponse({"error": str(answer)}, 400 if its_fault else 500)

    def check_health(self) -> None:
        """Serve asks now and then, and starts a replica anew where this raises."""
        if not self.model.labels:
            raise UsageError("the model does not classify")

    async def statistics(self) -> Dict[str, int]:
        """How many pictures have come in how many batches."""
        return {"pictures": self.pictures, "batches": self.batches}
