/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* InceptionNeXt's token mixer: most channels pass, three parts have a kernel of their own form each.
 *
 *   x [C]  →  C - 3 g as they are, g by 3 × 3, g by 1 × band, g by band × 1  →  side by side again
 *
 * Parts are cut and joined where channels are the last axis, so that each is a run of neighbours. */
#include "compiler/frontend/convnext/build.h"

typedef struct Branch {
    const char *name;
    int64_t kernel[2];
} Branch;

static Value *branch(HfBuild *build, Value *x, const Branch *b, const char *name, int64_t from, int64_t width, int64_t dilation)
{
    HfConv conv = {.in = width,
                   .out = width,
                   .group = width,
                   .kernel = {b->kernel[0], b->kernel[1]},
                   .stride = {1, 1},
                   .dilation = dilation,
                   .same = true};
    Value *part = hf_slice(build, x, hf_name(build, name, ".part"), 3, from, from + width);
    Value *y = hf_conv(build, hf_channels_first(build, part, hf_name(build, name, ".part")), name, &conv);
    return hf_channels_last(build, y, name);
}

Value *hf_mixer(HfBuild *build, Value *x, const char *layer, int64_t width, int64_t dilation)
{
    const int64_t band = build->config->band;
    const Branch branches[] = {{".dwconv_hw", {3, 3}}, {".dwconv_w", {1, band}}, {".dwconv_h", {band, 1}}};
    const char *mixer = hf_name(build, layer, ".token_mixer");
    int64_t part = width / build->config->band_share, from = width - countof(branches) * part;
    Value *parts[1 + countof(branches)];
    x = hf_channels_last(build, x, mixer);
    parts[0] = hf_slice(build, x, hf_name(build, mixer, ".passed"), 3, 0, from);
    for (int i = 0; i < countof(branches); i++, from += part)
        parts[1 + i] = branch(build, x, &branches[i], hf_name(build, mixer, branches[i].name), from, part, dilation);
    Node *joined = graph_add_op(build->graph, NULL, op_get(OP_Concat), parts, countof(parts), mixer, NO_SPAN);
    node_set_int(joined, "axis", 3);
    return joined->outputs.at[0];
}
