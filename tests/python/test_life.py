# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model's life: freed with its object, shared by threads, forked, pickled, saved, interrupted, loaded again."""
import concurrent.futures
import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import cnxc


def mapped(path):
    with open("/proc/self/maps") as file:
        return any(line.rstrip("\n").endswith(os.path.realpath(path)) for line in file)


def fails(call, *arguments):
    """pytest.raises would keep the frames."""
    try:
        call(*arguments)
    except cnxc.Error as error:
        return str(error)
    raise AssertionError("no error")


def soon(holds):
    """A thread that was joined may still be on its way out of the kernel."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    return holds()


def threads_now():
    return len(os.listdir("/proc/self/task"))


def test_freed(root, pictures):
    gc.disable()  # by its references alone
    try:
        before = threads_now()
        model = cnxc.compile(f"{root}/models/digits", level=1, threads=3)
        path = model.path
        model(pictures[:8]), model(pictures[0]), model.run(model.prepare(pictures[:3]))
        assert fails(model, [b"x"] * 5) and fails(model, b"x") and fails(model.run, 5)
        answers = model([b"x"] * 5, errors="return")
        assert mapped(path) and soon(lambda: threads_now() == before + 2)
        again = pickle.loads(pickle.dumps(model))
        del model
        assert mapped(path) and len(again(pictures[:4])) == 4
        del again
        assert not mapped(path) and soon(lambda: threads_now() == before) and len(answers) == 5
    finally:
        gc.enable()


def test_freed_in_rings(digits, pictures):
    """By the garbage collector, which finds a model's parts in any order."""
    for _ in range(50):
        ring = [cnxc.load(digits.path, threads=2)]
        ring.append(ring)
        ring[0](pictures[0]), ring[0](pictures[:3])
        parts = [ring[0]._library, *ring[0]._handles.values(), *ring[0]._idle.values()]
        parts.append(parts)
        del ring, parts
        gc.collect()


def test_memory_is_flat(digits, pictures):
    x = digits.prepare(pictures[:4])

    def use():
        for _ in range(30):
            model = cnxc.load(digits.path, threads=2)
            model.run(x), model(pictures[:6], errors="return")
            assert fails(model, b"x")

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    use()
    before = resident()
    use(), use()
    assert resident() < before + (2 << 20)


def test_threads_share(digits, pictures):
    x = digits.prepare(pictures[:16])
    want = digits.run(x)["logits"]

    def one(i):
        i %= 16
        assert (digits.run(x[i:i + 1])["logits"] == want[i]).all()
        return digits(pictures[i])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, range(200))) == [digits(pictures[i % 16]) for i in range(200)]
    assert all(len(idle) <= 7 for idle in digits._idle.values())


def in_child(model, x, want, pictures, answers):
    assert (model.run(x)["logits"] == want).all() and model(pictures) == answers
    assert (cnxc.load(model.path, threads=2).run(x)["logits"] == want).all()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:This process")
