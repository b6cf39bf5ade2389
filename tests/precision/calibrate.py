# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""--calibrate: what it gains where hidden channels run hot, that the decision stands in the graph, that nothing but the pictures' content
matters to it, and what it refuses; --max-drop: which layers go back, and its table; cnxc weights for such programs."""
# RUN: %python %s %cnxc %root
import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
import hot_block  # noqa: E402

CNXC, ROOT = map(os.path.abspath, sys.argv[1:3])
INT8 = "--precision=int8"


def run(*words, code=0, cwd=None):
    """Standard error."""
    result = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=cwd)
    assert result.returncode == code, (words, result.returncode, result.stderr)
    return result.stderr


def compiled(folder, *options):
    """Path of an executable; its name is part of it, so that all have one."""
    os.makedirs(folder)
    path = os.path.join(folder, "model")
    return path, run(CNXC, "compile", *options, "-o", path)


def logits(program, pixels, folder):
    path = os.path.join(folder, "logits.npy")
    run(program, "--input", f"picture={pixels}", "--output", f"logits={path}")
    return np.load(path)


def check_gain(folder, model, calibrate):
    """Multipliers where channels run hot, and a third of the error at most; returns the calibrated program."""
    path, said = compiled(f"{folder}/calibrated", model, INT8, f"--calibrate={calibrate}", "-v")
    assert re.search(r"^cnxc: o0  to nearest [0-9.]+, multipliers [0-9.]+", said, re.M), said
    assert re.search(r"^cnxc: h0  to nearest [0-9.]+, multipliers [0-9.]+", said, re.M), said
    assert re.search(r"^cnxc: z.*  to nearest", said, re.M), said
    programs = {"float": compiled(f"{folder}/float", model)[0], "plain": compiled(f"{folder}/plain", model, INT8)[0], "calibrated": path}
    hot_block.write_pixels(f"{folder}/test.npy", 32, seed=3)
    answers = {name: logits(program, f"{folder}/test.npy", folder) for name, program in programs.items()}
    errors = {name: np.sqrt(np.mean((answer - answers["float"]) ** 2)) for name, answer in answers.items()}
    assert errors["calibrated"] < errors["plain"] / 3, errors
    return path


def check_dump(folder, model, calibrate, program):
    """A printed graph needs no pictures: it is the same program."""
    dump = f"{folder}/dump.onnxtxt"
    text = run(CNXC, "compile", model, INT8, f"--calibrate={calibrate}", "--print-after=fuse-block", "--emit=tile", "-o", f"{folder}/one.tile")
    text = text[text.index("\n") + 1:]
    assert "h_factors" in text and "n_factors" in text and "Mul (h, h_factors)" in text, text[:2000]
    with open(dump, "w") as f:
        f.write(text)
    run(CNXC, "compile", dump, "-O0", "--emit=tile", "-o", f"{folder}/two.tile")
    assert filecmp.cmp(f"{folder}/one.tile", f"{folder}/two.tile", shallow=False)
    again = compiled(f"{folder}/again", dump, "-O0")[0]
    assert np.array_equal(logits(program, f"{folder}/test.npy", folder), logits(again, f"{folder}/test.npy", folder))


def check_same(folder, model, calibrate, program):
    """Threads, the order in which a folder was filled, and how pixels are cut into files change no bit."""
    pixels = np.load(f"{calibrate}/pixels.npy")
    for name in ("cut/b.npy", "cut/a.npy"):
        os.makedirs(f"{folder}/cut", exist_ok=True)
        np.save(f"{folder}/{name}", pixels[:7] if "a.npy" in name else pixels[7:])
    for name, options in {"one": [f"--calibrate={calibrate}", "-j", "1"], "three": [f"--calibrate={calibrate}", "-j", "3"],
                          "parts": [f"--calibrate={folder}/cut"]}.items():
        other, _ = compiled(f"{folder}/{name}", model, INT8, *options)
        assert filecmp.cmp(program, other, shallow=False), name


def table(text):
    """Of --max-drop: rows of what was done, to which layer, its level, the points lost (None where none were counted) and its time."""
    rows = re.findall(r"^  (all|tried|back) +(\S*?) +(int8|bf16|f32) +(?:lost +([0-9.-]+))? +error +([0-9.]+)  time +([0-9.]+) %$", text, re.M)
    return [(what, layer, level, float(lost) if lost else None, float(time)) for what, layer, level, lost, _, time in rows]


def check_drop(folder, model):
    """--max-drop takes layers back until it holds; the decision stands in the graph. Returns half of what int8 loses."""
    hot_block.write_pixels(f"{folder}/many/pixels.npy", 400, seed=2)
    options = [INT8, f"--calibrate={folder}/many"]
    said = run(CNXC, "compile", model, *options, "--max-drop=0", "--print-after=fuse-block", "--emit=tile", "-o", f"{folder}/drop.tile")
    head, text = said.split("# after fuse-block", 1)
    assert head.startswith("max-drop 0: points of agreement with float32 on 200 pictures\n"), head
    rows = table(head)
    assert [row[0] for row in rows[:5]] == ["all", "tried", "tried", "tried", "tried"], head
    assert rows[0][3] > 0 and rows[-1][0] == "back" and rows[-1][3] <= 0 and all(row[3] > 0 for row in rows[5:-1]), head
    with open(f"{folder}/drop.onnxtxt", "w") as f:
        f.write(text[text.index("\n") + 1:])
    run(CNXC, "compile", f"{folder}/drop.onnxtxt", "-O0", "--emit=tile", "-o", f"{folder}/drop.again.tile")
    assert filecmp.cmp(f"{folder}/drop.tile", f"{folder}/drop.again.tile", shallow=False)
    more = rows[0][3] / 2
    again = run(CNXC, "compile", model, *options, f"--max-drop={more}", "-j", "1", "-o", f"{folder}/drop")
    assert table(again) == rows[:len(table(again))] and table(again)[-1][3] <= more, again
    said = run(CNXC, "compile", model, *options, "--max-drop=100", "-o", f"{folder}/drop")
    assert len(table(said)) == 1, said
    said = run(CNXC, "compile", model, *options, "--max-drop=0", "--budget=0.01s", "-o", f"{folder}/late", code=3)
    assert "max-drop 0: points of" in said and "0.01 seconds are over; --budget gives it more time" in said, said
    return more
    assert not os.path.exists(f"{folder}/late")


def check_weights(folder, model, drop):
    """Another checkpoint is calibrated again, but what is code stays: which products have multipliers, and which went back to floats."""
    options, other = [f"--calibrate={folder}/many"], f"{folder}/other.onnxtxt"
    hot_block.write_model(other, moved=0.02)
    program, _ = compiled(f"{folder}/swap", model, INT8, *options, f"--max-drop={drop}", f"--weights={folder}/swap/own")
    with open(program, "rb") as file:
        plan = re.search(rb'"plan":\[.*?\]', file.read())[0]
    assert b'"bf16 ' in plan or b'"f32 ' in plan, plan
    for name, weights in (("same", model), ("next", other)):
        run(CNXC, "weights", weights, f"--for={program}", *options, "-o", f"{folder}/swap/{name}")
        assert filecmp.cmp(f"{folder}/swap/{name}", f"{folder}/swap/own", shallow=False) == (name == "same")
    shutil.copy(f"{folder}/swap/next", f"{folder}/swap/own")
    want = logits(compiled(f"{folder}/other", other)[0], f"{folder}/test.npy", folder)
    error = logits(program, f"{folder}/test.npy", folder) - want
    assert np.sqrt(np.mean(error ** 2)) < 0.02 * np.sqrt(np.mean(want ** 2)), (error, want)
    said = run(CNXC, "weights", other, f"--for={program}", "-o", f"{folder}/none", code=2)
    assert "compiled with --calibrate: --calibrate=DIR says with which pictures" in said, said


def check_cache(folder, model, calibrate):
    """An executable in the cache belongs to what the pictures hold."""
    os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
    mine, entries = shutil.copytree(calibrate, f"{folder}/mine"), []
    for change in (lambda: None, lambda: None, lambda: hot_block.write_pixels(f"{mine}/pixels.npy", 8, seed=5)):
        change()
        run(CNXC, "run", INT8, f"--calibrate={mine}", model, "--info")
        entries.append(len([name for name in os.listdir(f"{folder}/cache/cnxc") if re.search("-[0-9a-f]{16}$", name)]))
    assert entries == [1, 1, 2], entries


def check_errors(folder, model, calibrate):
    for options, code, message in [
        ([f"--calibrate={calibrate}"], 2, "--calibrate goes with --precision=int8"),
        (["--precision=bf16", f"--calibrate={calibrate}"], 2, "--calibrate goes with --precision=int8"),
        ([INT8, "--max-drop=1"], 2, "--max-drop goes with --calibrate"),
        ([INT8, f"--calibrate={calibrate}", "--max-drop=few"], 2, "--max-drop takes points from 0 to 100, such as 0.3, got 'few'"),
        ([INT8, f"--calibrate={calibrate}", "--max-drop=1x"], 2, "--max-drop takes points from 0 to 100, such as 0.3, got '1x'"),
        ([INT8, f"--calibrate={calibrate}", "--budget=1m"], 2, "--budget goes with --max-drop"),
        ([INT8, f"--calibrate={calibrate}", "--max-drop=1", "--budget=soon"], 2, "--budget takes a time such as 90s, 10m or 1h, got 'soon'"),
        ([INT8, f"--calibrate={calibrate}", "--max-drop=1", "--outputs=y"], 3, "--max-drop needs logits or probabilities to judge by"),
        ([INT8, f"--calibrate={folder}/nowhere"], 4, "can't read the folder"),
        ([INT8, f"--calibrate={folder}/empty"], 1, "holds no pictures"),
        ([INT8, f"--calibrate={folder}/single"], 1, "holds one picture"),
        ([INT8, f"--calibrate={folder}/flat"], 1, "no batch of pixels: a .npy file of four dimensions"),
        ([INT8, f"--calibrate={folder}/small"], 1, "its shape is 2x3x8x8, 'picture' takes Nx3x32x32"),
        ([INT8, f"--calibrate={folder}/words"], 3, "nothing says how pictures are prepared"),
    ]:
        said = run(CNXC, "compile", model, *options, "-o", f"{folder}/none", code=code)
        assert message in said and not os.path.exists(f"{folder}/none"), (options, said)
    with open(model) as f:
        said = subprocess.run([CNXC, "compile", "-", INT8, f"--calibrate={calibrate}", "-o", f"{folder}/none"], stdin=f, stderr=subprocess.PIPE,
                              text=True)
    assert said.returncode == 2 and "reads MODEL twice" in said.stderr, said
    said = run(CNXC, "compile", f"{ROOT}/models/digits", INT8, f"--calibrate={folder}/classes", "--max-drop=50", "-o", f"{folder}/judged")
    assert said.startswith("max-drop 50: points of top-1 on 5 pictures\n"), said
    said = run(CNXC, "compile", f"{ROOT}/models/digits", INT8, f"--calibrate={folder}/damaged", "-o", f"{folder}/none", code=1)
    assert "damaged/b.png: error:" in said and "can't be calibrated with" in said, said
    assert not [name for name in os.listdir(folder) if name.startswith(".cnxc")]


def make_errors(folder):
    for name in ("empty", "single", "flat", "small", "words"):
        os.makedirs(f"{folder}/{name}")
    hot_block.write_pixels(f"{folder}/single/a.npy", 1, seed=1)
    np.save(f"{folder}/flat/a.npy", np.zeros((4, 3), np.float32))
    np.save(f"{folder}/small/a.npy", np.zeros((2, 3, 8, 8), np.float32))
    for label in map(os.path.dirname, glob.glob(f"{ROOT}/models/digits/test/*/")):
        os.makedirs(f"{folder}/classes/{os.path.basename(label)}")
        shutil.copy(sorted(glob.glob(f"{label}/*"))[0], f"{folder}/classes/{os.path.basename(label)}")
    os.makedirs(f"{folder}/damaged")
    shutil.copy(glob.glob(f"{ROOT}/models/digits/test/*/*")[0], f"{folder}/damaged/a.png")
    with open(f"{folder}/damaged/a.png", "rb") as f, open(f"{folder}/damaged/b.png", "wb") as to:
        to.write(f.read()[:100])
    for name in "ab":
        with open(f"{folder}/words/{name}.png", "w") as f:
            f.write("no picture")
    with open(f"{folder}/classes/README.txt", "w") as f:
        f.write("passed over")


def main():
    with tempfile.TemporaryDirectory(prefix="cnxc-calibrate-") as folder:
        model, calibrate = f"{folder}/hot.onnxtxt", f"{folder}/pixels"
        hot_block.write_model(model)
        hot_block.write_pixels(f"{calibrate}/pixels.npy", 17, seed=2)
        program = check_gain(folder, model, calibrate)
        check_dump(folder, model, calibrate, program)
        check_same(folder, model, calibrate, program)
        check_weights(folder, model, check_drop(folder, model))
        check_cache(folder, model, calibrate)
        run(CNXC, "verify", model, INT8, f"--calibrate={calibrate}")
        make_errors(folder)
        check_errors(folder, model, calibrate)


main()
