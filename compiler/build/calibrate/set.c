/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The pictures to calibrate with, in the order of their paths, whatever order the file system has.
 *
 *   DIR/cat.jpg         a picture
 *   DIR/tabby/cat.jpg   likewise; what its folder is called does not matter here
 *   DIR/pixels.npy      a batch of what the model takes: [images, channels, height, width]
 *   DIR/README.txt      passed over, as programs do with folders */
#include "compiler/build/calibrate/set.h"
#include "compiler/build/bytes.h"
#include "ir/base/endings.h"
#include "ir/base/listing.h"
#include "ir/base/reads.h"
#include "ir/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { MOST_DEPTH = 2 }; /* folders for classes, no deeper */

static bool is_wanted(const char *name) { return ends_like_picture(name) || str_ends_with(name, ".npy"); }

/* All of these, depth first. False: errno says why, and paths end with what can't be read. */
static bool list_files(const char *dir, int depth, Arena *arena, StrList *paths)
{
    StrList names = {0};
    if (!listing_read(dir, arena, &names)) {
        vec_push(arena, paths, dir);
        return false;
    }
    for (int64_t i = 0; i < names.len; i++) {
        const char *path = arena_printf(arena, "%s/%s", dir, names.at[i]);
        if (path_is_dir(path) && depth < MOST_DEPTH && !list_files(path, depth + 1, arena, paths))
            return false;
        if (!path_is_dir(path) && is_wanted(names.at[i]))
            vec_push(arena, paths, path);
    }
    return true;
}

static bool add_batch(CalibrationSet *set, const char *path, Arena *arena, Diag *diag)
{
    Arena *scratch = arena_new();
    const Tensor *tensor = tensor_read_npy(path, scratch);
    int64_t images = tensor && tensor->rank == 4 ? tensor->dims[0] : 0;
    arena_free(scratch);
    if (!images) {
        diag_error(diag, NO_SPAN, "'%s' holds no batch of pixels: a .npy file of four dimensions", path);
        return false;
    }
    vec_push(arena, &set->files, (SetFile){path, set->images, images, true});
    set->images += images;
    return true;
}

bool set_read(CalibrationSet *set, const char *dir, Arena *arena, Diag *diag)
{
    StrList paths = {0};
    if (!list_files(dir, 1, arena, &paths)) {
        diag_resource(diag, NO_SPAN, "can't read the folder '%s': %s", paths.at[paths.len - 1], strerror(errno));
        return false;
    }
    for (int64_t i = 0; i < paths.len; i++) {
        reads_note(paths.at[i]);
        if (!str_ends_with(paths.at[i], ".npy"))
            vec_push(arena, &set->files, (SetFile){paths.at[i], set->images++, 1, false});
        else if (!add_batch(set, paths.at[i], arena, diag))
            return false;
    }
    if (set->images < 2)
        diag_error(diag, NO_SPAN, "'%s' holds %s; calibration learns from one half of them and judges by the other", dir,
                   set->images ? "one picture" : "no pictures");
    return set->images > 1;
}

/* ── Content ─────────────────────────────────────────────────────────────────────────────────────────── */

static bool hash_file(XXH3_state_t *state, const char *path)
{
    struct stat s;
    uint64_t hash = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = file >= 0 && fstat(file, &s) == 0 && bytes_hash(file, 0, s.st_size, &hash);
    int error = errno;
    if (file >= 0)
        close(file);
    errno = error;
    XXH3_64bits_update(state, path, strlen(path) + 1);
    XXH3_64bits_update(state, &hash, sizeof hash);
    return ok;
}

bool set_hash(const char *dir, uint64_t *hash)
{
    Arena *scratch = arena_new();
    XXH3_state_t *state = XXH3_createState();
    StrList paths = {0};
    if (!state)
        out_of_memory();
    XXH3_64bits_reset(state);
    bool ok = list_files(dir, 1, scratch, &paths);
    for (int64_t i = 0; ok && i < paths.len; i++)
        ok = hash_file(state, paths.at[i]);
    *hash = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    arena_free(scratch);
    return ok;
}
