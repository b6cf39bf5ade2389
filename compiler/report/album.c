/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* An album is a folder of folders: DIR/CLASS/PICTURE.
 *
 *   pictures/seven/4001.png    the label "seven"
 *   pictures/tabby/cat.jpg     the label "tabby, tabby cat", by one of its synonyms
 *   pictures/281/cat.jpg       class 281
 *
 * If no folder is named so, and there are as many as classes, they are the classes in sorted order, as ImageNet's. */
#include "compiler/report/album.h"
#include "compiler/build/classes.h"
#include "ir/base/endings.h"
#include "ir/base/listing.h"
#include "ir/base/reads.h"

#include <errno.h>
#include <string.h>

/* ── Folders ─────────────────────────────────────────────────────────────────────────────────────────── */

/* Names in dir. False after a diagnostic. */
static bool list_dir(Album *album, const char *dir, StrList *names)
{
    if (listing_read(dir, album->arena, names))
        return true;
    diag_resource(album->diag, NO_SPAN, "can't read the folder '%s': %s", dir, strerror(errno));
    return false;
}

static bool find_classes(Album *album, const char *dir, StrList *folders, int64_t **classes)
{
    StrList names = {0};
    if (!list_dir(album, dir, &names))
        return false;
    for (int64_t i = 0; i < names.len; i++)
        if (path_is_dir(arena_printf(album->arena, "%s/%s", dir, names.at[i])))
            vec_push(album->arena, folders, names.at[i]);
    *classes = classes_of_folders(album->labels, album->n_labels, folders, album->arena);
    return true;
}

/* ── Pictures ────────────────────────────────────────────────────────────────────────────────────────── */

static bool add_pictures(Album *album, const char *dir, int64_t class)
{
    StrList names = {0};
    if (!list_dir(album, dir, &names))
        return false;
    for (int64_t i = 0; i < names.len; i++) {
        const char *path = arena_printf(album->arena, "%s/%s", dir, names.at[i]);
        if (!ends_like_picture(path) || path_is_dir(path))
            continue;
        reads_note(path);
        vec_push(album->arena, &album->pictures, (Picture){path, class});
    }
    return true;
}

/* From the last label to the first, which stays. */
static void index_labels(Album *album)
{
    album->by_label.arena = album->arena;
    for (int64_t i = album->n_labels - 1; i >= 0; i--)
        strmap_put(&album->by_label, album->labels[i], (void *)(uintptr_t)&album->labels[i]);
}

bool album_read(Album *album, const char *dir)
{
    StrList folders = {0};
    int64_t *classes;
    if (!find_classes(album, dir, &folders, &classes))
        return false;
    for (int64_t i = 0; i < folders.len; i++) {
        const char *path = arena_printf(album->arena, "%s/%s", dir, folders.at[i]);
        if (classes[i] < 0)
            diag_error(album->diag, NO_SPAN, "the folder '%s' is not a label of the model", path);
        else if (!add_pictures(album, path, classes[i]))
            return false;
    }
    if (!album->pictures.len && !diag_failed(album->diag))
        diag_error(album->diag, NO_SPAN, "'%s' holds no folders with pictures", dir);
    index_labels(album);
    return !diag_failed(album->diag);
}

int64_t album_label(const Album *album, const char *label)
{
    const char *const *found = strmap_get(&album->by_label, label);
    return found ? found - album->labels : -1;
}
