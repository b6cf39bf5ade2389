/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnxrt: a compiled neural network behind a small C interface.
 *
 * @example of the model@
 *
 * A model is immutable and shared by any number of threads. A context belongs to one thread at a time; a second
 * one that uses it meanwhile gets CNXRT_ERROR_BUSY. Nothing here prints, exits, changes the locale, installs a
 * signal handler or keeps state outside models and contexts, but for each thread's cnxrt_last_error. Compiles as C99
 * and as C++. */
#ifndef CNXRT_H
#define CNXRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this interface: grows when a struct or function changes or is added. 2 added pictures in memory, labels,
 * cnxrt_last_error and cnxrt_licenses, 3 labels of pixels; what is written for 1 works as it did. */
#define CNXRT_ABI_VERSION 3

/* Of workspaces, in bytes. */
#define CNXRT_WORKSPACE_ALIGNMENT 64

/* The most threads a context may use. */
#define CNXRT_MAX_THREADS 1024

/* @constants of the model@ */

#ifdef CNXRT_ARENA_BYTES /* workspace of a context that runs on so many threads, in bytes */
#define CNXRT_WORKSPACE_BYTES(n_threads)                                                 \
    ((size_t)(CNXRT_BY_IMAGE ? (n_threads) : 1) * ((CNXRT_ARENA_BYTES + 63) / 64 * 64) + \
     (size_t)(n_threads) * ((CNXRT_SCRATCH_BYTES + 63) / 64 * 64))
#endif

#if defined(__GNUC__)
#define CNXRT_API __attribute__((visibility("default")))
#else
#define CNXRT_API
#endif

typedef enum cnxrt_status {
    CNXRT_OK = 0,
    CNXRT_ERROR_ARGUMENT = 1,         /* NULL, a wrong count, size or option */
    CNXRT_ERROR_ALIGNMENT = 2,        /* a buffer does not start at a multiple of what is asked for */
    CNXRT_ERROR_OVERLAP = 3,          /* an output shares bytes with another buffer */
    CNXRT_ERROR_BUSY = 4,             /* another thread is using the context */
    CNXRT_ERROR_CPU = 5,              /* this processor lacks instructions that the model was compiled for */
    CNXRT_ERROR_MEMORY = 6,           /* out of memory */
    CNXRT_ERROR_THREADS = 7,          /* a thread could not be started */
    CNXRT_ERROR_FILE = 8,             /* a file cannot be read */
    CNXRT_ERROR_WEIGHTS_FORMAT = 9,   /* not a weights file, or cut short */
    CNXRT_ERROR_WEIGHTS_MODEL = 10,   /* weights of another model, precision or packing */
    CNXRT_ERROR_WEIGHTS_DAMAGED = 11, /* the weights' contents and their checksum differ, or the file changed in use */
    CNXRT_ERROR_IMAGE = 12,           /* not a picture, or a damaged one */
    CNXRT_ERROR_UNSUPPORTED = 13,     /* a valid picture or request that this model does not support */
    CNXRT_ERROR_FORK = 14             /* the context's threads were left behind by fork: create one in the child */
} cnxrt_status;

typedef struct cnxrt_model cnxrt_model;
typedef struct cnxrt_context cnxrt_context;

/* Must call body(argument, i) once for each i in [0, n), on any threads, and return when all have returned. */
typedef void (*cnxrt_parallel_for)(void *user, int64_t n, void (*body)(void *argument, int64_t i), void *argument);

