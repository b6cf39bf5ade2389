# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc.ray on a Ray of this machine, which is told that it has five processors: answers are the model's, each picture has one, whatever dies."""
import concurrent.futures
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pyarrow.parquet
import pytest
import ray
from PIL import Image
from ray import serve

import cnxc
import cnxc.ray


@pytest.fixture(scope="module", autouse=True)
def cluster():
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    os.environ["RAY_worker_niceness"] = "0"  # 15 by default, which starves where the machine is busy
    ray.init(num_cpus=5, include_dashboard=False, log_to_driver=False, object_store_memory=200 << 20)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    """Pictures under names of their own, every tenth broken."""
    place = tmp_path_factory.mktemp("pictures")
    for i in range(230):
        path = place / f"{i:03d}.png"
        shutil.copy(pictures[i % len(pictures)], path)
        if i % 10 == 7:
            path.write_bytes(path.read_bytes()[:60])
    return place


@pytest.fixture(scope="module")
def want(digits, folder):
    paths = [str(path) for path in sorted(folder.iterdir())]
    return dict(zip(paths, digits(paths, top_k=3, errors="return")))


def check_rows(rows, want):
    assert sorted(row["path"] for row in rows) == sorted(want)
    for row in rows:
        answer = want[row["path"]]
        if isinstance(answer, cnxc.Error):
            assert row["error"] and row["label"] == "" and np.isnan(row["score"]) and list(row["labels"]) == [""], row
        else:
            assert row["error"] == "" and row["label"] == answer[0]["label"] and row["score"] == np.float32(answer[0]["score"])
            assert [{"label": a, "score": b} for a, b in zip(row["labels"], row["scores"])] == answer


def workers(n):
    return ray.data.ActorPoolStrategy(size=n)


def classify(dataset, digits, kind=cnxc.ray.Classifier, **how):
    how = {"compute": workers(2), "num_cpus": 1, "batch_size": 20, **how}
    return dataset.map_batches(kind, fn_constructor_args=[digits.path if kind is cnxc.ray.Classifier else digits], fn_constructor_kwargs={"top_k": 3}, **how)


def test_folder_to_parquet(digits, folder, want, tmp_path):
    dataset = ray.data.read_binary_files(str(folder), include_paths=True, override_num_blocks=8)
    classify(dataset, digits).write_parquet(str(tmp_path / "labels"))
    rows = pyarrow.parquet.read_table(tmp_path / "labels").to_pylist()
    assert "bytes" not in rows[0]
    check_rows(rows, want)


def test_parquet_of_bytes(digits, folder, want, tmp_path):
    ray.data.read_binary_files(str(folder), include_paths=True).write_parquet(str(tmp_path / "bytes"))
    dataset = ray.data.read_parquet(str(tmp_path / "bytes"))
    check_rows(classify(dataset, digits, compute=workers(1), num_cpus=2).take_all(), want)


def test_paths_and_arrays(digits, folder, want):
    paths = [path for path in sorted(want) if not isinstance(want[path], cnxc.Error)]
    check_rows(classify(ray.data.from_items([{"path": path} for path in paths]), digits).take_all(), {path: want[path] for path in paths})
    arrays = [{"id": path, "image": np.asarray(Image.open(path).convert("RGB"))} for path in paths[:40]]
    rows = classify(ray.data.from_items(arrays), digits).take_all()
    check_rows([{**row, "path": row["id"]} for row in rows], {path: want[path] for path in paths[:40]})


class Mortal(cnxc.ray.Classifier):
    """Dies once, after some of its work is done."""

    def __init__(self, place, **how):
        self.marker = f"{os.path.dirname(place)}/died"
        super().__init__(place, **how)
        self.done = 0

    def __call__(self, batch):
        self.done += 1
        if self.done == 3 and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


@pytest.mark.parametrize("actors", [1, 2])
def test_killed_actor(digits, folder, want, actors, tmp_path):
    """Nothing is lost, nothing comes twice."""
    place = str(tmp_path / "libdigits.so")
    digits.save(place)
    dataset = ray.data.read_binary_files(str(folder), include_paths=True, override_num_blocks=12)
    rows = classify(dataset, place, Mortal, compute=workers(actors), batch_size=10).take_all()
    assert os.path.exists(f"{tmp_path}/died")
    check_rows(rows, want)


class Telling(cnxc.ray.Classifier):
    def __call__(self, batch):
        return {**super().__call__(batch), "threads": np.full(len(batch["bytes"]), self.model.threads), "library": np.array([self.model.path] * len(batch["bytes"]), object)}


