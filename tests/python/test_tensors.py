# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""run: answers beside float64's, shapes, types, whose memory it is, and what is refused."""
import ctypes
import os
import re
import time

import numpy as np
import pytest

import cnxc
import goldens

CASES = {case["name"]: case for case in goldens.manifest()["models"]}
UNION = {"v2_cls": ["logits"], "cls_multilabel": ["logits"], "cls_gray_input": ["logits"], "cls_regression_n": ["logits"],
         "base_hidden_states": ["last_hidden_state", "pooler_output", "hidden_states"], "bb_all": ["feature_maps"]}


@pytest.mark.parametrize("name", UNION)
def test_goldens(name):
    case = CASES[name]
    folder = os.path.join(goldens.HERE, case["dir"])
    x = goldens.read_raw(folder, case["inputs"]["pixel_values"])
    got = cnxc.compile(folder, outputs=UNION[name], image_size=x.shape[2:]).run(pixel_values=x)
    assert got
    for output, values in got.items():
        entry = case["outputs"][output]
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, goldens.read_raw(folder, entry), rtol=0, atol=entry["atol"], err_msg=output)


@pytest.fixture(scope="module")
def x(digits, pictures):
    return digits.prepare(pictures[:37])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_as_the_program_computes(digits, program, x, tmp_path, threads):
    np.save(tmp_path / "x.npy", x)
    goldens.execute(program, "--input", f"pixel_values={tmp_path}/x.npy", "--output", f"logits={tmp_path}/y.npy")
    want = np.load(tmp_path / "y.npy")
    assert (cnxc.load(digits.path, threads=threads).run(pixel_values=x)["logits"] == want).all()
    assert (digits.run(x)["logits"] == want).all() and (digits.run({"pixel_values": x[5:6]})["logits"] == want[5:6]).all()


def seen(model, monkeypatch):
    """The addresses that the C function gets."""
    inputs = []
    real = model._library.call["run"]

    def spy(context, ins, n, outs):
        inputs.append((ins[0], outs[0]))
        return real(context, ins, n, outs)
    monkeypatch.setitem(model._library.call, "run", spy)
    return inputs


class Interface:
    def __init__(self, array):
        self.__array_interface__ = array.__array_interface__
        self.keep = array


class DLPack:
    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **how):
        return self.array.__dlpack__(**how)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.mark.parametrize("wrap", [lambda a: a, Interface, DLPack])
def test_no_copy(digits, x, wrap, monkeypatch):
    x = x[:1].copy()
    calls = seen(digits, monkeypatch)
    assert (digits.run(pixel_values=wrap(x))["logits"] == digits.run(pixel_values=x.astype(np.float64))["logits"]).all()
    assert calls[0][0] == x.ctypes.data != calls[1][0]


def test_converted(digits, x):
    want = digits.run(pixel_values=x)["logits"]
    reversed_ = np.ascontiguousarray(x[::-1])
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    fortran = np.asfortranarray(x)
    assert not odd.flags.aligned
    for same in (reversed_[::-1], odd, fortran, x.astype(">f4"), x.astype(np.float64), x.tolist()):
        assert (digits.run(pixel_values=same)["logits"] == want).all()
    whole = (x * 50).astype(np.int16)
    assert (digits.run(pixel_values=whole)["logits"] == digits.run(pixel_values=whole.astype(np.float32))["logits"]).all()


def test_outputs(digits, x, monkeypatch):
    want, y = digits.run(pixel_values=x)["logits"], np.empty((len(x), 10), np.float32)
    calls = seen(digits, monkeypatch)
    assert digits.run(pixel_values=x, outputs={"logits": y})["logits"] is y and (y == want).all()
    assert calls[0][1] == y.ctypes.data
    wrapped = DLPack(np.empty_like(y))
    assert digits.run(pixel_values=x, outputs={"logits": wrapped})["logits"] is wrapped and (wrapped.array == want).all()


def refuse(kind, words, call, *args, **named):
    with pytest.raises(kind, match=re.escape(words)):
        call(*args, **named)


