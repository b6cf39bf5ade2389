/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The index of a checkpoint: its tensors by name, what each is and where its elements lie. Data stays in the files. */
#ifndef CNXC_FRONTEND_CHECKPOINT_INDEX_H
#define CNXC_FRONTEND_CHECKPOINT_INDEX_H

#include "compiler/frontend/input/external.h"

/* A tensor as a file holds it. */
typedef struct StoredTensor {
    const char *name;
    Tensor tensor;             /* type and place in the file; data only once it was loaded */
    const ExternalFile *file;  /* NULL: there is none, only a place for it */
    int64_t strides[MAX_RANK]; /* in elements; all within the file */
    bool used;                 /* by the model that is built */
} StoredTensor;

typedef struct TensorIndex {
    Arena *arena;
    VEC(StoredTensor *) tensors; /* in the file's order */
    StrMap by_name;              /* → StoredTensor */
} TensorIndex;

TensorIndex tensor_index_new(Arena *arena);
/* A tensor whose elements lie without gaps, not in the index yet. name is kept. */
StoredTensor *stored_tensor_new(Arena *arena, const char *name, const Tensor *tensor, const ExternalFile *file);
bool tensor_index_add(TensorIndex *index, StoredTensor *stored); /* false: the name is taken */
StoredTensor *tensor_index_find(const TensorIndex *index, const char *name); /* NULL: there is none */

/* The tensor with its data: in place, or copied where its elements are unaligned or not in order. */
Tensor *stored_tensor_load(StoredTensor *stored, Arena *arena);

/* The readers of single files. Each adds to the index; false after a diagnostic. */
bool torch_probe(const Source *source); /* of torch.save's? */
bool torch_read(const ExternalFile *file, TensorIndex *index, Diag *diag);
bool h5_read(const ExternalFile *file, TensorIndex *index, Diag *diag);
bool safetensors_read(const ExternalFile *file, TensorIndex *index, Diag *diag);

#endif
