/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Classify: pictures in, the best k labels of each out. */
#include "runtime/classify.h"
#include "runtime/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ── Logits → scores → the best ──────────────────────────────────────────────────────────────────────── */

void scores_from_logits(int64_t scores, float *values, int64_t n)
{
    if (scores == CNXRT_SCORES_SIGMOID) {
        for (int64_t i = 0; i < n; i++)
            values[i] = (float)(1.0 / (1.0 + exp(-(double)values[i])));
        return;
    }
    if (scores != CNXRT_SCORES_SOFTMAX)
        return;
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        largest = values[i] > largest ? values[i] : largest;
    for (int64_t i = 0; i < n; i++)
        sum += exp(values[i] - largest);
    for (int64_t i = 0; i < n; i++)
        values[i] = (float)(exp(values[i] - largest) / sum);
}

/* NaN is worse than any number; of equals the first is better. */
static bool better(const float *scores, int64_t a, int64_t b)
{
    if (isnan(scores[a]) || isnan(scores[b]))
        return !isnan(scores[a]) || (isnan(scores[b]) && a < b);
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

int64_t best_predictions(const cnxrt_model *model, const float *scores, int64_t k, cnxrt_prediction *best)
{
    int64_t found = 0;
    for (int64_t i = 0; i < model->n_classes; i++) {
        int64_t at = found < k ? found : k; /* insertion: k is small */
        while (at > 0 && better(scores, i, best[at - 1].index))
            at--;
        if (at == k)
            continue;
        int64_t moved = (found < k ? found : k - 1) - at;
        memmove(&best[at + 1], &best[at], (size_t)moved * sizeof *best);
        best[at] = (cnxrt_prediction){i, model->labels[i], scores[i]};
        found += found < k;
    }
    return found;
}

/* ── From pictures ───────────────────────────────────────────────────────────────────────────────────── */

static cnxrt_status check_classifies(cnxrt_context *context, int64_t n, int64_t k, const void *predictions, const int64_t *n_best)
{
    if (k < 1 || !predictions || !n_best)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "a pointer is NULL or k is less than 1");
    cnxrt_status status = check_runs_pictures(context, n);
    if (status == CNXRT_OK && !model_classifies(context->model))
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "this model does not classify");
    return status;
}

/* The best k of the i-th row of the context's own logits. */
static int64_t best_of_row(cnxrt_context *context, int64_t i, int64_t k, cnxrt_prediction *best)
{
    const cnxrt_model *model = context->model;
    const CnxrtModel *compiled = model->compiled;
    float *scores = (float *)context->own[compiled->n_inputs + compiled->logits_output] + i * model->n_classes;
    scores_from_logits(compiled->scores, scores, model->n_classes);
    return best_predictions(model, scores, k, best);
}

static cnxrt_status classify_encoded(cnxrt_context *context, const uint8_t *bytes, size_t size, int64_t k,
                                     cnxrt_prediction *predictions, int64_t *n)
{
    const CnxrtModel *compiled = context->model->compiled;
    cnxrt_status status = check_classifies(context, 1, k, predictions, n);
    if (status == CNXRT_OK)
        status = images_own(context, 1, true);
    if (status == CNXRT_OK)
        status = picture_to_pixels(context, bytes, size, true, (float *)context->own[compiled->pixel_input]);
    void *const *own = (void *const *)context->own;
    if (status == CNXRT_OK)
        status = context_run(context, (const void *const *)own, 1, own + compiled->n_inputs);
    if (status == CNXRT_OK)
        *n = best_of_row(context, 0, k, predictions);
    return status;
}

cnxrt_status cnxrt_classify_memory(cnxrt_context *context, const void *encoded, size_t encoded_bytes, int64_t k,
                                   cnxrt_prediction *predictions, int64_t *n)
{
    cnxrt_status status = context_begin(context);
    if (status != CNXRT_OK)
        return status;
    if (!encoded)
        status = context_fail(context, CNXRT_ERROR_ARGUMENT, "the picture is NULL");
    else
        status = classify_encoded(context, encoded, encoded_bytes, k, predictions, n);
    return context_end(context, status);
}

static cnxrt_status classify_file(cnxrt_context *context, const char *path, int64_t k, cnxrt_prediction *predictions, int64_t *n)
{
    FileBytes bytes;
    int error = path ? file_read(path, picture_limit, NULL, &bytes) : 0;
    if (!path)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the path is NULL");
    if (error)
        return context_fail(context, error == ENOMEM ? CNXRT_ERROR_MEMORY : CNXRT_ERROR_FILE, "%s", strerror(error));
    cnxrt_status status = classify_encoded(context, bytes.data, bytes.size, k, predictions, n);
    free(bytes.data);
    return status;
}

cnxrt_status cnxrt_classify_file(cnxrt_context *context, const char *path, int64_t k, cnxrt_prediction *predictions, int64_t *n)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, classify_file(context, path, k, predictions, n)) : status;
}

static cnxrt_status classify_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, int64_t k,
                                    cnxrt_prediction *predictions, int64_t *n_best)
{
    cnxrt_status status = check_classifies(context, n, k, predictions, n_best);
    if (status == CNXRT_OK)
        status = images_run(context, images, n, NULL);
    for (int64_t i = 0; status == CNXRT_OK && i < n; i++)
        *n_best = best_of_row(context, i, k, predictions + i * k);
    return status;
}

cnxrt_status cnxrt_classify_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, int64_t k,
                                   cnxrt_prediction *predictions, int64_t *n_best)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, classify_images(context, images, n, k, predictions, n_best)) : status;
}
