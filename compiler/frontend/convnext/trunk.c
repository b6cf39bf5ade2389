/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The trunk of ConvNeXt, V1 and V2: stem and stages, as the primitive operators an export would have.
 *
 *   stem      Conv (patch × patch), LayerNorm over channels
 *   stage     LayerNorm, Conv 2×2 stride 2 (from the second stage on), then blocks
 *   block     x + scale · pwconv2(act(pwconv1(LayerNorm(dwconv(x)))));  V2: GRN after act, no scale
 *
 * LayerNorm and the pointwise layers work on channels-last values between a pair of Transposes; layout
 * assignment removes them later. epsilon is 1e-6 here whatever the config says. */
#include "compiler/frontend/convnext/build.h"

#include <string.h>

static const double TRUNK_EPSILON = 1e-6;

int64_t hf_width(const HfConfig *config, int64_t hidden_state)
{
    return config->hidden_sizes.at[hidden_state ? hidden_state - 1 : 0];
}

Value *hf_part(HfBuild *build, const char *function, const char *name, const Node *before, Value *result)
{
    HfPart part = {function, name, before ? before->next : build->graph->first, result->producer};
    vec_push(build->graph->model->arena, &build->parts, part);
    return result;
}

static Value *norm_channels(HfBuild *build, Value *x, const char *name, int64_t width)
{
    Value *y = hf_layer_norm(build, hf_channels_last(build, x, name), name, width, TRUNK_EPSILON);
    return hf_channels_first(build, y, name);
}

static Value *build_stem(HfBuild *build)
{
    const HfConfig *c = build->config;
    Type type = {DT_FLOAT, {4, {{-1, "batch_size"}, {c->num_channels, NULL}, {build->height, NULL}, {build->width, NULL}}}};
    Value *x = graph_add_input(build->graph, "pixel_values", type, NO_SPAN);
    HfConv patches = {.in = c->num_channels,
                      .out = c->hidden_sizes.at[0],
                      .group = 1,
                      .kernel = {c->patch_height, c->patch_width},
                      .stride = {c->patch_height, c->patch_width}};
    x = hf_conv(build, x, "embeddings.patch_embeddings", &patches);
    x = norm_channels(build, x, "embeddings.layernorm", c->hidden_sizes.at[0]);
    return hf_part(build, "Stem", "embeddings", NULL, x);
}

static Value *build_downsampling(HfBuild *build, Value *x, const char *stage, int64_t in, int64_t out)
{
    const Node *before = build->graph->last;
    x = norm_channels(build, x, hf_name(build, stage, ".downsampling_layer.0"), in);
    x = hf_conv(build, x, hf_name(build, stage, ".downsampling_layer.1"), &(HfConv){in, out, {2, 2}, {2, 2}, 0, 1, false});
    return hf_part(build, "Downsampling", stage, before, x);
}

/* Global response normalisation over height and width, of a channels-last value. */
static Value *build_grn(HfBuild *build, Value *x, const char *name, int64_t width)
{
    static const int64_t plane[] = {1, 2}, channels[] = {-1};
    const int64_t dims[] = {1, 1, 1, width};
    Value *gain = hf_weight(build, hf_name(build, name, ".weight"), 4, dims),
          *bias = hf_weight(build, hf_name(build, name, ".bias"), 4, dims);
    Value *norm = hf_reduce(build, OP_ReduceL2, x, hf_name(build, name, ".norm"), plane, 2, true);
    Value *mean = hf_reduce(build, OP_ReduceMean, norm, hf_name(build, name, ".mean"), channels, 1, true);
    Value *safe = hf_op(build, OP_Add, hf_name(build, name, ".mean_eps"), mean, hf_scalar(build, TRUNK_EPSILON), NULL);
    Value *response = hf_op(build, OP_Div, hf_name(build, name, ".response"), norm, safe, NULL);
    Value *y = hf_op(build, OP_Mul, hf_name(build, name, ".normalised"), x, response, NULL);
    y = hf_op(build, OP_Mul, hf_name(build, name, ".scaled"), y, gain, NULL);
    y = hf_op(build, OP_Add, hf_name(build, name, ".shifted"), y, bias, NULL);
    return hf_op(build, OP_Add, name, y, x, NULL);
}

