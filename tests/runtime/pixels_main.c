/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* cnx-pixels: prepares many pictures, each with settings of its own, for run_pillow.py and run_random_processors.py of
 * tests/goldens.
 *
 *   standard input    lines "KIND CHANNELS FOLDER": what --preproc says ("own": nothing), the model's channels, and a folder that
 *                     holds preprocessor_config.json or timm's config.json, and a file named picture
 *   standard output   for each: int64 channels, height, width and the pixel values as float32; or, for a picture that
 *                     was refused, int64 -1, the text's length, 0 and the text
 *
 * The settings go the way they go in the compiler: through the frontend into a model's metadata, and from there into
 * the runtime's struct. */
#include "compiler/frontend/input/pictures.h"
#include "compiler/frontend/input/processor.h"
#include "runtime/image/image.h"

#include <stdlib.h>
#include <string.h>

static void write_head(int64_t a, int64_t b, int64_t c) { fwrite((const int64_t[]){a, b, c}, sizeof(int64_t), 3, stdout); }

static void write_refusal(const char *text)
{
    write_head(-1, (int64_t)strlen(text), 0);
    fputs(text, stdout);
}

static const CnxrtPreprocessor *read_settings(const char *folder, const char *kind, int64_t channels, Arena *arena, Diag *diag)
{
    Pictures pictures = {0};
    if (!processor_open(folder, "ConvNextImageProcessor", channels, &pictures, arena, diag) || !pictures.settings)
        return NULL;
    Model *model = model_new(arena, diag);
    model_set_prop(model, "cnxc.preprocessor", pictures.settings);
    return pictures_choose(model, strcmp(kind, "own") == 0 ? NULL : kind, diag) ? pictures_read(model, diag) : NULL;
}

static void write_pixels(const Image *image, const CnxrtPreprocessor *how)
{
    int64_t height, width;
    ImageError error = {0};
    Room room = {0};
    image_prepared_size(image, how, &height, &width);
    size_t n = (size_t)(height * width * image->channels);
    float *pixels = malloc(n ? n * sizeof *pixels : 1);
    if (pixels && image_prepare(image, how, &room, pixels, &error)) {
        write_head(image->channels, height, width);
        fwrite(pixels, sizeof *pixels, n, stdout);
    } else {
        write_refusal(pixels ? error.text : "out of memory");
    }
    room_free(&room);
    free(pixels);
}

static uint8_t *read_file(const char *path, Arena *arena, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return NULL;
    *size = (size_t)ftell(file);
    uint8_t *bytes = arena_alloc(arena, *size + 1);
    rewind(file);
    bool ok = fread(bytes, 1, *size, file) == *size;
    fclose(file);
    return ok ? bytes : NULL;
}

static void prepare(const char *folder, const CnxrtPreprocessor *how, int64_t channels, Arena *arena)
{
    size_t size;
    const uint8_t *bytes = read_file(arena_printf(arena, "%s/picture", folder), arena, &size);
    Image image;
    ImageError error;
    ImageMode mode = channels != 3 ? IMAGE_NATIVE : how->convert_rgb_white ? IMAGE_RGB_WHITE : IMAGE_RGB;
    if (!bytes) {
        write_refusal("the file cannot be read");
    } else if (image_decode(bytes, size, mode, &image, &error)) {
        write_pixels(&image, how);
        image_free(&image);
    } else {
        write_refusal(error.text);
    }
}

static void answer(const char *kind, int64_t channels, const char *folder)
{
    Arena *arena = arena_new();
    Diag diag = {.out = stderr};
    const CnxrtPreprocessor *how = read_settings(folder, kind, channels, arena, &diag);
    if (how)
        prepare(folder, how, channels, arena);
    else
        write_refusal("the settings were refused");
    arena_free(arena);
}

int main(void)
{
    char kind[16], folder[4096];
    long long channels;
    while (scanf("%15s %lld %4095s", kind, &channels, folder) == 3)
        answer(kind, channels, folder);
    return fflush(stdout) != 0;
}
