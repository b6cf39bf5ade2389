/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Segment: a picture in, the class of each of its pixels out, as transformers' post_process_semantic_segmentation finds it.
 *
 *   logits [classes, h, w]   each class interpolated (bilinear, by the centres of pixels) to the picture's size; the greatest
 *   labels [h, w]            where that is all a model gives, or has the picture's size: the nearest
 *
 * Problem: 150 planes at the size of a photograph are many times the model's own outputs. Idea: what is interpolated between four
 * logits of a class lies between the least and the greatest of them, so that only classes whose greatest reaches every other's
 * least can win anywhere in that cell. Mostly one does, rarely more than three, and one needs no arithmetic at all. */
#include "runtime/segment.h"
#include "runtime/file.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ── Interpolation ───────────────────────────────────────────────────────────────────────────────────── */

/* A place between two of an axis's elements. */
typedef struct Sample {
    int64_t low, high;
    float part; /* of high */
} Sample;

/* Of a model's outputs of one picture, and a picture's axes in their elements. */
typedef struct Planes {
    const float *logits;
    int64_t classes, height, width;
    Sample *across;       /* for each column of the picture */
    float *floor;         /* for each cell of a row: the greatest of all classes' least */
    int64_t *n_able;      /* how many classes can win in it */
    int32_t *able;        /* these, room for all in each cell */
} Planes;

static float least(float a, float b) { return a < b ? a : b; }
static float greatest(float a, float b) { return a > b ? a : b; }

static Sample sample_at(int64_t i, int64_t from, int64_t to)
{
    float scale = (float)from / (float)to, at = scale * ((float)i + 0.5f) - 0.5f;
    int64_t low = at > 0 ? (int64_t)at : 0;
    if (low >= from - 1)
        return (Sample){from - 1, from - 1, 0};
    return (Sample){low, low + 1, at > 0 ? at - (float)low : 0};
}

/* Which classes can win between rows y and its next, cell by cell. */
static void find_able(const Planes *p, Sample y)
{
    for (int64_t x = 0; x < p->width; x++) {
        p->floor[x] = -INFINITY;
        p->n_able[x] = 0;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int64_t c = 0; c < p->classes; c++) {
            const float *top = p->logits + (c * p->height + y.low) * p->width, *bottom = top + (y.high - y.low) * p->width;
            for (int64_t x = 0; x < p->width; x++) {
                int64_t next = x + 1 < p->width ? x + 1 : x;
                if (pass == 0)
                    p->floor[x] = greatest(least(least(top[x], top[next]), least(bottom[x], bottom[next])), p->floor[x]);
                else if (!(greatest(greatest(top[x], top[next]), greatest(bottom[x], bottom[next])) < p->floor[x]))
                    p->able[x * p->classes + p->n_able[x]++] = (int32_t)c;
            }
        }
}

static float value_at(const Planes *p, int64_t c, Sample y, Sample x)
{
    const float *top = p->logits + (c * p->height + y.low) * p->width, *bottom = top + (y.high - y.low) * p->width;
    float above = top[x.low] * (1 - x.part) + top[x.high] * x.part;
    float below = bottom[x.low] * (1 - x.part) + bottom[x.high] * x.part;
    return above * (1 - y.part) + below * y.part;
}

/* Of equals the first. */
static int32_t winner(const Planes *p, Sample y, Sample x)
{
    const int32_t *able = p->able + x.low * p->classes;
    int64_t n = p->n_able[x.low];
    int32_t best = n ? able[0] : 0;
    float most = n > 1 ? value_at(p, best, y, x) : 0;
    for (int64_t i = 1; i < n; i++) {
        float value = value_at(p, able[i], y, x);
        if (value > most)
            most = value, best = able[i];
    }
    return best;
}

static void label_interpolated(const Planes *p, int64_t height, int64_t width, int32_t *labels)
{
    int64_t found = -1; /* the row whose cells are known */
    for (int64_t x = 0; x < width; x++)
        p->across[x] = sample_at(x, p->width, width);
    for (int64_t i = 0; i < height; i++) {
        Sample y = sample_at(i, p->height, height);
        if (y.low != found)
            find_able(p, y);
        found = y.low;
        for (int64_t x = 0; x < width; x++)
            labels[i * width + x] = winner(p, y, p->across[x]);
    }
}

static int32_t *interpolate(const CnxrtTensor *tensor, const uint8_t *data, int64_t height, int64_t width, Room *room)
{
    Planes p = {.logits = (const float *)data, .classes = tensor->dims[1], .height = tensor->dims[2], .width = tensor->dims[3]};
    double cells = room_bytes((double)p.width, sizeof *p.floor) + room_bytes((double)p.width, sizeof *p.n_able) +
                   room_bytes((double)p.width * (double)p.classes, sizeof *p.able);
    if (!room_begin(room, room_bytes((double)height * (double)width, sizeof(int32_t)) +
                              room_bytes((double)width, sizeof *p.across) + cells))
        return NULL;
    int32_t *labels = room_take(room, height * width, sizeof *labels);
    p.across = room_take(room, width, sizeof *p.across);
    p.floor = room_take(room, p.width, sizeof *p.floor);
    p.n_able = room_take(room, p.width, sizeof *p.n_able);
    p.able = room_take(room, p.width * p.classes, sizeof *p.able);
    label_interpolated(&p, height, width, labels);
    return labels;
}

/* ── The nearest ─────────────────────────────────────────────────────────────────────────────────────── */

