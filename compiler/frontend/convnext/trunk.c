/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The trunk of ConvNeXt, V1 and V2: stem and stages, as the primitive operators an export would have.
 *
 *   stem      Conv (patch × patch), LayerNorm over channels;  timm's others: two Convs 3×3 stride 2
 *   stage     LayerNorm, Conv 2×2 stride 2 (from the second stage on), then blocks
 *   block     x + scale · pwconv2(act(pwconv1(LayerNorm(dwconv(x)))));  V2: GRN after act, no scale
 *
 * LayerNorm and the pointwise layers work on channels-last values between a pair of Transposes; layout
 * assignment removes them later. */
#include "compiler/frontend/convnext/build.h"

#include <string.h>

static const double GRN_EPSILON = 1e-6;

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
    if (build->config->norm == HF_BATCH_NORM)
        return hf_batch_norm(build, x, name, width, build->config->trunk_eps);
    Value *y = hf_norm(build, hf_channels_last(build, x, name), name, width, build->config->trunk_eps);
    return hf_channels_first(build, y, name);
}

static Value *build_patches(HfBuild *build, Value *x)
{
    const HfConfig *c = build->config;
    HfConv patches = {.in = c->num_channels,
                      .out = c->hidden_sizes.at[0],
                      .group = 1,
                      .kernel = {c->patch_height, c->patch_width},
                      .stride = {c->patch_height, c->patch_width},
                      .bare = c->unbiased};
    return hf_conv(build, x, "embeddings.patch_embeddings", &patches);
}

static Value *build_overlap(HfBuild *build, Value *x)
{
    const HfConfig *c = build->config;
    HfConv first = {.in = c->num_channels,
                    .out = c->stem_width,
                    .group = 1,
                    .kernel = {3, 3},
                    .stride = {2, 2},
                    .pad = 1,
                    .bare = c->unbiased};
    HfConv second = first;
    second.in = c->stem_width;
    second.out = c->hidden_sizes.at[0];
    x = hf_conv(build, x, "embeddings.patch_embeddings", &first);
    if (c->stem_act)
        x = hf_act(build, x, "embeddings");
    return hf_conv(build, x, "embeddings.convolution", &second);
}

static Value *build_stem(HfBuild *build)
{
    const HfConfig *c = build->config;
    Value *x = c->stem_width ? build_overlap(build, build->pixels) : build_patches(build, build->pixels);
    x = norm_channels(build, x, "embeddings.layernorm", c->hidden_sizes.at[0]);
    return hf_part(build, "Stem", "embeddings", NULL, x);
}

/* How a stage shrinks its map, and how far apart the taps of its kernels are. */
typedef struct Steps {
    int64_t stride;          /* of the downsampling layer; 0: there is none */
    int64_t before, dilation; /* of that layer's kernel, of the blocks' */
} Steps;

/* timm's: no stride passes output_stride, taps go apart instead. */
static Steps steps_of(const HfConfig *c, int64_t stage)
{
    int64_t stride = c->stem_width ? 4 : c->patch_height, dilation = 1, limit = c->output_stride ? c->output_stride : INT64_MAX;
    Steps steps = {0};
    for (int64_t i = 0; i <= stage; i++) {
        bool halves = i > 0 || c->halves_first, spreads = halves && stride >= limit;
        dilation *= spreads ? 2 : 1;
        steps = (Steps){!halves ? 0 : spreads ? 1 : 2, dilation > 2 ? 2 : 1, dilation};
        stride *= steps.stride ? steps.stride : 1;
    }
    return steps;
}

static Value *build_downsampling(HfBuild *build, Value *x, const char *stage, const Steps *steps, int64_t in, int64_t out)
{
    const Node *before = build->graph->last;
    HfConv conv = {.in = in,
                   .out = out,
                   .group = 1,
                   .kernel = {2, 2},
                   .stride = {steps->stride, steps->stride},
                   .bare = build->config->unbiased,
                   .dilation = steps->before,
                   .same = steps->dilation > 1};
    x = norm_channels(build, x, hf_name(build, stage, ".downsampling_layer.0"), in);
    x = hf_conv(build, x, hf_name(build, stage, ".downsampling_layer.1"), &conv);
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
    Value *safe = hf_op(build, OP_Add, hf_name(build, name, ".mean_eps"), mean, hf_scalar(build, GRN_EPSILON), NULL);
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
    if (!build->config->layer_scale)
        return x;
    Value *scale = parameters_have(build->weights, name) ? hf_weight(build, name, 1, &width)
                                                         : hf_scalar(build, build->config->layer_scale_init);
    return hf_op(build, OP_Mul, hf_name(build, layer, ".scaled"), scale, x, NULL);
}

