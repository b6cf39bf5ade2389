# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""python3 parquet.py MODEL TABLE EMBEDDINGS: a Parquet file with a column `bytes` of pictures to one with their embeddings."""
import sys

import ray

import cnxc.ray

model, table, embeddings = sys.argv[1:]
pictures = ray.data.read_parquet(table)
workers = ray.data.ActorPoolStrategy(min_size=1, max_size=8)
pictures.map_batches(cnxc.ray.Embedder, fn_constructor_args=[model], num_cpus=1, compute=workers).write_parquet(embeddings)
