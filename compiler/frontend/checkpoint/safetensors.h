/* Files of safetensors. */
#ifndef CNXC_FRONTEND_CHECKPOINT_SAFETENSORS_H
#define CNXC_FRONTEND_CHECKPOINT_SAFETENSORS_H

#include "compiler/frontend/input/external.h"

typedef struct SafeTensor {
    const char *name;
    Tensor tensor;         /* data in the mapping; location, offset, length set */
} SafeTensor;
typedef struct SafeTensors {
    const WeightFile *file;
    VEC(SafeTensor) tensors; /* in the header's order */
    StrMap by_name;          /* → SafeTensor */
} SafeTensors;

/* Eight bytes of length, little-endian and far below 2^56, then a JSON object? */
bool safetensors_probe(const Source *source);

/* The file dir/location, its header checked: no duplicates, overlaps, holes or sizes that do not fit. NULL after a
 * diagnostic at span. */
SafeTensors *safetensors_open(const char *dir, const char *location, Span span, Arena *arena, Diag *diag);

/* Constants that a graph text addresses inside a .safetensors file are where its header says. False after a
 * diagnostic. */
bool safetensors_check_places(const Model *model, Diag *diag);

#endif
