/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Decoded pictures on a hand-written model: every format gives what the file of the same pixels gives, and what cannot be is
 * refused in words. Pixels lie in blocks of just their size, so that a sanitizer sees each byte too far. */
#include "runtime/api.h"
#include "runtime/file.h"
#include "runtime/image/image.h"
#include "tests/runtime/fake_model.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PIXELS = 3 * 8 * 8, MOST = 7 };

static FileBytes png; /* read by main */
static Image rgb;     /* its samples */

static cnxrt_context *open_context(const cnxrt_options *options, cnxrt_model **model)
{
    cnxrt_context *context;
    assert_int_equal(cnxrt_create(options, model), CNXRT_OK);
    assert_int_equal(cnxrt_context_create(*model, NULL, 0, &context), CNXRT_OK);
    return context;
}

static void close_context(cnxrt_model *model, cnxrt_context *context)
{
    cnxrt_context_destroy(context);
    cnxrt_destroy(model);
}

/* The picture in so many channels, its rows `gap` bytes apart and upwards if asked for, in a block of its own. */
typedef struct Frame {
    cnxrt_image image;
    uint8_t *block;
} Frame;

static Frame make_frame(int64_t format, int64_t channels, int64_t gap, bool upwards)
{
    int64_t row = rgb.width * channels, stride = row + gap;
    size_t bytes = (size_t)(stride * (rgb.height - 1) + row);
    bool swap = format == CNXRT_FORMAT_BGR8 || format == CNXRT_FORMAT_BGRA8;
    Frame frame = {{.struct_size = sizeof frame.image, .format = format, .width = rgb.width, .height = rgb.height},
                   malloc(bytes)};
    assert_non_null(frame.block);
    memset(frame.block, 99, bytes);
    for (int64_t y = 0; y < rgb.height; y++)
        for (int64_t x = 0; x < rgb.width; x++) {
            const uint8_t *from = rgb.pixels + y * rgb.row + 3 * x;
            uint8_t *to = frame.block + (upwards ? rgb.height - 1 - y : y) * stride + x * channels;
            for (int c = 0; c < 3 && c < channels; c++)
                to[c] = from[swap ? 2 - c : c];
        }
    frame.image.planes[0] = frame.block + (upwards ? stride * (rgb.height - 1) : 0);
    frame.image.strides[0] = upwards ? -stride : gap ? stride : 0;
    return frame;
}

/* ── Formats ─────────────────────────────────────────────────────────────────────────────────────────── */

static void test_formats(void **state)
{
    static const struct {
        int64_t format, channels;
    } formats[] = {{CNXRT_FORMAT_RGB8, 3}, {CNXRT_FORMAT_BGR8, 3}, {CNXRT_FORMAT_RGBA8, 4}, {CNXRT_FORMAT_BGRA8, 4}};
    float expected[PIXELS], values[PIXELS];
    cnxrt_model *model;
    cnxrt_context *context = open_context(NULL, &model);
    (void)state;
    assert_int_equal(cnxrt_prepare_encoded(context, png.data, png.size, expected), CNXRT_OK);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (int form = 0; form < 4; form++) {
            Frame frame = make_frame(formats[i].format, formats[i].channels, form & 1 ? 5 : 0, form & 2);
            memset(values, 0xff, sizeof values);
            assert_int_equal(cnxrt_prepare(context, &frame.image, values), CNXRT_OK);
            assert_memory_equal(values, expected, sizeof expected);
            free(frame.block);
        }
    close_context(model, context);
}

