/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A program runs on a set a few images at a time, so that what it is asked for has room.
 *
 *   program --output h=calibration.0.npy … --strict -- a.jpg b.jpg …
 *   program --output h=calibration.0.npy … --input pixel_values=calibration.pixels.npy       a part of a batch */
#include "compiler/build/calibrate/run.h"
#include "compiler/build/artifact.h"
#include "compiler/build/process.h"
#include "ir/npy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MOST_IMAGES = 64 };
static const int64_t BYTES_AT_ONCE = 256 << 20; /* of values */

typedef struct Chunk {
    const SetFile *files;  /* pictures; or one batch, of which: */
    int64_t begin, images; /* number of the first */
} Chunk;

static const char *value_path(const SetRun *run, int64_t value, Arena *arena)
{
    return arena_printf(arena, "%s/calibration.%lld.npy", run->dir, (long long)value);
}

/* Images of a batch as a file of their own; NULL after a diagnostic. */
static const char *write_part(const SetRun *run, const Chunk *chunk, Arena *arena)
{
    const char *path = arena_printf(arena, "%s/calibration.pixels.npy", run->dir);
    const Tensor *batch = tensor_read_npy(chunk->files->path, arena);
    if (batch && batch->rank == 4 && batch->dims[0] == chunk->files->images) {
        Tensor part = *batch;
        part.count = batch->count / batch->dims[0] * chunk->images;
        part.dims[0] = chunk->images;
        part.data = (const char *)batch->data +
                    batch->count / batch->dims[0] * (chunk->begin - chunk->files->first) * dtype_size(batch->dtype);
        if (tensor_write_npy(&part, path))
            return path;
    }
    diag_resource(run->build->diag, NO_SPAN, "can't read '%s' or write '%s': %s", chunk->files->path, path, strerror(errno));
    return NULL;
}

static bool put_pixels(const SetRun *run, const Chunk *chunk, StrList *words, Arena *arena)
{
    const Value *input = artifact_pixels(run->build->model->graph);
    if (!chunk->files->is_batch) {
        vec_push(arena, words, "--strict");
        vec_push(arena, words, "--");
        for (int64_t i = 0; i < chunk->images; i++)
            vec_push(arena, words, chunk->files[i].path);
        return true;
    }
    const char *path = write_part(run, chunk, arena);
    if (!path)
        return false;
    vec_push(arena, words, "--input");
    vec_push(arena, words, arena_printf(arena, "%s=%s", input ? input->name : "pixel_values", path));
    return true;
}

static bool run_program(const SetRun *run, const Chunk *chunk, Arena *arena)
{
    StrList words = {0};
    Diag *diag = run->build->diag;
    vec_push(arena, &words, run->program);
    for (int64_t i = 0; i < run->values.len; i++) {
        vec_push(arena, &words, "--output");
        vec_push(arena, &words, arena_printf(arena, "%s=%s", run->values.at[i]->name, value_path(run, i, arena)));
    }
    if (!put_pixels(run, chunk, &words, arena))
        return false;
    vec_push(arena, &words, NULL);
    StrBuf answers = {.arena = arena}; /* which a classifier prints beside */
    int code = process_run(words.at, &answers, diag);
    if (code > 0) {
        diag_error(diag, NO_SPAN, "the model can't be calibrated with '%s'%s", chunk->files->path,
                   chunk->images > 1 && !chunk->files->is_batch ? " and those after it" : "");
        diag->exit_code = (ExitCode)code;
    }
    return code == 0;
}

static bool take_values(const SetRun *run, const Chunk *chunk, Arena *arena)
{
    for (int64_t i = 0; i < run->values.len; i++) {
        const char *path = value_path(run, i, arena);
        const Tensor *images = tensor_read_npy(path, arena);
        if (!images || images->dtype != DT_FLOAT || images->rank < 1 || images->dims[0] != chunk->images) {
            diag_resource(run->build->diag, NO_SPAN, "can't read '%s'", path);
            return false;
        }
        run->take(run->context, i, images, chunk->begin);
    }
    return true;
}

static bool run_chunk(const SetRun *run, const Chunk *chunk)
{
    Arena *arena = arena_new();
    build_progress(run->build, (double)chunk->begin / (double)run->set->images,
                   arena_printf(arena, "%s, %lld of %lld pictures", run->what, (long long)(chunk->begin + chunk->images),
                                (long long)run->set->images));
    bool ok = run_program(run, chunk, arena) && take_values(run, chunk, arena);
    arena_free(arena);
    return ok;
}

static int64_t images_at_once(const SetRun *run)
{
    int64_t bytes = 1;
    for (int64_t i = 0; i < run->values.len; i++) {
        Shape shape = run->values.at[i]->type.shape;
        shape.dims[0] = (Dim){.size = 1};
        bytes += shape_count(&shape) * (int64_t)sizeof(float);
    }
    int64_t images = graph_batch_symbol(run->build->model->graph) ? BYTES_AT_ONCE / bytes : 1;
    return images < 1 ? 1 : images < MOST_IMAGES ? images : MOST_IMAGES;
}

/* From file i on, of which the first `done` images were seen: pictures together, or a part of a batch. */
static Chunk next_chunk(const CalibrationSet *set, int64_t i, int64_t done, int64_t most)
{
    const SetFile *file = &set->files.at[i];
    Chunk chunk = {.files = file, .begin = file->first + done, .images = file->is_batch ? file->images - done : 0};
    while (!file->is_batch && i + chunk.images < set->files.len && !file[chunk.images].is_batch && chunk.images < most)
        chunk.images++;
    chunk.images = chunk.images < most ? chunk.images : most;
    return chunk;
}

static bool takes(const SetRun *run)
{
    for (int64_t i = 0; i < run->set->files.len; i++)
        if (!run->set->files.at[i].is_batch && !model_prop(run->build->model, "cnxc.preprocessor")) {
            diag_unsupported(
                run->build->diag, NO_SPAN,
                "'%s': nothing says how pictures are prepared for this model, as --processor=FILE would; it takes .npy "
                "batches",
                run->set->files.at[i].path);
            return false;
        }
    return true;
}

static void remove_files(const SetRun *run)
{
    Arena *arena = arena_new();
    for (int64_t i = 0; i < run->values.len; i++)
        for (int beside = 0; beside < 2; beside++) /* with the paths of pictures, which lie beside */
            unlink(arena_printf(arena, "%s%s", value_path(run, i, arena), beside ? ".paths.txt" : ""));
    arena_free(arena);
}

bool set_run(const SetRun *run)
{
    const CalibrationSet *set = run->set;
    int64_t most = images_at_once(run);
    bool ok = takes(run);
    for (int64_t i = 0, done = 0; ok && i < set->files.len;) {
        Chunk chunk = next_chunk(set, i, done, most);
        ok = run_chunk(run, &chunk);
        done += chunk.images;
        if (!chunk.files->is_batch)
            i += done, done = 0;
        else if (done == chunk.files->images)
            i++, done = 0;
    }
    remove_files(run);
    return ok;
}
