/* Checkpoints: named tensors, whatever file they are in and whoever named them.
 *
 *   model.safetensors, pytorch_model.bin, *.pth (ZIP or legacy pickle), shards with an index, tf_model.h5
 *
 * Names are Hugging Face's, the original release's, timm's or TensorFlow's; tensors are asked for by Hugging Face's
 * and keep the names of the file, so that messages and printed graphs speak of what the user has. */
#ifndef CNXC_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define CNXC_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "compiler/frontend/input/external.h"

/* A tensor as a file holds it. */
typedef struct StoredTensor {
    const char *name;
    Tensor tensor;          /* type, place in the file; data only once checkpoint_tensor was asked */
    const WeightFile *file;
    int64_t strides[MAX_RANK]; /* in elements; all within the file */
} StoredTensor;

typedef struct TensorFile {
    VEC(StoredTensor *) tensors; /* in the file's order */
    StrMap by_name;              /* → StoredTensor */
} TensorFile;

typedef struct Checkpoint {
    const char *file;       /* for messages: model.safetensors, the index, convnext_tiny.pth */
    const struct Dialect *dialect; /* names.c: whose names they are */
    const char *wrapper;    /* what stands before all names: "", "module." … */
    const char *prefix;     /* "convnext." or "convnextv2.", which Hugging Face's files may have, too */
    TensorFile tensors;
    Arena *arena;
    Diag *diag;
} Checkpoint;

/* The checkpoint of a folder; v2: of a ConvNeXt V2. NULL after a diagnostic. */
Checkpoint *checkpoint_open(const char *dir, bool v2, Arena *arena, Diag *diag);

/* The index in tensors of the one that Hugging Face's bare model calls name; -1: none. */
int64_t checkpoint_find(const Checkpoint *checkpoint, const char *name);

/* The tensor with its data and this shape; NULL: it has another. timm's may have dimensions of 1 more or less. */
Tensor *checkpoint_tensor(Checkpoint *checkpoint, int64_t index, int rank, const int64_t *dims);

/* names.c: sets dialect and wrapper, and gives TensorFlow's kernels the shape and strides they have to
 * Hugging Face. */
void checkpoint_recognize(Checkpoint *checkpoint);
/* name, as Hugging Face's bare model has it, as this file would have it (with = true: with Hugging Face's prefix). */
const char *checkpoint_file_name(const Checkpoint *checkpoint, const char *name, bool prefixed);
/* A file's name as Hugging Face's bare model has it; itself if it is none of a ConvNeXt's. */
const char *checkpoint_bare_name(const Checkpoint *checkpoint, const char *name);
bool checkpoint_of_tensorflow(const Checkpoint *checkpoint);
bool checkpoint_drops_ones(const Checkpoint *checkpoint);

/* The readers of single files. Each adds to out; false after a diagnostic. */
bool torch_read(const WeightFile *file, TensorFile *out, Arena *arena, Diag *diag); /* torch.c */
bool h5_read(const WeightFile *file, TensorFile *out, Arena *arena, Diag *diag);    /* h5.c */
bool tensor_file_add(TensorFile *out, StoredTensor *tensor, Arena *arena);          /* false: the name is taken */
/* Strides of elements that lie without gaps. */
void strides_without_gaps(int rank, const int64_t *dims, int64_t *strides);

#endif