/* Gray is the same in all channels; gray Y between neutral U and V of full range is gray, in either order of planes. */
static void test_gray_and_yuv(void **state)
{
    enum { W = 10, H = 6 };
    float expected[PIXELS], values[PIXELS];
    uint8_t *gray = malloc(W * H), *chroma = malloc(W * H / 2), *color = malloc(W * H * 3);
    cnxrt_model *model;
    cnxrt_context *context = open_context(NULL, &model);
    (void)state;
    for (int i = 0; i < W * H; i++)
        gray[i] = color[3 * i] = color[3 * i + 1] = color[3 * i + 2] = (uint8_t)(i * 37);
    memset(chroma, 128, W * H / 2);
    cnxrt_image images[] = {
        {sizeof *images, CNXRT_FORMAT_GRAY8, W, H, {gray}, {0}, 0},
        {sizeof *images, CNXRT_FORMAT_NV12, W, H, {gray, chroma}, {W, W}, CNXRT_COLOR_BT601_FULL},
        {sizeof *images, CNXRT_FORMAT_I420, W, H, {gray, chroma, chroma + W * H / 4}, {0}, CNXRT_COLOR_BT709_FULL},
        {sizeof *images, CNXRT_FORMAT_I420, W, H, {gray, chroma + W / 2 * 2, chroma + W / 2 * 5}, {W, -W / 2, -W / 2}, 3},
    };
    cnxrt_image whole = {sizeof whole, CNXRT_FORMAT_RGB8, W, H, {color}, {0}, 0};
    assert_int_equal(cnxrt_prepare(context, &whole, expected), CNXRT_OK);
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        assert_int_equal(cnxrt_prepare(context, &images[i], values), CNXRT_OK);
        assert_memory_equal(values, expected, sizeof expected);
    }
    free(gray);
    free(chroma);
    free(color);
    close_context(model, context);
}

/* ── What cannot be ──────────────────────────────────────────────────────────────────────────────────── */

static void refuse(cnxrt_context *context, cnxrt_image image, cnxrt_status status, const char *words)
{
    float values[PIXELS];
    cnxrt_prediction best;
    int64_t n;
    void *outputs[] = {values, values + FAKE_CLASSES};
    assert_int_equal(cnxrt_prepare(context, &image, values), status);
    if (!strstr(cnxrt_context_error(context), words))
        fail_msg("'%s' lacks '%s'", cnxrt_context_error(context), words);
    assert_int_equal(cnxrt_run_images(context, &image, 1, outputs), status);
    assert_non_null(strstr(cnxrt_context_error(context), "images[0]: "));
    assert_int_equal(cnxrt_classify_images(context, &image, 1, 1, &best, &n), status);
}

