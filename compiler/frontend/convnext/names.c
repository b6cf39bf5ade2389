/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Whose names they are: each owner's table, read in both directions.
 *
 *   stages.2.blocks.8.conv_dw.weight   ↔   encoder.stages.2.layers.8.dwconv.weight
 *
 * '#' stands for a number, a closing '*' for any rest; what they stand for is carried over in order. The first row
 * that matches counts. Legacy files of Hugging Face call a LayerNorm's weight and bias gamma and beta. */
#include "compiler/frontend/convnext/names.h"

#include <assert.h>
#include <string.h>

typedef struct NamePair {
    const char *file, *bare;
} NamePair;

struct Dialect {
    const char *mark;       /* a name that only these files have */
    bool prefixed;          /* names may begin with convnext. */
    bool drops_ones;        /* weights may have dimensions of 1 more or less */
    bool tensorflow;        /* kernels are transposed */
    const NamePair *pairs;  /* ends with NULLs */
};

#define LAYER "encoder.stages.#.layers.#."
static const NamePair release_names[] = {
    {"downsample_layers.0.0.*", "embeddings.patch_embeddings.*"},
    {"downsample_layers.0.1.*", "embeddings.layernorm.*"},
    {"downsample_layers.#.#.*", "encoder.stages.#.downsampling_layer.#.*"},
    {"stages.#.#.norm.*", LAYER "layernorm.*"},
    {"stages.#.#.gamma", LAYER "layer_scale_parameter"},
    {"stages.#.#.grn.gamma", LAYER "grn.weight"},
    {"stages.#.#.grn.beta", LAYER "grn.bias"},
    {"stages.#.#.*", LAYER "*"},
    {"norm.*", "layernorm.*"},
    {"head.*", "classifier.*"},
    {0},
};

#define TIMM_STAGES                                                                                                            \
    {"stages.#.downsample.#.*", "encoder.stages.#.downsampling_layer.#.*"}, {"stages.#.blocks.#.conv_dw.*", LAYER "dwconv.*"}, \
        {"stages.#.blocks.#.token_mixer.*", LAYER "token_mixer.*"}, {"stages.#.blocks.#.norm.*", LAYER "layernorm.*"},         \
        {"stages.#.blocks.#.mlp.fc1.*", LAYER "pwconv1.*"}, {"stages.#.blocks.#.mlp.fc2.*", LAYER "pwconv2.*"},                \
        {"stages.#.blocks.#.mlp.grn.*", LAYER "grn.*"}, {"stages.#.blocks.#.gamma", LAYER "layer_scale_parameter"},            \
        {"head.norm.*", "layernorm.*"}, {"head.fc.*", "classifier.*"}
static const NamePair timm_names[] = {
    {"stem.0.*", "embeddings.patch_embeddings.*"},
    {"stem.1.*", "embeddings.layernorm.*"},
    TIMM_STAGES,
    {0},
};

/* Stems of two convolutions, without and with an activation between them. */
static const NamePair timm_overlap_names[] = {
    {"stem.0.*", "embeddings.patch_embeddings.*"},
    {"stem.1.*", "embeddings.convolution.*"},
    {"stem.2.*", "embeddings.layernorm.*"},
    TIMM_STAGES,
    {0},
};
static const NamePair timm_overlap_act_names[] = {
    {"stem.0.*", "embeddings.patch_embeddings.*"},
    {"stem.2.*", "embeddings.convolution.*"},
    {"stem.3.*", "embeddings.layernorm.*"},
    TIMM_STAGES,
    {0},
};

static const NamePair dinov3_names[] = {
    {"stages.0.downsample_layers.0.*", "embeddings.patch_embeddings.*"},
    {"stages.0.downsample_layers.1.*", "embeddings.layernorm.*"},
    {"stages.#.downsample_layers.#.*", "encoder.stages.#.downsampling_layer.#.*"},
    {"stages.#.layers.#.depthwise_conv.*", LAYER "dwconv.*"},
    {"stages.#.layers.#.layer_norm.*", LAYER "layernorm.*"},
    {"stages.#.layers.#.pointwise_conv1.*", LAYER "pwconv1.*"},
    {"stages.#.layers.#.pointwise_conv2.*", LAYER "pwconv2.*"},
    {"stages.#.layers.#.gamma", LAYER "layer_scale_parameter"},
    {"layer_norm.*", "layernorm.*"},
    {0},
};

#define TORCHVISION_STAGE(features, stage)                                                              \
    {"features." features ".#.layer_scale", "encoder.stages." stage ".layers.#.layer_scale_parameter"}, \
        {"features." features ".#.block.0.*", "encoder.stages." stage ".layers.#.dwconv.*"},            \
        {"features." features ".#.block.2.*", "encoder.stages." stage ".layers.#.layernorm.*"},         \
        {"features." features ".#.block.3.*", "encoder.stages." stage ".layers.#.pwconv1.*"},           \
        {"features." features ".#.block.5.*", "encoder.stages." stage ".layers.#.pwconv2.*"}
