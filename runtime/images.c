/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Images: pictures into the model's pixel input, one by one or a batch by all threads.
 *
 *   encoded ─ decode ─► Image ─┐
 *   decoded ─ frame ──► Image ─┴─ image_prepare ─► an item of pixel_values ─► a run
 *
 * All memory that decoded pictures need belongs to the context and grows to the largest seen: rooms of each thread, and buffers
 * for the inputs that are not the caller's. Thread t prepares pictures t, t + T, t + 2 T … with its own Preparer, whose rooms are made
 * large enough before, so that who prepares which picture does not matter. */
#include "runtime/images.h"
#include "ir/base/words.h"
#include "runtime/image/frame.h"
#include "runtime/size.h"

#include <stdlib.h>
#include <string.h>

static const CnxrtTensor *pixel_tensor(const cnxrt_context *context) /* batch, channels, height, width */
{
    const CnxrtModel *compiled = context->model->compiled;
    return &compiled->tensors[compiled->pixel_input];
}

size_t picture_limit(const uint8_t *head, size_t n, void *user)
{
    enum { MOST = 1 << 30 };
    (void)user;
    return image_is_known(head, n) ? MOST : 0;
}

/* ── What the model takes ────────────────────────────────────────────────────────────────────────────── */

static cnxrt_status check_has_pixels(cnxrt_context *context)
{
    const CnxrtModel *compiled = context->model->compiled;
    if (!compiled->preprocessor || compiled->pixel_input < 0)
        return context_fail(
            context, CNXRT_ERROR_UNSUPPORTED,
            "this model does not take pictures: it was compiled without an image processor, which --processor=FILE or "
            "--task=image-classification of 'cnxc compile' adds");
    const CnxrtTensor *pixels = pixel_tensor(context);
    if (pixels->rank != 4 || pixels->dtype != 1)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "'%s' is not a float tensor of rank 4", pixels->name);
    return CNXRT_OK;
}

static cnxrt_status check_batch(cnxrt_context *context, int64_t n)
{
    int64_t batch = pixel_tensor(context)->dims[0];
    if (n < 1)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "%lld pictures, expected 1 or more", (long long)n);
    if (batch != -1 && batch != n)
        return context_fail(context, CNXRT_ERROR_UNSUPPORTED, "the model takes %lld %s at once", (long long)batch,
                            COUNTED(batch, "picture"));
    return CNXRT_OK;
}

cnxrt_status check_takes_pictures(cnxrt_context *context)
{
    cnxrt_status status = check_has_pixels(context);
    return status == CNXRT_OK ? check_batch(context, 1) : status;
}

bool input_is_labels(const char *input) { return strcmp(input, "labels") == 0 || strcmp(input, "labels.multi_label") == 0; }

cnxrt_status check_runs_pictures(cnxrt_context *context, int64_t n)
{
    const CnxrtModel *compiled = context->model->compiled;
    cnxrt_status status = check_has_pixels(context);
    if (status == CNXRT_OK)
        status = check_batch(context, n);
    for (int64_t i = 0; status == CNXRT_OK && i < compiled->n_inputs; i++)
        if (i != compiled->pixel_input && !input_is_labels(compiled->tensors[i].name))
            status = context_fail(context, CNXRT_ERROR_UNSUPPORTED, "the model needs input '%s' beside the picture",
                                  compiled->tensors[i].name);
    return status;
}

/* ── One picture ─────────────────────────────────────────────────────────────────────────────────────── */

static ImageMode mode_for(const CnxrtPreprocessor *how, int64_t channels)
{
    if (channels != 3)
        return IMAGE_NATIVE;
    return how->convert_rgb_white ? IMAGE_RGB_WHITE : IMAGE_RGB;
}

/* The size that the image processor makes of the picture, where there is code for it, unless the caller chose one. */
static void follow_size(cnxrt_context *context, const Image *image)
{
    int64_t height, width;
    if (!context->model->compiled->n_sizes || context->chosen)
        return;
    image_prepared_size(image, context->model->compiled->preprocessor, &height, &width);
    const cnxrt_model *found = size_find(context->model, height, width);
    if (found)
        context_use(context, found);
}

