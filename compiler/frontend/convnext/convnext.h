/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the parts of the Hugging Face frontend share. */
#ifndef CNXC_FRONTEND_CONVNEXT_CONVNEXT_H
#define CNXC_FRONTEND_CONVNEXT_CONVNEXT_H

#include "compiler/frontend/convnext/names.h"
#include "compiler/frontend/input/json.h"
#include "compiler/frontend/input/options.h"
#include "ir/graph.h"

typedef enum HfTask { HF_CLASSIFICATION, HF_FEATURES, HF_BACKBONE } HfTask;
typedef enum HfNorm { HF_LAYER_NORM, HF_RMS_NORM, HF_SIMPLE_NORM, HF_BATCH_NORM } HfNorm;
typedef enum HfPool { HF_POOL_AVG, HF_POOL_MAX, HF_POOL_AVGMAX, HF_POOL_CATAVGMAX } HfPool;

/* Far beyond any ConvNeXt, and small enough that no product of them wraps and no graph takes minutes to build. */
enum { MAX_STAGES = 32, MAX_DEPTH = 512, MAX_WIDTH = 1 << 18 };

/* config.json, checked and with defaults filled in. */
typedef struct HfConfig {
    JsonFile *json;
    Family family;
    HfTask task;             /* of the class that was saved */
    bool names_class;        /* architectures says so; else the checkpoint tells */
    int64_t num_channels, patch_height, patch_width;
    int64_t num_stages;      /* entries of hidden_sizes and depths */
    Ints hidden_sizes, depths;
    const char *hidden_act;
    double layer_norm_eps;   /* of the final LayerNorm */
    double trunk_eps;        /* of all others */
    bool layer_scale;
    double layer_scale_init; /* of a checkpoint without the tensor */
    int64_t num_labels;
    bool counts_labels;        /* num_labels is stated; else the checkpoint's classifier decides */
    const char *const *labels; /* num_labels of them; NULL: LABEL_0, LABEL_1 … */
    const char *problem_type;  /* --problem-type or the config's; NULL: not stated */
    bool loss_by_example;      /* a TensorFlow checkpoint: its classes reduce no loss and ignore problem_type */
    int64_t image_height, image_width; /* the config's image_size */
    Ints features;           /* backbone: hidden state numbers, 0 is the stem */
    /* variant.c: what only timm's may have; all 0 is Hugging Face's */
    HfNorm norm;
    bool unbiased;           /* convolutions have no bias */
    int64_t stem_width;      /* channels between the stem's two overlapping convolutions; 0: it is one of patches */
    bool stem_act;           /* with the activation between them */
    bool halves_first;       /* the first stage has a downsampling layer, too */
    Ints kernels;            /* of each stage's blocks; none: 7 */
    int64_t output_stride;   /* 0: 32 */
    bool norm_first;         /* the final norm before pooling */
    HfPool pool;
    int64_t head_width;      /* of a layer before the classifier; 0: none */
    int64_t band;            /* InceptionNeXt: length of its kernels that are bands; 0: no InceptionNeXt */
    int64_t band_share;      /* one of so many channels has such a kernel */
    Ints ratios;             /* of each stage's hidden channels to its own; none: 4 */
} HfConfig;

/* All that is wrong is said, and what is wrong has its default; NULL: nothing is left to check. json may be NULL. */
HfConfig *hf_config_read(JsonFile *json, const FrontendOptions *options);
bool hf_config_labels(HfConfig *config);   /* labels.c: num_labels and labels; false after a diagnostic */
void hf_config_features(HfConfig *config); /* labels.c: out_features, out_indices */
void hf_config_variant(HfConfig *config, bool stages); /* variant.c; stages: their number is known */

/* act.c: the activations hidden_act may name. */
bool hf_act_known(const char *name);
const char *hf_act_list(Arena *arena); /* "gelu, relu, …" */

/* A folder's Model; NULL after diagnostics. */
Model *hf_load(const char *dir, const FrontendOptions *options, Arena *arena, Diag *diag);

/* The Model of a checkpoint alone, whose shapes say its sizes; NULL after diagnostics. */
Model *hf_load_alone(const Source *source, const FrontendOptions *options, Arena *arena, Diag *diag);

/* A Model from a folder's config alone, for the graph texts in models/: constants have no data, but their place in
 * the model.safetensors that is to lie in text_dir. Types are inferred, and the network's parts are functions. */
Model *hf_graph_from_config(const char *dir, const char *text_dir, const FrontendOptions *options, Arena *arena, Diag *diag);

#endif
