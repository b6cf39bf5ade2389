/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The frontends: text, .onnx, checkpoints, and folders of Hugging Face or timm to one Model of primitive ONNX operators. */
#ifndef CNXC_FRONTEND_FRONTEND_H
#define CNXC_FRONTEND_FRONTEND_H

#include "compiler/frontend/input/options.h"
#include "ir/graph.h"

/* Reads MODEL, known by its content: a folder is Hugging Face's or a graph's with what belongs to it, a checkpoint may be alone, a
 * protobuf is .onnx, else it is text; "-" is standard input. Functions are inlined, dimensions bound, types inferred, the free batch
 * checked, outputs selected. NULL after diagnostics. */
Model *frontend_load(const char *path, const FrontendOptions *options, Arena *arena, Diag *diag);

/* A Model from a folder's config alone, for the graph texts in models/: constants have no data, but their place in the
 * model.safetensors that is to lie in text_dir. Types are inferred, and the network's parts are functions. NULL after
 * diagnostics. */
Model *frontend_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag);

/* inline.c. False after a diagnostic. */
bool model_inline_functions(Model *model, Diag *diag);

#endif