static bool prepare_image(const cnxrt_context *context, const Image *image, Preparer *preparer, float *pixels)
{
    const CnxrtPreprocessor *how = context->model->compiled->preprocessor;
    const int64_t *dims = pixel_tensor(context)->dims;
    int64_t height, width;
    image_prepared_size(image, how, &height, &width);
    if (context->model->compiled->n_sizes && !context->chosen && !size_find(context->model, height, width))
        return image_fail(&preparer->error, CNXRT_ERROR_UNSUPPORTED,
                          "the image processor makes %lldx%lld of this picture; compiled for %s", (long long)height,
                          (long long)width, size_names(context->model->compiled, (char[SIZE_NAMES]){0}, SIZE_NAMES));
    if (image->channels != dims[1] || height != dims[2] || width != dims[3])
        return image_fail(&preparer->error, CNXRT_ERROR_UNSUPPORTED,
                          "the image processor makes %lldx%lldx%lld of this picture, the model takes %lldx%lldx%lld",
                          (long long)image->channels, (long long)height, (long long)width, (long long)dims[1], (long long)dims[2],
                          (long long)dims[3]);
    return image_prepare(image, how, &preparer->work, pixels, &preparer->error);
}

static bool prepare_frame(const cnxrt_context *context, const cnxrt_image *frame, Preparer *preparer, float *pixels)
{
    bool white = context->model->compiled->preprocessor->convert_rgb_white;
    Image image;
    return frame_image(frame, pixel_tensor(context)->dims[1], white, &preparer->copy, &image, &preparer->error) &&
           prepare_image(context, &image, preparer, pixels);
}

static bool decode(cnxrt_context *context, const uint8_t *bytes, size_t size, Image *image)
{
    const CnxrtPreprocessor *how = context->model->compiled->preprocessor;
    return image_decode(bytes, size, mode_for(how, pixel_tensor(context)->dims[1]), image, &context->preparers[0].error);
}

bool picture_size(cnxrt_context *context, const uint8_t *bytes, size_t size, int64_t *height, int64_t *width)
{
    Image image;
    if (!decode(context, bytes, size, &image))
        return false;
    image_prepared_size(&image, context->model->compiled->preprocessor, height, width);
    image_free(&image);
    return true;
}

static cnxrt_status first_failed(cnxrt_context *context)
{
    const ImageError *error = &context->preparers[0].error;
    return context_fail(context, error->status, "%s", error->text);
}

cnxrt_status picture_decode(cnxrt_context *context, const uint8_t *bytes, size_t size, Image *image)
{
    context_use(context, context->home);
    return decode(context, bytes, size, image) ? CNXRT_OK : first_failed(context);
}

cnxrt_status image_to_pixels(cnxrt_context *context, const Image *image, bool follow, float *pixels)
{
    if (follow)
        follow_size(context, image);
    return prepare_image(context, image, &context->preparers[0], pixels) ? CNXRT_OK : first_failed(context);
}

cnxrt_status picture_to_pixels(cnxrt_context *context, const uint8_t *bytes, size_t size, bool follow, float *pixels)
{
    Image image;
    cnxrt_status status = picture_decode(context, bytes, size, &image);
    if (status != CNXRT_OK)
        return status;
    status = image_to_pixels(context, &image, follow, pixels);
    image_free(&image);
    return status;
}

/* ── Memory of the context's own ─────────────────────────────────────────────────────────────────────── */

/* Zeros, which is what labels stay. One more byte than there are, so that there is one. */
static bool own_tensor(cnxrt_context *context, int64_t i, int64_t n)
{
    int64_t bytes = size_bytes(context->model, i, n);
    if (bytes >= 0 && bytes < context->own_bytes[i])
        return true;
    free(context->own[i]);
    context->own[i] = bytes >= 0 ? calloc((size_t)bytes + 1, 1) : NULL;
    context->own_bytes[i] = context->own[i] ? bytes + 1 : 0;
    return context->own[i];
}