def test_refused(digits, x):
    y = np.empty((len(x), 10), np.float32)
    read_only = y.copy()
    read_only.flags.writeable = False
    run = digits.run
    refuse(cnxc.UsageError, "no input 'pixel_value'; did you mean 'pixel_values'?", run, pixel_value=x)
    refuse(cnxc.UsageError, "no input 'labels'", run, pixel_values=x, labels=x)
    refuse(cnxc.UsageError, "inputs pixel_values are missing; the model takes pixel_values, float32 of shape (N, 3, 32, 32)", run)
    refuse(cnxc.UsageError, "expected float32 of shape (N, 3, 32, 32), got shape (37, 32, 32, 3)", run, x.transpose(0, 2, 3, 1))
    refuse(cnxc.UsageError, "expected float32 of shape (N, 3, 32, 32), got shape (3, 32, 32)", run, x[0])
    refuse(cnxc.UsageError, "got complex64", run, x.astype(np.complex64))
    refuse(cnxc.UsageError, "got <U1", run, "a")
    refuse(cnxc.UsageError, "batch", run, x[:0])
    refuse(cnxc.UsageError, "no output 'logit'; did you mean 'logits'?", run, x, outputs={"logit": y})
    refuse(cnxc.UsageError, "expected C-contiguous float32 of shape (37, 10), got float64 of shape (37, 10)", run, x, outputs={"logits": y.astype(float)})
    refuse(cnxc.UsageError, "got float32 of shape (36, 10)", run, x, outputs={"logits": y[:36]})
    refuse(cnxc.UsageError, "not C-contiguous and writable", run, x, outputs={"logits": read_only})
    refuse(cnxc.UsageError, "not C-contiguous and writable", run, x, outputs={"logits": np.asfortranarray(y)})
    one = np.zeros((1, 3, 32, 32), np.float32)
    refuse(cnxc.UsageError, "overlap", run, one, outputs={"logits": one.reshape(-1)[:10].reshape(1, 10)})


class Device(DLPack):
    device = "cuda:0"

    def __dlpack_device__(self):
        return 2, 0


def test_other_devices(digits, x):
    refuse(cnxc.UsageError, "pixel_values lies on another device than the CPU, cuda:0", digits.run, Device(x))


def test_sizes(root):
    model = cnxc.compile(f"{root}/tests/goldens/models/cls_basic4", image_size=[32, (48, 64)], cpu=["x86-64-v2", "x86-64-v3"])
    rng = np.random.default_rng(5)
    for size in (32, 32), (48, 64):
        x = rng.random((2, 3, *size), np.float32)
        alone = cnxc.compile(f"{root}/tests/goldens/models/cls_basic4", image_size=size, cpu=["x86-64-v2", "x86-64-v3"])
        assert (model.run(x)["logits"] == alone.run(x)["logits"]).all()
    refuse(cnxc.UnsupportedError, "there is no code for 64x48; compiled for 32x32, 48x64", model.run, np.zeros((1, 3, 64, 48), np.float32))


def test_losses(root, tmp_path):
    """Labels mean what transformers takes them for, as in the program."""
    folder, program = f"{root}/tests/goldens/models/v2_relu_loss", str(tmp_path / "program")
    model = cnxc.compile(folder, outputs=["logits", "loss"])
    goldens.compile_model(os.environ["CNXC"], folder, "--outputs=logits,loss", "-o", program)
    rng = np.random.default_rng(6)
    x = rng.random((3, *model.info["inputs"][0]["shape"][1:]), np.float32)
    for labels in np.array([1, 0, 6]), rng.random((3, 7), np.float32):
        inputs = {"pixel_values": x, "labels": labels}
        goldens.run_model(program, inputs, ["logits", "loss"], str(tmp_path))
        got = model.run(inputs)
        for name in "logits", "loss":
            assert (got[name] == np.load(tmp_path / f"{name}.out.npy")).all()


def test_close_to_c(digits, x, monkeypatch):
    """What Python adds to a call of C, here to one that does nothing; tests/bench/python_call.py has a model's."""
    model, x = cnxc.load(digits.path, threads=1), x[:1].copy()
    nothing = ctypes.CDLL(None).labs
    nothing.restype, nothing.argtypes = None, model._library.call["run"].argtypes
    monkeypatch.setitem(model._library.call, "run", nothing)

    def once():
        start = time.perf_counter()
        model.run(pixel_values=x)
        return time.perf_counter() - start
    assert min(once() for _ in range(3000)) < 20e-6
