# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""cnxc beside transformers' pipeline: run_pipeline.py CNXC [COUNT [FIRST]]. Random pictures, no stored answers.

Case i is a picture (random_pictures.py) decided by i, at 224 pixels or 384; `run_pipeline.py CNXC 1 i` runs it again. It is
answered by pipeline("image-classification", folder) and by the folder's program, compiled with no option; then by the
pipeline with ConvNextImageProcessorPil and the program of --preproc=pil. Labels must come in the same order, and no score may
differ by more than 2e-6: on some of the pictures the two arithmetics are farther apart than that, which is counted, too. A
picture that the pipeline refuses is no case.

Needs tests/goldens/requirements.txt. Ends with "N passed, N failed".
"""
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings

os.environ.update(CUDA_VISIBLE_DEVICES="", HF_HUB_OFFLINE="1")
import numpy as np
import torch
import transformers
from PIL import Image
from transformers import ConvNextConfig, ConvNextForImageClassification, ConvNextImageProcessor, ConvNextImageProcessorPil

import random_models
import random_pictures

ALLOWED = 2e-6
SIZES = (224, 384)  # cropped from 256, and warped: the processor's two rules
LABELS = 12         # few enough for their order to be no matter of the last bit
BACKENDS = {"torchvision": [], "pil": ["--preproc=pil"]}  # the options of cnxc for each


# ── A model, and who answers for it ──────────────────────────────────────────────────────────────────────────────────

def save_model(folder, size):
    """Small, with weights so large that a level of one pixel shows in the scores."""
    torch.manual_seed(size)
    config = ConvNextConfig(depths=[1, 1, 2, 1], hidden_sizes=[24, 48, 64, 96], num_labels=LABELS, image_size=size)
    model = ConvNextForImageClassification(config).eval()
    random_models.randomize(np.random.default_rng([7, size]), model)
    model.save_pretrained(folder)
    ConvNextImageProcessor(size={"shortest_edge": size}, crop_pct=0.875).save_pretrained(folder)


def make_pipeline(folder, backend):
    if backend == "torchvision":
        return transformers.pipeline("image-classification", folder, device="cpu")
    processor = ConvNextImageProcessorPil.from_pretrained(folder)
    return transformers.pipeline("image-classification", folder, image_processor=processor, device="cpu")


def answers_of_program(program, paths):
    """{path: predictions}; what the program refuses is not in it."""
    run = subprocess.run([program, "-k", str(LABELS), "--json", *paths], capture_output=True, text=True)
    return {a["path"]: a["predictions"] for a in json.loads(run.stdout) if "predictions" in a}


def difference(want, got):
    """In words, "" if there is none; and the largest of a score."""
    if got is None:
        return "cnxc refuses it", 0
    scores = [{p["label"]: p["score"] for p in answer} for answer in (want, got)]
    worst = max(abs(scores[0][label] - scores[1].get(label, 9)) for label in scores[0])
    if [p["label"] for p in want] != [p["label"] for p in got]:
        return "the labels have another order", worst
    return (f"scores differ by {worst:.3g}" if worst > ALLOWED else ""), worst


# ── All cases ────────────────────────────────────────────────────────────────────────────────────────────────────────

def make_picture(i, folder):
    """Its path and what it is."""
    rng = np.random.default_rng([11, i])
    path = os.path.join(folder, str(i))
    what = random_pictures.write_photo(rng, path) if i % 5 == 0 else random_pictures.write(rng, 3, path)
    return path, what


def ask_pipeline(pipeline, path):
    """Its predictions; None: it refuses the picture."""
    try:
        return pipeline(path, top_k=LABELS)
    except Exception:  # of Pillow, torchvision or transformers: whatever a damaged picture brings about
        return None


class Tally:
    def __init__(self):
        self.passed, self.failed, self.refused, self.worst, self.apart = 0, 0, 0, 0, 0


def check_size(cnxc, temp, size, cases, tally):
    folder, wanted = f"{temp}/model{size}", {}
    save_model(folder, size)
    for backend, options in BACKENDS.items():
        program, pipeline = f"{temp}/{backend}{size}", make_pipeline(folder, backend)
        subprocess.run([cnxc, "compile", folder, *options, "-o", program], check=True)
        got = answers_of_program(program, [path for _, path, _ in cases])
        for i, path, what in cases:
            want = wanted[backend, i] = ask_pipeline(pipeline, path)
            if want is None:
                tally[backend].refused += 1
                continue
            problem, worst = difference(want, got.get(path))
            tally[backend].worst = max(tally[backend].worst, worst)
            tally[backend].passed += not problem
            tally[backend].failed += bool(problem)
            if problem:
                print(f"FAIL {i}: {what}, {size}, {backend}: {problem}", flush=True)
            if backend == "pil" and wanted["torchvision", i]:
                tally[backend].apart += difference(wanted["torchvision", i], want)[1] > ALLOWED


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    Image.MAX_IMAGE_PIXELS = None
    cnxc, count, first = os.path.abspath(sys.argv[1]), *(int(a) for a in (sys.argv[2:] + ["300", "0"][len(sys.argv) - 2:]))
    tally = {backend: Tally() for backend in BACKENDS}
    with tempfile.TemporaryDirectory(prefix="cnxc-pipeline-") as temp:
        for k, size in enumerate(SIZES):
            cases = [(i, *make_picture(i, temp)) for i in range(first, first + count) if i % len(SIZES) == k]
            if cases:
                check_size(cnxc, temp, size, cases, tally)
    for backend, t in tally.items():
        print(f"{backend}: {t.passed} agree, the worst score is off by {t.worst:.3g}; the pipeline refused {t.refused}")
    apart, passed, failed = tally["pil"].apart, *(sum(getattr(t, n) for t in tally.values()) for n in ("passed", "failed"))
    print(f"on {apart} pictures the pipeline's own two backends differ by more than {ALLOWED}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed or (count > 9 and not apart) else 0


if __name__ == "__main__":
    sys.exit(main())
