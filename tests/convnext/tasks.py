# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# One checkpoint, several systems: what each golden folder computes without a word, and what --task makes of it.
# RUN: %python %s %cnxc %root/tests/goldens/models %t
import json
import os
import shutil
import subprocess
import sys

CNXC, MODELS, FOLDER = sys.argv[1:]


def outputs(model, *options):
    """Names of what the model computes; or the exit code and the messages."""
    done = subprocess.run([CNXC, "info", model, "--json", *options], capture_output=True, text=True)
    return [o["name"] for o in json.loads(done.stdout)["outputs"]] if done.returncode == 0 else (done.returncode, done.stderr)


def expect(name, wanted, *options):
    got = outputs(name if "/" in name else f"{MODELS}/{name}", *options)
    assert got == wanted, (name, options, got)


def refuse(name, message, *options):
    got = outputs(f"{MODELS}/{name}", *options)
    assert isinstance(got, tuple) and got[0] == 1 and message in got[1], (name, options, got)


def without_architectures(name):
    copy = f"{FOLDER}/{name}"
    shutil.copytree(f"{MODELS}/{name}", copy, dirs_exist_ok=True)
    with open(f"{copy}/config.json") as f:
        config = json.load(f)
    del config["architectures"]
    with open(f"{copy}/config.json", "w") as f:
        json.dump(config, f)
    return copy


BARE = ["last_hidden_state", "pooler_output"]
expect("cls_basic4", ["logits"])
expect("base_odd", BARE)
expect("bb_features", ["feature_map.0", "feature_map.1", "feature_map.2"])
expect("base_from_cls_checkpoint", ["logits"])  # its checkpoint has three labels, its config says nothing of them
for name in ("cls_basic4", "v2_cls", "base_odd", "v2_base"):
    expect(name, BARE, "--task=feature-extraction")
    expect(name, ["feature_map.0"], "--task=backbone")
expect("base_from_cls_checkpoint", BARE, "--task=feature-extraction")
refuse("base_odd", "tensor classifier.weight", "--task=image-classification")
refuse("bb_features", "tensor convnext.layernorm.weight", "--task=feature-extraction")
for name, wanted in (("cls_basic4", ["logits"]), ("base_odd", BARE), ("bb_default_last", ["feature_map.0"]), ("v2_base", BARE)):
    expect(without_architectures(name), wanted)
expect("cls_basic4", [f"hidden_states.{k}" for k in range(5)], "--outputs=hidden_states")
expect("cls_basic4", ["probabilities", "pooler_output", "hidden_states.1", "feature_map.0"], "--outputs=probabilities,pooler_output,hidden_states.1,feature_map.0")
expect("bb_all", ["feature_map.0", "feature_map.1", "feature_map.2", "hidden_states.0"], "--outputs=feature_maps,hidden_states.0")

# An export of logits has probabilities, too.
expect(f"{MODELS}/cls_basic4/model_dynamo.onnx", ["probabilities"], "--outputs=probabilities", "--image-size=64")
expect(f"{MODELS}/cls_basic4/model_legacy17.onnx", ["logits", "probabilities"], "--outputs=logits,probabilities", "--image-size=64")
text = subprocess.run([CNXC, "compile", f"{MODELS}/cls_basic4/model_dynamo.onnx", "--outputs=probabilities", "--problem-type=multi_label_classification",
                       "--image-size=64", "-O0", "--emit=onnxtxt", "-o", "-"], check=True, capture_output=True, text=True).stdout
assert "probabilities = Sigmoid" in text and "Softmax" not in text, text
assert outputs(f"{MODELS}/base_odd/model_dynamo.onnx", "--outputs=probabilities")[0] == 1
