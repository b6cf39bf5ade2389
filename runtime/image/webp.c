/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* WebP through libwebp's animation decoder, as Pillow does: the first frame, on a transparent canvas. */
#include "runtime/image/decode.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static int find_orientation(const WebPDemuxer *demuxer)
{
    WebPChunkIterator chunk;
    int orientation = 0;
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk)) {
        orientation = exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    if (!orientation && WebPDemuxGetChunk(demuxer, "XMP ", 1, &chunk)) {
        orientation = xmp_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    return orientation;
}

/* RGBA rows to the image's own channels. */
static void copy_pixels(const uint8_t *rgba, Image *image)
{
    int64_t n = image->width * image->height;
    for (int64_t i = 0; i < n; i++)
        memcpy(image->pixels + i * image->channels, rgba + i * 4, (size_t)image->channels);
}

static bool read_first_frame(WebPAnimDecoder *decoder, bool alpha, Decoded *decoded, ImageError *error)
{
    WebPAnimInfo info;
    uint8_t *rgba;
    int time;
    if (!WebPAnimDecoderGetInfo(decoder, &info))
        return image_fail(error, CNXRT_ERROR_IMAGE, "WebP: damaged header");
    if (!image_allocate(&decoded->image, info.canvas_width, info.canvas_height, alpha ? 4 : 3, error))
        return false;
    if (!WebPAnimDecoderGetNext(decoder, &rgba, &time))
        return image_fail(error, CNXRT_ERROR_IMAGE, "WebP: the file is damaged or cut short");
    copy_pixels(rgba, &decoded->image);
    decoded->orientation = find_orientation(WebPAnimDecoderGetDemuxer(decoder));
    return true;
}

bool webp_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error)
{
    WebPBitstreamFeatures features;
    WebPAnimDecoderOptions options;
    if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK || !WebPAnimDecoderOptionsInit(&options))
        return image_fail(error, CNXRT_ERROR_IMAGE, "WebP: the file is damaged or cut short");
    if (!image_check_size(features.width, features.height, error)) /* before the decoder allocates its canvas */
        return false;
    options.color_mode = MODE_RGBA;
    options.use_threads = 0;
    WebPData data = {bytes, size};
    WebPAnimDecoder *decoder = WebPAnimDecoderNew(&data, &options);
    if (!decoder)
        return image_fail(error, CNXRT_ERROR_IMAGE, "WebP: the file is damaged or cut short");
    bool ok = read_first_frame(decoder, features.has_alpha, decoded, error);
    WebPAnimDecoderDelete(decoder);
    return ok;
}
