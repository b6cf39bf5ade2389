/* Classify: an encoded picture in, the best k labels out. */
#include "runtime/classify.h"
#include "runtime/internal.h"
#include "runtime/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ── Pictures → pixel values ─────────────────────────────────────────────────────────────────────────── */

static cnxrt_status from_image_error(cnxrt_context *context, const ImageError *error)
{
    return context_fail(context, error->status, "%s", error->text);
}

static ImageMode mode_for(const CnxrtPreprocessor *how, int64_t channels)
{
    if (channels != 3)
        return IMAGE_NATIVE;
    return how->convert_rgb_white ? IMAGE_RGB_WHITE : IMAGE_RGB;
}

cnxrt_status picture_to_pixels(cnxrt_context *context, const uint8_t *bytes, size_t size, float *pixels)
{
    const CnxrtModel *compiled = context->model->compiled;
    const CnxrtPreprocessor *how = compiled->preprocessor;
    const int64_t *dims = compiled->tensors[compiled->pixel_input].dims; /* batch, channels, height, width */
    Image image;
    ImageError error;
    if (!image_decode(bytes, size, mode_for(how, dims[1]), &image, &error))
        return from_image_error(context, &error);
    int64_t height, width;
    image_prepared_size(&image, how, &height, &width);
    cnxrt_status status = CNXRT_OK;
    if (image.channels != dims[1] || height != dims[2] || width != dims[3])
        status = context_fail(context, CNXRT_ERROR_UNSUPPORTED,
                              "the image processor makes %lldx%lldx%lld of this picture, the model takes %lldx%lldx%lld",
                              (long long)image.channels, (long long)height, (long long)width, (long long)dims[1],
                              (long long)dims[2], (long long)dims[3]);
    else if (!image_prepare(&image, how, pixels, &error))
        status = from_image_error(context, &error);
    image_free(&image);
    return status;
}

cnxrt_status check_takes_pictures(cnxrt_context *context)
{
    const CnxrtModel *compiled = context->model->compiled;
    if (!compiled->preprocessor || compiled->pixel_input < 0)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "this model does not take pictures");
    const CnxrtTensor *pixels = &compiled->tensors[compiled->pixel_input];
    if (pixels->rank != 4 || pixels->dtype != 1)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "'%s' is not a float tensor of rank 4", pixels->name);
    if (pixels->dims[0] != -1 && pixels->dims[0] != 1)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "the model takes %lld pictures at once",
                            (long long)pixels->dims[0]);
    return CNXRT_OK;
}

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

/* ── One picture ─────────────────────────────────────────────────────────────────────────────────────── */

static bool make_buffers(cnxrt_context *context)
{
    const CnxrtModel *compiled = context->model->compiled;
    int64_t n = model_tensor_count(compiled);
    if (context->classify_tensors)
        return true;
    uint8_t **tensors = calloc((size_t)n, sizeof *tensors);
    bool ok = tensors;
    for (int64_t i = 0; ok && i < n; i++) {
        int64_t bytes = tensor_bytes(&compiled->tensors[i], 1);
        tensors[i] = calloc(1, bytes > 0 ? (size_t)bytes : 1);
        ok = tensors[i];
    }
    if (ok) {
        context->classify_tensors = tensors;
        return true;
    }
    for (int64_t i = 0; tensors && i < n; i++)
        free(tensors[i]);
    free(tensors);
    return false;
}

/* Labels for a loss may stay zero: logits do not depend on them. */
static bool is_labels(const char *name) { return strcmp(name, "labels") == 0 || strcmp(name, "labels.multi_label") == 0; }

/* Any other input beside the picture must come from the caller. */
static cnxrt_status check_classifies(cnxrt_context *context)
{
    const CnxrtModel *compiled = context->model->compiled;
    cnxrt_status status = check_takes_pictures(context);
    if (status != CNXRT_OK)
        return status;
    if (context->model->n_classes == 0)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "this model does not classify");
    for (int64_t i = 0; i < compiled->n_inputs; i++)
        if (i != compiled->pixel_input && !is_labels(compiled->tensors[i].name))
            return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "the model needs input '%s' beside the picture",
                                compiled->tensors[i].name);
    return CNXRT_OK;
}

static cnxrt_status classify(cnxrt_context *context, const uint8_t *bytes, size_t size, int64_t k, cnxrt_prediction *predictions,
                             int64_t *n)
{
    const cnxrt_model *model = context->model;
    const CnxrtModel *compiled = model->compiled;
    cnxrt_status status = check_classifies(context);
    if (status != CNXRT_OK)
        return status;
    if (!make_buffers(context))
        return context_fail(context, CNXRT_ERROR_MEMORY, "out of memory");
    uint8_t **tensors = context->classify_tensors, **outputs = tensors + compiled->n_inputs;
    status = picture_to_pixels(context, bytes, size, (float *)tensors[compiled->pixel_input]);
    if (status == CNXRT_OK)
        status = context_run(context, (const void *const *)tensors, 1, (void *const *)outputs);
    if (status != CNXRT_OK)
        return status;
    float *scores = (float *)outputs[compiled->logits_output];
    scores_from_logits(compiled->scores, scores, model->n_classes);
    *n = best_predictions(model, scores, k, predictions);
    return CNXRT_OK;
}

cnxrt_status cnxrt_classify_memory(cnxrt_context *context, const void *encoded, size_t encoded_bytes, int64_t k,
                                   cnxrt_prediction *predictions, int64_t *n)
{
    if (!context)
        return CNXRT_ERROR_ARGUMENT;
    if (!context_enter(context))
        return CNXRT_ERROR_BUSY;
    context->error[0] = 0;
    cnxrt_status status;
    if (!encoded || k < 1 || !predictions || !n)
        status = context_fail(context, CNXRT_ERROR_ARGUMENT, "a pointer is NULL or k is less than 1");
    else
        status = classify(context, encoded, encoded_bytes, k, predictions, n);
    context_leave(context);
    return status;
}

cnxrt_status cnxrt_classify_file(cnxrt_context *context, const char *path, int64_t k, cnxrt_prediction *predictions, int64_t *n)
{
    if (!context)
        return CNXRT_ERROR_ARGUMENT;
    if (!context_enter(context))
        return CNXRT_ERROR_BUSY;
    context->error[0] = 0;
    cnxrt_status status;
    FileBytes bytes = {0};
    int error;
    if (!path || k < 1 || !predictions || !n)
        status = context_fail(context, CNXRT_ERROR_ARGUMENT, "a pointer is NULL or k is less than 1");
    else if ((error = file_read(path, MAX_PICTURE_BYTES, &bytes)))
        status = context_fail(context, error == ENOMEM ? CNXRT_ERROR_MEMORY : CNXRT_ERROR_FILE, "%s", strerror(error));
    else
        status = classify(context, bytes.data, bytes.size, k, predictions, n);
    free(bytes.data);
    context_leave(context);
    return status;
}
