/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Building programs: buffers, phases, loops, calls and addresses.
 *
 *   phase_open(l, "y", flops);
 *   Stmt *row = section_open(l, 56);
 *   emit_call(l, &kernel, (Ref[]){ref_loop(ref_to(x), row, 5376), ref_to(y)}, 2);
 *   loop_close(l);
 *
 * A loop of one iteration is left out, so that callers need no special cases and programs stay readable. */
#include "compiler/schedule/build.h"

#include "compiler/schedule/lower.h"

#include <assert.h>
#include <string.h>

/* ── Buffers ─────────────────────────────────────────────────────────────────────────────────────────── */

Buffer *buffer_new(Lowering *l, const char *name, Space space, DType dtype, int64_t bytes)
{
    Buffer *buffer = NEW(l->arena, Buffer);
    bool taken = strmap_get(&l->buffers, name) != NULL;
    buffer->name = taken ? arena_printf(l->arena, "%s.%lld", name, (long long)++l->n_names) : name;
    strmap_put(&l->buffers, buffer->name, buffer);
    buffer->space = space;
    buffer->dtype = dtype;
    buffer->bytes = bytes;
    buffer->first = buffer->last = -1;
    vec_push(l->arena, &l->program->buffers, buffer);
    return buffer;
}

Buffer *buffer_packed(Lowering *l, const char *name, Pack *pack)
{
    int64_t bytes = dtype_size(pack->dtype);
    for (int i = 0; i < pack->n_loops; i++)
        if (__builtin_mul_overflow(bytes, pack->loops[i].extent, &bytes))
            out_of_memory();
    Buffer *buffer = buffer_new(l, name, SPACE_WEIGHTS, pack->dtype, bytes);
    buffer->pack = pack;
    return buffer;
}

Buffer *buffer_constant(Lowering *l, const char *name, const Tensor *tensor, int64_t padded)
{
    Pack *pack = NEW(l->arena, Pack);
    pack->source = tensor;
    pack->dtype = tensor->dtype;
    pack->n_axes = pack->n_loops = 1;
    pack->axes[0].size = tensor->count;
    pack->axes[0].stride = 1;
    pack->loops[0].step = 1;
    pack->loops[0].extent = padded ? padded : tensor->count;
    return buffer_packed(l, name, pack);
}

/* ── Phases and statements ───────────────────────────────────────────────────────────────────────────── */

void phase_open(Lowering *l, const char *name, int64_t flops)
{
    if (l->joined) {
        l->phase->flops += flops;
        return;
    }
    Phase *phase = NEW(l->arena, Phase);
    phase->name = name;
    phase->origin = l->origin;
    phase->flops = flops;
    switch (l->when) {
    case WHEN_BEGIN: vec_push(l->arena, &l->program->begin, phase); break;
    case WHEN_IMAGE: vec_push(l->arena, &l->program->image, phase); break;
    case WHEN_END: vec_push(l->arena, &l->program->end, phase); break;
    }
    l->phase = phase;
    l->depth = 0;
}

void phase_shape(Lowering *l, const ScheduleShape *shape)
{
    if (l->joined || l->phase->shaped)
        return; /* of several products the first names the phase */
    l->phase->shaped = true;
    l->phase->shape = *shape;
}

static Stmt *stmt_loop(Lowering *l, int64_t extent)
{
    Stmt *loop = NEW(l->arena, Stmt);
    loop->kind = STMT_LOOP;
    loop->extent = extent;
    int depth = 0;
    for (int i = 0; i < l->depth; i++)
        depth += l->open[i] != NULL;
    loop->var = arena_printf(l->arena, "i%d", depth);
    return loop;
}

static void append(Lowering *l, Stmt *stmt)
{
    for (int i = l->depth - 1; i >= 0; i--)
        if (l->open[i]) {
            vec_push(l->arena, &l->open[i]->body, stmt);
            return;
        }
    vec_push(l->arena, &l->phase->sections, stmt);
}

void phases_join(Lowering *l, const char *name)
{
    phase_open(l, name, 0);
    section_open(l, 1);
    l->joined = true;
}

void phases_joined(Lowering *l)
{
    l->joined = false;
    loop_close(l);
}

/* Up to so many phases are each one of their own; of more, so many chunks of so many each are one. LLVM takes longer over large
 * functions than over as many small ones. */
enum { MOST_SINGLE = 64, IN_A_CHUNK = 8 };

void bundle_open(Lowering *l, const char *name, int64_t i, int64_t count)
{
    if (count <= MOST_SINGLE || i % IN_A_CHUNK)
        return;
    if (i % (IN_A_CHUNK * MOST_SINGLE) == 0)
        phase_open(l, name, 0);
    section_open(l, 1);
    l->joined = true;
}

void bundle_close(Lowering *l, int64_t i, int64_t count)
{
    if (count > MOST_SINGLE && ((i + 1) % IN_A_CHUNK == 0 || i + 1 == count))
        phases_joined(l);
}

