/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* UperNet on a ConvNeXt: Hugging Face folders of UperNetForSemanticSegmentation. */
#ifndef CNXC_FRONTEND_UPERNET_UPERNET_H
#define CNXC_FRONTEND_UPERNET_UPERNET_H

#include "compiler/frontend/input/options.h"
#include "ir/graph.h"

/* Does the folder's config.json say so? Says nothing itself. */
bool upernet_probe(const char *dir);

/* NULL after diagnostics. */
Model *upernet_load(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag);

/* From the config alone, as hf_graph_from_config. */
Model *upernet_graph_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag);

#endif
