/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The head of UperNet (https://arxiv.org/abs/1807.10221): maps of all stages become classes of pixels.
 *
 *   pyramid   the last map, beside its means over 1x1, 2x2, 3x3 and 6x6 windows, resized and concatenated → bottleneck
 *   top down  each map, made as deep as the others, plus the one behind it, resized
 *   fusion    all of them at the first one's size, concatenated → classes → the pictures' size
 *
 * Every convolution but the last is a module of Conv, BatchNormalization and Relu. Sizes are known here, so adaptive pooling is a
 * pool where all windows are alike, else products with constant matrices: windows of 16 elements into 6 are 3, 4, 3, 3, 4, 3
 * long, and two of those overlap the one before. */
#include "compiler/frontend/upernet/build.h"

#include <string.h>

static const double BATCH_NORM_EPSILON = 1e-5; /* torch.nn.BatchNorm2d's default */

typedef struct Map {
    Value *value;
    int64_t channels, height, width;
} Map;

static Value *nodes_value(HfBuild *build, OpKind kind, Value *const *inputs, int64_t n, const char *name)
{
    return graph_add_op(build->graph, NULL, op_get(kind), inputs, n, name, NO_SPAN)->outputs.at[0];
}

/* ── Pieces ── */

static Map conv_module(HfBuild *build, Map x, const char *name, int64_t out, int64_t kernel)
{
    const Node *before = build->graph->last;
    HfConv conv = {x.channels, out, {kernel, kernel}, {1, 1}, kernel / 2, 1, .bare = true};
    Value *y = hf_conv(build, x.value, hf_name(build, name, ".conv"), &conv);
    y = hf_batch_norm(build, y, hf_name(build, name, ".batch_norm"), out, BATCH_NORM_EPSILON);
    y = hf_op(build, OP_Relu, name, y, NULL, NULL);
    return (Map){hf_part(build, "ConvModule", name, before, y), out, x.height, x.width};
}

/* Bilinear, by the centres of pixels: interpolate with align_corners=False. */
static Map resize(HfBuild *build, Map x, const char *name, int64_t height, int64_t width)
{
    Value *inputs[] = {x.value, NULL, NULL, hf_ints(build, "size", (const int64_t[]){height, width}, 2)};
    if (x.height == height && x.width == width)
        return x;
    Value *y = nodes_value(build, OP_Resize, inputs, countof(inputs), name);
    node_set_ints(y->producer, "axes", (const int64_t[]){2, 3}, 2);
    node_set_string(y->producer, "mode", "linear");
    node_set_string(y->producer, "coordinate_transformation_mode", "half_pixel");
    return (Map){y, x.channels, height, width};
}

static Map concat(HfBuild *build, const Map *maps, int64_t n, const char *name)
{
    Value **values = NEW_ARRAY(build->graph->model->arena, Value *, n);
    Map all = maps[0];
    all.channels = 0;
    for (int64_t i = 0; i < n; i++) {
        values[i] = maps[i].value;
        all.channels += maps[i].channels;
    }
    all.value = nodes_value(build, OP_Concat, values, n, name);
    node_set_int(all.value->producer, "axis", 1);
    return all;
}

/* ── Adaptive pooling ── */

typedef struct Window {
    int64_t begin, end;
} Window;

/* The i-th of so many over length elements. */
static Window window(int64_t length, int64_t scale, int64_t i)
{
    return (Window){i * length / scale, ((i + 1) * length + scale - 1) / scale};
}

/* Are all as long, and as far from each other? */
static bool windows_alike(int64_t length, int64_t scale, int64_t *kernel, int64_t *stride)
{
    *kernel = window(length, scale, 0).end;
    *stride = scale > 1 ? window(length, scale, 1).begin : 1;
    for (int64_t i = 0; i < scale; i++) {
        Window w = window(length, scale, i);
        if (w.begin != i * *stride || w.end - w.begin != *kernel || *stride < 1)
            return false;
    }
    return true;
}

/* Columns of means over windows; of rows: the same, transposed. */
static Value *means(HfBuild *build, int64_t length, int64_t scale, bool of_rows)
{
    Arena *arena = build->graph->model->arena;
    const int64_t dims[] = {of_rows ? scale : length, of_rows ? length : scale};
    Tensor *tensor = tensor_new(arena, DT_FLOAT, 2, dims);
    for (int64_t i = 0; i < scale; i++) {
        Window w = window(length, scale, i);
        for (int64_t k = w.begin; k < w.end; k++)
            tensor_set(tensor, of_rows ? i * length + k : k * scale + i, 1.0 / (double)(w.end - w.begin));
    }
    return hf_constant(build, arena_printf(arena, "means_%lld_%lld", (long long)dims[0], (long long)dims[1]), tensor);
}

static Map pool(HfBuild *build, Map x, const char *name, int64_t scale)
{
    int64_t kernel[2], stride[2];
    Value *y;
    bool rows = windows_alike(x.height, scale, &kernel[0], &stride[0]),
         columns = windows_alike(x.width, scale, &kernel[1], &stride[1]);
    if (rows && columns) {
        y = hf_op(build, OP_AveragePool, name, x.value, NULL, NULL);
        node_set_ints(y->producer, "kernel_shape", kernel, 2);
        node_set_ints(y->producer, "strides", stride, 2);
    } else {
        y = hf_op(build, OP_MatMul, hf_name(build, name, ".columns"), x.value, means(build, x.width, scale, false), NULL);
        y = hf_op(build, OP_MatMul, name, means(build, x.height, scale, true), y, NULL);
    }
    return (Map){y, x.channels, scale, scale};
}

/* ── The whole ── */

static Map pyramid(HfBuild *build, const UperNetConfig *config, Map x)
{
    Arena *arena = build->graph->model->arena;
    int64_t n = config->pool_scales.len;
    Map *maps = NEW_ARRAY(arena, Map, n + 1);
    maps[0] = x;
    for (int64_t i = 0; i < n; i++) {
        const char *name = arena_printf(arena, "decode_head.psp_modules.%lld", (long long)i);
        Map y = pool(build, x, hf_name(build, name, ".0"), config->pool_scales.at[i]);
        y = conv_module(build, y, hf_name(build, name, ".1"), config->hidden_size, 1);
        maps[i + 1] = resize(build, y, name, x.height, x.width);
    }
    Map all = concat(build, maps, n + 1, "decode_head.psp_modules");
    return conv_module(build, all, "decode_head.bottleneck", config->hidden_size, 3);
}

/* That of the stem and the first stage is the pictures' by the patches; each further stage halves it. */
static Map feature(HfBuild *build, int64_t k)
{
    const HfConfig *c = build->config;
    int64_t state = c->features.at[k];
    Map map = {hf_feature_map(build, k), hf_width(c, state), build->height / c->patch_height, build->width / c->patch_width};
    for (int64_t stage = 2; stage <= state; stage++)
        map.height /= 2, map.width /= 2;
    return map;
}

static const char *level(HfBuild *build, const char *what, int64_t i)
{
    return arena_printf(build->graph->model->arena, "decode_head.%s.%lld", what, (long long)i);
}

/* laterals[i] += laterals[i + 1], from the last on. */
static void add_top_down(HfBuild *build, Map *laterals, int64_t n)
{
    for (int64_t i = n - 2; i >= 0; i--) {
        Map up = resize(build, laterals[i + 1], level(build, "top_down", i), laterals[i].height, laterals[i].width);
        laterals[i].value = hf_op(build, OP_Add, level(build, "laterals", i), laterals[i].value, up.value, NULL);
    }
}

static Map fuse(HfBuild *build, const UperNetConfig *config, const Map *laterals, int64_t n)
{
    Map *maps = NEW_ARRAY(build->graph->model->arena, Map, n);
    for (int64_t i = 0; i < n; i++) {
        bool last = i == n - 1;
        Map y = last ? laterals[i] : conv_module(build, laterals[i], level(build, "fpn_convs", i), config->hidden_size, 3);
        maps[i] = resize(build, y, level(build, "fpn", i), laterals[0].height, laterals[0].width);
    }
    Map all = concat(build, maps, n, "decode_head.fpn");
    return conv_module(build, all, "decode_head.fpn_bottleneck", config->hidden_size, 3);
}

Value *upernet_logits(HfBuild *build, const UperNetConfig *config)
{
    int64_t n = build->config->features.len, labels = build->config->num_labels;
    Map *laterals = NEW_ARRAY(build->graph->model->arena, Map, n);
    for (int64_t i = 0; i < n - 1; i++)
        laterals[i] = conv_module(build, feature(build, i), level(build, "lateral_convs", i), config->hidden_size, 1);
    laterals[n - 1] = pyramid(build, config, feature(build, n - 1));
    add_top_down(build, laterals, n);
    Map y = fuse(build, config, laterals, n);
    HfConv classes = {y.channels, labels, {1, 1}, {1, 1}, 0, 1, .bare = false};
    y.value = hf_conv(build, y.value, "decode_head.classifier", &classes);
    y.channels = labels;
    return resize(build, y, "logits", build->height, build->width).value;
}
