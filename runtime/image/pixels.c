/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pixels: how large a picture may be, the memory of one, and the text of a refusal. */
#include "runtime/image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_PIXELS = 178956970 }; /* Pillow's limit: 2 * MAX_IMAGE_PIXELS is a decompression bomb */

bool image_fail(ImageError *error, cnxrt_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->status = status;
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

bool image_check_size(int64_t width, int64_t height, ImageError *error)
{
    if (width < 1 || height < 1)
        return image_fail(error, CNXRT_ERROR_IMAGE, "the picture is %lldx%lld pixels", (long long)width, (long long)height);
    if (width > MAX_PIXELS || height > MAX_PIXELS / width)
        return image_fail(error, CNXRT_ERROR_IMAGE, "the picture is %lldx%lld pixels, more than %d in all", (long long)width,
                          (long long)height, MAX_PIXELS);
    return true;
}

static bool allocate(Image *image, int64_t width, int64_t height, int64_t channels, bool clear, ImageError *error)
{
    *image = (Image){0};
    if (!image_check_size(width, height, error))
        return false;
    *image = (Image){.width = width, .height = height, .channels = channels, .row = width * channels};
    size_t bytes = (size_t)(width * height * channels);
    image->pixels = clear ? calloc(bytes, 1) : malloc(bytes);
    if (!image->pixels)
        return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory for %lldx%lld pixels", (long long)width, (long long)height);
    return true;
}

bool image_allocate(Image *image, int64_t width, int64_t height, int64_t channels, ImageError *error)
{
    return allocate(image, width, height, channels, false, error);
}

bool image_allocate_clear(Image *image, int64_t width, int64_t height, int64_t channels, ImageError *error)
{
    return allocate(image, width, height, channels, true, error);
}

void image_free(Image *image)
{
    free(image->pixels);
    *image = (Image){0};
}
