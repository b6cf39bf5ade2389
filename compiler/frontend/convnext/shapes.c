/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A checkpoint alone: what its config.json would say.
 *
 *   embeddings.patch_embeddings.weight [40, 3, 4, 4], encoder.stages.0.layers.1.dwconv.weight [40, 1, 7, 7], …
 *   →  {"model_type": "convnext", "num_channels": 3, "patch_size": [4, 4], "hidden_sizes": [40, 80], "depths": [2, 1], …}
 *
 * Problem: a state dict has no sizes, no labels and no settings for pictures. Idea: sizes are its shapes, and how many blocks a
 * stage has is how many are there; the rest is as the owner of the names has it by default. All checks are those of a config.json
 * that was written by hand, and what does not fit these sizes is said tensor by tensor. */
#include "compiler/frontend/convnext/shapes.h"
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/input/timm.h"
#include "ir/base/str.h"

#include <string.h>

static int64_t dim(const Parameters *weights, const char *name, int axis)
{
    const Tensor *tensor = parameters_find(weights, name);
    return tensor && axis < tensor->rank ? tensor->dims[axis] : 0;
}

static const char *part(Arena *arena, int64_t stage, const char *rest)
{
    return arena_printf(arena, "encoder.stages.%lld.%s", (long long)stage, rest);
}

static int64_t count_layers(const Parameters *weights, int64_t stage, Arena *arena)
{
    int64_t n = 0;
    while (parameters_find(weights, part(arena, stage, arena_printf(arena, "layers.%lld.dwconv.weight", (long long)n))))
        n++;
    return n;
}

static const char STEM[] = "embeddings.patch_embeddings.weight", STEM_END[] = "embeddings.convolution.weight";

static bool has_overlap(const Parameters *weights) { return parameters_have(weights, STEM_END); }

/* Of a stage's channels; 0: there is no such stage. */
static int64_t width(const Parameters *weights, int64_t stage, Arena *arena)
{
    int64_t of_block = dim(weights, part(arena, stage, "layers.0.dwconv.weight"), 0);
    return of_block     ? of_block
           : stage == 0 ? dim(weights, has_overlap(weights) ? STEM_END : STEM, 0)
                        : dim(weights, part(arena, stage, "downsampling_layer.1.weight"), 0);
}

static void put_stages(StrBuf *sizes, StrBuf *depths, const Parameters *weights)
{
    Arena *arena = sizes->arena;
    int64_t channels;
    for (int64_t i = 0; (channels = width(weights, i, arena)); i++) {
        sb_printf(sizes, "%s%lld", i ? ", " : "", (long long)channels);
        sb_printf(depths, "%s%lld", i ? ", " : "", (long long)count_layers(weights, i, arena));
    }
}

static bool has_layer_scale(const Parameters *weights, Arena *arena)
{
    for (int64_t i = 0; width(weights, i, arena); i++)
        if (parameters_find(weights, part(arena, i, "layers.0.layer_scale_parameter")))
            return true;
    return false;
}

/* torchvision's weights come with transforms of their own: the shorter edge by bilinear interpolation to 236 pixels of the tiny
 * model, 230 of the small and 232 of the others, then 224 cut out. In timm's words. */
static const char *torchvision_pictures(const char *sizes, const char *depths, Arena *arena)
{
    bool narrow = strcmp(sizes, "96, 192, 384, 768") == 0;
    int edge = narrow && strcmp(depths, "3, 3, 9, 3") == 0 ? 236 : narrow && strcmp(depths, "3, 3, 27, 3") == 0 ? 230 : 232;
    return arena_printf(arena,
                        ", \"" TIMM_PICTURES "\": {\"crop_pct\": %.17g, \"resample\": 2, \"crop_mode\": \"center\", "
                        "\"image_mean\": [%g, %g, %g], \"image_std\": [%g, %g, %g]}",
                        224.0 / edge, IMAGENET_MEAN, IMAGENET_STD);
}

/* Each stage's, of its first block. */
static void put_kernels(StrBuf *args, const Parameters *weights)
{
    Arena *arena = args->arena;
    for (int64_t i = 0; width(weights, i, arena); i++) {
        int64_t size = dim(weights, part(arena, i, "layers.0.dwconv.weight"), 2);
        sb_printf(args, "%s%lld", i ? ", " : "\"kernel_sizes\": [", (long long)(size ? size : 7));
    }
    sb_put(args, "]");
}

