/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Packed weights, written out in kernel order without ever holding more than one stretch of them.
 *
 * A Pack is a loop nest over a constant. The innermost loop is one run: its elements have a constant stride in
 * the source, so only its first element's place and the point where the axis ends are computed; the rest is a
 * copy.
 *
 *   panels of 32 columns of W[K,N]: for each panel, for each k, one run of 32 elements at W[k, panel*32] */
#include "compiler/schedule/program.h"

#include <stdlib.h>
#include <string.h>

enum { STRETCH = 1 << 20 }; /* bytes held before they are written */

typedef struct Writer {
    FILE *out;
    uint8_t *bytes;
    int64_t used;
    bool failed;
} Writer;

static void writer_flush(Writer *writer)
{
    if (!writer->failed && writer->used)
        writer->failed = fwrite(writer->bytes, 1, (size_t)writer->used, writer->out) != (size_t)writer->used;
    writer->used = 0;
}

/* Room for `bytes` (at most STRETCH), zeroed: what a pack leaves out is zero. */
static uint8_t *writer_room(Writer *writer, int64_t bytes)
{
    if (writer->used + bytes > STRETCH)
        writer_flush(writer);
    uint8_t *room = writer->bytes + writer->used;
    memset(room, 0, (size_t)bytes);
    writer->used += bytes;
    return room;
}

static void write_zeros(Writer *writer, int64_t bytes)
{
    for (; bytes > 0 && !writer->failed; bytes -= STRETCH)
        writer_room(writer, bytes < STRETCH ? bytes : STRETCH);
}

/* count elements, stride apart, from element `at` of the source. */
static void copy_run(const Pack *pack, uint8_t *to, int64_t at, int64_t stride, int64_t count)
{
    const Tensor *source = pack->source;
    int64_t size = dtype_size(pack->dtype);
    if (source->dtype != pack->dtype) {
        Tensor target = {.dtype = pack->dtype, .rank = 1, .dims = {count}, .count = count, .data = to};
        for (int64_t i = 0; i < count; i++)
            tensor_set(&target, i, tensor_get(source, at + i * stride));
    } else if (stride == 1) {
        memcpy(to, (const uint8_t *)source->data + at * size, (size_t)(count * size));
    } else if (size == 4) { /* memcpy of a constant size: the source may be unaligned in a mapped file */
        const uint8_t *from = (const uint8_t *)source->data + at * 4;
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * 4, from + i * stride * 4, 4);
    } else {
        for (int64_t i = 0; i < count; i++)
            memcpy(to + i * size, (const uint8_t *)source->data + (at + i * stride) * size, (size_t)size);
    }
}

/* Elements of the last loop, from index `skip` on, that lie inside the axis; index is the axes' state. */
static int64_t run_length(const Pack *pack, const int64_t *index, int64_t skip, int64_t count)
{
    int axis = pack->loops[pack->n_loops - 1].axis;
    int64_t step = pack->loops[pack->n_loops - 1].step, size = pack->axes[axis].size;
    for (int i = 0; i < pack->n_axes; i++)
        if (i != axis && index[i] >= pack->axes[i].size)
            return 0;
    int64_t from = index[axis] + skip * step;
    if (from >= size)
        return 0;
    int64_t inside = step ? (size - from + step - 1) / step : count;
    return inside < count ? inside : count;
}

static void write_runs(const Pack *pack, Writer *writer, const int64_t *index)
{
    int last = pack->n_loops - 1, axis = pack->loops[last].axis;
    int64_t size = dtype_size(pack->dtype), most = STRETCH / size, at = pack->base;
    for (int i = 0; i < pack->n_axes; i++)
        at += index[i] * pack->axes[i].stride;
    int64_t stride = pack->loops[last].step * pack->axes[axis].stride;
    for (int64_t done = 0; done < pack->loops[last].extent && !writer->failed; done += most) {
        int64_t count = pack->loops[last].extent - done < most ? pack->loops[last].extent - done : most;
        uint8_t *room = writer_room(writer, count * size);
        int64_t inside = run_length(pack, index, done, count);
        if (inside > 0)
            copy_run(pack, room, at + done * stride, stride, inside);
    }
}

static void write_loops(const Pack *pack, Writer *writer, int loop, int64_t *index)
{
    if (loop == pack->n_loops - 1) {
        write_runs(pack, writer, index);
        return;
    }
    int axis = pack->loops[loop].axis;
    int64_t start = index[axis];
    for (int64_t i = 0; i < pack->loops[loop].extent && !writer->failed; i++) {
        index[axis] = start + i * pack->loops[loop].step;
        write_loops(pack, writer, loop + 1, index);
    }
    index[axis] = start;
}

static int64_t write_buffer(const Buffer *buffer, Writer *writer)
{
    const Pack *pack = buffer->pack;
    if (!pack || !pack->source) {
        write_zeros(writer, buffer->bytes);
        return buffer->bytes;
    }
    int64_t written = dtype_size(pack->dtype), index[4] = {0};
    for (int i = 0; i < pack->n_loops; i++)
        written *= pack->loops[i].extent;
    if (written)
        write_loops(pack, writer, 0, index);
    return written;
}

/* Writes the program's buffers, of which those before `at` are there already; where it ends. */
static int64_t write_program(const Program *program, Writer *writer, int64_t at)
{
    for (int64_t i = 0; i < program->buffers.len && !writer->failed; i++) {
        const Buffer *buffer = program->buffers.at[i];
        if (buffer->space != SPACE_WEIGHTS || buffer->offset < at)
            continue;
        write_zeros(writer, buffer->offset - at);
        at = buffer->offset + write_buffer(buffer, writer);
    }
    return at;
}

bool programs_write_weights(Program *const *programs, int64_t n, FILE *out)
{
    Writer writer = {.out = out, .bytes = malloc(STRETCH)};
    if (!writer.bytes)
        out_of_memory();
    int64_t at = 0;
    for (int64_t i = 0; i < n; i++)
        at = write_program(programs[i], &writer, at);
    write_zeros(&writer, programs[0]->weights_bytes - at);
    writer_flush(&writer);
    free(writer.bytes);
    return !writer.failed;
}