/* The layer scale; a checkpoint that lacks it gets the value it was initialised with. */
static Value *build_layer_scale(HfBuild *build, Value *x, const char *layer, int64_t width)
{
    const char *name = hf_name(build, layer, ".layer_scale_parameter");
    if (build->config->v2 || build->config->layer_scale_init <= 0)
        return x;
    Value *scale = parameters_have(build->weights, name) ? hf_weight(build, name, 1, &width)
                                                         : hf_scalar(build, build->config->layer_scale_init);
    return hf_op(build, OP_Mul, hf_name(build, layer, ".scaled"), scale, x, NULL);
}

static Value *build_block(HfBuild *build, Value *x, const char *layer, int64_t width)
{
    const Node *before = build->graph->last;
    Value *y = hf_conv(build, x, hf_name(build, layer, ".dwconv"), &(HfConv){width, width, {7, 7}, {1, 1}, 3, width, false});
    y = hf_channels_last(build, y, hf_name(build, layer, ".dwconv"));
    y = hf_layer_norm(build, y, hf_name(build, layer, ".layernorm"), width, TRUNK_EPSILON);
    y = hf_linear(build, y, hf_name(build, layer, ".pwconv1"), width, 4 * width);
    y = hf_act(build, y, layer);
    if (build->config->v2)
        y = build_grn(build, y, hf_name(build, layer, ".grn"), 4 * width);
    y = hf_linear(build, y, hf_name(build, layer, ".pwconv2"), 4 * width, width);
    y = build_layer_scale(build, y, layer, width);
    y = hf_op(build, OP_Add, layer, x, hf_channels_first(build, y, layer), NULL);
    return hf_part(build, "Block", layer, before, y);
}

static Value *build_stage(HfBuild *build, Value *x, int64_t stage)
{
    const HfConfig *c = build->config;
    Arena *arena = build->graph->model->arena;
    const char *name = arena_printf(arena, "encoder.stages.%lld", (long long)stage);
    int64_t in = hf_width(c, stage), out = hf_width(c, stage + 1);
    if (stage > 0)
        x = build_downsampling(build, x, name, in, out);
    for (int64_t j = 0; j < c->depths.at[stage]; j++)
        x = build_block(build, x, arena_printf(arena, "%s.layers.%lld", name, (long long)j), out);
    return x;
}

static bool too_small(HfBuild *build, const char *what, int64_t h, int64_t w, int64_t need_h, int64_t need_w)
{
    if (h >= need_h && w >= need_w)
        return false;
    diag_error(build->graph->model->diag, NO_SPAN,
               "pictures of %lldx%lld are too small: %s has a map of %lldx%lld, its convolution needs %lldx%lld",
               (long long)build->height, (long long)build->width, what, (long long)h, (long long)w, (long long)need_h,
               (long long)need_w);
    return true;
}

static bool check_size(HfBuild *build)
{
    const HfConfig *c = build->config;
    int64_t h = build->height, w = build->width;
    if (too_small(build, "the stem", h, w, c->patch_height, c->patch_width))
        return false;
    h /= c->patch_height;
    w /= c->patch_width;
    for (int64_t stage = 1; stage < c->num_stages; stage++, h /= 2, w /= 2)
        if (too_small(build, arena_printf(build->graph->model->arena, "stage %lld", (long long)stage + 1), h, w, 2, 2))
            return false;
    return true;
}

bool hf_build_trunk(HfBuild *build)
{
    if (!check_size(build))
        return false;
    build->hidden_states = NEW_ARRAY(build->graph->model->arena, Value *, build->config->num_stages + 1);
    build->hidden_states[0] = build_stem(build);
    for (int64_t i = 0; i < build->config->num_stages; i++)
        build->hidden_states[i + 1] = build_stage(build, build->hidden_states[i], i);
    return true;
}
