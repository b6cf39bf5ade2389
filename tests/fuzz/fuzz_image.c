/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pictures of any size: decoders, conversions and the image processor, with settings that a hash of the input chooses.
 * libraries.sh builds the libraries that decode with coverage, too. */
#include "tests/fuzz/fuzz.h"

#include "runtime/image/image.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST_WORK = 1 << 23 }; /* pixels that the image processor reads or writes here; more are legal and slow */

static uint32_t big_endian(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }

/* Chunks with wrong check sums are refused before anything looks into them: half of the inputs get right ones. */
static void mend_png(uint8_t *bytes, size_t size)
{
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = big_endian(bytes + at);
        if (length > size - at - 12)
            return;
        uint32_t sum = (uint32_t)crc32(0, bytes + at + 4, (uInt)length + 4);
        for (int i = 0; i < 4; i++)
            bytes[at + 8 + length + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
}

static CnxrtPreprocessor settings(uint32_t bits)
{
    CnxrtPreprocessor how = {.do_resize = bits & 1,
                             .shortest_edge = 1 + (bits >> 1 & 511),
                             .crop_pct = 0.875,
                             .resample = (bits >> 10 & 7) % 6,
                             .do_center_crop = bits >> 13 & 1,
                             .crop_height = 1 + (bits >> 14 & 63),
                             .crop_width = 1 + (bits >> 20 & 63),
                             .do_rescale = 1,
                             .rescale_factor = 1 / 255.0,
                             .do_normalize = 1,
                             .n_mean = 1,
                             .mean = {0.5},
                             .std = {0.25},
                             .torchvision = bits >> 26 & 1,
                             .vertical_first = bits >> 27 & 1,
                             .resize_rule = (bits >> 28 & 7) % 6,
                             .resize_height = 1 + (bits >> 16 & 127),
                             .resize_width = 1 + (bits >> 4 & 127),
                             .crop_even = bits >> 31};
    if (how.torchvision && how.resample != 2 && how.resample != 3 && how.resample != 0)
        how.resample = 3; /* it has no others */
    return how;
}

static void prepare(const Image *image, uint32_t bits)
{
    CnxrtPreprocessor how = settings(bits);
    ImageError error = {0};
    Room room = {0};
    int64_t height, width;
    image_prepared_size(image, &how, &height, &width);
    fuzz_require(height > 0 && width > 0, "a prepared picture has a size");
    if (height > MOST_WORK / width || image->height > MOST_WORK / image->width)
        return;
    float *out = malloc((size_t)(height * width * image->channels) * sizeof *out);
    fuzz_require(out && (image_prepare(image, &how, &room, out, &error) || error.text[0]), "a picture is prepared or refused");
    room_free(&room);
    free(out);
}

static void decode(const uint8_t *bytes, size_t size, uint32_t bits)
{
    static const ImageMode modes[] = {IMAGE_RGB, IMAGE_RGB_WHITE, IMAGE_NATIVE};
    Image image;
    ImageError error;
    if (!image_decode(bytes, size, modes[bits % 3], &image, &error)) {
        fuzz_require(error.status != CNXRT_OK && error.text[0], "what is refused has a reason");
        return;
    }
    prepare(&image, bits);
    image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    Fuzz fuzz = fuzz_begin();
    uint8_t *bytes = malloc(size); /* exactly: reading past the end is seen */
    fuzz_require(bytes != NULL, "memory");
    memcpy(bytes, data, size);
    uint32_t bits = fuzz_hash(data, size);
    if (bits & 1 << 30)
        mend_png(bytes, data[0] == 0x89 ? size : 0);
    decode(bytes, size, bits);
    free(bytes);
    fuzz_end(&fuzz);
    return 0;
}