static void test_hostile(void **state)
{
    static uint8_t pixels[64 * 64 * 4];
    const cnxrt_image good = {sizeof good, CNXRT_FORMAT_RGB8, 64, 64, {pixels}, {64 * 3}, 0};
    static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX, INT64_C(1) << 32};
    static const int64_t strides[] = {1, -1, 191, -191, INT64_MIN, INT64_MAX, INT64_MIN / 63, INT64_MAX / 62};
    static const int64_t odd[][2] = {{63, 64}, {64, 63}, {1, 1}};
    cnxrt_model *model;
    cnxrt_context *context = open_context(NULL, &model);
    cnxrt_image bad;
    (void)state;
    for (size_t size = 0; size < 3 * sizeof good; size += 4)
        if (size != sizeof good)
            refuse(context, (bad = good, bad.struct_size = size, bad), CNXRT_ERROR_ARGUMENT, "struct_size");
    for (int64_t format = -3; format < 20; format++)
        if (format < CNXRT_FORMAT_GRAY8 || format > CNXRT_FORMAT_I420)
            refuse(context, (bad = good, bad.format = format, bad), CNXRT_ERROR_ARGUMENT, "format");
    refuse(context, (bad = good, bad.format = INT64_MIN, bad), CNXRT_ERROR_ARGUMENT, "format");
    refuse(context, (bad = good, bad.color = 4, bad), CNXRT_ERROR_ARGUMENT, "color");
    refuse(context, (bad = good, bad.color = -1, bad), CNXRT_ERROR_ARGUMENT, "color");
    refuse(context, (bad = good, bad.planes[0] = NULL, bad), CNXRT_ERROR_ARGUMENT, "planes[0]");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        refuse(context, (bad = good, bad.width = sizes[i], bad), CNXRT_ERROR_IMAGE, "pixels");
        refuse(context, (bad = good, bad.height = sizes[i], bad), CNXRT_ERROR_IMAGE, "pixels");
    }
    for (size_t i = 0; i < sizeof strides / sizeof *strides; i++)
        refuse(context, (bad = good, bad.strides[0] = strides[i], bad), CNXRT_ERROR_ARGUMENT, "strides[0]");
    refuse(context, (bad = good, bad.planes[0] = (void *)(UINTPTR_MAX - 64), bad), CNXRT_ERROR_ARGUMENT, "address space");
    refuse(context, (bad = good, bad.planes[0] = (void *)(uintptr_t)64, bad.strides[0] = -192, bad), CNXRT_ERROR_ARGUMENT,
           "address space");
    for (int64_t format = CNXRT_FORMAT_NV12; format <= CNXRT_FORMAT_I420; format++) {
        cnxrt_image yuv = {sizeof yuv, format, 64, 64, {pixels, pixels, pixels}, {0}, 0};
        for (size_t i = 0; i < 3; i++)
            refuse(context, (bad = yuv, bad.width = odd[i][0], bad.height = odd[i][1], bad), CNXRT_ERROR_ARGUMENT, "even");
        refuse(context, (bad = yuv, bad.planes[1] = NULL, bad), CNXRT_ERROR_ARGUMENT, "planes[1]");
        refuse(context, (bad = yuv, bad.strides[1] = format == CNXRT_FORMAT_NV12 ? 63 : 31, bad), CNXRT_ERROR_ARGUMENT,
               "strides[1]");
    }
    bad = (cnxrt_image){sizeof bad, CNXRT_FORMAT_I420, 64, 64, {pixels, pixels, NULL}, {0}, 0};
    refuse(context, bad, CNXRT_ERROR_ARGUMENT, "planes[2]");
    close_context(model, context);
}

