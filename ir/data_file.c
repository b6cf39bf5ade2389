/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* External data on its way out: used in place where a constant's file is within the model's reach, else appended.
 *
 *   float[768] b, bytes 64 to 3136 of DIR/model.safetensors   →   model in DIR:       "model.safetensors", 64, 3072
 *                                                                 model elsewhere:    "NAME.data", 0, 3072 */
#include "ir/data_file.h"
#include "ir/base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_ALIGN = 64 };

/* path, relative to a base that holds it; both directories are free of links. NULL: base does not hold it. */
static const char *relative(const char *dir, const char *base, const char *file, Arena *arena)
{
    size_t n = strcmp(base, "/") == 0 ? 0 : strlen(base);
    if (strncmp(dir, base, n) != 0 || (dir[n] && dir[n] != '/'))
        return NULL;
    return dir[n] && dir[n + 1] ? arena_printf(arena, "%s/%s", dir + n + 1, file) : file;
}

bool data_file_find(const DataFile *data, const Tensor *tensor, DataPlace *place, Arena *arena)
{
    if (!tensor->location)
        return false;
    char *base = realpath(data->model_dir ? data->model_dir : ".", NULL);
    char *dir = realpath(path_directory(arena, tensor->location), NULL);
    const char *location = base && dir ? relative(dir, base, path_base(tensor->location), arena) : NULL;
    free(base);
    free(dir);
    *place = (DataPlace){location, tensor->offset, tensor->length};
    return location != NULL;
}

static bool fail(DataFile *data)
{
    if (!data->failed)
        diag_resource(data->diag, NO_SPAN, "cannot write %s: %s", data->path, strerror(errno));
    data->failed = true;
    return false;
}

bool data_file_append(DataFile *data, const Tensor *tensor, DataPlace *place)
{
    static const char zeros[DATA_ALIGN];
    int64_t gap = (DATA_ALIGN - data->length % DATA_ALIGN) % DATA_ALIGN, bytes = tensor_file_bytes(tensor);
    if (!data->path || data->failed)
        return false;
    if (!data->file && !(data->file = fopen(data->path, "wbe")))
        return fail(data);
    Arena *scratch = arena_new();
    bool ok = fwrite(zeros, 1, (size_t)gap, data->file) == (size_t)gap &&
              fwrite(tensor_file_data(tensor, scratch), 1, (size_t)bytes, data->file) == (size_t)bytes;
    arena_free(scratch);
    if (!ok)
        return fail(data);
    *place = (DataPlace){path_base(data->path), data->length + gap, bytes};
    data->length += gap + bytes;
    return true;
}

bool data_file_close(DataFile *data)
{
    if (data->file && fclose(data->file) != 0)
        fail(data);
    return !data->failed;
}
