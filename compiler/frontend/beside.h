/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What lies beside a graph: the settings of its image processor, and its labels. */
#ifndef CNXC_FRONTEND_BESIDE_H
#define CNXC_FRONTEND_BESIDE_H

#include "compiler/frontend/input/options.h"
#include "ir/graph.h"

/* A graph in a folder with its configuration, as Optimum and others write it: model.onnx, onnx/model.onnx, or the only .onnx in
 * either place. NULL: there is none, or more. */
const char *beside_graph(const char *dir, Arena *arena);

/* The input that takes pictures, whose height and width --image-size fixes: pixel_values, or else the first of rank 4; NULL. */
Value *beside_input(const Graph *graph);

/* Before inference: settings into the model's metadata, and sizes that are open into its input. folder: of beside_graph, NULL: the
 * graph is a file of its own. False after a diagnostic. */
bool beside_pictures(Model *model, const char *folder, const FrontendOptions *options, Diag *diag);
/* After inference: which output labels are answered from, and what they are called. */
bool beside_labels(Model *model, const char *folder, const FrontendOptions *options, Diag *diag);

#endif
