/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Building the graph of a ConvNeXt from a Hugging Face folder: what the builder's files share. */
#ifndef CNXC_FRONTEND_CONVNEXT_BUILD_H
#define CNXC_FRONTEND_CONVNEXT_BUILD_H

#include "compiler/frontend/convnext/convnext.h"
#include "compiler/frontend/convnext/parameters.h"
#include "compiler/frontend/input/processor.h"
#include "ir/op.h"

typedef struct HfPart {     /* of the network: consecutive nodes that have a name in common */
    const char *function;    /* what it is: "Block" */
    const char *name;        /* which: "encoder.stages.0.layers.0" */
    Node *first, *last;
} HfPart;

typedef struct HfBuild {
    const HfConfig *config;
    Parameters *weights;
    Graph *graph;
    int64_t height, width;   /* of the pictures */
    Value *pixels;           /* the input */
    Value **hidden_states;   /* num_stages + 1 of them: the stem's result, then each stage's */
    Value *pooled, *logits, *tokens; /* NULL until something needs them */
    VEC(HfPart) parts;       /* of the network */
    bool norms_saved; /* of feature maps: the checkpoint is of a class that has them; else they are new where it lacks them */
} HfBuild;

/* convnext.c: what every network on the trunk needs. */
Model *hf_new_model(const HfConfig *config, const char *task, const char *name, Arena *arena, Diag *diag);
void hf_set_size(HfBuild *build, const Pictures *pictures, const FrontendOptions *options);
void hf_check_size(const Pictures *pictures, const FrontendOptions *options, Diag *diag); /* warns of what cannot be */
void hf_ignore_unbuilt(const HfBuild *build);

/* trunk.c: the input, the stem and all stages. False after a diagnostic. */
bool hf_build_trunk(HfBuild *build);
int64_t hf_width(const HfConfig *config, int64_t hidden_state); /* channels of a hidden state */
/* Notes that the nodes up to result's are a part, since before was the last one. */
Value *hf_part(HfBuild *build, const char *function, const char *name, const Node *before, Value *result);

/* outputs.c: adds the outputs that --outputs and the task ask for. False after a diagnostic. */
bool hf_build_outputs(HfBuild *build, HfTask task, const char *const *names, int64_t count);
Value *hf_feature_map(HfBuild *build, int64_t k); /* the normalised k-th of the config's features */
bool hf_is_new_output(const HfBuild *build, const char *name); /* false after a diagnostic */
void hf_publish(HfBuild *build, Value *value, const char *name); /* as an output of that name */

/* mixer.c: InceptionNeXt's depthwise convolutions, of a channels-first value, which give a channels-last one. */
Value *hf_mixer(HfBuild *build, Value *x, const char *layer, int64_t width, int64_t dilation);

/* outline.c: turns the parts of a graph, all built, into calls of functions. */
void hf_outline(const HfBuild *build);

/* act.c: config.json's hidden_act. layer names the block, for an activation with a weight. */
Value *hf_act(HfBuild *build, Value *x, const char *layer);

/* ops.c. Each names its result after base or name; name is also the weights'. */
const char *hf_name(HfBuild *build, const char *base, const char *suffix);
Value *hf_op(HfBuild *build, OpKind kind, const char *base, Value *a, Value *b, Value *c); /* b, c may be NULL */
Value *hf_scalar(HfBuild *build, double value);
/* A constant that stands once in the graph, under a name that says its value: "axes_1_2". */
Value *hf_ints(HfBuild *build, const char *what, const int64_t *values, int64_t count);
Value *hf_constant(HfBuild *build, const char *name, Tensor *tensor);
/* As float, whatever the file holds. */
Value *hf_weight(HfBuild *build, const char *name, int rank, const int64_t *dims);
Value *hf_channels_last(HfBuild *build, Value *x, const char *base);
Value *hf_channels_first(HfBuild *build, Value *x, const char *base);
/* Over the last axis, like the next. */
Value *hf_layer_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon);
Value *hf_linear(HfBuild *build, Value *x, const char *name, int64_t in, int64_t out);
Value *hf_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon); /* the config's kind of it */
Value *hf_batch_norm(HfBuild *build, Value *x, const char *name, int64_t width, double epsilon); /* over axis 1 */
Value *hf_slice(HfBuild *build, Value *x, const char *base, int64_t axis, int64_t start, int64_t end);
typedef struct HfConv {
    int64_t in, out, kernel[2], stride[2], pad, group;
    bool bare;               /* without a bias */
    int64_t dilation;        /* 0: 1 */
    bool same; /* the map keeps its size: padded by half of what the kernel spans instead, the odd one at the end */
} HfConv;
Value *hf_conv(HfBuild *build, Value *x, const char *name, const HfConv *conv);
Value *hf_reduce(HfBuild *build, OpKind kind, Value *x, const char *base, const int64_t *axes, int64_t count, bool keepdims);

#endif
