/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whose names a checkpoint's tensors have: Hugging Face's of ConvNeXt or DINOv3, the original release's, timm's, torchvision's or
 * TensorFlow's. Tensors are asked for by Hugging Face's and keep the names of the file, so that messages and printed graphs speak
 * of what the user has. */
#ifndef CNXC_FRONTEND_CONVNEXT_NAMES_H
#define CNXC_FRONTEND_CONVNEXT_NAMES_H

#include "compiler/frontend/checkpoint/index.h"

typedef enum Family { FAMILY_CONVNEXT, FAMILY_CONVNEXTV2, FAMILY_DINOV3, FAMILY_COUNT } Family;
const char *family_name(Family family); /* its model_type */

typedef struct Names {
    const struct Dialect *dialect;
    const char *wrapper; /* what stands before all names: "", "module.", or a trainer's "net." */
    const char *prefix; /* "convnext.", which names of Hugging Face's files may begin with; heads' do not */
    Arena *arena;
    bool recognized; /* else Hugging Face's are assumed */
} Names;

const char *hf_prefix(Family family); /* of the bare model's names */

/* Tells whose they are. Gives TensorFlow's kernels the shape and strides they have to Hugging Face. */
Names names_recognize(TensorIndex *index, const char *prefix);
Names names_plain(const char *prefix, Arena *arena); /* Hugging Face's */

/* The tensor that Hugging Face's bare model calls name; NULL: there is none. */
StoredTensor *names_find(const Names *names, const TensorIndex *index, const char *name);
/* name, as Hugging Face's bare model has it, as this file would have it. */
const char *names_in_file(const Names *names, const char *name);
/* A file's name as Hugging Face's bare model has it; itself if it is none of a ConvNeXt's. */
const char *names_bare(const Names *names, const char *name);
bool names_of_tensorflow(const Names *names);
bool names_of_torchvision(const Names *names);
bool names_of_dinov3(const Names *names);
bool names_drop_ones(const Names *names); /* do weights have dimensions of 1 more or less? */

#endif