static const char *stem_type(const Parameters *weights)
{
    if (!has_overlap(weights))
        return "patch";
    if (parameters_have(weights, "stem.3.weight"))
        return "overlap_act";
    return dim(weights, STEM, 0) == dim(weights, STEM_END, 0) ? "overlap" : "overlap_tiered";
}

/* Whether the convolutions of what is no mere part of a network have none. */
static bool lacks_biases(const Parameters *weights)
{
    return parameters_have(weights, "encoder.stages.0.layers.0.dwconv.weight") &&
           !parameters_have(weights, "encoder.stages.0.layers.0.dwconv.bias") &&
           !parameters_have(weights, "embeddings.patch_embeddings.bias");
}

/* In timm's words, of timm's names; "": of others. */
static const char *timm_args(const Parameters *weights, Arena *arena)
{
    StrBuf args = {.arena = arena};
    if (!parameters_have(weights, "stem.0.weight"))
        return "";
    sb_put(&args, ", \"model_args\": {");
    put_kernels(&args, weights);
    sb_printf(&args, ", \"stem_type\": \"%s\", \"ls_init_value\": %s, \"conv_bias\": %s", stem_type(weights),
              has_layer_scale(weights, arena) ? "1e-6" : "null", lacks_biases(weights) ? "false" : "true");
    sb_printf(&args, ", \"head_norm_first\": %s, \"head_hidden_size\": %lld}",
              parameters_have(weights, "norm_pre.weight") ? "true" : "false",
              (long long)parameters_rows(weights, "head.pre_logits.fc.weight"));
    return args.text;
}

/* Transformers' ConvNeXts have 1e-12 in the final LayerNorm, all others 1e-6. */
static const char *config_text(const Parameters *weights, Arena *arena)
{
    StrBuf sizes = {.arena = arena}, depths = {.arena = arena};
    put_stages(&sizes, &depths, weights);
    const char *widths = sizes.text ? sizes.text : "", *counts = depths.text ? depths.text : "";
    const char *pictures = parameters_of_torchvision(weights) ? torchvision_pictures(widths, counts, arena) : "";
    Family family = parameters_family(weights);
    bool coarse = family == FAMILY_DINOV3 || !parameters_of_hugging_face(weights);
    return arena_printf(arena,
                        "{\"model_type\": \"%s\", \"num_channels\": %lld, \"patch_size\": [%lld, %lld], \"hidden_sizes\": [%s], "
                        "\"depths\": [%s], \"layer_norm_eps\": %s, \"layer_scale_init_value\": %s%s%s}",
                        family_name(family), (long long)dim(weights, STEM, 1), (long long)dim(weights, STEM, 2),
                        (long long)dim(weights, STEM, 3), widths, counts, coarse ? "1e-6" : "1e-12",
                        has_layer_scale(weights, arena) ? "1e-6" : "0", timm_args(weights, arena), pictures);
}

bool hf_shapes_tell(const Parameters *weights, const char *path, Diag *diag)
{
    bool timm = parameters_have(weights, "stem.0.weight"),
         inception = parameters_have(weights, "embeddings.layernorm.running_var");
    bool bare = parameters_have(weights, "embeddings.layernorm.weight") && !parameters_have(weights, "embeddings.layernorm.bias");
    if (timm && inception)
        diag_error(diag, NO_SPAN, "%s holds an InceptionNeXt, which compiles with timm's config.json beside it", path);
    else if (timm && bare)
        diag_error(
            diag, NO_SPAN,
            "%s: its norms have no bias, so they are RMSNorm or timm's SimpleNorm, which no tensor tells; timm's config.json "
            "beside it would",
            path);
    return !timm || (!inception && !bare);
}

const Source *hf_config_of_shapes(const Parameters *weights, const char *path, Arena *arena)
{
    Source *source = NEW(arena, Source);
    const char *text = config_text(weights, arena);
    *source = (Source){.path = arena_printf(arena, "%s (its shapes)", path), .text = text, .length = (int64_t)strlen(text)};
    return source;
}
