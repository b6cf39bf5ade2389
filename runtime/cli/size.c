/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The size of a program that has several: --image-size's, or else that of the input, or else the first. */
#include "runtime/size.h"
#include "runtime/cli/cli.h"

#include <stdlib.h>

static bool use_size(Cli *cli, const char *place, int64_t height, int64_t width)
{
    cnxrt_status status = cnxrt_context_set_image_size(cli->context, height, width);
    cli->model = cli->context->model;
    return status == CNXRT_OK || cli_fail(cli, status, place);
}

/* A side of a picture; 0: it is none. */
static int64_t read_side(const char *text, char **end)
{
    long long side = *text >= '0' && *text <= '9' ? strtoll(text, end, 10) : 0;
    return side <= INT32_MAX ? side : 0;
}

bool cli_choose_size(Cli *cli)
{
    char *end = NULL;
    if (!cli->image_size)
        return true;
    int64_t height = read_side(cli->image_size, &end), width = height;
    if (height && (*end == 'x' || *end == 'X'))
        width = read_side(end + 1, &end);
    if (!height || !width || *end)
        return cli_error(cli, CLI_USAGE, NULL, "--image-size takes N or HxW, got '%s'", cli->image_size);
    return use_size(cli, "--image-size", height, width);
}

bool cli_follow_size(Cli *cli, const char *place, int64_t height, int64_t width)
{
    return cli->image_size || !cli->model->compiled->n_sizes || use_size(cli, place, height, width);
}