static const NamePair torchvision_names[] = {
    {"features.0.0.*", "embeddings.patch_embeddings.*"},
    {"features.0.1.*", "embeddings.layernorm.*"},
    TORCHVISION_STAGE("1", "0"),
    {"features.2.#.*", "encoder.stages.1.downsampling_layer.#.*"},
    TORCHVISION_STAGE("3", "1"),
    {"features.4.#.*", "encoder.stages.2.downsampling_layer.#.*"},
    TORCHVISION_STAGE("5", "2"),
    {"features.6.#.*", "encoder.stages.3.downsampling_layer.#.*"},
    TORCHVISION_STAGE("7", "3"),
    {"classifier.0.*", "layernorm.*"},
    {"classifier.2.*", "classifier.*"},
    {0},
};

static const NamePair tensorflow_names[] = {
    {"embeddings.patch_embeddings.kernel", "embeddings.patch_embeddings.weight"},
    {"embeddings.layernorm.gamma", "embeddings.layernorm.weight"},
    {"embeddings.layernorm.beta", "embeddings.layernorm.bias"},
    {"encoder.stages.#.downsampling_layer.0.gamma", "encoder.stages.#.downsampling_layer.0.weight"},
    {"encoder.stages.#.downsampling_layer.0.beta", "encoder.stages.#.downsampling_layer.0.bias"},
    {"encoder.stages.#.downsampling_layer.1.kernel", "encoder.stages.#.downsampling_layer.1.weight"},
    {LAYER "dwconv.kernel", LAYER "dwconv.weight"},
    {LAYER "layernorm.gamma", LAYER "layernorm.weight"},
    {LAYER "layernorm.beta", LAYER "layernorm.bias"},
    {LAYER "pwconv1.kernel", LAYER "pwconv1.weight"},
    {LAYER "pwconv2.kernel", LAYER "pwconv2.weight"},
    {"layernorm.gamma", "layernorm.weight"},
    {"layernorm.beta", "layernorm.bias"},
    {"classifier.kernel", "classifier.weight"},
    {"*", "*"},
    {0},
};

static const NamePair same_names[] = {{"*", "*"}, {0}};

/* The first whose mark is there counts: an overlapping stem has those of the other stems, too. */
static const struct Dialect dialects[] = {
    {"stages.0.downsample_layers.0.weight", false, false, false, dinov3_names},
    {"features.1.0.layer_scale", false, true, false, torchvision_names},
    {"downsample_layers.0.0.weight", false, true, false, release_names},
    {"stem.3.weight", false, true, false, timm_overlap_act_names},
    {"stem.2.weight", false, true, false, timm_overlap_names},
    {"stem.0.weight", false, true, false, timm_names},
    {"embeddings.patch_embeddings.kernel", true, false, true, tensorflow_names},
    {"embeddings.patch_embeddings.weight", true, false, false, same_names},
};
static const struct Dialect *const plain = &dialects[countof(dialects) - 1], *const dinov3 = &dialects[0];

static const struct {
    const char *name, *prefix;
} families[FAMILY_COUNT] = {
    {"convnext", "convnext."}, {"convnextv2", "convnextv2."}, {"dinov3_convnext", "dinov3_convnext."}, /* which no file has */
};

const char *family_name(Family family) { return families[family].name; }

const char *hf_prefix(Family family) { return families[family].prefix; }

/* ── Patterns ── */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* name, which matches from, in the form of to; NULL: it does not match. */
static const char *translate(const char *name, const char *from, const char *to, Arena *arena)
{
    enum { MOST_NUMBERS = 4 };
    const char *numbers[MOST_NUMBERS];
    int n = 0, used = 0;
    for (; *from && *from != '*'; from++) {
        if (*from != '#') {
            if (*name++ != *from)
                return NULL;
            continue;
        }
        assert(n < MOST_NUMBERS);
        numbers[n++] = name;
        if (!is_digit(*name))
            return NULL;
        while (is_digit(*name))
            name++;
    }
    if (!*from && *name)
        return NULL;
    StrBuf out = {.arena = arena};
    for (; *to; to++) {
        if (*to == '*')
            sb_put(&out, name);
        else if (*to == '#') {
            assert(used < n);
            sb_put_n(&out, numbers[used], (int64_t)strspn(numbers[used], "0123456789")), used++;
        } else
            sb_put_n(&out, to, 1);
    }
    return out.text ? out.text : "";
}

static const char *translate_all(const struct Dialect *dialect, const char *name, bool to_bare, Arena *arena)
{
    for (const NamePair *pair = dialect->pairs; pair->file; pair++) {
        const char *found =
            to_bare ? translate(name, pair->file, pair->bare, arena) : translate(name, pair->bare, pair->file, arena);
        if (found)
            return found;
    }
    return name;
}

/* ── The file as a whole ── */

static bool known_wrapper(const char *text, size_t length)
{
    static const char *const known[] = {"", "module.", "model.", "_orig_mod.", "module.model.", "model.module."};
    for (int64_t i = 0; i < countof(known); i++)
        if (strlen(known[i]) == length && memcmp(known[i], text, length) == 0)
            return true;
    return false;
}

