/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Walk: folders, depth first, by name, whatever order the file system has.
 *
 *   photos/a.jpg  photos/b/c.PNG  photos/b/notes.txt  photos/.cache/d.jpg     →  photos/a.jpg  photos/b/c.PNG
 *
 * Only names that end like pictures count, those of formats that are not read included: the answer to a GIF is an error that
 * says so. Hidden names are left out. Links are followed, but not back into a folder that is being walked. Of each folder on
 * the way down the names are held, in one block, and no descriptor. */
#include "runtime/cli/walk.h"
#include "ir/base/endings.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Level {
    char *text;         /* of all names: 'd' for a folder or 'f', the name, NUL */
    char **names;       /* into text, sorted */
    int64_t n, at;      /* at: the next */
    size_t bytes, room; /* of text */
    size_t path_bytes;  /* of the folder's own path */
    dev_t device;
    ino_t file;
} Level;

struct Walk {
    char path[PATH_MAX];
    Level *levels;      /* the folders on the way to the current one */
    int64_t n_levels, room;
    bool entered;       /* the folder itself */
};

/* 'd' for a folder, 'f' for what is to be read as a picture, 0 for anything else. A link that leads nowhere is an 'f', which
 * will be reported. */
static char kind_of(int folder, const struct dirent *entry)
{
    struct stat info;
    bool picture = ends_like_picture(entry->d_name);
    if (entry->d_name[0] == '.')
        return 0;
    if (entry->d_type == DT_DIR)
        return 'd';
    if (entry->d_type == DT_REG)
        return picture ? 'f' : 0;
    if (fstatat(folder, entry->d_name, &info, 0) != 0)
        return picture ? 'f' : 0;
    return S_ISDIR(info.st_mode) ? 'd' : S_ISREG(info.st_mode) && picture ? 'f' : 0;
}

static bool add_name(Level *level, char kind, const char *name)
{
    size_t n = strlen(name) + 2;
    if (level->bytes + n > level->room) {
        size_t room = level->room ? 2 * level->room : 4096;
        char *text = realloc(level->text, room);
        if (!text)
            return false;
        level->text = text;
        level->room = room;
    }
    level->text[level->bytes] = kind;
    memcpy(level->text + level->bytes + 1, name, n - 1);
    level->bytes += n;
    level->n++;
    return true;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a + 1, *(char *const *)b + 1); }

static bool sort_names(Level *level)
{
    level->names = malloc((size_t)(level->n + 1) * sizeof *level->names);
    if (!level->names)
        return false;
    char *name = level->text;
    for (int64_t i = 0; i < level->n; i++, name += strlen(name) + 1)
        level->names[i] = name;
    if (level->n)
        qsort(level->names, (size_t)level->n, sizeof *level->names, by_name);
    return true;
}

/* 0 or an errno value. */
static int read_names(DIR *stream, Level *level)
{
    struct stat info;
    int folder = dirfd(stream);
    if (folder < 0 || fstat(folder, &info) != 0)
        return errno;
    level->device = info.st_dev;
    level->file = info.st_ino;
    for (struct dirent *entry; errno = 0, (entry = readdir(stream));) {
        char kind = kind_of(folder, entry);
        if (kind && !add_name(level, kind, entry->d_name))
            return ENOMEM;
    }
    if (errno)
        return errno;
    return sort_names(level) ? 0 : ENOMEM;
}

static void level_free(Level *level)
{
    free(level->text);
    free(level->names);
}

static bool is_open(const Walk *walk, const Level *level)
{
    for (int64_t i = 0; i < walk->n_levels; i++)
        if (walk->levels[i].device == level->device && walk->levels[i].file == level->file)
            return true;
    return false;
}

static bool make_room(Walk *walk)
{
    if (walk->n_levels < walk->room)
        return true;
    Level *levels = realloc(walk->levels, (size_t)(walk->room + 16) * sizeof *levels);
    if (!levels)
        return false;
    walk->levels = levels;
    walk->room += 16;
    return true;
}

/* Goes down into the folder walk->path. 0 or an errno value. */
static int enter(Walk *walk)
{
    Level level = {.path_bytes = strlen(walk->path)};
    DIR *stream = opendir(walk->path);
    if (!stream)
        return errno;
    int error = read_names(stream, &level);
    closedir(stream);
    if (!error && !make_room(walk))
        error = ENOMEM;
    if (error || is_open(walk, &level))
        level_free(&level);
    else
        walk->levels[walk->n_levels++] = level;
    return error;
}

Walk *walk_new(const char *folder)
{
    Walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return NULL;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    snprintf(walk->path, sizeof walk->path, "%.*s", (int)n, folder);
    return walk;
}

void walk_free(Walk *walk)
{
    for (int64_t i = 0; walk && i < walk->n_levels; i++)
        level_free(&walk->levels[i]);
    if (walk)
        free(walk->levels);
    free(walk);
}

/* Puts the next name of the deepest folder behind its path. 0: there was none, and the folder is left. */
static char next_name(Walk *walk, int *error)
{
    Level *level = &walk->levels[walk->n_levels - 1];
    if (level->at == level->n) {
        level_free(level);
        walk->n_levels--;
        return 0;
    }
    const char *name = level->names[level->at++];
    bool root = level->path_bytes == 1 && walk->path[0] == '/';
    size_t room = sizeof walk->path - level->path_bytes;
    int n = snprintf(walk->path + level->path_bytes, room, "%s%s", root ? "" : "/", name + 1);
    *error = (size_t)n < room ? 0 : ENAMETOOLONG;
    return *name;
}

const char *walk_next(Walk *walk, int *error)
{
    char kind = walk->entered ? 0 : 'd';
    walk->entered = true;
    for (*error = 0;; kind = next_name(walk, error)) {
        if (kind == 'd' && !*error)
            *error = enter(walk);
        if (kind == 'f' || *error)
            return walk->path;
        if (!walk->n_levels)
            return NULL;
    }
}