Stmt *section_open(Lowering *l, int64_t extent)
{
    if (l->joined)
        return loop_open(l, extent);
    assert(l->depth == 0);
    Stmt *loop = stmt_loop(l, extent);
    append(l, loop);
    l->open[l->depth++] = loop;
    return loop;
}

Stmt *loop_open(Lowering *l, int64_t extent)
{
    assert(l->depth > 0 && l->depth < countof(l->open));
    Stmt *loop = NULL;
    if (extent != 1) {
        loop = stmt_loop(l, extent);
        append(l, loop);
    }
    l->open[l->depth++] = loop;
    return loop;
}

Stmt *any_open(Lowering *l, int64_t extent) { return l->depth ? loop_open(l, extent) : section_open(l, extent); }

void loop_close(Lowering *l) { l->depth--; }

void emit_call(Lowering *l, const Kernel *kernel, const Ref *args, int n_args)
{
    assert(l->depth > 0 && n_args <= MAX_ARGS);
    Stmt *call = NEW(l->arena, Stmt);
    call->kind = STMT_CALL;
    call->kernel = kernel_intern(l->program, kernel);
    call->args = NEW_ARRAY(l->arena, Ref, n_args);
    memcpy(call->args, args, (size_t)n_args * sizeof *args);
    call->n_args = n_args;
    append(l, call);
}

/* ── Addresses ───────────────────────────────────────────────────────────────────────────────────────── */

Ref ref_to(Buffer *buffer) { return (Ref){.buffer = buffer}; }

Ref ref_shift(Ref ref, int64_t bytes)
{
    ref.offset += bytes;
    return ref;
}

Ref ref_loop(Ref ref, const Stmt *loop, int64_t stride)
{
    if (!loop || loop->extent == 1 || !stride || !ref.buffer)
        return ref;
    for (int i = 0; i < ref.n_terms; i++)
        if (ref.terms[i].loop == loop) {
            ref.terms[i].stride += stride;
            if (!ref.terms[i].stride)
                ref.terms[i] = ref.terms[--ref.n_terms];
            return ref;
        }
    assert(ref.n_terms < countof(ref.terms));
    ref.terms[ref.n_terms].loop = loop;
    ref.terms[ref.n_terms++].stride = stride;
    return ref;
}

Ref ref_pos(Ref ref, Pos pos, int64_t stride)
{
    ref = ref_shift(ref, pos.at * stride);
    for (int i = 0; i < pos.n_terms; i++)
        ref = ref_loop(ref, pos.terms[i].loop, pos.terms[i].step * stride);
    return ref;
}

Pos pos_at(int64_t at) { return (Pos){.at = at}; }

Pos pos_loop(Pos pos, const Stmt *loop, int64_t step)
{
    if (!loop)
        return pos;
    assert(pos.n_terms < countof(pos.terms));
    pos.terms[pos.n_terms].loop = loop;
    pos.terms[pos.n_terms++].step = step;
    return pos;
}

Pos pos_add(Pos a, Pos b)
{
    a.at += b.at;
    for (int i = 0; i < b.n_terms; i++)
        a = pos_loop(a, b.terms[i].loop, b.terms[i].step);
    return a;
}

/* ── Tilings ─────────────────────────────────────────────────────────────────────────────────────────── */

Tiling tile_even(int64_t n, int64_t most)
{
    int64_t tiles = (n + most - 1) / most, small = n / tiles, n_big = n % tiles;
    Tiling tiling = {0};
    tiling.parts[0].size = small + 1;
    tiling.parts[0].count = n_big;
    tiling.parts[1].start = n_big * (small + 1);
    tiling.parts[1].size = small;
    tiling.parts[1].count = tiles - n_big;
    return tiling;
}

Tiling tile_blocks(int64_t n, int64_t block)
{
    Tiling tiling = {0};
    tiling.parts[0].size = block;
    tiling.parts[0].count = n / block;
    tiling.parts[1].start = n / block * block;
    tiling.parts[1].size = n % block;
    tiling.parts[1].count = n % block > 0;
    return tiling;
}

Tiling tile_product(Product product, int64_t m, int64_t most)
{
    int64_t unit = product_rows(product), units = (m + unit - 1) / unit;
    if (unit == 1 || most < unit)
        return tile_even(m, most);
    int64_t tiles = (units + most / unit - 1) / (most / unit);
    return tile_blocks(m, (units + tiles - 1) / tiles * unit);
}

int64_t schedule_threads(const CpuProfile *cpu) { return cpu->cores < 2 ? 2 : cpu->cores > 8 ? 8 : cpu->cores; }

int64_t fair_rows(int64_t n, int64_t most, int64_t threads)
{
    int64_t best = 1, best_time = INT64_MAX;
    for (int64_t rows = most < n ? most : n; rows > 0 && rows * 4 > most; rows--) {
        int64_t blocks = (n + rows - 1) / rows, time = (blocks + threads - 1) / threads * rows;
        if (time < best_time) {
            best = rows;
            best_time = time;
        }
    }
    return best;
}