cnxrt_status images_own(cnxrt_context *context, int64_t n, bool outputs)
{
    const CnxrtModel *compiled = context->model->compiled;
    int64_t count = outputs ? model_tensor_count(compiled) : compiled->n_inputs;
    for (int64_t i = 0; i < count; i++)
        if (!own_tensor(context, i, n))
            return context_fail(context, CNXRT_ERROR_MEMORY, "out of memory for %lld pictures", (long long)n);
    return CNXRT_OK;
}

static int64_t preparer_count(const cnxrt_context *context, int64_t n)
{
    return n < context->model->n_threads ? n : context->model->n_threads;
}

/* Rooms of each thread that will prepare one of n pictures, for one like this. */
static bool make_room(cnxrt_context *context, const cnxrt_image *frame, int64_t n)
{
    const int64_t *dims = pixel_tensor(context)->dims;
    Image largest = {.width = frame->width, .height = frame->height, .channels = dims[1]};
    double copy = frame_room(frame, dims[1]);
    double work = image_prepare_room(&largest, context->model->compiled->preprocessor, dims[2], dims[3]);
    for (int64_t t = 0; t < preparer_count(context, n); t++)
        if (!room_begin(&context->preparers[t].copy, copy) || !room_begin(&context->preparers[t].work, work))
            return false;
    return true;
}

static cnxrt_status reserve(cnxrt_context *context, int64_t width, int64_t height, int64_t n)
{
    cnxrt_image largest = {.format = CNXRT_FORMAT_NV12, .width = width, .height = height};
    ImageError error;
    cnxrt_status status = check_has_pixels(context);
    if (status != CNXRT_OK)
        return status;
    if (n < 1)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "%lld pictures, expected 1 or more", (long long)n);
    if (!image_check_size(width, height, &error))
        return context_fail(context, error.status, "%s", error.text);
    if (!make_room(context, &largest, n))
        return context_fail(context, CNXRT_ERROR_MEMORY, "out of memory for pictures of %lldx%lld pixels", (long long)width,
                            (long long)height);
    return images_own(context, n, context->model->n_classes > 0);
}

cnxrt_status cnxrt_reserve(cnxrt_context *context, int64_t width, int64_t height, int64_t n)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, reserve(context, width, height, n)) : status;
}

/* ── One picture for the caller ──────────────────────────────────────────────────────────────────────── */

static cnxrt_status check_pixel_values(cnxrt_context *context, const void *from, const float *pixel_values)
{
    if (!from || !pixel_values)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the picture or pixel_values is NULL");
    if ((uintptr_t)pixel_values % sizeof *pixel_values)
        return context_fail(context, CNXRT_ERROR_ALIGNMENT, "pixel_values is not aligned to %zu bytes", sizeof *pixel_values);
    return check_has_pixels(context);
}

static cnxrt_status prepare(cnxrt_context *context, const cnxrt_image *image, float *pixel_values)
{
    Preparer *preparer = &context->preparers[0];
    cnxrt_status status = check_pixel_values(context, image, pixel_values);
    if (status != CNXRT_OK)
        return status;
    if (frame_check(image, &preparer->error) && prepare_frame(context, image, preparer, pixel_values))
        return CNXRT_OK;
    return context_fail(context, preparer->error.status, "%s", preparer->error.text);
}

cnxrt_status cnxrt_prepare(cnxrt_context *context, const cnxrt_image *image, float *pixel_values)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, prepare(context, image, pixel_values)) : status;
}

cnxrt_status cnxrt_prepare_encoded(cnxrt_context *context, const void *encoded, size_t encoded_bytes, float *pixel_values)
{
    cnxrt_status status = context_begin(context);
    if (status != CNXRT_OK)
        return status;
    status = check_pixel_values(context, encoded, pixel_values);
    if (status == CNXRT_OK)
        status = picture_to_pixels(context, encoded, encoded_bytes, false, pixel_values);
    return context_end(context, status);
}

