/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* JPEG through libjpeg-turbo, set up as Pillow sets it up: the accurate integer IDCT and triangle upsampling, which
 * are the library's defaults; gray stays gray, CMYK and YCCK come as CMYK with Adobe's inversion undone.
 *
 * A file is hostile: an error of the library jumps back here, and reading past the end is an error (not the library's
 * silent gray). Each scan of a progressive file costs a pass over all coefficients, so that work has a bound that grows with
 * the file. Some files are cut short for certain, and memory for their coefficients is never asked for: those too short for
 * one bit a block, which is the least that Huffman coding needs, and those of several scans without the marker that ends them. */
#define _GNU_SOURCE /* memmem */
#include "runtime/image/decode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum { MAX_SCANS = 500, MAX_SEGMENTS = 65536 };
/* Pixels that all scans together may pass over: 0.3 s of work, and more the larger the file. A picture of one color needs a
 * byte for 340 pixels (4:2:0, a bit a block), and encoders make up to 15 scans. */
static const double free_pixels = 2e8, pixels_a_byte = 5e3;

typedef struct Reader {
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct *info;
    size_t size; /* of the file */
    ImageError *error;
    jmp_buf fail;
} Reader;

static _Noreturn void give_up(Reader *reader, cnxrt_status status, const char *text)
{
    image_fail(reader->error, status, "%s", text);
    longjmp(reader->fail, 1);
}

static void on_error(j_common_ptr info)
{
    Reader *reader = info->client_data;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    int code = info->err->msg_code;
    cnxrt_status status =
        code == JERR_OUT_OF_MEMORY ? CNXRT_ERROR_MEMORY
        : code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED || code == JERR_NOT_COMPILED || code == JERR_CCIR601_NOTIMPL
            ? CNXRT_ERROR_UNSUPPORTED
            : CNXRT_ERROR_IMAGE;
    image_fail(reader->error, status, "JPEG: %s", text);
    longjmp(reader->fail, 1);
}

static void on_message(j_common_ptr info) { (void)info; /* warnings are not errors, as in Pillow; nothing is printed */ }

static void on_progress(j_common_ptr info)
{
    Reader *reader = info->client_data;
    double scans = reader->info->input_scan_number;
    double pixels = (double)reader->info->image_width * reader->info->image_height;
    if (scans > MAX_SCANS || scans * pixels > free_pixels + pixels_a_byte * (double)reader->size)
        give_up(reader, CNXRT_ERROR_IMAGE, "JPEG: too many scans");
}

/* ── The source: bytes in memory ─────────────────────────────────────────────────────────────────────── */

static void source_nothing(j_decompress_ptr info) { (void)info; }

static boolean source_end(j_decompress_ptr info) { give_up(info->client_data, CNXRT_ERROR_IMAGE, "JPEG: the file is cut short"); }

static void source_skip(j_decompress_ptr info, long n)
{
    if (n <= 0)
        return;
    if ((size_t)n > info->src->bytes_in_buffer)
        source_end(info);
    info->src->next_input_byte += n;
    info->src->bytes_in_buffer -= (size_t)n;
}

static void set_up(Reader *reader, struct jpeg_decompress_struct *info, const uint8_t *bytes, size_t size)
{
    reader->info = info;
    reader->size = size;
    info->err = jpeg_std_error(&reader->errors);
    info->client_data = reader;
    reader->errors.error_exit = on_error;
    reader->errors.output_message = on_message;
    reader->source =
        (struct jpeg_source_mgr){bytes, size, source_nothing, source_end, source_skip, jpeg_resync_to_restart, source_nothing};
    reader->progress.progress_monitor = on_progress;
}

/* ── Orientation: the segments before the first scan ─────────────────────────────────────────────────── */