static int32_t *nearest(const CnxrtTensor *tensor, const uint8_t *data, int64_t height, int64_t width, Room *room)
{
    const int64_t *from = (const int64_t *)data, h = tensor->dims[tensor->rank - 2], w = tensor->dims[tensor->rank - 1];
    int32_t *labels = room_begin(room, room_bytes((double)height * (double)width, sizeof *labels))
                          ? room_take(room, height * width, sizeof *labels)
                          : NULL;
    for (int64_t y = 0; labels && y < height; y++)
        for (int64_t x = 0; x < width; x++)
            labels[y * width + x] = (int32_t)from[(2 * y + 1) * h / (2 * height) * w + (2 * x + 1) * w / (2 * width)];
    return labels;
}

int32_t *segment_labels(const CnxrtModel *compiled, uint8_t *const *tensors, int64_t height, int64_t width, Room *room)
{
    int64_t labels = compiled->n_inputs + compiled->mask_output, logits = compiled->n_inputs + compiled->logits_output;
    const CnxrtTensor *mask = &compiled->tensors[labels];
    bool same = mask->dims[mask->rank - 2] == height && mask->dims[mask->rank - 1] == width;
    if (same || compiled->logits_output < 0)
        return nearest(mask, tensors[labels], height, width, room);
    return interpolate(&compiled->tensors[logits], tensors[logits], height, width, room);
}

/* ── From pictures ───────────────────────────────────────────────────────────────────────────────────── */

static cnxrt_status check_segments(cnxrt_context *context, const void *from, const cnxrt_segmentation *result)
{
    if (!from || !result)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the picture or the result is NULL");
    if (result->struct_size != sizeof *result)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "struct_size of a segmentation is %zu, expected %zu",
                            result->struct_size, sizeof *result);
    cnxrt_status status = check_runs_pictures(context, 1);
    if (status == CNXRT_OK && context->model->compiled->mask_output < 0)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "this model does not label pixels");
    return status;
}

/* Of what the context's own outputs hold. */
static cnxrt_status give(cnxrt_context *context, int64_t height, int64_t width, cnxrt_segmentation *result)
{
    const CnxrtModel *compiled = context->model->compiled;
    int32_t *labels = segment_labels(compiled, context->own, height, width, &context->mask);
    if (!labels)
        return context_fail(context, CNXRT_ERROR_MEMORY, "out of memory for labels of %lldx%lld pixels", (long long)width,
                            (long long)height);
    int64_t logits = compiled->n_inputs + compiled->logits_output;
    const int64_t *dims = compiled->tensors[logits].dims;
    *result = (cnxrt_segmentation){.struct_size = sizeof *result, .width = width, .height = height, .labels = labels};
    if (compiled->logits_output >= 0) {
        result->logits = (const float *)context->own[logits];
        result->n_classes = dims[1], result->logits_height = dims[2], result->logits_width = dims[3];
    }
    return CNXRT_OK;
}

static cnxrt_status run_own(cnxrt_context *context, const Image *image)
{
    const CnxrtModel *compiled = context->model->compiled;
    void *const *own = (void *const *)context->own;
    cnxrt_status status = image_to_pixels(context, image, true, (float *)context->own[compiled->pixel_input]);
    return status == CNXRT_OK ? context_run(context, (const void *const *)own, 1, own + compiled->n_inputs) : status;
}

static cnxrt_status segment_encoded(cnxrt_context *context, const uint8_t *bytes, size_t size, cnxrt_segmentation *result)
{
    Image image = {0};
    cnxrt_status status = check_segments(context, bytes, result);
    if (status == CNXRT_OK)
        status = images_own(context, 1, true);
    if (status == CNXRT_OK)
        status = picture_decode(context, bytes, size, &image);
    if (status == CNXRT_OK)
        status = run_own(context, &image);
    if (status == CNXRT_OK)
        status = give(context, image.height, image.width, result);
    image_free(&image);
    return status;
}

cnxrt_status cnxrt_segment_memory(cnxrt_context *context, const void *encoded, size_t encoded_bytes, cnxrt_segmentation *result)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, segment_encoded(context, encoded, encoded_bytes, result)) : status;
}

static cnxrt_status segment_file(cnxrt_context *context, const char *path, cnxrt_segmentation *result)
{
    FileBytes bytes;
    cnxrt_status status = check_segments(context, path, result);
    int error = status == CNXRT_OK ? file_read(path, picture_limit, NULL, &bytes) : 0;
    if (error)
        return context_fail(context, error == ENOMEM ? CNXRT_ERROR_MEMORY : CNXRT_ERROR_FILE, "%s", strerror(error));
    if (status != CNXRT_OK)
        return status;
    status = segment_encoded(context, bytes.data, bytes.size, result);
    free(bytes.data);
    return status;
}

cnxrt_status cnxrt_segment_file(cnxrt_context *context, const char *path, cnxrt_segmentation *result)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, segment_file(context, path, result)) : status;
}

static cnxrt_status segment_image(cnxrt_context *context, const cnxrt_image *image, cnxrt_segmentation *result)
{
    cnxrt_status status = check_segments(context, image, result);
    if (status == CNXRT_OK)
        status = images_run(context, image, 1, NULL);
    return status == CNXRT_OK ? give(context, image->height, image->width, result) : status;
}

cnxrt_status cnxrt_segment_image(cnxrt_context *context, const cnxrt_image *image, cnxrt_segmentation *result)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, segment_image(context, image, result)) : status;
}
