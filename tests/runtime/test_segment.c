/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Labels of pixels: beside plain interpolation of every class; masks and overlays as PNG files that the decoder reads back. */
#include "runtime/segment.h"
#include "runtime/cli/masks.h"
#include "tests/runtime/fake_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLASSES = 9, MOST = 64 * 64 };

static uint32_t state_of_random = 1;

static float next_random(void)
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (float)(state_of_random >> 8) * 0x1p-24f;
}

/* A model of outputs logits and labels, of h x w. */
typedef struct Seen {
    int64_t logit_dims[4], label_dims[3];
    CnxrtTensor tensors[3];
    CnxrtModel model;
    float logits[CLASSES * MOST];
    int64_t labels[MOST];
    uint8_t *buffers[3];
} Seen;

static void make(Seen *seen, int64_t h, int64_t w)
{
    *seen = (Seen){.logit_dims = {-1, CLASSES, h, w}, .label_dims = {-1, h, w}};
    seen->tensors[1] = (CnxrtTensor){"logits", "logits", 1, 4, seen->logit_dims, CLASSES * h * w * 4};
    seen->tensors[2] = (CnxrtTensor){"labels", "labels", 7, 3, seen->label_dims, h * w * 8};
    seen->model = (CnxrtModel){.n_inputs = 1, .n_outputs = 2, .tensors = seen->tensors, .logits_output = 0, .mask_output = 1};
    seen->buffers[1] = (uint8_t *)seen->logits;
    seen->buffers[2] = (uint8_t *)seen->labels;
    for (int64_t i = 0; i < CLASSES * h * w; i++)
        seen->logits[i] = next_random();
    for (int64_t i = 0; i < h * w; i++)
        seen->labels[i] = (int64_t)(next_random() * CLASSES);
}

/* As torch's upsample_bilinear2d: two places and the weight of the second. */
static void place(int64_t i, int64_t from, int64_t to, int64_t at[2], float *part)
{
    float x = (float)from / (float)to * ((float)i + 0.5f) - 0.5f;
    x = x < 0 ? 0 : x;
    at[0] = (int64_t)x < from ? (int64_t)x : from - 1;
    at[1] = at[0] + 1 < from ? at[0] + 1 : at[0];
    *part = at[1] == at[0] ? 0 : x - (float)at[0];
}

static int32_t expected(const Seen *seen, int64_t height, int64_t width, int64_t y, int64_t x)
{
    int64_t h = seen->label_dims[1], w = seen->label_dims[2], rows[2], columns[2];
    float down, across, most = -1;
    int32_t best = -1;
    place(y, h, height, rows, &down);
    place(x, w, width, columns, &across);
    for (int32_t c = 0; c < CLASSES; c++) {
        const float *a = seen->logits + (c * h + rows[0]) * w, *b = seen->logits + (c * h + rows[1]) * w;
        float above = a[columns[0]] * (1 - across) + a[columns[1]] * across;
        float below = b[columns[0]] * (1 - across) + b[columns[1]] * across, value = above * (1 - down) + below * down;
        if (value > most)
            most = value, best = c;
    }
    return best;
}

static void check_size(int64_t h, int64_t w, int64_t height, int64_t width)
{
    static Seen seen;
    Room room = {0};
    make(&seen, h, w);
    int32_t *labels = segment_labels(&seen.model, seen.buffers, height, width, &room);
    assert_non_null(labels);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            assert_int_equal(labels[y * width + x], expected(&seen, height, width, y, x));
    room_free(&room);
}

static void test_interpolation(void **state)
{
    (void)state;
    check_size(6, 7, 23, 40);
    check_size(16, 16, 16, 33);
    check_size(20, 30, 7, 5); /* smaller than the logits */
    check_size(1, 9, 30, 31);
    check_size(9, 1, 30, 31);
    check_size(1, 1, 3, 2);
    check_size(64, 64, 1, 1);
}

/* Of the same size they are the model's own labels, whatever the logits say; without logits the nearest. */
static void test_labels(void **state)
{
    static Seen seen;
    Room room = {0};
    (void)state;
    make(&seen, 4, 6);
    int32_t *labels = segment_labels(&seen.model, seen.buffers, 4, 6, &room);
    for (int64_t i = 0; i < 4 * 6; i++)
        assert_int_equal(labels[i], seen.labels[i]);
    seen.model.logits_output = -1;
    labels = segment_labels(&seen.model, seen.buffers, 8, 18, &room);
    for (int64_t y = 0; y < 8; y++)
        for (int64_t x = 0; x < 18; x++)
            assert_int_equal(labels[y * 18 + x], seen.labels[y / 2 * 6 + x / 3]);
    room_free(&room);
}

static void test_colors(void **state)
{
    static const uint8_t known[][4] = {{0, 0, 0, 0}, {1, 128, 0, 0}, {2, 0, 128, 0}, {15, 192, 128, 128}, {20, 0, 64, 128}};
    uint8_t rgb[3];
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        mask_color(known[i][0], rgb);
        assert_memory_equal(rgb, known[i] + 1, 3);
    }
}

static void test_areas(void **state)
{
    static const int32_t labels[] = {2, 2, 0, 5, -1, 2, 1, 2};
    int64_t counts[4];
    float areas[3];
    (void)state;
    mask_areas(labels, 8, counts, areas, 3);
    assert_true(areas[0] == 0.125f && areas[1] == 0.125f && areas[2] == 0.5f); /* what is no class has no area */
}

static void decode(Png png, Image *image)
{
    ImageError error;
    assert_non_null(png.bytes);
    assert_true(image_decode(png.bytes, png.size, IMAGE_RGB, image, &error));
    free(png.bytes);
}

static void test_masks(void **state)
{
    enum { W = 37, H = 11 };
    int32_t labels[W * H];
    uint8_t rgb[3];
    Image image;
    (void)state;
    for (int i = 0; i < W * H; i++)
        labels[i] = i % 200;
    decode(mask_encode(labels, W, H, 200), &image);
    assert_int_equal(image.width, W);
    assert_int_equal(image.height, H);
    for (int i = 0; i < W * H; i++) {
        mask_color(labels[i], rgb);
        assert_memory_equal(image.pixels + 3 * i, rgb, 3);
    }
    image_free(&image);
    Png wide = mask_encode(labels, W, H, 300); /* 16 bits of gray */
    assert_int_equal(wide.bytes[24], 16);
    assert_int_equal(wide.bytes[25], 0);
    free(wide.bytes);
}

static void check_overlay(int64_t channels)
{
    enum { W = 5, H = 4 };
    uint8_t pixels[W * H * 4], rgb[3];
    int32_t labels[W * H];
    Image picture = {W, H, channels, pixels, W * channels, false}, image;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    for (int i = 0; i < W * H; i++)
        labels[i] = i;
    decode(mask_overlay(labels, &picture), &image);
    for (int i = 0; i < W * H; i++)
        for (int c = 0; c < 3; c++) {
            mask_color(i, rgb);
            assert_int_equal(image.pixels[3 * i + c], (pixels[i * channels + (channels == 1 ? 0 : c)] + rgb[c] + 1) / 2);
        }
    image_free(&image);
}

static void test_overlays(void **state)
{
    (void)state;
    check_overlay(1);
    check_overlay(3);
    check_overlay(4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interpolation), cmocka_unit_test(test_labels), cmocka_unit_test(test_colors),
        cmocka_unit_test(test_areas),         cmocka_unit_test(test_masks),  cmocka_unit_test(test_overlays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