static void test_arguments(void **state)
{
    Frame frame = make_frame(CNXRT_FORMAT_RGB8, 3, 0, false);
    float values[PIXELS + 1], logits[FAKE_CLASSES], loss;
    void *outputs[] = {logits, &loss}, *none[] = {logits, NULL};
    cnxrt_prediction best[1];
    int64_t n;
    cnxrt_model *model;
    cnxrt_context *context = open_context(NULL, &model);
    (void)state;
    assert_int_equal(cnxrt_prepare(NULL, &frame.image, values), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_prepare(context, NULL, values), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_prepare(context, &frame.image, NULL), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_prepare(context, &frame.image, (float *)((char *)values + 1)), CNXRT_ERROR_ALIGNMENT);
    assert_int_equal(cnxrt_prepare_encoded(context, NULL, 9, values), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_prepare_encoded(context, "", 0, values), CNXRT_ERROR_IMAGE);
    assert_int_equal(cnxrt_run_images(context, NULL, 1, outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run_images(context, &frame.image, 0, outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run_images(context, &frame.image, -1, outputs), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run_images(context, &frame.image, INT64_MAX, outputs), CNXRT_ERROR_MEMORY);
    assert_int_equal(cnxrt_run_images(context, &frame.image, 1, NULL), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_run_images(context, &frame.image, 1, none), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_classify_images(context, &frame.image, 1, 0, best, &n), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_classify_images(context, &frame.image, 1, 1, NULL, &n), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_classify_images(context, &frame.image, 1, 1, best, NULL), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_reserve(NULL, 1, 1, 1), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_reserve(context, 0, 1, 1), CNXRT_ERROR_IMAGE);
    assert_int_equal(cnxrt_reserve(context, INT64_MAX, INT64_MAX, 1), CNXRT_ERROR_IMAGE);
    assert_int_equal(cnxrt_reserve(context, 1, 1, 0), CNXRT_ERROR_ARGUMENT);
    assert_int_equal(cnxrt_reserve(context, 1, 1, INT64_MAX), CNXRT_ERROR_MEMORY);
    assert_int_equal(cnxrt_run_images(context, &frame.image, 1, outputs), CNXRT_OK); /* the context is none the worse */
    free(frame.block);
    close_context(model, context);
}

/* ── Batches ─────────────────────────────────────────────────────────────────────────────────────────── */

typedef struct Answers {
    float logits[MOST][FAKE_CLASSES];
    cnxrt_prediction best[MOST][2];
} Answers;

/* Pictures of several formats and sizes, by one thread and one at a time. */
static void fill_batch(Frame *frames, cnxrt_image *images)
{
    static const int64_t formats[] = {CNXRT_FORMAT_RGB8, CNXRT_FORMAT_BGRA8, CNXRT_FORMAT_GRAY8, CNXRT_FORMAT_NV12};
    static const int64_t channels[] = {3, 4, 1, 2};
    for (int i = 0; i < MOST; i++) {
        frames[i] = make_frame(formats[i % 4], channels[i % 4], 0, false);
        frames[i].image.width -= rgb.width / 2 / 2 * 2 * (i / 4); /* a part of it, and even */
        frames[i].image.height -= rgb.height % 2;
        frames[i].image.width -= frames[i].image.width % 2;
        frames[i].image.planes[1] = frames[i].block;
        images[i] = frames[i].image;
    }
}

static void answer(const cnxrt_options *options, const cnxrt_image *images, int64_t at_once, Answers *answers)
{
    cnxrt_model *model;
    cnxrt_context *context = open_context(options, &model);
    float loss;
    int64_t n;
    for (int64_t i = 0; i < MOST; i += at_once) {
        int64_t count = MOST - i < at_once ? MOST - i : at_once;
        void *outputs[] = {answers->logits[i], &loss};
        assert_int_equal(cnxrt_run_images(context, images + i, count, outputs), CNXRT_OK);
        assert_int_equal(cnxrt_classify_images(context, images + i, count, 2, answers->best[i], &n), CNXRT_OK);
        assert_int_equal(n, 2);
    }
    for (int i = 0; i < MOST; i++)
        for (int k = 0; k < 2; k++)
            answers->best[i][k].label = NULL;
    close_context(model, context);
}

static void backwards(void *user, int64_t n, void (*body)(void *argument, int64_t i), void *argument)
{
    (void)user;
    while (n-- > 0)
        body(argument, n);
}

static void test_batches(void **state)
{
    Frame frames[MOST];
    cnxrt_image images[MOST];
    Answers expected = {0}, answers = {0};
    (void)state;
    fill_batch(frames, images);
    answer(NULL, images, 1, &expected);
    for (int64_t threads = 1; threads <= 9; threads += 2)
        for (int64_t at_once = 1; at_once <= MOST; at_once++) {
            cnxrt_options options = {.struct_size = sizeof options, .n_threads = threads};
            options.parallel_for = at_once % 2 ? NULL : backwards;
            answer(&options, images, at_once, &answers);
            assert_memory_equal(&answers, &expected, sizeof expected);
        }
    for (int i = 0; i < MOST; i++)
        free(frames[i].block);
}

/* What classify_memory says of the file, with as many classes as there are. */
static void test_classify(void **state)
{
    Frame frame = make_frame(CNXRT_FORMAT_RGB8, 3, 0, false);
    cnxrt_prediction by_file[9], by_frame[9];
    int64_t n_file, n_frame;
    cnxrt_model *model;
    cnxrt_context *context = open_context(NULL, &model);
    (void)state;
    assert_int_equal(cnxrt_classify_memory(context, png.data, png.size, 9, by_file, &n_file), CNXRT_OK);
    assert_int_equal(cnxrt_classify_images(context, &frame.image, 1, 9, by_frame, &n_frame), CNXRT_OK);
    assert_true(n_file == FAKE_CLASSES && n_frame == FAKE_CLASSES);
    for (int i = 0; i < FAKE_CLASSES; i++)
        assert_true(by_file[i].index == by_frame[i].index && by_file[i].score == by_frame[i].score &&
                    by_file[i].label == by_frame[i].label);
    free(frame.block);
    close_context(model, context);
}

/* The first wrong one is named, whichever thread meets it, and nothing is run. */
static void test_wrong_picture(void **state)
{
    Frame frames[MOST];
    cnxrt_image images[MOST];
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 3};
    cnxrt_model *model;
    cnxrt_context *context = open_context(&options, &model);
    float logits[MOST * FAKE_CLASSES], loss = 7;
    void *outputs[] = {logits, &loss};
    (void)state;
    fill_batch(frames, images);
    images[5].strides[0] = 1;
    images[6].format = 0;
    assert_int_equal(cnxrt_run_images(context, images, MOST, outputs), CNXRT_ERROR_ARGUMENT);
    assert_non_null(strstr(cnxrt_context_error(context), "images[5]: strides[0] is 1"));
    assert_true(loss == 7);
    assert_int_equal(cnxrt_run_images(context, images, 5, outputs), CNXRT_OK);
    for (int i = 0; i < MOST; i++)
        free(frames[i].block);
    close_context(model, context);
}

static void test_fork(void **state)
{
    Frame frame = make_frame(CNXRT_FORMAT_RGB8, 3, 0, false);
    cnxrt_image images[] = {frame.image, frame.image};
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = 2};
    cnxrt_model *model;
    cnxrt_context *context = open_context(&options, &model);
    float logits[2 * FAKE_CLASSES], loss;
    void *outputs[] = {logits, &loss};
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(cnxrt_run_images(context, images, 2, outputs) != CNXRT_ERROR_FORK);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    free(frame.block);
    close_context(model, context);
}

