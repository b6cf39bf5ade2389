/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Pictures: their bytes; and all of the command line's as one batch, where a loss or the like is of all together. */
#include "runtime/cli/cli.h"
#include "runtime/classify.h"
#include "runtime/cli/signals.h"
#include "runtime/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_read_picture(const char *path, bool standard, FileBytes *bytes)
{
    if (!standard)
        return file_read(path, picture_limit, NULL, bytes);
    return signals_wait(STDIN_FILENO) ? file_read_fd(STDIN_FILENO, picture_limit, NULL, bytes) : EINTR;
}

static bool prepare_one(Cli *cli, const char *path, float *pixels)
{
    FileBytes bytes;
    int error = cli_read_picture(path, strcmp(path, "-") == 0, &bytes);
    if (error)
        return cli_error(cli, CLI_RESOURCE, path, "cannot read: %s", strerror(error));
    cnxrt_status status = picture_to_pixels(cli->context, bytes.data, bytes.size, false, pixels);
    free(bytes.data);
    return status == CNXRT_OK || cli_fail(cli, status, path);
}

void cli_follow_picture(Cli *cli)
{
    FileBytes bytes;
    struct stat info;
    int64_t height, width;
    if (cli->image_size || !cli->model->compiled->n_sizes || !cli->n_pictures || strcmp(cli->pictures[0], "-") == 0 ||
        stat(cli->pictures[0], &info) != 0 || !S_ISREG(info.st_mode) || /* a pipe can be read once */
        file_read(cli->pictures[0], picture_limit, NULL, &bytes))
        return;
    if (picture_size(cli->context, bytes.data, bytes.size, &height, &width) && size_find(cli->model, height, width))
        cli_follow_size(cli, cli->pictures[0], height, width);
    free(bytes.data);
}

float *cli_read_pixels(Cli *cli)
{
    cnxrt_status status = check_takes_pictures(cli->context);
    if (status != CNXRT_OK) {
        cli_fail(cli, status, NULL);
        return NULL;
    }
    cli_follow_picture(cli);
    const CnxrtModel *compiled = cli->model->compiled;
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
