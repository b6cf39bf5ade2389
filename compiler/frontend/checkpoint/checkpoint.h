/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Checkpoints: a folder's tensors by name, whatever file they are in.
 *
 *   model.safetensors, pytorch_model.bin, *.pth (ZIP or legacy pickle), shards with an index, tf_model.h5 */
#ifndef CNXC_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define CNXC_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "compiler/frontend/checkpoint/index.h"

typedef struct Checkpoint {
    const char *file;  /* for messages: model.safetensors, the index of shards, convnext_tiny.pth */
    TensorIndex index;
    Diag *diag;
} Checkpoint;

bool checkpoint_lies_in(const char *dir); /* under a name that transformers gives */
/* The checkpoint of a folder. NULL after a diagnostic. */
Checkpoint *checkpoint_open(const char *dir, Arena *arena, Diag *diag);

/* Is it a checkpoint, by its first bytes? And that checkpoint alone; NULL after a diagnostic. */
bool checkpoint_probe(const Source *source);
Checkpoint *checkpoint_read(const Source *source, Arena *arena, Diag *diag);

#endif