/* Zero means "the default" in every field but the first. */
typedef struct cnxrt_options {
    size_t struct_size;              /* sizeof(cnxrt_options) */
    int64_t n_threads;               /* that one run uses, the caller's included; default 1: only the caller's. Where
                                        others keep the machine so busy that fewer are faster, it uses fewer.
                                        Each context has n_threads - 1 threads of its own, asleep between runs,
                                        unless parallel_for is given; a child of fork has none of them and gets
                                        CNXRT_ERROR_FORK. Results do not depend on it */
    const char *weights_path;        /* where the weights are not embedded: their file; default: beside the artifact */
    cnxrt_parallel_for parallel_for; /* the caller's threads instead of our own; called with n = n_threads */
    void *parallel_user;             /* handed to parallel_for */
    int64_t copy_weights;            /* not 0: a weights file is read into memory instead of being mapped, so that nobody
                                        can change it under a running model. Mapped (the default), models of all processes
                                        share its pages; it must then be replaced by renaming, never written in place: a
                                        run that starts after a change answers CNXRT_ERROR_WEIGHTS_DAMAGED, one that is
                                        under way may meet SIGBUS or changed weights */
    int64_t check_weights;           /* not 0: embedded weights are compared with their checksum, as a file's always are,
                                        which reads them all: some 10 ms for 100 MB; damaged ones are
                                        CNXRT_ERROR_WEIGHTS_DAMAGED instead of wrong answers */
} cnxrt_options;

typedef struct cnxrt_prediction {
    int64_t index;                   /* of the class */
    const char *label;               /* UTF-8; lives as long as the model */
    float score;                     /* probability, in [0, 1] */
} cnxrt_prediction;

/* The class of each pixel. */
typedef struct cnxrt_segmentation {
    size_t struct_size;              /* sizeof(cnxrt_segmentation) */
    int64_t width, height;           /* of the picture, upright */
    const int32_t *labels;           /* height rows of width classes, from the top */
    const float *logits;             /* what the model gave: n_classes planes of logits_height rows; NULL: it gives none */
    int64_t n_classes, logits_width, logits_height;
} cnxrt_segmentation;

/* How the pixels of a picture lie in memory. */
typedef enum cnxrt_format {
    CNXRT_FORMAT_GRAY8 = 1,
    CNXRT_FORMAT_RGB8 = 2,           /* R, G, B of a pixel side by side, and so on */
    CNXRT_FORMAT_BGR8 = 3,
    CNXRT_FORMAT_RGBA8 = 4,          /* alpha is dropped, or put on white where the model's processor converts so */
    CNXRT_FORMAT_BGRA8 = 5,
    CNXRT_FORMAT_NV12 = 6,           /* planes: Y; U and V side by side, one pair for 2 x 2 pixels */
    CNXRT_FORMAT_I420 = 7            /* planes: Y; U; V, one of each for 2 x 2 pixels */
} cnxrt_format;

/* How Y, U and V become R, G and B. By Recommendations ITU-R BT.601-7 (2.5) and BT.709-6 (3) Y is Kr R + (1 - Kr - Kb) G + Kb B,
 * with Kr and Kb of 0.299 and 0.114, or 0.2126 and 0.0722, and U and V are (B - Y) / (2 - 2 Kb) and (R - Y) / (2 - 2 Kr).
 * In full range Y has 256 levels, U and V have 255 around 128; limited, Y goes from 16 to 235, U and V from 16 to 240.
 * Solved for R, G and B:
 *
 *     y = Y              u = U - 128                v = V - 128                    full range
 *     y = (Y - 16) 255 / 219    u = (U - 128) 255 / 224    v = (V - 128) 255 / 224        limited range
 *     R = y + (2 - 2 Kr) v      B = y + (2 - 2 Kb) u
 *     G = y - ((2 - 2 Kb) Kb u + (2 - 2 Kr) Kr v) / (1 - Kr - Kb)
 *
 * rounded to the nearest integer from 0 to 255, halves upwards. All 2 x 2 pixels that share U and V have these as they are: nothing is
 * interpolated, as ffmpeg by default and OpenCV's COLOR_YUV2RGB_NV12 do it. */
typedef enum cnxrt_color {
    CNXRT_COLOR_BT601_LIMITED = 0,   /* standard definition, webcams */
    CNXRT_COLOR_BT709_LIMITED = 1,   /* high definition */
    CNXRT_COLOR_BT601_FULL = 2,      /* JPEG, MJPEG */
    CNXRT_COLOR_BT709_FULL = 3
} cnxrt_color;