/* ── A batch ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Batch {
    cnxrt_context *context;
    const cnxrt_image *images;
    int64_t n;
} Batch;

static void prepare_share(void *argument, int64_t thread)
{
    const Batch *batch = argument;
    cnxrt_context *context = batch->context;
    const int64_t *dims = pixel_tensor(context)->dims;
    float *pixels = (float *)context->own[context->model->compiled->pixel_input];
    if (thread < 0 || thread >= preparer_count(context, batch->n))
        return;
    Preparer *preparer = &context->preparers[thread];
    preparer->failed = batch->n;
    for (int64_t i = thread; i < batch->n && preparer->failed == batch->n; i += context->model->n_threads)
        if (!prepare_frame(context, &batch->images[i], preparer, pixels + i * (dims[1] * dims[2] * dims[3])))
            preparer->failed = i;
}

static cnxrt_status fail_picture(cnxrt_context *context, int64_t i, const ImageError *error)
{
    return context_fail(context, error->status, "images[%lld]: %s", (long long)i, error->text);
}

/* The first that failed, whoever prepared it. */
static cnxrt_status find_failure(cnxrt_context *context, int64_t n)
{
    int64_t first = 0;
    for (int64_t t = 1; t < preparer_count(context, n); t++)
        if (context->preparers[t].failed < context->preparers[first].failed)
            first = t;
    const Preparer *preparer = &context->preparers[first];
    return preparer->failed < n ? fail_picture(context, preparer->failed, &preparer->error) : CNXRT_OK;
}

static cnxrt_status check_frames(cnxrt_context *context, const cnxrt_image *images, int64_t n)
{
    ImageError error;
    for (int64_t i = 0; i < n; i++)
        if (!frame_check(&images[i], &error))
            return fail_picture(context, i, &error);
    for (int64_t i = 0; i < n; i++)
        if (!make_room(context, &images[i], n))
            return context_fail(context, CNXRT_ERROR_MEMORY, "images[%lld]: out of memory for %lldx%lld pixels", (long long)i,
                                (long long)images[i].width, (long long)images[i].height);
    return CNXRT_OK;
}

static cnxrt_status prepare_batch(cnxrt_context *context, const cnxrt_image *images, int64_t n)
{
    Batch batch = {context, images, n};
    if (n == 1)
        prepare_share(&batch, 0); /* wakes nobody */
    else
        context_each_thread(context, prepare_share, &batch);
    return find_failure(context, n);
}

cnxrt_status images_run(cnxrt_context *context, const cnxrt_image *images, int64_t n, void *const *outputs)
{
    const CnxrtModel *compiled = context->model->compiled;
    if (!images)
        return context_fail(context, CNXRT_ERROR_ARGUMENT, "the list of pictures is NULL");
    cnxrt_status status = context_check_surroundings(context);
    if (status == CNXRT_OK)
        status = images_own(context, n, !outputs);
    if (status == CNXRT_OK && frame_check(images, &context->preparers[0].error))
        follow_size(context,
                    &(Image){.width = images->width, .height = images->height, .channels = pixel_tensor(context)->dims[1]});
    if (status == CNXRT_OK)
        status = check_frames(context, images, n);
    if (status == CNXRT_OK)
        status = prepare_batch(context, images, n);
    if (status != CNXRT_OK)
        return status;
    void *const *own = (void *const *)context->own;
    return context_run(context, (const void *const *)own, compiled->batch_free ? n : 1,
                       outputs ? outputs : own + compiled->n_inputs);
}

static cnxrt_status run_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, void *const *outputs)
{
    cnxrt_status status = check_runs_pictures(context, n);
    if (status == CNXRT_OK && !outputs)
        status = context_fail(context, CNXRT_ERROR_ARGUMENT, "the list of outputs is NULL");
    return status == CNXRT_OK ? images_run(context, images, n, outputs) : status;
}

cnxrt_status cnxrt_run_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, void *const *outputs)
{
    cnxrt_status status = context_begin(context);
    return status == CNXRT_OK ? context_end(context, run_images(context, images, n, outputs)) : status;
}
