# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The peers' own tools that make a float model an int8 one, as their users would call them.

Each takes a model as .onnx, inputs to calibrate with, and the path of what it makes; what is there already is kept.
"""
import logging
import os

logging.getLogger().setLevel(logging.ERROR)  # both say a lot


def replace(made, path):
    """What was made whole takes its place."""
    os.replace(made, path)
    return path


def onnxruntime_static(model, inputs, path):
    """QDQ: unsigned activations by tensor, signed weights by channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter(inputs)

        def get_next(self):
            return next(({"pixel_values": x} for x in self.rest), None)

    if not os.path.exists(path):
        quant_pre_process(model, path + ".prepared", skip_symbolic_shape=True)  # it stumbles over V2's reductions
        quantize_static(path + ".prepared", path + ".new", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        replace(path + ".new", path)
    return path


def onnxruntime_dynamic(model, inputs, path):
    """Scales of activations found while running; of the products only, as its documentation has it for transformers."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    if not os.path.exists(path):
        quantize_dynamic(model, path + ".new", op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=QuantType.QInt8)
        replace(path + ".new", path)
    return path


def openvino_nncf(model, inputs, path):
    """NNCF with its mixed preset: symmetric weights, asymmetric activations. A path that ends in .xml; its .bin lies beside."""
    import nncf
    import openvino as ov
    nncf.set_log_level(logging.ERROR)
    if not os.path.exists(path):
        inputs = list(inputs)
        made = nncf.quantize(ov.Core().read_model(model), nncf.Dataset(inputs), subset_size=len(inputs),
                             preset=nncf.QuantizationPreset.MIXED)
        new = path.removesuffix(".xml") + ".new"
        ov.save_model(made, new + ".xml", compress_to_fp16=False)
        replace(new + ".bin", path.removesuffix(".xml") + ".bin")
        replace(new + ".xml", path)
    return path
