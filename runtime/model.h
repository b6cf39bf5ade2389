/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* What the generated code and the runtime agree on: one descriptor for each compiled model.
 *
 * The compiler emits one hidden symbol, cnxrt_model, into the model's object; every runtime function finds its
 * model there. What depends on the CPU is a variant; an artifact for several CPUs has several, each with its code in
 * an object of its own, and all of them use the same packed weights:
 *
 *   cnxrt_model → variants[0] sapphirerapids → phases, 37 MB of arena
 *                 variants[1] x86-64-v3      → phases, 38 MB of arena
 *
 * Compiled for several sizes of pictures, it is the first size's, and lists a model for each: they differ in tensors,
 * variants and preprocessor, and share the weights and all else.
 *
 *   cnxrt_model → sizes[0] 224x224: cnxrt_model itself
 *                 sizes[1] 512x768: its tensors, its variants of both CPUs
 *
 * The compiler links model, weights and runtime into one relocatable object and renames cnxrt_*
 * to the user's prefix, so any number of models live in one process.
 *
 * A run: for each phase of `begin`, then for each image each phase of `image`, then each phase of `end`:
 * the phase's chunks [0, n_chunks) are split into contiguous ranges, one for each thread, and all threads
 * wait for one another. Which chunk does what is fixed at compile time, so results do not depend on the
 * number of threads. Layouts in this header are part of CNXRT_ABI; the code generator mirrors them field by
 * field (compiler/codegen/descriptor.c). All structs hold only 8-byte fields, so there is no padding. */
#ifndef CNXRT_MODEL_H
#define CNXRT_MODEL_H

#include <stdint.h>

#define CNXRT_ABI 1

/* What a phase sees; each thread has its own copy. */
typedef struct CnxrtFrame {
    const uint8_t *weights;  /* the packed weights' first byte after the header, 64-byte aligned */
    uint8_t *arena;          /* arena_bytes, 64-byte aligned; shared by the threads that work on the same image */
    uint8_t *scratch;        /* scratch_bytes, 64-byte aligned, this thread's own */
    uint8_t *const *tensors; /* inputs, then outputs; those with a batch point at the present image in image phases,
                                at the first one in begin and end */
    int64_t batch;           /* number of images of this run */
    int64_t image;           /* index of the present one; 0 in begin, batch in end */
} CnxrtFrame;

typedef struct CnxrtPhase {
    void (*run)(const CnxrtFrame *frame, int64_t begin, int64_t end); /* chunks [begin, end) */
    int64_t n_chunks;
    const char *name;        /* of the region, for --bench --per-op */
    int64_t flops;           /* arithmetic of one execution, 2 for a multiply-add */
} CnxrtPhase;

typedef struct CnxrtTensor {
    const char *name;        /* the graph's own name */
    const char *c_name;      /* mangled for C, unique */
    int64_t dtype;           /* onnx.TensorProto.DataType: 1 float, 7 int64, 9 bool, 6 int32 … */
    int64_t rank;
    const int64_t *dims;     /* rank of them; dims[0] is -1 where the batch is free */
    int64_t item_bytes;      /* bytes of one image, or of the whole tensor if dims[0] is not -1 */
} CnxrtTensor;

/* The image processor's settings, all rules of docs/user-guide.md resolved at compile time. */
typedef struct CnxrtPreprocessor {
    int64_t do_resize;       /* 0 or 1, like the other do_ fields */
    int64_t shortest_edge;   /* size */
    double crop_pct;         /* used below 384 */
    int64_t resample;        /* PIL: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming */
    int64_t do_center_crop;  /* the extra crop, after the resize */
    int64_t crop_height, crop_width;
    int64_t do_rescale;
    double rescale_factor;
    int64_t do_normalize;
    int64_t n_mean;          /* 1: the same for all channels, else the number of channels */
    double mean[8], std[8];
    int64_t convert_rgb_white; /* do_convert_rgb: alpha is composited on white instead of dropped */
    int64_t torchvision;     /* 0: Pillow's arithmetic, 1: torchvision's */
    int64_t vertical_first;  /* 1: Pillow 13's order of passes, 0: Pillow 12's */
    int64_t resize_rule;     /* CNXRT_RESIZE_…: what do_resize means */
    int64_t resize_height, resize_width; /* of CNXRT_RESIZE_EXACT and COVER */
    int64_t crop_even;       /* half of a crop's surplus is rounded to even, as timm's CENTER and SQUASH do, instead of down */
    int64_t rescale_first;   /* and then resize in floats, with torchvision's arithmetic: DINOv3's */
    int64_t reserved[2];
} CnxrtPreprocessor;

/* Whose arithmetic it is, as --preproc= calls it. */
static inline const char *preprocessor_name(const CnxrtPreprocessor *p)
{
    return p->torchvision ? "torchvision" : p->vertical_first ? "pil" : "pil12";
}

enum { /* CnxrtPreprocessor.resize_rule; s: shortest_edge */
       CNXRT_RESIZE_CONVNEXT = 0, /* transformers': below 384 as CENTER, from 384 to s × s whatever the shape */
       CNXRT_RESIZE_CENTER = 1,   /* timm's: the short edge to s / crop_pct, then the central s × s */
       CNXRT_RESIZE_SQUASH = 2,   /* timm's: both edges to s / crop_pct, then the central s × s */
       CNXRT_RESIZE_SHORTEST = 3, /* the short edge to s */
       CNXRT_RESIZE_EXACT = 4,    /* to resize_height × resize_width, whatever the shape */
       CNXRT_RESIZE_COVER = 5,    /* timm's: the shape kept, as small as covers resize_height × resize_width */
};

