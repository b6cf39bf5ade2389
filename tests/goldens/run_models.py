"""The golden models by every road in: the folder, each exporter's .onnx, its text with weights inline and outside.

    run_models.py CNXC [--levels O3,O0] [--roads folder,onnx,text,external,printed] [--only PATTERN] [--jobs N]

Compiles each to an executable, runs it on the stored pixel values and compares every output with the float64
reference. The road "printed" checks the other direction: ONNX Runtime runs the graph that cnxc prints, as
.onnx and as text read by onnx.parser. Prints the worst case of each road and ends with "N passed, N failed".
"""
import argparse
import concurrent.futures
import fnmatch
import os
import sys
import tempfile

import numpy as np

import goldens

ROADS = ("folder", "onnx", "text", "external", "printed")


def roads_of(case, wanted):
    """(road, model path or exporter's file) pairs that the case has."""
    folder = os.path.join(goldens.HERE, case["dir"])
    for road in wanted:
        if road in ("folder", "printed"):
            yield road, folder
        elif road == "external":
            yield from ((road, os.path.join(folder, e["text_external"]["text"])) for e in case.get("onnx", []) if "text_external" in e)
        else:
            yield from ((road, os.path.join(folder, e["file"])) for e in case.get("onnx", []))


def inline_text(path, folder):
    """The .onnx as text, by the onnx package's own printer."""
    import onnx
    text = os.path.join(folder, "model.onnxtxt")
    with open(text, "w") as f:
        f.write(onnx.printer.to_text(onnx.load(path)))
    return text


def image_size(shape):
    return f"--image-size={shape[2]}x{shape[3]}"


def wanted_outputs(case):
    """Outputs of the forward pass; the loss is a graph of its own."""
    return {k: v for k, v in case["outputs"].items() if k == "logits"}


def compiled_outputs(cnxc, case, road, path, level, folder):
    inputs = {k: goldens.read_raw(os.path.join(goldens.HERE, case["dir"]), v) for k, v in case["inputs"].items() if k == "pixel_values"}
    source = inline_text(path, folder) if road == "text" else path
    executable = os.path.join(folder, "model")
    goldens.run([cnxc, "compile", source, f"-{level}", image_size(inputs["pixel_values"].shape), "-o", executable])
    return goldens.run_model(executable, inputs, wanted_outputs(case), folder)


def printed_outputs(cnxc, case, path, folder, emit):
    import onnx
    import onnxruntime
    inputs = {k: goldens.read_raw(path, v) for k, v in case["inputs"].items() if k == "pixel_values"}
    out = os.path.join(folder, "printed." + emit)
    goldens.run([cnxc, "compile", path, f"--emit={emit}", image_size(inputs["pixel_values"].shape), "-o", out])
    if emit == "onnxtxt":
        with open(out) as f:
            model = onnx.parser.parse_model(f.read())
        onnx.external_data_helper.load_external_data_for_model(model, folder)
        blob = model.SerializeToString()
    else:
        onnx.checker.check_model(onnx.load(out), full_check=True)
        blob = out
    session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
    names = list(wanted_outputs(case))
    return dict(zip(names, session.run(names, inputs)))


def check(cnxc, case, road, path, level):
    """(label, worst error over atol, message)"""
    label = f"{case['name']} {os.path.basename(path)} {road} {level}"
    try:
        with tempfile.TemporaryDirectory(prefix="cnxc-golden-") as folder:
            got = (printed_outputs(cnxc, case, path, folder, level) if road == "printed"
                   else compiled_outputs(cnxc, case, road, path, level, folder))
        worst = max(goldens.error_over_atol(got[k], goldens.read_raw(os.path.join(goldens.HERE, case["dir"]), v), v["atol"])
                    for k, v in wanted_outputs(case).items())
        return road, label, worst, "" if worst <= 1 else "outside the tolerance"
    except Exception as e:  # a failing command is a failing case
        return road, label, float("inf"), str(e)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--levels", default="O3,O0")
    ap.add_argument("--roads", default=",".join(ROADS))
    ap.add_argument("--only", default="*")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    a = ap.parse_args()
    work = []
    for case in goldens.manifest()["models"]:
        if case["kind"] == "cls" and fnmatch.fnmatch(case["name"], a.only):
            for road, path in roads_of(case, a.roads.split(",")):
                for level in ("onnx", "onnxtxt") if road == "printed" else a.levels.split(","):
                    work.append((a.cnxc, case, road, path, level))
    worst, failed = {}, 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for road, label, error, message in pool.map(lambda w: check(*w), work):
            worst[road] = max(worst.get(road, (0.0, "")), (error, label))
            if message:
                failed += 1
                print(f"FAIL {label}: {error:.3g} of atol: {message}", flush=True)
    for road, (error, label) in worst.items():
        print(f"worst of {road}: {error:.3f} of atol, {label}")
    print(f"{len(work) - failed} passed, {failed} failed")
    return 1 if failed or not work else 0


if __name__ == "__main__":
    sys.exit(main())
