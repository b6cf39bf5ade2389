/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The passes: graph → graph. Each is a short file that opens with what it does in a before/after.
 * A pass returns whether it changed anything; it requires inferred types and leaves inferred types. */
#ifndef CNXC_PASSES_PASSES_H
#define CNXC_PASSES_PASSES_H

#include "compiler/passes/quantize.h"

bool pass_canonicalize(Graph *graph); /* one spelling for each thing: Constant → initializer, Identity gone,
                                         no-ops gone, constant operands last, dead code gone; plain ONNX of the
                                         model's opset */
bool pass_fold(Graph *graph);         /* constant inputs → constants, by the interpreter */
bool pass_legalize(Graph *graph);     /* one opset and one spelling: the forms that all later rooms see */
bool pass_widen(Graph *graph);        /* halves are computed in float, and rounded where the graph gives them out */
bool pass_recognize(Graph *graph);    /* exporters' chains → Gelu, LayerNormalization, ReduceL2; Gemm → MatMul */
bool pass_layout(Graph *graph);       /* channels-last, every transpose cancelled that can be */
bool pass_affine(Graph *graph);       /* LayerNorm's affine part and layer scale into the pointwise weights */
bool pass_weights(Graph *graph);      /* weight matrices that are still to be transposed → constants */
bool pass_quantize(Graph *graph, const QuantizePlan *plan); /* products of constant weights → products of 8-bit integers;
                                                               plan NULL: nothing is planned */
bool pass_fuse(Graph *graph);         /* regions: an anchor and its elementwise neighbours; elementwise chains */
bool pass_precision(Graph *graph, const QuantizePlan *plan); /* after pass_fuse: regions that a plan leaves to bf16 */
bool pass_fuse_block(Graph *graph);   /* after pass_fuse: the regions of a ConvNeXt block → one of kind "block" */
bool pass_prune(Graph *graph);        /* dead nodes and constants */

/* The node of constants alone becomes what it computes: if it is worth its memory, as pass_fold has it; in any case. */
bool node_fold(Node *node);
bool node_fold_whole(Node *node);
bool node_fold_spelled(Node *node); /* likewise, unless it takes too many steps or grows out of proportion */

/* Why nodes stand outside regions, for `cnxc info`: a property of the fused graph. */
const char *fuse_reason(const Node *node, Arena *arena); /* NULL: it is a region */

/* Why a node, also of a body, is a product of floats behind pass_quantize; NULL: it is none. */
const char *quantize_reason(const Node *node, const QuantizePlan *plan, Arena *arena);

#endif
