# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Hidden states, pooled vectors, feature maps, losses, of ConvNeXt and V2, by every class: the graph that cnxc
# builds, run by ONNX Runtime, against the float64 reference within each output's tolerance.
# RUN: %python %s %cnxc %root/tests/goldens %t
import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

TASKS = {"cls": "image-classification", "base": "feature-extraction", "backbone": "backbone", "bb": "backbone"}


def build(cnxc, case, folder, shape, outputs, out):
    subprocess.run([cnxc, "compile", folder, "--emit=onnx", "-o", out, f"--task={TASKS[case['kind']]}", f"--image-size={shape[2]}x{shape[3]}",
                    "--outputs=" + ",".join(outputs)], check=True, capture_output=True)
    onnx.checker.check_model(onnx.load(out), full_check=True)
    return onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])


def feeds(session, inputs):
    """labels of one value a picture may be stored as (B) or (B,1); of two kinds of labels one gets zeros."""
    wanted = {i.name: i for i in session.get_inputs()}
    given = {k: v for k, v in inputs.items() if k in wanted}
    if takes_floats(session) and given["labels"].dtype == np.float32:
        return given | {"labels": np.zeros(len(given["labels"]), np.int64), "labels.multi_label": given["labels"]}
    if takes_floats(session):
        given["labels.multi_label"] = np.zeros((len(given["labels"]), wanted["labels.multi_label"].shape[1]), np.float32)
    return {k: v.reshape(len(v)) if len(wanted[k].shape) == 1 else v for k, v in given.items()}


def takes_floats(session):
    return any(i.name == "labels.multi_label" for i in session.get_inputs())


def fetches(session, inputs, outputs):
    """Floats give the loss of floats where the graph has one."""
    floats = "labels" in inputs and inputs["labels"].dtype == np.float32 and takes_floats(session)
    return ["loss.multi_label" if floats and name == "loss" else name for name in outputs]


def check(cnxc, goldens, case, out):
    folder = os.path.join(goldens.HERE, case["dir"])
    inputs = {k: goldens.read_raw(folder, v) for k, v in case["inputs"].items()}
    outputs = list(case["outputs"])
    session = build(cnxc, case, folder, inputs["pixel_values"].shape, outputs, out)
    for name, got in zip(outputs, session.run(fetches(session, inputs, outputs), feeds(session, inputs))):
        expected = goldens.read_raw(folder, case["outputs"][name]).reshape(got.shape)
        worst = np.abs(got - expected).max() / case["outputs"][name]["atol"]
        assert worst <= 1 or np.isnan(expected).all() and np.isnan(got).all(), f"{case['name']} {name}: {worst} of atol"
    return len(outputs)


def main(cnxc, golden_folder, folder):
    sys.path.insert(0, golden_folder)
    import goldens
    os.makedirs(folder, exist_ok=True)
    cases = goldens.manifest()["models"]
    count = sum(check(cnxc, goldens, case, os.path.join(folder, "model.onnx")) for case in cases)
    assert count >= len(cases) > 0
    print(count, "outputs of", len(cases), "models")


main(*sys.argv[1:])
