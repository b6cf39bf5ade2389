# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# config.json: every form that published files have is read alike, and what contradicts itself is named at its line.
# RUN: %python %s %cnxc %t
import json
import os
import subprocess
import sys

CNXC, FOLDER = sys.argv[1:]
BASE = {"model_type": "convnext", "depths": [1, 2], "hidden_sizes": [4, 6]}


def graph(config, *options):
    """Exit code, the graph's text, messages. One key a line, so that a message's line names its key."""
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/config.json", "w") as f:
        json.dump(config, f, indent=1)
    done = subprocess.run([CNXC, "compile", FOLDER, "--config-only", "--emit=onnxtxt", "-o", "-", *options], capture_output=True, text=True)
    messages = [line for line in done.stderr.splitlines() if not line.startswith("cnxc: note: no preprocessor_config.json")]
    return done.returncode, done.stdout, "\n".join(messages)


def same(a, b, *options):
    """Two configs mean the same model, without a word."""
    left, right = graph(BASE | a, *options), graph(BASE | b, *options)
    assert left[0] == right[0] == 0 and not left[2] and not right[2], (a, b, left[2], right[2])
    assert left[1] == right[1], (a, b)


def says(changes, code, message, *options, key=None):
    config = {k: v for k, v in (BASE | changes).items()}
    got, _, errors = graph(config, *options)
    assert got == code and message in errors, (changes, got, errors)
    if key:
        line = next(i for i, text in enumerate(json.dumps(config, indent=1).splitlines()) if text.startswith(f' "{key}"')) + 1
        assert f"config.json:{line}:" in errors, (changes, line, errors)


def shows(changes, *texts, options=()):
    got, text, errors = graph(BASE | changes, *options)
    assert got == 0 and not errors and all(t in text for t in texts), (changes, got, errors, [t for t in texts if t not in text])


# Defaults, written out
same({}, {"num_channels": 3, "patch_size": 4, "num_stages": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12, "layer_scale_init_value": 1e-6,
          "drop_path_rate": 0.0, "initializer_range": 0.02, "image_size": 224, "out_features": None, "out_indices": None,
          "problem_type": None, "architectures": None})
# What has no effect: training's values, other releases' keys, unknown keys
same({}, {"drop_path_rate": 0.3, "initializer_range": 1, "dtype": "float16", "torch_dtype": "float32", "transformers_version": "4.16.0.dev0",
          "stage_names": ["stem", "stage1", "stage2"], "_name_or_path": "x", "max_length": 20, "padding": [1], "architectures": []})
