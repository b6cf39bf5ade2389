# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's own node tests on compiled code: run.py CNXC [--only PATTERN,...] [--jobs N] [--update] [--list OUTCOME].

The package onnx carries some 1,900 cases: a model of one operator (or the function that defines it), inputs, outputs and a
tolerance. Each is compiled, run and compared. What came of it stands in outcomes.tsv, a line an operator:

    right        compiled, and every output within the case's tolerance; where an input has to be known at compile time (axes, sizes),
                 with all inputs but the first as constants
    unsupported  refused with exit code 3: an operator, type or form that cnxc does not have
    untried      compiled, but its values are no arrays that .npy can hold (bfloat16): neither passed nor failed

Anything else is a failure wherever it happens: a wrong answer, a valid model told as wrong (exit code 1), a crash. So is a
line that differs from the table; --update writes it anew, for a commit that says why. Ends with "N passed, N failed", where
passed are the cases of the first two outcomes.
"""
import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import os
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outcomes.tsv")
OUTCOMES = ("right", "unsupported", "untried")


def cases():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests
        return load_model_tests(kind="node")


def operator_of(case):
    """The operator that the case is named after: of several nodes the one whose name the case's begins with."""
    words = case.name.removeprefix("test_").replace("_", "")
    kinds = [node.op_type for node in case.model.graph.node]
    named = [kind for kind in kinds if words.startswith(kind.lower())]
    return (named or kinds or ["(none)"])[0]


def to_array(value):
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else np.asarray(value)


def is_array(value):
    return isinstance(value, (np.ndarray, np.generic, onnx.TensorProto)) and to_array(value).dtype.kind in "fiub"


def differences(case, got, want):
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        b = np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"output {i} is {a.dtype}{a.shape}, expected {b.dtype}{b.shape}"
        if b.dtype.kind == "f":
            if not np.allclose(a.astype(np.float64), b.astype(np.float64), case.rtol, case.atol, equal_nan=True):
                return f"output {i} is off by {np.nanmax(np.abs(a.astype(np.float64) - b)):.3g}"
        elif not np.array_equal(a, b):
            return f"output {i} has {int((a != b).sum())} wrong of {b.size}"
    return None


def run_program(case, program, folder, inputs, outputs):
    graph, command = case.model.graph, [program, "--threads=2"]
    for i, (info, value) in enumerate(zip(graph.input, inputs)):
        np.save(f"{folder}/in{i}.npy", np.asarray(value, order="C"))
        command.append(f"--input={info.name}={folder}/in{i}.npy")
    for i, info in enumerate(graph.output):
        command.append(f"--output={info.name}={folder}/out{i}.npy")
    result = subprocess.run(command, capture_output=True, text=True, timeout=100)
    if result.returncode:
        return f"failed: the program ended with {result.returncode}: {result.stderr.strip()[:200]}"
    problem = differences(case, [np.load(f"{folder}/out{i}.npy") for i in range(len(outputs))], outputs)
    return f"wrong: {problem}" if problem else "right"


def compile_model(cnxc, model, folder):
    onnx.save(model, f"{folder}/model.onnx")
    return subprocess.run([cnxc, "compile", f"{folder}/model.onnx", "-o", f"{folder}/program"], capture_output=True, text=True, timeout=100)


def known(case):
    """The case with all inputs but the first as constants."""
    (inputs, outputs), *_ = case.data_sets
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for info, value in list(zip(model.graph.input, inputs))[1:]:
        if not is_array(value):
            return None
        model.graph.initializer.append(onnx.numpy_helper.from_array(to_array(value), info.name))
        model.graph.input.remove(info)
    return dataclasses.replace(case, model=model, data_sets=[(inputs[:1], outputs)])


def outcome(cnxc, case):
    try:
        with tempfile.TemporaryDirectory(prefix="cnxc-node-") as folder:
            program = f"{folder}/program"
            result = compile_model(cnxc, case.model, folder)
            if result.returncode == 3 and "must be known at compile time" in result.stderr and len(case.data_sets) == 1 and known(case):
                case = known(case)
                result = compile_model(cnxc, case.model, folder)
            if result.returncode == 3:
                return "unsupported"
            if result.returncode:
                kind = "told as wrong" if result.returncode == 1 else "failed"
                return f"{kind}: exit code {result.returncode}: {result.stderr.strip()[:300]}"
            for inputs, outputs in case.data_sets:
                if not all(map(is_array, [*inputs, *outputs])):
                    return "untried"
                said = run_program(case, program, folder, [to_array(v) for v in inputs], [to_array(v) for v in outputs])
                if said != "right":
                    return said
            return "right"
    except Exception as e:  # a case that cannot even be tried has failed
        return f"failed: {type(e).__name__}: {e}"


def read_table():
    with open(TABLE) as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    return {row[0]: tuple(map(int, row[1:])) for row in rows}


def write_table(table):
    with open(TABLE, "w") as f:
        f.write("# operator\t" + "\t".join(OUTCOMES) + "\n")
        for operator in sorted(table):
            f.write("\t".join([operator, *map(str, table[operator])]) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--only", default="*")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    ap.add_argument("--update", action="store_true")
    ap.add_argument("--list", default="")
    a = ap.parse_args()
    work = [c for c in cases() if any(fnmatch.fnmatch(c.name, p) for p in a.only.split(","))]
    counts, passed, failed = collections.defaultdict(lambda: [0] * len(OUTCOMES)), 0, 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for case, said in zip(work, pool.map(lambda c: outcome(a.cnxc, c), work)):
            if said in OUTCOMES:
                counts[operator_of(case)][OUTCOMES.index(said)] += 1
                passed += said != "untried"
            else:
                failed += 1
                print(f"FAIL {case.name} ({operator_of(case)}): {said}", flush=True)
            if a.list and said.startswith(a.list):
                print(f"{a.list}: {case.name} ({operator_of(case)})", flush=True)
    table = {operator: tuple(n) for operator, n in counts.items()}
    if a.update:
        write_table(table)
    elif a.only == "*":
        known = read_table()
        for operator in sorted(set(known) | set(table)):
            if known.get(operator) != table.get(operator):
                failed += 1
                print(f"FAIL {operator}: {dict(zip(OUTCOMES, table.get(operator, ())))}, "
                      f"the table has {dict(zip(OUTCOMES, known.get(operator, ())))}")
    print("node tests: " + ", ".join(f"{sum(n[i] for n in table.values())} {name}" for i, name in enumerate(OUTCOMES)))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
