/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The pipeline: the ordered table of passes, with dumps, checks and times around each. */
#ifndef CNXC_PASSES_PIPELINE_H
#define CNXC_PASSES_PIPELINE_H

#include "compiler/passes/quantize.h"

typedef struct PipelineOptions {
    int opt_level;           /* 0: no fusion; 3 */
    DType precision;         /* of pointwise and patch layers: float, bf16 or int8 */
    const QuantizePlan *plan; /* int8: what is planned for its products; NULL: nothing */
    bool before_quantize;    /* leave the passes from quantize on: what it would see */
    const char *print_after; /* a pass's name, "all", or NULL; to standard error */
    bool time_passes, verify_each;
    void (*after)(void *context, const char *pass, const Model *model); /* is shown the model after each pass; NULL: nobody */
    void *context;
} PipelineOptions;

/* Portable part: what stays plain ONNX (canonicalise, fold); what --emit=onnx and onnxtxt print. */
bool pipeline_portable(Model *model, const PipelineOptions *options);
/* The rest, for the code generator: layout, affine, fuse … Runs pipeline_portable first if it has not run. */
bool pipeline_optimize(Model *model, const PipelineOptions *options);
int64_t pipeline_pass_names(const char *const **names); /* for --print-after's did-you-mean */

#endif