/* A decoded picture: the caller's memory, which is only read, and only during the call. */
typedef struct cnxrt_image {
    size_t struct_size;              /* sizeof(cnxrt_image) */
    int64_t format;                  /* CNXRT_FORMAT_… */
    int64_t width, height;           /* in pixels; of NV12 and I420 both even */
    const void *planes[3];           /* where each plane's top row begins; those that the format lacks are not looked at */
    int64_t strides[3];              /* bytes from one row of the plane to the one below it, negative where that lies before;
                                        0: its rows follow one another without a gap. Of a single row it means nothing */
    int64_t color;                   /* CNXRT_COLOR_…, of NV12 and I420 */
} cnxrt_image;

/* One sentence for a status, lower case, no full stop. Never NULL. */
CNXRT_API const char *cnxrt_status_text(cnxrt_status status);

/* What the model is, as JSON: inputs, outputs, shapes, labels, CPU, precision, hashes. Needs no model object. */
CNXRT_API const char *cnxrt_info_json(void);

/* The sizes of pictures that there is code for, in the order of --image-size: height and width of the index-th, from 0 on;
 * CNXRT_ERROR_ARGUMENT where there are no more. Needs no model object. */
CNXRT_API cnxrt_status cnxrt_image_size(int64_t index, int64_t *height, int64_t *width);

/* The notices of what the library contains, to go with it where it is passed on: plain text in UTF-8, of cnxc's runtime, libjpeg-turbo,
 * libpng, zlib, libwebp and xxHash. Needs no model object. */
CNXRT_API const char *cnxrt_licenses(void);

/* CNXRT_ABI_VERSION of the library itself, to compare with that of the header. */
CNXRT_API int64_t cnxrt_abi_version(void);

/* Checks the processor and the weights. options may be NULL. *model is NULL after an error, and cnxrt_last_error says why. */
CNXRT_API cnxrt_status cnxrt_create(const cnxrt_options *options, cnxrt_model **model);

/* All contexts of the model must be destroyed before. NULL is allowed. */
CNXRT_API void cnxrt_destroy(cnxrt_model *model);

/* Why the last cnxrt_create or cnxrt_context_create of the calling thread that failed did so: one sentence, with the names
 * and numbers that the status lacks; "" if none failed. Valid until the next failure. CNXRT_ERROR_MEMORY says all by itself
 * and leaves the sentence as it was. */
CNXRT_API const char *cnxrt_last_error(void);

/* Classes that a model answers with, of pictures or of their pixels; 0: it names none. */
CNXRT_API int64_t cnxrt_n_labels(const cnxrt_model *model);

/* The label of class i, UTF-8, LABEL_i where the model names none; lives as long as the model. NULL: there is no class i. */
CNXRT_API const char *cnxrt_label(const cnxrt_model *model, int64_t i);

/* Bytes of workspace that a context of this model needs, for the number of threads it was created with. */
CNXRT_API size_t cnxrt_workspace_bytes(const cnxrt_model *model);

/* workspace: the caller's memory, aligned to CNXRT_WORKSPACE_ALIGNMENT, of cnxrt_workspace_bytes at least; it must
 * outlive the context. NULL (with workspace_bytes 0): the context allocates its own. */
CNXRT_API cnxrt_status cnxrt_context_create(const cnxrt_model *model, void *workspace, size_t workspace_bytes,
                                            cnxrt_context **context);
CNXRT_API void cnxrt_context_destroy(cnxrt_context *context); /* NULL is allowed */

/* Which of the sizes the context runs from now on: shapes of inputs and outputs are those that cnxrt_info_json has for it, and
 * pictures are prepared for it. Until then it is the first one; where the image processor makes one of the others of a picture,
 * as one that does not resize may, that one runs for it (of several pictures the first decides). A size that there is no code
 * for is CNXRT_ERROR_UNSUPPORTED, and cnxrt_context_error names those there are. Allocates nothing. */
CNXRT_API cnxrt_status cnxrt_context_set_image_size(cnxrt_context *context, int64_t height, int64_t width);

/* Details of the last error of this context: one sentence, "" if there was none. Valid until the next call. */
CNXRT_API const char *cnxrt_context_error(const cnxrt_context *context);