/* ── Labels, reasons ─────────────────────────────────────────────────────────────────────────────────── */

static void test_labels(void **state)
{
    cnxrt_model *model;
    (void)state;
    assert_int_equal(cnxrt_create(NULL, &model), CNXRT_OK);
    assert_int_equal(cnxrt_n_labels(model), FAKE_CLASSES);
    for (int64_t i = 0; i < FAKE_CLASSES; i++)
        assert_string_equal(cnxrt_label(model, i), fake_labels[i]);
    assert_null(cnxrt_label(model, -1));
    assert_null(cnxrt_label(model, FAKE_CLASSES));
    assert_null(cnxrt_label(NULL, 0));
    assert_int_equal(cnxrt_n_labels(NULL), 0);
    cnxrt_destroy(model);
}

static void test_last_error(void **state)
{
    cnxrt_options options = {.struct_size = sizeof options, .n_threads = -5};
    cnxrt_model *model;
    cnxrt_context *context;
    (void)state;
    assert_string_equal(cnxrt_last_error(), "");
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_ARGUMENT);
    assert_string_equal(cnxrt_last_error(), "n_threads is -5, expected 0 to 1024");
    options = (cnxrt_options){.struct_size = sizeof options, .weights_path = "/nonexistent/w"};
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_FILE);
    assert_string_equal(cnxrt_last_error(), "/nonexistent/w: No such file or directory");
    options.weights_path = "/";
    assert_int_equal(cnxrt_create(&options, &model), CNXRT_ERROR_FILE);
    assert_string_equal(cnxrt_last_error(), "/: not a regular file");
    assert_int_equal(cnxrt_create(NULL, &model), CNXRT_OK);
    assert_int_equal(cnxrt_context_create(model, NULL, 64, &context), CNXRT_ERROR_ARGUMENT);
    assert_string_equal(cnxrt_last_error(), "the workspace has 64 bytes at NULL, expected 0");
    cnxrt_destroy(model);
}

