# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The engines that are compared: each turns a model, an input and a number of threads into a function that runs once.

Each lives in a process of its own, so that none disturbs another's threads, and is pinned to the same processors. An
engine that is not installed, or can't do what is asked, says so: Unavailable.

    python3 engines.py ENGINE MODELS.json X.npy Y.npy THREADS     for compare.py: a line "N" → a line of N times in ms
"""
import ctypes
import json
import os
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "goldens", "full")]
import quantise  # noqa: E402
from make_checkpoint import pixel_values  # noqa: E402


class Unavailable(Exception):
    pass


def only(models, *precisions):
    if models["precision"] not in precisions:
        raise Unavailable(f"not measured in {models['precision']}")


def calibration(x):
    """What quantizers see: eight pictures, or one batch, of the kind of x."""
    return [pixel_values(100 + i, x.shape) for i in range(max(1, 8 // len(x)))]


def cnxc(models, x, threads):
    if models["shared_failed"]:
        raise Unavailable(models["shared_failed"])
    lib = ctypes.CDLL(models["shared"])

    class Options(ctypes.Structure):
        _fields_ = [("struct_size", ctypes.c_size_t), ("n_threads", ctypes.c_int64), ("weights_path", ctypes.c_char_p),
                    ("parallel_for", ctypes.c_void_p), ("parallel_user", ctypes.c_void_p)]
    options = Options(struct_size=ctypes.sizeof(Options), n_threads=threads)
    model, context = ctypes.c_void_p(), ctypes.c_void_p()
    assert lib.bench_create(ctypes.byref(options), ctypes.byref(model)) == 0
    assert lib.bench_context_create(model, None, ctypes.c_size_t(0), ctypes.byref(context)) == 0
    y = np.empty((x.shape[0], 1000), np.float32)
    inputs, outputs = (ctypes.c_void_p * 1)(x.ctypes.data), (ctypes.c_void_p * 1)(y.ctypes.data)

    def run():
        status = lib.bench_run(context, inputs, ctypes.c_int64(x.shape[0]), outputs)
        assert status == 0, status
        return y
    return run


def onnxruntime(models, x, threads, dynamic=False):
    import onnxruntime as ort
    only(models, "f32", "int8")
    model, quantiser = models["onnx"], quantise.onnxruntime_dynamic if dynamic else quantise.onnxruntime_static
    if models["precision"] == "int8":
        model = quantiser(model, calibration(x), f"{model}.{quantiser.__name__}")
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(["logits"], {"pixel_values": x})[0]


def onnxruntime_dynamic(models, x, threads):
    return onnxruntime(models, x, threads, dynamic=True)


def openvino(models, x, threads, rest="f32"):
    import openvino as ov
    model, hint, core = models["onnx"], models["precision"], ov.Core()
    if hint == "int8":
        model, hint = quantise.openvino_nncf(model, calibration(x), model + ".xml"), rest
    compiled = core.compile_model(core.read_model(model), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint})
    request = compiled.create_infer_request()
    return lambda: request.infer({"pixel_values": x})["logits"]


def openvino_bf16(models, x, threads):
    """What NNCF left in float, in bf16."""
    return openvino(models, x, threads, rest="bf16")


def torch_eager(models, x, threads, compiled=False):
    import torch
    only(models, "f32", "bf16")
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    from convnext_torch import ConvNext
    model = ConvNext(models["folder"]).eval()
    if models["precision"] == "bf16":
        model = model.to(torch.bfloat16)
    if compiled:
        import torch._inductor.config as inductor
        inductor.freezing = True
        model = torch.compile(model)
    pixels = torch.from_numpy(x).contiguous(memory_format=torch.channels_last)
    pixels = pixels.to(next(model.buffers()).dtype)

    def run():
        with torch.inference_mode():
            return model(pixels).float().numpy()
    return run


def torch_compile(models, x, threads):
    return torch_eager(models, x, threads, compiled=True)


def tract(models, x, threads):
    import tract as engine
    only(models, "f32")
    if threads > 1:
        raise Unavailable("tract's Python package runs on one thread")
    model = engine.onnx().load(models["onnx"]).into_model().into_runnable()
    return lambda: model.run([x])[0].to_numpy()


def iree(models, x, threads):
    import iree.compiler  # noqa: F401: the tools below are part of it
    import iree.runtime as rt
    only(models, "f32")
    tool = lambda name: os.path.join(os.path.dirname(sys.executable), name)
    module = models["onnx"] + ".vmfb"
    if not os.path.exists(module):
        subprocess.run([tool("iree-import-onnx"), models["onnx"], "-o", models["onnx"] + ".mlir", "--opset-version", "20"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        subprocess.run([tool("iree-compile"), models["onnx"] + ".mlir", "-o", module, "--iree-hal-target-device=local",
                        "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host",
                        "--iree-opt-level=O3", "--iree-opt-data-tiling"], check=True, stderr=subprocess.PIPE)
    if threads > 1:
        rt.flags.parse_flags(f"--task_topology_max_group_count={threads}")
    context = rt.SystemContext(config=rt.Config("local-task" if threads > 1 else "local-sync"))
    program = rt.VmModule.mmap(context.instance, module)
    context.add_vm_module(program)
    name = next(n for n in program.function_names if not n.startswith("_") and not n.endswith("$async"))
    function = context.modules[program.name][name]
    return lambda: np.asarray(function(x))


ENGINES = {"cnxc": cnxc, "onnxruntime": onnxruntime, "onnxruntime-dynamic": onnxruntime_dynamic, "openvino": openvino,
           "openvino-bf16": openvino_bf16, "torch": torch_eager, "torch-compile": torch_compile, "tract": tract, "iree": iree}
INT8_ONLY = {"onnxruntime-dynamic", "openvino-bf16"}
PACKAGES = {"onnxruntime": "onnxruntime", "onnxruntime-dynamic": "onnxruntime", "openvino": "openvino", "openvino-bf16": "openvino",
            "torch": "torch", "torch-compile": "torch", "tract": "tract", "iree": "iree-base-runtime"}


def version(engine):
    from importlib import metadata
    try:
        return metadata.version(PACKAGES[engine]) if engine in PACKAGES else None
    except metadata.PackageNotFoundError:
        return None


def reason(error):
    """One line that says why an engine can't take part."""
    if isinstance(error, ImportError):
        return f"not installed: {error}"
    text = str(error)
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        text = f"{os.path.basename(error.cmd[0])}: {error.stderr.decode(errors='replace').strip()}"
    lines = text.strip().splitlines() or [type(error).__name__]
    return lines[-1 if isinstance(error, subprocess.CalledProcessError) else 0][:300]


def main():
    engine, models, x_path, y_path, threads = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(threads)])
    answers, sys.stdout = sys.stdout, sys.stderr  # what engines print must not get between the answers
    try:
        x = np.load(x_path)
        run = ENGINES[engine](json.loads(models), x, int(threads))
        for _ in range(2):
            y = run()
        np.save(y_path, y)
    except Exception as error:  # whatever a peer does, the others are still measured
        print(json.dumps({"missing": reason(error)}), file=answers, flush=True)
        return
    print(json.dumps({"version": version(engine)}), file=answers, flush=True)
    for line in sys.stdin:
        run()  # the turns of the others have emptied the caches
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            run()
            times.append((time.perf_counter() - start) * 1e3)
        print(json.dumps(times), file=answers, flush=True)


if __name__ == "__main__":
    main()
