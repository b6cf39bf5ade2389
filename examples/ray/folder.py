# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python3 folder.py MODEL FOLDER LABELS: the pictures of a folder (or s3://…) to Parquet: path, label, score, labels, scores, error."""
import sys

import ray

import cnxc.ray

model, folder, labels = sys.argv[1:]
pictures = ray.data.read_binary_files(folder, include_paths=True)
workers = ray.data.ActorPoolStrategy(min_size=1, max_size=8)
pictures.map_batches(cnxc.ray.Classifier, fn_constructor_args=[model], num_cpus=1, compute=workers).write_parquet(labels)
