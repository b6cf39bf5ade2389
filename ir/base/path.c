/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Paths, cut where the last slash or the last dot is. */
#include "ir/base/path.h"

#include <string.h>

const char *path_directory(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : arena_strndup(arena, path, (size_t)(slash - path));
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_stem(Arena *arena, const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? arena_strndup(arena, path, (size_t)(dot - path)) : path;
}
