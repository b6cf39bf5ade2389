/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Memory planning: where every buffer lies, so that nothing is allocated while a model runs.
 *
 * An arena buffer lives from the first phase that touches it to the last; two whose lives do not meet may lie at
 * the same place. Big ones are placed first, each into the smallest gap that holds it between the buffers
 * already placed that live at the same time (greedy by size, best fit).
 *
 *   x0 [phases 0-1], x1 [1-2], x2 [2-3]   →   x0 at 0, x1 behind it, x2 at 0 again
 *
 * Scratch is a thread's own and lives within one chunk: each phase starts at 0. Weights lie in the order of
 * their creation, which is the order of their first use: a prefetch past the end of one reaches the next. */
#include "compiler/schedule/schedule.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static int64_t align_up(int64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

typedef struct Planner {
    Program *program;
    int64_t phase;         /* number of the phase being walked */
    int64_t scratch_bytes; /* of that phase */
} Planner;

static void touch(Planner *planner, Buffer *buffer)
{
    if (buffer->space == SPACE_ARENA) {
        if (buffer->first < 0)
            buffer->first = planner->phase;
        buffer->last = planner->phase;
    }
    if (buffer->space == SPACE_SCRATCH && buffer->first != planner->phase) {
        buffer->first = buffer->last = planner->phase;
        buffer->offset = planner->scratch_bytes;
        planner->scratch_bytes += align_up(buffer->bytes);
    }
}

static void walk(Planner *planner, const Stmt *stmt)
{
    for (int i = 0; i < stmt->n_args; i++)
        if (stmt->args[i].buffer)
            touch(planner, stmt->args[i].buffer);
    for (int64_t i = 0; i < stmt->body.len; i++)
        walk(planner, stmt->body.at[i]);
}

static void walk_phase(Planner *planner, const Phase *phase)
{
    planner->scratch_bytes = 0;
    for (int64_t i = 0; i < phase->sections.len; i++)
        walk(planner, phase->sections.at[i]);
    if (planner->scratch_bytes > planner->program->scratch_bytes)
        planner->program->scratch_bytes = planner->scratch_bytes;
    planner->phase++;
}

/* Image phases run again and again: what comes in from before, or goes out after, lives through all of them. */
static void stretch_over_images(Program *program)
{
    int64_t first = program->begin.len, last = program->begin.len + program->image.len - 1;
    for (int64_t i = 0; i < program->buffers.len; i++) {
        Buffer *buffer = program->buffers.at[i];
        if (buffer->space != SPACE_ARENA || buffer->first < 0)
            continue;
        if (buffer->first < first && buffer->last >= first && buffer->last < last)
            buffer->last = last;
        if (buffer->last > last && buffer->first > first && buffer->first <= last)
            buffer->first = first;
    }
}

static void find_lifetimes(Program *program)
{
    Planner planner = {.program = program};
    for (int64_t i = 0; i < program->buffers.len; i++)
        program->buffers.at[i]->first = program->buffers.at[i]->last = -1;
    program->scratch_bytes = 0;
    PhaseList phases = program_phases(program, program->arena);
    for (int64_t i = 0; i < phases.len; i++)
        walk_phase(&planner, phases.at[i]);
    stretch_over_images(program);
}

typedef struct Placed {
    Buffer *buffer;
    int64_t order;
} Placed;

static int by_size(const void *left, const void *right)
{
    const Placed *a = left, *b = right;
    if (a->buffer->bytes != b->buffer->bytes)
        return a->buffer->bytes > b->buffer->bytes ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool live_together(const Buffer *a, const Buffer *b) { return a->first <= b->last && b->first <= a->last; }

/* Of n buffers by offset, the gaps between those that live with `buffer`. */
static int64_t best_gap(Buffer *const *by_offset, int64_t n, const Buffer *buffer)
{
    int64_t end = 0, best = -1, best_size = 0, bytes = align_up(buffer->bytes);
    for (int64_t i = 0; i < n; i++) {
        const Buffer *other = by_offset[i];
        if (!live_together(buffer, other))
            continue;
        int64_t gap = other->offset - end;
        if (gap >= bytes && (best < 0 || gap < best_size)) {
            best = end;
            best_size = gap;
        }
        int64_t after = other->offset + align_up(other->bytes);
        end = after > end ? after : end;
    }
    return best < 0 ? end : best;
}

static void insert(Buffer **by_offset, int64_t n, Buffer *buffer)
{
    for (; n > 0 && by_offset[n - 1]->offset > buffer->offset; n--)
        by_offset[n] = by_offset[n - 1];
    by_offset[n] = buffer;
}

static void place_arena(Program *program)
{
    Placed *placed = NEW_ARRAY(program->arena, Placed, program->buffers.len);
    Buffer **by_offset = NEW_ARRAY(program->arena, Buffer *, program->buffers.len);
    int64_t n = 0;
    for (int64_t i = 0; i < program->buffers.len; i++)
        if (program->buffers.at[i]->space == SPACE_ARENA && program->buffers.at[i]->first >= 0)
            placed[n++] = (Placed){program->buffers.at[i], i};
    if (n)
        qsort(placed, (size_t)n, sizeof *placed, by_size);
    program->arena_bytes = 0;
    for (int64_t i = 0; i < n; i++) {
        Buffer *buffer = placed[i].buffer;
        int64_t end;
        buffer->offset = best_gap(by_offset, i, buffer);
        insert(by_offset, i, buffer);
        end = buffer->offset + align_up(buffer->bytes);
        program->arena_bytes = end > program->arena_bytes ? end : program->arena_bytes;
    }
}

static void place_weights(Program *program)
{
    program->weights_bytes = 0;
    for (int64_t i = 0; i < program->buffers.len; i++) {
        Buffer *buffer = program->buffers.at[i];
        if (buffer->space != SPACE_WEIGHTS)
            continue;
        buffer->offset = program->weights_bytes;
        program->weights_bytes += align_up(buffer->bytes);
    }
}

void plan_memory(Program *program)
{
    find_lifetimes(program);
    place_arena(program);
    place_weights(program);
}
