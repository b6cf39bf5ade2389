/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Sharing weights between the programs of one model for several CPUs and sizes of pictures.
 *
 * A packed buffer is named by its contents: which constant, packed how. CPUs with the same panel width ask for the same
 * ones, and biases and depthwise rows are often the same for all; what is asked for again lies where it lies already.
 *
 *   224x224  x86-64-v4        w1 in panels of 32 at 0, bias at 4096
 *            sapphirerapids   w1 in panels of 32          → 0        bias → 4096
 *            x86-64-v3        w1 in panels of 16          → 4608     bias → 4096
 *   384x384  x86-64-v4        w1 in panels of 32          → 0        bias → 4096 */
#include "compiler/schedule/schedule.h"

#include "ir/base/str.h"

enum { ALIGN = 64 };

static int64_t align_up(int64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

/* The source by its address: graphs for several sizes have the same constants. */
static const char *contents_name(const Buffer *buffer, Arena *arena)
{
    StrBuf sb = {.arena = arena};
    const Pack *pack = buffer->pack;
    sb_printf(&sb, "%lld", (long long)buffer->bytes);
    if (!pack || !pack->source)
        return arena_printf(arena, "%s zero", sb.text);
    sb_printf(&sb, " %p %d %lld", (const void *)pack->source, (int)pack->dtype, (long long)pack->base);
    for (int i = 0; i < pack->n_axes; i++) {
        int64_t size = pack->axes[i].size;
        sb_printf(&sb, " a%lld,%lld", (long long)size, (long long)(size > 1 ? pack->axes[i].stride : 0));
    }
    for (int i = 0; i < pack->n_loops; i++)
        sb_printf(&sb, " l%d,%lld,%lld", pack->loops[i].axis, (long long)pack->loops[i].step, (long long)pack->loops[i].extent);
    return sb.text;
}

static int64_t place(Program *program, int64_t end, StrMap *placed)
{
    for (int64_t i = 0; i < program->buffers.len; i++) {
        Buffer *buffer = program->buffers.at[i];
        if (buffer->space != SPACE_WEIGHTS)
            continue;
        const char *name = contents_name(buffer, placed->arena);
        const Buffer *same = strmap_get(placed, name);
        buffer->offset = same ? same->offset : end;
        if (same)
            continue;
        strmap_put(placed, name, buffer);
        end += align_up(buffer->bytes);
    }
    return end;
}

void share_weights(Program *const *programs, int64_t n)
{
    int64_t end = 0;
    if (n == 1)
        return;
    Arena *scratch = arena_new();
    StrMap placed = {.arena = scratch};
    for (int64_t i = 0; i < n; i++)
        end = place(programs[i], end, &placed);
    for (int64_t i = 0; i < n; i++)
        programs[i]->weights_bytes = end;
    arena_free(scratch);
}

/* ── How much of it all use ──────────────────────────────────────────────────────────────────────────── */

/* Notes the weights' places that the programs use, in `used`; bytes of those that are in `before`, too (NULL: all). */
static int64_t note_places(Program *const *programs, int64_t n, const StrMap *before, StrMap *used)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < programs[i]->buffers.len; j++) {
            Buffer *buffer = programs[i]->buffers.at[j];
            const char *place = arena_printf(used->arena, "%lld", (long long)buffer->offset);
            if (buffer->space != SPACE_WEIGHTS || (before && !strmap_get(before, place)) || !strmap_put(used, place, buffer))
                continue;
            bytes += align_up(buffer->bytes);
        }
    return bytes;
}

int64_t weights_in_common(Program *const *programs, int64_t n, int64_t group)
{
    Arena *scratch = arena_new();
    StrMap common = {.arena = scratch};
    int64_t bytes = note_places(programs, group, NULL, &common);
    for (int64_t i = group; i < n; i += group) {
        StrMap used = {.arena = scratch};
        bytes = note_places(programs + i, group, &common, &used);
        common = used;
    }
    arena_free(scratch);
    return bytes;
}