/* Rows apart, in a block that ends with the last one's last byte, and rows upwards: as those that follow one another. */
static void test_rows_apart(void **state)
{
    enum { GAP = 61 };
    CnxrtPreprocessor how = fake_preprocessor;
    float expected[PIXELS], values[PIXELS];
    Room room = {0};
    ImageError error;
    (void)state;
    for (int i = 0; i < 4; i++) {
        Frame frame = make_frame(CNXRT_FORMAT_RGB8, 3, GAP, i & 1);
        Image image = rgb;
        how.torchvision = i / 2;
        assert_true(image_prepare(&image, &how, &room, expected, &error));
        image.pixels = (uint8_t *)frame.image.planes[0];
        image.row = frame.image.strides[0];
        assert_true(image_prepare(&image, &how, &room, values, &error));
        assert_memory_equal(values, expected, sizeof expected);
        free(frame.block);
    }
    room_free(&room);
}

static CnxrtPreprocessor random_settings(unsigned bits, unsigned edges)
{
    return (CnxrtPreprocessor){.do_resize = (bits >> 8) % 8 != 0,
                               .shortest_edge = 1 + (bits >> 9) % edges,
                               .crop_pct = 0.3 + (bits >> 12) % 100 / 50.0,
                               .resample = (bits >> 16) % 6,
                               .torchvision = bits >> 20 & 1,
                               .vertical_first = bits >> 21 & 1,
                               .resize_rule = (bits >> 22) % 6,
                               .resize_height = 1 + (bits >> 11) % edges,
                               .resize_width = 1 + (bits >> 14) % edges,
                               .crop_even = bits >> 25 & 1};
}

/* The room of a picture's size is enough for it. */
static void test_room_is_enough(void **state)
{
    static uint8_t pixels[90 * 90 * 4];
    unsigned seed = 1;
    Room room = {0};
    (void)state;
    for (int i = 0; i < 3000; i++) {
        unsigned bits = seed = seed * 1664525 + 1013904223;
        CnxrtPreprocessor how = random_settings(bits, 60);
        Image image = {1 + bits % 90, 1 + (bits >> 13) % 90, bits >> 30 ? 3 : 4, pixels, 0, false};
        ImageError error = {0};
        int64_t height, width;
        image.row = image.width * image.channels;
        image_prepared_size(&image, &how, &height, &width);
        float *out = malloc((size_t)(height * width * image.channels) * sizeof *out);
        assert_non_null(out);
        bool ok = image_prepare(&image, &how, &room, out, &error);
        assert_true(ok || error.status != CNXRT_ERROR_MEMORY);
        free(out);
        room_free(&room); /* the next picture finds no larger one's */
    }
}

/* The room of a larger picture is enough for a smaller one, whatever the settings. */
static void test_room_grows(void **state)
{
    unsigned seed = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        unsigned bits = seed = seed * 1664525 + 1013904223;
        CnxrtPreprocessor how = random_settings(bits, 500);
        Image small = {.width = 1 + bits % 3000, .height = 1 + (bits >> 10) % 3000, .channels = bits >> 30 ? 3 : 4};
        Image wide = small, high = small;
        wide.width += 1 + (bits >> 5) % 100;
        high.height += 1 + (bits >> 7) % 100;
        double room = image_prepare_room(&small, &how, 224, 200);
        assert_true(room <= image_prepare_room(&wide, &how, 224, 200));
        assert_true(room <= image_prepare_room(&high, &how, 224, 200));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),        cmocka_unit_test(test_gray_and_yuv), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_arguments),      cmocka_unit_test(test_batches),      cmocka_unit_test(test_classify),
        cmocka_unit_test(test_wrong_picture),  cmocka_unit_test(test_fork),         cmocka_unit_test(test_labels),
        cmocka_unit_test(test_last_error),     cmocka_unit_test(test_room_grows),   cmocka_unit_test(test_rows_apart),
        cmocka_unit_test(test_room_is_enough),
    };
    ImageError error;
    if (file_read(TEST_SOURCE_DIR "/tests/goldens/images/png_rgb_bicubic/input.png", NULL, NULL, &png) ||
        !image_decode(png.data, png.size, IMAGE_RGB, &rgb, &error))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    image_free(&rgb);
    free(png.data);
    return failed;
}
