/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Rows: what a model makes of each picture, written as it comes, so that memory does not grow with their number.
 *
 *   e.npy              header for 0 rows, row, row, row …; at the end the header is written again, for as many as there are
 *   e.npy.paths.txt    the picture of each row, a line each, escaped as on a terminal
 *
 * A picture that fails is a row of NaN (-1 in integers: all bits are set). A pipe can't be gone back in: its header must know
 * the number from the start. */
#include "runtime/cli/rows.h"
#include "ir/base/npy.h"
#include "runtime/internal.h"

#include <errno.h>
#include <string.h>

bool rows_fit(const CnxrtModel *compiled, int64_t tensor)
{
    const CnxrtTensor *t = &compiled->tensors[tensor];
    return t->rank > 0 && t->dims[0] == (compiled->batch_free ? -1 : 1);
}

static bool put_header(const Rows *rows, int64_t n)
{
    int64_t dims[NPY_MAX_RANK];
    memcpy(dims, rows->tensor->dims, (size_t)rows->tensor->rank * sizeof *dims);
    dims[0] = n;
    return npy_write_header(rows->out, rows->tensor->dtype, rows->tensor->rank, dims);
}

static bool open_paths(Cli *cli, Rows *rows)
{
    if (!rows->names || !rows->grows)
        return true;
    if (!output_paths_file(cli, rows->path, rows->paths_path, sizeof rows->paths_path))
        return false;
    rows->paths = output_open(rows->paths_path);
    return rows->paths || output_close(cli, rows->paths_path, NULL, false);
}

bool rows_open(Cli *cli, Rows *rows, int64_t count)
{
    rows->tensor = &cli->model->compiled->tensors[rows->tensor_index];
    rows->bytes = tensor_bytes(rows->tensor, 1);
    rows->grows = output_is_file(rows->path);
    if (rows->tensor->rank > NPY_MAX_RANK)
        return cli_error(cli, CLI_UNSUPPORTED, rows->path, "'%s' has more than %d dimensions", rows->tensor->name, NPY_MAX_RANK);
    if (!rows->grows && count < 0)
        return cli_error(cli, CLI_USAGE, rows->path, "a pipe must know how many rows will come: name the pictures one by one");
    errno = 0;
    rows->out = output_open(rows->path);
    if (!rows->out || !put_header(rows, rows->grows ? 0 : count))
        return output_close(cli, rows->path, NULL, false);
    return open_paths(cli, rows);
}

/* All bits set are NaN in each type of floats. */
static bool put_nan(const Rows *rows)
{
    static const uint8_t ones[8] = {255, 255, 255, 255, 255, 255, 255, 255};
    int64_t left = rows->bytes;
    for (size_t n; left > 0; left -= (int64_t)n) {
        n = left < (int64_t)sizeof ones ? (size_t)left : sizeof ones;
        if (fwrite(ones, 1, n, rows->out) != n)
            return false;
    }
    return true;
}

bool rows_put(Cli *cli, Rows *rows, const char *picture, const uint8_t *row)
{
    size_t bytes = (size_t)rows->bytes;
    if (row ? fwrite(row, 1, bytes, rows->out) != bytes : !put_nan(rows))
        return output_close(cli, rows->path, NULL, false);
    rows->n++;
    if (rows->paths) {
        put_escaped(rows->paths, picture);
        if (fputc('\n', rows->paths) == EOF)
            return output_close(cli, rows->paths_path, NULL, false);
    }
    return true;
}

bool rows_close(Cli *cli, Rows *rows)
{
    bool whole = !rows->grows || (fseek(rows->out, 0, SEEK_SET) == 0 && put_header(rows, rows->n));
    whole = output_close(cli, rows->path, rows->out, whole);
    if (rows->paths)
        whole = output_close(cli, rows->paths_path, rows->paths, !ferror(rows->paths)) && whole;
    rows->out = rows->paths = NULL;
    return whole;
}

void rows_abandon(Rows *rows)
{
    if (rows->out && rows->out != stdout)
        fclose(rows->out);
    if (rows->paths)
        fclose(rows->paths);
}
