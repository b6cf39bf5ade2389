/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The image processor against transformers: each case of tests/goldens/images/cases.txt must match to the bit.
 *
 * A line is one picture with the processor's settings and CRC-32s: of the decoded samples, of the 8-bit result
 * (channels first) and of the float result, for Pillow's and for torchvision's arithmetic (- where there is none). */
#include "runtime/image/decode.h"
#include "runtime/file.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <zlib.h>

static const char folder[] = TEST_SOURCE_DIR "/tests/goldens/images";

typedef struct Case {
    char file[256], mode[16];
    CnxrtPreprocessor how;
    char decoded[16], bytes[16], floats[16], tv_bytes[16], tv_floats[16]; /* CRCs in decimal, or - */
} Case;

static bool equal(const char *expected, const char *what, const char *file, const void *data, size_t size)
{
    unsigned long crc = crc32(0, data, (uInt)size);
    if (strcmp(expected, "-") == 0 || strtoul(expected, NULL, 10) == crc)
        return true;
    printf("FAIL %s: %s: CRC %lu, expected %s\n", file, what, crc, expected);
    return false;
}

static bool check_prepared(const Case *c, const Image *image, bool torchvision)
{
    CnxrtPreprocessor how = c->how;
    how.torchvision = torchvision;
    if (strcmp(torchvision ? c->tv_floats : c->floats, "-") == 0)
        return true;
    int64_t height, width;
    image_prepared_size(image, &how, &height, &width);
    size_t n = (size_t)(height * width * image->channels);
    float *out = malloc(n * sizeof *out);
    uint8_t *bytes = malloc(n);
    ImageError error = {0};
    Room room = {0};
    bool ok = out && bytes && image_prepare(image, &how, &room, out, &error);
    bool integral = !how.do_rescale && !how.do_normalize; /* transformers then leaves 8-bit integers */
    if (ok && !integral)
        ok = equal(torchvision ? c->tv_floats : c->floats, torchvision ? "torchvision floats" : "floats", c->file, out,
                   n * sizeof *out);
    how.do_rescale = how.do_normalize = 0;
    ok = image_prepare(image, &how, &room, out, &error) && ok;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)out[i];
    ok = equal(torchvision ? c->tv_bytes : c->bytes, torchvision ? "torchvision bytes" : "bytes", c->file, bytes, n) && ok;
    if (error.text[0])
        printf("FAIL %s: %s\n", c->file, error.text);
    room_free(&room);
    free(out);
    free(bytes);
    return ok;
}

static bool check(const Case *c)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, c->file);
    FileBytes bytes;
    Image image;
    ImageError error;
    ImageMode mode = strcmp(c->mode, "native") == 0 ? IMAGE_NATIVE : strcmp(c->mode, "white") == 0 ? IMAGE_RGB_WHITE : IMAGE_RGB;
    if (file_read(path, NULL, NULL, &bytes)) {
        printf("FAIL %s: cannot be read\n", path);
        return false;
    }
    bool ok = image_decode(bytes.data, bytes.size, mode, &image, &error);
    free(bytes.data);
    if (!ok) {
        printf("FAIL %s: %s\n", c->file, error.text);
        return false;
    }
    ok = equal(c->decoded, "decoded", c->file, image.pixels, (size_t)(image.width * image.height * image.channels));
    ok = check_prepared(c, &image, false) && ok;
    ok = check_prepared(c, &image, true) && ok;
    image_free(&image);
    return ok;
}

static bool parse(const char *line, Case *c)
{
    CnxrtPreprocessor *p = &c->how;
    long long v[9];
    int used = 0;
    *c = (Case){0};
    if (sscanf(line, "%255s %15s %lld %lld %lf %lld %lld %lld %lld %lld %lf %lld %lld%n", c->file, c->mode, &v[0], &v[1],
               &p->crop_pct, &v[2], &v[3], &v[4], &v[5], &v[6], &p->rescale_factor, &v[7], &v[8], &used) != 13 ||
        v[8] < 1 || v[8] > 8)
        return false;
    p->do_resize = v[0], p->shortest_edge = v[1], p->resample = v[2], p->do_center_crop = v[3], p->crop_height = v[4];
    p->crop_width = v[5], p->do_rescale = v[6], p->do_normalize = v[7], p->n_mean = v[8], p->vertical_first = 1;
    for (int64_t i = 0; i < 2 * p->n_mean; i++) {
        char *end;
        double *to = i < p->n_mean ? &p->mean[i] : &p->std[i - p->n_mean];
        *to = strtod(line + used, &end);
        used = (int)(end - line);
    }
    return sscanf(line + used, "%15s %15s %15s %15s %15s", c->decoded, c->bytes, c->floats, c->tv_bytes, c->tv_floats) == 5;
}

static void test_pictures(void **state)
{
    char line[2048], path[1024];
    int n = 0, bad = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/cases.txt", folder);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        Case c;
        if (line[0] == '#')
            continue;
        n++;
        assert_true(parse(line, &c));
        bad += !check(&c);
    }
    fclose(list);
    assert_int_equal(bad, 0);
    assert_int_equal(n, 72);
}

/* ── Damage ──────────────────────────────────────────────────────────────────────────────────────────── */

