# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""compile: options, the cache, what the compiler says; the command line; types."""
import fcntl
import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import cnxc

PRECISIONS = ["f32", "bf16", "int8"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_precision(root, precision):
    assert cnxc.compile(f"{root}/models/digits", precision=precision).info["precision"] == precision


def test_options(root, tmp_path):
    model = cnxc.compile(f"{root}/models/digits", cpu=["x86-64-v2", "x86-64-v3"], image_size=(64, 48), outputs=["logits", "hidden_states.1"],
                         labels=list("abcdefghij"), preproc="pil12", level=2, jobs=1, threads=1,
                         processor={"image_processor_type": "ViTImageProcessor", "size": {"height": 64, "width": 48}})
    info = model.info
    assert info["cpus"] == ["x86-64-v3", "x86-64-v2"] and info["inputs"][0]["shape"][2:] == [64, 48] and info["opt_level"] == 2
    assert [o["name"] for o in info["outputs"]] == ["logits", "hidden_states.1"] and model.labels == list("abcdefghij") and info["preproc"] == "pil12"
    assert model.threads == 1


def test_cache(root):
    first, second = cnxc.compile(f"{root}/models/digits"), cnxc.compile(f"{root}/models/digits/")
    assert first.path == second.path and first.path.startswith(os.environ["XDG_CACHE_HOME"])
    with open(first.path, "rb") as entry, pytest.raises(BlockingIOError):  # who makes room sees that it is in use
        fcntl.flock(entry, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_cache_without_room(root, monkeypatch):
    monkeypatch.setenv("CNXC_CACHE_BYTES", "0")
    model = cnxc.compile(f"{root}/models/digits", level=0)
    other = cnxc.compile(f"{root}/models/digits", level=1)
    assert os.path.exists(model.path) and os.path.exists(other.path) and model.info["opt_level"] == 0 and other.info["opt_level"] == 1


def test_from_onnx_object(root, tmp_path):
    path = str(tmp_path / "m.onnx")
    subprocess.run([os.environ["CNXC"], "compile", f"{root}/models/digits", "--emit=onnx", "-o", path], check=True)

    class Proto:  # what a ModelProto is for us
        def SerializeToString(self):
            with open(path, "rb") as file:
                return file.read()
    x = np.random.default_rng(1).random((2, 3, 32, 32), np.float32)
    if os.path.getsize(path) > 3 << 20:  # with its weights inside
        assert (cnxc.compile(Proto()).run(x)["logits"] == cnxc.compile(path).run(x)["logits"]).all()
    assert cnxc.compile(path).run(x)["logits"].shape == (2, 10)


def test_words(root, tmp_path, caplog):
    bad = tmp_path / "bad.onnxtxt"
    bad.write_text("x")
    with pytest.raises(cnxc.InputError, match=r"bad.onnxtxt:1:2: expected => or '\(', found the end of the file"):
        cnxc.compile(bad)
    with pytest.raises(cnxc.UsageError, match="--precision does not take 'int7'; did you mean 'int8'"):
        cnxc.compile(f"{root}/models/digits", precision="int7")
    with pytest.raises(cnxc.ResourceError, match="cannot open nowhere: No such file or directory") as caught:
        cnxc.compile("nowhere")
    assert caught.value.code == 4
    with pytest.raises(cnxc.UnsupportedError):
        cnxc.compile(f"{root}/models/digits", options=["--target=sparc-linux-gnu"])
    with pytest.warns(cnxc.CompilerWarning, match="it will not take pictures") as seen:
        cnxc.compile(f"{root}/models/digits", image_size=[(32, 32), (48, 64)])
    assert seen[0].filename == __file__
    os.mkdir(tmp_path / "model")
    for name in "config.json", "model.safetensors":
        shutil.copy(f"{root}/models/digits/{name}", tmp_path / "model")
    with caplog.at_level(logging.INFO, "cnxc"):
        cnxc.compile(tmp_path / "model")
    assert any("preprocessor_config.json" in record.getMessage() for record in caplog.records)


def test_no_compiler(monkeypatch, root):
    code = "import cnxc, shutil, os\ntry: cnxc.compile('x')\nexcept cnxc.ResourceError as error: print(error)"
    folder = os.path.join(os.environ["XDG_CACHE_HOME"], "package")
    shutil.copytree(f"{root}/python/cnxc", f"{folder}/cnxc")
    environment = {"PYTHONPATH": folder, "PATH": "/nowhere"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, cwd=folder, check=True, capture_output=True, text=True).stdout
    assert said.startswith("no compiler: ")


def test_command_line():
    said = subprocess.run([sys.executable, "-m", "cnxc", "--version"], check=True, capture_output=True, text=True).stdout
    assert said.startswith("cnxc 0.")
    assert subprocess.run([sys.executable, "-m", "cnxc", "compile"], capture_output=True).returncode == 2


def test_types(root, tmp_path):
    use = tmp_path / "use.py"
    use.write_text("import cnxc\nimport numpy as np\nm = cnxc.compile('x', image_size=(1, 2), labels=['a'])\nreveal_type(m.run(np.zeros(3)))\n"
                   "m.run(3, outputs=5)\ncnxc.load(7)\n")
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    package = subprocess.run([*mypy, "-p", "cnxc"], cwd=f"{root}/python", capture_output=True, text=True)
    assert package.returncode == 0, package.stdout
    said = subprocess.run([*mypy, "use.py"], cwd=tmp_path, capture_output=True, text=True).stdout
    assert '"dict[str, numpy.ndarray[' in said and said.count("error:") == 2, said


def test_speaks_old_python(root):
    """Of the language what 3.9 has."""
    import ast
    for name in sorted(os.listdir(f"{root}/python/cnxc")):
        if name.endswith(".py"):
            with open(f"{root}/python/cnxc/{name}", encoding="utf-8") as file:
                ast.parse(file.read(), feature_version=(3, 9))
