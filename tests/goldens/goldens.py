"""What the golden runners share: reading raw files, compiling and running a case, for this machine or another system."""
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
