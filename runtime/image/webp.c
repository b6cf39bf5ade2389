/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* WebP through libwebp: the first frame, on a transparent canvas, as its animation decoder and so Pillow give it. That one
 * clears two canvases of RGBA before it looks at a frame's bits; here the frame's rows go straight to the picture, whose
 * pages are the system's zeros until then: a file that is refused takes none. */
#include "runtime/image/decode.h"

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

static bool cut_short(ImageError *error)
{
    return image_fail(error, CNXRT_ERROR_IMAGE, "WebP: the file is damaged or cut short");
}

/* The frame's pixels to its place on the canvas. */
static bool read_frame(const WebPIterator *frame, Image *canvas, ImageError *error)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return cut_short(error);
    config.output.colorspace = canvas->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = (WebPRGBABuffer){
        .rgba = canvas->pixels + frame->y_offset * canvas->row + frame->x_offset * canvas->channels,
        .stride = (int)canvas->row,
        .size = (size_t)(canvas->row * (frame->height - 1) + frame->width * canvas->channels),
    };
    VP8StatusCode status = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return image_fail(error, CNXRT_ERROR_MEMORY, "out of memory");
    return status == VP8_STATUS_OK || cut_short(error);
}

static bool read_first_frame(const WebPDemuxer *demuxer, bool alpha, Decoded *decoded, ImageError *error)
{
    WebPIterator frame;
    int64_t width = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH), height = WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT);
    if (!WebPDemuxGetFrame(demuxer, 1, &frame))
        return cut_short(error);
    Image *canvas = &decoded->image;
    bool ok = image_allocate_clear(canvas, width, height, alpha ? 4 : 3, error) && read_frame(&frame, canvas, error);
    WebPDemuxReleaseIterator(&frame);
    decoded->orientation = find_orientation(demuxer);
    return ok;
}

bool webp_decode(const uint8_t *bytes, size_t size, Decoded *decoded, ImageError *error)
{
    WebPBitstreamFeatures features;
    WebPData data = {bytes, size};
    if (WebPGetFeatures(bytes, size, &features) != VP8_STATUS_OK)
        return cut_short(error);
    if (!image_check_size(features.width, features.height, error))
        return false;
    WebPDemuxer *demuxer = WebPDemux(&data);
    if (!demuxer)
        return cut_short(error);
    bool ok = read_first_frame(demuxer, features.has_alpha, decoded, error);
    WebPDemuxDelete(demuxer);
    return ok;
}
