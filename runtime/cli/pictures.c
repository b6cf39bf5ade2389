/* Pictures: classify them one by one, or prepare them as one batch. A picture that cannot be read is reported, and
 * the others are still answered. */
#include "runtime/cli/cli.h"
#include "runtime/classify.h"
#include "runtime/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_K = 5 };

static bool read_picture(Cli *cli, const char *path, FileBytes *bytes)
{
    bool standard = strcmp(path, "-") == 0;
    int error = standard ? file_read_fd(STDIN_FILENO, MAX_PICTURE_BYTES, bytes) : file_read(path, MAX_PICTURE_BYTES, bytes);
    return !error || cli_error(cli, CLI_RESOURCE, path, "cannot read: %s", strerror(error));
}

/* ── Classify ────────────────────────────────────────────────────────────────────────────────────────── */

static void print_lines(const char *path, const cnxrt_prediction *best, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        put_escaped(stdout, path);
        putchar('\t');
        put_escaped(stdout, best[i].label);
        printf("\t%.6f\n", (double)best[i].score);
    }
}

static void print_score(float score)
{
    if (score >= 0) /* JSON has no NaN */
        printf("%.7g", (double)score);
    else
        fputs("null", stdout);
}

static void print_json(const char *path, const cnxrt_prediction *best, int64_t n, bool first)
{
    fputs(first ? "[{\"path\": " : ",\n {\"path\": ", stdout);
    put_json_string(stdout, path);
    fputs(", \"predictions\": [", stdout);
    for (int64_t i = 0; i < n; i++) {
        fputs(i ? ", {\"label\": " : "{\"label\": ", stdout);
        put_json_string(stdout, best[i].label);
        fputs(", \"score\": ", stdout);
        print_score(best[i].score);
        putchar('}');
    }
    fputs("]}", stdout);
}

static bool classify_one(Cli *cli, const char *path, int64_t k, cnxrt_prediction *best, int64_t *n)
{
    FileBytes bytes;
    if (!read_picture(cli, path, &bytes))
        return false;
    cnxrt_status status = cnxrt_classify_memory(cli->context, bytes.data, bytes.size, k, best, n);
    free(bytes.data);
    return status == CNXRT_OK || cli_fail(cli, status, path);
}

bool cli_classify(Cli *cli)
{
    int64_t k = cli->k ? cli->k : DEFAULT_K, classes = cli->model->n_classes;
    k = classes > 0 && k > classes ? classes : k;
    cnxrt_prediction *best = calloc((size_t)k, sizeof *best);
    if (!best)
        return cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    bool first = true, good = true;
    for (int64_t i = 0; i < cli->n_pictures && good && !ferror(stdout); i++) {
        int64_t n;
        if (!classify_one(cli, cli->pictures[i], k, best, &n))
            continue;
        good = cli_weights_are_good(cli);
        if (good && cli->json)
            print_json(cli->pictures[i], best, n, first);
        else if (good)
            print_lines(cli->pictures[i], best, n);
        first = false;
    }
    if (good && cli->json)
        puts(first ? "[]" : "]");
    free(best);
    return cli->exit_code == CLI_OK;
}

/* ── Pixels ──────────────────────────────────────────────────────────────────────────────────────────── */

static bool prepare_one(Cli *cli, const char *path, float *pixels)
{
    FileBytes bytes;
    if (!read_picture(cli, path, &bytes))
        return false;
    cnxrt_status status = picture_to_pixels(cli->context, bytes.data, bytes.size, pixels);
    free(bytes.data);
    return status == CNXRT_OK || cli_fail(cli, status, path);
}

float *cli_read_pixels(Cli *cli)
{
    const CnxrtModel *compiled = cli->model->compiled;
    cnxrt_status status = check_takes_pictures(cli->context);
    if (status != CNXRT_OK) {
        cli_fail(cli, status, NULL);
        return NULL;
    }
    int64_t item = compiled->tensors[compiled->pixel_input].item_bytes, bytes;
    float *pixels = __builtin_mul_overflow(item, cli->n_pictures, &bytes) ? NULL : malloc((size_t)bytes);
    if (!pixels)
        cli_error(cli, CLI_RESOURCE, NULL, "out of memory");
    bool ok = pixels;
    for (int64_t i = 0; pixels && i < cli->n_pictures; i++)
        ok = prepare_one(cli, cli->pictures[i], pixels + i * (item / (int64_t)sizeof *pixels)) && ok;
    if (ok)
        return pixels;
    free(pixels);
    return NULL;
}

bool cli_dump_pixels(Cli *cli)
{
    const CnxrtModel *compiled = cli->model->compiled;
    if (cli->n_pictures == 0)
        return cli_error(cli, CLI_USAGE, NULL, "--dump-pixels needs a picture");
    float *pixels = cli_read_pixels(cli);
    if (!pixels)
        return false;
    const CnxrtTensor *tensor = &compiled->tensors[compiled->pixel_input];
    int64_t dims[4] = {cli->n_pictures, tensor->dims[1], tensor->dims[2], tensor->dims[3]};
    bool ok =
        output_write(cli, cli->dump_pixels, tensor->dtype, 4, dims, pixels, (size_t)(tensor->item_bytes * cli->n_pictures)) &&
        outputs_commit(cli);
    free(pixels);
    return ok;
}