def test_processes(digits, pictures, method):
    model, pictures = cnxc.load(digits.path, threads=2), pictures[:5]
    x = model.prepare(pictures)
    arguments = model, x, model.run(x)["logits"], pictures, model(pictures)  # threads are there before the fork
    children = [multiprocessing.get_context(method).Process(target=in_child, args=arguments) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    in_child(*arguments)


def test_save(digits, pictures, tmp_path, root):
    place, plain = tmp_path / "libd.so", tmp_path / "digits"
    digits.save(place)
    subprocess.run([os.environ["CNXC"], "compile", f"{root}/models/digits", "--emit=shared", "-o", plain], check=True)
    assert place.read_bytes() == plain.read_bytes() and os.access(place, os.X_OK)
    assert cnxc.load(place)(pictures[:3]) == digits(pictures[:3])
    with pytest.raises(cnxc.ResourceError, match="No such file or directory"):
        digits.save(tmp_path / "no" / "libd.so")


def test_save_with_weights(pictures, root, tmp_path):
    model = cnxc.compile(f"{root}/models/digits", output=tmp_path / "lib.so", options=[f"--weights={tmp_path}/digits.weights"])
    (tmp_path / "other").mkdir()
    model.save(tmp_path / "other" / "lib.so")
    assert sorted(os.listdir(tmp_path / "other")) == ["digits.weights", "lib.so"]
    assert cnxc.load(tmp_path / "other" / "lib.so", copy_weights=True)(pictures[0]) == model(pictures[0])
    with open(tmp_path / "other" / "digits.weights", "r+b") as file:
        file.seek(5000)
        file.write(b"damage")
    with pytest.raises(cnxc.InputError, match="damaged"):
        cnxc.load(tmp_path / "other" / "lib.so")
    assert cnxc.load(tmp_path / "other" / "lib.so", weights=tmp_path / "digits.weights")(pictures[0]) == model(pictures[0])


def test_replaced_while_in_use(digits, root, tmp_path):
    """A file of the same name is another library, though the loader takes names for files."""
    place = tmp_path / "lib.so"
    first = cnxc.compile(f"{root}/models/digits", output=place)
    second = cnxc.compile(f"{root}/models/digits", output=place, outputs="probabilities")
    third = cnxc.compile(f"{root}/models/digits", output=place, precision="bf16")
    x = np.zeros((1, 3, 32, 32), np.float32)
    assert list(first.run(x)) == ["logits"] and list(second.run(x)) == ["probabilities"] and third.info["precision"] == "bf16"


def test_module_alone(digits, pictures, root, tmp_path):
    """model.py under the model's name, beside the library or next to its folder, without the package."""
    for folder, library in ((tmp_path / "a", tmp_path / "a"), (tmp_path / "b" / "python", tmp_path / "b" / "lib")):
        folder.mkdir(parents=True), library.mkdir(exist_ok=True)
        shutil.copy(f"{root}/python/cnxc/model.py", folder / "tiny.py")
        digits.save(library / "libtiny.so")
        code = ("import pickle, sys; import tiny; m = tiny.load(); assert 'cnxc' not in sys.modules; n = pickle.loads(pickle.dumps(m));"
                f"print(m({pictures[0]!r}, 1)[0]['label'], n.path)")
        said = subprocess.run([sys.executable, "-c", code], cwd=folder, env={}, check=True, capture_output=True, text=True).stdout.split()
        assert said == [digits(pictures[0])[0]["label"], str(library / "libtiny.so")]


def test_what_is_no_library(program, tmp_path):
    (tmp_path / "text").write_text("no library")
    for path, kind, words in ((tmp_path / "none.so", cnxc.ResourceError, "No such file"), (tmp_path / "text", cnxc.InputError, "not a shared library"),
                              (program, cnxc.InputError, "not a library that cnxc compiled")):
        with pytest.raises(kind, match=words):
            cnxc.load(path)
    with open(program, "rb") as file, pytest.raises(cnxc.InputError):
        (tmp_path / "cut").write_bytes(file.read(100))
        cnxc.load(tmp_path / "cut")
    with pytest.raises(cnxc.UsageError, match="threads is 1 or more"):
        cnxc.load(program, threads=0)


def interrupted(code, tmp_path):
    """Seconds that Python takes to end after SIGINT, and what it printed."""
    obey = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # what runs in the background is made to ignore it
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=obey)
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.3)
    start = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert "KeyboardInterrupt" in out, err
    return time.monotonic() - start, out


@pytest.mark.parametrize("call", ["model.run(x)", "model(pictures)"])
def test_interrupted_run(digits, pictures, tmp_path, call):
    code = f"""
        import cnxc, numpy as np, time
        model = cnxc.load({digits.path!r}, threads=2)
        x, pictures = np.zeros((200000, 3, 32, 32), np.float32), [{pictures[0]!r}] * 1000000
        model.run(x[:3])
        print("begun", flush=True)
        start = time.monotonic()
        try:
            {call}
        except KeyboardInterrupt:
            print("KeyboardInterrupt", time.monotonic() - start, len(model(pictures[:3])), flush=True)
        """
    seconds, out = interrupted(code, tmp_path)
    assert seconds < 10 and out.split()[-1] == "3"  # goes on after it


def test_interrupted_compile(root, tmp_path):
    """What it has begun is taken away."""
    code = f"""
        import cnxc, os
        print("begun", flush=True)
        try:
            while True:
                cnxc.compile({root + '/models/kanji'!r}, output={str(tmp_path / 'lib.so')!r})
        except KeyboardInterrupt:
            print("KeyboardInterrupt")
        """
    seconds, _ = interrupted(code, tmp_path)
    assert seconds < 10 and set(os.listdir(tmp_path)) <= {"lib.so", "lib.h"}


def test_import_brings_little():
    """What takes its time is imported where it is needed."""
    code = "import numpy, sys; before = set(sys.modules); import cnxc; print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    brought = set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())
    assert "cnxc" in brought and not brought & {"PIL", "asyncio", "logging", "multiprocessing", "ray", "shutil", "subprocess", "tempfile"}


def test_threads_are_what_is_allowed():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); from cnxc.model import allowed_threads; print(allowed_threads())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "1\n"
    assert threading.active_count() < 20
