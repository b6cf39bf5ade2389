# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the golden runners share: reading raw files, compiling and running a case, for this machine or another system, and all cases."""
import concurrent.futures
import json
import os
import shlex
import subprocess

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64}
TARGET = []  # options of `cnxc compile`
RUNNER = []  # words in front of an executable that it made


def manifest():
    with open(os.path.join(HERE, "manifest.json")) as f:
        return json.load(f)


def read_raw(folder, entry):
    return np.fromfile(os.path.join(folder, entry["file"]), DTYPES[entry["dtype"]]).reshape(entry["shape"])


def run(command, **how):
    """Runs a command; a failure raises with what it said."""
    result = subprocess.run(command, capture_output=True, text=True, **how)
    if result.returncode:
        raise RuntimeError(f"exit {result.returncode}: {' '.join(map(str, command))}\n{result.stderr.strip()[:1500]}")
    return result.stdout


def add_target(parser):
    parser.add_argument("--target", help="as of cnxc compile")
    parser.add_argument("--runner", default="", help="what runs executables of the target: an emulator and its options")


def use_target(args):
    TARGET[:] = [f"--target={args.target}"] if args.target else []
    RUNNER[:] = shlex.split(args.runner)


def compile_model(cnxc, model, *options):
    return run([cnxc, "compile", model, *TARGET, *options])


def execute(executable, *words, **how):
    return run([*RUNNER, executable, *words], **how)


def run_model(executable, inputs, outputs, folder, threads=1):
    """The named outputs of an executable on the given arrays."""
    command = [f"--threads={threads}"]
    for name, array in inputs.items():
        np.save(os.path.join(folder, name + ".npy"), np.ascontiguousarray(array))
        command += ["--input", f"{name}={folder}/{name}.npy"]
    for name in outputs:
        command += ["--output", f"{name}={folder}/{name}.out.npy"]
    execute(executable, *command)
    return {name: np.load(f"{folder}/{name}.out.npy") for name in outputs}


def error_over_atol(got, want, atol):
    """The largest error in units of the tolerance; infinite where shapes differ or a NaN is on one side only."""
    if got.size == want.size == 1:
        got = got.reshape(want.shape)  # a loss has no dimension; the manifest lists it with one
    if got.shape != want.shape or (np.isnan(got) != np.isnan(want)).any():
        return float("inf")
    return float(np.nanmax(np.abs(got.astype(np.float64) - want), initial=0.0) / atol)


# ── All cases ────────────────────────────────────────────────────────────────────────────────────────────────────────

def attempt(check, *args):
    """What is wrong, "" if nothing, and the error. A check gives either; errors are in units of what is allowed."""
    try:
        said = check(*args)
    except Exception as e:  # a failing command is a failing case
        said = str(e)
    if isinstance(said, str):
        return said, float("inf") if said else 0.0
    return "" if said <= 1 else f"{said:.3g} times what is allowed", said


def run_cases(work, jobs=None):
    """Attempts all (group, case, check, arguments) side by side. Prints what is wrong, the worst of each group that has a name,
    and how many passed. The exit code."""
    worst, failed = {}, 0
    with concurrent.futures.ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for (group, case, *_), (problem, error) in zip(work, pool.map(lambda w: attempt(w[2], *w[3:]), work)):
            worst[group] = max(worst.get(group, (0.0, "")), (error, case))
            if problem:
                failed += 1
                print(f"FAIL {case}: {problem}", flush=True)
    for group in filter(None, worst):
        print("worst of {}: {:.3f} of what is allowed, {}".format(group, *worst[group]))
    print(f"{len(work) - failed} passed, {failed} failed")
    return 1 if failed or not work else 0