enum { /* CnxrtVariant.cpu_features: what must be there before any generated code runs */
       CNXRT_CPU_AVX2 = 1 << 0,
       CNXRT_CPU_FMA = 1 << 1,
       CNXRT_CPU_F16C = 1 << 2,
       CNXRT_CPU_BMI2 = 1 << 3,
       CNXRT_CPU_AVX512 = 1 << 4, /* F, CD, BW, DQ and VL together */
       CNXRT_CPU_AVX512_BF16 = 1 << 5,
       CNXRT_CPU_AVX512_VNNI = 1 << 6,
       CNXRT_CPU_AMX_BF16 = 1 << 7,
       CNXRT_CPU_SSE42 = 1 << 8, /* SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT and CMPXCHG16B together */
       CNXRT_CPU_AMX_INT8 = 1 << 9,
       CNXRT_CPU_AVX_VNNI = 1 << 10, /* that of vectors of 32 bytes without AVX-512 */
       CNXRT_CPU_AMX = CNXRT_CPU_AMX_BF16 | CNXRT_CPU_AMX_INT8,
       CNXRT_CPU_ARM_DOTPROD = 1 << 16,
       CNXRT_CPU_ARM_FP16 = 1 << 17,
       CNXRT_CPU_ARM_BF16 = 1 << 18,
       CNXRT_CPU_ARM_I8MM = 1 << 19, /* NEON is always there */
};

enum { /* CnxrtModel.scores: how logits become scores */
       CNXRT_SCORES_NONE = 0, /* it holds scores already */
       CNXRT_SCORES_SOFTMAX = 1,
       CNXRT_SCORES_SIGMOID = 2,
};

/* The code for one CPU. */
typedef struct CnxrtVariant {
    const char *cpu_name;        /* compiled for; for the sentence on an unsuitable CPU */
    int64_t cpu_features;
    int64_t n_begin, n_image, n_end;
    const CnxrtPhase *phases;    /* begin, image, end in a row */
    int64_t arena_bytes, scratch_bytes;
    int64_t by_image;            /* 1: threads share out the images of a batch, each with an arena of its own;
                                    n_begin and n_end are 0 */
} CnxrtVariant;

typedef struct CnxrtModel {
    int64_t abi;                 /* CNXRT_ABI */
    const char *name;            /* the artifact's prefix */
    const char *version;         /* of cnxc */
    const char *info_json;       /* what NAME_info_json returns */
    int64_t n_inputs, n_outputs;
    const CnxrtTensor *tensors;  /* inputs, then outputs */
    int64_t n_variants;          /* one for each CPU, at least 1 */
    const CnxrtVariant *const *variants; /* the most demanding first: the first one that runs is the best */
    const uint8_t *weights;      /* embedded, header included; NULL: in a file */
    int64_t weights_bytes;       /* header included */
    const char *weights_file;    /* default name, beside the artifact; NULL if embedded */
    uint64_t graph_hash, weights_hash; /* those it was compiled with; a file's contents may be others */
    int64_t pixel_input;         /* index of the input that takes pictures; -1: none */
    int64_t logits_output;       /* index of the output that holds logits or probabilities; -1: none */
    int64_t scores;              /* how that output becomes scores */
    int64_t n_labels;            /* 0: none; labels are then LABEL_i */
    const char *const *labels;
    const CnxrtPreprocessor *preprocessor; /* NULL: pictures are not accepted */
    int64_t batch_free;          /* 0: runs exactly one "image", the whole static graph */
    int64_t size_input;          /* index of the input whose height and width are the pictures'; -1: none */
    int64_t n_sizes;             /* that there is code for; 0: this one alone */
    const struct CnxrtModel *const *sizes; /* as --image-size lists them, this one among them */
    int64_t weights_in_common;   /* with several sizes: bytes of the weights that all of them use */
    int64_t mask_output; /* index of the output that holds the class of each pixel, int64 [N, …, H, W]; then logits_output
                                    holds [N, classes, H, W]; -1: it labels no pixels */
    int64_t reserved[3];
} CnxrtModel;

/* The symbol is cnxrt_model; C calls it compiled_model, since cnxrt_model is a type of the public header. */
extern const CnxrtModel compiled_model __asm__("cnxrt_model") __attribute__((visibility("hidden")));

#define CNXRT_WEIGHTS_MAGIC "CNXCWGT"

/* The first bytes of packed weights; the weights follow at byte 64. */
typedef struct CnxrtWeightsHeader {
    char magic[8]; /* CNXRT_WEIGHTS_MAGIC and its NUL */
    uint64_t abi; /* CNXRT_ABI */
    uint64_t bytes; /* of the whole file */
    uint64_t graph_hash; /* XXH3-64; must equal the model's */
    uint64_t weights_hash; /* XXH3-64 of all bytes after the header */
    uint64_t reserved[3];
} CnxrtWeightsHeader;

#endif
