/* The image processor against transformers: each case of a list must match to the bit.
 *
 *   image_test CASES      CASES: tests/goldens/images/cases.txt; files are named relative to it
 *
 * A line is one picture with the processor's settings and CRC-32s: of the decoded samples, of the 8-bit result
 * (channels first) and of the float result, for Pillow's and for torchvision's arithmetic (- where there is none). */
#include "runtime/image/image.h"
#include "runtime/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

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
    bool ok = out && bytes && image_prepare(image, &how, out, &error);
    bool integral = !how.do_rescale && !how.do_normalize; /* transformers then leaves 8-bit integers */
    if (ok && !integral)
        ok = equal(torchvision ? c->tv_floats : c->floats, torchvision ? "torchvision floats" : "floats", c->file, out,
                   n * sizeof *out);
    how.do_rescale = how.do_normalize = 0;
    ok = image_prepare(image, &how, out, &error) && ok;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)out[i];
    ok = equal(torchvision ? c->tv_bytes : c->bytes, torchvision ? "torchvision bytes" : "bytes", c->file, bytes, n) && ok;
    if (error.text[0])
        printf("FAIL %s: %s\n", c->file, error.text);
    free(out);
    free(bytes);
    return ok;
}

static bool check(const Case *c, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, c->file);
    FileBytes bytes;
    Image image;
    ImageError error;
    ImageMode mode = strcmp(c->mode, "native") == 0  ? IMAGE_NATIVE
                     : strcmp(c->mode, "white") == 0 ? IMAGE_RGB_WHITE
                                                     : IMAGE_RGB;
    if (file_read(path, 1 << 26, &bytes)) {
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
    return sscanf(line + used, "%15s %15s %15s %15s %15s", c->decoded, c->bytes, c->floats, c->tv_bytes,
                  c->tv_floats) == 5;
}

int main(int argc, char **argv)
{
    FILE *list = argc == 2 ? fopen(argv[1], "r") : NULL;
    if (!list) {
        fprintf(stderr, "usage: image_test CASES\n");
        return 2;
    }
    char *slash = strrchr(argv[1], '/'), line[2048];
    if (slash)
        *slash = 0;
    int n = 0, bad = 0;
    while (fgets(line, sizeof line, list)) {
        Case c;
        if (line[0] == '#')
            continue;
        n++;
        if (!parse(line, &c)) {
            printf("FAIL malformed line: %s", line);
            bad++;
        } else if (!check(&c, slash ? argv[1] : ".")) {
            bad++;
        }
    }
    fclose(list);
    printf("%d pictures, %d differ\n", n, bad);
    return bad || n == 0 ? 1 : 0;
}
