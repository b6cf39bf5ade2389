/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A model written by hand, so that the runtime is tested without the compiler. Include it once in a program.
 *
 *   pixel_values [N,3,8,8], labels int64 [N]  →  logits [N,4], loss []
 *
 *   begin  the sum of losses is zeroed
 *   image  24 chunks: the sum of each row;  1 chunk: logits = W · channel means, loss added up
 *   end    loss = sum / batch
 *
 * Class c < 3 is "channel c is the brightest"; class 3 is "dark". */
#ifndef TESTS_FAKE_MODEL_H
#define TESTS_FAKE_MODEL_H

#include "runtime/model.h"

#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

enum { FAKE_ROWS = 24, FAKE_CLASSES = 4, FAKE_WEIGHTS = 16 };

typedef struct FakeWeights {
    CnxrtWeightsHeader header;
    float w[FAKE_WEIGHTS]; /* [class][channel or bias] */
} FakeWeights;

#define FAKE_GRAPH_HASH 0x1234567890abcdefu
#ifndef FAKE_WEIGHTS_HASH /* XXH3-64 of w */
#define FAKE_WEIGHTS_HASH 0xc9e155da4a7fdc27u
#endif

_Alignas(64) static const FakeWeights fake_weights = {
    {"CNXCWGT", CNXRT_ABI, sizeof(FakeWeights), FAKE_GRAPH_HASH, FAKE_WEIGHTS_HASH, {0}},
    {8, -4, -4, 0, -4, 8, -4, 0, -4, -4, 8, 0, -2, -2, -2, 1},
};

typedef struct FakeArena {
    float row_sums[FAKE_ROWS];
    double loss_sum;
} FakeArena;

static unsigned fake_stall_us; /* that each thread but the first loses in every image, as to another process */
static atomic_int fake_shares[64]; /* into how many parts each image's rows were divided */

static void fake_begin(const CnxrtFrame *frame, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    ((FakeArena *)frame->arena)->loss_sum = 0;
}

/* Sums in scratch first, as a real kernel would, so that scratch that is shared shows as a wrong answer. */
static void fake_sum_rows(const CnxrtFrame *frame, int64_t begin, int64_t end)
{
    const float *pixels = (const float *)frame->tensors[0];
    float *scratch = (float *)frame->scratch;
    atomic_fetch_add(&fake_shares[frame->image % 64], 1);
    if (fake_stall_us && begin > 0)
        usleep(fake_stall_us);
    for (int64_t row = begin; row < end; row++) {
        scratch[0] = 0;
        for (int64_t x = 0; x < 8; x++)
            scratch[0] += pixels[row * 8 + x];
        ((FakeArena *)frame->arena)->row_sums[row] = scratch[0];
    }
}

static void fake_head(const CnxrtFrame *frame, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    FakeArena *arena = (FakeArena *)frame->arena;
    const float *w = (const float *)frame->weights;
    float *logits = (float *)frame->tensors[2];
    double sum = 0;
    for (int64_t c = 0; c < FAKE_CLASSES; c++) {
        logits[c] = w[4 * c + 3];
        for (int64_t row = 0; row < FAKE_ROWS; row++)
            logits[c] += w[4 * c + row / 8] * arena->row_sums[row] / 64;
        sum += exp((double)logits[c]);
    }
    int64_t label = *(const int64_t *)frame->tensors[1];
    if (label >= 0 && label < FAKE_CLASSES)
        arena->loss_sum += log(sum) - (double)logits[label];
}

static void fake_end(const CnxrtFrame *frame, int64_t begin, int64_t end)
{
    (void)begin, (void)end;
    *(float *)frame->tensors[3] = (float)(((FakeArena *)frame->arena)->loss_sum / (double)frame->batch);
}

static const int64_t fake_pixel_dims[] = {-1, 3, 8, 8}, fake_label_dims[] = {-1}, fake_logit_dims[] = {-1, 4};

static const CnxrtTensor fake_tensors[] = {
    {"pixel_values", "pixel_values", 1, 4, fake_pixel_dims, 3 * 8 * 8 * 4},
    {"labels", "labels", 7, 1, fake_label_dims, 8},
    {"logits", "logits", 1, 2, fake_logit_dims, FAKE_CLASSES * 4},
    {"loss", "loss", 1, 0, NULL, 4},
};

static const CnxrtPhase fake_phases[] = {
    {fake_begin, 1, "begin", 0},
    {fake_sum_rows, FAKE_ROWS, "rows", FAKE_ROWS * 8},
    {fake_head, 1, "head", 2 * FAKE_CLASSES *FAKE_ROWS},
    {fake_end, 1, "end", 1},
};

static const CnxrtPreprocessor fake_preprocessor = {
    .do_resize = 1,
    .shortest_edge = 8,
    .crop_pct = 0.875,
    .resample = 3,
    .do_rescale = 1,
    .rescale_factor = 1.0 / 255,
    .n_mean = 1,
    .std = {1},
    .vertical_first = 1,
};

static const char *const fake_labels[] = {"red", "green, leaf", "blue \"sky\"", "dark"};

static const CnxrtVariant fake_variant = {
    .cpu_name = "x86-64",
#ifdef FAKE_CPU_FEATURES
    .cpu_features = FAKE_CPU_FEATURES,
#endif
    .n_begin = 1,
    .n_image = 2,
    .n_end = 1,
    .phases = fake_phases,
    .arena_bytes = sizeof(FakeArena),
    .scratch_bytes = 64,
};

static const CnxrtVariant *const fake_variants[] = {&fake_variant};

extern const CnxrtModel compiled_model __asm__("cnxrt_model");
const CnxrtModel compiled_model = {
    .abi = CNXRT_ABI,
    .name = "fake",
    .version = "0",
    .info_json = "{\"name\": \"fake\"}",
    .n_inputs = 2,
    .n_outputs = 2,
    .tensors = fake_tensors,
    .n_variants = 1,
    .variants = fake_variants,
#ifndef FAKE_WEIGHTS_FILE
    .weights = (const uint8_t *)&fake_weights,
#else
    .weights_file = FAKE_WEIGHTS_FILE,
#endif
    .weights_bytes = sizeof fake_weights,
    .graph_hash = FAKE_GRAPH_HASH,
    .weights_hash = FAKE_WEIGHTS_HASH,
    .pixel_input = 0,
    .logits_output = 0,
    .scores = CNXRT_SCORES_SOFTMAX,
    .n_labels = FAKE_CLASSES,
    .labels = fake_labels,
    .preprocessor = &fake_preprocessor,
    .batch_free = 1,
    .mask_output = -1,
};

#endif
