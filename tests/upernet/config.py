# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A UperNet's config.json: its defaults, the graph that it means, and what is wrong with it, or with its backbone's, at its line.
# RUN: %python %s %cnxc %t
import json
import os
import shutil
import subprocess
import sys

CNXC, FOLDER = sys.argv[1:]
BACKBONE = {"model_type": "convnext", "depths": [1, 1], "hidden_sizes": [4, 6], "out_features": ["stage1", "stage2"]}
BASE = {"model_type": "upernet", "architectures": ["UperNetForSemanticSegmentation"], "backbone_config": BACKBONE, "hidden_size": 8, "num_labels": 3}


def graph(changes, *options, backbone=None, processor=None):
    """Exit code, the graph's text, messages. One key a line, so that a message's line names its key."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    config = BASE | {"backbone_config": BACKBONE | (backbone or {})} | changes
    with open(f"{FOLDER}/config.json", "w") as f:
        json.dump(config, f, indent=1)
    if processor:
        with open(f"{FOLDER}/preprocessor_config.json", "w") as f:
            json.dump(processor, f)
    done = subprocess.run([CNXC, "compile", FOLDER, "--config-only", "--emit=onnxtxt", "-o", "-", *options], capture_output=True, text=True)
    messages = [line for line in done.stderr.splitlines() if not line.startswith("cnxc: note: no preprocessor_config.json")]
    return done.returncode, done.stdout, "\n".join(messages), done.stderr


def shows(changes, *texts, options=(), **more):
    code, text, errors, _ = graph(changes, *options, **more)
    assert code == 0 and not errors and all(t in text for t in texts), (changes, more, code, errors, [t for t in texts if t not in text])
    return text


def says(message, code, changes, *options, line=None, **more):
    got, _, errors, _ = graph(changes, *options, **more)
    assert got == code and message in errors, (changes, more, got, errors)
    if line:
        with open(f"{FOLDER}/config.json") as f:
            number = next(i for i, text in enumerate(f.read().splitlines(), 1) if text.strip().startswith(f'"{line}"'))
        assert f"config.json:{number}:" in errors, (changes, number, errors)


def same(a, b):
    left, right = graph(a), graph(b)
    assert left[0] == right[0] == 0 and left[1] == right[1], (a, b, left[2], right[2])


# Logits and labels of 512 x 512 pixels, by Segformer's defaults, which a note says; or as asked for.
text = shows({}, "upernet (float[batch_size,3,512,512] pixel_values) => (float[batch_size,3,512,512] logits, int64[batch_size,512,512] labels)",
             '"cnxc.task": "image-segmentation"', '\\"resize_height\\": 512', '\\"mean\\": [0.485, 0.456, 0.406]', "labels = ArgMax <axis: int = 1",
             '"backbone.embeddings.patch_embeddings.weight"', '"decode_head.fpn_bottleneck.conv.weight"')
assert "auxiliary" not in text and '"backbone.hidden_states_norms.stage2.weight" = ["location"' in text
assert "no preprocessor_config.json: pictures are prepared as SegformerImageProcessor does by default, at 512x512" in graph({})[3]
shows({"architectures": []})
says("warning: --problem-type=regression changes nothing: a UperNet labels pixels", 0, {}, "--problem-type=regression")
shows({}, "float[batch_size,3,32,64] pixel_values", "int64[batch_size,32,64] labels", options=["--image-size=32x64"])
shows({}, "=> (int64[batch_size,32,32] labels)", options=["--image-size=32", "--outputs=labels"])
shows({}, "=> (float[batch_size,3,32,32] probabilities)", "probabilities = Softmax <axis: int = 1>", options=["--image-size=32", "--outputs=probabilities"])
shows({}, "pixel_values) =>", processor={"image_processor_type": "SegformerImageProcessor", "size": 40, "reduce_labels": True})
same({}, {"pool_scales": [1, 2, 3, 6], "use_auxiliary_head": False, "loss_ignore_index": 0, "auxiliary_channels": 7})

# 64 pixels are 16 x 16 and 8 x 8: windows that are alike are a pool, others a product with a constant matrix.
text = shows({"pool_scales": [1, 3, 4]}, "AveragePool <kernel_shape: ints = [8, 8], strides: ints = [1, 1]>", "AveragePool <kernel_shape: ints = [2, 2], strides: ints = [2, 2]>",
             "means_8_3", "means_3_8", options=["--image-size=64"])
assert text.count("AveragePool <") == 2

# Labels' names, and a backbone that is a ConvNeXt V2.
shows({"id2label": {"0": "sky", "1": "road"}, "num_labels": None}, '\\"sky\\", \\"road\\"', options=["--image-size=32"])
shows({}, "ReduceL2", backbone={"model_type": "convnextv2"}, options=["--image-size=32"])

says("backbone_config.model_type is resnet", 3, {}, backbone={"model_type": "resnet"})
says("backbone_config is of DINOv3, expected convnext or convnextv2", 3, {}, backbone={"model_type": "dinov3_convnext"}, line="backbone_config")
says("backbone_config.depths has 3 entries, backbone_config.hidden_sizes 2", 1, {}, backbone={"depths": [1, 1, 1]}, line="depths")
says("backbone_config has no out_features, and so no maps", 1, {}, backbone={"out_features": []}, line="backbone_config")
says("backbone_config is a string, expected an object", 1, {"backbone_config": "convnext"}, line="backbone_config")
says("backbone_config says nothing of a ConvNeXt", 3, {"backbone_config": None})
says("backbone says nothing of a ConvNeXt", 3, {"backbone_config": None, "backbone": "resnet50"}, line="backbone")
says("architectures is not supported, expected UperNetForSemanticSegmentation", 3, {"architectures": ["UperNetForOther"]}, line="architectures")
says("hidden_size is 0, expected 1 to 65536", 1, {"hidden_size": 0}, line="hidden_size")
says("pool_scales holds a string, expected integers", 1, {"pool_scales": ["1"]}, line="pool_scales")
says("num_labels names no label", 1, {"num_labels": 0}, line="num_labels")
says('unknown output "logit"; there are logits, labels, probabilities', 1, {}, "--outputs=logit")
says("output labels is asked for twice", 1, {}, "--outputs=labels,labels")
says("--task=backbone is not what a UperNet does, expected image-segmentation", 3, {}, "--task=backbone")
says("pictures of 2x32 are too small", 1, {}, "--image-size=2x32")