static int find_orientation(const uint8_t *bytes, size_t size)
{
    static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/"; /* its NUL belongs to it */
    int exif = 0, xmp = 0;
    size_t at = 2;
    for (int i = 0; i < MAX_SEGMENTS && at + 4 <= size && bytes[at] == 0xff; i++) {
        uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (marker == 0xda || length < 2 || length > size - at - 2)
            break;
        const uint8_t *body = bytes + at + 4;
        size_t n = length - 2;
        if (marker == 0xe1 && !exif && n >= 6 && memcmp(body, "Exif\0\0", 6) == 0)
            exif = exif_orientation(body, n);
        else if (marker == 0xe1 && n >= sizeof xmp_name && memcmp(body, xmp_name, sizeof xmp_name) == 0)
            xmp = xmp_orientation(body + sizeof xmp_name, n - sizeof xmp_name);
        at += 2 + length;
    }
    return exif ? exif : xmp;
}

/* ── Decode ──────────────────────────────────────────────────────────────────────────────────────────── */

static void choose_colors(Reader *reader, struct jpeg_decompress_struct *info, Decoded *decoded)
{
    switch (info->num_components) {
    case 1: info->out_color_space = JCS_GRAYSCALE; break;
    case 3: info->out_color_space = JCS_RGB; break;
    case 4:
        info->out_color_space = JCS_CMYK;
        decoded->cmyk = true;
        break;
    default: give_up(reader, CNXRT_ERROR_UNSUPPORTED, "JPEG: not 1, 3 or 4 components");
    }
}

static double count_blocks(const struct jpeg_decompress_struct *info)
{
    double blocks = 0;
    for (int i = 0; i < info->num_components; i++)
        blocks += (double)info->comp_info[i].width_in_blocks * info->comp_info[i].height_in_blocks;
    return blocks;
}

/* Several scans are read up to the marker that ends the picture; of one scan, no more than its rows. */
static bool ends_somewhere(struct jpeg_decompress_struct *info)
{
    static const uint8_t end_of_image[] = {0xff, JPEG_EOI};
    const struct jpeg_source_mgr *rest = info->src;
    return !jpeg_has_multiple_scans(info) ||
           memmem(rest->next_input_byte, rest->bytes_in_buffer, end_of_image, sizeof end_of_image);
}

/* Requires that reader->fail is set. */
static bool read_picture(Reader *reader, struct jpeg_decompress_struct *info, Decoded *decoded)
{
    jpeg_read_header(info, TRUE);
    choose_colors(reader, info, decoded);
    Image *image = &decoded->image;
    if (!image_check_size(info->image_width, info->image_height, reader->error))
        return false;
    if ((!info->arith_code && count_blocks(info) > 8.0 * (double)reader->size) || !ends_somewhere(info))
        source_end(info);
    if (!image_allocate(image, info->image_width, info->image_height, info->num_components, reader->error))
        return false;
    jpeg_start_decompress(info);
    size_t row_bytes = (size_t)(image->width * image->channels);
    while (info->output_scanline < info->output_height) {
        JSAMPROW row = image->pixels + info->output_scanline * row_bytes;
        jpeg_read_scanlines(info, &row, 1);
    }
    return true;
}

bool jpeg_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error)
{
    struct jpeg_decompress_struct info = {0};
    Reader reader = {.error = error};
    set_up(&reader, &info, bytes, size);
    if (setjmp(reader.fail)) {
        jpeg_destroy_decompress(&info);
        return false;
    }
    jpeg_create_decompress(&info); /* clears info but for err and client_data */
    info.src = &reader.source;
    info.progress = &reader.progress;
    bool ok = read_picture(&reader, &info, decoded);
    jpeg_destroy_decompress(&info); /* not finish: what follows the last row is nobody's business */
    if (!ok)
        return false;
    if (decoded->cmyk)
        for (int64_t i = 0; i < decoded->image.width * decoded->image.height * 4; i++)
            decoded->image.pixels[i] = (uint8_t)(255 - decoded->image.pixels[i]);
    decoded->orientation = find_orientation(bytes, size);
    return true;
}