@pytest.mark.parametrize("cpus", [1, 2])
def test_threads_and_one_library(root, folder, cpus):
    """num_cpus is obeyed; actors compile once for all."""
    dataset = ray.data.read_binary_files(str(folder), include_paths=True, override_num_blocks=8)
    rows = classify(dataset, f"{root}/models/digits", Telling, num_cpus=cpus, compute=workers(2 // cpus)).take_all()
    assert {row["threads"] for row in rows} == {cpus} and len({row["library"] for row in rows}) == 1


def test_embedder(root, folder, tmp_path):
    model = cnxc.compile(f"{root}/models/digits", outputs=["pooler_output", "logits"])
    dataset = ray.data.read_binary_files(str(folder), include_paths=True)
    rows = dataset.map_batches(cnxc.ray.Embedder, fn_constructor_args=[f"{root}/models/digits"], compute=workers(2), batch_size=16,
                               fn_constructor_kwargs={"outputs": ["pooler_output", "logits"]}).take_all()
    want = model.embed([row["path"] for row in rows], errors="return")
    assert len(rows) == 230 and sum(isinstance(w, cnxc.Error) for w in want) == 23
    for row, answer in zip(rows, want):
        for name in "pooler_output", "logits":
            assert np.isnan(row[name]).all() and row["error"] if isinstance(answer, cnxc.Error) else (row[name] == answer[name]).all()


def test_no_such_column(digits):
    with pytest.raises(Exception, match="no column bytes, image, path or item among text; column=NAME"):
        classify(ray.data.from_items([{"text": "a"}]), digits).take_all()


# ── Serve ───────────────────────────────────────────────────────────────────────────────────────────────


def post(data, query="", method="POST"):
    request = urllib.request.Request("http://127.0.0.1:8017/" + query, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(scope="module")
def server(digits):
    serve.start(http_options={"port": 8017})
    deployment = serve.deployment(cnxc.ray.Server).options(num_replicas=1, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=64)
    yield serve.run(deployment.bind(digits.path, top_k=3))
    serve.shutdown()


def test_server(server, digits, pictures):
    data = [open(path, "rb").read() for path in pictures]
    assert post(data[0]) == (200, digits(data[0], top_k=3)) and post(data[0], "?top_k=7") == (200, digits(data[0], top_k=7))
    for broken in b"", b"no picture", data[0][:60]:
        status, answer = post(broken)
        assert status == 400 and answer["error"], answer
    assert post(data[0], "?top_k=0") == (400, {"error": "top_k is 1 or more, got 0"}) and post(None, method="GET")[0] == 405
    before = server.statistics.remote().result()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(post, data)) == [(200, answer) for answer in digits(data, top_k=3)]
    after = server.statistics.remote().result()
    assert after["pictures"] - before["pictures"] == len(data) > after["batches"] - before["batches"] + 9, (before, after)


# ── The examples ────────────────────────────────────────────────────────────────────────────────────────


def example(root, name, *words):
    """In a process of its own, whose Ray is the one of these tests."""
    address = ray.get_runtime_context().gcs_address
    subprocess.run([sys.executable, f"{root}/examples/ray/{name}.py", *map(str, words)], check=True, env={**os.environ, "RAY_ADDRESS": address})


def test_examples(root, folder, want, tmp_path):
    example(root, "folder", f"{root}/models/digits", folder, tmp_path / "labels")
    rows = pyarrow.parquet.read_table(tmp_path / "labels").to_pylist()
    assert len(rows) == len(want) and {row["path"]: row["label"] for row in rows if not row["error"]} == {
        path: answer[0]["label"] for path, answer in want.items() if not isinstance(answer, cnxc.Error)}
    ray.data.read_binary_files(str(folder)).write_parquet(str(tmp_path / "bytes"))
    example(root, "parquet", f"{root}/models/digits", tmp_path / "bytes", tmp_path / "embeddings")
    assert ray.data.read_parquet(str(tmp_path / "embeddings")).count() == len(want)


def test_example_server(root, digits, pictures, server):
    sys.path.insert(0, f"{root}/examples/ray")
    ray.cloudpickle.register_pickle_by_value(__import__("server"))
    app = sys.modules["server"].app({"model": f"{root}/models/digits"})
    serve.delete("default")
    serve.run(app, name="example", route_prefix="/")
    said = subprocess.run(["curl", "-s", "--data-binary", f"@{pictures[0]}", "http://127.0.0.1:8017/"], check=True, capture_output=True, text=True).stdout
    assert json.loads(said) == digits(pictures[0])