same({"patch_size": 2, "image_size": 32}, {"patch_size": [2, 2], "image_size": [32, 32]})
same({"num_stages": 2}, {"num_hidden_layers": 2})
same({"layer_norm_eps": 0, "layer_scale_init_value": 0}, {"layer_norm_eps": 0.0, "layer_scale_init_value": -1.0})
# Labels: numbers as strings, as in the files of 2022
names = {"0": "cat", "1": "dog", "2": "cat"}
same({"id2label": names, "label2id": {"cat": 2, "dog": 1}}, {"id2label": names, "label2id": {"cat": "2", "dog": "1"}})
same({"num_labels": 2}, {})
shows({"id2label": names}, "(float[batch_size,3,224,224] pixel_values) => (float[batch_size,3] logits)", '[\\"cat\\", \\"dog\\", \\"cat\\"]')
shows({"num_labels": 7}, "float[batch_size,7] logits")
shows({"num_labels": 0}, "float[batch_size,6] logits")
says({"id2label": names, "num_labels": 5}, 0, "num_labels is 5, but id2label has 3 entries; num_labels wins", key="num_labels")
says({"id2label": names, "label2id": {"dog": 0}}, 0, 'label2id says that "dog" is 0, but id2label does not', key="label2id")
says({"id2label": {"0": "a", "2": "b"}}, 1, 'id2label has the key "2" among 2, expected 0 to 1', key="id2label")
says({"id2label": ["a"]}, 1, "id2label is a list, expected an object", key="id2label")
says({"label2id": {"a": 1.5}}, 1, "label2id holds a number, expected class numbers", key="label2id")
# Stages and backbones
last = {"architectures": ["ConvNextBackbone"]}
same(last, last | {"out_indices": [2]})
same(last, last | {"out_features": ["stage2"]})
same(last | {"out_indices": [0, -1]}, last | {"out_features": ["stem", "stage2"], "out_indices": [0, 2]})
shows(last | {"out_indices": [-3, 1]}, "feature_map.0", "feature_map.1")
says({"out_features": ["stage3"]}, 1, 'out_features names "stage3", expected stem or stage1 to stage2', key="out_features")
says({"out_features": ["stage2", "stage1"]}, 1, "out_features must list stages in order, each once", key="out_features")
says({"out_indices": [1, 1]}, 1, "out_indices must list stages in order, each once", key="out_indices")
says({"out_indices": [2, -1]}, 1, "out_indices must list stages in order, each once", key="out_indices")
says({"out_indices": [3]}, 1, "out_indices is 3, expected -3 to 2", key="out_indices")
says({"out_indices": [-4]}, 1, "out_indices is -4, expected -3 to 2", key="out_indices")
says({"out_features": ["stem"], "out_indices": [1]}, 1, "out_indices and out_features name different stages", key="out_indices")
says({"out_features": ["stem", "stage1"], "out_indices": [0]}, 1, "name different stages", key="out_indices")
says(last | {"out_features": []}, 1, "out_features is empty, so there are no feature maps", key="out_features")
shows({"out_features": []}, "logits")
says({"depths": [1, 1, 1]}, 1, "depths has 3 entries, hidden_sizes 2", key="depths")
says({"num_stages": 3}, 1, "depths has 2 entries, but there are 3 stages", key="depths")
says({"num_stages": 2, "num_hidden_layers": 3}, 1, "num_hidden_layers is 3, but num_stages, of which it is another name, is 2", key="num_hidden_layers")
# Losses
says({"problem_type": "single_label_classification", "num_labels": 1}, 1, "single_label_classification, but there is 1 label", key="problem_type")
says({"problem_type": "multi"}, 1, 'unknown problem_type "multi"', key="problem_type")
says({"num_labels": 0}, 1, "a model of 0 labels has no loss", "--outputs=loss", key="num_labels")
shows({"num_labels": 1}, "float[batch_size] labels) => (float loss)", options=["--outputs=loss"])
shows({"num_labels": 4}, "int64[batch_size] labels, float[batch_size,4] \"labels.multi_label\") => (float loss, float \"loss.multi_label\")", options=["--outputs=loss"])
shows({"num_labels": 4, "problem_type": "regression"}, "float[batch_size,4] labels) => (float loss)", options=["--outputs=loss"])
shows({"problem_type": "regression"}, "int64[batch_size] labels) => (float loss)", options=["--outputs=loss", "--problem-type=single_label_classification"])
shows({"problem_type": "multi_label_classification"}, "probabilities = Sigmoid", options=["--outputs=probabilities"])
shows({}, "probabilities = Softmax", options=["--outputs=probabilities"])
# Types and other models
says({"drop_path_rate": "0.1"}, 1, "drop_path_rate is a string, expected a number", key="drop_path_rate")
says({"hidden_act": "gelu_tanh"}, 1, 'unknown hidden_act "gelu_tanh", expected one of gelu, gelu_new', key="hidden_act")
says({"layer_norm_eps": -1}, 1, "layer_norm_eps is -1, expected 0 or more", key="layer_norm_eps")
says({"patch_size": [4]}, 1, "patch_size has 1 entries, expected 2", key="patch_size")
says({"architectures": ["ConvNextForDetection"]}, 3, "architecture ConvNextForDetection is not supported", key="architectures")
says({"architectures": ["ConvNextV2Model"]}, 3, "architecture ConvNextV2Model is not supported", key="architectures")
says({"model_type": "resnet"}, 3, "model_type is resnet", key="model_type")