static FileBytes read_golden(const char *name)
{
    char path[1024];
    FileBytes bytes;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_read(path, NULL, NULL, &bytes), 0);
    return bytes;
}

static cnxrt_status status_of(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* so that reading past the end is seen */
    Image image;
    ImageError error;
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    bool ok = image_decode(exact, size, IMAGE_RGB, &image, &error);
    free(exact);
    if (ok)
        image_free(&image);
    assert_true(ok || error.text[0]);
    return ok ? CNXRT_OK : error.status;
}

/* Cut anywhere before its last bytes, a picture is an error. */
static void test_cut_short(void **state)
{
    static const char *const names[] = {"jpg_420_odd/input.jpg", "jpg_progressive/input.jpg", "png_adam7_rgb/input.png",
                                        "png_many_idat/input.png"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        FileBytes bytes = read_golden(names[i]);
        size_t step = bytes.size / 97 + 1;
        for (size_t size = 0; size + 2 < bytes.size; size += step)
            assert_int_equal(status_of(bytes.data, size), CNXRT_ERROR_IMAGE);
        assert_int_equal(status_of(bytes.data, bytes.size), CNXRT_OK);
        free(bytes.data);
    }
}

/* Changed anywhere, it is an error or another picture, but nothing worse. */
static void test_flipped_bytes(void **state)
{
    static const char *const names[] = {"jpg_cmyk/input.jpg", "jpg_exif_6/input.jpg", "jpg_restart_prog/input.jpg",
                                        "png_palette_trns/input.png", "png_gray16/input.png"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        FileBytes bytes = read_golden(names[i]);
        size_t step = bytes.size / 199 + 1;
        for (size_t at = 0; at < bytes.size; at += step) {
            uint8_t kept = bytes.data[at];
            bytes.data[at] ^= (uint8_t)(1 + at % 255);
            cnxrt_status status = status_of(bytes.data, bytes.size);
            assert_true(status == CNXRT_OK || status == CNXRT_ERROR_IMAGE || status == CNXRT_ERROR_UNSUPPORTED);
            bytes.data[at] = kept;
        }
        free(bytes.data);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(status_of((const uint8_t *)"", 0), CNXRT_ERROR_IMAGE);
    assert_int_equal(status_of((const uint8_t *)"hello", 5), CNXRT_ERROR_IMAGE);
    assert_int_equal(status_of((const uint8_t *)"GIF89a", 6), CNXRT_ERROR_UNSUPPORTED);
    assert_int_equal(status_of((const uint8_t *)"\0\0\0\x18"
                                                "ftypheic",
                               12),
                     CNXRT_ERROR_UNSUPPORTED);
}

/* 2 x 1 pixels, (9, 8, 7) and (9, 8, 6), of which PNG's tRNS makes the first transparent: on white with
 * do_convert_rgb, otherwise as it is. */
static void test_transparent_color(void **state)
{
    static const uint8_t png[] = {
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00,
        0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x7b, 0x40, 0xe8, 0xdd, 0x00, 0x00, 0x00,
        0x06, 0x74, 0x52, 0x4e, 0x53, 0x00, 0x09, 0x00, 0x08, 0x00, 0x07, 0xf3, 0xc1, 0xa1, 0xfb, 0x00, 0x00, 0x00,
        0x0f, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xe0, 0xe4, 0x60, 0xe7, 0xe4, 0x60, 0x03, 0x00, 0x00, 0xb2,
        0x00, 0x30, 0x31, 0x44, 0xe3, 0x2d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
    };
    static const uint8_t plain[] = {9, 8, 7, 9, 8, 6}, on_white[] = {255, 255, 255, 9, 8, 6};
    Image image;
    ImageError error;
    (void)state;
    assert_true(image_decode(png, sizeof png, IMAGE_RGB, &image, &error));
    assert_memory_equal(image.pixels, plain, sizeof plain);
    image_free(&image);
    assert_true(image_decode(png, sizeof png, IMAGE_RGB_WHITE, &image, &error));
    assert_memory_equal(image.pixels, on_white, sizeof on_white);
    image_free(&image);
}

/* A picture of 1 x 8000000 would be resized to 256 x 2048000000; only the window that survives the crop is made, in no time. */
static void test_tall(void **state)
{
    enum { HEIGHT = 8000000 };
    Image image;
    ImageError error = {0};
    Room room = {0};
    CnxrtPreprocessor how = {.do_resize = 1, .shortest_edge = 224, .crop_pct = 0.875, .resample = 3, .n_mean = 1, .std = {1}};
    (void)state;
    float *out = malloc(3 * 224 * 224 * sizeof *out);
    assert_non_null(out);
    assert_true(image_allocate(&image, 1, HEIGHT, 3, &error));
    memset(image.pixels, 77, 3 * HEIGHT);
    for (how.torchvision = 0; how.torchvision < 2; how.torchvision++) {
        clock_t start = clock();
        assert_true(image_prepare(&image, &how, &room, out, &error));
        assert_true(clock() - start < CLOCKS_PER_SEC);
        assert_true(room.bytes < 4 << 20);
        for (int i = 0; i < 3 * 224 * 224; i++)
            assert_true(out[i] == 77);
    }
    room_free(&room);
    image_free(&image);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures), cmocka_unit_test(test_cut_short), cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_tall),      cmocka_unit_test(test_transparent_color),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
