# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The golden models by every road in: the folder, each exporter's .onnx, its text with weights inline and outside.

    run_models.py CNXC [--levels O3,O0] [--roads folder,onnx,text,external,printed] [--only PATTERN,...] [--jobs N]
                       [--target SYSTEM --runner EMULATOR]

Compiles each to an executable, runs it on the stored inputs and compares every output with the float64 reference:
from a folder all that the case has (logits, loss, hidden states, feature maps …), from an export what it computes. The road "printed" checks the other direction: ONNX Runtime runs the graph that cnxc prints, as
.onnx and as text read by onnx.parser. Prints the worst case of each road and ends with "N passed, N failed".
"""
import argparse
import fnmatch
import os
import sys
import tempfile

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


def case_inputs(case, names):
    return {k: goldens.read_raw(os.path.join(goldens.HERE, case["dir"]), v) for k, v in case["inputs"].items() if k in names}


def computed(executable, kind):
    """Names of the executable's inputs or outputs."""
    lines = (line.split() for line in goldens.execute(executable, "--info").splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == kind]


def compiled_outputs(cnxc, case, road, path, level, folder):
    source = inline_text(path, folder) if road == "text" else path
    executable = os.path.join(folder, "model")
    options = [f"-{level}", image_size(case["inputs"]["pixel_values"]["shape"])]
    if road == "folder":
        options.append("--outputs=" + ",".join(case["outputs"]))
    goldens.compile_model(cnxc, source, *options, "-o", executable)
    names = [name for name in computed(executable, "output") if name in case["outputs"]]
    return goldens.run_model(executable, case_inputs(case, computed(executable, "input")), names, folder)


def printed_outputs(cnxc, case, path, folder, emit):
    import onnx
    import onnxruntime
    inputs = case_inputs(case, ["pixel_values"])
    out = os.path.join(folder, "printed." + emit)
    names = [name for name in case["outputs"] if name != "loss"]
    goldens.run([cnxc, "compile", path, f"--emit={emit}", "--outputs=" + ",".join(names), image_size(case["inputs"]["pixel_values"]["shape"]), "-o", out])
    if emit == "onnxtxt":
        with open(out) as f:
            model = onnx.parser.parse_model(f.read())
        onnx.external_data_helper.load_external_data_for_model(model, folder)
        blob = model.SerializeToString()
    else:
        onnx.checker.check_model(onnx.load(out), full_check=True)
        blob = out
    session = onnxruntime.InferenceSession(blob, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, inputs)))


def check(cnxc, case, road, path, level):
    """The worst error over atol."""
    with tempfile.TemporaryDirectory(prefix="cnxc-golden-") as folder:
        got = (printed_outputs(cnxc, case, path, folder, level) if road == "printed"
               else compiled_outputs(cnxc, case, road, path, level, folder))
    wanted = case["outputs"]
    return max(goldens.error_over_atol(got[k], goldens.read_raw(os.path.join(goldens.HERE, case["dir"]), wanted[k]),
                                       wanted[k]["atol"]) for k in got)


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("cnxc", type=os.path.abspath)
    ap.add_argument("--levels", default="O3,O0")
    ap.add_argument("--roads", default=",".join(ROADS))
    ap.add_argument("--only", default="*")
    ap.add_argument("--jobs", type=int, default=os.cpu_count())
    goldens.add_target(ap)
    a = ap.parse_args()
    goldens.use_target(a)
    work = []
    for case in goldens.manifest()["models"]:
        if any(fnmatch.fnmatch(case["name"], pattern) for pattern in a.only.split(",")):
            for road, path in roads_of(case, a.roads.split(",")):
                for level in ("onnx", "onnxtxt") if road == "printed" else a.levels.split(","):
                    label = f"{case['name']} {os.path.basename(path)} {road} {level}"
                    work.append((road, label, check, a.cnxc, case, road, path, level))
    return goldens.run_cases(work, a.jobs)


if __name__ == "__main__":
    sys.exit(main())