/* Does name end with the dialect's mark, behind nothing but a wrapper? any: whatever stands before a dot is one. */
static bool has_mark(const Names *names, const struct Dialect *dialect, const char *name, bool any, size_t *length)
{
    if (!str_ends_with(name, dialect->mark))
        return false;
    size_t n = strlen(name) - strlen(dialect->mark), prefix = strlen(names->prefix);
    if (dialect->prefixed && n >= prefix && memcmp(name + n - prefix, names->prefix, prefix) == 0)
        n -= prefix;
    *length = n;
    return known_wrapper(name, n) || (any && name[n - 1] == '.');
}

/* (kh, kw, in, out) → (out, in, kh, kw), (in, out) → (out, in): the same elements in another order. */
static void transpose_kernel(StoredTensor *stored)
{
    static const int conv[] = {3, 2, 0, 1}, dense[] = {1, 0};
    const int *perm = stored->tensor.rank == 4 ? conv : dense;
    StoredTensor old = *stored;
    for (int i = 0; i < old.tensor.rank; i++) {
        stored->tensor.dims[i] = old.tensor.dims[perm[i]];
        stored->strides[i] = old.strides[perm[i]];
    }
}

static void transpose_kernels(const TensorIndex *index)
{
    for (int64_t i = 0; i < index->tensors.len; i++) {
        StoredTensor *stored = index->tensors.at[i];
        if (str_ends_with(stored->name, ".kernel") && (stored->tensor.rank == 4 || stored->tensor.rank == 2))
            transpose_kernel(stored);
    }
}

static bool recognize(Names *names, const TensorIndex *index, bool any)
{
    size_t length;
    for (int64_t d = 0; d < countof(dialects); d++)
        for (int64_t i = 0; i < index->tensors.len; i++)
            if (has_mark(names, &dialects[d], index->tensors.at[i]->name, any, &length)) {
                names->dialect = &dialects[d];
                names->wrapper = arena_strndup(names->arena, index->tensors.at[i]->name, length);
                return true;
            }
    return false;
}

/* DINOv3's files have no prefix; asked for by its own they have names of their own. */
Names names_plain(const char *prefix, Arena *arena)
{
    return (Names){str_equal(prefix, hf_prefix(FAMILY_DINOV3)) ? dinov3 : plain, "", prefix, arena, true};
}

Names names_recognize(TensorIndex *index, const char *prefix)
{
    Names names = names_plain(prefix, index->arena);
    names.recognized = recognize(&names, index, false) || recognize(&names, index, true);
    if (names.dialect->tensorflow)
        transpose_kernels(index);
    return names;
}

/* ── Single names ── */

/* Only heads stand outside Hugging Face's prefix. */
static bool is_head(const char *name) { return str_starts_with(name, "classifier.") || str_starts_with(name, "decode_head."); }

static const char *name_in_file(const Names *names, const char *name, bool prefixed)
{
    bool with = prefixed && names->dialect->prefixed && !is_head(name);
    return arena_printf(names->arena, "%s%s%s", names->wrapper, with ? names->prefix : "",
                        translate_all(names->dialect, name, false, names->arena));
}

const char *names_in_file(const Names *names, const char *name) { return name_in_file(names, name, true); }

const char *names_bare(const Names *names, const char *name)
{
    const char *rest = name;
    if (str_starts_with(rest, names->wrapper))
        rest += strlen(names->wrapper);
    if (names->dialect->prefixed && str_starts_with(rest, names->prefix))
        rest += strlen(names->prefix);
    return translate_all(names->dialect, rest, true, names->arena);
}

/* Legacy files of Hugging Face say gamma and beta, and LayerNorm in capitals. */
static const char *legacy_name(Arena *arena, const char *name)
{
    const char *dot = strrchr(name, '.'), *part = dot ? dot + 1 : "";
    const char *last = strcmp(part, "weight") == 0 ? "gamma" : strcmp(part, "bias") == 0 ? "beta" : NULL;
    if (!last)
        return name;
    int stem = (int)(dot - name);
    bool norm = stem >= 9 && memcmp(dot - 9, "layernorm", 9) == 0;
    return norm ? arena_printf(arena, "%.*sLayerNorm.%s", stem - 9, name, last)
                : arena_printf(arena, "%.*s.%s", stem, name, last);
}

/* A wrapper may stand before the trunk's names alone. */
static StoredTensor *look_up(const Names *names, const TensorIndex *index, const char *name)
{
    StoredTensor *found = tensor_index_find(index, name_in_file(names, name, true));
    if (!found)
        found = tensor_index_find(index, name_in_file(names, name, false));
    return found ? found : tensor_index_find(index, translate_all(names->dialect, name, false, names->arena));
}

StoredTensor *names_find(const Names *names, const TensorIndex *index, const char *name)
{
    StoredTensor *found = look_up(names, index, name);
    return found ? found : look_up(names, index, legacy_name(names->arena, name));
}

bool names_of_tensorflow(const Names *names) { return names->dialect->tensorflow; }

bool names_of_torchvision(const Names *names) { return names->dialect->pairs == torchvision_names; }

bool names_of_dinov3(const Names *names) { return names->dialect == dinov3; }

bool names_drop_ones(const Names *names) { return names->dialect->drops_ones; }