static Value *build_depthwise(HfBuild *build, Value *x, const char *layer, int64_t stage, int64_t width)
{
    const HfConfig *c = build->config;
    int64_t kernel = c->kernels.len ? c->kernels.at[stage] : 7;
    HfConv conv = {.in = width,
                   .out = width,
                   .group = width,
                   .kernel = {kernel, kernel},
                   .stride = {1, 1},
                   .bare = c->unbiased,
                   .dilation = steps_of(c, stage).dilation,
                   .same = true};
    return hf_conv(build, x, hf_name(build, layer, ".dwconv"), &conv);
}

/* What the pointwise layers see: channels last. */
static Value *build_mixed(HfBuild *build, Value *x, const char *layer, int64_t stage, int64_t width)
{
    const HfConfig *c = build->config;
    const char *norm = hf_name(build, layer, ".layernorm");
    if (c->band) {
        Value *y = hf_channels_first(build, hf_mixer(build, x, layer, width, steps_of(c, stage).dilation), norm);
        return hf_channels_last(build, hf_batch_norm(build, y, norm, width, c->trunk_eps), norm);
    }
    Value *y = build_depthwise(build, x, layer, stage, width);
    return hf_norm(build, hf_channels_last(build, y, hf_name(build, layer, ".dwconv")), norm, width, c->trunk_eps);
}

static Value *build_block(HfBuild *build, Value *x, const char *layer, int64_t stage, int64_t width)
{
    const Node *before = build->graph->last;
    int64_t hidden = width * (build->config->ratios.len ? build->config->ratios.at[stage] : 4);
    Value *y = build_mixed(build, x, layer, stage, width);
    y = hf_linear(build, y, hf_name(build, layer, ".pwconv1"), width, hidden);
    y = hf_act(build, y, layer);
    if (build->config->family == FAMILY_CONVNEXTV2)
        y = build_grn(build, y, hf_name(build, layer, ".grn"), hidden);
    y = hf_linear(build, y, hf_name(build, layer, ".pwconv2"), hidden, width);
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
    Steps steps = steps_of(c, stage);
    if (steps.stride)
        x = build_downsampling(build, x, name, &steps, in, out);
    for (int64_t j = 0; j < c->depths.at[stage]; j++)
        x = build_block(build, x, arena_printf(arena, "%s.layers.%lld", name, (long long)j), stage, out);
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

/* Padded convolutions take any map: those of overlapping stems, and those that keep its size. */
static bool check_size(HfBuild *build)
{
    const HfConfig *c = build->config;
    int64_t h = build->height, w = build->width;
    if (!c->stem_width && too_small(build, "the stem", h, w, c->patch_height, c->patch_width))
        return false;
    h = c->stem_width ? (h + 3) / 4 : h / c->patch_height;
    w = c->stem_width ? (w + 3) / 4 : w / c->patch_width;
    for (int64_t stage = 0; stage < c->num_stages; stage++) {
        if (steps_of(c, stage).stride < 2)
            continue;
        if (too_small(build, arena_printf(build->graph->model->arena, "stage %lld", (long long)stage + 1), h, w, 2, 2))
            return false;
        h /= 2, w /= 2;
    }
    return true;
}

/* DINOv3 counts the pictures themselves as the first hidden state. */
bool hf_build_trunk(HfBuild *build)
{
    const HfConfig *c = build->config;
    if (!check_size(build))
        return false;
    Type type = {DT_FLOAT, {4, {{-1, "batch_size"}, {c->num_channels, NULL}, {build->height, NULL}, {build->width, NULL}}}};
    build->pixels = graph_add_input(build->graph, "pixel_values", type, NO_SPAN);
    build->hidden_states = NEW_ARRAY(build->graph->model->arena, Value *, c->num_stages + 1);
    Value *x = build_stem(build);
    build->hidden_states[0] = c->family == FAMILY_DINOV3 ? build->pixels : x;
    for (int64_t i = 0; i < c->num_stages; i++)
        x = build->hidden_states[i + 1] = build_stage(build, x, i);
    return true;
}