/* Runs the model on `batch` items. inputs[i] and outputs[i] are dense C-order arrays in the order of cnxrt_info_json
 * (pictures as NCHW float), aligned to their element type; where the model's first dimension is free it is `batch`,
 * and where no dimension is free batch must be 1 and the model runs once as it is. Outputs must not overlap anything.
 * A classifier compiled with loss and without a problem_type has both losses that labels may mean: class numbers (int64)
 * in labels give loss, and a float for each label of each item in labels.multi_label gives loss.multi_label. Fill the
 * labels that do not apply with zeros.
 * Allocates nothing. */
CNXRT_API cnxrt_status cnxrt_run(cnxrt_context *context, const void *const *inputs, int64_t batch, void *const *outputs);

/* ── Pictures ────────────────────────────────────────────────────────────────────────────────────────────
 *
 * Decoded ones, as cnxrt_image, or encoded ones: a JPEG, PNG or WebP file, or its bytes, turned upright as it says. Either is
 * prepared as the model's image processor says: an RGB8 picture becomes the pixel values that a PNG of the same pixels
 * becomes, to the bit. A model of 3 channels takes every format, one of 1 channel GRAY8, one of 4 RGBA8 and BGRA8. With inputs
 * other than the pixels a model only takes pictures where these are a loss's labels, which then are zeros.
 *
 * A context keeps the memory that this takes, for the largest picture and the largest n that it has seen; once it has,
 * nothing is allocated for decoded pictures. Encoded ones are decoded by libraries that allocate and free. n pictures are
 * prepared by all threads of the context. */

/* Prepares one picture: as many floats as one item of the model's pixel input has, which is CNXRT_PIXEL_VALUES, or less in a size
 * that is not the largest. */
CNXRT_API cnxrt_status cnxrt_prepare(cnxrt_context *context, const cnxrt_image *image, float *pixel_values);
CNXRT_API cnxrt_status cnxrt_prepare_encoded(cnxrt_context *context, const void *encoded, size_t encoded_bytes,
                                             float *pixel_values);

/* Prepares n pictures, of any formats and sizes, and runs the model on them as one batch, as cnxrt_run does; where the model's
 * batch is fixed, n must be that. If one of them is wrong nothing is run, and cnxrt_context_error says which. */
CNXRT_API cnxrt_status cnxrt_run_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, void *const *outputs);

/* The same, then the best k classes of each: those of picture i are predictions[i * k], best first; *n_best of them
 * (fewer than k if the model has fewer), for every picture as many. predictions holds n * k. */
CNXRT_API cnxrt_status cnxrt_classify_images(cnxrt_context *context, const cnxrt_image *images, int64_t n, int64_t k,
                                             cnxrt_prediction *predictions, int64_t *n_best);

/* Makes room for calls with up to n decoded pictures of up to width x height pixels in any format, for the size that the context
 * runs: then these allocate nothing even the first time. */
CNXRT_API cnxrt_status cnxrt_reserve(cnxrt_context *context, int64_t width, int64_t height, int64_t n);

/* Decodes a picture, prepares it, runs the model and gives the best k classes, best first; *n of them (fewer than k if the
 * model has fewer). predictions holds k. */
CNXRT_API cnxrt_status cnxrt_classify_file(cnxrt_context *context, const char *path, int64_t k, cnxrt_prediction *predictions,
                                           int64_t *n);
CNXRT_API cnxrt_status cnxrt_classify_memory(cnxrt_context *context, const void *encoded, size_t encoded_bytes, int64_t k,
                                             cnxrt_prediction *predictions, int64_t *n);

/* Prepares a picture, runs a model that labels pixels and gives the class of each, at the picture's size: where the model has the
 * output logits these are interpolated (bilinear, by the centres of pixels) and the greatest wins, as in transformers'
 * post_process_semantic_segmentation with the picture's size; else each pixel has the label nearest to it. What result points to is the
 * context's, until its next call. */
CNXRT_API cnxrt_status cnxrt_segment_image(cnxrt_context *context, const cnxrt_image *image, cnxrt_segmentation *result);
CNXRT_API cnxrt_status cnxrt_segment_file(cnxrt_context *context, const char *path, cnxrt_segmentation *result);
CNXRT_API cnxrt_status cnxrt_segment_memory(cnxrt_context *context, const void *encoded, size_t encoded_bytes,
                                            cnxrt_segmentation *result);

#ifdef __cplusplus
}
#endif

#endif
